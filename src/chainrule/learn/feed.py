"""The batches of one update, on the device: chosen, read, augmented. · 一次更新所需的批次。

Everything is a function of (seed, step): any step can be reached at once, and any number of workers gives the same.
"""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from torch import Tensor

from ..data import sampler
from ..data.dataset import DataSet, Split
from ..settings import Settings

Batches = list[tuple[Tensor, Tensor]]


class Feed:
    """The training part, update by update. With `workers`, threads read ahead: decoding images frees the interpreter.

    · 按更新取训练批次；workers 个线程预读。
    """

    def __init__(self, data: DataSet, split: Split, settings: Settings):
        self.data, self.split, self.settings = data, split, settings
        self.batches = sampler.batches(len(split), settings.batch_size)
        self.updates = -(-self.batches // settings.accumulate)  # an epoch
        self.augment = _augment(settings.augment)
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
        out: Batches = []
        for batch in range(first, min(first + self.settings.accumulate, self.batches)):
            indices = sampler.indices(self.settings.seed, epoch, batch, len(self.split), self.settings.batch_size)
            x, y = self.split.batch(indices)
            out.append((self.augment(x, self.data, self.settings.seed, step, indices), y))
        return out

    def close(self) -> None:
        if self.pool is not None:
            self.pool.shutdown(wait=False, cancel_futures=True)


def _augment(name: str) -> Callable[[Tensor, DataSet, int, int, Tensor], Tensor]:
    if name == "none":
        return lambda x, *_: x
    from ..data import augment

    def run(x: Tensor, data: DataSet, seed: int, step: int, indices: Tensor) -> Tensor:
        return augment.augment(name, x, augment.draw(name, seed, step, indices), data.fill)

    return run
