"""`chainrule formula`: every name, every form, and what is said of a wrong word."""

import json
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from chainrule.catalog import OPTIMIZERS, SCHEDULES, WRAPPERS
from chainrule.cli.complete import formula_rooms
from chainrule.cli.main import main
from chainrule.cli.sheet import code, complete, describe, find, listing, split_doc

NAMES = [*formula_rooms(), *OPTIMIZERS, *WRAPPERS, *SCHEDULES]
KEYS = """schema name kind en zh source room file inputs outputs defaults autocast gears auto kernels samples sections
legend"""


def test_the_list_names_everything_by_room_without_torch():
    probe = "import sys; from chainrule.cli.main import main; main(['formula']); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, encoding="utf-8")
    lines = done.stdout.splitlines()
    assert (done.returncode, done.stderr, lines[-1]) == (0, "", "False")
    assert {"nn.linear", "optim", "rates"} <= set(lines)
    shown = {line.split()[0] for line in lines if line.startswith("  ")}
    assert shown == set(NAMES)
    assert "  linear" in done.stdout and "Affine map. · 仿射变换。" in done.stdout


def test_the_list_as_json(capsys):
    assert main(["formula", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["schema"] == 1
    assert [e["name"] for e in told["rooms"]["nn.linear"]] == ["linear"]
    assert all(e["en"] and e["zh"] for entries in told["rooms"].values() for e in entries)


@pytest.mark.parametrize("name", NAMES)
def test_every_sheet_is_whole(name):
    sheet = json.loads(json.dumps(describe(find(name)), default=str))
    assert list(sheet) == KEYS.split()
    assert sheet["en"] and sheet["zh"]
    assert sheet["file"].startswith("chainrule/") and not sheet["file"].startswith("/")
    assert {sheet["auto"]["eager"], sheet["auto"]["compiled"]} <= set(sheet["gears"])
    assert sheet["source"] or sheet["kind"] == "schedule"
    assert sheet["samples"] or sheet["kind"] != "formula"
    for section in sheet["sections"]:
        numbered = {entry["line"]: entry["text"] for entry in section["code"]}
        assert section["line"] in numbered
        assert all(e["line"] in numbered for e in section["equations"]), "an equation stands beside its line of code"


def test_a_formula_shows_equations_code_source_gears_and_samples(capsys):
    assert main(["formula", "linear"]) == 0
    out = capsys.readouterr().out
    for part in ("δx = δ W", "δW = rows(δ)ᵀ rows(x)", "δb = Σ₀(rows(δ))", "rows(x) = reshape(x, N, size₋₁(x))"):
        assert f"    {part}\n" in out
    assert "linear  Affine map. · 仿射变换。" in out
    assert "Rumelhart, Hinton & Williams 1986, doi:10.1038/323533a0" in out
    assert "formula, twin  (auto: twin eager; formula compiled)" in out
    assert "the first: x 5×3, weight 4×3, bias " in out
    assert "delta of x  chainrule/nn/linear.py:" in out
    assert "    return δ @ weight\n" in out
    assert "\x1b" not in out, "no colours in a pipe"


def test_an_optimizer_in_any_case_and_a_schedule(capsys):
    for word in ("adamw", "AdamW"):
        assert main(["formula", word]) == 0
        assert "    θ ← θ − η m̂/(√v̂ + ε)\n" in capsys.readouterr().out
    for word, line in (
        ("lbfgs", "      d ← d − α[i] ⊙ y[i]"),
        ("lbfgs", "    κ = dot(y, s)"),
        ("lbfgs", "    γ = κ/dot(y, y)"),
        ("sam", "    θ ← θ + ρ ε/(length + 10⁻¹²)"),
        ("Lookahead", "    φ ← φ + α · (θ − φ)"),
    ):
        assert main(["formula", word]) == 0
        assert f"{line}\n" in capsys.readouterr().out
    assert main(["formula", "step"]) == 0
    assert "    step(t, total, every, γ) = γ^⌊t/every⌋\n" in capsys.readouterr().out


def test_latex_has_one_equation_a_line(capsys):
    assert main(["formula", "sigmoid", "--latex"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "% sigmoid: forward",
        r"y = \frac{1}{1 + {e}^{-z}}",
        "% sigmoid: delta of z",
        r"{\delta z} = \delta \odot y \odot (1 - y)",
    ]


@pytest.mark.parametrize("kind", ["png", "svg"])
def test_the_picture_is_drawn_and_nothing_is_cut_off(tmp_path, capsys, kind):
    path = tmp_path / f"gelu.{kind}"
    assert main(["formula", "gelu", "--png", str(path)]) == 0
    assert capsys.readouterr().out == f"wrote {path}\n"
    if kind == "svg":
        assert "<svg" in path.read_text(encoding="utf-8")
        return
    pixels = np.asarray(Image.open(path).convert("L"))
    assert (pixels < 128).sum() > 2000, "there is ink"
    frame = np.concatenate([pixels[:20].ravel(), pixels[-20:].ravel(), pixels[:, :20].ravel(), pixels[:, -20:].ravel()])
    assert (frame == 255).all(), "the margin is clean on all sides"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["linera"], "unknown formula 'linera'; did you mean linear?"),
        (["adamm"], "unknown formula 'adamm'; did you mean adam?"),
        (["xyzzy"], "unknown formula 'xyzzy'; `chainrule formula` lists them"),
        (["--latex"], "--latex shows one formula: expected its NAME"),
        (["--png", "a.png"], "--png shows one formula: expected its NAME"),
        (["linear", "--png", "no/such/folder/a.png"], "there is no folder no/such/folder; make it first"),
        (["linear", "--png", "a.gif"], "expected a file name that ends in .png, .svg, .pdf"),
        (["linear", "--png", "/dev/full/a.png"], "there is no folder /dev/full"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(words, said, capsys):
    assert main(["formula", *words]) == 2
    told = capsys.readouterr()
    assert said in told.err
    assert told.err.count("\n") == 1 and not told.out


def test_an_unknown_name_answers_without_torch():
    probe = (
        "import sys; from chainrule.cli.main import main; code = main(['formula', 'linera']);"
        "print(code, 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True)
    assert done.stdout == "2 False\n"


def test_completion_knows_every_kind_of_name():
    assert [item.value for item in complete(None, None, "adam")] == ["adam", "adamw", "adamax"]
    assert "cosine" in [item.value for item in complete(None, None, "cos")]


def test_halves_of_a_docstring_and_code_without_it():
    assert split_doc("z · σ(z), a · b. · 以 σ · z 为门。") == ("z · σ(z), a · b.", "以 σ · z 为门。")
    assert split_doc("English only.") == ("English only.", "")
    shown = "\n".join(text for _, text in code(listing))
    assert "def listing()" in shown and '"""' not in shown
