"""A run that learned from texts, exported: the same answers in onnxruntime and by the script, and what is refused."""

import json
import subprocess
import sys

import numpy as np
import pytest

import chainrule
from chainrule.data.text.tokens import tokenizer
from chainrule.errors import UserError
from chainrule.learn.texts.shipping import CUTS

ort = pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")

SMALL = {"width": 8, "dropout": 0.0}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    root = tmp_path_factory.mktemp("shipping")
    (root / "a.csv").write_text("text,label\n" + "Warm sun,good\ncold rain and wind,bad\n" * 20)
    (root / "n.csv").write_text("text,label\n" + "warm sun,30\ncold rain,5\n" * 20)
    return root


def trained(place, network, file="a.csv", options=SMALL, **data):
    how = {"epochs": 1, "runs": str(place), "name": f"{network}-{file[0]}-{len(list(place.iterdir()))}"}
    return chainrule.train(network, place / file, model=options, data=data, **how)


def answers(path, ids):
    return ort.InferenceSession(path, providers=["CPUExecutionProvider"]).run(None, {"tokens": ids})[0]


@pytest.mark.parametrize(
    ("network", "more"),
    [
        ("text_bag", {}),
        ("text_lstm", {"hidden": 6}),
        ("text_cnn", {"filters": 4}),
        pytest.param("text_gru", {"hidden": 6, "pool": "max"}, marks=pytest.mark.slow),
        pytest.param("text_rnn", {"hidden": 6, "num_layers": 2}, marks=pytest.mark.slow),
        pytest.param("text_transformer", {"heads": 2, "num_layers": 1}, marks=pytest.mark.slow),
    ],
)
def test_another_runtime_gives_the_same_answers(place, network, more):
    run = trained(place, network, options={**SMALL, **more})
    made = run.export()
    assert made.lines[0].startswith("checked onnxruntime's answers differ by")
    ids = np.array([run.facts.reader().ids("cold sun")])
    likely = np.exp(answers(made.files[0], ids)[0].astype(np.float64))
    said = dict(run.predict("cold sun")[0].top)
    assert np.allclose(likely / likely.sum(), [said[c] for c in run.classes], atol=1e-5)


@pytest.mark.parametrize(("file", "data"), [("a.csv", {"normalise": "lower"}), ("n.csv", {"task": "numbers"})])
def test_the_script_needs_nothing_of_ours(place, file, data):
    run = trained(place, "text_bag", file, **data)
    script = run.export().files[-1]
    text = "WARM wind, sun" if file == "a.csv" else "warm sun"
    command = [sys.executable, "-I", str(script), text]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout.rstrip("\n").split("\t")
    one = run.predict(text)[0]
    assert told[0] == (text.lower() if file == "a.csv" else text)
    assert told[1] == one.label if file == "a.csv" else abs(float(told[1]) - one.value) < 1e-3
    assert "chainrule" not in script.read_text()


@pytest.mark.parametrize("name", CUTS)
def test_the_script_cuts_texts_as_the_run_does(name):
    text = "It's a man, isn't it? über_1 ’tis 3.5"
    assert eval(CUTS[name], {"re": __import__("re"), "text": text}) == tokenizer(name).tokenize(text)


def test_what_cannot_be_written_is_one_line(place):
    run = trained(place, "text_bag", tokens="bpe", merges=5)
    made = run.export()
    assert made.lines[1] == "no script: data.tokens=bpe and normalise=none need chainrule" and len(made.files) == 1
    props = ort.InferenceSession(made.files[0]).get_modelmeta().custom_metadata_map
    assert json.loads(props["classes"]) == ["bad", "good"] and json.loads(props["merges"])
    with pytest.raises(UserError, match="--to torch: a run that learned from texts is written as ONNX"):
        run.export("torch")
    with pytest.raises(UserError, match="--fold-bn: a run that learned from texts"):
        run.export(fold_bn=True)
