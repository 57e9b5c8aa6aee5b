"""Translators as runs: they learn, are judged by BLEU with its signature, go on bit for bit, and translate."""

import builtins
import json
from itertools import pairwise

import pairs_of_words
import pytest
import torch

import chainrule
from chainrule import catalog
from chainrule.cli.recipes import load, names
from chainrule.data.text.side import Side
from chainrule.data.text.vocabulary import EOS
from chainrule.errors import UserError
from chainrule.learn import build
from chainrule.learn.decode import Limits, greedy
from chainrule.learn.run import open_run, resume
from chainrule.learn.translation import bleu
from chainrule.learn.translation.bleu import Scale, by_length
from chainrule.learn.translation.kind import Bilingual, Reading, Translation, by_frequency
from chainrule.learn.translation.task import Said
from chainrule.learn.translation.translator import NEVER, Search, translate
from chainrule.runs import checkpoint
from chainrule.runs.log import read
from chainrule.settings import make, parse

RECIPES = [name for name in names() if catalog.kind(load(name).model) == "translation"]
DATA = {"source": "de", "target": "en"}
SMALL = {
    "seq2seq": {"model": {"width": 32}, "lr": 1e-2},
    "seq2seq_attention": {"model": {"width": 24}, "lr": 2e-2},
    "transformer_seq2seq": {"model": {"width": 32, "num_layers": 1, "heads": 2, "dropout": 0.0}, "lr": 1e-2},
}


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    return pairs_of_words.write(tmp_path_factory.mktemp("pairs") / "words")


def train(which, pairs, folder, /, **values):
    given = {"runs": str(folder), "epochs": 3, "threads": 1, "device": "cpu", "data": DATA, **SMALL[which], **values}
    return chainrule.train(which, pairs, **given)


@pytest.fixture(scope="module")
def run(pairs, tmp_path_factory):
    return train("seq2seq_attention", pairs, tmp_path_factory.mktemp("runs"), epochs=16, name="learned")


def weights(run):
    kept = checkpoint.load(run.folder.checkpoints).tensors
    return {k: v for k, v in kept.items() if not k.startswith("random/")}


def same(one, other):
    assert one.keys() == other.keys()
    return all(torch.equal(one[k], other[k]) for k in one)


def test_it_learns_and_is_judged_beside_what_one_has_without_it(run):
    assert run.metrics["test_bleu"] > 80 and run.metrics["test_accuracy"] > 0.9
    assert run.metrics["test_perplexity"] < 1.6
    told = run.finished
    assert set(told["baselines"]) == {"copied source", "one sentence", "frequencies"}
    for baseline in told["baselines"].values():
        for key, value in baseline.items():
            worse = value > run.metrics[key] if key.endswith(("loss", "perplexity")) else value < run.metrics[key]
            assert worse, key


def test_trap_15_every_bleu_says_its_tokenisation_and_case(run):
    lines = run.finished["remarks"]
    assert [line.partition(":")[0] for line in lines] == ["bleu", "bleu_words", "translations"]
    assert "cut by 13a, case as it is; sacrebleu nrefs:1|case:mixed" in lines[0] and "tok:13a" in lines[0]
    assert "tok:none" in lines[1] and "beam 5, length penalty power 1; by the " in lines[2]
    report = (run.folder.report / "report.md").read_text(encoding="utf-8")
    assert "tok:13a" in report and "## Translations" in report
    assert "| --- | --- | --- |" in report  # sentences stand to the left


def test_the_report_holds_every_translation_and_bleu_by_length(run):
    rows = [json.loads(line) for line in (run.folder.report / "test.translations.jsonl").read_text().splitlines()]
    texts = [row["translation"] for row in rows]
    assert len(rows) == 30 and set(rows[0]) == {"source", "reference", "translation"}
    assert texts == [one.best for one in run.translate([row["source"] for row in rows])]
    buckets = json.loads((run.folder.report / "lengths.json").read_text())
    assert sum(bucket["count"] for bucket in buckets) == 30
    assert all(a["longest"] < b["shortest"] for a, b in pairwise(buckets))
    assert (run.folder.report / "lengths.png").stat().st_size > 5000


def test_evaluate_finds_the_figures_of_the_training_again(run):
    again = open_run(run.path)
    told = again.evaluate(split="test")
    assert told["bleu"] == pytest.approx(run.metrics["test_bleu"])
    assert told["loss"] == pytest.approx(run.metrics["test_loss"], rel=1e-5)
    with pytest.raises(UserError, match="split='dev'"):
        again.evaluate(split="dev")


def test_other_data_is_read_with_the_vocabulary_of_the_run(run, tmp_path):
    pairs_of_words.write(tmp_path / "fewer", train=12)
    told = open_run(run.path).evaluate(tmp_path / "fewer", split="train")
    assert told["accuracy"] > 0.9 and told["count"] > 12


@pytest.mark.parametrize("model", SMALL)
def test_translations_do_not_depend_on_what_is_translated_beside_them(model, pairs, tmp_path):
    run = train(model, pairs, tmp_path, epochs=2)
    texts = [source for source, _ in pairs_of_words.sentences(9, 5)]
    together = run.translate(texts, Search(beam=3))
    for text, one in zip(texts, together, strict=True):
        alone = run.translate(text, Search(beam=3))[0]
        assert alone.best == one.best
        assert alone.said[0].score == pytest.approx(one.said[0].score, abs=1e-4)


def test_a_beam_of_one_is_greedy_and_the_unknown_word_is_never_said(run):
    network, facts = run.network, run.facts
    source = [facts.side(0).ids("der rote hund singt.")]
    narrow = translate(network, source, facts.longest, _cpu(), Search(1, 0.0))[0][0]
    state = network.start(torch.tensor(source), torch.ones(1, len(source[0]), dtype=torch.bool))
    plain = greedy(network.step, state, torch.tensor([1]), Limits(facts.longest, never=NEVER))[0]
    assert narrow.tokens == plain.tokens and not set(narrow.tokens) & set(NEVER)
    wide = translate(network, source, facts.longest, _cpu(), Search(6, 0.0, 6))[0]
    assert wide[0].log_prob >= narrow.log_prob - 1e-6 and len(wide) == 6
    assert [h.score for h in wide if h.finished] == sorted((h.score for h in wide if h.finished), reverse=True)


def _cpu():
    from chainrule.learn.device import Device

    return Device("cpu")


def test_alignments_are_shares_of_the_source_for_every_word_said(run):
    one = run.translate("ein alter mann schläft.", align=True)[0]
    shares = torch.tensor(one.said[0].alignment)
    assert shares.shape == (len(one.said[0].tokens), len(one.tokens)) and one.said[0].tokens[-1] == "<EOS>"
    torch.testing.assert_close(shares.sum(1), torch.ones(len(shares)))


def test_a_network_without_attention_has_none(pairs, tmp_path):
    run = train("seq2seq", pairs, tmp_path, epochs=1)
    with pytest.raises(UserError, match="no attention: expected a run of seq2seq_attention or transformer_seq2seq"):
        run.translate("ein hund singt.", align=True)


def test_what_cannot_be_translated_is_told_and_the_rest_is_translated(run):
    found = list(run.stream(["ein hund singt.", "xyz qrs", "ein mann singt."]))
    assert found[1].trouble.startswith("sentence 2: only unknown words (xyz qrs): expected some of the")
    assert found[0].best and found[2].best and not found[1].best
    with pytest.raises(UserError, match="sentence 1: only unknown words"):
        run.translate("xyz")


def test_a_sentence_longer_than_the_positions_and_weights_that_are_no_numbers(pairs, tmp_path):
    run = train("transformer_seq2seq", pairs, tmp_path, epochs=1)
    with pytest.raises(UserError, match=r"sentence 1: 1,100 tokens: expected at most the 1,024 positions"):
        run.translate("ein hund " * 550)
    with torch.no_grad():
        run.network.out.bias.fill_(torch.nan)
    for beam in (1, 3):
        with pytest.raises(UserError, match=r"sentence 1: the network's scores are no numbers \(NaN\)"):
            run.translate("ein hund singt.", Search(beam))
    assert run.evaluate()["bleu"] == 0


@pytest.mark.parametrize("model", SMALL)
def test_a_run_repeats_and_goes_on_bit_for_bit(model, pairs, tmp_path):
    extra = {} if model.startswith("transformer") else {"data": {**DATA, "sampling": 0.5, "sampling_epochs": 1}}
    options = {**SMALL[model], "model": {**SMALL[model]["model"], "dropout": 0.2}}
    values = {**options, **extra, "accumulate": 2, "ema": 0.9, "clip": 1.0, "label_smoothing": 0.1, "epochs": 2}
    whole = train(model, pairs, tmp_path, name="whole", **values)
    again = train(model, pairs, tmp_path, name="again", **values)
    assert same(weights(whole), weights(again))
    half = train(model, pairs, tmp_path, name="half", **{**values, "epochs": 1})
    assert same(weights(whole), weights(resume(half.path, epochs=2)))


def test_trap_04_the_loss_of_the_log_is_the_mean_over_tokens(pairs, tmp_path):
    run = train("seq2seq", pairs, tmp_path, epochs=1, lr=1e-12, batch_size=16)
    event = next(e for e in read(run.folder.log) if e["event"] == "epoch")
    told = run.evaluate(split="train")
    assert event["train_loss"] == pytest.approx(told["loss"], rel=1e-4)
    assert told["count"] == sum(len(t) + 1 for t in run.part(None, "train").targets)


def test_labels_may_be_smoothed_while_learning_and_never_while_judging(pairs, tmp_path):
    plain, smooth = (train("seq2seq", pairs, tmp_path, epochs=1, lr=1e-12, label_smoothing=s) for s in (0.0, 0.3))
    assert plain.metrics["val_loss"] == pytest.approx(smooth.metrics["val_loss"], rel=1e-6)
    losses = [next(e["train_loss"] for e in read(r.folder.log) if e["event"] == "epoch") for r in (plain, smooth)]
    assert losses[0] != pytest.approx(losses[1], rel=1e-6)


@pytest.mark.parametrize("tokens", ["chars", "bpe"])
def test_other_tokens(tokens, pairs, tmp_path):
    data = {**DATA, "tokens": tokens, "merges": 60, "joint": True, "lower": True}
    run = train("transformer_seq2seq", pairs, tmp_path, epochs=1, data=data)
    one = run.translate("Ein Hund singt.")[0]
    assert len(one.tokens) == (15 if tokens == "chars" else len(one.tokens)) and one.said[0].text
    assert "case:lc" in run.finished["remarks"][0]
    facts = open_run(run.path).facts
    assert facts == Bilingual.from_json(facts.to_json()) and (facts.merges[0] == facts.merges[1])


@pytest.mark.parametrize("score", ["dot", "general", "concat"])
def test_scores_of_luong(score, pairs, tmp_path):
    options = {"width": 16, "score": score, "bidirectional": score != "dot"}
    run = train("seq2seq_attention", pairs, tmp_path, epochs=1, model=options)
    assert run.translate("ein hund singt.", align=True)[0].said[0].alignment


def test_a_few_batches_are_learned_by_heart(pairs, tmp_path):
    run = train("seq2seq_attention", pairs, tmp_path, epochs=40, overfit=1, batch_size=12)
    assert run.metrics["train_accuracy"] > 0.99 and set(run.metrics) >= {"train_loss", "train_count"}


def test_without_sacrebleu_one_line_says_so(run, monkeypatch):
    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name.startswith("sacrebleu"):
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    said = open_run(run.path).judge()
    assert said.remarks == [bleu.MISSING] and "bleu" not in said.figures() and len(said.texts) == 30
    assert said.buckets == []


def test_bleu_is_that_of_sacrebleu_and_has_the_tokenisation_of_the_language():
    sacrebleu = pytest.importorskip("sacrebleu")
    said, right = ["a man walks the dog in the park .", "two"], ["A man walks a dog in the park.", "two men"]
    english = Scale.of(Side.of("en", "words", right, lower=True))
    told, lines = english.figures(said, right)
    assert told["bleu"] == pytest.approx(sacrebleu.corpus_bleu(said, [right], lowercase=True).score)
    assert told["bleu_words"] < told["bleu"] or "case:lc" in lines[0]
    chinese = Scale.of(Side.of("zh", "chars", ["你好世界", "再见"]))
    assert chinese.tokenize == "zh" and chinese.figures(["你好世界"], ["你好世界"])[0]["bleu"] == pytest.approx(100)
    cut = Scale.of(Side.of("en", "spaces", ["a man ."]))
    assert cut.tokenize == "none" and set(cut.figures(right, right)[0]) == {"bleu"}
    with pytest.raises(UserError, match=r"data.bleu=moses: expected auto, 13a"):
        Scale.of(Side.of("en", "words", right), "moses")
    buckets = by_length(english, [1, 1, 2, 9], ["a"] * 4, ["a"] * 4, parts=2)
    assert [(b.shortest, b.longest, b.count) for b in buckets] == [(1, 1, 2), (2, 9, 2)]


def test_the_baseline_by_frequency_and_empty_figures():
    told = by_frequency([[4, 4, 5]], [[4, 5]], 6)
    assert told["accuracy"] == pytest.approx(1 / 3) and told["loss"] > 0
    assert by_frequency([[4]], [[]], 5)["accuracy"] in (0.0, 1.0) and EOS == 2
    assert Said().figures()["count"] == 0


BAD_READING = {
    "data.lower='perhaps': expected true or false": {"lower": "perhaps"},
    "data.min_freq=0: expected an integer of at least 1": {"min_freq": 0},
    "data.max_tokens=1.5: expected an integer of at least 1": {"max_tokens": 1.5},
    "data.sampling=2: expected a share from 0 to 1": {"sampling": 2},
    "data.sampling_epochs=0: expected a number above 0": {"sampling_epochs": 0},
    "data.tokens=3: expected a word": {"tokens": 3},
    "data.source=1.5: expected a language, a column or a file": {"source": 1.5},
}


@pytest.mark.parametrize("message", BAD_READING)
def test_a_wrong_way_to_read_is_one_line(message):
    with pytest.raises(UserError) as caught:
        Reading.of(BAD_READING[message])
    assert caught.value.lines == [message]


def test_all_wrong_ways_at_once():
    with pytest.raises(UserError) as caught:
        Reading.of({key: value for given in BAD_READING.values() for key, value in given.items()})
    assert len(caught.value.lines) == len(BAD_READING)


BAD_RUNS = {
    "data.target=es: words has de, en: expected two of them": {"data": {"source": "de", "target": "es"}},
    "unknown kind of recurrent layer 'gro': expected one of": {"model": {"kind": "gro"}},
    "score=dot: s has 16 numbers, h 32: expected as many": {"model": {"width": 16, "score": "dot"}},
    "unknown score of attention 'bilinear': expected one of additive": {"model": {"score": "bilinear"}},
    "data.max_length=2: all 300 training pairs are longer": {"data": {**DATA, "max_length": 2}},
    "min_freq=9000: no token stands so often": {"data": {**DATA, "min_freq": 9000}},
    "tokens=word: unknown: expected words": {"data": {**DATA, "tokens": "word"}},
    "augment=flip: seq2seq_attention has no use for it": {"augment": "flip"},
    "compile=True: seq2seq_attention has no use for it": {"compile": True},
    "data.colour: seq2seq_attention does not take it": {"data": {**DATA, "colour": 3}},
    r"model seq2seq_attention\(width='wide'\) could not be made": {"model": {"width": "wide"}},
}


@pytest.mark.parametrize("message", BAD_RUNS)
def test_bad_input_is_one_line_and_no_folder(message, pairs, tmp_path, monkeypatch):
    monkeypatch.chdir(pairs.parent)
    with pytest.raises(UserError, match=message):
        train("seq2seq_attention", "words", tmp_path / "runs", **BAD_RUNS[message])
    assert not (tmp_path / "runs").exists()


def test_scheduled_sampling_is_not_for_a_transformer(pairs, tmp_path):
    with pytest.raises(UserError, match=r"data.sampling=0.5: transformer_seq2seq reads all words of the teacher"):
        train("transformer_seq2seq", pairs, tmp_path, data={**DATA, "sampling": 0.5})


def test_weights_of_another_vocabulary_are_refused(run, tmp_path, monkeypatch):
    monkeypatch.setattr("chainrule.zoo.matching.nearest", lambda theirs: "")  # it makes every model: seconds
    other = pairs_of_words.write(tmp_path / "few", train=3)
    with pytest.raises(UserError, match="expected a run with the same vocabulary"):
        train("seq2seq_attention", other, tmp_path / "runs", weights=str(run.path))


def test_a_vocabulary_that_does_not_fit_the_checkpoint_is_refused(run):
    kind, facts = Translation(), run.facts
    smaller = Bilingual(**{**facts.__dict__, "words": (facts.words[0][:-2], facts.words[1])})
    made = kind.network(run.model, run.settings, smaller)
    with pytest.raises(UserError, match="this checkpoint is of another model"):
        open_run(run.path).load(made)


def test_other_data_is_not_gone_on_with(pairs, tmp_path):
    run = train("seq2seq", pairs, tmp_path / "runs", epochs=1)
    other = pairs_of_words.write(tmp_path / "words", train=301)
    with pytest.raises(UserError, match=r"is not what run .* was trained on"):
        resume(run.path, epochs=2, data=other)


def test_settings_of_words_and_of_python_are_the_same():
    words = parse(["data.source=de", "data.target=en", "data.lower=true", "data.max_tokens=100"])
    assert Reading.of(words.data) == Reading.of(
        make({"data": {"source": "de", "target": "en", "lower": True, "max_tokens": 100}}).data
    )


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_of_translation_makes_its_network_and_learns_a_step(name, pairs, tmp_path):
    recipe = load(name)
    kept = {k: v for k, v in recipe.settings.data.items() if k not in ("source", "target", "merges", "min_freq")}
    reading = {**kept, **DATA, "merges": 50}
    settings = make({"data": reading, "overfit": 1, "batch_size": 8}, recipe.settings)
    kind = Translation()
    kind.check(recipe.model, settings)
    data = kind.dataset(recipe.model, str(pairs), settings)
    network, task = kind.network(recipe.model, settings, data), kind.task(settings, data)
    (x, y), *_ = kind.feed(data, settings).at(0)
    loss = task.loss(network(*x), y)
    loss.backward()
    assert loss.isfinite() and all(p.grad is not None for p in network.parameters())
    assert build.schedule(kind.optimizer(network, settings), settings, 100) is not None
    assert {p.figure for p in recipe.published} <= set(recipe.expect) and next(iter(recipe.expect)).startswith(
        "test_bleu"
    )


@pytest.mark.slow
def test_attention_is_worth_its_work_at_equal_budget(shared_data, tmp_path, monkeypatch):
    """One epoch of Multi30k de-en: measured 23.5 BLEU with attention (docs/translation.md)."""
    monkeypatch.setenv("CHAINRULE_DATA", str(shared_data))
    common = {"epochs": 1, "batch_size": 32, "lr": 3e-3, "clip": 1.0, "schedule": "cosine", "runs": str(tmp_path)}
    common |= {"data": {"lower": True, "min_freq": 8}, "device": "cpu", "model": {"width": 96}}
    plain, looking = (
        chainrule.train(name, "multi30k", **common).metrics["test_bleu"] for name in ("seq2seq", "seq2seq_attention")
    )
    assert looking > 18 and looking > plain + 8
