"""A schedule at work: the learning rate put into an optimizer's groups. · 学习率调度：写入优化器各组。

The curves themselves are the pure functions of `chainrule.rates`; the count of steps is all the state there is, but for
a plateau's.
"""

from collections.abc import Mapping
from math import isfinite
from typing import Any

import torch

from ..rates import SCHEDULES, Curve, Plateau, plateau, warm_up

__all__ = ["SCHEDULES", "Plateau", "Schedule", "plateau", "warm_up"]


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
        warmup_shape: str = "linear",
        **options: Any,
    ):
        self.curve = Curve(name, total, warmup, warmup_start, options, warmup_shape)
        self.optimizer, self.name = optimizer, name
        self.count = 0
        self.plateau = self.curve.start
        self._apply()

    def factor(self, t: float) -> float:
        """The factor after t steps, by the settings alone but for a plateau. · 第 t 步之后的系数。"""
        return self.curve.factor(t, self.plateau)

    def step(self) -> None:
        """Count one more update and set the rates for the next. · 计一步并设定下一步的学习率。"""
        self.count += 1
        self._apply()

    def epoch(self, metric: float) -> None:
        """Tell the figure of an epoch: only a plateau heeds it, and only after the warm-up. · 告知一轮的指标。"""
        self.plateau = self.curve.told(self.count, self.plateau, metric)
        self._apply()

    def _apply(self) -> None:
        factor = self.factor(self.count)
        for group in self.optimizer.param_groups:
            stopped = "until" in group and self.count >= group["until"] * self.curve.total
            own = 0.0 if stopped else factor
            lr = group["lr"]
            base = group.setdefault("initial_lr", lr.clone() if isinstance(lr, torch.Tensor) else lr)
            if isinstance(lr, torch.Tensor):
                lr.fill_(float(base) * own)  # in place: a compiled step may hold this tensor
            else:
                group["lr"] = base * own

    def state_dict(self) -> dict[str, Any]:
        """The count of steps; of a plateau also what it remembers. · 步数及平台期状态。"""
        state: dict[str, Any] = {"step": self.count}
        if self.name == "plateau":
            best = self.plateau.best
            state["plateau"] = [*self.plateau._replace(best=best if isfinite(best) else None)]  # JSON has no ∞
        return state

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from a count of steps: load the optimizer before. · 由步数继续；先恢复优化器。"""
        self.count = int(state["step"])
        if self.name == "plateau" and "plateau" in state:
            scale, best, *rest = state["plateau"]
            self.plateau = Plateau(scale, self.plateau.best if best is None else best, *rest)
        self._apply()
