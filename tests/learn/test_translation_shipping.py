"""Translators as files: another runtime says what the run says, word by word, and the script needs no chainrule."""

import json
import re
import subprocess
import sys
import unicodedata

import numpy as np
import pairs_of_words
import pytest
import torch

import chainrule
from chainrule.data.text.side import Side, learn
from chainrule.errors import UserError
from chainrule.learn.translation import script as scripts
from chainrule.learn.translation.shipping import Encoder, layout
from chainrule.learn.translation.translator import Search
from chainrule.zoo.seq2seq import AttentionSeq2Seq, RecurrentSeq2Seq
from chainrule.zoo.transformer_seq2seq import TransformerSeq2Seq

onnxruntime = pytest.importorskip("onnxruntime", reason="needs the extra export")
pytest.importorskip("onnxscript", reason="needs the extra export")

SMALL = {
    "seq2seq": {"width": 12, "num_layers": 2, "kind": "lstm"},
    "seq2seq_attention": {"width": 12},
    "transformer_seq2seq": {"width": 12, "num_layers": 2, "heads": 2, "dropout": 0.0},
}
GREEDY = Search(1, 0.0)
TEXTS = ["ein alter mann singt und ein hund singt.", "Der rote Hund,  schläft", "und"]


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    return pairs_of_words.write(tmp_path_factory.mktemp("pairs") / "words", train=120)


def trained(pairs, folder, model, data=None, **options):
    given = {"source": "de", "target": "en", **(data or {})}
    how = {"epochs": 2, "lr": 2e-2, "batch_size": 16, "threads": 1, "device": "cpu", "runs": str(folder)}
    return chainrule.train(model, pairs, data=given, model={**SMALL[model], **options}, **how)


@pytest.fixture(scope="module")
def learned(pairs, tmp_path_factory):
    return trained(pairs, tmp_path_factory.mktemp("runs"), "seq2seq")


def said_by(file, texts):
    command = [sys.executable, "-I", str(file), *texts]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()


@pytest.mark.parametrize(
    "model",
    [
        "seq2seq_attention",
        pytest.param("seq2seq", marks=pytest.mark.slow),
        pytest.param("transformer_seq2seq", marks=pytest.mark.slow),
    ],
)
def test_the_script_translates_as_the_run_does_without_chainrule(pairs, tmp_path, model):
    run = trained(pairs, tmp_path, model, {"lower": True})
    made = run.export()
    assert [path.name for path in made.files] == ["decoder.onnx", "encoder.onnx", "use_onnx.py"]
    worst = [re.match(r"checked onnxruntime's answers differ by (\S+) at most", line) for line in made.lines]
    assert len(worst) == 2 and all(found and float(found[1]) <= 1e-5 for found in worst)
    script = made.files[-1].read_text()
    assert "chainrule" not in script and 20 <= len(script.splitlines()) <= 31
    wanted = [one.best for one in run.translate(TEXTS, GREEDY)]
    assert len(set(wanted)) > 1 and said_by(made.files[-1], TEXTS) == wanted


def opened(folder):
    return [
        onnxruntime.InferenceSession(folder / f"{name}.onnx", providers=["CPUExecutionProvider"])
        for name in ("encoder", "decoder")
    ]


@pytest.mark.slow
@pytest.mark.parametrize(
    "options", [{"kind": "lstm"}, {"kind": "rnn", "bidirectional": False}, {"score": "general"}, {"score": "concat"}]
)
def test_attention_of_every_kind_leaves(pairs, tmp_path, options):
    run = trained(pairs, tmp_path, "seq2seq_attention", **options)
    encoder, decoder = opened(run.export().files[0].parent)
    names = [x.name for x in decoder.get_inputs()]
    lstm, alike = options.get("kind") == "lstm", options.get("score") == "general"
    assert names == ["token", "s", *["c"] * lstm, "h", *["keys"] * (not alike)]
    assert [x.name for x in decoder.get_outputs()] == ["log_p", "s_after", *["c_after"] * lstm]
    ids = np.array([run.facts.side(0).ids(text) for text in ("ein hund singt.", "ein mann läuft.")])
    state = encoder.run(None, {"source": ids})
    assert [x.name for x in encoder.get_outputs()] == names[1:]
    log_p = decoder.run(None, dict(zip(names, [np.array([1, 1]), *state], strict=True)))[0]
    with torch.no_grad():
        want = run.network.step(run.network.start(torch.from_numpy(ids)), torch.tensor([1, 1]))[0]
    np.testing.assert_allclose(log_p, want.numpy(), rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_what_is_in_the_files_says_how_to_use_them(pairs, tmp_path):
    run = trained(pairs, tmp_path, "transformer_seq2seq", {"target_tokens": "chars"})
    facts = [
        {k: json.loads(v) for k, v in one.get_modelmeta().custom_metadata_map.items()}
        for one in opened(run.export(out=tmp_path / "out").files[0].parent)
    ]
    assert [one["vocabulary"] for one in facts] == [list(words) for words in run.facts.words]
    assert [one["tokens"] for one in facts] == ["words", "characters"]
    assert facts[1]["longest"] == run.facts.longest and "longest" not in facts[0]
    assert said_by(tmp_path / "out" / "use_onnx.py", TEXTS) == [one.best for one in run.translate(TEXTS, GREEDY)]


@pytest.mark.parametrize("model", ["seq2seq", pytest.param("transformer_seq2seq", marks=pytest.mark.slow)])
def test_programs_of_torch_say_the_same(pairs, tmp_path, model):
    run = trained(pairs, tmp_path, model)
    made = run.export("torch", out=tmp_path / "out")
    assert [path.name for path in made.files] == ["decoder.pt2", "encoder.pt2", "use_torch.py"]
    assert made.lines[0].startswith("checked the program's answers differ by")
    assert said_by(made.files[-1], TEXTS) == [one.best for one in run.translate(TEXTS, GREEDY)]


def test_weights_leave_with_both_vocabularies(learned, tmp_path):
    run = learned
    made = run.export("safetensors", out=tmp_path / "out")
    assert [path.name for path in made.files] == ["model.json", "model.safetensors"]
    assert made.lines[-1] == "no script: without chainrule nothing builds seq2seq as it is here"
    told = json.loads(made.files[0].read_text(encoding="utf-8"))
    assert told["encoder"]["language"] == "de" and told["decoder"]["vocabulary"] == list(run.facts.words[1])


@pytest.mark.parametrize("tokens", ["words", "spaces", "characters", "chinese", "bpe"])
def test_the_script_cuts_and_joins_text_as_the_run_does(tokens):
    texts = ["It's a t-shirt, isn't it? über_1 ’tis  3.5", "我有 3 台“iPhone”。", "a ￭ b ,c"]
    merges = learn(texts, 8, False) if tokens == "bpe" else ()
    side = Side.of("xx", tokens, texts, merges=merges)
    found = {"target": scripts.told(side), "re": re, "unicodedata": unicodedata}
    exec(scripts.cut_of(side), found)
    for text in texts:
        assert list(found["cut"](text, scripts.told(side))) == side.cut(text)
        found["said"] = side.cut(text)
        exec(_dedented(scripts._join(side)), found)
        assert found["out"] == side.text(side.ids(text))


def _dedented(code):
    return "if True:\n" + code


def test_a_scheme_of_ones_own_has_no_script():
    own, words = (Side.of("xx", tokens, ["a b"]) for tokens in ("textwrap:wrap", "words"))
    assert scripts.script("onnx", own, words) is scripts.script("onnx", words, own) is None
    assert "re.findall" in scripts.script("onnx", words, words)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"to": "tensorflow"}, "form of export 'tensorflow'"),
        ({"fold_bn": True}, "fold_bn: seq2seq has no batch norm"),
    ],
)
def test_what_cannot_be_written_is_one_line_and_leaves_nothing(learned, tmp_path, asked, message):
    with pytest.raises(UserError, match=message):
        learned.export(out=tmp_path / "out", **asked)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "network",
    [
        RecurrentSeq2Seq(9, 8, 6, 2, "lstm"),
        AttentionSeq2Seq(9, 8, 6, "rnn", False),
        AttentionSeq2Seq(9, 8, 6, "gru", score="general"),
        TransformerSeq2Seq(9, 8, 6, 2, 2, dropout=0.0),
    ],
)
def test_a_state_comes_back_from_its_tensors(network):
    form, network = layout(network), network.eval()
    source, token = torch.tensor([[4, 5, 6], [7, 8, 4]]), torch.tensor([1, 1])
    state = Encoder(network, form)(source)
    assert len(state) == len(form.names) and all(len(x) == 2 for x in state)
    whole = network.start(source)
    for _ in range(3):
        want, whole = network.step(whole, token)
        log_p, after = network.step(form.nest(state), token)
        torch.testing.assert_close(log_p, want)
        state = (*form.flat(after)[: form.changing], *state[form.changing :])
