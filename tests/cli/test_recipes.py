"""Recipes: each can be read, makes its network and learns a step; schedules to the letter of the papers."""

import json
from functools import partial
from types import SimpleNamespace

import pytest
import torch

from chainrule.catalog import check_pair, kind
from chainrule.cli import recorded, reproduce
from chainrule.cli.main import main
from chainrule.cli.recipes import load, names, shortened
from chainrule.cli.words import plan as told
from chainrule.data.augment.plan import parse as plan
from chainrule.data.bitext import read as pairs
from chainrule.data.sources import SOURCES
from chainrule.errors import UserError
from chainrule.learn import build
from chainrule.learn.device import Device
from chainrule.learn.facts import Facts
from chainrule.learn.kind import of
from chainrule.learn.language.kind import LanguageModels
from chainrule.learn.run import train
from chainrule.learn.step import Step
from chainrule.rates import of_run
from chainrule.settings import parse

CLASSES = {"flowers128": 5}
IMAGES = [name for name in names() if kind(load(name).model) == "images"]
OTHER = [name for name in names() if kind(load(name).model) in ("texts", "series")]
RESIDUAL = [f"resnet{n}-cifar10" for n in (20, 32, 44, 56, 110)]


def facts(name: str) -> Facts:
    """What the recipe's data would be: nothing of it is read."""
    from chainrule.catalog import MODELS

    recipe = load(name)
    shape = MODELS[recipe.model].input(recipe.settings.model)
    assert shape is not None
    if recipe.settings.size:
        shape = (shape[0], *recipe.settings.size)
    count = CLASSES.get(recipe.data) or len(SOURCES[recipe.data].classes)
    classes = tuple(map(str, range(count)))
    return Facts(recipe.data, "classification", classes, shape, (0.0,), (1.0,), "resize", "")


@pytest.mark.parametrize("name", IMAGES)
def test_every_recipe_is_read_and_learns_a_step(name):
    recipe, known = load(name), facts(name)
    settings = recipe.settings
    plan(settings.augment)
    network = build.network(recipe.model, settings, known)
    optimizer = build.optimizer(network, settings)
    build.schedule(optimizer, settings, 10)
    step = Step(network.train(), build.task(settings, known), optimizer, Device("cpu"), settings.clip)
    draw = torch.Generator().manual_seed(0)
    x = torch.randn(4, *known.shape, generator=draw)
    before = [p.detach().clone() for p in network.parameters() if p.requires_grad]
    outcome = step([(x, torch.arange(4) % len(known.classes))])
    assert outcome.finite and outcome.updated
    after = [p for p in network.parameters() if p.requires_grad]
    assert any(not torch.equal(a, b) for a, b in zip(before, after, strict=True))


@pytest.mark.parametrize("name", [name for name in names() if kind(load(name).model) == "language"])
def test_every_recipe_of_a_language_model_learns_a_step(name, tmp_path):
    (tmp_path / "text.txt").write_text("to be, or not to be\n" * 1200)
    recipe, known = load(name), LanguageModels()
    data = known.dataset(recipe.model, str(tmp_path / "text.txt"), recipe.settings)
    network = known.network(recipe.model, recipe.settings, data)
    optimizer, feed = build.optimizer(network, recipe.settings), known.feed(data, recipe.settings)
    step = Step(network.train(), known.task(recipe.settings, data), optimizer, Device("cpu"), recipe.settings.clip)
    (x, y), *_ = feed.at(0)
    few = slice(None if isinstance(x, tuple) else 2)  # rows whose state is carried are all there; windows may be few
    assert step([(x if isinstance(x, tuple) else x[few], y[few])]).finite


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "words", "bound"),
    [
        ("tinyshakespeare-lstm", ["model.width=128", "epochs=1"], 2.0),
        ("tinyshakespeare-transformer", ["epochs=1", "model.num_layers=2"], 2.3),
    ],
)
def test_a_short_recipe_learns_shakespeare(shared_data, monkeypatch, tmp_path, name, words, bound):
    """What knows only how often a character stands has 3.35 nats, what knows the one before it 2.48."""
    monkeypatch.setenv("CHAINRULE_DATA", str(shared_data))
    what = told([str(load(name).path), *words, f"runs={tmp_path}", "threads=1"])
    run = train(what.model, what.data, what.settings)
    assert run.metrics["val_loss"] < bound
    assert run.finished["baselines"]["6-gram"]["val_loss"] == pytest.approx(1.558, abs=1e-3)


# Measured with seed 0 on one core: 74.4, 84.4, 80.2, 78.6 and 81.7 % of the validation part (names with seed 1: 80.9);
# RMSE 16.85 and 2.346 of the test part. The bounds leave about three points, or three per cent.
SHORT = [
    ("trec-lstm", ["epochs=3"], "val_accuracy", 0.71),
    ("trec-cnn", [], "val_accuracy", 0.81),
    ("trec-transformer", [], "val_accuracy", 0.77),
    ("sst2-cnn", ["epochs=2"], "val_accuracy", 0.755),
    ("names-gru", [], "val_accuracy", 0.785),
    ("sunspots-gru", [], "test_rmse", 17.4),
    ("temperatures-mlp", [], "test_rmse", 2.42),
]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "words", "figure", "bound"), SHORT, ids=[name for name, *_ in SHORT])
def test_a_short_recipe_of_texts_or_series_learns(shared_data, monkeypatch, tmp_path, name, words, figure, bound):
    monkeypatch.setenv("CHAINRULE_DATA", str(shared_data))
    what = told([str(load(name).path), *words, f"runs={tmp_path}", "threads=1"])
    run = train(what.model, what.data, what.settings)
    assert reproduce.reached(figure, run.metrics[figure], bound)


def few(recipe, place):
    """A fifth of the pairs of a recipe and of what is judged, as files in a folder."""
    sides = recipe.settings.data["source"], recipe.settings.data["target"]
    parts = pairs(recipe.data, sides, None, 0.05, 0).parts
    for part, count in (("train", 6000), ("val", 200), ("test", 200)):
        for i, language in enumerate(sides):
            lines = "".join(f"{pair[i]}\n" for pair in parts[part][:count])
            (place / f"{part}.{language}").write_text(lines, encoding="utf-8")
    return str(place)


@pytest.mark.slow
def test_short_recipes_of_translation_learn_and_attention_is_worth_the_most(shared_data, monkeypatch, tmp_path):
    """Measured with seed 0 on one core were losses of 3.651, 3.219 and 2.740 and 4.7, 9.2 and 17.4 BLEU of words, with
    seed 1 3.637, 3.353 and 2.742 and 4.2, 7.7 and 17.1. The bounds leave once more what the seeds differ by, or 3 % of
    a loss, and half of a gap."""
    monkeypatch.setenv("CHAINRULE_DATA", str(shared_data))
    found = {}
    for name, bound in (("gru", 3.76), ("attention", 3.49), ("transformer", 2.83)):
        recipe = load(f"multi30k-{name}-small")
        what = told([str(recipe.path), f"runs={tmp_path}/runs"])
        found[name] = train(what.model, few(recipe, tmp_path), what.settings).metrics
        assert found[name]["val_loss"] < bound
    bleu = [found[name]["test_bleu_words"] for name in ("gru", "attention", "transformer")]
    assert bleu[1] > bleu[0] + 2 and bleu[2] > bleu[1] + 4


# Losses and BLEU with seeds 0 and 1, in 179, 31 and 53 s of one core: 3.757 and 3.789, 5.4 and 5.3; 2.748 and 2.706,
# 12.0 both; 4.216 and 4.012, 3.0 and 3.1. What knows only how often a word stands has a loss of 5.91, 4.85 and 5.06.
# The bounds leave 3 % of a loss or what the seeds differ by, and a third of the score.
LONG = [
    (
        "multi30k-ende-tiny",
        [
            *("epochs=5", "warmup=1", "lr=2e-3", "batch_size=1024"),
            *("data.merges=2000", "data.max_tokens=1024", "model.dropout=0.1"),
        ],
        3.90,
        3.5,
    ),
    ("tatoeba-eng-cmn", ["model.width=128", "epochs=4", "lr=3e-3"], 2.83, 8.0),
    ("multi30k-lstm", ["model.width=128", "epochs=4", "lr=3e-3"], 4.42, 1.8),
]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "words", "loss", "bleu"), LONG, ids=[name for name, *_ in LONG])
def test_long_recipes_of_translation_learn_in_short(shared_data, monkeypatch, tmp_path, name, words, loss, bleu):
    monkeypatch.setenv("CHAINRULE_DATA", str(shared_data))
    recipe = load(name)
    what = told([str(recipe.path), *words, f"runs={tmp_path}/runs", "threads=1"])
    found = train(what.model, few(recipe, tmp_path), what.settings).metrics
    assert found["val_loss"] < loss and found["test_bleu"] > bleu


@pytest.mark.slow
def test_an_epoch_of_the_recipe_of_word_vectors_knows_some_analogies(shared_data, monkeypatch, tmp_path):
    """Measured on one thread with seeds 0 and 1: 11.85 and 11.10 % of the analogies, ρ 0.486 and 0.467.

    The bounds leave twice what the seeds differ by; vectors that were only drawn answer none.
    """
    monkeypatch.setenv("CHAINRULE_DATA", str(shared_data))
    if not (shared_data / "wiki8").is_dir() or not (shared_data / "word-eval").is_dir():
        pytest.skip("wiki8 or word-eval is not on this machine")
    what = told([str(load("wiki8-word2vec").path), "epochs=1", "threads=1", f"runs={tmp_path}"])
    run = train(what.model, what.data, what.settings)
    assert run.metrics["test_questions_words_accuracy"] > 0.095 and run.metrics["test_wordsim353_rho"] > 0.42


def test_the_recipe_of_word_vectors_has_the_settings_of_gensims_run():
    recipe = load("wiki8-word2vec")
    assert recipe.settings.model == {"dim": 100, "window": 5, "negative": 5, "sample": 1e-4, "min_count": 5}
    assert (recipe.settings.epochs, recipe.settings.lr) == (5, 0.025)
    published = {one.figure: one.value for one in reversed(recipe.published)}
    assert {key: published[key] for key in recipe.expect} == recipe.expect


@pytest.mark.parametrize("name", OTHER)
def test_recipes_of_texts_and_series_find_their_data_and_build_their_network(name, shared_data, monkeypatch):
    monkeypatch.setenv("CHAINRULE_DATA", str(shared_data))
    recipe = load(name)
    check_pair(recipe.model, recipe.settings.model, recipe.data, recipe.settings.data)
    learning = of(recipe.model)
    learning.check(recipe.model, recipe.settings)
    data = learning.dataset(recipe.model, recipe.data, recipe.settings)
    network, task = (make(recipe.settings, data) for make in (partial(learning.network, recipe.model), learning.task))
    optimizer = learning.optimizer(network, recipe.settings)
    step = Step(network.train(), task, optimizer, Device("cpu"), recipe.settings.clip)
    outcome = step(learning.feed(data, recipe.settings).at(0))
    assert outcome.finite and outcome.updated and data.test is not None


@pytest.mark.parametrize("name", names())
def test_every_recipe_speaks_both_languages_and_names_its_source(name):
    recipe = load(name)
    assert " · " in recipe.title and any("\u4e00" <= c <= "\u9fff" for c in recipe.title)
    assert recipe.source and recipe.expect
    most = {"loss": 9, "bleu": 100, "return": 500}
    assert all(
        p.source and 0 < p.value < next((n for k, n in most.items() if k in p.figure), 1) for p in recipe.published
    )


@pytest.mark.parametrize("name", RESIDUAL)
def test_the_residual_recipes_are_the_papers(name):
    settings = load(name).settings
    assert (settings.optimizer, settings.lr, settings.momentum, settings.weight_decay) == ("sgd", 0.1, 0.9, 1e-4)
    assert (settings.batch_size, settings.val, settings.augment, settings.decay) == (128, 0.1, "crop(4)+flip", "all")
    curve = of_run(settings, 352)  # ⌈45,000 / 128⌉
    assert 64_000 <= curve.total < 64_100
    rates = [0.1 * curve.factor(t) for t in (500, 31_999, 32_000, 47_999, 48_000, 63_999)]
    assert rates == pytest.approx([0.1, 0.1, 0.01, 0.01, 0.001, 0.001])
    first = [0.1 * curve.factor(t) for t in (0, 399, 400)]
    assert first == pytest.approx([0.01, 0.01, 0.1] if name == "resnet110-cifar10" else [0.1, 0.1, 0.1])


def test_a_shortened_recipe_keeps_its_shape():
    short = shortened(load("resnet110-cifar10").settings, 0.1)
    curve = of_run(short, 352)
    assert short.epochs == 18 and curve.total == 18 * 352
    at = 32_000 * 18 / 182
    assert [curve.factor(round(at) + by) for by in (-2, 2)] == pytest.approx([1, 0.1])
    assert shortened(short, 1e-9).epochs == 1
    with pytest.raises(UserError, match="expected a part of the training above 0"):
        shortened(short, 0)


def test_the_speed_recipe_stays_below_its_goal_of_operations(capsys):
    assert main(["reproduce", "cifar10-fast", "--cost"]) == 0
    out = capsys.readouterr().out
    assert "118,147,360" in out  # one image forward, as the catalogue has it
    total = float(out.split("the whole training")[1].split()[0])
    assert 0.27 < total <= 0.29  # PFLOP; published 0.29 for the record it follows


def test_the_count_of_operations_is_that_of_the_layers():
    from chainrule.learn.expense import expense

    settings = parse(["epochs=3", "batch_size=500", "val=0.2", "optimizer=sgd"])
    found = expense("airbench_narrow", "cifar10", settings)
    first = 24 * 3 * 4 * 31 * 31  # the frozen layer: forward alone, its images and filters need no delta
    assert found.sample == 2 * (3 * found.macs - 2 * first)
    assert (found.samples, found.updates, found.update) == (120_000, 240, 0)
    assert found.total == found.sample * found.samples


def test_the_count_of_a_recurrent_network_is_that_of_its_gates(tmp_path):
    from chainrule.learn.expense import expense

    path = tmp_path / "waves.csv"
    path.write_text("t,y\n" + "".join(f"{i},{i % 7}\n" for i in range(200)))
    settings = parse(["epochs=2", "batch_size=16", "model.hidden=8", "model.num_layers=1", "data.window=5"])
    found = expense("series_gru", str(path), settings)
    step, first, read = 3 * 8 * (1 + 8), 3 * 8, 3 * 8 * 8  # of one step: all, what reads x, what reads the last state
    assert found.macs == 5 * step + 8
    assert found.sample == 2 * (3 * found.macs - 5 * first - read)  # neither x nor the state before it asks for a delta
    assert found.updates * 16 - 2 * 16 < found.samples <= found.updates * 16  # the last batch of an epoch is smaller
    assert found.update == 0 and found.total == found.sample * found.samples


def test_the_cost_of_what_learns_without_batches_is_refused(capsys):
    assert main(["reproduce", "cartpole-ppo", "--cost"]) == 2
    assert "ppo does not learn batch by batch, and the cost is counted on batches" in capsys.readouterr().err


def made_up(tmp_path, accuracy=0.9):
    folder = SimpleNamespace(log=tmp_path / "log.jsonl")
    lines = [{"event": "epoch", "step": 1, "epoch": 1, "train_loss": 1.5, "val_accuracy": 0.5}]
    folder.log.write_text("".join(json.dumps(line) + "\n" for line in lines))
    settings = load("resnet20-cifar10").settings
    return SimpleNamespace(folder=folder, settings=settings, metrics={"test_accuracy": accuracy}, path=tmp_path)


def test_a_result_is_recorded_once_for_each_seed(tmp_path):
    path, run = tmp_path / "results.json", made_up(tmp_path)
    spent = recorded.Spent(10.0, 19.0)
    for accuracy in (0.8, 0.9):
        recorded.write(path, "resnet20-cifar10", run, {"test_accuracy": accuracy, "val_loss": 1.0}, spent)
    (row,) = recorded.load(path)
    assert row["figures"] == {"test_accuracy": 0.9}
    assert (row["wall"], row["processor"], row["curve"]["val_accuracy"]) == (10.0, 19.0, [0.5])
    assert "lengths" not in row
    (tmp_path / "report").mkdir()
    (tmp_path / "report" / "lengths.json").write_text('[{"shortest": 1, "longest": 2, "count": 3, "bleu": 4.5}]')
    recorded.write(path, "resnet20-cifar10", run, {"test_accuracy": 0.9}, spent)
    assert recorded.load(path)[0]["lengths"][0]["bleu"] == 4.5
    path.write_text('{"a": 1}')
    with pytest.raises(UserError, match="expected a list of recorded results"):
        recorded.load(path)


@pytest.mark.parametrize(("accuracy", "whole", "code", "word"), [(0.92, True, 0, "reached"), (0.9, True, 1, "missed")])
def test_published_figures_stand_beside_the_measured(tmp_path, capsys, accuracy, whole, code, word):
    assert reproduce.compare(load("resnet20-cifar10"), [made_up(tmp_path, accuracy)], whole) == code
    out = capsys.readouterr().out
    assert word in out and "8.75 %" in out and "He et al. 2016, table 6" in out and "8.27 %" in out


def test_a_shortened_run_is_not_judged(tmp_path, capsys):
    assert reproduce.compare(load("resnet20-cifar10"), [made_up(tmp_path, 0.3)], False) == 0
    out = capsys.readouterr().out
    assert "shortened to 182 of 182 epochs" in out and "missed" not in out
