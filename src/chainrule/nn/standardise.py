r"""The one derivation that all norms share · 各种归一化共用的推导

symbols  x_hat = (x − μ) r   r = 1 / √(σ² + ε), σ² the biased variance (errata E22)   axes: what the mean runs over
note     μ and σ² are computed wherever they are read, so that the second order is right, and in float32 at least, so
         that the sum over a batch of float16 or bfloat16 is one
"""

import torch
from torch import Tensor

from ..errors import UserError
from .axes import by_channel

Axes = tuple[int, ...]


def mean(x: Tensor, axes: Axes) -> Tensor:
    return x.mean(axes, keepdim=True)


def moments(x: Tensor, axes: Axes) -> tuple[Tensor, Tensor]:
    """Mean μ and biased variance σ², in float32 at least. · 均值与有偏方差。

    >>> [m.item() for m in moments(torch.tensor([1.0, 3.0]), (0,))]
    [2.0, 1.0]
    """
    x = x.to(torch.promote_types(x.dtype, torch.float32))
    μ = mean(x, axes)
    return μ, mean((x - μ) ** 2, axes)


def standardise(x: Tensor, axes: Axes, eps: float) -> tuple[Tensor, Tensor]:
    """x_hat = (x − μ) r and r = 1 / √(σ² + ε). · 标准化。

    >>> standardise(torch.tensor([1.0, 3.0]), (0,), 0.0)[0]
    tensor([-1.,  1.])
    """
    μ, σ2 = moments(x, axes)
    r = (σ2 + eps).rsqrt()
    return (x - μ) * r, r


def standardise_delta(δx_hat: Tensor, x_hat: Tensor, r: Tensor, axes: Axes) -> Tensor:
    """δx = r (δx̂ − mean δx̂ − x̂ mean(δx̂ x̂)): what is left when μ and σ cannot be moved. · 标准化的 δ。

    >>> standardise_delta(torch.ones(2), torch.tensor([-1.0, 1.0]), torch.ones(1), (0,))
    tensor([0., 0.])
    """
    return r * (δx_hat - mean(δx_hat, axes) - x_hat * mean(δx_hat * x_hat, axes))


def affine(x_hat: Tensor, weight: Tensor | None, bias: Tensor | None) -> Tensor:
    """γ x_hat + β, either of them left out. · 缩放与平移。"""
    y = x_hat if weight is None else x_hat * weight
    return y if bias is None else y + bias


def per_channel(c: Tensor | None, x: Tensor) -> Tensor | None:
    return None if c is None else by_channel(c, x)


def root_mean_square(x: Tensor, axes: Axes, eps: float | None) -> tuple[Tensor, Tensor]:
    """x_hat = x r and r = 1 / √(mean x² + ε); no ε named is the smallest step of the dtype. · 均方根标准化。"""
    eps = torch.finfo(x.dtype).eps if eps is None else eps
    x = x.to(torch.promote_types(x.dtype, torch.float32))
    r = (mean(x**2, axes) + eps).rsqrt()
    return x * r, r


def last(x: Tensor, normalized_shape) -> Axes:
    """The axes of x that a shape names from behind. · 末尾的各轴。

    Raises `UserError` where x does not end in that shape: broadcasting would hide it.

    >>> last(torch.zeros(3, 4, 5), (4, 5))
    (-2, -1)
    """
    count = len(normalized_shape)
    if tuple(x.shape[-count:]) != tuple(normalized_shape):
        raise UserError(f"an input of shape {tuple(x.shape)}: expected its last axes to be {tuple(normalized_shape)}")
    return tuple(range(-count, 0))
