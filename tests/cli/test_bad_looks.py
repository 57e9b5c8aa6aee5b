"""Bad input of what judges, uses and explains a run: one clear line, exit code 2, nothing on disk is touched."""

import numpy as np
import pytest
from PIL import Image

from chainrule.cli.main import main


def picture(path, value=100):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((8, 8), value, np.uint8)).save(path)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    root = tmp_path_factory.mktemp("looks")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        words = ["epochs=1", "batch_size=512"]
        assert main(["train", "mlp", "digits", *words, "model.hidden=(4,)", "model.activation=tanh", "name=mlp"]) == 0
        assert main(["train", "lenet5", "digits", *words, "name=conv"]) == 0
        for i in range(3):
            picture(root / "good" / f"{i}.png", 60 * i)
            picture(root / "few" / "cat" / f"{i}.png", i)
            picture(root / "few" / "dog" / f"{i}.png", 9 * i + 90)
        for i in range(41):
            picture(root / "many" / f"{i}.png", i)
        (root / "words").mkdir()
        (root / "words" / "note.txt").write_text("no picture")
        (root / "words" / "web.png").write_text("<html>404</html>")
        (root / "empty").mkdir()
        (root / "a-file").write_text("words")
        yield root


ONE = "good/0.png"
FOLDS = ["train", "mlp", "digits", "epochs=1"]
CASES = {
    # explain
    "explain: no run": (["explain", "dne", ONE], "no run 'dne'"),
    "explain: no image given": (["explain", "conv"], "missing argument"),
    "explain: no file": (["explain", "conv", "x.png", "y.png"], "x.png: no such file", "y.png: no such file"),
    "explain: no image": (["explain", "conv", "words/web.png"], "words/web.png: not an image"),
    "explain: empty folder": (["explain", "conv", "empty"], "empty: no image in this folder"),
    "explain: too many": (["explain", "conv", "many"], "more than 40 images: expected at most 40"),
    "explain: no maps": (["explain", "mlp", ONE], "has no maps of the image"),
    "explain: no relu": (["explain", "mlp", ONE, "--method", "guided"], "has no ReLU layer: guided expects some"),
    "explain: class": (["explain", "conv", ONE, "--class", "seven"], "class 'seven': expected one of 0, 1, 2"),
    "explain: layer": (["explain", "conv", ONE, "--layer", "conv9"], "layer 'conv9': expected one of 0, 1, 2"),
    "explain: rows": (["explain", "conv", ONE, "--layer", "11"], "layer '11' gives [1, 10]: expected maps"),
    "explain: layer of none": (
        ["explain", "conv", ONE, "--layer", "3", "--method", "occlusion"],
        "--layer 3: only --method gradcam looks at a layer",
    ),
    "explain: method": (["explain", "conv", ONE, "--method", "lime"], "invalid value for '--method'"),
    "explain: out is a folder": (["explain", "conv", ONE, "--out", "empty"], "--out empty: a folder: expected"),
    "explain: out nowhere": (["explain", "conv", ONE, "--out", "no/x.png"], "there is no folder no: make it first"),
    # predict
    "predict: empty pattern": (["predict", "conv", "good/*.jpg"], "good/*.jpg: no file matches this pattern"),
    "predict: two patterns": (
        ["predict", "conv", "g?d/*.png", "no/**/x"],
        "g?d/*.png: no file matches",
        "no/**/x: no file matches",
    ),
    "predict: text only": (["predict", "conv", "words/*.txt"], "words/*.txt: matches no image; expected .png"),
    "predict: csv is a folder": (["predict", "conv", ONE, "--csv", "empty"], "--csv empty: a folder"),
    "predict: csv nowhere": (["predict", "conv", ONE, "--csv", "no/x.csv"], "--csv no/x.csv: there is no folder no"),
    "predict: sheet is a folder": (["predict", "conv", ONE, "--sheet", "good"], "--sheet good: a folder"),
    "predict: two formats": (["predict", "conv", ONE, "--json", "--csv", "-"], "--json and --csv: expected one"),
    "predict: threshold": (["predict", "conv", ONE, "--threshold", "1"], "invalid value for '--threshold'"),
    "predict: views": (["predict", "conv", ONE, "--tta", "flop"], "invalid value for '--tta'"),
    "predict: weights": (["predict", "conv", ONE, "--weights", "first"], "invalid value for '--weights'"),
    # evaluate
    "evaluate: out is a file": (["evaluate", "conv", "--out", "a-file"], "--out a-file: a file: expected the name"),
    "evaluate: out and none": (["evaluate", "conv", "--out", "x", "--no-report"], "expected one of them"),
    "evaluate: views": (["evaluate", "conv", "--tta", "7"], "invalid value for '--tta'"),
    "evaluate: other classes": (["evaluate", "conv", "few"], "expected those of the run"),
    # folds
    "folds: one": ([*FOLDS, "folds=1"], "folds=1: expected at least 2"),
    "folds: below": ([*FOLDS, "folds=-1"], "folds=-1: expected an integer in [0, 1000]"),
    "folds: with seeds": ([*FOLDS, "folds=3", "seeds=2"], "folds=3 and seeds=2: expected one of them"),
    "folds: with overfit": ([*FOLDS, "folds=3", "overfit=1"], "folds=3 and overfit=1: expected one of them"),
    "fold: none": ([*FOLDS, "fold=1"], "fold=1: expected folds=K beside it"),
    "fold: beyond": ([*FOLDS, "folds=3", "fold=4"], "fold=4: expected one of the 3 folds"),
    "folds: too many": (["train", "mlp", "few", "epochs=1", "folds=5"], "folds=5: class cat has"),
    "folds: resume": (["resume", "conv", "folds=3"], "folds=3: a run keeps its folds"),
}


def test_there_are_at_least_thirty_cases():
    assert len(CASES) >= 30


@pytest.mark.parametrize("name", CASES)
def test_bad_input_is_one_line_for_each_error(name, place, capsys):
    argv, *expected = CASES[name]
    before = {path: path.stat().st_mtime_ns for path in place.rglob("*") if path.is_file() and path.name != ".lock"}
    code = main(argv)
    shown = capsys.readouterr()
    lines = shown.err.splitlines()
    assert code == 2, shown.err
    assert len(lines) == len(expected), shown.err
    for line, part in zip(lines, expected, strict=True):
        assert line.startswith("error: ") and part in line
    assert "Traceback" not in shown.err and "internal error" not in shown.err
    after = {path: path.stat().st_mtime_ns for path in place.rglob("*") if path.is_file() and path.name != ".lock"}
    assert after == before
