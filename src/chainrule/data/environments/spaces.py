"""What can be done in a world: one of several things, or some numbers. · 动作空间：若干选项之一，或若干数值。"""

from dataclasses import dataclass
from math import isfinite
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True)
class Discrete:
    """One of n actions, numbered from 0. · n 个离散动作之一。

    >>> Discrete(2).to_json()
    {'discrete': 2}
    """

    n: int

    @property
    def outputs(self) -> int:
        """How many numbers a policy says. · 策略输出的个数。"""
        return self.n

    def to_json(self) -> dict[str, Any]:
        return {"discrete": self.n}


@dataclass(frozen=True)
class Box:
    """Some numbers, each between its bounds. · 若干有界实数。

    >>> Box((-2.0,), (2.0,)).placed(torch.tensor([[0.5], [7.0]])).tolist()
    [[1.0], [2.0]]
    """

    low: tuple[float, ...]
    high: tuple[float, ...]

    @property
    def outputs(self) -> int:
        return len(self.low)

    def placed(self, action: Tensor) -> Tensor:
        """Numbers of a policy as an action: −1 … 1 is spread over the bounds, what is beyond is cut off; a number
        without both bounds stays as it is. · 把策略输出映射到边界之内。
        """
        low, high = torch.tensor(self.low), torch.tensor(self.high)
        bounded = torch.tensor([isfinite(a) and isfinite(b) for a, b in zip(self.low, self.high, strict=True)])
        spread = torch.where(bounded, low + (action + 1) / 2 * (high - low), action)
        return spread.clamp(low, high)

    def to_json(self) -> dict[str, Any]:
        return {"low": list(self.low), "high": list(self.high)}


Actions = Discrete | Box


def actions_of(kept: dict[str, Any]) -> Actions:
    """Back from JSON. · 由 JSON 恢复。

    >>> actions_of({"discrete": 3})
    Discrete(n=3)
    """
    if "discrete" in kept:
        return Discrete(kept["discrete"])
    return Box(tuple(kept["low"]), tuple(kept["high"]))
