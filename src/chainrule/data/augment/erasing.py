"""A part taken away: random erasing and cutout. · 随机擦除与遮挡。"""

import math

import torch
from torch import Tensor

from .operation import Frame, Operation, within


def erase(x: Tensor, boxes: Tensor, fill: Tensor) -> Tensor:
    """Each image with a box painted over. · 用颜色填充矩形框。

    x [N, C, H, W]   boxes [N, 4] integers (top, left, height, width), may reach outside   fill [C, 1, 1]

    >>> erase(torch.ones(1, 1, 2, 2), torch.tensor([[0, 1, 1, 9]]), torch.zeros(1, 1, 1)).tolist()
    [[[[1.0, 0.0], [1.0, 1.0]]]]
    """
    return torch.where(covered(boxes, x.shape[2], x.shape[3]), fill.to(x.dtype), x)


def covered(boxes: Tensor, h: int, w: int) -> Tensor:
    """Which pixels lie in the box of their image, [N, 1, H, W]. · 框内像素。"""
    top, left, height, width = boxes[:, :, None].unbind(1)
    rows, columns = torch.arange(h, device=boxes.device), torch.arange(w, device=boxes.device)
    inside_rows = (rows >= top) & (rows < top + height)
    inside_columns = (columns >= left) & (columns < left + width)
    return (inside_rows[:, :, None] & inside_columns[:, None, :])[:, None]


def _erase(u: Tensor, frame: Frame, p: float, area: tuple[float, float], ratio: tuple[float, float]) -> Tensor:
    """Area uniform, ratio log-uniform, made to fit (Zhong et al. 2017, arXiv:1708.04896, algorithm 1)."""
    h, w = frame.height, frame.width
    size = h * w * within(u[:, 1], area)
    shape = within(u[:, 2], (math.log(ratio[0]), math.log(ratio[1]))).exp()
    height, width = (size * shape).sqrt().round().clamp(0, h), (size / shape).sqrt().round().clamp(0, w)
    top, left = (u[:, 3] * (h - height + 1)).floor(), (u[:, 4] * (w - width + 1)).floor()
    return torch.stack((top, left, height * (u[:, 0] < p), width), 1).long()


def _cutout(u: Tensor, frame: Frame, side: float) -> Tensor:
    """The middle anywhere, so a part may lie outside (DeVries & Taylor 2017, arXiv:1708.04552, section 3.2)."""
    middle = (u * torch.tensor([frame.height, frame.width], dtype=u.dtype)).long()
    return torch.cat((middle - int(side) // 2, torch.full_like(middle, int(side))), 1)


ERASE = Operation(5, _erase, erase, exact=True)
CUTOUT = Operation(2, _cutout, erase, exact=True)
