"""The pictures of using.md: a small run on the bundled digits, judged, used, explained. · using.md 的图片。"""

import os
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image

from chainrule.cli.main import main
from chainrule.data import load


def digits(folder: Path, count: int) -> None:
    """The first test digits as files, named by their number and what they are. · 导出数字图片。"""
    folder.mkdir()
    test = load("digits").test
    assert test is not None
    for i in range(count):
        Image.fromarray(test.raw(i)[0].numpy()).save(folder / f"{i:03d}-is-{int(test.targets[i])}.png")


def keep(source: Path, target: Path) -> None:
    """As small a file as the same pixels can have. · 无损压缩保存。"""
    Image.open(source).convert("RGB").save(target, optimize=True)


def run(*words: str) -> None:
    if main(list(words)):
        raise SystemExit(f"chainrule {' '.join(words)} failed")


def draw(folder: Path) -> None:
    """Everything in a place that is gone afterwards. · 在临时文件夹中完成。"""
    with TemporaryDirectory() as place:
        os.chdir(place)
        digits(Path("digits"), 120)
        run("train", "lenet5", "digits", "epochs=10", "lr=3e-3", "name=mine")
        run("evaluate", "mine")
        for name in ("ranking", "calibration", "mistakes"):
            keep(Path("runs/mine/report/test") / f"{name}.png", folder / f"{name}.png")
        run("predict", "mine", "digits", "--csv", "answers.csv", "--sheet", "certain.png")
        keep(Path("certain.png"), folder / "certain.png")
        chosen = {int(path.stem[-1]): path for path in sorted(Path("digits").iterdir(), reverse=True)}
        run("train", "resnet8", "digits", "epochs=6", "lr=3e-3", "name=maps")
        run("explain", "maps", *(str(chosen[digit]) for digit in (0, 4, 7)), "--out", "explain.png")
        keep(Path("explain.png"), folder / "explain.png")
        os.chdir(folder)  # the place cannot be removed while one stands in it
