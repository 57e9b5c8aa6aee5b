"""Language models as ONNX: onnxruntime says what the run says, step by step, and the script needs no chainrule."""

import json
import subprocess
import sys

import numpy as np
import pytest
import torch

from chainrule.errors import UserError
from chainrule.learn.run import train

onnx = pytest.importorskip("onnx", reason="needs the extra export")
onnxruntime = pytest.importorskip("onnxruntime", reason="needs the extra export")
pytest.importorskip("onnxscript", reason="needs the extra export")

TEXT = "".join(f"the {a} {b} on the mat.\n" for a in ("cat", "dog", "owl") for b in ("sat", "hid")) * 10
SMALL = {"batch_size": 8, "lr": 1e-2, "threads": 1, "epochs": 1}


def session(folder):
    return onnxruntime.InferenceSession(folder / "model.onnx", providers=["CPUExecutionProvider"])


@pytest.fixture
def text(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "verse.txt").write_text(TEXT)
    return "verse.txt"


def test_a_recurrent_model_goes_on_with_its_state(text, tmp_path):
    options = {"width": 8, "num_layers": 2, "dropout": 0.5}
    run = train("recurrent_lm", text, model=options, data={"steps": 16}, **SMALL)
    made = run.export(out=tmp_path / "out")
    assert [path.name for path in made.files] == ["model.onnx", "use_onnx.py"] and "state in and out" in made.lines[0]
    there, ids = session(tmp_path / "out"), run.facts.reader.ids("the cat sat")
    h = c = np.zeros((1, 2, 8), np.float32)
    for token in ids:
        log_p, h, c = there.run(None, {"token": np.array([token]), "h": h, "c": c})
    with torch.no_grad():
        want = run.network(torch.from_numpy(ids)[None])[0][0, -1].log_softmax(-1)
    np.testing.assert_allclose(log_p[0], want.numpy(), rtol=1e-4, atol=1e-5)
    command = [sys.executable, str(made.files[1]), "the cat", "12"]
    said = subprocess.run(command, capture_output=True, text=True, check=True, env={"PATH": ""}).stdout
    assert said.startswith("the cat") and len(said) == len("the cat") + 13


def test_a_transformer_of_sub_words_leaves_whole(text, tmp_path):
    data = {"steps": 8, "tokens": "bpe", "merges": 12, "normalise": "lower"}
    run = train("transformer_lm", text, model={"width": 8, "heads": 2, "num_layers": 1}, data=data, **SMALL)
    made = run.export(out=tmp_path / "out")
    there, ids = session(tmp_path / "out"), run.facts.reader.ids("the owl hid")
    for length in (1, 5, 8):
        found = there.run(None, {"tokens": ids[None, :length]})[0]
        with torch.no_grad():
            want = run.network(torch.from_numpy(ids)[None, :length])[0].log_softmax(-1)
        np.testing.assert_allclose(found, want.numpy(), rtol=1e-4, atol=1e-5)
    facts = {k: json.loads(v) for k, v in there.get_modelmeta().custom_metadata_map.items()}
    assert facts["tokens"] == "bpe" and facts["vocabulary"] == list(run.facts.vocabulary)
    command = [sys.executable, str(made.files[1]), "The OWL\nhid", "5"]
    said = subprocess.run(command, capture_output=True, text=True, check=True, env={"PATH": ""}).stdout
    assert said.startswith("the owl \nhid ") and "<NUL>" not in said


@pytest.mark.parametrize(
    ("model", "options"),
    [
        ("recurrent_lm", {"width": 8, "kind": "gru"}),
        ("recurrent_lm", {"width": 8, "kind": "peephole"}),
        ("transformer_lm", {"width": 8, "heads": 2, "num_layers": 1}),
    ],
)
def test_a_program_of_torch_goes_on_as_the_run_does(text, tmp_path, model, options):
    run = train(model, text, model=options, data={"steps": 16, "tokens": "words"}, **SMALL)
    made = run.export("torch", out=tmp_path / "out")
    assert [path.name for path in made.files] == ["model.pt2", "use_torch.py"]
    program, ids = torch.export.load(made.files[0]).module(), torch.from_numpy(run.facts.reader.ids("the cat sat"))
    with torch.no_grad():
        want = run.network(ids[None])[0][0, -1].log_softmax(-1)
        if model == "recurrent_lm":
            state = [torch.zeros(1, 1, 8)] * (2 if options["kind"] == "peephole" else 1)
            for token in ids:
                found, *state = program(token[None], *state)
        else:
            found = program(ids[None])[0][:, -1]
    torch.testing.assert_close(found[0], want, rtol=1e-4, atol=1e-5)
    command = [sys.executable, "-I", str(made.files[1]), "the cat", "3"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert said.startswith("the cat ") and len(said.split(" ")) == 5


def test_weights_leave_with_the_vocabulary(text, tmp_path):
    run = train("recurrent_lm", text, model={"width": 4}, data={"steps": 16}, **SMALL)
    made = run.export("safetensors", out=tmp_path / "out")
    known = json.loads((tmp_path / "out" / "model.json").read_text(encoding="utf-8"))
    assert known["vocabulary"] == list(run.facts.vocabulary) and known["state"] == [[1, 4], [1, 4]]
    assert made.lines[-1] == "no script: without chainrule nothing builds recurrent_lm as it is here"
    with pytest.raises(UserError, match="fold_bn: recurrent_lm has no batch norm"):
        run.export(fold_bn=True, out=tmp_path / "none")
    assert not (tmp_path / "none").exists()


@pytest.mark.slow
@pytest.mark.parametrize("steps", [1, 2, 3])
def test_a_transformer_that_sees_few_tokens_leaves_too(text, tmp_path, steps):
    options = {"width": 8, "heads": 2, "num_layers": 1}
    run = train("transformer_lm", text, model=options, data={"steps": steps}, **SMALL)
    made = run.export(out=tmp_path / "out")
    command = [sys.executable, "-I", str(made.files[1]), "the", "4"]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.startswith("the")
