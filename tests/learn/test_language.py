"""Language models as runs: what is carried, what is judged, what is said."""

import math

import numpy as np
import pytest
import torch

from chainrule.data.language import Part
from chainrule.errors import UserError
from chainrule.learn.device import Device
from chainrule.learn.language import task as room
from chainrule.learn.language.carrying import Carrying
from chainrule.learn.language.kind import LanguageModels
from chainrule.learn.language.task import NextToken
from chainrule.learn.loop import NonFinite
from chainrule.learn.run import open_run, resume, train
from chainrule.learn.state import carried
from chainrule.learn.step import Form, Step
from chainrule.optim import SGD
from chainrule.runs import checkpoint
from chainrule.settings import make
from chainrule.zoo.language_model import RecurrentLanguageModel, TransformerLanguageModel

VERSE = [f"the {a} {b} on the {c}.\n" for a in ("cat", "dog", "owl") for b in ("sat", "hid") for c in ("mat", "oak")]
TEXT = "".join(VERSE) * 12
CPU = Device("cpu")
SMALL = {"data": {"steps": 16}, "batch_size": 8, "lr": 1e-2, "threads": 1}


@pytest.fixture
def text(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "verse.txt").write_text(TEXT)
    return "verse.txt"


def parts(text: str, **more):
    kind, settings = LanguageModels(), make(SMALL | more)
    data = kind.dataset("recurrent_lm", text, settings)
    return kind, settings, data


@pytest.mark.parametrize("kind", ["rnn", "lstm", "gru"])
def test_the_state_goes_on_from_batch_to_batch_and_begins_anew_with_an_epoch(text, kind):
    made, settings, data = parts(text, model={"kind": kind, "width": 8, "num_layers": 2})
    network, feed = made.network("recurrent_lm", settings, data), made.feed(data, settings)
    batches = [feed.at(step)[0] for step in range(feed.updates)]
    with torch.no_grad():
        scores = torch.cat([network(*x)[0] for x, _ in batches], 1)
        whole = RecurrentLanguageModel.forward(network, torch.cat([x[0] for x, _ in batches], 1))[0]
        torch.testing.assert_close(scores, whole)
        (x, fresh), _ = feed.at(feed.updates)[0]
        assert fresh.item() and not batches[1][0][1].item()
        torch.testing.assert_close(network(x, fresh)[0], RecurrentLanguageModel.forward(network, x)[0])


def test_the_gradient_ends_where_a_batch_begins(text):
    made, settings, data = parts(text, model={"width": 8})
    network, feed = made.network("recurrent_lm", settings, data), made.feed(data, settings)
    (first, new), _ = feed.at(0)[0]
    (second, on), y = feed.at(1)[0]
    network(first, new)
    before = tuple(b.clone() for b in carried(network).values())
    made.task(settings, data).loss(network(second, on), y).backward()
    apart = RecurrentLanguageModel.forward(network, second, before)[0]
    want = torch.autograd.grad(room.word_loss(apart, y), list(network.parameters()))
    for parameter, grad in zip(network.parameters(), want, strict=True):
        torch.testing.assert_close(parameter.grad, grad)


@pytest.mark.parametrize("compiled", ["no", "two"])
def test_a_step_that_is_not_finite_puts_the_state_back(text, compiled, monkeypatch):
    monkeypatch.setattr(torch, "compile", lambda f, **_: f)  # what is compiled is the slow test's
    made, settings, data = parts(text, model={"width": 8})
    network, feed = made.network("recurrent_lm", settings, data), made.feed(data, settings)
    step = Step(network, made.task(settings, data), SGD(network.parameters(), 0.1), CPU, form=Form(compiled))
    assert step(feed.at(0)).finite
    kept = {k: v.clone() for k, v in carried(network).items()}
    assert all(v.any() for v in kept.values())
    network.out.bias.data[5] = math.inf
    assert not step(feed.at(1)).finite
    assert all(torch.equal(v, kept[k]) for k, v in carried(network).items())


def test_weights_hold_no_state_and_checkpoints_do(text):
    run = train("recurrent_lm", text, epochs=1, model={"width": 8}, ema=0.9, **SMALL)
    last = checkpoint.load(run.folder.checkpoints).tensors
    assert {k for k in last if k.startswith("carried/")} == {"carried/carried0", "carried/carried1"}
    assert last["carried/carried0"].shape == (8, 1, 8) and last["carried/carried0"].any()
    for room_ in ("model", "average"):
        assert not any("carried" in k for k in last if k.startswith(f"{room_}/"))
    assert type(run.network) is RecurrentLanguageModel
    assert {k for k in run.saved.tensors if "carried" in k} == set()
    other = train(
        "recurrent_lm", text, epochs=1, weights=str(run.path), **SMALL | {"batch_size": 5}, model={"width": 8}
    )
    assert other.metrics["val_loss"] < run.metrics["val_loss"]


@pytest.mark.parametrize(
    ("model", "more"),
    [
        ("recurrent_lm", {"model": {"width": 8, "dropout": 0.3, "num_layers": 2}, "accumulate": 3}),
        ("recurrent_lm", {"model": {"width": 8, "kind": "peephole"}}),
        ("transformer_lm", {"model": {"width": 8, "heads": 2, "num_layers": 1}, "ema": 0.9}),
    ],
)
def test_a_run_that_is_stopped_goes_on_bit_for_bit(text, model, more, tmp_path):
    settings = SMALL | more | {"save_every": 0, "epochs": 1, "keep": 1000, "batch_size": 16}
    whole = train(model, text, name="whole", **settings)
    again = train(model, text, name="again", **settings)
    found = sorted(again.folder.checkpoints.glob("step-*"))
    for late in found[len(found) // 2 + 1 :]:
        for file in late.iterdir():
            file.unlink()
        late.rmdir()
    resume(again.path)
    first, second = (checkpoint.load(r.folder.checkpoints).tensors for r in (whole, again))
    assert first.keys() == second.keys()
    assert not [k for k, v in first.items() if not torch.equal(v, second[k])]


@pytest.mark.parametrize("kind", ["rnn", "lstm", "gru"])
def test_E75_a_part_is_judged_as_one_long_row_of_conditionals(kind, monkeypatch):
    """Rows side by side know what stands before them: the more they read there, the less they differ from one row."""
    torch.manual_seed(0)
    model = RecurrentLanguageModel(12, width=16, kind=kind)
    ids = np.random.default_rng(0).integers(4, 12, 1003)
    with torch.no_grad():
        scores = model(torch.from_numpy(ids[None, :-1]))[0]
        want = float(room.word_loss(scores, torch.from_numpy(ids[None, 1:])))
    for rows, warm in ((1, 0), (4, 100), (7, 71)):
        monkeypatch.setattr(room, "ROWS", rows)
        monkeypatch.setattr(room, "WARM", max(warm, 1))
        told = NextToken(steps=32).evaluate(model, Part(ids, 1003), CPU)
        assert told.count == 1002
        assert told.figures()["loss"] == pytest.approx(want, abs=1e-6)


def test_a_transformer_is_judged_in_windows_of_all_tokens():
    torch.manual_seed(0)
    model = TransformerLanguageModel(12, width=8, num_layers=1, heads=2, max_length=16)
    ids = np.random.default_rng(0).integers(4, 12, 100)
    told = NextToken(steps=16).evaluate(model, Part(ids, 200), CPU)
    assert model.training and told.count == 99
    model.eval()
    x, y = torch.from_numpy(ids[:-1]), torch.from_numpy(ids[1:])
    with torch.no_grad():
        nats = sum(
            float(room.word_loss(model(x[None, at : at + 16])[0], y[None, at : at + 16], reduction="sum"))
            for at in range(0, 99, 16)
        )
    figures = told.figures()
    assert figures["loss"] == pytest.approx(nats / 99, rel=1e-6)
    assert figures["perplexity"] == pytest.approx(math.exp(nats / 99), rel=1e-6)
    assert figures["bits_per_character"] == pytest.approx(nats / math.log(2) / 200, rel=1e-6)


def test_a_run_learns_beats_what_only_counts_single_tokens_and_says_so(text):
    run = train("recurrent_lm", text, epochs=6, model={"width": 32, "kind": "gru"}, clip=1.0, **SMALL)
    told = run.finished["baselines"]
    assert set(told) == {"unigram", "6-gram"}
    assert run.metrics["test_loss"] < 0.5 * told["unigram"]["test_loss"]
    assert run.metrics["test_unknown"] == 0 and run.finished["confusion"] is None
    assert run.evaluate(split="test")["loss"] == pytest.approx(run.metrics["test_loss"], rel=1e-6)
    assert "unigram" in (run.path / "report" / "report.md").read_text()
    (run.path.parent / "other.txt").write_text("the owl hid on the oak.\n" * 3)
    assert run.evaluate(run.path.parent / "other.txt")["count"] == 71
    assert run.generate("the cat s", 6, greedy=True).startswith("at on ")


@pytest.fixture(scope="module")
def words(tmp_path_factory):
    folder = tmp_path_factory.mktemp("words")
    (folder / "verse.txt").write_text(TEXT)
    more = {**SMALL, "data": {"tokens": "words", "steps": 8}, "epochs": 8, "runs": str(folder)}
    return train("transformer_lm", str(folder / "verse.txt"), model={"width": 16, "heads": 2, "num_layers": 1}, **more)


def test_what_is_streamed_is_what_is_generated_and_a_seed_repeats_it(words):
    pieces = list(words.stream("the cat", 30))
    assert "".join(pieces) == words.generate("the cat", 30, seed=0) != words.generate("the cat", 30, seed=1)
    assert len(pieces) == 30
    assert all(special not in "".join(pieces) for special in ("<PAD>", "<BOS>", "<EOS>", "<NUL>"))


def test_words_lean_on_the_text_before_them(words):
    said = words.generate("the cat sat on the", 2, greedy=True)
    assert said[0] == " " and said.endswith(".")
    assert words.generate("the cat sat on the ", 2, greedy=True) == said[1:]
    assert words.generate("", 1, greedy=True) == "the" == words.generate("the cat sat on the mat.\n", 1, greedy=True)


def test_a_transformer_goes_on_beyond_its_positions(words):
    """It sees 8 tokens; where they are full the older half is forgotten, and what is said is what it then sees."""
    reader, network = words.facts.reader, words.network
    ids = reader.ids("the cat sat on the mat.\nthe").tolist()
    said = list(reader.ids(words.generate(reader.text(ids), 12, greedy=True)))
    assert len(said) == 12
    seen = ids[-8:]
    for token in said:
        with torch.no_grad():
            scores = network(torch.tensor([seen]))[0][0, -1]
        scores[:2] = scores[3] = -math.inf
        assert token == scores.argmax()
        seen = (seen[-3:] if len(seen) == 8 else seen) + [token]


@pytest.mark.parametrize(
    ("model", "more", "message"),
    [
        ("recurrent_lm", {"model": {"kind": "lstn"}}, "did you mean lstm"),
        ("transformer_lm", {"model": {"width": 10}}, "heads=4: expected a divisor of width=10"),
        ("transformer_lm", {"model": {"max_length": 10}}, "model.max_length: transformer_lm does not take it"),
        ("recurrent_lm", {"model": {"width": "wide"}}, "could not be made"),
        ("recurrent_lm", {"batch_size": 5000}, r"a text of \d+ tokens: expected more than 10016 for 5000 rows"),
        ("transformer_lm", {"data": {"steps": 5000}}, "expected"),
        ("recurrent_lm", {"augment": "flip"}, "augment=flip: recurrent_lm has no use for it"),
        ("recurrent_lm", {"freeze": "backbone"}, "freeze=backbone: recurrent_lm has no use for it"),
        ("recurrent_lm", {"data": {"tokens": "syllables"}}, "tokens=syllables: unknown"),
        ("recurrent_lm", {"data": {"steps": 16, "tokens": "words", "min_count": 10**6}}, "no token stands so often"),
        ("recurrent_lm", {"data": {"step": 16}}, "did you mean steps"),
    ],
)
def test_trainings_that_cannot_be(text, model, more, message, tmp_path):
    with pytest.raises(UserError, match=message):
        train(model, text, **SMALL | more)
    assert not (tmp_path / "runs").exists()


def test_a_loss_that_is_not_finite_stops_before_anything_changes(text):
    with pytest.raises(NonFinite, match="nothing was changed"):
        train(
            "recurrent_lm", text, epochs=3, model={"kind": "rnn", "width": 8}, optimizer="sgd", **SMALL | {"lr": 1e38}
        )


def test_another_text_than_the_run_learned_is_refused_on_resume(text, tmp_path):
    run = train("recurrent_lm", text, epochs=1, model={"width": 8}, **SMALL)
    (tmp_path / "verse.txt").write_text(TEXT.replace("owl", "fox"))
    with pytest.raises(UserError, match=r"is not what run .* was trained on"):
        resume(run.path, epochs=2)
    assert open_run(run.path).generate("the ", 5)


def test_carrying_is_refused_where_there_are_other_rows():
    model = Carrying(9, rows=3, width=4)
    assert [tuple(b.shape) for b in carried(model).values()] == [(3, 1, 4)] * 2
    assert set(model.state_dict()) == set(RecurrentLanguageModel(9, width=4).state_dict())


@pytest.mark.slow
@pytest.mark.parametrize("model", ["recurrent_lm", "transformer_lm"])
def test_a_compiled_step_carries_the_same_state(text, model):
    small = {"width": 8} | ({"num_layers": 1} if model == "transformer_lm" else {})
    runs = [train(model, text, epochs=1, model=small, compile=c, name=f"c{c}", **SMALL) for c in (False, True)]
    eager, compiled = (checkpoint.load(r.folder.checkpoints).tensors for r in runs)
    for key in eager:
        if key.startswith(("carried/", "model/")):
            torch.testing.assert_close(eager[key], compiled[key], rtol=1e-3, atol=1e-4)
