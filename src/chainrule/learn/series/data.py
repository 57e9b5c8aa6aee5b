"""A series in windows: split by time, standardised by what comes first. · 时间窗：按时间划分，以训练部分标准化。

symbols  x [n, W, C] standardised windows   y [n, F] what came next of the first column   at [n]: where in time y begins
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...data import series as room
from ...errors import UserError
from ..facts import Remembered


@dataclass(frozen=True)
class Reading:
    """How a series is read, as `data.KEY=` says. · 序列的读取方式。

    column what is forecast (the last one if ""), beside further columns that are read, one or several; window rows that
    are seen, horizon numbers that are forecast; period of the seasons, 0: found if one is clear; log: learn logarithms,
    for what grows by a share of itself; test: the last part.
    """

    column: str | int = ""
    beside: Any = ()
    window: int = 24
    horizon: int = 1
    period: int = 0
    log: bool = False
    test: float = 0.33
    encoding: str = ""
    delimiter: str = ""

    def __post_init__(self) -> None:
        """Raises `UserError` with a line for each value that is none. · 检查取值。"""
        lines = []
        for key, least in (("window", 1), ("horizon", 1), ("period", 0)):
            value = getattr(self, key)
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                lines.append(f"data.{key}={value!r}: expected an integer of at least {least}")
        if isinstance(self.test, bool) or not isinstance(self.test, int | float) or not 0 <= self.test < 1:
            lines.append(f"data.test={self.test!r}: expected a share in [0, 1)")
        for key, values in (("column", (self.column,)), ("beside", self.further)):
            if any(isinstance(value, bool) or not isinstance(value, str | int) for value in values):
                lines.append(f"data.{key}={getattr(self, key)!r}: expected names of columns, or their numbers from 0")
        if not isinstance(self.log, bool):
            lines.append(f"data.log={self.log!r}: expected true or false")
        if lines:
            raise UserError(*lines)

    @property
    def further(self) -> Sequence[Any]:
        """The columns beside, as a sequence. · 附加列。"""
        if isinstance(self.beside, str):
            return tuple(filter(None, (name.strip() for name in self.beside.split(","))))
        return self.beside if isinstance(self.beside, list | tuple) else (self.beside,)


@dataclass(frozen=True)
class SeriesFacts(Remembered):
    """What a network that forecasts must remember. · 预测网络需要记住的信息。

    columns, the first is forecast; mean, std of each in the training part, of the logarithms where log; period, 0 for
    none; scale: mean absolute error of the naive forecast (seasonal where there is a period) within the training part,
    which MASE divides by.
    """

    name: str
    fingerprint: str
    columns: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    window: int
    horizon: int
    period: int
    scale: float
    log: bool = False

    def standardised(self, values: np.ndarray) -> Tensor:
        """[T, C] in the training part's deviations. Raises `UserError` for a logarithm of 0 or less. · 标准化。"""
        if self.log and not (values > 0).all():
            raise UserError(f"data.log=true: {self.name} holds {values.min():g}: expected numbers above 0")
        told = np.log(values) if self.log else values
        return torch.from_numpy((told - np.array(self.mean)) / np.array(self.std)).float()

    def units(self, z: Tensor) -> Tensor:
        """What is forecast, in its own units. · 还原单位。"""
        told = z.double() * self.std[0] + self.mean[0]
        return told.exp() if self.log else told


@dataclass(frozen=True)
class Part:
    """Windows of one stretch of time. · 一段时间内的时间窗。"""

    x: Tensor
    y: Tensor
    at: np.ndarray

    def __len__(self) -> int:
        return len(self.y)

    def batch(self, indices: Tensor) -> tuple[Tensor, Tensor]:
        """(x, y). · 一个批次。"""
        return self.x[indices], self.y[indices]

    def subset(self, count: int) -> "Part":
        return Part(self.x[:count], self.y[:count], self.at[:count])


@dataclass(frozen=True)
class SeriesData:
    """A series in parts that follow each other. · 依次相接的各部分。

    begins: where val and test begin in time.
    """

    source: str
    facts: SeriesFacts
    series: room.Series
    begins: tuple[int, int]
    train: Part
    val: Part | None = None
    test: Part | None = None

    @property
    def fingerprint(self) -> str:
        return self.facts.fingerprint


def read(source: str, reading: Reading, val: float) -> SeriesData:
    """The data as a run sees it: what is forecast lies wholly in its part, what is seen may lie before. · 读取划分。

    val share of what lies before the test part. Raises `UserError` for whatever is wrong with the table, a training
    part that is too short or constant.
    """
    series = room.read(source, reading.column, reading.further, reading.encoding or None, reading.delimiter or None)
    T = len(series.values)
    test = math.floor(T * (1 - reading.test) + 1e-9)
    begin = test - math.ceil(val * test - 1e-9)
    _long_enough(series, reading, begin, T)
    facts = _facts(series, reading, begin)
    z = facts.standardised(series.values)
    ends = {"train": (reading.window, begin), "val": (begin, test), "test": (test, T)}
    parts = {name: _windows(z, facts, *stretch) for name, stretch in ends.items()}
    whole = parts["train"]
    assert whole is not None
    return SeriesData(source, facts, series, (begin, test), whole, parts["val"], parts["test"])


def _long_enough(series: room.Series, reading: Reading, begin: int, T: int) -> None:
    need = reading.window + reading.horizon + 1
    if begin < need:
        raise UserError(
            f"{series.name}: {T} rows leave {begin} for training: expected at least {need} for data.window="
            f"{reading.window} and data.horizon={reading.horizon}; take a smaller window, or val=0"
        )
    if reading.period >= begin:
        raise UserError(f"data.period={reading.period}: expected less than the {begin} rows of the training part")


def _facts(series: room.Series, reading: Reading, begin: int) -> SeriesFacts:
    past = series.values[:begin]
    if reading.log and not (past > 0).all():
        raise UserError(f"data.log=true: {series.name} holds {past.min():g}: expected numbers above 0")
    told = np.log(past) if reading.log else past
    mean, std = told.mean(0), told.std(0)
    still = [name for name, spread in zip(series.columns, std, strict=True) if not spread > 0]
    if still:
        raise UserError(
            f"{series.name}: column {still[0]!r} is constant in the training part: expected numbers that change"
        )
    period = reading.period or room.period_of(past[:, 0])
    naive = np.abs(past[period or 1 :, 0] - past[: -(period or 1), 0]).mean()
    return SeriesFacts(
        series.name,
        series.fingerprint,
        series.columns,
        tuple(mean.tolist()),
        tuple(std.tolist()),
        reading.window,
        reading.horizon,
        period,
        float(naive),
        reading.log,
    )


def _windows(z: Tensor, facts: SeriesFacts, first: int, end: int) -> Part | None:
    """All windows whose forecast lies in [first, end); None where not one does."""
    W, F = facts.window, facts.horizon
    at = np.arange(max(first, W), end - F + 1)
    if not len(at):
        return None
    rows = torch.from_numpy(at)[:, None]
    return Part(z[rows - W + torch.arange(W)], z[rows + torch.arange(F), 0], at)
