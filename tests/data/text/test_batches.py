"""Batches by length: each sentence once, within the budget, a function of (seed, epoch, number)."""

import numpy as np
import pytest
import torch

from chainrule.data.text import Batches, Stream, pad, pair, target_tokens
from chainrule.errors import UserError

LENGTHS = np.random.default_rng(0).integers(1, 40, 1000)


@pytest.mark.parametrize("bucket", [1, 100, 5000])
def test_each_sentence_once_an_epoch_within_the_budget(bucket):
    batches = Batches(LENGTHS, max_tokens=256, max_sentences=30, bucket=bucket)
    for epoch in range(2):
        cut = [batches.indices(epoch, n) for n in range(batches.count(epoch))]
        assert sorted(torch.cat(cut).tolist()) == list(range(1000))
        assert all(len(c) * LENGTHS[c].max() <= 256 and len(c) <= 30 for c in cut)


def test_trap_03_batches_are_shuffled_and_not_what_is_inside():
    batches = Batches(LENGTHS, max_tokens=512, bucket=1000)
    cut = [batches.indices(0, n) for n in range(batches.count(0))]
    assert all((np.diff(LENGTHS[c]) >= 0).all() for c in cut)
    longest = [int(LENGTHS[c].max()) for c in cut]
    assert longest != sorted(longest)
    assert [c.tolist() for c in cut] != [batches.indices(1, n).tolist() for n in range(batches.count(1))][: len(cut)]
    filled = sum(LENGTHS) / sum(len(c) * LENGTHS[c].max() for c in cut)
    assert filled > 0.9


def test_a_batch_is_a_function_of_its_address():
    once = Batches(LENGTHS, max_tokens=256, seed=3, bucket=200)
    again = Batches(LENGTHS, max_tokens=256, seed=3, bucket=200)
    backwards = [again.indices(2, n).tolist() for n in reversed(range(again.count(2)))]
    assert [once.indices(2, n).tolist() for n in range(once.count(2))] == backwards[::-1]
    shares = [[once.indices(2, n).tolist() for n in range(w, once.count(2), 3)] for w in range(3)]
    assert [shares[n % 3][n // 3] for n in range(once.count(2))] == backwards[::-1]
    other = Batches(LENGTHS, max_tokens=256, seed=4, bucket=200)
    assert [other.indices(2, n).tolist() for n in range(other.count(2))] != backwards[::-1]


def test_trap_03_the_last_small_batch_is_kept():
    batches = Batches([5] * 7, max_tokens=15)
    assert sorted(len(batches.indices(0, n)) for n in range(batches.count(0))) == [1, 3, 3]


def test_the_budget_holds_on_both_sides_of_a_pair():
    sizes = np.stack([LENGTHS, LENGTHS[::-1]], 1)
    batches = Batches(sizes, max_tokens=300)
    for n in range(batches.count(0)):
        c = batches.indices(0, n)
        assert (len(c) * sizes[c].max(0) <= 300).all()


@pytest.mark.parametrize(
    ("lengths", "options", "message"),
    [
        ([3, 300], {"max_tokens": 256}, "sentence 2 has 300 tokens: expected at most max_tokens=256"),
        ([], {}, "no sentence"),
        ([3], {"max_tokens": 0}, "expected at least 1"),
        ([3], {"bucket": 0}, "expected at least 1"),
    ],
)
def test_batches_that_cannot_be(lengths, options, message):
    with pytest.raises(UserError, match=message):
        Batches(lengths, **options)
    with pytest.raises(UserError, match=r"batch=1: expected 0…0"):
        Batches([3]).indices(0, 1)


def test_E77_the_decoder_reads_BOS_y_and_says_y_EOS():
    batch = pair([[9, 8], [7]], [[4], [5, 6]], index=[17, 3])
    assert batch.source.tokens.tolist() == [[9, 8], [7, 0]]
    assert batch.input.tolist() == [[1, 4, 0], [1, 5, 6]]
    assert batch.target.tolist() == [[4, 2, 0], [5, 6, 2]]
    assert batch.tokens == 5
    assert batch.index.tolist() == [17, 3]


def test_E63_the_mask_comes_with_the_batch():
    batch = pad([[5], [6, 7, 8]])
    assert batch.mask.tolist() == [[True, False, False], [True] * 3]
    assert batch.lengths.tolist() == [1, 3]
    packed = batch.packed(batch.tokens[..., None].float())
    assert packed.data[:, 0].tolist() == [6, 5, 7, 8]
    assert packed.unsorted_indices.tolist() == [1, 0]


def test_trap_04_the_mean_is_over_all_tokens_of_all_parts():
    targets = [torch.tensor([[5, 6, 7, 2]]), torch.tensor([[2, 0, 0, 0]])]
    losses = [torch.tensor([1.0, 1, 1, 1]), torch.tensor([9.0])]
    assert sum(loss.sum() for loss in losses) / target_tokens(targets) == pytest.approx(13 / 5)


@pytest.mark.parametrize("sentences", [[], [[]], [[4], []], [[4, 0, 5]]])
def test_sentences_that_cannot_be_padded(sentences):
    with pytest.raises(UserError, match="expected"):
        pad(sentences)


def test_as_many_targets_as_sources():
    with pytest.raises(UserError, match="2 sources and 1 targets"):
        pair([[4], [5]], [[4]])


def test_rows_of_a_stream_go_on_where_they_ended():
    stream = Stream(list(range(100)), rows=3, steps=7, seed=5)
    for epoch in range(3):
        parts = [stream.batch(epoch, n) for n in range(stream.count(epoch))]
        x, y = (torch.cat(side, 1) for side in zip(*parts, strict=True))
        assert (y == x + 1).all()
        assert (x.diff(dim=1) == 1).all()
        assert x[0, 0] == stream.start(epoch) < 7
        assert x.numel() > 100 - 7 - 3
    assert len({stream.start(epoch) for epoch in range(20)}) > 3
    with pytest.raises(UserError, match="batch=99"):
        stream.batch(0, 99)


@pytest.mark.parametrize(("n", "rows", "steps"), [(5, 3, 4), (100, 0, 1), (100, 1, 0), (0, 1, 1)])
def test_texts_too_short_for_a_stream(n, rows, steps):
    with pytest.raises(UserError, match="expected"):
        Stream(list(range(n)), rows, steps)
