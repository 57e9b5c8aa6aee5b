"""The form of every kind: numbers a sample → parameters → changed images. · 每种增强的统一形式。"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor


@dataclass(frozen=True)
class Frame:
    """What parameters depend on besides their own numbers. · 抽取参数时的环境。

    height, width: of the images. epoch: from 0. constant: uniform [N], the same for a sample at every step.
    """

    height: int
    width: int
    epoch: int
    constant: Tensor


@dataclass(frozen=True)
class Operation:
    """One kind of augmentation. · 一种数据增强。

    columns: numbers it needs a sample. draw: (uniform [N, columns] float64, frame, **options) → parameters [N, …].
    apply: (x [N, C, H, W], parameters, fill [C, 1, 1]) → x of the same shape. exact: bytes may stay bytes.
    """

    columns: int
    draw: Callable[..., Tensor]
    apply: Callable[[Tensor, Tensor, Tensor], Any]
    exact: bool = False


def within(u: Tensor, ends: tuple[float, float]) -> Tensor:
    """Uniform numbers in 0…1 → in low…high. · 均匀数映射到区间。

    >>> import torch
    >>> within(torch.tensor([0.0, 0.5]), (2.0, 4.0)).tolist()
    [2.0, 3.0]
    """
    return ends[0] + u * (ends[1] - ends[0])
