r"""Smooth activations · 光滑激活函数

symbols  z [*] the pre-activation   out [*]   beta a number or a tensor that z broadcasts with
note     `inplace=True` is accepted where torch has it and never acted on: a formula keeps its inputs
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from ..errors import UserError
from ..formula import R, formula
from .piecewise import at


def log1pexp(z: Tensor) -> Tensor:
    """log(1 + eᶻ) that neither overflows nor loses its derivatives at any z. · 稳定的 log(1 + eᶻ)。

    >>> log1pexp(torch.tensor([-1e6, 0.0, 1e6]))
    tensor([-0.0000e+00, 6.9315e-01, 1.0000e+06])
    """
    return -F.logsigmoid(-z)


@formula(twin=torch.sigmoid, source="Rumelhart, Hinton & Williams 1986, doi:10.1038/323533a0, eq. 2")
def sigmoid(z):
    """Logistic curve from 0 to 1. · S 形曲线，取值于 0 与 1 之间。

    >>> sigmoid(torch.tensor([-1e6, 0.0, 1e6]))
    tensor([0.0000, 0.5000, 1.0000])
    """
    return 1 / (1 + (-z).exp())


@sigmoid.backward("z")
def _(δ, out):
    return δ * out * (1 - out)


@sigmoid.samples
def _():
    yield (R(7),)


@formula(
    twin=torch.tanh, source="LeCun, Bottou, Orr & Müller 1998, Efficient BackProp, §4.4, doi:10.1007/3-540-49430-8_2"
)
def tanh(z):
    """Hyperbolic tangent: the sigmoid of twice z, stretched to reach from −1 to 1 (errata E32). · 双曲正切。

    >>> tanh(torch.tensor([-1e6, 0.0, 1e6]))
    tensor([-1.,  0.,  1.])
    """
    e = (-2 * z.abs()).expm1()  # e^(−2|z|) − 1 neither overflows nor loses the digits of a small z
    return -z.sign() * e / (e + 2)


@tanh.backward("z")
def _(δ, out):
    return δ * (1 - out**2)


@tanh.samples
def _():
    yield (R(7),)


@formula(twin=F.elu, source="Clevert, Unterthiner & Hochreiter 2016, arXiv:1511.07289, eq. 15")
def elu(z, alpha=1.0):
    """Exponential on the left, straight on the right. · 指数线性单元。

    >>> elu(torch.tensor([-1e6, 0.0, 2.0]))
    tensor([-1.,  0.,  2.])
    """
    return torch.where(z > 0, z, alpha * z.expm1())


@elu.backward("z")
def _(δ, z, out, alpha):
    return torch.where(z > 0, δ, δ * (out + alpha))  # alpha · eᶻ = out + alpha, and finite whatever z is


@elu.samples
def _():
    yield at(-2.1, -0.3, 0.4, 1.9), 1.0
    yield at(-2.1, -0.3, 0.4, 1.9), 1.7


@formula(
    twin=F.softplus, autocast="fp32", source="Dugas et al. 2001, Incorporating second-order functional knowledge, §2"
)
def softplus(z, beta=1.0, threshold=20.0):
    """Smooth rectifier; the identity above the threshold, as torch has it. · 光滑的修正线性单元。

    >>> softplus(torch.tensor([-1e6, 0.0, 1e6]))
    tensor([0.0000e+00, 6.9315e-01, 1.0000e+06])
    """
    return torch.where(beta * z > threshold, z, log1pexp(beta * z) / beta)


@softplus.backward("z")
def _(δ, z, beta, threshold):
    return torch.where(beta * z > threshold, δ, δ * (beta * z).sigmoid())


@softplus.samples
def _():
    yield R(7), 1.0, 20.0
    yield at(-2.1, -0.3, 0.4, 0.9, 1.9), 2.5, 1.5


@formula(twin=F.silu, source="Elfwing, Uchibe & Doya 2018, arXiv:1702.03118, eq. 15")
def silu(z):
    """Input gated by its own sigmoid: swish at β = 1 (errata E33). · 以自身的 sigmoid 为门。

    >>> silu(torch.tensor([-1e6, 0.0, 1e6]))
    tensor([     -0.,       0., 1000000.])
    """
    return z * z.sigmoid()


@silu.backward("z")
def _(δ, z):
    σ = z.sigmoid()
    return δ * σ * (1 + z * (1 - σ))


@silu.samples
def _():
    yield (R(7),)


@formula(source="Ramachandran, Zoph & Le 2017, arXiv:1710.05941, §5")
def swish(z, beta=1.0):
    """Input gated by a sigmoid as steep as β, constant or learned; torch has only β = 1, as silu. · 带 β 的自门控。

    >>> swish(torch.tensor([0.0, 1.0]), 2.0)
    tensor([0.0000, 0.8808])
    """
    return z * (beta * z).sigmoid()


@swish.backward("z")
def _(δ, z, beta):
    σ = (beta * z).sigmoid()
    return δ * σ * (1 + beta * z * (1 - σ))


@swish.backward("beta")
def _(δ, z, beta):
    σ = (beta * z).sigmoid()
    return (δ * z**2 * σ * (1 - σ)).sum_to_size(beta.shape)


@swish.samples
def _():
    yield R(7), 1.7
    yield R(2, 3), at(0.8)
    yield R(2, 3), R(3)


@formula(twin=F.mish, source="Misra 2020, arXiv:1908.08681, eq. 1")
def mish(z):
    """Input gated by the tanh of its softplus. · 以 softplus 的 tanh 为门。

    >>> mish(torch.tensor([-1e6, 0.0, 1e6]))
    tensor([     -0.,       0., 1000000.])
    """
    return z * log1pexp(z).tanh()


@mish.backward("z")
def _(δ, z):
    t = log1pexp(z).tanh()
    return δ * (t + z * (1 - t**2) * z.sigmoid())


@mish.samples
def _():
    yield (R(7),)


def gate(z: Tensor, approximate: str) -> Tensor:
    """Φ(z), the normal distribution function, exact or by a tanh. · 正态分布函数，精确或用 tanh 近似。

    Raises `UserError` unless `approximate` is "none" or "tanh".

    >>> gate(torch.tensor([0.0]), "none")
    tensor([0.5000])
    """
    if approximate == "none":
        return (1 + (z / math.sqrt(2)).erf()) / 2
    if approximate == "tanh":
        return (1 + (math.sqrt(2 / math.pi) * (z + 0.044715 * z**3)).tanh()) / 2
    raise UserError(f"gelu got approximate={approximate!r}: expected 'none' or 'tanh'")


@formula(
    twin=lambda z, approximate: F.gelu(z, approximate=approximate),
    source="Hendrycks & Gimpel 2016, arXiv:1606.08415, §2",
)
def gelu(z, approximate="none"):
    """Input weighted by how likely a standard normal number lies below it. · 以正态分布函数为门。

    >>> gelu(torch.tensor([-10.0, 0.0, 10.0]))
    tensor([-0.,  0., 10.])
    """
    return z * gate(z, approximate)


@gelu.backward("z")
def _(δ, z, approximate):
    Φ = gate(z, approximate)
    if approximate == "none":
        φ = (-(z**2) / 2).exp() / math.sqrt(2 * math.pi)
    else:
        φ = 2 * math.sqrt(2 / math.pi) * Φ * (1 - Φ) * (1 + 3 * 0.044715 * z**2)
    return δ * (Φ + z * φ)


@gelu.samples
def _():
    yield R(7), "none"
    yield R(7), "tanh"


class Sigmoid(torch.nn.Sigmoid):
    """Logistic curve. · S 形曲线。

    input [*], out [*]. The formula and its source: `sigmoid`.

    >>> Sigmoid()(torch.tensor([0.0]))
    tensor([0.5000])
    """

    def forward(self, input: Tensor) -> Tensor:
        return sigmoid(input)


class Tanh(torch.nn.Tanh):
    """Hyperbolic tangent. · 双曲正切。

    input [*], out [*]. The formula and its source: `tanh`.

    >>> Tanh()(torch.tensor([0.0, 1e6]))
    tensor([0., 1.])
    """

    def forward(self, input: Tensor) -> Tensor:
        return tanh(input)


class ELU(torch.nn.ELU):
    """Exponential on the left, straight on the right. · 指数线性单元。

    input [*], out [*]. The formula and its source: `elu`.

    >>> ELU()(torch.tensor([-1e6, 2.0]))
    tensor([-1.,  2.])
    """

    def forward(self, input: Tensor) -> Tensor:
        return elu(input, self.alpha)


class Softplus(torch.nn.Softplus):
    """Smooth rectifier. · 光滑的修正线性单元。

    input [*], out [*]. The formula and its source: `softplus`.

    >>> Softplus()(torch.tensor([0.0]))
    tensor([0.6931])
    """

    def forward(self, input: Tensor) -> Tensor:
        return softplus(input, self.beta, self.threshold)


class SiLU(torch.nn.SiLU):
    """Sigmoid-weighted input. · 以自身的 sigmoid 为门。

    input [*], out [*]. The formula and its source: `silu`.

    >>> SiLU()(torch.tensor([0.0, 1.0]))
    tensor([0.0000, 0.7311])
    """

    def forward(self, input: Tensor) -> Tensor:
        return silu(input)


class Mish(torch.nn.Mish):
    """Input gated by the tanh of its softplus. · 以 softplus 的 tanh 为门。

    input [*], out [*]. The formula and its source: `mish`.

    >>> Mish()(torch.tensor([0.0, 1.0]))
    tensor([0.0000, 0.8651])
    """

    def forward(self, input: Tensor) -> Tensor:
        return mish(input)


class GELU(torch.nn.GELU):
    """Input weighted by the normal distribution function. · 以正态分布函数为门。

    input [*], out [*]. The formula and its source: `gelu`.

    >>> GELU("tanh")(torch.tensor([0.0, 1.0]))
    tensor([0.0000, 0.8412])
    """

    def forward(self, input: Tensor) -> Tensor:
        return gelu(input, self.approximate)
