r"""Activations in straight pieces · 分段线性激活函数

symbols  z [*] the pre-activation   out [*]   weight [C] or [1] the slope of prelu
note     at a kink the delta is torch's (errata E34): 0 for relu, relu6, hardtanh and hardsigmoid, hardswish′(3) = 1
note     `inplace=True` is accepted where torch has it and never acted on: a formula keeps its inputs
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from ..formula import R, formula
from .axes import by_channel


def at(*values: float) -> Tensor:
    """Chosen points, away from kinks: float64, asking for their delta. · 选定的点，避开折点。

    >>> at(-1, 2)
    tensor([-1.,  2.], dtype=torch.float64, requires_grad=True)
    """
    return torch.tensor(values, dtype=torch.float64, requires_grad=True)


@formula(twin=F.relu, source="Nair & Hinton 2010, Rectified linear units improve restricted Boltzmann machines, §2")
def relu(z):
    """Rectifier: what is negative is silent. · 修正线性单元：负值归零。

    >>> relu(torch.tensor([-1.0, 2.0]))
    tensor([0., 2.])
    """
    return z.clamp(min=0)


@relu.backward("z")
def _(δ, out):
    return torch.where(out > 0, δ, 0)


@relu.samples
def _():
    yield (at(-2.1, -0.3, 0.4, 1.9),)


@formula(
    twin=F.relu6, source="Howard et al. 2017, arXiv:1704.04861; Krizhevsky 2010, Convolutional deep belief networks"
)
def relu6(z):
    """Rectifier that saturates at 6. · 上限为 6 的修正线性单元。

    >>> relu6(torch.tensor([-1.0, 2.0, 9.0]))
    tensor([0., 2., 6.])
    """
    return z.clamp(0, 6)


@relu6.backward("z")
def _(δ, z):
    return torch.where((z > 0) & (z < 6), δ, 0)


@relu6.samples
def _():
    yield (at(-2.1, 0.4, 5.8, 6.3, 9),)


@formula(twin=F.hardtanh, source="Collobert 2004, Large scale machine learning, §5.3")
def hardtanh(z, min_val=-1.0, max_val=1.0):
    """Tanh in three straight pieces. · 三段直线的 tanh。

    >>> hardtanh(torch.tensor([-3.0, 0.5, 2.0]))
    tensor([-1.0000,  0.5000,  1.0000])
    """
    return z.clamp(min_val, max_val)


@hardtanh.backward("z")
def _(δ, z, min_val, max_val):
    return torch.where((z > min_val) & (z < max_val), δ, 0)


@hardtanh.samples
def _():
    yield at(-2.1, -0.8, 0.4, 1.9), -1.0, 1.0
    yield at(-2.1, -0.8, 0.4, 1.9), -2.5, 0.25


@formula(twin=F.leaky_relu, source="Maas, Hannun & Ng 2013, Rectifier nonlinearities improve acoustic models, §2")
def leaky_relu(z, negative_slope=0.01):
    """Rectifier that leaks a little. · 带泄漏的修正线性单元。

    >>> leaky_relu(torch.tensor([-1.0, 2.0]), 0.1)
    tensor([-0.1000,  2.0000])
    """
    return torch.where(z > 0, z, negative_slope * z)


@leaky_relu.backward("z")
def _(δ, z, negative_slope):
    return torch.where(z > 0, δ, negative_slope * δ)


@leaky_relu.samples
def _():
    yield at(-2.1, -0.3, 0.4, 1.9), 0.01
    yield at(-2.1, -0.3, 0.4, 1.9), 0.3


@formula(twin=F.prelu, autocast="low", source="He et al. 2015, arXiv:1502.01852, eq. 1")
def prelu(z, weight):
    """Rectifier whose leak is learned, one for all or one a channel. · 可学习泄漏的修正线性单元。

    >>> prelu(torch.tensor([-1.0, 2.0]), torch.tensor([0.25]))
    tensor([-0.2500,  2.0000])
    """
    return torch.where(z > 0, z, by_channel(weight, z) * z)


@prelu.backward("z")
def _(δ, z, weight):
    return torch.where(z > 0, δ, by_channel(weight, z) * δ)


@prelu.backward("weight")
def _(δ, z, weight):
    return (δ * z.clamp(max=0)).sum_to_size(by_channel(weight, z).shape).reshape(weight.shape)


@prelu.samples
def _():
    yield R(3, 4), at(0.25)
    yield R(2, 3, 2, 2), R(3)
    yield R(2, 3), R(3)
    yield at(-2.1, 0.4), at(0.25)


def hardsigmoid_of_torch(z: Tensor) -> Tensor:
    """torch's operator, but not in float64, where torch 2.13 multiplies by a 1/6 of single precision. · torch 的算子。

    >>> hardsigmoid_of_torch(torch.tensor([0.0]))
    tensor([0.5000])
    """
    return F.relu6(z + 3) / 6 if z.dtype == torch.float64 else F.hardsigmoid(z)


@formula(
    twin=hardsigmoid_of_torch,
    source="Courbariaux, Bengio & David 2015, arXiv:1511.00363, eq. 3; Howard et al. 2019, arXiv:1905.02244, §5.2",
)
def hardsigmoid(z):
    """Sigmoid in three straight pieces. · 三段直线的 sigmoid。

    >>> hardsigmoid(torch.tensor([-4.0, 0.0, 4.0]))
    tensor([0.0000, 0.5000, 1.0000])
    """
    return (z + 3).clamp(0, 6) / 6


@hardsigmoid.backward("z")
def _(δ, z):
    return torch.where((z > -3) & (z < 3), δ / 6, 0)


@hardsigmoid.samples
def _():
    yield (at(-4, -3.2, -2.1, 0.4, 2.8, 3.3),)


@formula(twin=F.hardswish, source="Howard et al. 2019, arXiv:1905.02244, §5.2")
def hardswish(z):
    """Swish with the hard sigmoid as its gate (errata E30). · 以硬 sigmoid 为门的 swish。

    >>> hardswish(torch.tensor([-4.0, 0.0, 4.0]))
    tensor([-0., 0., 4.])
    """
    return z * (z + 3).clamp(0, 6) / 6


@hardswish.backward("z")
def _(δ, z):
    return torch.where(z <= -3, 0, torch.where(z >= 3, δ, δ * (2 * z + 3) / 6))


@hardswish.samples
def _():
    yield (at(-4, -3.2, -2.1, -0.3, 0.4, 1.9, 2.8, 3.3, 5),)


class ReLU(torch.nn.ReLU):
    """Rectifier. · 修正线性单元。

    input [*], out [*]. The formula and its source: `relu`.

    >>> ReLU()(torch.tensor([-1.0, 2.0]))
    tensor([0., 2.])
    """

    def forward(self, input: Tensor) -> Tensor:
        return relu(input)


class ReLU6(torch.nn.ReLU6):
    """Rectifier that saturates at 6. · 上限为 6 的修正线性单元。

    input [*], out [*]. The formula and its source: `relu6`.

    >>> ReLU6()(torch.tensor([-1.0, 9.0]))
    tensor([0., 6.])
    """

    def forward(self, input: Tensor) -> Tensor:
        return relu6(input)


class Hardtanh(torch.nn.Hardtanh):
    """Tanh in three straight pieces. · 三段直线的 tanh。

    input [*], out [*]. The formula and its source: `hardtanh`.

    >>> Hardtanh()(torch.tensor([-3.0, 2.0]))
    tensor([-1.,  1.])
    """

    def forward(self, input: Tensor) -> Tensor:
        return hardtanh(input, self.min_val, self.max_val)


class LeakyReLU(torch.nn.LeakyReLU):
    """Rectifier that leaks a little. · 带泄漏的修正线性单元。

    input [*], out [*]. The formula and its source: `leaky_relu`.

    >>> LeakyReLU(0.5)(torch.tensor([-1.0, 2.0]))
    tensor([-0.5000,  2.0000])
    """

    def forward(self, input: Tensor) -> Tensor:
        return leaky_relu(input, self.negative_slope)


class PReLU(torch.nn.PReLU):
    """Rectifier whose leak is learned. · 可学习泄漏的修正线性单元。

    input [N, C, …], weight [C] or [1], out as input. The formula and its source: `prelu`.

    >>> PReLU()(torch.tensor([-1.0, 2.0])).detach()
    tensor([-0.2500,  2.0000])
    """

    def forward(self, input: Tensor) -> Tensor:
        return prelu(input, self.weight)


class Hardsigmoid(torch.nn.Hardsigmoid):
    """Sigmoid in three straight pieces. · 三段直线的 sigmoid。

    input [*], out [*]. The formula and its source: `hardsigmoid`.

    >>> Hardsigmoid()(torch.tensor([-4.0, 0.0]))
    tensor([0.0000, 0.5000])
    """

    def forward(self, input: Tensor) -> Tensor:
        return hardsigmoid(input)


class Hardswish(torch.nn.Hardswish):
    """Swish with the hard sigmoid as its gate. · 以硬 sigmoid 为门的 swish。

    input [*], out [*]. The formula and its source: `hardswish`.

    >>> Hardswish()(torch.tensor([0.0, 4.0]))
    tensor([0., 4.])
    """

    def forward(self, input: Tensor) -> Tensor:
        return hardswish(input)
