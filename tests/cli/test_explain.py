"""`chainrule explain` and `folds=`, and a run of several labels a picture, as a user meets them."""

import json

import numpy as np
import pytest
from PIL import Image

from chainrule.cli.main import main
from chainrule.errors import UserError
from chainrule.learn.run import open_run


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    root = tmp_path_factory.mktemp("explain")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        assert main(["train", "lenet5", "digits", "epochs=1", "batch_size=128", "lr=3e-3", "name=conv"]) == 0
        half = np.zeros((32, 32), np.uint8)
        half[6:26, 12:18] = 255
        for name in ("a", "b"):
            Image.fromarray(half).save(root / f"{name}.png")
        yield root


def said(capsys, *argv, code=0):
    capsys.readouterr()
    assert main(list(argv)) == code, capsys.readouterr().err
    shown = capsys.readouterr()
    assert bool(shown.err) == bool(code)
    return shown.out


def test_explain_draws_a_row_for_each_image(place, capsys):
    lines = said(capsys, "explain", "conv", "a.png", "b.png").splitlines()
    assert lines[0].split() == ["file", "class", "probability", "layer"]
    assert [line.split()[0] for line in lines[1:3]] == ["a.png", "b.png"] and lines[1].split()[-1] == "4"
    assert lines[3] == "picture  runs/conv/report/explain.png"
    with Image.open(place / "runs/conv/report/explain.png") as two:
        said(capsys, "explain", "conv", "[ab].png", "a.png", "--out", "three.png")
        with Image.open("three.png") as three:
            assert three.width == two.width and three.height > two.height > 500
            assert np.asarray(three.convert("L")).std() > 20


@pytest.mark.parametrize("method", ["gradcam", "saliency", "guided", "occlusion"])
def test_each_method_explains_the_class_that_was_asked_for(place, capsys, method):
    row = said(capsys, "explain", "conv", "a.png", "--class", "7", "--method", method, "--out", "m.png").splitlines()[1]
    assert row.split()[:2] == ["a.png", "7"]


def test_from_python_heat_has_the_size_of_the_image(place):
    run = open_run("runs/conv")
    (found,) = run.explain("a.png", label="1", layer="1")
    assert found.image.shape == (32, 32, 3) and found.heat.shape == (32, 32) and found.layer == "1"
    assert found.heat.min() >= 0 and (found.heat.max() == pytest.approx(1) or not found.heat.any())
    answer = run.predict("a.png", topk=10)[0]
    assert found.probability == pytest.approx(dict(answer.top)["1"], rel=1e-5) and len(found.top) == 3
    with pytest.raises(UserError, match="method='lime'"):
        run.explain("a.png", method="lime")
    with pytest.raises(UserError, match="only method=gradcam looks at a layer"):
        run.explain("a.png", layer="1", method="saliency")


def test_a_broken_image_is_named_and_the_others_are_explained(place, capsys):
    (place / "bad.png").write_text("<html>404</html>")
    out = said(capsys, "explain", "conv", "bad.png", "a.png", "--out", "one.png", code=2)
    assert "a.png" in out and "bad.png" not in out
    broken: list[str] = []
    assert len(open_run("runs/conv").explain(["bad.png", "b.png"], broken=broken)) == 1 and len(broken) == 1


def test_folds_give_mean_and_deviation_and_one_matrix(place, capsys):
    words = ["epochs=1", "folds=2", "model.hidden=(8,)", "batch_size=512", "name=cross"]
    lines = said(capsys, "train", "mlp", "digits", *words).splitlines()
    head = next(line for line in lines if line.startswith("figure"))
    assert "mean ± deviation" in head and "fold 1" in head and "fold 2" in head
    assert not any(line.startswith("val_") for line in lines) and any(
        line.startswith("test_accuracy") for line in lines
    )
    assert lines[-1] == "folds  runs/cross-fold2/report/folds.png"
    told = json.loads((place / "runs/cross-fold2/report/folds.json").read_text())
    assert np.array(told["confusion"]).sum() == 1437 and len(told["runs"]) == 2


@pytest.fixture(scope="module")
def several(place):
    """Pictures with a bright left half, a bright top half, both or neither, and a run that learned them."""
    rng = np.random.default_rng(0)
    lines = ["path,labels"]
    (place / "marks").mkdir()
    for i in range(80):
        image, labels = rng.integers(0, 60, (16, 16)).astype(np.uint8), []
        for name, where in (("left", np.s_[:, :8]), ("top", np.s_[:8, :])):
            if rng.random() < 0.5:
                image[where] += 90
                labels.append(name)
        Image.fromarray(image).save(place / "marks" / f"{i}.png")
        lines.append(f"{i}.png,{'|'.join(labels)}")
    (place / "marks" / "labels.csv").write_text("\n".join(lines) + "\n")
    assert main(["train", "mlp", "marks", "epochs=12", "lr=1e-2", "batch_size=16", "name=marks", "size=16"]) == 0
    return open_run("runs/marks")


def test_a_run_of_several_labels_learns_judges_and_predicts(several, capsys):
    assert several.facts.task == "multilabel" and several.facts.classes == ("left", "top")
    told = json.loads(said(capsys, "evaluate", "marks", "--json"))
    assert told["map"] > 0.9 and told["exact"] > 0.7 and told["confusion"] is None and "temperature" not in told
    assert told["auc"] > 0.9 and [row["class"] for row in told["classes"]] == ["left", "top"]
    assert {p.name for p in (several.path / "report/test").iterdir()} >= {"ranking.png", "calibration.png"}
    assert not (several.path / "report/test/confusion.png").exists()


def test_all_labels_from_the_threshold_on_are_printed(several, capsys):
    found = json.loads(said(capsys, "predict", "marks", "marks", "--json", "--threshold", "0.3", "--tta", "crop"))
    assert len(found) == 80 and {tuple(sorted(one["labels"])) for one in found} >= {("left", "top"), ("left",), ()}
    for one in found:
        assert one["labels"] == [name for name, share in one["top"] if share >= 0.3]
    lines = said(capsys, "predict", "marks", "marks/0.png", "--csv", "-").splitlines()
    assert lines[0] == "file,labels,class,probability,class_2,probability_2"
    table = said(capsys, "predict", "marks", "marks", "--topk", "1", "--sheet", "marks.png")
    assert table.splitlines()[0].split() == ["file", "classes", "likeliest"]
    assert said(capsys, "explain", "marks", "marks/0.png", "--class", "top", "--method", "saliency", "--out", "x.png")
