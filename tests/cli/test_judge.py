"""A run judged and used: what is printed, what is written, in which order, from which weights."""

import csv
import io
import json
import math
import re

import numpy as np
import pytest
from PIL import Image

from chainrule.cli.main import main
from chainrule.data import load
from chainrule.learn.run import open_run


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A run of three epochs whose best is not its last, and some pictures in folders."""
    root = tmp_path_factory.mktemp("judge")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        words = ["epochs=3", "model.hidden=(16,)", "lr=0.1", "seed=2", "batch_size=256", "name=one"]
        assert main(["train", "mlp", "digits", *words]) == 0
        test = load("digits").test
        for i in range(6):
            folder = root / "photos" / ("b" if i % 2 else "a")
            folder.mkdir(parents=True, exist_ok=True)
            Image.fromarray(test.raw(i)[0].numpy()).save(folder / f"{i}.{'jpg' if i > 3 else 'png'}", quality=100)
        (root / "photos" / "note.txt").write_text("no picture")
        (root / "photos" / "bad.png").write_text("<html>404</html>")
        yield root


def said(capsys, *argv, code=0):
    capsys.readouterr()
    assert main(list(argv)) == code, capsys.readouterr().err
    shown = capsys.readouterr()
    assert bool(shown.err) == bool(code)
    return shown.out


def test_evaluate_writes_a_report_of_its_own(place, capsys):
    out = said(capsys, "evaluate", "one")
    assert "report   runs/one/report/test/evaluation.md" in out.splitlines()
    folder = place / "runs/one/report/test"
    names = {path.name for path in folder.iterdir()}
    pictures = {"confusion.png", "ranking.png", "calibration.png", "mistakes.png"}
    assert names == {"evaluation.md", "evaluation.json", *pictures}
    for name in pictures:
        with Image.open(folder / name) as image:
            assert min(image.size) > 200 and np.asarray(image.convert("L")).std() > 5
    text = (folder / "evaluation.md").read_text()
    assert all(f"![{name}]({name})" in text for name in pictures) and text.count("\n| ") > 20
    told = json.loads((folder / "evaluation.json").read_text())
    assert told["accuracy"] == open_run("runs/one").metrics["test_accuracy"]
    assert np.trace(told["confusion"]) == round(told["accuracy"] * told["count"]) and len(told["classes"]) == 10


def test_the_table_of_classes_says_what_the_confusion_matrix_says(place, capsys):
    told = json.loads(said(capsys, "evaluate", "one", "--json", "--no-report"))
    matrix = np.array(told["confusion"])
    for c, row in enumerate(told["classes"]):
        assert row["support"] == matrix[c].sum()
        assert row["recall"] == pytest.approx(matrix[c, c] / matrix[c].sum())
        if matrix[:, c].sum():
            assert row["precision"] == pytest.approx(matrix[c, c] / matrix[:, c].sum())
        else:
            assert row["precision"] is None
    assert told["temperature_fitted_on"] == "val" and told["ece"] < 1


def test_other_evaluations_stand_beside_and_out_leads_elsewhere(place, capsys):
    said(capsys, "evaluate", "one", "--split", "val", "--weights", "last", "--tta", "six")
    assert (place / "runs/one/report/val-last-six/evaluation.md").is_file()
    said(capsys, "evaluate", "one", "digits", "--out", "elsewhere")
    assert (place / "elsewhere/evaluation.json").is_file()


def test_plain_figures_stand_beside_those_of_views(place, capsys):
    plain = json.loads(said(capsys, "evaluate", "one", "--json", "--no-report"))
    views = json.loads(said(capsys, "evaluate", "one", "--tta", "crop", "--json", "--no-report"))
    assert views["plain"]["accuracy"] == plain["accuracy"] and views["tta"] == "crop" and "plain" not in plain
    assert views["ece"] != plain["ece"]
    head = said(capsys, "evaluate", "one", "--tta", "crop", "--no-report").splitlines()[0]
    assert re.split(r"\s{2,}", head) == ["figure", "test, tta=crop", "without"]


def test_last_weights_are_those_of_the_last_epoch(place, capsys):
    run = open_run("runs/one")
    epochs = [json.loads(line) for line in run.folder.log.read_text().splitlines()]
    judged = [e["val_accuracy"] for e in epochs if e["event"] == "epoch"]
    assert max(judged) > judged[-1], "the case needs a best epoch before the last"
    assert run.evaluate(split="val")["accuracy"] == max(judged)
    assert run.use("last").evaluate(split="val")["accuracy"] == judged[-1] and run.use("last").weights == "step 18"
    last = json.loads(said(capsys, "evaluate", "one", "--weights", "last", "--split", "val", "--json", "--no-report"))
    assert last["accuracy"] == judged[-1]
    one, other = (
        json.loads(said(capsys, "predict", "one", "photos/a", "--weights", w, "--json")) for w in ("best", "last")
    )
    assert [a["path"] for a in one] == [b["path"] for b in other] and one != other


def test_patterns_are_expanded_here(place, capsys):
    def files(*words, code=0):
        return [answer["path"] for answer in json.loads(said(capsys, "predict", "one", *words, "--json", code=code))]

    assert files("photos/a/*.png") == ["photos/a/0.png", "photos/a/2.png"]
    assert files("photos/**/*.jpg") == ["photos/a/4.jpg", "photos/b/5.jpg"]
    assert files("photos/[ab]") == [
        f"photos/{f}" for f in ("a/0.png", "a/2.png", "a/4.jpg", "b/1.png", "b/3.png", "b/5.jpg")
    ]
    assert files(str(place / "photos/b/?.png"), "photos/a/0.png")[-1] == "photos/a/0.png"
    assert len(files("photos/**", code=2)) == 6  # the text is passed over, the broken picture is named
    Image.new("L", (8, 8)).save(place / "odd[1].png")
    assert files("odd[1].png") == ["odd[1].png"]  # there is such a file: no pattern


def test_a_folder_is_walked_in_the_order_of_paths(place, capsys):
    shown = said(capsys, "predict", "one", "photos", "--json", code=2)
    found = [answer["path"] for answer in json.loads(shown)]
    assert found == sorted(found) and len(found) == 6


def test_csv_has_a_row_for_each_good_file(place, capsys):
    out = said(capsys, "predict", "one", "photos", "--csv", "-", "--topk", "2", code=2)
    rows = list(csv.reader(io.StringIO(out)))
    assert rows[0] == ["file", "class", "probability", "class_2", "probability_2"] and len(rows) == 7
    told = {p.path.as_posix(): p for p in open_run("runs/one").predict("photos", topk=2, broken=[])}
    for file, name, probability, *_ in rows[1:]:
        assert (told[file].label, told[file].probability) == (name, float(probability))
    assert said(capsys, "predict", "one", "photos/a", "--csv", "out.csv") == "3 rows in out.csv\n"
    assert (place / "out.csv").read_text().splitlines()[0].startswith("file,class,probability")
    assert not list(place.glob("*.part"))


def test_a_sheet_shows_the_most_and_least_certain(place, capsys):
    said(capsys, "predict", "one", "photos/a", "photos/b", "--sheet", "sheet.png", "--tta", "flip")
    with Image.open(place / "sheet.png") as image:
        assert image.width > 400 and np.asarray(image.convert("L")).std() > 20


def test_predictions_come_one_by_one(place, monkeypatch):
    from chainrule.learn import predict
    from chainrule.learn.predict import Asked

    read = []
    monkeypatch.setattr(predict, "BATCH", 2)
    monkeypatch.setattr(
        predict, "read_image", lambda file, *a, real=predict.read_image: (read.append(file), real(file, *a))[1]
    )
    stream = open_run("runs/one").stream(["photos/a", "photos/b"], Asked(topk=1), [])
    next(stream)
    assert len(read) == 2
    assert len(list(stream)) == 5 and len(read) == 6


def test_probabilities_of_views_sum_to_one(place):
    for found in open_run("runs/one").predict("photos/a", topk=10, tta="six"):
        assert math.isclose(sum(share for _, share in found.top), 1, rel_tol=1e-9)
        assert found.labels == (found.label,)
