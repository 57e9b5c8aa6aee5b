"""Exports: answers as the run's, all that is needed inside, a script without chainrule, one line for what fails."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from chainrule import nn
from chainrule.catalog import build_model
from chainrule.cli.main import main
from chainrule.errors import UserError
from chainrule.learn import parcel, shipping
from chainrule.learn.imported import import_weights
from chainrule.learn.scripts import SCRIPTS, script
from chainrule.nn.folding import fold_batch_norm

onnxruntime = pytest.importorskip("onnxruntime", reason="the extra `export` is not installed")
pytest.importorskip("onnxscript", reason="the extra `export` is not installed")
import onnx  # noqa: E402


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("export")


@pytest.fixture(scope="module")
def run(place):
    """A small residual network with drawn weights, as a run."""
    torch.manual_seed(0)
    model = build_model("resnet8", {"num_classes": 3})
    for layer in model.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            layer.running_mean.normal_()
            layer.running_var.uniform_(0.5, 2)
    save_file(model.state_dict(), place / "w.safetensors")
    return import_weights(place / "w.safetensors", "resnet8", classes=["猫", "dog", "a b"], name="r", runs=str(place))


@pytest.fixture(scope="module")
def images(place):
    draw = np.random.default_rng(0)
    files = [place / f"{number}.png" for number in range(3)]
    for number, file in enumerate(files):
        Image.fromarray(draw.integers(0, 256, (40 + number, 50, 3), dtype=np.uint8)).save(file)
    return files


@pytest.fixture(scope="module")
def shipped(run):
    return {to: run.export(to) for to in ("onnx", "torch")}


def said_by(script, images):
    """What a script prints, in a process that cannot import chainrule."""
    block = "import sys; sys.modules['chainrule'] = None; import runpy; sys.argv = sys.argv[1:]; "
    words = [
        sys.executable,
        "-W",
        "error::UserWarning",
        "-c",
        block + "runpy.run_path(sys.argv[0], run_name='__main__')",
    ]
    env = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run([*words, script, *images], capture_output=True, text=True, env=env, check=True)
    return [line.split("\t") for line in done.stdout.splitlines()]


@pytest.mark.parametrize("to", ["onnx", "torch"])
def test_the_script_beside_an_export_says_what_the_run_says_without_chainrule(run, images, shipped, to):
    files = {path.name: path for path in shipped[to].files}
    said = said_by(files[f"use_{to}.py"], images)
    for (path, label, share), own in zip(said, run.predict(images), strict=True):
        assert (path, label) == (str(own.path), own.label)
        assert float(share) == pytest.approx(own.probability, abs=1e-4)


@pytest.mark.parametrize("size", [1, 2, 5])
def test_onnx_takes_any_batch_and_answers_as_the_run(run, shipped, size):
    session = onnxruntime.InferenceSession(shipped["onnx"].files[0], providers=["CPUExecutionProvider"])
    pixels = np.random.default_rng(size).integers(0, 256, (size, 3, 32, 32), dtype=np.uint8)
    mean, std = (torch.tensor(values)[:, None, None] for values in (run.facts.mean, run.facts.std))
    with torch.no_grad():
        want = run.network((torch.from_numpy(pixels) / 255 - mean) / std).numpy()
    found = session.run(None, {"pixels": pixels})[0]
    assert np.abs(found - want).max() <= 1e-5 * max(1.0, np.abs(want).max())


def test_onnx_holds_classes_preprocessing_and_begins_with_the_normalisation(shipped):
    made = onnx.load(shipped["onnx"].files[0])
    facts = {entry.key: json.loads(entry.value) for entry in made.metadata_props}
    assert facts["classes"] == ["猫", "dog", "a b"]
    assert (facts["shape"], facts["mean"], facts["fit"]) == ([3, 32, 32], [0.485, 0.456, 0.406], "resize")
    assert [node.op_type for node in made.graph.node][:2] == ["Cast", "Mul"]
    assert made.graph.input[0].type.tensor_type.shape.dim[0].dim_param


@pytest.mark.parametrize("to", ["onnx", "torch"])
def test_folded_norms_are_counted_and_the_answers_stay(run, place, to):
    made = run.export(to, fold_bn=True, out=place / f"folded-{to}")
    assert made.lines[0] == "folded  9 of 9 batch norms into the layers before them"
    assert made.lines[1].startswith("checked")  # against the folded copy, which is held to the run's network here
    facts, x = run.facts, torch.randint(0, 256, (2, 3, 32, 32), dtype=torch.uint8)
    with torch.no_grad():
        want = shipping.Shipped(run.network, facts)(x)
        found = shipping.Shipped(fold_batch_norm(run.network, torch.zeros(1, 3, 32, 32)), facts)(x)
    torch.testing.assert_close(found, want, rtol=1e-5, atol=1e-5)


def test_safetensors_come_with_their_facts(run, place):
    made = run.export("safetensors", out=place / "weights")
    assert [path.name for path in made.files] == ["model.json", "model.safetensors"]
    weights = load_file(made.files[1])
    assert all(torch.equal(weights[key], value) for key, value in run.network.state_dict().items())
    assert json.loads(made.files[0].read_text(encoding="utf-8"))["norm_eps"] == [1e-5]
    assert made.lines[-1].startswith("no script")


def test_weights_of_a_torchvision_network_come_with_a_script_for_it(place):
    save_file(build_model("resnet18", {"num_classes": 2}).state_dict(), place / "r18.safetensors")
    run = import_weights(place / "r18.safetensors", "resnet18", classes=["a", "b"], name="r18", runs=str(place))
    text = run.export("safetensors").files[-1].read_text(encoding="utf-8")
    assert 'torchvision.models.get_model(facts["model"], num_classes=len(facts["classes"]))' in text


@pytest.mark.parametrize("to", SCRIPTS)
@pytest.mark.parametrize("fit", ["resize", "pad"])
def test_scripts_are_python_of_at_most_twenty_lines(to, fit):
    text = script(to, "model.x", "use.py", fit)
    assert len(text.splitlines()) <= 20
    compile(text, "use.py", "exec")


def test_a_script_pads_as_the_run_does(place):
    save_file(build_model("lenet5").state_dict(), place / "lenet.safetensors")
    run = import_weights(place / "lenet.safetensors", "lenet5", "digits", name="grey", runs=str(place))
    run.facts.__dict__["fit"] = "pad"
    Image.fromarray(np.random.default_rng(1).integers(0, 256, (28, 27), dtype=np.uint8)).save(place / "small.png")
    own = run.predict(place / "small.png")[0]
    said = said_by(run.export("onnx").files[-1], [place / "small.png"])[0]
    assert said[1] == own.label
    assert float(said[2]) == pytest.approx(own.probability, abs=1e-4)


# ---- what fails -----------------------------------------------------------------------------------------------------


class Branching(torch.nn.Module):
    """The path depends on the numbers: no exporter can write it down."""

    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, x):
        return self.inner(x) if float(x.sum()) > 0 else -self.inner(x)


class Counting(torch.nn.Module):
    """Answers otherwise at each call; an export keeps one of them."""

    def __init__(self, inner):
        super().__init__()
        self.inner, self.calls = inner, 0

    def forward(self, x):
        self.calls += 1
        return self.inner(x) + self.calls


@pytest.mark.parametrize("to", ["onnx", "torch"])
def test_a_network_that_cannot_be_exported_is_one_line_and_leaves_nothing(run, place, to, monkeypatch):
    monkeypatch.setattr(run, "_network", Branching(nn.Sequential(nn.Flatten(), nn.Linear(3072, 3))))
    with pytest.raises(UserError, match="cannot be exported") as caught:
        run.export(to, out=place / f"none-{to}")
    assert len(caught.value.lines) == 1
    assert list((place / f"none-{to}").iterdir()) == []


@pytest.mark.parametrize("to", ["onnx", "torch"])
def test_an_export_that_answers_otherwise_is_refused_and_leaves_nothing(run, place, to, monkeypatch):
    monkeypatch.setattr(run, "_network", Counting(nn.Sequential(nn.Flatten(), nn.Linear(3072, 3))))
    with pytest.raises(UserError, match="answers otherwise than the run"):
        run.export(to, out=place / f"other-{to}")
    assert list((place / f"other-{to}").iterdir()) == []


def test_a_missing_package_is_named(run, monkeypatch):
    monkeypatch.setattr(parcel, "find_spec", lambda name: None if name == "onnxscript" else name)
    with pytest.raises(UserError, match=r"needs onnxscript: pip install 'chainrule\[export\]'"):
        run.export("onnx")


def test_norms_cannot_be_folded_into_a_file_of_weights(run):
    with pytest.raises(UserError, match="leave no place for folded norms"):
        run.export("safetensors", fold_bn=True)


def test_an_unknown_form_is_answered_with_the_nearest(run):
    with pytest.raises(UserError, match="did you mean onnx"):
        run.export("onx")


def test_a_folder_that_cannot_be_made_is_one_line(run, place):
    (place / "file").write_text("")
    with pytest.raises(UserError, match="cannot be written"):
        run.export("safetensors", out=place / "file" / "inner")


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write anywhere")
def test_a_read_only_folder_is_one_line(run, place):
    (place / "locked").mkdir(mode=0o500)
    with pytest.raises(UserError, match="cannot be written"):
        run.export("safetensors", out=place / "locked")


def test_on_the_command_line(run, place, capsys):
    assert main(["export", str(run.path), "--to", "safetensors", "--out", str(place / "cli")]) == 0
    assert "model.safetensors" in capsys.readouterr().out
    shutil.rmtree(place / "cli")
    for words in (["--to", "onx"], ["--to", "safetensors", "--fold-bn"], ["--out", str(place / "w.safetensors")]):
        assert main(["export", str(run.path), *words]) == 2
        assert capsys.readouterr().err.count("\n") == 1
    assert main(["export", str(Path(place) / "no-run")]) == 2
