"""Folds: each sample is held out once, no class is left out, and what is held out chooses nothing."""

import numpy as np
import pytest
import torch

import chainrule
from chainrule.data import load
from chainrule.data.folds import Joined, fold_of, folded
from chainrule.errors import UserError
from chainrule.learn.folds import pooled, train_folds
from chainrule.learn.run import open_run, resume, train

SMALL = {"model": {"hidden": (8,)}, "batch_size": 256, "device": "cpu", "epochs": 1}


@pytest.mark.parametrize("folds", [2, 3, 5, 7])
def test_folds_are_even_in_all_and_in_every_class(folds):
    targets = np.random.default_rng(0).integers(0, 4, 101)
    found = fold_of(targets, folds, seed=1)
    assert set(found) == set(range(1, folds + 1)) and np.ptp(np.bincount(found)[1:]) <= 1
    for c in range(4):
        assert np.ptp(np.bincount(found[targets == c], minlength=folds + 1)[1:]) <= 1
    assert not np.array_equal(found, fold_of(targets, folds, seed=2))
    assert np.array_equal(found, fold_of(targets, folds, seed=1))


def test_every_sample_is_held_out_once_and_the_test_part_never_seen():
    data = load("digits")
    rows = len(data.train) + len(data.val)
    seen = []
    for fold in range(1, 5):
        made = folded(data, 4, fold, 0.1, seed=0)
        sizes = [len(part) for part in (made.train, made.val, made.test)]
        assert sum(sizes) == rows and abs(sizes[2] - rows / 4) <= 1 and sizes[1] == -(-(rows - sizes[2]) // 10)
        names = [{part.names(i) for i in range(len(part))} for part in (made.train, made.val, made.test)]
        assert not (names[0] & names[1] or names[0] & names[2] or names[1] & names[2])
        seen.append(names[2])
        x, y = made.train.batch(torch.arange(len(made.train)))
        assert float(x.mean()) == pytest.approx(0, abs=1e-5) and float(x.std()) == pytest.approx(1, abs=1e-4)
        assert len(y.unique()) == 10
    assert sum(map(len, seen)) == rows == len(set.union(*seen))
    aside = {data.test.names(i) for i in range(len(data.test))}
    assert not aside & set.union(*seen)


def test_a_joined_store_gives_the_images_and_names_of_its_parts():
    data = load("digits")
    store = Joined([data.val, data.test], data.shape)
    n = len(data.val)
    chosen = torch.tensor([n + 3, 0, n - 1, n, len(store) - 1])
    expected = [
        data.test.raw(3),
        data.val.raw(0),
        data.val.raw(n - 1),
        data.test.raw(0),
        data.test.raw(len(data.test) - 1),
    ]
    assert torch.equal(store.take(chosen), torch.stack(expected))
    assert [store.name(int(i)) for i in chosen[:2]] == [data.test.names(3), data.val.names(0)]


def test_runs_of_folds_say_together_what_each_held_out(tmp_path):
    runs = train_folds("mlp", "digits", folds=3, runs=tmp_path, name="cross", **SMALL)
    assert [run.path.name for run in runs] == ["cross-fold1", "cross-fold2", "cross-fold3"]
    data, table = load("digits"), np.array(pooled(runs))
    assert table.sum() == len(data.train) + len(data.val)
    joined = torch.cat([data.train.targets, data.val.targets])
    assert table.sum(1).tolist() == torch.bincount(joined).tolist()
    right = sum(run.metrics["test_accuracy"] * run.metrics["test_count"] for run in runs)
    assert np.trace(table) == round(right)
    mean, deviation = chainrule.spread(runs)["test_accuracy"]
    values = [run.metrics["test_accuracy"] for run in runs]
    assert mean == pytest.approx(np.mean(values)) and deviation == pytest.approx(np.std(values, ddof=1))


def test_one_fold_is_a_run_like_any_other(tmp_path):
    made = train("mlp", "digits", folds=4, fold=2, runs=tmp_path, name="one", **SMALL)
    again = open_run(made.path)
    assert again.evaluate()["accuracy"] == made.metrics["test_accuracy"]
    assert again.evaluate()["count"] == made.metrics["test_count"] < 360
    assert resume(made.path, epochs=2).finished["epoch"] == 2


def test_several_runs_are_not_one_run(tmp_path):
    with pytest.raises(UserError, match=r"chainrule.train makes one run; use chainrule.train_folds"):
        train("mlp", "digits", folds=3, runs=tmp_path, **SMALL)
    with pytest.raises(UserError, match="expected folds of at least 2 and no fold"):
        chainrule.train_folds("mlp", "digits", runs=tmp_path, **SMALL)
    assert not list(tmp_path.iterdir())
