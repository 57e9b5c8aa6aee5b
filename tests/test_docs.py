"""The pages: what they take from the code is up to date, what they tell to type works, both languages say the same."""

import doctest
import importlib.util
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from chainrule.cli.main import COMMANDS, main
from chainrule.cli.recipes import names as recipes
from chainrule.cli.reproduce_graph import names as graph_recipes
from chainrule.data import load
from chainrule.formula import REGISTRY
from chainrule.optim.rule import OPTIMIZERS, RULES
from chainrule.proof import prove
from chainrule.runfile import from_toml

ROOT = Path(__file__).resolve().parents[1]
if not (ROOT / "docs" / "make.py").is_file():
    pytest.skip("the pages come with a checkout only", allow_module_level=True)


def module_at(path: Path, name: str):
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


make = module_at(ROOT / "docs" / "make.py", "docs_make")
PAGES = {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in make.PAGES}
ENGLISH, CHINESE = PAGES["README.md"], PAGES["README.zh-CN.md"]
PAIRED = [name for name in PAGES if "README" not in name and name != "CHANGELOG.md"]
HAN = re.compile("[\u4e00-\u9fff]")
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def fences(text: str, kind: str) -> list[str]:
    return [body for found, body in FENCE.findall(text) if found == kind]


def by_hand(text: str) -> str:
    """A page without its made parts, its code and its equations."""
    return FENCE.sub("", make.PART.sub("", text))


# ---- what is made ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", [name for name in PAGES if "<!-- made:" in PAGES[name]])
def test_made_parts_are_up_to_date(page):
    assert make.refreshed(ROOT / page) == PAGES[page], "run: python docs/make.py"


def test_the_formula_of_the_readme_is_the_text_that_runs():
    block = next(b for b in fences(ENGLISH, "python") if b.startswith("@formula"))
    assert block.strip() in (ROOT / "src/chainrule/nn/linear.py").read_text(encoding="utf-8")


def test_every_formula_has_its_equations_and_a_link_that_hits_its_line():
    page = PAGES["docs/formulas.md"]
    chapters = {c.split("`")[0]: c for c in page.split("\n### `")[1:]}
    assert set(chapters) >= {n for n, card in REGISTRY.items() if card.fn.__module__.startswith("chainrule.nn.")}
    for name, chapter in chapters.items():
        assert fences(chapter, "math"), name
        for path, line in re.findall(r"\]\(\.\./(src/[\w/]+\.py)#L(\d+)\)", chapter):
            assert re.match("@|def ", (ROOT / path).read_text(encoding="utf-8").splitlines()[int(line) - 1]), name


def test_every_correction_is_held_by_a_test_or_a_text_and_every_tested_one_is_told():
    page = PAGES["docs/errata.md"]
    told = {line.split(" | ")[0].strip("| "): line for line in page.splitlines() if re.match(r"\| [EZ]\d\d ", line)}
    assert not [name for name, line in told.items() if line.endswith("| – |")]
    tested = {
        name
        for path in (ROOT / "tests").rglob("test_*.py")
        for names in re.findall(r"^def test_((?:[EZ]\d\d_)+)", path.read_text(encoding="utf-8"), re.MULTILINE)
        for name in names.strip("_").split("_")
    }
    assert tested <= told.keys(), "add them to docs/errata.tsv"


def test_every_trap_of_correctness_has_a_test():
    """Those of the sequences' and graphs' facts, 1 to 15, by the number in a test's name."""
    held = {
        int(number)
        for path in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"^def (test_\w+)", path.read_text(encoding="utf-8"), re.MULTILINE)
        for number in re.findall(r"trap_(\d\d)_", name)
    }
    assert held == set(range(1, 16))


def test_Z30_the_blocks_that_the_notes_drew_are_drawn_from_the_code_and_lie_beside_the_pages():
    pictures = make.beside("drawing.architectures")
    for file, drawn in pictures.diagrams().items():
        kept = ROOT / "docs" / "pictures" / file
        assert kept.read_text(encoding="utf-8") == drawn, "run: python docs/make.py --pictures architectures"
        assert f"(pictures/{file})" in PAGES["docs/architectures.md"]
    for text in PAGES.values():
        targets = re.findall(r"!\[[^]]*\]\(([^)]*)\)", text)
        assert not [target for target in targets if re.match(r"[A-Za-z]:|/|file:", target)]


def test_the_receptive_field_drawn_is_the_one_of_the_arithmetic():
    pictures = make.beside("drawing.architectures")
    for layers, wide in (([(3, 1)] * 3, 7), ([(7, 1)], 7), ([(3, 2), (3, 2), (3, 1)], 15)):
        assert (pictures.influence(layers).max(0) > 0).sum() == wide


def test_equations_are_whole():
    for name, text in PAGES.items():
        for body in fences(text, "math"):
            bare = body.replace(r"\{", "").replace(r"\}", "")
            assert bare.count("{") == bare.count("}"), f"{name}: {body}"
            assert body.count(r"\begin{") == body.count(r"\end{"), f"{name}: {body}"
            assert r"\operatorname" not in body, f"{name}: GitHub refuses this macro"


FIRST_WEIGHTS = [("signal-relu", 500), ("glorot", 500), ("he-30-layers", 500)]


@pytest.mark.parametrize(
    ("name", "least"),
    [
        ("demo", 500),
        ("linear", 500),
        ("adam", 500),
        ("convolution", 400),
        ("costs", 500),
        ("pyramid", 350),
        ("transfer", 500),
        *FIRST_WEIGHTS,
    ],
)
def test_pictures_show_something(name, least):
    with Image.open(ROOT / "docs" / "pictures" / f"{name}.png") as image:
        grey = np.asarray(image.convert("L"))
    assert min(grey.shape) >= least
    assert grey.std() > 10


@pytest.mark.parametrize("name", make.beside("drawing.looks").LOOKS)
def test_pictures_of_learning_show_something_and_are_small(name):
    path = ROOT / "docs" / "pictures" / name
    assert path.stat().st_size < (300_000 if name.endswith(".gif") else 200_000)
    with Image.open(path) as image:
        grey = np.asarray(image.convert("L"))
    assert min(grey.shape) >= 400
    assert grey.std() > 10


# ---- what is said ---------------------------------------------------------------------------------------------------


def shape(text: str) -> dict[str, list]:
    """Headings by level, code, pictures, links, rows and columns of tables, items of lists."""
    hand = by_hand(text)
    return {
        "headings": [len(marks) for marks in re.findall(r"^(#+) ", hand, re.MULTILINE)],
        "code": FENCE.findall(text),
        "pictures": re.findall(r"!\[.*?\]\((.*?)\)", hand),
        "links": [a for a in re.findall(r"\]\((.*?)\)", hand) if not a.startswith("README")],
        "tables": [line.count("|") for line in text.splitlines() if line.startswith("|")],
        "items": re.findall(r"^- ", hand, re.MULTILINE),
        "parts": [m[1] for m in make.PART.finditer(text)],
        "ticked": sorted(re.findall(r"`[^`\n]+`", re.sub(r"^\|.*$", "", hand, flags=re.MULTILINE))),
    }


def test_both_readmes_have_the_same_content():
    ours, theirs = shape(ENGLISH), shape(CHINESE)
    for what in ours:
        assert ours[what] == theirs[what], what
    prose = [line for line in by_hand(ENGLISH).splitlines() if not line.startswith(("|", "#", "!", "*", "<"))]
    assert not any(HAN.search(line) for line in prose)


def blocks(text: str) -> list[str]:
    parts = [part.strip() for part in by_hand(text).split("\n\n")]
    return [p for p in parts if p and not p.startswith(("#", "|", "<!--", "!"))]


@pytest.mark.parametrize("page", PAIRED)
def test_every_paragraph_is_followed_by_its_translation(page):
    found = blocks(PAGES[page])
    for one, other in zip(found[::2], found[1::2], strict=True):
        assert not HAN.search(one), f"expected English: {one}"
        assert HAN.search(other), f"expected Chinese: {other}"
        assert len(re.findall(r"^- ", one, re.MULTILINE)) == len(re.findall(r"^- ", other, re.MULTILINE)), one
        assert sorted(re.findall(r"`[^`]+`", one)) == sorted(re.findall(r"`[^`]+`", other)), one


@pytest.mark.parametrize("page", PAIRED)
def test_headings_and_tables_speak_both_languages(page):
    hand = FENCE.sub("", PAGES[page])
    for heading in re.findall(r"^#+ (.*)$", hand, re.MULTILINE):
        assert heading.startswith("`") or (" · " in heading and HAN.search(heading)), heading
    heads = re.findall(r"^(\|.*\|)\n\| ---", hand, re.MULTILINE)
    for cell in (cell.strip() for head in heads for cell in head.strip("|").split("|")):
        assert cell == "id" or (" · " in cell and HAN.search(cell)), cell


@pytest.mark.parametrize("page", [*PAIRED, "README.zh-CN.md"])
def test_a_space_stands_between_chinese_and_latin(page):
    hand = re.sub(r"\]\(.*?\)", "]", by_hand(PAGES[page]))
    assert not re.findall("[\u4e00-\u9fff][A-Za-z0-9`].{0,9}|.{0,9}[A-Za-z0-9`][\u4e00-\u9fff]", hand)


def test_chinese_terms_are_those_of_the_glossary():
    rows = [line.split("\t") for line in (ROOT / "docs/terms.tsv").read_text(encoding="utf-8").splitlines()]
    assert {len(row) for row in rows} == {3}
    assert len({row[0] for row in rows}) == len(rows)
    assert [row[0] for row in rows[1:]] == sorted((row[0] for row in rows[1:]), key=str.lower)
    for word in ("汇聚", "规范化", "暂退", "词元", "数据增广", "稠密层"):
        assert any(word in row[2] for row in rows)
        assert not [name for name, text in PAGES.items() if word in by_hand(text)], word


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#\s]*)(?:#[^)]*)?\)", PAGES[page]):
        if target and not target.startswith("http"):
            assert ((ROOT / page).parent / target).exists(), target


def test_anchors_of_the_formulas_exist():
    known = {name.lower() for name in re.findall(r"^### `(\w+)`$", PAGES["docs/formulas.md"], re.MULTILINE)}
    assert known >= set(re.findall(r"formulas\.md#(\w+)", ENGLISH))


# ---- what can be typed ----------------------------------------------------------------------------------------------

LONG = (
    "demo",
    "bench",
    "reproduce lenet-mnist",
    "reproduce he-30-layers",
    "reproduce mnist-conv-autoencoder",
    "reproduce gcn-cora",
    "train tabular california",
    "reproduce resnet20-cifar10",
    "runs compare he xavier",
)  # only that they are there


PAIRS = {
    "de": ["ein hund singt.", "der rote mann schläft.", "ein alter mann singt.", "der hund schläft."],
    "en": ["a dog sings.", "the red man sleeps.", "an old man sings.", "the dog sleeps."],
}


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A working folder with what the pages speak of: pictures, a poem, a text, questions, one's own network."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    test: Any = load("digits").test
    for i in range(40):
        folder = tmp_path / "pictures" / ("even", "odd")[int(test.targets[i]) % 2]
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(test.raw(i)[0].numpy()).save(folder / f"{i}.png")
    nine = test.targets.tolist().index(9)
    Image.fromarray(test.raw(nine)[0].numpy()).save("digit.png")
    own = next(b for b in fences(ENGLISH, "python") if b.startswith("# mynet.py"))
    Path("mynet.py").write_text(own)
    Path("poem.txt").write_bytes("床前明月光\r\n\r\n疑是地上霜\r\n".encode("gbk"))
    Path("text.txt").write_text("the king and the queen rule\nthe man and the woman work\n" * 200)
    Path("reviews.csv").write_text("text,label\n" + "a fine film,good\na dull film,bad\n" * 20)
    Path("lines.txt").write_text("fine\ndull\n")
    Path("words.conll").write_text("a DET\nfine ADJ\nfilm NOUN\n\n" * 20)
    Path("sales.csv").write_text("month,sales\n" + "".join(f"{i},{i % 4 + i}\n" for i in range(60)))
    for part, count in (("train", 40), ("test", 6)):
        for language, lines in PAIRS.items():
            Path("pairs").mkdir(exist_ok=True)
            Path("pairs", f"{part}.{language}").write_text("\n".join((lines * count)[:count]) + "\n")
    Path("questions.txt").write_text(": royal\nman woman king queen\n")
    yield tmp_path
    sys.modules.pop("mynet", None)


def cheap(line: str) -> list[str]:
    """The words of a line, with fewer epochs and without the compiler."""
    words = shlex.split(line, comments=True)[1:]
    if words[0] in ("train", "resume") and "overfit=1" not in words:
        words = [re.sub(r"^epochs=\d+", f"epochs={1 + (words[0] == 'resume')}", word) for word in words]
        words += [] if any("epochs=" in word for word in words) else ["epochs=1"]
    return [*words, "--fast"] if words[0] == "check" else words


@pytest.mark.parametrize("page", [name for name in PAGES if name != "README.zh-CN.md" and fences(PAGES[name], "sh")])
def test_commands_do_what_they_say(page, place, capsys):
    if page == "CONTRIBUTING.md":
        assert main(["train", "mlp", "digits", "epochs=1", "name=first"]) == 0
    for line in (line for block in fences(PAGES[page], "sh") for line in block.splitlines()):
        subprocess.run(["sh", "-n", "-c", line], check=True)  # a bracket outside quotes is the shell's own
        if line.startswith("make "):
            assert re.search(rf"^{line.split()[1]}:", (ROOT / "Makefile").read_text(), re.MULTILINE)
        elif line.removeprefix("chainrule ").startswith(LONG):
            words = shlex.split(line, comments=True)
            assert words[1] in COMMANDS
            assert words[1] != "reproduce" or words[2] in [*recipes(), *graph_recipes()]
        else:
            assert main(cheap(line)) == 0, f"{line}\n{capsys.readouterr().err}"


@pytest.mark.parametrize("page", [n for n in PAGES if n not in ("README.zh-CN.md", "CONTRIBUTING.md")])
def test_python_examples_give_what_they_show(page, place):
    space: dict = {}
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    for block in fences(PAGES[page], "python"):
        if block.startswith(("@formula", "# mynet.py")):
            continue
        if ">>>" not in block:
            exec(compile(block, page, "exec"), space)
            continue
        example = doctest.DocTestParser().get_doctest(block, space, page, page, 0)
        runner.run(example, clear_globs=False)
        space = example.globs
    assert runner.summarize(verbose=False).failed == 0


def written(path: Path, room: str, change=lambda text: text):
    """A module of CONTRIBUTING's blocks for one room, below the imports of that room."""
    text = (ROOT / room).read_text(encoding="utf-8")
    head = "import torch\nimport torch.nn.functional as F\nfrom torch import Tensor\n"
    head += "".join(
        f"from chainrule.{name}\n" for name in re.findall(r"^from \.\.?(\w+ import .*)$", text, re.MULTILINE)
    )
    head = head.replace("chainrule.rule", "chainrule.optim.rule").replace(
        "chainrule.piecewise", "chainrule.nn.piecewise"
    )
    body = [b for b in fences(PAGES["CONTRIBUTING.md"], "python") if b.startswith(f"# {room}")]
    assert body, room
    path.write_text(change(head + "\n".join(body)), encoding="utf-8")
    return module_at(path, path.stem)


@pytest.fixture
def registries():
    """What is written in an example leaves no trace."""
    known: list[tuple[Any, Any]] = [(table, dict(table)) for table in (REGISTRY, RULES, OPTIMIZERS)]
    yield
    for table, before in known:
        table.clear()
        table.update(before)


def test_the_formula_of_contributing_is_proven(tmp_path, registries):
    made = written(tmp_path / "right.py", "src/chainrule/nn/activation.py")
    assert all(finding.ok for finding in prove(made.softsign.card))
    assert made.Softsign()(made.torch.ones(1)).tolist() == [0.5]


def test_without_the_square_it_says_what_contributing_says(tmp_path, registries):
    wrong = written(
        tmp_path / "wrong.py",
        "src/chainrule/nn/activation.py",
        lambda t: t.replace("(1 + z.abs()) ** 2", "(1 + z.abs())"),
    )
    first = next(f for f in prove(wrong.softsign.card, compiler=None) if not f.ok)
    line = f"softsign: {first.check} (sample {first.sample}): {first.note}"
    assert PAGES["CONTRIBUTING.md"].count(f"`{line}`") == 2


def test_the_optimizer_of_contributing_steps(tmp_path, registries):
    made = written(tmp_path / "lion.py", "src/chainrule/optim/sign.py")
    block = next(b for b in fences(PAGES["CONTRIBUTING.md"], "python") if "Lion" in b)
    assert len(block.splitlines()) <= 15
    w = made.torch.nn.Parameter(made.torch.tensor([1.0, -1.0]))
    w.grad = made.torch.tensor([0.3, -20.0])
    made.Lion([w], lr=0.25).step()
    assert w.tolist() == [0.75, -0.75]


def test_the_recipe_of_contributing_is_read():
    (text,) = fences(PAGES["CONTRIBUTING.md"], "toml")
    model, data, settings = from_toml(text)
    assert (model, data, settings.epochs) == ("lenet5", "mnist", 20)
