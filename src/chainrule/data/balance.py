"""Classes of unequal size: how many there are, and what makes up for it. · 类别不均衡：计数与补偿。"""

from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..errors import UserError
from . import counter
from .sampler import batches

_CHOOSE = 6


def counts(split: Any, classes: int) -> Tensor:
    """How many samples are of each class, int64 [C]. · 各类样本数。"""
    if split.targets.is_floating_point():
        return split.targets.sum(0).long()
    return split.targets.bincount(minlength=classes)


def class_weights(data: Any, task: str) -> tuple[float, ...]:
    """What each class weighs in the loss. · 损失中各类的权重。

    One class a sample: N / (C · n_c), so the weights of all samples sum to N. Several: the samples without a class over
    those with it, as the weight of the positive answer. Raises `UserError` where the targets are no classes.
    """
    if task not in ("classification", "multilabel"):
        raise UserError(f"balance=loss: expected classes, and {data.name} has numbers; leave balance=none")
    n = counts(data.train, len(data.classes)).double().clamp(min=1)
    total = len(data.train)
    weights = total / (len(n) * n) if task == "classification" else (total - n).clamp(min=1) / n
    return tuple(weights.tolist())


class Balanced:
    """Which samples a batch holds, so that every class comes up equally often. · 使各类出现次数相等的采样。

    A function of (seed, epoch, batch), like `sampler.indices`. Of an epoch of n positions each class gets n / C, spread
    evenly over its samples in an order drawn anew each epoch: none comes twice before all have come once. A sample of
    several classes counts for the rarest.
    """

    def __init__(self, split: Any, classes: int):
        targets = split.targets.numpy()
        if targets.ndim > 1:
            order = np.argsort(targets.sum(0), kind="stable")
            targets = np.where(targets.any(1), order[targets[:, order].argmax(1)], classes)
        elif targets.dtype.kind not in "iu":
            raise UserError("balance=sampler: expected classes, and these targets are numbers; leave balance=none")
        self.members = [np.flatnonzero(targets == c) for c in np.unique(targets)]
        self.n = len(targets)
        self._epoch = lru_cache(maxsize=2)(self._draw)

    def indices(self, seed: int, epoch: int, batch: int, batch_size: int) -> Tensor:
        """int64 [≤ batch_size]; raises `UserError` for a batch outside the epoch. · 一个批次的样本下标。"""
        if not 0 <= batch < batches(self.n, batch_size):
            raise UserError(f"batch={batch}: expected 0…{batches(self.n, batch_size) - 1}")
        chosen = self._epoch(seed, epoch)[batch * batch_size : (batch + 1) * batch_size]
        return torch.from_numpy(chosen.copy())

    def _draw(self, seed: int, epoch: int) -> np.ndarray:
        """All positions of an epoch: position p belongs to class p mod C, then all are shuffled."""
        out = np.empty(self.n, np.int64)
        for c, members in enumerate(self.members):
            places = np.arange(c, self.n, len(self.members))
            rounds, inside = divmod(np.arange(len(places)), len(members))
            for turn in range(int(rounds[-1]) + 1 if len(places) else 0):
                key = counter.key(_CHOOSE, seed, epoch, c, turn)
                mine = rounds == turn
                out[places[mine]] = members[counter.permute(key, inside[mine], len(members))]
        return out[counter.permute(counter.key(_CHOOSE, seed, epoch), np.arange(self.n), self.n)]
