"""A run of word2vec: it learns, is resumed bit for bit with one thread, and what it learned can be asked."""

import itertools
import json
import random
from pathlib import Path

import numpy as np
import pytest
import torch

import chainrule
from chainrule.data.windows import Windows
from chainrule.errors import UserError
from chainrule.gear import gear
from chainrule.kernels import native
from chainrule.learn.words import training as room
from chainrule.learn.words import word_tests
from chainrule.learn.words.kind import VectorRun
from chainrule.learn.words.vectors import WordVectors, spearman
from chainrule.runs.checkpoint import load
from chainrule.runs.durable import DiskFull
from chainrule.runs.folder import RunFolder
from chainrule.runs.log import read
from chainrule.zoo.word2vec import step, tables

KINDS = {"king": "queen throne crown", "dog": "cat puppy bone", "bread": "butter cheese milk"}
FEW = {"epochs": 2, "threads": 1, "model": {"dim": 12, "window": 3, "sample": 0.0}}


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    """Sentences of three kinds: each word stands among those of its own kind."""
    rng = random.Random(0)
    families = [[head, *others.split()] for head, others in KINDS.items()]
    lines = [" ".join(rng.choice(family) for _ in range(8)) for family in (rng.choice(families) for _ in range(250))]
    path = tmp_path_factory.mktemp("text") / "kinds.txt"
    path.write_text("\n".join(lines))
    return path


@pytest.fixture
def made(text, tmp_path):
    def make(**values):
        return chainrule.train("word2vec", text, **{"runs": str(tmp_path / "runs"), **FEW, **values})

    return make


def weights(run):
    return {k: v.clone() for k, v in load(run.folder.checkpoints).tensors.items()}


def same(one, other):
    return all(one[k].equal(other[k]) for k in one)


FORMS = [*itertools.product(["auto"], [False, True], [False, True]), ("formula", False, False), ("formula", True, True)]


def test_a_disk_without_room_for_the_report_leaves_the_run_whole(made, monkeypatch):
    def full(*_):
        raise DiskFull("the report was not written: no space left on the disk")

    monkeypatch.setattr(VectorRun, "write_report", full)
    events = []
    run = made(epochs=1, on_event=events.append)
    assert [e["text"] for e in events if e["event"] == "note" and "no space left" in e["text"]]
    monkeypatch.undo()
    assert run.write_report()[0].is_file()


@pytest.mark.parametrize(("form", "cbow", "hs"), FORMS)
def test_words_of_a_kind_come_together(made, form, cbow, hs):
    run = made(
        gear=form,
        epochs=8 if form == "auto" else 4,
        lr=0.3 if cbow else 0.1,
        model=FEW["model"] | {"cbow": cbow, "hs": hs},
    )
    for head, others in KINDS.items():
        nearest = [word for word, _ in run.vectors.most_similar([head], topn=3)]
        assert sorted(nearest) == sorted(others.split())


def test_a_run_has_what_every_run_has(made):
    run = made(name="first")
    events = list(read(run.folder.log))
    assert [e["event"] for e in events if e["event"] != "step"] == ["start", "epoch", "epoch", "finish"]
    epochs = [e for e in events if e["event"] == "epoch"]
    assert epochs[1]["train_loss"] < epochs[0]["train_loss"]
    assert all(e["words_per_second"] > 0 for e in epochs)
    assert {p.name for p in run.folder.report.iterdir()} == {"report.md", "metrics.json", "curves.png"}
    assert json.loads((run.folder.report / "metrics.json").read_text())["metrics"]["train_loss"] > 0
    assert len((run.path / "vocabulary.tsv").read_text().splitlines()) == 12
    assert same(weights(run), weights(chainrule.train("word2vec", run.data, run.settings, name="again")))
    assert not same(weights(run), weights(made(name="other", seed=1)))


def test_one_thread_goes_on_bit_for_bit(made, monkeypatch):
    whole = made(name="whole")
    update, stop_at = room.Trainer.update, 13

    def stopping(self, log, at):
        if self.position.step == stop_at:
            self.save(log)
            raise KeyboardInterrupt
        update(self, log, at)

    monkeypatch.setattr(room.Trainer, "update", stopping)
    with pytest.raises(KeyboardInterrupt):
        made(name="cut")
    monkeypatch.undo()
    cut = chainrule.resume(whole.path.parent / "cut")
    assert load(cut.folder.checkpoints).state["position"]["step"] == 40
    assert same(weights(whole), weights(cut))


def test_a_finished_run_is_extended_and_refuses_what_would_change_the_past(made, text):
    run = made()
    with pytest.raises(UserError, match="cannot change on resume"):
        chainrule.resume(run.path, seed=3)
    with pytest.raises(UserError, match="has trained 2 already"):
        chainrule.resume(run.path, epochs=1)
    other = text.with_name("other.txt")
    other.write_text(text.read_text() + "\nking")
    with pytest.raises(UserError, match="is not what run"):
        chainrule.resume(run.path, data=other)
    assert chainrule.resume(run.path, epochs=3).settings.epochs == 3
    assert type(chainrule.open_run(run.path)) is type(run)


def test_without_a_compiler_the_formula_trains_and_a_line_says_so(made, monkeypatch):
    def none(name):
        raise native.Unavailable("there is no C++ compiler (g++ or clang++)")

    monkeypatch.setattr(native, "load", none)
    told = [e["text"] for e in read(made(epochs=1).folder.log) if e["event"] == "note"]
    assert told == [
        "no native kernel: there is no C++ compiler (g++ or clang++); the torch form runs, many times slower"
    ]


def test_the_gear_in_force_is_the_one_that_trains(made):
    with gear("formula"):
        run = made(epochs=1)
    assert next(read(run.folder.log))["gear"] == "formula"


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"optimizer": "sgd"}, "optimizer=sgd: word2vec does not take it; it takes epochs, seed"),
        ({"model": {"dim": 0}}, "model.dim=0: expected an integer of at least 1"),
        ({"model": {"window": 2.5}}, "model.window=2.5: expected an integer"),
        ({"model": {"negative": "many"}}, "model.negative='many': expected an integer"),
        ({"model": {"sample": -1}}, "model.sample=-1: expected a number in [0, 1)"),
        ({"model": {"cbow": "maybe"}}, "model.cbow='maybe': expected true or false"),
        ({"model": {"encoding": 8}}, "model.encoding=8: expected a name"),
        ({"model": {"min_count": 10**6}}, "expected at least two: a longer text, or a smaller model.min_count"),
        ({"device": "cuda"}, "device=cuda: word2vec runs on the processor"),
    ],
)
def test_a_wrong_setting_is_one_line_and_makes_no_run(made, tmp_path, values, says):
    with pytest.raises(UserError) as caught:
        made(**values)
    assert len(caught.value.lines) == 1
    assert says in str(caught.value)
    assert not (tmp_path / "runs").exists()


def test_a_text_that_is_not_there_is_one_line(tmp_path):
    (tmp_path / "one").write_text("a")
    (tmp_path / "two").write_text("b")
    with pytest.raises(UserError, match="not for vectors: expected one of tinyshakespeare, wiki8, or a path"):
        chainrule.train("word2vec", "digits")
    with pytest.raises(UserError, match="a folder of 2 files"):
        chainrule.train("word2vec", tmp_path)


def test_a_vocabulary_that_does_not_fit_its_checkpoint_is_one_line(made):
    run = made()
    (run.path / "vocabulary.tsv").write_text("only\t1\n")
    with pytest.raises(UserError, match="1 words, and the checkpoint holds 12"):
        _ = VectorRun(RunFolder.open(run.path)).vectors


def test_a_loss_that_is_no_number_stops_the_run(made):
    with pytest.raises(UserError, match=r"loss .* at step"):
        made(lr=1e38)


# ---- what is asked --------------------------------------------------------------------------------------------------


def test_E66_king_minus_man_plus_woman_is_queen():
    words = ("king", "queen", "man", "woman", "keyboard")
    vectors = WordVectors(words, np.array([[3, 1, 0], [3, 0, 1], [0, 1, 0], [0, 0, 1], [-1, 1, 1]], float))
    assert vectors.most_similar(["king", "woman"], ["man"], topn=1)[0][0] == "queen"


def test_E65_unrelated_words_are_near_zero_by_the_cosine(made):
    run = made(epochs=6, model={"dim": 12, "window": 3, "sample": 0.0, "negative": 5})
    within = [run.vectors.unit[run.vectors.at(a)] @ run.vectors.unit[run.vectors.at("dog")] for a in ("cat", "bone")]
    across = [run.vectors.unit[run.vectors.at(a)] @ run.vectors.unit[run.vectors.at("dog")] for a in ("king", "milk")]
    assert min(within) > 0.8
    assert max(across) < 0.5


def test_trap_14_the_words_of_a_question_are_no_answer_and_unknown_ones_are_skipped(tmp_path):
    path = tmp_path / "questions.txt"
    path.write_text(": family\nman woman king queen\nman woman king Mars\n: none\nMars a b c\n")
    vectors = WordVectors(
        ("king", "queen", "man", "woman"), np.array([[4, 1, 0], [3, 0, 1.0], [0.1, 1, 0], [0.1, 0, 1]])
    )
    found = vectors.evaluate_word_analogies(path)
    assert [(s.name, s.right, s.asked, s.skipped) for s in found] == [("family", 1, 1, 1), ("none", 0, 0, 1)]
    assert vectors.evaluate_word_analogies(path, restrict_vocab=3)[0].asked == 0
    total = list(word_tests.judged(vectors, [path]))[-1]
    assert (total["value"], total["used"], total["skipped"]) == (1.0, 1, 2)


def test_trap_14_a_word_drawn_that_is_the_word_itself_is_no_negative():
    def moved(drawn):
        E, O = tables(4, 3, 0)
        O[:, :3] = torch.arange(12.0).reshape(4, 3) / 10
        one = Windows(*[np.array([row]) for row in (1, [0, 2], [True, True], drawn, 0)])
        step(E, O, one, np.array([0.1]), cbow=False)
        return E, O

    for mixed, plain in zip(moved([1, 3]), moved([3]), strict=True):
        torch.testing.assert_close(mixed, plain)


def test_trap_14_the_rate_falls_in_a_line_over_all_words(made):
    run = made(lr=0.1, epochs=3)
    rates = [event["lr"] for event in read(run.folder.log) if event["event"] == "step"]
    assert len(rates) >= 50 and rates == sorted(rates, reverse=True)
    line = [0.1 * max(room.LEAST, 1 - i / len(rates)) for i in range(1, len(rates) + 1)]
    assert rates == pytest.approx(line, abs=0.1 / len(rates))


def test_ranks_are_scipys(tmp_path):
    stats = pytest.importorskip("scipy.stats", reason="scipy is not installed")
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 9, 50).tolist(), rng.integers(0, 9, 50).tolist()
    assert spearman(x, y) == pytest.approx(stats.spearmanr(x, y).statistic, abs=1e-9)
    assert np.isnan(spearman([1, 1], [1, 2]))
    assert np.isnan(spearman([], []))


def test_a_judgement_is_gensims(made, tmp_path):
    models = pytest.importorskip("gensim.models", reason="gensim is not installed")
    run = made(epochs=1)
    theirs = models.KeyedVectors(12)
    theirs.add_vectors(list(run.vectors.words), run.vectors.matrix)
    rng = random.Random(1)
    known = [*run.vectors.words, "unknown"]
    analogies, pairs = tmp_path / "analogies.txt", tmp_path / "pairs.tsv"
    analogies.write_text(": all\n" + "\n".join(" ".join(rng.sample(known, 4)) for _ in range(200)))
    pairs.write_text("\n".join("\t".join([*rng.sample(known, 2), str(rng.random())]) for _ in range(60)))
    section = run.vectors.evaluate_word_analogies(analogies)[0]
    score, sections = theirs.evaluate_word_analogies(str(analogies))
    assert section.asked == sum(len(sections[0][k]) for k in ("correct", "incorrect"))
    assert section.right / section.asked == pytest.approx(score)
    _, rank, unknown = theirs.evaluate_word_pairs(str(pairs), delimiter="\t")
    ours = run.vectors.evaluate_word_pairs(pairs)
    assert ours.rho == pytest.approx(rank.statistic, abs=1e-6)
    assert ours.skipped / 60 * 100 == pytest.approx(unknown)
    near = theirs.most_similar(positive=["king", "dog"], negative=["milk"], topn=5)
    assert [word for word, _ in near] == [word for word, _ in run.vectors.most_similar(["king", "dog"], ["milk"], 5)]


def test_the_tests_are_found_in_the_folder_of_data(shared_data):
    names = [path.name for path in word_tests.tests(str(shared_data / "word-eval"))]
    assert names == ["questions-words.txt", "wordsim353.tsv", "simlex999.txt"]
    sections = WordVectors(("athens", "greece"), np.eye(2)).evaluate_word_analogies(
        shared_data / "word-eval" / "questions-words.txt"
    )
    assert len(sections) == 14
    assert sum(s.asked + s.skipped for s in sections) == 19_544


@pytest.mark.slow
@pytest.mark.parametrize(("cbow", "sample", "least"), [(False, 1e-4, (0.03, 0.3)), (True, 1e-3, (0.025, 0.22))])
def test_a_tenth_of_wikipedia_teaches_what_words_mean(shared_data, tmp_path, cbow, sample, least):
    import lzma

    path = tmp_path / "slice.txt"
    with lzma.open(shared_data / "wiki8" / "wiki8.xz") as file:
        path.write_bytes(file.read(10_000_000))
    values = {"epochs": 5, "runs": str(tmp_path / "runs"), "model": {"cbow": cbow, "sample": sample}}
    run = chainrule.train("word2vec", path, **values)
    folder = shared_data / "word-eval"
    analogies = run.vectors.evaluate_word_analogies(folder / "questions-words.txt")
    asked = sum(s.asked for s in analogies)
    assert asked == 7833
    assert sum(s.right for s in analogies) / asked > least[0]
    assert run.vectors.evaluate_word_pairs(folder / "wordsim353.tsv").rho > least[1]
    assert Path(run.path / "report" / "report.md").is_file()
