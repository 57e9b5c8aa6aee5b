"""Whole pixels moved: shifts, crops, mirror images; bytes stay bytes. · 整像素移动：平移、裁剪、翻转。"""

import torch
import torch.nn.functional as F
from torch import Tensor

from ...errors import UserError
from .operation import Frame, Operation


def translate(x: Tensor, offsets: Tensor, most: int, mode: str = "zeros") -> Tensor:
    """Move each image by at most `most` whole pixels each way; zeros or its mirror image come in. · 整像素平移。

    x [N, C, H, W]   offsets [N, 2] integers (down, right)   mode "zeros" or "reflect" (most below H and W)

    >>> translate(torch.tensor([[[[1, 2], [3, 4]]]]), torch.tensor([[1, 0]]), 1).tolist()
    [[[[0, 0], [1, 2]]]]
    >>> translate(torch.tensor([[[[1, 2, 3], [4, 5, 6]]]]), torch.tensor([[0, 1]]), 1, "reflect")[0, 0, 0].tolist()
    [2, 1, 2]
    """
    n, c, h, w = x.shape
    padded = F.pad(x, (most,) * 4, mode="constant" if mode == "zeros" else "reflect")
    high, wide = padded.shape[2:]
    # Every row of the answer is w neighbours in memory: so many starts, and one copy of rows.
    planes = torch.arange(n * c, device=x.device).reshape(n, c, 1) * (high * wide)
    rows = (most - offsets[:, :1] + torch.arange(h, device=x.device)) * wide + most - offsets[:, 1:]
    starts = (planes + rows[:, None]).reshape(-1)
    windows = padded.reshape(-1).as_strided((max(padded.numel() - w + 1, 0), w), (1, 1))
    return windows.index_select(0, starts).reshape(n, c, h, w)


def flip(x: Tensor, turn: Tensor, axis: int = -1) -> Tensor:
    """Mirror left and right (axis −1) or top and bottom (−2) where turn [N] is true. · 按 turn 翻转。

    >>> flip(torch.tensor([[[[1.0, 2.0]]]]), torch.tensor([True])).tolist()
    [[[[2.0, 1.0]]]]
    """
    # Whole images are copied from one of two stacks: a choice pixel by pixel takes three times as long.
    n = len(x)
    return torch.cat((x, x.flip(axis))).index_select(0, torch.arange(n, device=x.device) + n * turn)


def _offsets(u: Tensor, most: float) -> Tensor:
    return (u * (2 * int(most) + 1)).long() - int(most)


def _chosen(u: Tensor, frame: Frame, p: float) -> Tensor:
    return u[:, 0] < p


def _alternating(u: Tensor, frame: Frame) -> Tensor:
    """Half of the pictures in even epochs, the other half in odd ones (Jordan 2024, arXiv:2404.00498, section 3.6)."""
    return (frame.constant < 0.5) ^ bool(frame.epoch % 2)


def moved(most: float, mode: str = "zeros") -> Operation:
    """Offsets of at most `most` pixels, and images moved by them. · 随机平移。"""

    def draw(u: Tensor, frame: Frame, **options: object) -> Tensor:
        if mode == "reflect" and most >= min(frame.height, frame.width):
            raise UserError(
                f"augment=crop(padding={most:g}, mode=reflect): images of {frame.height}×{frame.width} have no mirror "
                f"image of that width; expected a padding below {min(frame.height, frame.width)}"
            )
        return _offsets(u, most)

    return Operation(2, draw, lambda x, offsets, fill: translate(x, offsets, int(most), mode), exact=True)


FLIP = Operation(1, _chosen, lambda x, turn, fill: flip(x, turn), exact=True)
VFLIP = Operation(1, _chosen, lambda x, turn, fill: flip(x, turn, -2), exact=True)
ALTERNATE = Operation(0, _alternating, lambda x, turn, fill: flip(x, turn), exact=True)
