r"""Dropout: noise that is a product with a mask · 失活：乘以掩码的噪声

symbols  x [N, …]   mask m 0 or 1, broadcast with x   p the chance to drop   out x · m / (1 − p) (errata E20)
note     the mask is drawn outside: by `draw` from torch's generator, or set as `module.mask` before a step, so that
         eager and compiled, CPU and GPU see the same one; without training a module is the identity
note     `draw` consumes the generator as torch does on the CPU: the same seed gives torch's numbers in every gear
note     `inplace=True` is accepted where torch has it and never acted on: a formula keeps its inputs
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from ..errors import UserError, unknown
from ..formula import R, formula

Generator = torch.Generator | None


def kept(p: float) -> float:
    """The share that is kept, as what to divide by: at p = 1 nothing is left to be scaled. · 保留的比例。"""
    return (1 - p) or 1


def product(x, mask, p):
    return torch.mul(x, mask / kept(p))  # torch's own dropout draws its mask itself


@formula(twin=product, batch=("x", "mask"), source="Srivastava et al. 2014, JMLR 15:1929–1958, §4 and §10 (inverted)")
def dropout(x, mask, p=0.5):
    """What the mask keeps, scaled so that the mean stays. · 保留掩码选中的部分，并保持均值。

    >>> dropout(torch.tensor([1.0, 2.0]), torch.tensor([0.0, 1.0]))
    tensor([0., 4.])
    """
    return x * (mask / kept(p))


@dropout.backward("x")
def _(δ, mask, p):
    return δ * (mask / kept(p))


@dropout.samples
def _():
    yield R(4, 3), (R(4, 3).detach() > 0).double(), 0.4
    yield R(4, 3, 2, 2), (R(4, 3, 1, 1).detach() > 0).double(), 0.25
    yield R(3, 2), torch.ones(3, 2, dtype=torch.float64), 1.0


class Masked(torch.nn.Module):
    """A module that multiplies by a mask of 0 and 1 while it trains. · 训练时乘以掩码的模块。

    `mask` is what it uses; None draws a new one each time.
    """

    mask: Tensor | None = None
    p: float

    def shape(self, input: Tensor) -> tuple[int, ...]:
        """The shape of a mask: what is dropped together has one entry. · 掩码的形状。"""
        return tuple(input.shape)

    def draw(self, input: Tensor, generator: Generator = None) -> Tensor:
        """A mask for this input, each entry kept with chance 1 − p. · 为该输入抽取掩码。"""
        empty = torch.empty_like(input) if self.shape(input) == input.shape else input.new_empty(self.shape(input))
        return empty.detach().bernoulli_(1 - self.p, generator=generator)

    def forward(self, input: Tensor) -> Tensor:
        if not self.training or self.p == 0:
            return input
        return dropout(input, self.draw(input) if self.mask is None else self.mask, self.p)


class Dropout(Masked, torch.nn.Dropout):
    """Drops single numbers. · 随机丢弃单个元素。

    input [*], out [*]. Raises ValueError for p outside [0, 1], as torch. The formula and its source: `dropout`.

    >>> Dropout(1.0)(torch.ones(2))
    tensor([0., 0.])
    """

    def forward(self, input: Tensor) -> Tensor:
        if self.mask is None and dropout.card.runs_twin():
            return F.dropout(input, self.p, self.training)
        return super().forward(input)


class Dropout2d(Masked, torch.nn.Dropout2d):
    """Drops whole channels. · 随机丢弃整个通道。

    input [N, C, …], out as input. Raises ValueError for p outside [0, 1], as torch. Source: Tompson et al. 2015,
    arXiv:1411.4280, §3.2.

    >>> Dropout2d(1.0)(torch.ones(1, 2, 1, 1)).flatten()
    tensor([0., 0.])
    """

    def shape(self, input: Tensor) -> tuple[int, ...]:
        return (*input.shape[:2], *[1] * (input.ndim - 2))

    def forward(self, input: Tensor) -> Tensor:
        if self.mask is None and dropout.card.runs_twin():
            return F.dropout2d(input, self.p, self.training)
        return super().forward(input)


class StochasticDepth(Masked):
    """Drops a whole residual branch, for each sample (row) or for all (batch), as torchvision's. · 随机深度。

    Raises `UserError` for p outside [0, 1] and for an unknown mode. Source: Huang et al. 2016, arXiv:1603.09382, eq. 2.

    >>> StochasticDepth(1.0, "row")(torch.ones(2, 1))
    tensor([[0.],
            [0.]])
    """

    def __init__(self, p: float, mode: str) -> None:
        super().__init__()
        if not 0 <= p <= 1:
            raise UserError(f"StochasticDepth got p={p}: expected a chance from 0 to 1")
        if mode not in ("batch", "row"):
            raise unknown("mode of StochasticDepth", mode, ("batch", "row"))
        self.p, self.mode = p, mode

    def shape(self, input: Tensor) -> tuple[int, ...]:
        return (input.shape[0] if self.mode == "row" else 1, *[1] * (input.ndim - 1))

    def extra_repr(self) -> str:
        return f"p={self.p}, mode={self.mode}"
