"""Pictures that a command draws: the demo, formulas, schedules, races, and those that a page's own lines write.

由命令绘制的图片：演示、公式、调度、竞赛，以及页面中的命令所写的图片。
"""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image

COMMAND = [sys.executable, "-c", "import sys; from chainrule.cli.main import main; sys.exit(main())"]
LOOKS = {  # file → the command that draws it
    "schedules.png": "schedule step exponential cosine_restarts onecycle noam polynomial power=2 --png a.png",
    "plateau.png": "schedule plateau plateau_epochs=3 lr=0.1 --log --png a.png",
    "find-lr.png": "find-lr mlp digits optimizer=sgd --low 1e-4 --png a.png",
    "ravine.png": "race ravine animation=none",
    "rosenbrock.png": "race rosenbrock animation=none",
    "saddle.gif": "race saddle",
    "race-digits.png": "race digits",
    "augment.png": "data show digits augment=affine+mixup --png a.png",
}


def keep(source: Path, target: Path, colours: int) -> None:
    """As few colours as it looks the same with. · 减色保存。"""
    Image.open(source).convert("RGB").quantize(colours).save(target, optimize=True)


def demo(folder: Path) -> None:
    """Train the demo, put its curves and its confusion matrix side by side. · 运行演示，并排其曲线与混淆矩阵。"""
    with TemporaryDirectory() as place:
        subprocess.run([*COMMAND, "demo"], cwd=place, check=True)
        report = next(Path(place).glob("runs/*/report"))
        shown = [Image.open(report / name).convert("RGB") for name in ("curves.png", "confusion.png")]
    both = Image.new("RGB", (sum(i.width for i in shown), max(i.height for i in shown)), "white")
    both.paste(shown[0], (0, 0))
    both.paste(shown[1], (shown[0].width, 0))
    both.quantize(64).save(folder / "demo.png", optimize=True)


def formulas(folder: Path) -> None:
    for name in ("linear", "adam"):
        target = folder / f"{name}.png"
        subprocess.run([*COMMAND, "formula", name, "--png", str(target)], check=True)
        keep(target, target, 16)


def looks(folder: Path) -> None:
    for name, words in LOOKS.items():
        with TemporaryDirectory() as place:
            subprocess.run([*COMMAND, *words.split()], cwd=place, check=True)
            made = Path(place) / ("race/" + name.removeprefix("race-") if words.startswith("race") else "a.png")
            if name.endswith(".gif"):
                shutil.copy(made, folder / name)
            else:
                keep(made, folder / name, 96)


def typed(page: Path, folder: Path) -> None:
    """Run the commands of a page and keep the pictures that they write. · 执行页面中的命令并保存其图片。"""
    blocks = re.findall(r"^```sh\n(.*?)^```$", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    with TemporaryDirectory() as place:
        for line in "".join(blocks).splitlines():
            words = shlex.split(line, comments=True)[1:]
            # Weights that stall miss what a recipe expects: that is what the page shows.
            subprocess.run([*COMMAND, *words], cwd=place, check=words[0] != "reproduce")
        for path in Path(place).glob("*.png"):
            keep(path, folder / path.name, 128)


def draw(folder: Path) -> None:
    demo(folder)
    formulas(folder)
    looks(folder)
    typed(folder.parent / "initialisation.md", folder)
