"""A run that learned from texts, exported: the same answers in onnxruntime and by the script, and what is refused."""

import json
import re
import subprocess
import sys
import unicodedata

import numpy as np
import pytest
import torch

import chainrule
from chainrule.data.text.bpe import BPE
from chainrule.data.text.normal import Normal
from chainrule.data.text.tokens import tokenizer
from chainrule.errors import UserError
from chainrule.learn.cutting import cuts, cutting

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
        ("text_peephole", {"hidden": 6}),
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


def said_by(script, text):
    command = [sys.executable, "-I", str(script), text]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.rstrip("\n").split("\t")


@pytest.mark.parametrize(
    ("file", "data", "to"),
    [
        ("a.csv", {"normalise": "nfkc+lower+unaccented+space"}, "onnx"),
        ("a.csv", {"tokens": "bpe", "merges": 5}, "torch"),
        ("n.csv", {"task": "numbers"}, "torch"),
        pytest.param("a.csv", {"tokens": "characters", "max_length": 4}, "onnx", marks=pytest.mark.slow),
        pytest.param("n.csv", {"task": "numbers"}, "onnx", marks=pytest.mark.slow),
    ],
)
def test_the_script_needs_nothing_of_ours(place, file, data, to):
    run = trained(place, "text_bag", file, **data)
    script = run.export(to).files[-1]
    text = "WÁRM wind,  sun" if file == "a.csv" else "warm sun"
    told, one = said_by(script, text), run.predict(text)[0]
    assert script.name == f"use_{to}.py" and "chainrule" not in script.read_text() and told[0] == text
    if file == "n.csv":
        assert abs(float(told[1]) - one.value) < 1e-3
    else:
        assert told[1] == one.label and abs(float(told[2]) - one.probability) < 1e-4


def test_the_script_tells_a_tag_for_each_token(place):
    (place / "t.conll").write_text("warm B\nsun O\n\ncold B\nrain O\n\n" * 20)
    run = trained(place, "text_gru", "t.conll", options={**SMALL, "hidden": 4})
    told = " ".join(f"{token}/{tag}" for token, tag, _ in run.predict("cold sun")[0].tags)
    assert said_by(run.export().files[-1], "cold sun") == [told]


@pytest.mark.parametrize("name", ["words", "spaces", "characters", "chinese", "bpe"])
@pytest.mark.parametrize("normal", ["none", "lower+space", "nfkc+unaccented"])
def test_a_script_cuts_texts_as_a_run_does(name, normal):
    texts = ["It's a man, isn't it? über_1 ’tis 3.5", "我有3台iPhone。", "a  b\tc", "Ｃafé ab ab"]
    cut = BPE.learn(texts, 3) if name == "bpe" else tokenizer(name)
    found = {"re": re, "unicodedata": unicodedata}
    exec(cuts(cut, Normal.parse(normal)), found)
    for text in texts:
        assert list(found["cut"](text, cutting(cut))) == cut.tokenize(Normal.parse(normal)(text))


def test_a_program_of_torch_takes_texts_of_any_length(place):
    run = trained(place, "text_lstm", options={**SMALL, "hidden": 6})
    made = run.export("torch")
    assert made.lines[0].endswith("at most (any number of texts, any length)")
    program = torch.export.load(made.files[0]).module()
    for size, length in ((1, 1), (5, 3), (2, 90)):
        ids = torch.randint(3, len(run.facts.vocabulary), (size, length))
        with torch.no_grad():
            torch.testing.assert_close(program(ids)[0], run.network(ids), rtol=1e-5, atol=1e-5)


def test_what_cannot_be_written_is_one_line(place):
    run = trained(place, "text_bag", tokens="textwrap:wrap")
    made = run.export()
    assert made.lines[1] == "no script: data.tokens=textwrap:wrap needs chainrule" and len(made.files) == 1
    props = ort.InferenceSession(made.files[0]).get_modelmeta().custom_metadata_map
    assert json.loads(props["classes"]) == ["bad", "good"] and json.loads(props["pattern"]) is None
    with pytest.raises(UserError, match="fold_bn: text_bag has no batch norm"):
        run.export(fold_bn=True)


def test_weights_leave_with_the_words(place):
    made = trained(place, "text_bag").export("safetensors", out=place / "weights")
    assert [path.name for path in made.files] == ["model.json", "model.safetensors"]
    assert made.lines[-1] == "no script: without chainrule nothing builds text_bag as it is here"
    known = json.loads(made.files[0].read_text(encoding="utf-8"))
    assert known["classes"] == ["bad", "good"] and sorted(known["vocabulary"][4:]) == sorted(
        ["Warm", "sun", "cold", "rain", "and", "wind"]
    )
