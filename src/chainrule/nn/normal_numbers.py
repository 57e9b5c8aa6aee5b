r"""Normal numbers made from uniform ones · 由均匀随机数生成正态随机数

symbols  u₁, u₂ uniform   z standard normal   s = u² + v² the squared distance from the centre
note     the points of a disc are not normal (errata E53: their kurtosis is 2, not 3): Box and Muller take a radius
         √(−2 ln u₁) and an angle 2πu₂; the disc with rejection is Marsaglia's, which needs no sine (E54)
"""

import math

import torch
from torch import Tensor

Generator = torch.Generator | None


def on_a_circle(u1: Tensor, u2: Tensor) -> tuple[Tensor, Tensor]:
    """Two normal numbers from two uniform ones: a radius and an angle. · 由半径与角度得到两个正态数。

    >>> x, y = on_a_circle(torch.tensor(1 - math.exp(-2.0)), torch.tensor(0.0))
    >>> round(x.item(), 5), y.item()
    (2.0, 0.0)
    """
    r = torch.sqrt(-2 * torch.log(1 - u1))  # 1 − u₁ lies in (0, 1]: its logarithm is finite
    φ = 2 * math.pi * u2
    return r * torch.cos(φ), r * torch.sin(φ)


def outward(u: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
    """Two normal numbers from a point of the disc, moved along its ray. · 由圆盘内一点沿射线得到两个正态数。

    >>> x, y = outward(torch.tensor(math.exp(-0.5)), torch.tensor(0.0))
    >>> round(x.item(), 5), y.item()
    (1.41421, 0.0)
    """
    s = u**2 + v**2
    return u * torch.sqrt(-2 * torch.log(s) / s), v * torch.sqrt(-2 * torch.log(s) / s)


def box_muller(n: int, generator: Generator = None) -> Tensor:
    """n standard normal numbers: radius and angle of points in the plane. · Box–Muller 法。

    Source: Box & Muller 1958, doi:10.1214/aoms/1177706645, eq. 1.

    >>> box_muller(3, torch.Generator().manual_seed(0)).shape
    torch.Size([3])
    """
    u1, u2 = torch.rand(2, (n + 1) // 2, generator=generator, dtype=torch.float64)
    return torch.stack(on_a_circle(u1, u2), 1).flatten()[:n]


def disc(n: int, generator: Generator = None) -> tuple[Tensor, Tensor]:
    """Of n points uniform in the square [−1, 1)², those inside the unit disc: about π/4 of them. · 单位圆内的点。

    >>> u, v = disc(100, torch.Generator().manual_seed(0))
    >>> (u**2 + v**2).max() < 1
    tensor(True)
    """
    u, v = 2 * torch.rand(2, n, generator=generator, dtype=torch.float64) - 1
    s = u**2 + v**2
    inside = (s > 0) & (s < 1)
    return u[inside], v[inside]


def marsaglia_polar(n: int, generator: Generator = None) -> Tensor:
    """n standard normal numbers: points of the disc, moved outward. · Marsaglia 极坐标法。

    Source: Marsaglia & Bray 1964, doi:10.1137/1006063.

    >>> marsaglia_polar(3, torch.Generator().manual_seed(0)).shape
    torch.Size([3])
    """
    made = torch.empty(0, dtype=torch.float64)
    while len(made) < n:
        u, v = disc(n - len(made), generator)
        made = torch.cat([made, torch.stack(outward(u, v), 1).flatten()])
    return made[:n]
