"""Make what the pages take from the code: equations, tables, pictures. · 由代码生成文档中的公式、表格与图片。

    python docs/make.py              refresh every made part of every page
    python docs/make.py --check      name the pages that are not up to date, change nothing
    python docs/make.py --pictures   train the demo and draw the pictures anew (those of using.md: docs/drawn.py)

A page is written by hand around parts between `<!-- made: KIND WORDS -->` and `<!-- /made -->`; `PARTS` has the kinds.
Equations stand in fences of kind `math`: between dollar signs some renderers read the backslashes as Markdown's.
"""

import ast
import importlib.util
import inspect
import linecache
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import torch

from chainrule import catalog, nn
from chainrule.cli import sheet
from chainrule.cli.main import COMMANDS
from chainrule.cli.recipes import names as recipes
from chainrule.fields import DEFAULTS, SPECS
from chainrule.latex import equations
from chainrule.optim import SGD
from chainrule.optim.wrapping import Wrapper

DOCS = Path(__file__).resolve().parent
ROOT = DOCS.parent
PAGES = [*ROOT.glob("*.md"), *DOCS.glob("*.md")]
PART = re.compile(r"^<!-- made: ([^\n]*) -->\n.*?^<!-- /made -->$", re.MULTILINE | re.DOTALL)
CONTAINERS = ("Flatten", "Identity", "ModuleDict", "ModuleList", "Sequential", "Unflatten")
GITHUB = {r"\operatorname*": r"\mathop", r"\operatorname": r"\mathrm"}  # this macro is refused there


def beside(name: str) -> Any:
    """A file of this folder, which is on no path where tests read it. · 同目录的模块。"""
    spec = importlib.util.spec_from_file_location(name, DOCS / f"{name}.py")
    assert spec is not None and spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


def math(lines: Iterable[str]) -> str:
    """One fence of display mathematics. · 一段公式。"""
    rows = list(lines)
    for macro, instead in GITHUB.items():
        rows = [row.replace(macro + "{", instead + "{") for row in rows]
    body = rows[0] if len(rows) == 1 else "\\begin{aligned}\n& " + " \\\\\n& ".join(rows) + "\n\\end{aligned}"
    return f"```math\n{body}\n```"


def table(head: list[str], rows: Iterable[Iterable[Any]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell).replace("\n", " ") for cell in line) + " |" for line in lines)


def plain(text: str) -> str:
    """Text that Markdown shows as it is, code in backticks left alone. · 转义 Markdown 记号，代码除外。"""
    parts = re.split("(`[^`]+`)", text)
    return "".join(p if p.startswith("`") else re.sub(r"([\\|*_<>`])", r"\\\1", p) for p in parts)


def ticked(names: Iterable[str]) -> str:
    return " ".join(f"`{name}`" for name in names)


def title_of(room: str) -> str:
    """The two names of a room, from the first line of its file. · 由文件首行得到中英文标题。"""
    first = (import_module(room).__doc__ or "").partition("\n")[0].replace("。", "")
    return " · ".join(half.strip().rstrip(".") for half in first.split(" · "))


def link(file: str, line: int, up: str = "../") -> str:
    return f"[{file.removeprefix('chainrule/')}:{line}]({up}src/{file}#L{line})"


@cache
def by_room() -> dict[str, list[dict[str, Any]]]:
    rooms: dict[str, list[dict[str, Any]]] = {}
    for name in (name for names in sheet.listing().values() for name in names):
        told = sheet.describe(sheet.find(name))
        rooms.setdefault(told["room"], []).append(told)
    return rooms


# ---- the kinds of parts ---------------------------------------------------------------------------------------------


def source(page: str, room: str, start: str, stop: str) -> str:
    """The text of a room from the formula `start` up to the line before `stop`. · 源码片段。"""
    text = Path(inspect.getfile(import_module(room))).read_text(encoding="utf-8")
    begin, end = text.index(f"@formula(twin=F.{start}"), text.index(stop)
    return f"```python\n{text[begin:end].strip()}\n```"


def contents(page: str, *_: str) -> str:
    """Every formula by room, each a link to its equations. · 按房间列出公式。"""
    up, chinese = ("docs/" if "README" in page else ""), "zh" in page
    heads = ["房间", "公式"] if chinese else ["room", "formulas"] if up else ["room · 房间", "formulas · 公式"]
    rows = []
    for room, sheets in by_room().items():
        halves = [re.split("[:：]", half)[0] for half in title_of(room).split(" · ")]
        name = halves[-1] if chinese else halves[0] if up else " · ".join(halves)
        rows.append([name, " ".join(f"[`{s['name']}`]({up}formulas.md#{s['name'].lower()})" for s in sheets)])
    return table(heads, rows)


def things(page: str, *_: str) -> str:
    """Everything else that has a name. · 其余按名称可取之物。"""
    modules = [name for name in nn.__all__ if name not in CONTAINERS]
    rows = [
        ("modules", "模块", f"`chainrule.nn` ({len(modules)})", modules),
        ("first weights", "参数初始化", "`init=`", catalog.INITS),
        ("optimizers", "优化器", "`optimizer=`", catalog.OPTIMIZERS),
        ("schedules", "学习率调度", "`schedule=`", catalog.SCHEDULES),
        ("losses", "损失函数", "`loss=`", catalog.LOSSES),
        ("augmentation", "数据增强", "`augment=`", catalog.AUGMENTS),
        ("models", "模型", "`chainrule train MODEL`", catalog.MODELS),
        ("data sets", "数据集", "`chainrule train MODEL DATA`", catalog.DATASETS),
        ("recipes", "配方", "`chainrule reproduce`", recipes()),
        ("commands", "命令", "`chainrule`", COMMANDS),
    ]
    chinese = "zh" in page
    head = ["内容", "在何处使用", "名称"] if chinese else ["what", "where it is used", "names"]
    return table(head, [[zh if chinese else en, where, ticked(names)] for en, zh, where, names in rows])


def formulas(page: str, *_: str) -> str:
    """All equations of all formulas. · 全部公式。"""
    parts = []
    for room, sheets in by_room().items():
        about = (import_module(room).__doc__ or "").partition("\n")[2].strip()
        parts += [
            f"## {title_of(room)}",
            *([f"```text\n{about}\n```"] if about else []),
            *(one for told in sheets for one in formula(told)),
        ]
    return "\n\n".join(parts)


def formula(told: dict[str, Any]) -> list[str]:
    """One formula: what it is, its equations, its letters. · 一个公式。"""
    auto = told["auto"]
    facts = f"{plain(told['en'])} · {plain(told['zh'])}"
    gears = f"{', '.join(told['gears'])} (auto: {auto['eager']} eager, {auto['compiled']} compiled)"
    parts = [f"### `{told['name']}`", facts]
    parts.append(f"Source · 出处: {plain(told['source'])}<br>\nGears · 档位: {gears}")
    helpers = [s for s in told["sections"] if s["kind"] == "helper"]
    for section in told["sections"]:
        if section["kind"] != "helper":
            parts += equations_of(section)
    if helpers:
        parts.append(f"<details><summary>where · 其中：{', '.join(s['names'][0] for s in helpers)}</summary>")
        parts += [part for section in helpers for part in equations_of(section)]
        parts.append("</details>")
    letters = [[f"`{entry['symbol']}`", plain(entry["meaning"])] for entry in told["legend"]]
    return [*parts, table(["symbol · 符号", "meaning · 含义"], letters)]


KINDS = {
    "forward": "**forward · 前向**",
    "update": "**update · 更新**",
    "function": "**function · 函数**",
    "delta": "**delta of {names} · {names} 的 δ**",
    "helper": "{names}",
}


def equations_of(section: dict[str, Any]) -> list[str]:
    names = ", ".join(f"`{name}`" for name in section["names"])
    head = KINDS[section["kind"]].format(names=names)
    return [f"{head} {link(section['file'], section['line'])}", math(e["latex"] for e in section["equations"])]


def settings(page: str, *_: str) -> str:
    """Every setting, its default and its range. · 全部设置。"""
    rows = []
    for name, spec in SPECS.items():
        value = DEFAULTS[name]
        shown = "none" if value is None else str(value).lower() if isinstance(value, bool) else value
        resumed = "✓" if spec.resumable else ""
        unit = f" [{spec.unit}]" if spec.unit else ""
        meaning = plain(f"{spec.en} · {spec.zh}{unit}")
        rows.append([f"`{name}`", f"`{shown}`", plain(spec.expected), meaning, resumed])
    return table(["setting · 设置", "default · 默认", "values · 取值", "meaning · 含义", "resume · 续训可改"], rows)


def options(page: str, what: str) -> str:
    """The options that the entries of a catalogue take. · 各条目的选项。"""
    entries: dict[str, catalog.Entry] = getattr(catalog, what)
    rows = []
    for name, entry in entries.items():
        takes = ", ".join(f"`{key}={str(value).lower()}`" for key, value in entry.options.items())
        rows.append([f"`{name}`", plain(f"{entry.en} · {entry.zh}"), takes or "–"])
    return table(["name · 名称", "what · 说明", "options · 选项"], rows)


def optimizers(page: str, *_: str) -> str:
    """What each optimizer keeps for a weight and how often it evaluates, counted as it steps. · 状态与求值次数。"""
    rows = []
    for name, entry in (catalog.OPTIMIZERS | catalog.WRAPPERS).items():
        kept, evaluations = demands(entry)
        rate = f"{entry.options['lr']:g}" if "lr" in entry.options else "–"
        rows.append([f"[`{name}`](#{name})", plain(f"{entry.en} · {entry.zh}"), rate, f"{kept:.2g}", evaluations])
    return table(["name · 名称", "what · 说明", "rate · 学习率", "state · 状态", "evaluations · 求值"], rows)


def demands(entry: catalog.Entry, steps: int = 20) -> tuple[float, str]:
    """Numbers kept for each weight of a matrix 64×64, and evaluations of the loss a step. · 状态数与每步求值次数。"""
    draw = torch.Generator().manual_seed(0)
    target, scale = torch.randn(64, 64, generator=draw), torch.rand(64, 64, generator=draw) + 0.5
    θ, calls = torch.nn.Parameter(torch.zeros(64, 64)), []
    cls = entry.load()
    made = cls(SGD([θ], lr=1e-2)) if issubclass(cls, Wrapper) else cls([θ], **entry.options)

    def closure() -> torch.Tensor:
        calls[-1] += 1
        made.zero_grad()
        loss = (scale * (θ - target)).square().sum() + (θ - target).pow(4).sum()
        loss.backward()
        return loss.detach()

    for _ in range(steps):
        calls.append(0)
        made.step(closure)
    state = sum(t.numel() for t in tensors(made.state_dict()) if t.numel() > 1) / θ.numel()
    return state, f"{calls[0]}" if len(set(calls)) == 1 else f"1–{made.param_groups[0]['max_eval']}"


def tensors(kept: Any) -> Iterable[torch.Tensor]:
    if isinstance(kept, torch.Tensor):
        yield kept
    for one in kept.values() if isinstance(kept, dict) else kept if isinstance(kept, list | tuple) else ():
        yield from tensors(one)


def rule(page: str, name: str) -> str:
    """One optimizer: what it is, its source, its equations with links to their lines, its letters. · 一个优化器。"""
    return "\n\n".join(formula(sheet.describe(sheet.find(name)))[1:])


def functions(page: str, room: str, *words: str) -> str:
    """The equations of functions of a room, as FUNCTION=RESULT,…, with links to their lines. · 函数的公式。"""
    module, rows, links = import_module(room), [], []
    for name, _, results in (word.partition("=") for word in words):
        fn = getattr(module, name)
        rows += [line.latex for line in equations(fn, result=tuple(results.split(",")))]
        links.append(f"`{name}` {link(sheet.file_of(fn), sheet.code(fn)[0][0])}")
    return f"{math(rows)}\n\n{', '.join(links)}"


def errata(page: str, first: str = "", last: str = "") -> str:
    """What the notes say, what is right, and which tests and files hold it; all, or from `first` to `last`. · 勘误。"""
    tests = re.compile(r"^def (test_((?:[EZ]\d\d_)+)\w+)", re.MULTILINE)
    held: dict[str, dict[str, None]] = {}
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for match in tests.finditer(path.read_text(encoding="utf-8")):
            for name in match[2].strip("_").split("_"):
                held.setdefault(name, {})[f"[`{match[1]}`](../{path.relative_to(ROOT).as_posix()})"] = None
    for path in sorted((ROOT / "src").rglob("*.py")):
        for name in sorted(set(re.findall(r"\b[EZ]\d\d\b", path.read_text(encoding="utf-8")))):
            file = path.relative_to(ROOT).as_posix()
            held.setdefault(name, {})[f"[{file.removeprefix('src/chainrule/')}](../{file})"] = None
    rows = []
    for line in (DOCS / "errata.tsv").read_text(encoding="utf-8").splitlines()[1:]:
        name, notes, en, zh = line.split("\t")
        if first and not first <= name <= last:
            continue
        rows.append([name, plain(notes), f"{plain(en)}<br>{plain(zh)}", "<br>".join(held.get(name, {"–": None}))])
    return table(["id", "the notes · 笔记", "right · 正确", "held by · 由何处保证"], rows)


def corrections(page: str, kind: str) -> str:
    """The errata whose id begins with a letter, without their tests. · 一类勘误。"""
    lines = [line.split("\t") for line in (DOCS / "errata.tsv").read_text(encoding="utf-8").splitlines()[1:]]
    rows = [[i, plain(notes), f"{plain(en)}<br>{plain(zh)}"] for i, notes, en, zh in lines if i.startswith(kind)]
    return table(["id", "the notes · 笔记", "right · 正确"], rows)


def of_architectures(kind: str) -> Callable[..., str]:
    """A part whose table is made in a file of its own. · 网络结构页的表格。"""
    make = getattr(beside("architecture_parts"), kind)
    return lambda page, *words: table(*make(*words))


def terms(page: str, *_: str) -> str:
    """The glossary. · 术语表。"""
    lines = (DOCS / "terms.tsv").read_text(encoding="utf-8").splitlines()[1:]
    rows = [[plain(cell) or "–" for cell in line.split("\t")] for line in lines]
    return table(["term · 术语", "here · 本项目", "elsewhere · 其他译名"], rows)


def equations_here(page: str, *words: str) -> str:
    """The equations of functions of the page's own Python blocks, as FUNCTION=RESULT. · 本页代码块中函数的公式。"""
    text = page_text(page)
    blocks = [b for b in re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL) if ">>>" not in b]
    code = "\n".join(blocks)
    file = f"<{page}>"
    linecache.cache[file] = (len(code), None, code.splitlines(keepends=True), file)
    space: dict[str, Any] = {}
    exec(compile(ast.parse(code), file, "exec"), space)
    shown = [word.split("=") for word in words]
    return math(line.latex for name, result in shown for line in equations(space[name], result=(result,)))


def equations_in(page: str, room: str, *words: str) -> str:
    """The equations of functions of a room, as FUNCTION=RESULT, each with a link to its line. · 某房间中函数的公式。"""
    parts = []
    for name, result in (word.split("=") for word in words):
        function = getattr(import_module(room), name)
        file, line = room.replace(".", "/") + ".py", inspect.getsourcelines(function)[1]
        shown = (row.latex for row in equations(function, result=(result,)))
        parts += [f"`{name}` {link(file, line)}", math(shown)]
    return "\n\n".join(parts)


def augmentations(page: str) -> str:
    """Every kind of augmentation with its options. · 全部数据增强及其选项。"""
    rows = []
    for name, entry in catalog.AUGMENTS.items():
        told = {k: "..".join(f"{n:.3g}" for n in v) if isinstance(v, tuple) else v for k, v in entry.options.items()}
        rows.append([f"`{name}`", ticked(f"{k}={v}" for k, v in told.items()), f"{entry.en} · {entry.zh}"])
    return table(["name · 名称", "options · 选项", "what · 作用"], rows)


PARTS: dict[str, Callable[..., str]] = {
    "source": source,
    "contents": contents,
    "things": things,
    "formulas": formulas,
    "settings": settings,
    "options": options,
    "optimizers": optimizers,
    "rule": rule,
    "errata": errata,
    "corrections": corrections,
    "networks": of_architectures("networks"),
    "rows": of_architectures("rows"),
    "terms": terms,
    "augmentations": augmentations,
    "equations": equations_here,
    "equations_in": equations_in,
    "functions": functions,
}


# ---- pages ----------------------------------------------------------------------------------------------------------


LOOKS = {  # pictures of learning: file → the command that draws it
    "schedules.png": "schedule step exponential cosine_restarts onecycle noam polynomial power=2 --png a.png",
    "plateau.png": "schedule plateau plateau_epochs=3 lr=0.1 --log --png a.png",
    "find-lr.png": "find-lr mlp digits optimizer=sgd --low 1e-4 --png a.png",
    "ravine.png": "race ravine animation=none",
    "rosenbrock.png": "race rosenbrock animation=none",
    "saddle.gif": "race saddle",
    "race-digits.png": "race digits",
}


def page_text(name: str) -> str:
    return next(path for path in PAGES if path.name == name).read_text(encoding="utf-8")


def refreshed(path: Path) -> str:
    """A page with every made part made anew. · 刷新后的页面。"""

    def make(match: re.Match) -> str:
        kind, *words = match[1].split()
        return f"<!-- made: {match[1]} -->\n{PARTS[kind](path.name, *words)}\n<!-- /made -->"

    return PART.sub(make, path.read_text(encoding="utf-8"))


def pictures() -> None:
    """Train the demo, put its curves and its confusion matrix side by side, draw a formula. · 生成图片。"""
    from tempfile import TemporaryDirectory

    from PIL import Image

    command = [sys.executable, "-c", "import sys; from chainrule.cli.main import main; sys.exit(main())"]
    with TemporaryDirectory() as folder:
        subprocess.run([*command, "demo"], cwd=folder, check=True)
        report = next(Path(folder).glob("runs/*/report"))
        shown = [Image.open(report / name).convert("RGB") for name in ("curves.png", "confusion.png")]
        both = Image.new("RGB", (sum(i.width for i in shown), max(i.height for i in shown)), "white")
        both.paste(shown[0], (0, 0))
        both.paste(shown[1], (shown[0].width, 0))
        both.quantize(64).save(DOCS / "pictures" / "demo.png", optimize=True)
    target = DOCS / "pictures" / "augment.png"
    subprocess.run([*command, "data", "show", "digits", "augment=affine+mixup", "--png", str(target)], check=True)
    Image.open(target).convert("L").quantize(32).save(target, optimize=True)
    for name in ("linear", "adam"):
        target = DOCS / "pictures" / f"{name}.png"
        subprocess.run([*command, "formula", name, "--png", str(target)], check=True)
        Image.open(target).convert("RGB").quantize(16).save(target, optimize=True)
    for name, words in LOOKS.items():
        with TemporaryDirectory() as folder:
            subprocess.run([*command, *words.split()], cwd=folder, check=True)
            made = Path(folder) / ("race/" + name.removeprefix("race-") if words.startswith("race") else "a.png")
            if name.endswith(".gif"):
                shutil.copy(made, DOCS / "pictures" / name)
            else:
                Image.open(made).convert("RGB").quantize(96).save(DOCS / "pictures" / name, optimize=True)
    beside("architecture_pictures").draw(DOCS / "pictures")
    for page in ("initialisation.md",):
        typed(page, command)


def typed(page: str, command: list[str]) -> None:
    """Run the commands of a page and keep the pictures that they write. · 执行页面中的命令并保存其图片。"""
    from tempfile import TemporaryDirectory

    from PIL import Image

    blocks = re.findall(r"^```sh\n(.*?)^```$", page_text(page), re.MULTILINE | re.DOTALL)
    with TemporaryDirectory() as folder:
        for line in "".join(blocks).splitlines():
            words = shlex.split(line, comments=True)[1:]
            # Weights that stall miss what a recipe expects: that is what the page shows.
            subprocess.run([*command, *words], cwd=folder, check=words[0] != "reproduce")
        for path in Path(folder).glob("*.png"):
            target = DOCS / "pictures" / path.name
            Image.open(path).convert("RGB").quantize(128).save(target, optimize=True)


def main(words: list[str]) -> int:
    if "--pictures" in words:
        pictures()
    stale = [path for path in PAGES if refreshed(path) != path.read_text(encoding="utf-8")]
    for path in stale:
        print(f"{path.relative_to(ROOT)} {'is not up to date' if '--check' in words else 'written'}")
        if "--check" not in words:
            path.write_text(refreshed(path), encoding="utf-8")
    return int("--check" in words and bool(stale))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
