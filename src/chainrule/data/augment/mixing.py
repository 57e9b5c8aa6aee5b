"""Two pictures in one, and both labels: mixup and cutmix. · 图像与标签的混合。

symbols  x [N, C, H, W]   y [N, C] shares of the classes   partner: the row of the batch that is mixed in
"""

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from .erasing import covered
from .operation import Frame, Operation


def mixup(x: Tensor, parameters: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """λ of one picture and 1 − λ of another, labels alike (Zhang et al. 2018, arXiv:1710.09412). · 按比例混合。

    x floats   parameters [N, 2]: partner, λ

    >>> x, y = mixup(torch.tensor([[[[0.0]]], [[[1.0]]]]), torch.tensor([[1, 0.75], [0, 0.75]]), torch.eye(2))
    >>> x.flatten().tolist(), y.tolist()
    ([0.25, 0.75], [[0.75, 0.25], [0.25, 0.75]])
    """
    partner, share = parameters[:, 0].long(), parameters[:, 1].to(x.dtype)
    wide = share[:, None, None, None]
    return wide * x + (1 - wide) * x[partner], _shared(y, partner, share)


def cutmix(x: Tensor, parameters: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """A box of another picture, labels by area (Yun et al. 2019, arXiv:1905.04899). · 矩形替换，标签按面积混合。

    parameters [N, 5] integers: partner, top, left, height, width

    >>> x = torch.tensor([[[[0, 0]]], [[[9, 9]]]])
    >>> x, y = cutmix(x, torch.tensor([[1, 0, 0, 1, 1], [0, 0, 1, 1, 1]]), torch.eye(2))
    >>> x.flatten().tolist(), y.tolist()
    ([9, 0, 9, 0], [[0.5, 0.5], [0.5, 0.5]])
    """
    partner, inside = parameters[:, 0], covered(parameters[:, 1:], x.shape[2], x.shape[3])
    return torch.where(inside, x[partner], x), _shared(y, partner, 1 - inside.double().mean((1, 2, 3)))


def _shared(y: Tensor, partner: Tensor, share: Tensor) -> Tensor:
    share = share.to(y.dtype)[:, None]
    return share * y + (1 - share) * y[partner]


def _partners(u: Tensor) -> Tensor:
    """Each sample's next one in a random order: nobody is mixed with itself where there are two."""
    order = u.argsort(stable=True)
    return torch.empty_like(order).scatter_(0, order, order.roll(-1))


def beta(u: Tensor, alpha: float) -> Tensor:
    """Uniform numbers → Beta(α, α), by its quantiles. · 由均匀数得到 Beta(α, α)。

    Drawing by rejection would need numbers without end; a sample has a fixed few.

    >>> beta(torch.tensor([0.0, 0.25, 0.5, 1.0]), 1.0).tolist()
    [0.0, 0.25, 0.5, 1.0]
    """
    t, shares = _half(alpha)
    low = torch.from_numpy(np.interp(torch.minimum(u, 1 - u).numpy(), shares, t) ** (1 / min(alpha, 1)))
    return torch.where(u < 0.5, low, 1 - low)


@lru_cache(maxsize=8)
def _half(alpha: float) -> tuple[np.ndarray, np.ndarray]:
    """Places t = x^min(α, 1) of 0 ≤ x ≤ ½ and the share of Beta(α, α) below each; in t the density has no pole."""
    power = min(alpha, 1)
    t = np.linspace(0, 0.5**power, 1 << 14)
    middles = (t[1:] + t[:-1]) / 2
    density = middles ** (alpha / power - 1) * (1 - middles ** (1 / power)) ** (alpha - 1)
    shares = np.concatenate(([0.0], np.cumsum(density)))
    return t, shares / shares[-1] / 2


def _mixup(u: Tensor, frame: Frame, alpha: float) -> Tensor:
    return torch.stack((_partners(u[:, 0]).double(), beta(u[:, 1], alpha)), 1)


def _cutmix(u: Tensor, frame: Frame, alpha: float) -> Tensor:
    """A box of 1 − λ of the area, its middle anywhere, cut at the rim, as algorithm 1 of the paper has it."""
    side = (1 - beta(u[:, 1], alpha)).sqrt()[:, None]
    size = torch.tensor([frame.height, frame.width], dtype=u.dtype)
    half = (side * size).long() // 2
    middle = (u[:, 2:] * size).long()
    low, high = (middle - half).clamp(min=0), torch.minimum(middle + half, size.long())
    return torch.cat((_partners(u[:, 0])[:, None], low, high - low), 1)


MIXUP = Operation(2, _mixup, mixup)
CUTMIX = Operation(4, _cutmix, cutmix, exact=True)
