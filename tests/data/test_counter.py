"""The numbers never change, and they are as good as random ones."""

from collections import Counter
from math import factorial

import numpy as np
import pytest
import torch
from scipy import stats

from chainrule.data import counter, sampler
from chainrule.errors import UserError


def test_the_values_are_the_same_for_ever():
    assert counter.key(0) == 16294208416658607535
    assert counter.key(1, 2, 3) == 15020427595393229491
    assert counter.permute(counter.key(5), np.arange(8), 1000).tolist() == [982, 562, 816, 931, 647, 57, 791, 179]
    assert counter.uniform(counter.key(5), np.array([0, 1, 70000]), 2).tolist() == [
        [0.6048706863263056, 0.6640978592755313],
        [0.6526127857771847, 0.9173775174341906],
        [0.7869118358367572, 0.4922836658042753],
    ]
    assert sampler.indices(seed=3, epoch=1, batch=2, n=60000, batch_size=4).tolist() == [55314, 28771, 22649, 7106]
    assert sampler.uniform(3, 1, torch.tensor([9]), 2).tolist() == [[0.7287585016242759, 0.012119274677399705]]


@pytest.mark.parametrize("n", [*range(1, 40), 63, 64, 65, 255, 256, 257, 999, 1000, 4097, 54000])
def test_a_shuffle_is_one_to_one(n):
    for seed in range(3):
        assert np.array_equal(np.sort(counter.permute(counter.key(seed), np.arange(n), n)), np.arange(n))


def test_a_part_of_a_shuffle_is_that_part_of_the_whole():
    whole = counter.permute(7, np.arange(1000), 1000)
    some = np.array([999, 0, 5, 5])
    assert np.array_equal(counter.permute(7, some, 1000), whole[some])


@pytest.mark.parametrize("n", [3, 4, 5])
def test_every_order_is_equally_likely(n):
    runs = 60 * factorial(n)
    seen = Counter(tuple(counter.permute(counter.key(seed, n), np.arange(n), n).tolist()) for seed in range(runs))
    assert len(seen) == factorial(n)
    assert stats.chisquare(list(seen.values())).pvalue > 1e-3


@pytest.mark.parametrize("n", [10, 97, 256])
def test_every_place_is_equally_likely(n):
    runs = 2000
    at = np.zeros((n, n))
    for seed in range(runs):
        at[np.arange(n), counter.permute(counter.key(seed), np.arange(n), n)] += 1
    # The cells of a row and of a column sum to the same, so there are (n−1)² degrees of freedom.
    chi2 = ((at - runs / n) ** 2 / (runs / n)).sum()
    assert 1e-3 < stats.chi2.sf(chi2, (n - 1) ** 2) < 1 - 1e-3


def test_neighbours_are_torn_apart():
    order = counter.permute(counter.key(0), np.arange(60000), 60000)
    assert abs(stats.spearmanr(np.arange(60000), order).statistic) < 0.02
    assert abs(stats.spearmanr(order[:-1], order[1:]).statistic) < 0.02
    assert (np.abs(np.diff(order)) == 1).sum() < 12  # two are expected


def test_uniform_numbers_are_uniform_and_independent():
    u = counter.uniform(counter.key(1), np.arange(20000), 5)
    assert u.min() >= 0
    assert u.max() < 1
    for column in u.T:
        assert stats.kstest(column, "uniform").pvalue > 1e-3
    correlation = np.corrcoef(np.concatenate([u.T, np.roll(u.T, 1, axis=1)]))
    assert np.abs(correlation - np.eye(10)).max() < 0.03


def test_a_column_does_not_depend_on_how_many_there_are():
    assert np.array_equal(counter.uniform(3, np.arange(5), 7)[:, :2], counter.uniform(3, np.arange(5), 2))


def test_keys_tell_order_sign_and_size_apart():
    words = [(0,), (0, 0), (1, 0), (0, 1), (-1,), (2**64 - 2,), (1 << 40,)]
    assert len({counter.key(*w) for w in words}) == len(words)


@pytest.mark.parametrize(("n", "size"), [(10, 4), (10, 5), (1, 3), (0, 4), (1293, 64)])
def test_an_epoch_has_every_sample_once(n, size):
    epoch = [sampler.indices(0, 0, b, n, size) for b in range(sampler.batches(n, size))]
    assert sorted(i for batch in epoch for i in batch.tolist()) == list(range(n))
    assert all(batch.dtype == torch.int64 and len(batch) == size for batch in epoch[:-1])


def test_epochs_and_seeds_differ():
    orders = [sampler.indices(seed, epoch, 0, 5000, 5000) for seed in range(3) for epoch in range(3)]
    for i, a in enumerate(orders):
        for b in orders[:i]:
            assert (a == b).sum() < 10  # one is expected


def test_a_sample_draws_the_same_in_any_batch():
    together = sampler.uniform(0, 4, torch.tensor([7, 8, 9]), 3)
    assert torch.equal(together[1:2], sampler.uniform(0, 4, torch.tensor([8]), 3))
    assert not torch.equal(together[1:2], sampler.uniform(0, 5, torch.tensor([8]), 3))
    assert sampler.uniform(0, 4, torch.tensor([], dtype=torch.int64), 3).shape == (0, 3)


@pytest.mark.parametrize(("batch", "n", "size"), [(3, 10, 4), (-1, 10, 4), (0, 0, 4), (0, 10, 0), (0, -1, 4)])
def test_no_such_batch(batch, n, size):
    with pytest.raises(UserError) as caught:
        sampler.indices(0, 0, batch, n, size)
    assert len(caught.value.lines) == 1
