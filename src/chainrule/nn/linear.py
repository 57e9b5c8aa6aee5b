r"""Linear · 线性层

symbols  x [*, I]   weight [O, I]   bias [O]   out [*, O]      (* = any leading axes)
note     rows are samples and torch keeps the weight as [O, I] (errata E02); the gradient of a bias or weight is the
         sum over the batch (E06, E11), and the product comes before the Hadamard of the activation below it (E10)
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from ..formula import R, formula, rows


@formula(twin=F.linear, autocast="low", source="Rumelhart, Hinton & Williams 1986, doi:10.1038/323533a0, eq. 1")
def linear(x, weight, bias=None):
    """Affine map. · 仿射变换。

    >>> linear(torch.ones(2, 3), torch.ones(4, 3)).shape
    torch.Size([2, 4])
    """
    z = x @ weight.mT
    return z if bias is None else z + bias


@linear.backward("x")
def _(δ, weight):
    """Each input collects what its outputs want, through the same weights. · 每个输入沿同样的权重收回误差。"""
    return δ @ weight


@linear.backward("weight")
def _(δ, x):
    return rows(δ).mT @ rows(x)


@linear.backward("bias")
def _(δ):
    return rows(δ).sum(0)


@linear.samples
def _():
    yield R(5, 3), R(4, 3), None
    yield R(2, 5, 3), R(4, 3), R(4)


class Linear(torch.nn.Linear):
    """Affine map with torch's constructor, keys and initial weights. · 线性层。

    input [*, I], weight [O, I], bias [O], out [*, O]. Source: Rumelhart, Hinton & Williams 1986, doi:10.1038/323533a0.

    >>> Linear(3, 4)(torch.ones(2, 3)).shape
    torch.Size([2, 4])
    """

    def forward(self, input: Tensor) -> Tensor:
        return linear(input, self.weight, self.bias)
