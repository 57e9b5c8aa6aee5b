"""Runs that learn from texts: classes, numbers, tags; what is remembered, resumed, answered and refused."""

import random

import numpy as np
import pytest
import torch
from killing import killed

import chainrule
from chainrule.data import vector_files
from chainrule.errors import UserError
from chainrule.learn.run import open_run
from chainrule.learn.texts.data import IGNORED, Reading, TextFacts, read
from chainrule.learn.texts.feed import TextFeed
from chainrule.learn.texts.rivals import Bags, naive_bayes
from chainrule.runs import checkpoint
from chainrule.settings import parse

WARM, COLD = ("sun", "sand", "palm", "heat"), ("ice", "snow", "frost", "wind")
FEW = {"epochs": 4, "lr": 0.05, "batch_size": 16, "threads": 1, "model": {"width": 8}}
RECURRENT = {"width": 8, "hidden": 8, "dropout": 0.1}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Weather in words, its temperature, and its words' kinds."""
    rng, root = random.Random(0), tmp_path_factory.mktemp("texts")
    rows, numbers, tagged = ["text,label"], ["text,label"], []
    for _ in range(120):
        kind = rng.random() < 0.5
        words = [rng.choice(WARM if kind else COLD) for _ in range(rng.randint(1, 6))]
        rows.append(f"{' and '.join(words)},{'warm' if kind else 'cold'}")
        numbers.append(f"{' and '.join(words)},{(1 if kind else -1) * len(words) * 5 + 15}")
        tagged += [f"{word} {'HOT' if word in WARM else 'COOL'}" for word in words] + ["and LINK", ""]
    (root / "weather.csv").write_text("\n".join(rows))
    (root / "degrees.csv").write_text("\n".join(numbers))
    (root / "kinds.conll").write_text("\n".join(tagged))
    return root


def trained(place, network="text_bag", file="weather.csv", /, **values):
    return chainrule.train(network, place / file, runs=str(place / "runs"), **{**FEW, **values})


@pytest.fixture(scope="module")
def run(place):
    return trained(place, "text_gru", model=RECURRENT, name="weather")


def test_a_text_has_a_class_with_its_probability(run):
    sun, ice = run.predict(["sun and palm", "frost"])
    assert (sun.label, ice.label) == ("warm", "cold") and sun.probability > 0.6
    assert abs(sum(p for _, p in sun.top) - 1) < 1e-9 and run.classes == ("cold", "warm")
    assert run.metrics["test_accuracy"] == 1.0 and run.metrics["test_count"] == 12
    assert run.evaluate()["accuracy"] == 1.0
    assert run.predict("sun zzz")[0].unknown == 1


def test_the_report_stands_beside_what_one_has_without_a_network(run):
    beside = run.finished["baselines"]
    assert beside["majority"]["test_accuracy"] < 0.7 and beside["naive Bayes"]["test_accuracy"] == 1.0
    text = (run.path / "report" / "report.md").read_text()
    assert (
        "naive Bayes" in text and "beats majority" in text and "equals naive Bayes" in text and "胜过 majority" in text
    )
    assert run.verdict[0].startswith("test accuracy 100 %: beats majority (")
    assert (run.path / "report" / "confusion.png").exists()


def test_texts_that_say_nothing_are_named_and_the_others_answered(run):
    broken: list[str] = []
    assert [one.label for one in run.predict(["sun", " ", "zzz qqq", "ice"], broken=broken)] == ["warm", "cold"]
    assert broken[0] == "text 2: ' ': no token: expected words"
    assert broken[1].startswith("text 3: 'zzz qqq': only unknown words (zzz qqq): expected some of the")
    with pytest.raises(UserError, match="text 1: '': no token"):
        run.predict("")


def test_a_run_answers_without_its_data(run, place, tmp_path):
    moved = place / "weather.csv"
    kept = moved.read_bytes()
    moved.unlink()
    try:
        assert open_run(run.path).predict("snow")[0].label == "cold"
    finally:
        moved.write_bytes(kept)
    again = TextFacts.from_json(run.facts.to_json())
    assert again == run.facts and again.reader().ids("sun") == run.facts.reader().ids("sun")


def test_numbers_come_in_their_own_units(place):
    run = trained(
        place, "text_gru", "degrees.csv", data={"task": "numbers"}, epochs=25, model={**RECURRENT, "dropout": 0.0}
    )
    assert run.decides == "mae" and run.metrics["test_mae"] < 4 < run.finished["baselines"]["mean"]["test_mae"]
    hot, icy = (one.value for one in run.predict(["sun and sand and heat and palm", "ice and ice and wind"]))
    assert hot > 25 > 10 > icy
    assert run.metrics["test_r2"] > 0.9 and "ridge" in run.finished["baselines"]


def test_each_token_has_a_tag(place):
    run = trained(place, "text_lstm", "kinds.conll", model=RECURRENT)
    assert run.facts.task == "tags" and run.classes == ("COOL", "HOT", "LINK")
    assert [(t, tag) for t, tag, _ in run.predict("sun and ice")[0].tags] == [
        ("sun", "HOT"),
        ("and", "LINK"),
        ("ice", "COOL"),
    ]
    assert run.metrics["test_accuracy"] == run.finished["baselines"]["tag of the word"]["test_accuracy"] == 1.0


@pytest.mark.parametrize("model", ["text_transformer", "text_rnn", "text_peephole"])
def test_other_readers_learn_too(place, model):
    options = {"width": 8, "heads": 2, "num_layers": 1} if model == "text_transformer" else RECURRENT
    assert trained(place, model, model=options, lr=0.02, epochs=6).metrics["test_accuracy"] > 0.9


def test_words_begin_with_known_vectors_frozen_or_tuned(place):
    words = [*WARM, *COLD, "and"]
    vector_files.write(place / "v.txt", words, np.eye(9, dtype=np.float32))
    for tune in (False, True):
        run = trained(place, model={"vectors": str(place / "v.txt"), "tune": tune}, epochs=2)
        row = run.network.embedding.weight[run.facts.reader().ids("sun")[0]]
        assert bool((row == torch.eye(9)[0]).all()) != tune and run.facts.width == 9
        assert run.predict("sun")[0].label in run.classes
    with pytest.raises(UserError, match=r"model.width=8: the word vectors have 9 numbers each; leave it out"):
        trained(place, model={"vectors": str(place / "v.txt"), "width": 8})
    vector_files.write(place / "w.txt", ["xx", "yy"], np.eye(2, dtype=np.float32))
    with pytest.raises(UserError, match=r"model.vectors=.*w.txt: knows none of the 13 tokens of weather"):
        trained(place, model={"vectors": str(place / "w.txt")})
    with pytest.raises(UserError, match=r"model.vectors=nowhere: no such file or run: expected word vectors"):
        trained(place, model={"vectors": "nowhere"})
    with pytest.raises(UserError, match=r"a run of text_gru: expected a run of word2vec, or a file"):
        trained(place, model={"vectors": "weather"})


def test_a_run_goes_on_where_it_was(place, run):
    short = trained(place, "text_gru", model=RECURRENT, epochs=2, name="short")
    longer = chainrule.resume(short.path, epochs=4)
    one, other = (checkpoint.load(r.folder.checkpoints).tensors for r in (run, longer))
    assert all(torch.equal(v, other[k]) for k, v in one.items() if k.startswith("model/"))


def test_other_texts_are_refused_on_resume(place, run):
    (place / "other.csv").write_text((place / "weather.csv").read_text().replace("sun", "sunshine"))
    with pytest.raises(UserError, match=r"is not what run 'weather' was trained on"):
        chainrule.resume(run.path, data=place / "other.csv", epochs=5)


def test_every_text_is_read_once_an_epoch_and_lengths_stand_together(place):
    data = read(str(place / "weather.csv"), Reading(), 0.1, 0)
    feed = TextFeed(data.train, parse(["batch_size=8", "accumulate=2"]))
    for epoch in range(3):
        seen = [b for u in range(feed.updates) for b in feed.at(epoch * feed.updates + u)]
        assert sum(len(y) for _, y in seen) == len(data.train)
        assert sum(int(mask.sum()) for (_, mask), _ in seen) == int(data.train.lengths.sum())
        assert all(bool((tokens != 0).eq(mask).all()) for (tokens, mask), _ in seen)
    padding = sum(int((~mask).sum()) for (_, mask), _ in seen)
    assert padding < 0.15 * int(data.train.lengths.sum())
    even = TextFeed(data.train, parse(["batch_size=8", "compile=true"]))
    assert {b[0][0].shape[1] for u in range(even.updates) for b in even.at(u)} == {16}


def test_what_is_kept_for_testing_is_the_same_for_every_seed(place):
    first, other = (read(str(place / "weather.csv"), Reading(), 0.1, seed) for seed in (0, 1))
    assert first.test is not None and other.test is not None and first.val is not None and other.val is not None
    assert first.test.texts == other.test.texts and first.val.texts != other.val.texts
    assert set(first.facts.vocabulary) <= {"<PAD>", "<BOS>", "<EOS>", "<NUL>", "and", *WARM, *COLD}


@pytest.mark.parametrize(("tokens", "some"), [("chars", "s"), ("bpe", "and</w>"), ("chinese", "sun")])
def test_tokens_of_other_schemes_and_what_is_remembered_of_them(place, tokens, some):
    facts = read(str(place / "weather.csv"), Reading(tokens=tokens, merges=20, max_length=4), 0.1, 0).facts
    reader = TextFacts.from_json(facts.to_json()).reader()
    assert some in facts.vocabulary and len(reader.tokens("sun and sand and palm")) == 4


def test_naive_bayes_is_the_definition(place):
    data = read(str(place / "weather.csv"), Reading(), 0.1, 0)
    bags, y = Bags(data.train, 1), data.train.targets
    x = bags.of(data.train)
    likely, prior = naive_bayes(x, y, 2)
    dense = x.to_dense()
    for c in range(2):
        counts = dense[y == c].sum(0) + 1
        assert torch.allclose(likely[c].exp(), counts / counts.sum()) and prior[c].exp() == (y == c).float().mean()
    sk = pytest.importorskip("sklearn.naive_bayes")
    theirs = sk.MultinomialNB().fit(dense.numpy(), y.numpy())
    assert np.allclose(theirs.feature_log_prob_, likely.numpy(), atol=1e-5)


def test_tags_behind_a_texts_end_count_for_nothing(place):
    data = read(str(place / "kinds.conll"), Reading(), 0.0, 0)
    (_, mask), y = data.train.batch(torch.arange(5))
    assert bool((y == IGNORED).eq(~mask).all())


WRONG = {
    "one label": ("text,label\na,x\nb,x\n", {}, r"every text has the label 'x': expected at least two labels"),
    "labels that are numbers": (
        "text,label\n" + "".join(f"a,{i}.5\n" for i in range(60)),
        {},
        r"\d+ different labels in \d+ texts: expected classes; numbers need data.task=numbers",
    ),
    "no number": ("text,label\na,1\nb,two\n", {"task": "numbers", "test": 0}, r"label 'two': expected a number for"),
    "an infinite number": (
        "text,label\na,1\nb,inf\n",
        {"task": "numbers", "test": 0},
        r"label 'inf': expected a number",
    ),
    "one number": ("text,label\na,1\nb,1\n", {"task": "numbers", "test": 0}, r"every text has the number 1: expected"),
    "tags of labels": ("text,label\na,x\nb,y\n", {"task": "tags"}, r"data.task=tags: .* has a label for each text"),
    "a strange task": ("text,label\na,x\nb,y\n", {"task": "tag"}, r"unknown data.task 'tag': .* did you mean tags\?"),
    "no length": ("text,label\na,x\nb,y\n", {"max_length": 0}, r"data.max_length=0: expected an integer of at least 1"),
    "a share of two": ("text,label\na,x\nb,y\n", {"test": 2}, r"data.test=2: expected a share in \[0, 1\)"),
    "strange tokens": ("text,label\na,x\nb,y\n", {"tokens": "word"}, r"tokens=word: unknown: .* did you mean words\?"),
    "too rare": ("text,label\na,x\nb,y\n", {"min_count": 9}, r"min_freq=9: no token stands so often"),
    "a strange spelling": ("text,label\na,x\nb,y\n", {"normalise": "lowr"}, r"lowr"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_with_texts_is_one_line_and_leaves_no_run(tmp_path, name):
    text, data, message = WRONG[name]
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(UserError, match=message) as caught:
        chainrule.train("text_bag", tmp_path / "a.csv", runs=str(tmp_path / "runs"), data=data, val=0)
    assert len(caught.value.lines) == 1 and not (tmp_path / "runs").exists()


def test_a_label_that_only_the_test_part_has_is_named(tmp_path):
    for part, rows in (("train", "a,x\nb,y\n"), ("test", "c,z\n")):
        (tmp_path / f"{part}.csv").write_text(f"text,label\n{rows}")
    with pytest.raises(UserError, match=r"label 'z' of the test part is in no text of the training part: expected one"):
        read(str(tmp_path), Reading(), 0.0, 0)


def test_a_tagged_sentence_that_is_too_long_is_refused(tmp_path):
    (tmp_path / "a.conll").write_text("a X\nb Y\nc X\n\na X\n\nb Y\n")
    with pytest.raises(UserError, match=r"a sentence of 3 tokens \(a b c …\): expected at most data.max_length=2"):
        read(str(tmp_path / "a.conll"), Reading(max_length=2, test=0.0), 0.0, 0)


def test_settings_without_use_are_refused_together(place):
    with pytest.raises(UserError) as caught:
        trained(place, augment="flip", size=(8, 8))
    assert [line.partition("=")[0] for line in caught.value.lines] == ["size", "augment"]
    with pytest.raises(UserError, match="balance=sampler: batches of texts go by length; expected balance=loss"):
        trained(place, balance="sampler")
    with pytest.raises(UserError, match="loss=mse: tags are classes of tokens"):
        trained(place, "text_bag", "kinds.conll", loss="mse")
    with pytest.raises(UserError, match="balance=loss: expected classes, and degrees has numbers"):
        chainrule.train("text_bag", place / "degrees.csv", data={"task": "numbers"}, balance="loss")
    with pytest.raises(UserError, match=r"model text_gru could not be made with model.hidden=-1: "):
        trained(place, "text_gru", model={"hidden": -1})


def test_rare_classes_can_weigh_more_and_few_texts_be_learned_by_heart(place):
    assert trained(place, balance="loss", epochs=1).metrics["test_count"] == 12
    run = trained(place, overfit=1, epochs=30, model={"width": 8, "dropout": 0.0})
    assert run.metrics["train_accuracy"] == 1.0 and run.finished.get("baselines") is None


def kill(place, folder, kills):
    words = ["epochs=2", "batch_size=32", "model.width=8", "model.hidden=8", "model.num_layers=2", "ema=0.9"]
    return int(killed(folder, kills, f"text_lstm@{place / 'weather.csv'}", *words, seconds=600).split()[0])


def test_a_killed_run_goes_on_bit_for_bit(place, tmp_path):
    assert kill(place, tmp_path, 2) >= 2


@pytest.mark.slow
def test_20_kills(place, tmp_path):
    assert kill(place, tmp_path, 20) >= 20
