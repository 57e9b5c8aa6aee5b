r"""The parts of the LeNet-5 of 1998 · 1998 年 LeNet-5 的部件

symbols  z [*] the pre-activation   x [N, C, H, W] maps, or [N, J] units   weight, bias [C] of a map
         kernels [K, k, k], one for each pair of an input and an output map   code [I, J] ±1   out as said below
source   LeCun, Bottou, Bengio & Haffner 1998, Gradient-based learning applied to document recognition,
         doi:10.1109/5.726791, section II.B and appendix A
"""

import torch
from torch import Tensor, tanh

from ..formula import R, formula

SOURCE = "LeCun, Bottou, Bengio & Haffner 1998, section II.B, doi:10.1109/5.726791"


@formula(twin=lambda z, A, S: A * tanh(S * z), source=SOURCE + ", appendix A")
def scaled_tanh(z, A=1.7159, S=2 / 3):
    """Hyperbolic tangent that maps ±1 to ±1. · 将 ±1 映射到 ±1 的双曲正切。

    z [*], out [*], A the amplitude, S the slope at 0 over A.

    >>> scaled_tanh(torch.tensor([1.0])).round(decimals=3)
    tensor([1.])
    """
    return A * tanh(S * z)


@scaled_tanh.backward("z")
def _(δ, out, A, S):
    return δ * S * (A - out**2 / A)


@scaled_tanh.samples
def _():
    yield (R(3, 4),)
    yield R(5), 2.0, 0.5


def sum2x2(x):
    N, C, H, W = x.shape
    return x[..., : H // 2 * 2, : W // 2 * 2].reshape(N, C, H // 2, 2, W // 2, 2).sum((3, 5))


def spread2x2(δ, x):
    grown = δ.repeat_interleave(2, -1).repeat_interleave(2, -2)
    return torch.nn.functional.pad(grown, (0, x.shape[-1] % 2, 0, x.shape[-2] % 2))


@formula(
    twin=lambda x, w, b: 4 * torch.nn.functional.avg_pool2d(x, 2) * w[:, None, None] + b[:, None, None],
    source=SOURCE,
)
def subsample2d(x, weight, bias):
    """Four neighbours added, times one weight a map, plus one bias. · 四邻域求和后乘以权重再加偏置。

    out [N, C, ⌊H/2⌋, ⌊W/2⌋].

    >>> subsample2d(torch.ones(1, 2, 4, 4), torch.ones(2), torch.zeros(2))[0, 0].tolist()
    [[4.0, 4.0], [4.0, 4.0]]
    """
    return sum2x2(x) * weight[:, None, None] + bias[:, None, None]


@subsample2d.backward("x")
def _(δ, x, weight):
    return spread2x2(δ * weight[:, None, None], x)


@subsample2d.backward("weight")
def _(δ, x):
    return (δ * sum2x2(x)).sum((0, 2, 3))


@subsample2d.backward("bias")
def _(δ):
    return δ.sum((0, 2, 3))


@subsample2d.samples
def _():
    yield R(2, 2, 4, 5), R(2), R(2)
    yield R(2, 2, 5, 4), R(2), R(2)


def _placed(kernels, target, source, maps_out, maps_in):
    return kernels.new_zeros(maps_out, maps_in, *kernels.shape[1:]).index_put((target, source), kernels)


@formula(twin=_placed, source=SOURCE + ", table I", batch=())
def connect(kernels, target, source, maps_out, maps_in):
    """Kernels in their places of a convolution's weight, zero where two maps are not joined. · 部分连接的卷积权重。

    target, source [K] the output and input map of each kernel   out [O, C, k, k].

    >>> connect(torch.ones(1, 1, 1), torch.tensor([1]), torch.tensor([0]), 2, 1).flatten().tolist()
    [0.0, 1.0]
    """
    weight = torch.zeros(maps_out, maps_in, *kernels.shape[1:], dtype=kernels.dtype, device=kernels.device)
    return weight.index_put((target, source), kernels)


@connect.backward("kernels")
def _(δ, target, source):
    return δ[target, source]


@connect.samples
def _():
    yield R(3, 2, 2), torch.tensor([0, 1, 1]), torch.tensor([2, 0, 1]), 2, 3


@formula(twin=lambda x, code: torch.cdist(x, code) ** 2, source=SOURCE + ", eq. 7", autocast="fp32")
def radial_basis(x, code):
    """Squared distance of the units to each code. · 到各编码的平方欧氏距离。

    x [N, J]   code [I, J]   out [N, I].

    >>> radial_basis(torch.tensor([[1.0, 2.0]]), torch.tensor([[1.0, 0.0]])).tolist()
    [[4.0]]
    """
    return ((x[:, None, :] - code) ** 2).sum(-1)


@radial_basis.backward("x")
def _(δ, x, code):
    return 2 * (δ.sum(-1, keepdim=True) * x - δ @ code)


@radial_basis.backward("code")
def _(δ, x, code):
    return 2 * (δ.sum(0)[:, None] * code - δ.mT @ x)


@radial_basis.samples
def _():
    yield R(3, 4), R(2, 4)


class ScaledTanh(torch.nn.Module):
    """The squashing function of the paper. · 论文中的缩放 tanh。

    input [*], out [*]. Source: LeCun et al. 1998, doi:10.1109/5.726791, appendix A.

    >>> ScaledTanh()(torch.zeros(1)).item()
    0.0
    """

    def forward(self, input: Tensor) -> Tensor:
        return scaled_tanh(input)


class Subsample2d(torch.nn.Module):
    """Trainable sub-sampling of C maps. · 可训练的下采样层。

    input [N, C, H, W], weight, bias [C], out [N, C, ⌊H/2⌋, ⌊W/2⌋]. Source: LeCun et al. 1998, doi:10.1109/5.726791,
    II.B.

    >>> Subsample2d(6)(torch.zeros(1, 6, 28, 28)).shape
    torch.Size([1, 6, 14, 14])
    """

    def __init__(self, channels: int):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.full((channels,), 0.25))
        self.bias = torch.nn.Parameter(torch.zeros(channels))

    def forward(self, input: Tensor) -> Tensor:
        return subsample2d(input, self.weight, self.bias)


class PartialConv2d(torch.nn.Module):
    """A convolution whose output maps each see only some input maps. · 部分连接的卷积层。

    table  for each output map the input maps it sees.

    >>> sum(p.numel() for p in PartialConv2d([(0,), (0, 1)], 3).parameters())
    29
    """

    target: Tensor
    source: Tensor

    def __init__(self, table: list[tuple[int, ...]], kernel_size: int):
        super().__init__()
        pairs = [(o, c) for o, sources in enumerate(table) for c in sources]
        for name, column in zip(("target", "source"), zip(*pairs, strict=True), strict=True):
            self.register_buffer(name, torch.tensor(column), persistent=False)
        self.maps = len(table), 1 + max(c for _, c in pairs)
        self.kernels = torch.nn.Parameter(torch.zeros(len(pairs), kernel_size, kernel_size))
        self.bias = torch.nn.Parameter(torch.zeros(len(table)))

    def forward(self, input: Tensor) -> Tensor:
        from .convolution import conv2d

        return conv2d(input, connect(self.kernels, self.target, self.source, *self.maps), self.bias)


class RadialBasis(torch.nn.Module):
    """Minus the squared distance to each class's code: the likeliest class is the nearest. · 径向基输出层。

    With cross-entropy on top this is the paper's criterion (eq. 9) without its rubbish class.

    >>> RadialBasis(torch.ones(2, 3))(torch.zeros(1, 3)).tolist()
    [[-3.0, -3.0]]
    """

    code: Tensor

    def __init__(self, code: Tensor):
        super().__init__()
        self.register_buffer("code", code)

    def forward(self, input: Tensor) -> Tensor:
        return -radial_basis(input, self.code)
