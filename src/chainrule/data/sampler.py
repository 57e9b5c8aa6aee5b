"""Which samples a batch holds: a function of (seed, epoch, batch). · 每个批次取哪些样本：由 (种子, 轮, 批) 决定。

Any batch of any epoch is reached at once, with no permutation stored, so a resumed run needs nothing but its position.
"""

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from ..errors import UserError
from . import counter

# Kept apart from each other, so that the order of the samples says nothing about their augmentation.
_ORDER, _DRAW, _STEP, _OWN = 1, 2, 4, 5
_BLOCK = 4096  # positions that are worked out at once


def seed_of(seed: int, step: int, part: int = 0) -> int:
    """One 63-bit number out of (seed, step, part of the step). · 由 (种子, 步, 步内批次) 得到一个 63 位整数。

    >>> seed_of(0, 1) != seed_of(0, 2)
    True
    """
    return counter.key(_STEP, seed, step, part) >> 1


def batches(n: int, batch_size: int) -> int:
    """How many batches an epoch of n samples has; the last may be smaller. · 一轮的批次数，最后一批可较小。

    >>> batches(10, 4)
    3
    """
    if n < 0 or batch_size < 1:
        raise UserError(f"n={n}, batch_size={batch_size}: expected n of at least 0 and batch_size of at least 1")
    return -(-n // batch_size)


def indices(seed: int, epoch: int, batch: int, n: int, batch_size: int) -> Tensor:
    """The samples of one batch, int64 [≤ batch_size]; each sample once an epoch. · 一个批次的样本下标，每轮各一次。

    seed, epoch any integers; batch 0…batches(n, batch_size)−1.
    Raises `UserError` for a batch outside the epoch.

    >>> indices(seed=0, epoch=0, batch=2, n=10, batch_size=4).tolist()
    [6, 0]
    """
    if not 0 <= batch < batches(n, batch_size):
        raise UserError(f"batch={batch}: expected 0…{batches(n, batch_size) - 1} ({n} samples, {batch_size} a batch)")
    start = batch * batch_size
    first, last = start // _BLOCK, (min(n, start + batch_size) - 1) // _BLOCK
    if first != last:
        positions = np.arange(start, min(n, start + batch_size))
        return torch.from_numpy(counter.permute(counter.key(_ORDER, seed, epoch), positions, n))
    inside = start - first * _BLOCK
    return _block(seed, epoch, first, n)[inside : min(inside + batch_size, n - first * _BLOCK)].clone()


@lru_cache(maxsize=2)
def _block(seed: int, epoch: int, block: int, n: int) -> Tensor:
    """Many positions cost hardly more than one batch of them: 60 µs of a batch are the calls themselves."""
    positions = np.arange(block * _BLOCK, min(n, (block + 1) * _BLOCK))
    return torch.from_numpy(counter.permute(counter.key(_ORDER, seed, epoch), positions, n))


def uniform(seed: int, step: int, samples: Tensor, k: int) -> Tensor:
    """k numbers in [0, 1) for each sample at a step, float64 [N, k]. · 每个样本在某步的 k 个 [0, 1) 均匀数。

    samples: int64 [N], indices of the samples. A sample has the same numbers in whatever batch or worker it stands.

    >>> uniform(seed=0, step=3, samples=torch.tensor([5, 6]), k=2).shape
    torch.Size([2, 2])
    """
    counters = samples.detach().cpu().numpy()
    return torch.from_numpy(counter.uniform(counter.key(_DRAW, seed, step), counters, k))


def constant(seed: int, samples: Tensor) -> Tensor:
    """A number in [0, 1) for each sample, the same at every step, float64 [N]. · 每个样本固定的均匀数。

    >>> constant(seed=0, samples=torch.tensor([5, 6])).shape
    torch.Size([2])
    """
    return torch.from_numpy(counter.uniform(counter.key(_OWN, seed), samples.detach().cpu().numpy(), 1))[:, 0]
