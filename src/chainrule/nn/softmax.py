r"""Softmax: many numbers that share one · 软最大：多个数分享 1

symbols  z [*] scores   dim the axis along which they compete   out [*]
note     softmax is not z·σ(z) (errata E31): it sums to 1 along its axis; subtracting the largest score changes
         nothing and keeps the exponential from overflowing
"""

import warnings

import torch
import torch.nn.functional as F
from torch import Tensor

from ..formula import R, formula


@formula(twin=F.softmax, autocast="fp32", source="Bridle 1990, doi:10.1007/978-3-642-76153-9_28")
def softmax(z, dim):
    """Scores become shares: positive and summing to 1. · 把得分变为份额。

    >>> softmax(torch.tensor([1e6, 1e6]), 0)
    tensor([0.5000, 0.5000])
    """
    e = (z - z.amax(dim, keepdim=True)).exp()
    return e / e.sum(dim, keepdim=True)


@softmax.backward("z")
def _(δ, out, dim):
    return out * (δ - (δ * out).sum(dim, keepdim=True))


@softmax.samples
def _():
    yield R(3, 4), -1
    yield R(3, 4, 2), 1


@formula(twin=F.log_softmax, autocast="fp32", source="Bridle 1990, doi:10.1007/978-3-642-76153-9_28")
def log_softmax(z, dim):
    """Logarithm of the shares. · 份额的对数。

    >>> log_softmax(torch.tensor([1e6, 0.0]), 0)
    tensor([       0., -1000000.])
    """
    z = z - z.amax(dim, keepdim=True)
    return z - z.exp().sum(dim, keepdim=True).log()


@log_softmax.backward("z")
def _(δ, out, dim):
    return δ - out.exp() * δ.sum(dim, keepdim=True)


@log_softmax.samples
def _():
    yield R(3, 4), -1
    yield R(3, 4, 2), 1


def chosen(dim: int | None, z: Tensor) -> int:
    """The axis, or torch's old guess with torch's warning where none was named. · 所选的轴。

    >>> chosen(-1, torch.ones(2, 3))
    -1
    """
    if dim is None:
        dim = 0 if z.ndim in (0, 1, 3) else 1
        warnings.warn(f"softmax got dim=None and guesses dim={dim}: name the axis", stacklevel=3)
    return dim


class Softmax(torch.nn.Softmax):
    """Scores become shares along `dim`. · 把得分变为份额。

    input [*], out [*]. The formula and its source: `softmax`.

    >>> Softmax(-1)(torch.zeros(2))
    tensor([0.5000, 0.5000])
    """

    def forward(self, input: Tensor) -> Tensor:
        return softmax(input, chosen(self.dim, input))


class LogSoftmax(torch.nn.LogSoftmax):
    """Logarithm of the shares along `dim`. · 份额的对数。

    input [*], out [*]. The formula and its source: `log_softmax`.

    >>> LogSoftmax(-1)(torch.zeros(2))
    tensor([-0.6931, -0.6931])
    """

    def forward(self, input: Tensor) -> Tensor:
        return log_softmax(input, chosen(self.dim, input))
