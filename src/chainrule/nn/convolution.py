r"""Convolution · 卷积

symbols  x [N, C, *n]   weight [O, C/groups, *k]   bias [O]   out [N, O, *m]      (* = one or two axes of space; a
         sample without N is taken too; the transposed convolution keeps its weight as [C, O/groups, *k])
text     out[n, o, p] = bias[o] + Σ_{c,k} weight[o, c, k] · x[n, c, stride·p + dilation·k − padding]   (errata E14)
note     one map, linear in x and in weight, and its two transposes carry everything here: the convolution forward,
         `spread` the delta of x, `overlap` the delta of the weight. The transposed convolution is `spread` run forward,
         so its deltas are the convolution and `overlap` with the two ends exchanged. A kernel has C/groups channels
         (E15). `conv2d_im2col` writes the sum out as one matrix product.
speed    the compiled text, forward and backward, on one core against torch's operator compiled: conv1d 0.7 to 0.8 of
         its speed, conv2d 0.8 to 1.2 (3×3 of a ResNet), 0.7 (wide with stride), 0.4 (depthwise), im2col 0.2, hence
         compiled="twin"; the transposed convolution 1.2 to 1.5
source   Dumoulin & Visin 2016, arXiv:1603.07285, §4; LeCun et al. 1989, doi:10.1162/neco.1989.1.4.541
"""

import functools
from collections.abc import Callable
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from ..formula import R, formula
from .resampling import extension_pad, zero_pad2d


def each(value, axes: int) -> tuple[int, ...]:
    """One value for every axis. · 每个轴一个值。

    >>> each(2, 2), each((1,), 2), each((1, 3), 2)
    ((2, 2), (1, 1), (1, 3))
    """
    return (value,) * axes if isinstance(value, int) else tuple(value) * (axes // len(value))


def settled(each_batch: Callable) -> Any:
    """Torch's freedoms, settled in front of a formula: a lone sample is a batch of one, a number serves every axis, and
    padding may be "valid" or "same". · 在公式之前统一参数：单个样本、单个数值与字符串填充。
    """
    card = each_batch.card  # pyright: ignore[reportFunctionMemberAccess]

    @functools.wraps(each_batch)  # carries card, backward, samples and kernel along
    def call(*args, **named):
        if named or len(args) != len(card.inputs):
            args = card.bind(args, named)
        if card.runs_twin():
            return card.twin(*args)
        x, weight, bias, *options = args
        given = dict(zip(card.inputs[3:], options, strict=True))
        alone, x = (True, x[None]) if x.dim() < weight.dim() else (False, x)
        if given["padding"] in ("same", "valid"):
            if given["padding"] == "same" and set(each(given["stride"], weight.dim() - 2)) != {1}:
                raise RuntimeError(f"padding='same' has no meaning with stride={given['stride']}: expected stride=1")
            x, given["padding"] = framed_as(given["padding"], x, weight, given["dilation"])
        settled = [v if k == "groups" else each(v, weight.dim() - 2) for k, v in given.items()]
        out = each_batch(x, weight, bias, *settled)
        return out[0] if alone else out

    return call


def framed_as(padding: str, x, weight, dilation) -> tuple[Tensor, tuple[int, ...]]:
    """ "valid" and "same" as numbers; for an even kernel "same" wants one more zero on the right. · 字符串填充。"""
    axes = weight.dim() - 2
    if padding == "valid":
        return x, (0,) * axes
    reach = [d * (k - 1) for d, k in zip(each(dilation, axes), weight.shape[2:], strict=True)]
    if any(r % 2 for r in reach):
        more = [side for r in reversed(reach) for side in (0, r % 2)]
        x = zero_pad2d(x, (*more, 0, 0)[:4])
    return x, tuple(r // 2 for r in reach)


def spread(δ, weight, sizes, stride, padding, dilation, groups):
    """The transpose of the convolution in x: each output gives back over the window it read. · 卷积对输入的转置。"""
    of_torch = {3: torch.conv_transpose1d, 4: torch.conv_transpose2d}[weight.dim()]
    spans = zip(sizes, δ.shape[2:], weight.shape[2:], stride, padding, dilation, strict=True)
    unread = [n - ((m - 1) * s - 2 * p + d * (k - 1) + 1) for n, m, k, s, p, d in spans]
    return of_torch(δ, weight, None, stride, padding, unread, groups, dilation)


def overlap(x, δ, weight, stride, padding, dilation, groups):
    """The transpose of the convolution in its weight: x ⋆ δ with batch and channel exchanged. · 卷积对权重的转置。

    δ is the kernel that walks over x in steps of `dilation`, its entries `stride` apart; the groups stand beside the
    samples, so that one grouped convolution answers for all.
    """
    if not len(x):
        return torch.zeros_like(weight)  # an empty sum; torch's convolution loses the shape of one
    of_torch = {3: torch.conv1d, 4: torch.conv2d}[weight.dim()]
    x = x.unflatten(1, (groups, -1)).transpose(0, 2).flatten(1, 2)  # [N, gC, …] → [C, gN, …]
    met = of_torch(x, δ.transpose(0, 1), None, dilation, padding, stride, groups)
    return cut(met, weight.shape[2:]).transpose(0, 1)


def cut(x, sizes):
    """The first `sizes` entries of the axes of space. · 截取空间轴的前若干项。"""
    return x[(slice(None), slice(None), *map(slice, sizes))]


@settled
@formula(
    twin=torch.conv1d,
    autocast="low",
    source="Dumoulin & Visin 2016, arXiv:1603.07285, §2; errata E14",
    compiled="twin",
)
def conv1d(x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """Convolution over a line. · 一维卷积。

    x [N, C, n] (or [C, n]), weight [O, C/groups, k], bias [O], out [N, O, m]; padding also "same" or "valid".
    Raises RuntimeError, as torch does, for shapes that do not fit.

    >>> conv1d(torch.ones(1, 1, 4), torch.ones(1, 1, 3))
    tensor([[[3., 3.]]])
    """
    return torch.conv1d(x, weight, bias, stride, padding, dilation, groups)


@settled
@formula(
    twin=torch.conv2d,
    autocast="low",
    source="Dumoulin & Visin 2016, arXiv:1603.07285, §2; errata E14",
    compiled="twin",
)
def conv2d(x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """Convolution over a plane. · 二维卷积。

    x [N, C, H, W] (or [C, H, W]), weight [O, C/groups, k, l], bias [O], out [N, O, H', W']; padding also "same" or
    "valid". Raises RuntimeError, as torch does, for shapes that do not fit.

    >>> conv2d(torch.ones(1, 1, 3, 3), torch.ones(1, 1, 2, 2)).shape
    torch.Size([1, 1, 2, 2])
    """
    return torch.conv2d(x, weight, bias, stride, padding, dilation, groups)


@conv1d.backward("x")
@conv2d.backward("x")
def _(δ, x, weight, stride, padding, dilation, groups):
    """Each output hands its delta back over the window it read: a transposed convolution. · 输入的 δ 是转置卷积。"""
    return spread(δ, weight, x.shape[2:], stride, padding, dilation, groups)


@conv1d.backward("weight")
@conv2d.backward("weight")
def _(δ, x, weight, stride, padding, dilation, groups):
    """A weight meets every x it was laid on, with the delta of that place: x ⋆ δ. · 权重的 δ 是输入与 δ 的相关。"""
    return overlap(x, δ, weight, stride, padding, dilation, groups)


@conv1d.backward("bias")
def _(δ):
    return δ.sum((0, 2))


@settled
@formula(twin=torch.conv_transpose2d, autocast="low", source="Dumoulin & Visin 2016, arXiv:1603.07285, §4")
def conv_transpose2d(x, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1):
    """Transposed convolution over a plane: what carries a delta back, run forward. · 二维转置卷积。

    x [N, C, H, W] (or [C, H, W]), weight [C, O/groups, k, l], bias [O], out [N, O, H', W'] with
    H' = (H − 1)·stride − 2·padding + dilation·(k − 1) + output_padding + 1. Raises RuntimeError as torch does.

    >>> conv_transpose2d(torch.ones(1, 1, 1, 1), torch.ones(1, 1, 2, 2))
    tensor([[[[1., 1.],
              [1., 1.]]]])
    """
    return torch.conv_transpose2d(x, weight, bias, stride, padding, output_padding, groups, dilation)


@conv_transpose2d.backward("x")
def _(δ, x, weight, stride, padding, groups, dilation):
    """The transpose of a transpose: an ordinary convolution of δ. · 转置的转置就是卷积。"""
    z = torch.conv2d(δ, weight, None, stride, padding, dilation, groups)
    return cut(z, x.shape[2:])


@conv_transpose2d.backward("weight")
def _(δ, x, weight, stride, padding, groups, dilation):
    return overlap(δ, x, weight, stride, padding, dilation, groups)


@conv2d.backward("bias")
@conv_transpose2d.backward("bias")
def _(δ):
    """The bias is added at every place of every sample. · 偏置加在每个样本的每个位置上。"""
    return δ.sum((0, 2, 3))


@formula(
    twin=torch.conv2d,
    autocast="low",
    source="Chellapilla, Puri & Simard 2006, https://inria.hal.science/inria-00112631; errata E14",
    compiled="twin",
)
def conv2d_im2col(x, weight, bias=None, stride=1, padding=0, dilation=1):
    """The same convolution as one matrix product: every window is a column. · 用矩阵乘法写出的同一卷积（im2col）。

    Symbols as in `conv2d`, without groups; columns [N, C·k·l, H'·W']. It copies x once for each entry of the kernel:
    the worked example, not what runs. Raises RuntimeError as torch does.

    >>> conv2d_im2col(torch.ones(1, 1, 3, 3), torch.ones(1, 1, 2, 2)).shape
    torch.Size([1, 1, 2, 2])
    """
    columns = F.unfold(x, weight.shape[2:], dilation, padding, stride)
    z = weight.flatten(1) @ columns
    z = z if bias is None else z + bias[:, None]
    return z.unflatten(2, windows_along(x, weight, stride, padding, dilation))


def windows_along(x, weight, stride, padding, dilation) -> list[int]:
    """How many windows fit along each axis. · 每个轴上的窗口数。"""
    spans = zip(x.shape[2:], weight.shape[2:], each(stride, 2), each(padding, 2), each(dilation, 2), strict=True)
    return [(n + 2 * p - d * (k - 1) - 1) // s + 1 for n, k, s, p, d in spans]


@conv2d_im2col.backward("x")
def _(δ, x, weight, stride, padding, dilation):
    """Through the product back to the columns, and each column added back to its window. · 先回到列，再加回窗口。"""
    δcolumns = weight.flatten(1).mT @ δ.flatten(2)
    return F.fold(δcolumns, x.shape[2:], weight.shape[2:], dilation, padding, stride)


@conv2d_im2col.backward("weight")
def _(δ, x, weight, stride, padding, dilation):
    columns = F.unfold(x, weight.shape[2:], dilation, padding, stride)
    return (δ.flatten(2) @ columns.mT).sum(0).reshape(weight.shape)


@conv2d_im2col.backward("bias")
def _(δ):
    return δ.sum((0, 2, 3))


@conv1d.samples
def _():
    yield R(2, 4, 9), R(6, 2, 3), R(6), (2,), (1,), (2,), 2
    yield R(3, 2, 8), R(3, 2, 2), None, (3,), (0,), (1,), 1
    yield R(2, 3, 7), R(3, 1, 2), R(3), (1,), (2,), (3,), 3


@conv2d.samples
def _():
    yield R(2, 4, 7, 9), R(6, 2, 3, 2), R(6), (2, 2), (1, 1), (2, 2), 2
    yield R(2, 3, 6, 6), R(3, 1, 3, 3), None, (1, 1), (1, 1), (1, 1), 3
    yield R(3, 2, 9, 8), R(2, 2, 3, 3), R(2), (3, 2), (2, 1), (1, 2), 1


@conv_transpose2d.samples
def _():
    yield R(2, 4, 3, 4), R(4, 3, 3, 2), R(6), (2, 2), (1, 1), (1, 1), 2, (2, 2)
    yield R(2, 2, 3, 3), R(2, 3, 3, 3), None, (3, 2), (0, 1), (2, 0), 1, (1, 1)
    yield R(2, 2, 3, 3), R(2, 2, 2, 2), R(2), (1, 1), (0, 0), (0, 1), 1, (1, 3)


@conv2d_im2col.samples
def _():
    yield R(2, 3, 7, 6), R(4, 3, 3, 2), R(4), 2, 1, 2
    yield R(2, 2, 5, 5), R(3, 2, 2, 3), None, (1, 2), (0, 1), (2, 1)


def framed(layer, input: Tensor) -> tuple[Tensor, str | tuple[int, ...]]:
    """The input, and the zeros still to be laid around it, by the layer's padding_mode. · 按填充方式处理输入。"""
    if layer.padding_mode == "zeros":
        return input, layer.padding
    return extension_pad(input, layer._reversed_padding_repeated_twice, layer.padding_mode), (0,) * len(
        layer.kernel_size
    )


class Conv1d(torch.nn.Conv1d):
    """Convolution over a line with torch's constructor, keys and initial weights. · 一维卷积层。

    x [N, C, n] or [C, n]. Source: Dumoulin & Visin 2016, arXiv:1603.07285, §2.

    >>> Conv1d(2, 3, 3, padding="same")(torch.ones(1, 2, 5)).shape
    torch.Size([1, 3, 5])
    """

    def forward(self, input: Tensor) -> Tensor:
        x, padding = framed(self, input)
        return conv1d(x, self.weight, self.bias, self.stride, padding, self.dilation, self.groups)


class Conv2d(torch.nn.Conv2d):
    """Convolution over a plane with torch's constructor, keys and initial weights. · 二维卷积层。

    x [N, C, H, W] or [C, H, W]. Source: Dumoulin & Visin 2016, arXiv:1603.07285, §2.

    >>> Conv2d(2, 3, 3, stride=2, padding=1, padding_mode="reflect")(torch.ones(1, 2, 8, 8)).shape
    torch.Size([1, 3, 4, 4])
    """

    def forward(self, input: Tensor) -> Tensor:
        x, padding = framed(self, input)
        return conv2d(x, self.weight, self.bias, self.stride, padding, self.dilation, self.groups)


class ConvTranspose2d(torch.nn.ConvTranspose2d):
    """Transposed convolution with torch's constructor, keys and initial weights. · 二维转置卷积层。

    x [N, C, H, W] or [C, H, W]; `output_size` names the size wanted where the stride leaves it open, and raises
    ValueError where it cannot be. Source: Dumoulin & Visin 2016, arXiv:1603.07285, §4.

    >>> ConvTranspose2d(2, 3, 3, stride=2)(torch.ones(1, 2, 4, 4), output_size=(10, 10)).shape
    torch.Size([1, 3, 10, 10])
    """

    def forward(self, input: Tensor, output_size: list[int] | None = None) -> Tensor:
        window: Any = (self.stride, self.padding, self.kernel_size, 2, self.dilation)
        open_ends = self._output_padding(input, output_size, *window)
        return conv_transpose2d(
            input, self.weight, self.bias, self.stride, self.padding, open_ends, self.groups, self.dilation
        )


class DepthwiseSeparableConv2d(torch.nn.Module):
    """A depthwise convolution, one kernel set a channel, then a pointwise one that mixes channels. · 深度可分离卷积。

    x [N, C, H, W] → depthwise [N, multiplier·C, H', W'] → pointwise [N, O, H', W'] (errata E16, E17). It is not
    MobileNet V2's invention (E18): Sifre 2014; Chollet 2017, arXiv:1610.02357; Howard et al. 2017, arXiv:1704.04861.

    >>> DepthwiseSeparableConv2d(4, 8, 3, padding=1)(torch.ones(1, 4, 5, 5)).shape
    torch.Size([1, 8, 5, 5])
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, int],
        stride: int | tuple[int, int] = 1,
        padding: int | tuple[int, int] | str = 0,
        dilation: int | tuple[int, int] = 1,
        bias: bool = True,
        padding_mode: Literal["zeros", "reflect", "replicate", "circular"] = "zeros",
        multiplier: int = 1,
        device=None,
        dtype=None,
    ):
        super().__init__()
        inner, window = multiplier * in_channels, (kernel_size, stride, padding, dilation)
        self.depthwise = Conv2d(in_channels, inner, *window, in_channels, bias, padding_mode, device, dtype)
        self.pointwise = Conv2d(inner, out_channels, 1, bias=bias, device=device, dtype=dtype)

    def forward(self, input: Tensor) -> Tensor:
        return self.pointwise(self.depthwise(input))
