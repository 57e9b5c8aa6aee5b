"""The commands as a user meets them: train, use, look, compare. One tiny run stands behind all of them."""

import json
import re
import shutil
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from chainrule.cli.main import main
from chainrule.cli.recipes import load
from chainrule.cli.reproduce import compare
from chainrule.runfile import from_toml

NET = """
import torch
class Net(torch.nn.Module):
    def __init__(self, width=4, num_classes=10, inputs=1024):
        super().__init__()
        self.one, self.two = torch.nn.Linear(inputs, width), torch.nn.Linear(width, num_classes)
    def forward(self, x):
        return self.two(self.one(x.flatten(1)).tanh())
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    root = tmp_path_factory.mktemp("commands")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        patch.syspath_prepend(str(root))
        (root / "my_net_for_commands.py").write_text(NET)
        (root / "pictures").mkdir()
        for i in range(3):
            Image.fromarray(np.full((20, 20), 60 * i, np.uint8)).save(root / "pictures" / f"{i}.png")
        assert main(["train", "mlp", "digits", "epochs=2", "model.hidden=(16,)", "name=first"]) == 0
        assert main(["train", "mlp", "digits", "epochs=2", "model.hidden=(8,)", "lr=1e-2", "name=second"]) == 0
        yield root


def said(capsys, *argv, code=0):
    capsys.readouterr()
    assert main(list(argv)) == code, capsys.readouterr().err
    shown = capsys.readouterr()
    assert shown.err == ""
    return shown.out


def weights(root, name):
    newest = max((root / "runs" / name / "checkpoints").glob("step-*"))
    return next(newest.glob("*.safetensors")).read_bytes()


def test_a_run_says_what_it_is_how_it_goes_and_what_next(place, capsys):
    lines = said(capsys, "train", "mlp", "digits", "epochs=2", "name=told").splitlines()
    assert lines[0] == "mlp on digits  132,490 parameters  seed 0  gear auto  device cpu  form eager"
    assert lines[1].startswith("epoch 1/2  lr 0.001  train_loss ") and "val_accuracy" in lines[1]
    assert lines[2].startswith("epoch 2/2")
    assert any(line.startswith("accuracy") and line.endswith(" %") for line in lines)
    assert "run      runs/told" in lines and "predict  chainrule predict runs/told IMAGE…" in lines


def test_a_run_toml_repeats_its_run_under_a_name_of_its_own(place, capsys):
    out = said(capsys, "train", "runs/first/run.toml")
    name = next(line for line in out.splitlines() if line.startswith("run ")).rpartition("/")[2]
    assert name != "first"
    assert weights(place, name) == weights(place, "first")


def test_words_beside_a_run_toml_win(place, capsys):
    said(capsys, "train", "runs/first/run.toml", "epochs=1", "name=short", "data=digits")
    model, data, settings = from_toml((place / "runs/short/run.toml").read_text())
    assert (model, data, settings.epochs, settings.model) == ("mlp", "digits", 1, {"hidden": (16,)})


def test_a_finished_run_is_extended(place, capsys):
    shutil.copytree(place / "runs/first", place / "runs/longer")
    out = said(capsys, "resume", "longer", "--epochs", "3")
    assert "resumed at step" in out and "epoch 3/3" in out and "epoch 2/3" not in out


def test_a_model_of_ones_own_is_trained_judged_and_used(place, capsys):
    said(capsys, "train", "my_net_for_commands:Net", "digits", "epochs=1", "model.width=6", "name=own")
    assert "accuracy" in said(capsys, "evaluate", "own")
    assert "pictures/0.png" in said(capsys, "predict", "runs/own", "pictures")


def test_evaluate_gives_a_table_and_json(place, capsys):
    table = said(capsys, "evaluate", "first")
    figures = json.loads(said(capsys, "evaluate", "first", "--json"))
    assert f"{100 * figures['accuracy']:.2f} %" in table
    assert json.loads(said(capsys, "evaluate", "first", "digits", "--split", "val", "--json")) != figures


def test_predict_names_files_classes_and_probabilities(place, capsys):
    table = said(capsys, "predict", "first", "pictures", "pictures/1.png")
    assert [line.split()[0] for line in table.splitlines()[1:]] == [f"pictures/{i}.png" for i in (0, 1, 2, 1)]
    found = json.loads(said(capsys, "predict", "first", "pictures", "--topk", "2", "--json"))
    assert len(found) == 3
    assert all(len(answer["top"]) == 2 and answer["label"] == answer["top"][0][0] for answer in found)
    assert all(0 <= answer["probability"] <= 1 for answer in found)


def test_seeds_give_mean_and_deviation(place, capsys):
    out = said(capsys, "train", "mlp", "digits", "epochs=1", "seeds=2", "seed=5", "model.hidden=(8,)", "name=many")
    assert "mean ± deviation" in out and "seed 5" in out and "seed 6" in out
    row = next(line for line in out.splitlines() if line.startswith("test_accuracy")).replace("%", "").split()
    mean, deviation, *values = [float(word) for word in row[1:] if word != "±"]
    assert mean == pytest.approx(sum(values) / 2, abs=0.02)
    assert deviation == pytest.approx(abs(values[0] - values[1]) / 2**0.5, abs=0.02)
    assert (place / "runs/many-seed5").is_dir() and (place / "runs/many-seed6").is_dir()


def test_overfit_says_whether_one_batch_was_learned(place, capsys):
    words = ["train", "mlp", "digits", "overfit=1", "batch_size=8"]
    assert "mlp learned one batch by heart" in said(capsys, *words, "epochs=20", "lr=1e-2")
    assert "mlp did not learn one batch by heart in 1 epochs" in said(capsys, *words, "epochs=1", "lr=1e-6", code=1)


def test_runs_are_listed_shown_and_compared(place, capsys):
    assert {"first", "second"} <= {line.split()[0] for line in said(capsys, "runs").splitlines()[1:]}
    shown = said(capsys, "runs", "show", "second")
    assert "finished" in shown and "model.hidden" in shown and "precision" not in shown.partition("\n\n")[0]
    assert "precision" in said(capsys, "runs", "show", "second", "--all")
    out = said(capsys, "runs", "compare", "first", "second")
    differ = out.partition("\n\n")[0].splitlines()
    assert [line.split()[0] for line in differ[2:]] == ["lr", "model.hidden"]
    assert "test_accuracy" in out
    picture = place / "runs/first/report/with-second.png"
    with Image.open(picture) as drawn:
        assert drawn.width > 200
    assert "no runs in nowhere" in said(capsys, "runs", "list", "--runs", "nowhere")


def test_models_are_listed_and_shown_layer_by_layer(place, capsys):
    assert {"lenet5", "mlp"} <= {line.split()[0] for line in said(capsys, "models").splitlines()[1:]}
    assert "61,706 parameters, for input 1×32×32" in said(capsys, "models", "lenet5")
    own = said(capsys, "models", "my_net_for_commands:Net", "width=3", "--size", "1x32x32")
    full = said(capsys, "models", "resnet50", "--table")
    assert re.search(r"^layer2\.0\.conv2 +Conv2d +128×56×56 +128×28×28 +147,456 +115,605,504 +401\.4 kB$", full, re.M)
    assert "25,557,032 parameters, for input 3×224×224: 4,089,184,256 MACs" in full
    assert json.loads(said(capsys, "models", "--json"))["resnet20"]["macs"] == 40_551_040
    told = json.loads(said(capsys, "models", "lenet5", "num_classes=3", "--json"))
    assert (told["macs"], told["layers"][0]["gives"]) == (416_520 - 7 * 84, [6, 28, 28])
    assert "drawn resnet20.svg" in said(capsys, "models", "resnet20", "--diagram")
    assert "resnet20" in (place / "resnet20.svg").read_text(encoding="utf-8")
    said(capsys, "models", "my_net_for_commands:Net", "--size", "1x32x32", "--diagram", "--out", "own.v1")
    assert (place / "own.v1.mmd").read_text(encoding="utf-8").startswith("flowchart TB")
    assert "3,075" in own and "3,115 parameters" in own


def test_data_is_listed_shown_and_checked(place, capsys):
    listed = said(capsys, "data")
    assert "mnist would be fetched from https://" in listed and "sha256 440fcabf" in listed
    assert listed == said(capsys, "data", "list")
    assert "CC BY 4.0" in said(capsys, "data", "show", "digits")
    assert "digits: 1 file, sha256 right: nothing wrong" in said(capsys, "data", "check", "digits")
    assert "nothing to fetch" in said(capsys, "data", "fetch", "digits")


def test_check_proves_a_formula_and_a_module_of_ones_own(place, capsys):
    assert "1 proven" in said(capsys, "check", "relu", "--fast")
    words = ["--args", "3, num_classes=2, inputs=5", "--input", "2x5", "--fast"]
    own = said(capsys, "check", "my_net_for_commands:Net", *words)
    assert "my_net_for_commands:Net is proven" in own


def test_bench_without_a_checkout_is_one_line(place, capsys, monkeypatch):
    monkeypatch.setattr("chainrule.cli.bench.SCRIPT", place / "none.py")
    assert main(["bench"]) == 2
    assert capsys.readouterr().err.startswith("error: the benchmarks come with the source checkout")


def test_bench_hands_its_options_to_the_script(place, capsys, monkeypatch):
    (place / "run.py").write_text("import sys\nprint(sys.argv[1:])")
    monkeypatch.setattr("chainrule.cli.bench.SCRIPT", place / "run.py")
    assert said(capsys, "bench", "--fast", "linear") == "['--fast', 'linear']\n"


def test_reproduce_lists_the_recipes_and_judges_a_run(place, capsys):
    assert "lenet-mnist" in said(capsys, "reproduce")
    out = said(capsys, "reproduce", "demo", "epochs=1", "gear=auto", "lr=1e-6")
    assert "shortened" in out and "98.00 %" in out, "fewer epochs than the recipe's are not judged"
    for accuracy, code, word in [(0.97, 1, "missed"), (0.981, 0, "reached")]:
        assert compare(load("demo"), [SimpleNamespace(metrics={"test_accuracy": accuracy}, path="runs/demo")]) == code
        assert word in capsys.readouterr().out


@pytest.mark.slow
def test_the_demo_reaches_its_goal_and_uses_its_network(place, capsys):
    out = said(capsys, "demo")
    assert "reached" in out and "gear formula" in out and "sample.png is a " in out
