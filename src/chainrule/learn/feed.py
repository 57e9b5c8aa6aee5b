"""The batches of one update, on the device: chosen, read, augmented. · 一次更新所需的批次。

Everything is a function of (seed, step): any step can be reached at once, and any number of workers gives the same.
"""

from concurrent.futures import Future, ThreadPoolExecutor
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from ..data import sampler
from ..data.augment.plan import Step, parse
from ..data.balance import Balanced
from ..settings import Settings

Batches = list[tuple[Tensor, Tensor]]


class Feed:
    """The training part, update by update. With `workers`, threads read ahead: decoding images frees the interpreter.

    place: the device where images are augmented; bytes travel there, which are a quarter of floats.

    · 按更新取训练批次；workers 个线程预读。
    """

    def __init__(self, data: Any, split: Any, settings: Settings, place: str = "cpu"):
        self.data, self.split, self.settings, self.place = data, split, settings, place
        self.batches = sampler.batches(len(split), settings.batch_size)
        self.updates = -(-self.batches // settings.accumulate)  # an epoch
        self.plan = parse(settings.augment)
        self.balanced = Balanced(split, len(data.classes)) if settings.balance == "sampler" else None
        self.pool = ThreadPoolExecutor(settings.workers) if settings.workers else None
        self.ahead: dict[int, Future[Batches]] = {}

    def at(self, step: int) -> Batches:
        """The batches of update `step`, counted from 0 over all epochs."""
        if self.pool is None:
            return self._read(step)
        for later in range(step, step + 2 * self.settings.workers + 1):
            if later not in self.ahead:
                self.ahead[later] = self.pool.submit(self._read, later)
        self.ahead = {k: v for k, v in self.ahead.items() if k >= step}
        return self.ahead.pop(step).result()

    def _read(self, step: int) -> Batches:
        epoch, update = divmod(step, self.updates)
        first = update * self.settings.accumulate
        last = min(first + self.settings.accumulate, self.batches)
        return [self._batch(step, epoch, self._indices(epoch, batch)) for batch in range(first, last)]

    def _indices(self, epoch: int, batch: int) -> Tensor:
        seed, size = self.settings.seed, self.settings.batch_size
        if self.balanced is not None:
            return self.balanced.indices(seed, epoch, batch, size)
        return sampler.indices(seed, epoch, batch, len(self.split), size)

    def _batch(self, step: int, epoch: int, indices: Tensor) -> tuple[Tensor, Tensor]:
        if not self.plan:
            return self.split.batch(indices)
        from ..data import augment as room

        x, y = self.split.images(indices).to(self.place), self.split.targets.index_select(0, indices).to(self.place)
        x, drawn = self._changed(self.plan, self.settings.seed, x, indices, step, epoch)
        x, y = room.mix(self.plan, x, y, drawn, len(self.data.classes))
        return self.split.normalise(x), y

    @cached_property
    def fill(self) -> Tensor:
        """What is painted over a part taken away: the mean of each channel. · 遮挡部分的填充值。"""
        return torch.tensor(self.data.mean)[:, None, None].to(self.place)

    def _changed(
        self, plan: tuple[Step, ...], seed: int, x: Tensor, rows: Tensor, step: int, epoch: int
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Images changed as a plan says, and the parameters that were drawn for these rows."""
        from ..data import augment as room

        drawn = room.draw(plan, seed, step, rows, (x.shape[2], x.shape[3]), epoch)
        drawn = tuple(each.to(self.place) for each in drawn)
        return room.augment(plan, x, drawn, self.fill), drawn

    def close(self) -> None:
        if self.pool is not None:
            self.pool.shutdown(wait=False, cancel_futures=True)
