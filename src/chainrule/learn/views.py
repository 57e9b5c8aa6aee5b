"""Test-time augmentation: one image seen several times, the answers averaged. · 测试时增强：多个视图的概率取平均。

symbols  x [N, C, H, W]   views [V], each [N, C, H, W]   weights [V], their sum is 1
source   flip and six: Jordan 2024, section 3.5, arXiv:2404.00498; crop: Krizhevsky et al. 2012, section 4.1
"""

from collections.abc import Iterable

import torch
import torch.nn.functional as F
from torch import Tensor

Weighted = list[tuple[float, Tensor]]


def none(x: Tensor) -> Weighted:
    """The image as it is. · 原图。"""
    return [(1.0, x)]


def flip(x: Tensor) -> Weighted:
    """The image and its mirror image. · 原图与左右镜像。

    >>> [(weight, view.tolist()) for weight, view in flip(torch.tensor([[[[1.0, 2.0]]]]))]
    [(0.5, [[[[1.0, 2.0]]]]), (0.5, [[[[2.0, 1.0]]]])]
    """
    return [(1 / 2, x), (1 / 2, x.flip(-1))]


def moved(x: Tensor, down: int, right: int) -> Tensor:
    """The image moved by whole pixels, its edge repeated where nothing comes from. · 平移，边缘像素延伸。

    >>> moved(torch.tensor([[[[1.0, 2.0, 3.0]]]]), 0, 1).tolist()
    [[[[1.0, 1.0, 2.0]]]]
    """
    height, width = x.shape[-2:]
    by = max(abs(down), abs(right))
    padded = F.pad(x, (by, by, by, by), mode="replicate")
    return padded[..., by - down : by - down + height, by - right : by - right + width]


def crop(x: Tensor) -> Weighted:
    """The image, and moved by a sixteenth of its side to each corner. · 原图与向四角平移。"""
    down, right = (max(1, round(side / 16)) for side in x.shape[-2:])
    corners = [(down, right), (down, -right), (-down, right), (-down, -right)]
    return [(1 / 5, x), *[(1 / 5, moved(x, *corner)) for corner in corners]]


def six(x: Tensor) -> Weighted:
    """The image and moved by one pixel to two corners, each with its mirror; unmoved ones count twice. · 六视图。"""
    pairs = [(1 / 2, x), (1 / 4, moved(x, 1, 1)), (1 / 4, moved(x, -1, -1))]
    return [(weight * half, view) for weight, moved_ in pairs for half, view in flip(moved_)]


def mean(outs: Iterable[tuple[float, Tensor]]) -> Tensor:
    """The weighted mean. · 加权平均。

    >>> mean([(0.25, torch.zeros(1)), (0.75, torch.ones(1))])
    tensor([0.7500])
    """
    return torch.stack([weight * out for weight, out in outs]).sum(0)
