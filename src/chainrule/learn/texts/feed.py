"""Batches of texts, those of one length together. · 长度相近的文本成批。"""

import torch
from torch import Tensor
from torch.nn.functional import pad

from ...data.text.batches import Batches
from ...settings import Settings
from .data import IGNORED, Part

BUCKET = 50  # batches that are sorted together: far fewer and padding grows, far more and epochs are alike
_NONE = 1 << 60
_SHORTEST = 16


class TextFeed:
    """The training part, update by update: each text once an epoch, a function of (seed, step). · 训练批次。

    even: lengths are padded to powers of two, so that a compiled step sees few shapes.
    """

    def __init__(self, part: Part, settings: Settings):
        size, self.accumulate, self.even = settings.batch_size, settings.accumulate, settings.compile
        self.part = part
        self.batches = Batches(part.lengths, _NONE, size, settings.seed, bucket=BUCKET * size)
        # Every bucket but the last holds full batches only, so all epochs have as many.
        self.updates = -(-self.batches.count(0) // self.accumulate)

    def at(self, step: int) -> list[tuple[tuple[Tensor, Tensor], Tensor]]:
        """The batches of update `step`, counted from 0 over all epochs. · 第 step 次更新的批次。"""
        epoch, update = divmod(step, self.updates)
        first = update * self.accumulate
        last = min(first + self.accumulate, self.batches.count(epoch))
        return [self._batch(self.batches.indices(epoch, number)) for number in range(first, last)]

    def _batch(self, indices: Tensor) -> tuple[tuple[Tensor, Tensor], Tensor]:
        (tokens, mask), y = self.part.batch(indices)
        if not self.even:
            return (tokens, mask), y
        length = max(_SHORTEST, 1 << (tokens.shape[1] - 1).bit_length())
        more = (0, length - tokens.shape[1])
        tags = pad(y, more, value=IGNORED) if y.ndim == 2 else y
        return (pad(tokens, more), pad(mask, more)), tags

    def close(self) -> None:
        """Nothing is held open. · 无需关闭。"""


def first(part: Part, settings: Settings) -> Part:
    """What is learned from: the training part, or `overfit` batches of it. · 用于学习的部分。"""
    if not settings.overfit:
        return part
    return part.subset(min(len(part), settings.overfit * settings.batch_size))


def tried(part: Part) -> tuple[tuple[Tensor, Tensor], Tensor]:
    """Two texts, to see that a network takes them. · 预检用的小批次。"""
    return part.batch(torch.arange(min(2, len(part))))
