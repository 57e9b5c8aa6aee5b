"""Pairs of sentences as numbers: a part of the data of a translator. · 句对数据的一个部分。"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from .. import counter
from .batches import Batches
from .padded import pair
from .side import Side

_OWN = 32
Batch = tuple[tuple[Tensor, ...], Tensor]


@dataclass(frozen=True)
class Part:
    """Pairs, as texts and as ids. · 句对：文本与编号。

    texts: (source, target); sources, targets: ids without `<BOS>` and `<EOS>`; scored: whether BLEU is wanted of it.
    """

    texts: list[tuple[str, str]]
    sources: list[list[int]]
    targets: list[list[int]]
    scored: bool = False

    @classmethod
    def of(cls, texts: Sequence[tuple[str, str]], source: Side, target: Side) -> "Part":
        """Numbered by the vocabularies of both sides. · 按两侧词表编号。"""
        return cls(list(texts), [source.ids(s) for s, _ in texts], [target.ids(t) for _, t in texts])

    def __len__(self) -> int:
        return len(self.texts)

    @property
    def lengths(self) -> np.ndarray:
        """[N, 2] tokens of source and target, the end of the target counted. · 两侧长度。"""
        return np.array([(len(s), len(t) + 1) for s, t in zip(self.sources, self.targets, strict=True)]).reshape(-1, 2)

    def within(self, longest: int) -> "Part":
        """Without the pairs of which a side is longer. · 去掉过长的句对。"""
        rows = np.flatnonzero((self.lengths - [0, 1]).max(1, initial=0) <= longest)
        return self.subset(rows.tolist())

    def subset(self, rows: Sequence[int]) -> "Part":
        """Those pairs only. · 子集。"""
        return replace(
            self,
            texts=[self.texts[i] for i in rows],
            sources=[self.sources[i] for i in rows],
            targets=[self.targets[i] for i in rows],
        )

    def batch(self, rows: Tensor) -> Batch:
        """((source, mask, input), target) of those pairs. · 一个批次。"""
        chosen = rows.tolist()
        made = pair([self.sources[i] for i in chosen], [self.targets[i] for i in chosen], chosen)
        return (made.source.tokens, made.source.mask, made.input), made.target

    def in_order(self, max_tokens: int = 4096) -> Iterator[tuple[Tensor, Batch]]:
        """All pairs once, by length, with their rows. · 按长度依次给出。"""
        order = np.argsort(self.lengths.max(1), kind="stable")
        longest, start = self.lengths.max(1)[order], 0
        for i in range(1, len(order) + 1):
            if i == len(order) or (i + 1 - start) * longest[i] > max_tokens:
                rows = torch.from_numpy(order[start:i].copy())
                yield rows, self.batch(rows)
                start = i


@dataclass(frozen=True)
class Sampling:
    """How often a decoder reads its own words while it learns. · 计划采样的安排。

    share: of the targets, once it is reached; epochs: over which it rises in a line from 0.
    """

    share: float = 0.0
    epochs: float = 10.0

    def at(self, epoch: float) -> float:
        """The share at a moment of the training. · 某时刻的比例。

        >>> Sampling(0.4, 10).at(5), Sampling(0.4, 10).at(20)
        (0.2, 0.4)
        """
        return self.share * min(1.0, epoch / self.epochs)

    def own(self, like: Tensor, share: float, seed: int, step: int) -> Tensor:
        """[N, T]: true where the own word is read, a function of (seed, step) alone. · 取自身输出之处。"""
        rows, steps = like.shape
        drawn = counter.uniform(counter.key(_OWN, seed, step), np.arange(rows), steps)
        return torch.from_numpy(drawn < share)


class PairsFeed:
    """The batches of each update: within a budget of tokens, sentences of like length together. · 训练批次。

    All sentences are one bucket, so each epoch has the same number of batches: where the lengths are cut is always
    the same, and which sentences of a length stand together is drawn anew.
    """

    def __init__(
        self,
        part: Part,
        seed: int,
        max_tokens: int,
        batch_size: int,
        accumulate: int = 1,
        sampling: Sampling = Sampling(),
    ) -> None:
        self.part, self.seed, self.accumulate, self.sampling = part, seed, accumulate, sampling
        self.cut = Batches(part.lengths, max_tokens, batch_size, seed, bucket=max(1, len(part)))
        self.batches = self.cut.count(0)
        self.updates = -(-self.batches // accumulate)

    def at(self, step: int) -> list[Batch]:
        """The batches of update `step`, counted from 0 over all epochs. · 某次更新的批次。"""
        epoch, update = divmod(step, self.updates)
        first = update * self.accumulate
        last = min(first + self.accumulate, self.batches)
        return [self._batch(step, epoch, number) for number in range(first, last)]

    def _batch(self, step: int, epoch: int, number: int) -> Batch:
        x, y = self.part.batch(self.cut.indices(epoch, number))
        if share := self.sampling.at(epoch + number / self.batches):
            x = (*x, self.sampling.own(y, share, self.seed, epoch * self.batches + number))
        return x, y

    def close(self) -> None:
        """Nothing is read ahead. · 无需关闭。"""
