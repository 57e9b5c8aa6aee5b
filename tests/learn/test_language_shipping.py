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


def test_other_forms_are_refused_in_one_line_and_leave_nothing(text, tmp_path):
    run = train("recurrent_lm", text, model={"width": 4}, data={"steps": 16}, **SMALL)
    for asked, message in (
        ({"to": "torch"}, "to=torch: a language model is exported as onnx"),
        ({"fold_bn": True}, "fold_bn"),
    ):
        with pytest.raises(UserError, match=message):
            run.export(out=tmp_path / "out", **asked)
    assert not (tmp_path / "out").exists()
