"""The images a network is surest and least sure of, side by side. · 把握最大与最小的图像。"""

import heapq
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from ..data.images import decode, probe
from ..learn.predict import Prediction
from ..runs.contact import SIDE, Tile, sheet
from ..runs.curves import share
from ..runs.style import BLUE, ORANGE

EACH = 12  # of the surest, and of the least sure


class Certainty:
    """Keeps the most and least certain of a stream of predictions. · 保留把握最大与最小的若干预测。

    What counts is the probability of the likeliest class; of many a few are kept, so any number may pass.

    >>> kept = Certainty(each=1)
    >>> told = [Prediction(Path(n), "cat", p, (("cat", p),), ("cat",)) for n, p in [("a", 0.9), ("b", 0.5), ("c", 0.7)]]
    >>> [p.path.name for p in kept.watch(told)]
    ['a', 'b', 'c']
    >>> [p.path.name for p in kept.surest], [p.path.name for p in kept.least]
    (['a'], ['b'])
    """

    def __init__(self, each: int = EACH):
        self.each = each
        self._high: list[tuple[float, int, Prediction]] = []
        self._low: list[tuple[float, int, Prediction]] = []

    def watch(self, predictions: Iterable[Prediction]) -> Iterator[Prediction]:
        """The same predictions, looked at as they pass. · 边取边记。"""
        for number, one in enumerate(predictions):
            for heap, sign in ((self._high, 1.0), (self._low, -1.0)):
                heapq.heappush(heap, (sign * one.probability, -number, one))
                if len(heap) > self.each:
                    heapq.heappop(heap)
            yield one

    @property
    def surest(self) -> list[Prediction]:
        return [one for _, _, one in sorted(self._high, reverse=True)]

    @property
    def least(self) -> list[Prediction]:
        """The least certain, without those that are among the surest of few. · 把握最小者。"""
        taken = {number for _, number, _ in self._high}
        return [one for _, number, one in sorted(self._low, reverse=True) if number not in taken]

    def draw(self, path: Path, title: str) -> None:
        """The sheet as PNG. Raises `WriteFailed` where the disk refuses. · 画出联系表。"""
        parts = [("most certain", self.surest, BLUE), ("least certain", self.least, ORANGE)]
        sheet([(name, [_tile(one, colour) for one in some]) for name, some, colour in parts], path, title)


def _tile(one: Prediction, colour: str) -> Tile:
    return Tile(thumbnail(one.path), f"{one.label}  {share(round(one.probability, 4))}", one.path.name, colour)


def thumbnail(path: Path, side: int = SIDE) -> np.ndarray:
    """An image file, upright and in its own proportions, uint8 [h, w, 3] that fits into side × side. · 缩略图。

    Small images keep their size.
    """
    _, height, width = probe(path)
    times = min(1.0, side / max(height, width))
    size = max(1, round(height * times)), max(1, round(width * times))
    return np.ascontiguousarray(decode(path, (3, *size)).transpose(1, 2, 0))
