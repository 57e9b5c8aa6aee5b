"""Which sentences a batch holds: by length, within a budget of tokens, from (seed, epoch, number). · 按长度成批。

An epoch is shuffled, cut into random buckets, each bucket sorted by length and cut into batches, and the batches are
shuffled (never what is inside: errata E64, sorting saves computation and is not what makes padding right). Any batch of
any epoch is the same for any number of workers, and reached without those before it.
"""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from ...errors import UserError
from .. import counter

_ORDER, _BATCHES, _START, _WINDOWS = 11, 12, 13, 14  # kept apart, so that one order says nothing about another


class Batches:
    """The batches of every epoch over sentences of these lengths. · 每轮的批次。

    lengths: tokens of each sentence, or [N, 2] of each pair. max_tokens: sentences × longest of them, with padding, on
    either side, is at most that; a batch holds at most max_sentences. bucket: sentences that are sorted together.
    Raises `UserError` for a sentence that is longer than max_tokens, and for numbers out of range.

    >>> batches = Batches([3, 9, 2, 8], max_tokens=18, bucket=4)
    >>> batches.count(epoch=0), sorted(i for n in range(2) for i in batches.indices(0, n).tolist())
    (2, [0, 1, 2, 3])
    """

    def __init__(
        self,
        lengths: Sequence[int] | np.ndarray,
        max_tokens: int = 4096,
        max_sentences: int = 1 << 30,
        seed: int = 0,
        bucket: int = 4096,
    ) -> None:
        sizes = np.asarray(lengths, dtype=np.int64)
        self.lengths = sizes if sizes.ndim < 2 else sizes.max(1)
        self.max_tokens, self.max_sentences, self.seed, self.bucket = max_tokens, max_sentences, seed, bucket
        if min(max_tokens, max_sentences, bucket) < 1:
            raise UserError(
                f"max_tokens={max_tokens}, max_sentences={max_sentences}, bucket={bucket}: expected at least 1"
            )
        if not len(self.lengths):
            raise UserError("no sentence to batch: expected at least one")
        long = np.flatnonzero(self.lengths > max_tokens)
        if len(long):
            first = int(long[0])
            raise UserError(
                f"sentence {first + 1} has {int(self.lengths[first]):,} tokens: expected at most "
                f"max_tokens={max_tokens:,}; raise it, or leave long sentences out"
            )
        self._cut = lru_cache(maxsize=2)(self._epoch)

    def count(self, epoch: int) -> int:
        """How many batches an epoch has; buckets differ, so epochs may. · 该轮的批次数。"""
        return len(self._cut(epoch))

    def indices(self, epoch: int, number: int) -> Tensor:
        """The sentences of a batch, int64 [n], shortest first. · 一个批次的句子下标。

        Raises `UserError` for a number outside the epoch.
        """
        cut = self._cut(epoch)
        if not 0 <= number < len(cut):
            raise UserError(f"batch={number}: expected 0…{len(cut) - 1}")
        return torch.from_numpy(cut[number].copy())

    def _epoch(self, epoch: int) -> list[np.ndarray]:
        n = len(self.lengths)
        shuffled = counter.permute(counter.key(_ORDER, self.seed, epoch), np.arange(n), n)
        cut: list[np.ndarray] = []
        for start in range(0, n, self.bucket):
            inside = shuffled[start : start + self.bucket]
            cut += self._within(inside[np.argsort(self.lengths[inside], kind="stable")])
        order = counter.permute(counter.key(_BATCHES, self.seed, epoch), np.arange(len(cut)), len(cut))
        return [cut[i] for i in order]

    def _within(self, ordered: np.ndarray) -> list[np.ndarray]:
        """Batches of sentences in order of length; the last one may be small, and is kept."""
        cut, start = [], 0
        for i, length in enumerate(self.lengths[ordered]):
            held = i - start
            if held and ((held + 1) * length > self.max_tokens or held == self.max_sentences):
                cut.append(ordered[start:i])
                start = i
        return [*cut, ordered[start:]]


class Stream:
    """One long text in rows that go on from batch to batch, so that a state can be carried. · 可携带状态的长文本批次。

    ids [L]: the text. rows: read side by side, N. steps: of a batch, T; the last batch is shorter. An epoch begins at a
    place of its own in the first T ids, so that texts are cut elsewhere each time; all epochs are as long.
    Raises `UserError` for a text that is too short and for numbers out of range.

    >>> x, y = Stream(list(range(9)), rows=2, steps=3, shift=False).batch(0, 1)
    >>> x.tolist(), y.tolist()
    ([[3], [7]], [[4], [8]])
    """

    def __init__(self, ids: Sequence[int] | Tensor, rows: int, steps: int, seed: int = 0, shift: bool = True) -> None:
        self.ids = torch.as_tensor(ids, dtype=torch.int64)
        self.rows, self.steps, self.seed, self.shift = rows, steps, seed, shift
        if min(rows, steps) < 1:
            raise UserError(f"rows={rows}, steps={steps}: expected at least 1")
        least = 2 * rows + (steps if shift else 0)
        if len(self.ids) <= least:
            raise UserError(f"a text of {len(self.ids)} tokens: expected more than {least} for {rows} rows")

    def start(self, epoch: int) -> int:
        """Where an epoch begins. · 该轮的起点。"""
        if not self.shift:
            return 0
        drawn = counter.uniform(counter.key(_START, self.seed), np.array([epoch]), 1)
        return int(drawn[0, 0] * self.steps)

    @property
    def length(self) -> int:
        """Places of a row. · 每行的位置数。"""
        return (len(self.ids) - (self.steps if self.shift else 1)) // self.rows

    def count(self, epoch: int = 0) -> int:
        """How many batches an epoch has, each as many. · 每轮的批次数。"""
        return -(-self.length // self.steps)

    def batch(self, epoch: int, number: int) -> tuple[Tensor, Tensor]:
        """What is read and what comes next, both [N, ≤ T]. · 输入与其后一位。

        Raises `UserError` for a number outside the epoch.
        """
        if not 0 <= number < self.count(epoch):
            raise UserError(f"batch={number}: expected 0…{self.count(epoch) - 1}")
        length, first = self.length, self.start(epoch)
        part = slice(number * self.steps, min(length, (number + 1) * self.steps))
        x = self.ids[first : first + length * self.rows].reshape(self.rows, length)
        y = self.ids[first + 1 : first + 1 + length * self.rows].reshape(self.rows, length)
        return x[:, part], y[:, part]


class Windows:
    """Stretches of one long text in random order, for models that carry nothing on. · 随机次序的定长片段。

    ids [L]: the text. rows: of a batch, N; the last batch is smaller. steps: of each, T. An epoch begins at a place of
    its own in the first T ids, is cut into stretches and these are shuffled.
    Raises `UserError` for a text that is too short and for numbers out of range.

    >>> x, y = Windows(list(range(9)), rows=2, steps=4, shift=False).batch(0, 0)
    >>> sorted(x.tolist()), (y == x + 1).all().item()
    ([[0, 1, 2, 3], [4, 5, 6, 7]], True)
    """

    def __init__(self, ids: Sequence[int] | Tensor, rows: int, steps: int, seed: int = 0, shift: bool = True) -> None:
        self.stream = Stream(ids, 1, steps, seed, shift)
        self.rows, self.steps, self.seed = rows, steps, seed
        self.windows = self.stream.length // steps
        if rows < 1 or not self.windows:
            raise UserError(
                f"rows={rows}, steps={steps}: expected at least 1, and a text of more than {steps} tokens; it has "
                f"{len(self.stream.ids)}"
            )

    def count(self, epoch: int = 0) -> int:
        """How many batches an epoch has, each as many. · 每轮的批次数。"""
        return -(-self.windows // self.rows)

    def batch(self, epoch: int, number: int) -> tuple[Tensor, Tensor]:
        """What is read and what comes next, both [≤ N, T]. · 输入与其后一位。

        Raises `UserError` for a number outside the epoch.
        """
        if not 0 <= number < self.count(epoch):
            raise UserError(f"batch={number}: expected 0…{self.count(epoch) - 1}")
        places = np.arange(number * self.rows, min(self.windows, (number + 1) * self.rows))
        order = counter.permute(counter.key(_WINDOWS, self.seed, epoch), places, self.windows)
        at = self.stream.start(epoch) + self.steps * torch.from_numpy(order)[:, None] + torch.arange(self.steps)
        return self.stream.ids[at], self.stream.ids[at + 1]
