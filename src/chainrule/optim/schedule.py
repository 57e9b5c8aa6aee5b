"""Schedules: the learning rate as a pure function of the step. · 学习率调度：步数的纯函数。

    t    how many updates are done, from 0; `total` how many there will be

Each function returns the factor by which the base rate is multiplied in update t + 1. `Schedule` puts it into the
optimizer's groups; the count of steps is all its state.
"""

import inspect
from collections.abc import Callable, Mapping
from math import cos, pi
from typing import Any

import torch

from ..errors import UserError, did_you_mean, unknown


def constant(t: float, total: float) -> float:
    """The base rate, always. · 始终为基础学习率。

    >>> constant(7, 10)
    1.0
    """
    return 1.0


def step(t: float, total: float, every: float = 30, gamma: float = 0.1) -> float:
    """Multiplied by γ every so many steps. · 每隔若干步乘以 γ。

    source  He et al. 2016, section 3.4, arXiv:1512.03385 (divided by 10 at plateaus); torch's StepLR

    >>> step(65, 90, every=30, gamma=0.5)
    0.25
    """
    return gamma ** (t // every)


def cosine(t: float, total: float, floor: float = 0.0) -> float:
    """Half a cosine from 1 down to `floor`. · 由 1 沿半个余弦降到 floor。

    source  Loshchilov & Hutter 2017, equation 5, arXiv:1608.03983; torch's CosineAnnealingLR

    >>> cosine(5, 10)
    0.5
    """
    return _anneal(1.0, floor, min(t / total, 1.0))


def onecycle(
    t: float, total: float, pct_start: float = 0.3, div_factor: float = 25.0, final_div_factor: float = 1e4
) -> float:
    """Up from 1/div_factor to 1, then down to almost nothing, both along a cosine. · 先升后降的一个周期。

    source  Smith & Topin 2019, arXiv:1708.07120; torch's OneCycleLR with cosine annealing (the peak is the base rate)

    >>> onecycle(29, 100)
    1.0
    """
    low, peak, last = 1 / div_factor, pct_start * total - 1, total - 1
    t = min(t, last)
    if t <= peak:
        return _anneal(low, 1.0, t / peak if peak > 0 else 1.0)
    return _anneal(1.0, low / final_div_factor, (t - peak) / (last - peak))


def warm_up(t: float, steps: float, start: float | None = None) -> float:
    """A straight line from `start` up to 1; from 1/(steps + 1) unless said. · 由 start 线性升至 1。

    source  Goyal et al. 2017, section 2.2, arXiv:1706.02677; torch's LinearLR

    >>> [warm_up(t, 3) for t in range(5)]
    [0.25, 0.5, 0.75, 1.0, 1.0]
    """
    low = 1 / (steps + 1) if start is None else start
    return low + (1 - low) * t / steps if t < steps else 1.0


def _anneal(start: float, end: float, part: float) -> float:
    return end + (start - end) * (1 + cos(pi * part)) / 2


SCHEDULES: dict[str, Callable[..., float]] = {
    "constant": constant,
    "step": step,
    "cosine": cosine,
    "onecycle": onecycle,
}

# Options of the schedules by name: what fits, and what is said of it.
RANGES: dict[str, tuple[Callable[[Any], bool], str]] = {
    "total": (lambda x: x >= 1, "at least 1 step"),
    "warmup": (lambda x: x >= 0, "at least 0 steps"),
    "warmup_start": (lambda x: 0 <= x <= 1, "a number from 0 to 1"),
    "every": (lambda x: x > 0, "a number of steps above 0"),
    "gamma": (lambda x: x >= 0, "a number of at least 0"),
    "floor": (lambda x: x >= 0, "a number of at least 0"),
    "pct_start": (lambda x: 0 <= x <= 1, "a number from 0 to 1"),
    "div_factor": (lambda x: x > 0, "a number above 0"),
    "final_div_factor": (lambda x: x > 0, "a number above 0"),
}


class Schedule:
    """Sets the learning rate of every group from the count of steps. · 由步数设定各组学习率。

    `name` is one of `SCHEDULES` and `total` its length in steps, the `warmup` steps in front of it included; `options`
    are its own. The base rate of a group is its `initial_lr`, or its `lr` when the schedule is made, as in torch.
    Raises `UserError` for an unknown name or option and for a value out of range.

    >>> from chainrule.optim import SGD
    >>> optimizer = SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.8)
    >>> schedule = Schedule(optimizer, "cosine", 10)
    >>> for _ in range(5): schedule.step()
    >>> optimizer.param_groups[0]["lr"], schedule.state_dict()
    (0.4, {'step': 5})
    """

    def __init__(
        self,
        optimizer: torch.optim.Optimizer,
        name: str = "constant",
        total: float = 1,
        *,
        warmup: float = 0,
        warmup_start: float | None = None,
        **options: float,
    ):
        if name not in SCHEDULES:
            raise unknown("schedule", name, list(SCHEDULES))
        known = list(inspect.signature(SCHEDULES[name]).parameters)[2:]
        for option in options:
            if option not in known:
                takes = f"one of {', '.join(known)}" if known else "none"
                hint = did_you_mean(option, known)
                raise UserError(f"schedule {name} takes no option {option!r}: expected {takes}{hint}")
        _check(name, {"total": total, "warmup": warmup, "warmup_start": warmup_start, **options})
        self.optimizer, self.name, self.total = optimizer, name, total
        self.warmup, self.warmup_start, self.options = warmup, warmup_start, options
        self.count = 0
        self._apply()

    def factor(self, t: float) -> float:
        """The factor after t steps: a pure function of the settings. · 第 t 步之后的系数。"""
        if t < self.warmup:
            return warm_up(t, self.warmup, self.warmup_start)
        # What lies behind the warm-up may be nothing at all; a length of 1 keeps its last step defined.
        return SCHEDULES[self.name](t - self.warmup, max(self.total - self.warmup, 1), **self.options)

    def step(self) -> None:
        """Count one more update and set the rates for the next. · 计一步并设定下一步的学习率。"""
        self.count += 1
        self._apply()

    def _apply(self) -> None:
        factor = self.factor(self.count)
        for group in self.optimizer.param_groups:
            lr = group["lr"]
            base = group.setdefault("initial_lr", lr.clone() if isinstance(lr, torch.Tensor) else lr)
            if isinstance(lr, torch.Tensor):
                lr.fill_(float(base) * factor)  # in place: a compiled step may hold this tensor
            else:
                group["lr"] = base * factor

    def state_dict(self) -> dict[str, int]:
        """The count of steps. · 步数。"""
        return {"step": self.count}

    def load_state_dict(self, state: Mapping[str, int]) -> None:
        """Continue from a count of steps: load the optimizer before. · 由步数继续；先恢复优化器。"""
        self.count = int(state["step"])
        self._apply()


def _check(name: str, values: Mapping[str, Any]) -> None:
    for option, value in values.items():
        fits, expected = RANGES[option]
        if value is not None and not fits(value):
            raise UserError(f"schedule {name}: {option}={value!r}: expected {expected}")
