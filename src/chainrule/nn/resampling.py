r"""Padding and up-sampling · 填充与上采样

symbols  x [N, C, H, W]   out [N, C, H', W']      (leading axes are free; the index maps work on one to three axes)
note     all of these are linear and go axis by axis: a copying one is an index (out[i] = x[source(i)], its delta adds
         every copy back to its source), an interpolating one a matrix an axis (out = A x Bᵀ, its delta Aᵀ δ B).
speed    the compiled text, forward and backward, on one core against torch's operator compiled: mirror 0.6 to 0.9,
         nearest 0.7 to 0.9, hence compiled="twin" for what copies; bilinear 1.2 to 1.9, zeros 1.0
"""

from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ..errors import UserError
from ..formula import R, formula


def read(x, sources):
    """out[i] = x[source(i)] along each axis. · 按下标读取。"""
    for axis, source in sources:
        x = x.index_select(axis, source)
    return x


def give_back(δ, x, sources):
    """The transpose of `read`: every copy adds its delta to its source. · 每个副本的 δ 加回来源。"""
    for axis, source in sources:
        sizes = [*δ.shape]
        sizes[axis] = x.shape[axis]
        δ = δ.new_zeros(sizes).index_add(axis, source, δ)
    return δ


@formula(twin=F.pad, source="Dumoulin & Visin 2016, arXiv:1603.07285, §2.2")
def zero_pad2d(x, padding):
    """Zeros around a plane. · 零填充。

    x [*, H, W], padding (left, right, top, bottom), a negative one crops; out [*, top + H + bottom, left + W + right].
    Raises RuntimeError where nothing would be left.

    >>> zero_pad2d(torch.ones(1, 1), (1, 0, 0, 1))
    tensor([[0., 1.],
            [0., 0.]])
    """
    return F.pad(x, padding)


@zero_pad2d.backward("x")
def _(δ, padding):
    """The frame is cut off again; what was cropped gets zero. · 裁去边框。"""
    return F.pad(δ, [-p for p in padding])


def extension(x, padding, mode):
    """For each padded axis, from the last on, where its entries are read from. · 扩展后每个位置的来源下标。"""
    for k in range(len(padding) // 2):
        n, before, after = x.shape[-1 - k], padding[2 * k], padding[2 * k + 1]
        i = torch.arange(-before, n + after, device=x.device)
        first, kept = (
            max(-before, 0),
            n + min(before, 0) + min(after, 0),
        )  # torch repeats what a negative padding leaves
        mirrored, held, repeated = n - 1 - (n - 1 - i.abs()).abs(), i.clamp(0, n - 1), (i - first) % kept + first
        yield -1 - k, {"reflect": mirrored, "replicate": held, "circular": repeated}[mode]


@formula(twin=F.pad, source="torch.nn.functional.pad; the names of the modes are torch's", compiled="twin")
def extension_pad(x, padding, mode="reflect"):
    """The image goes on beyond its border: mirrored, held or repeated. · 反射、复制或循环填充。

    x [*, H, W] or [*, n], padding (left, right, top, bottom) or (left, right), mode "reflect" (the border itself is not
    repeated), "replicate" or "circular". Raises IndexError, RuntimeError in torch's operator, for a mirror image longer
    than the image.

    >>> extension_pad(torch.tensor([[0.0, 1.0, 2.0]]), (2, 1))
    tensor([[2., 1., 0., 1., 2., 1.]])
    """
    return read(x, extension(x, padding, mode))


@extension_pad.backward("x")
def _(δ, x, padding, mode):
    return give_back(δ, x, extension(x, padding, mode))


def stretched(x, size: Any, scale_factor: Any) -> Iterator[tuple[int, int, int, float]]:
    """For each axis of space (axis, n, m, step): n entries become m, `step` old ones to a new one. · 各轴的缩放。"""
    if (size is None) == (scale_factor is None):
        raise ValueError(f"size={size}, scale_factor={scale_factor}: expected one of the two")
    axes = range(2, x.dim())
    wanted = scale_factor if size is None else size
    for axis, w in zip(axes, wanted if isinstance(wanted, tuple | list) else [wanted] * len(axes), strict=True):
        n = x.shape[axis]
        m = w if scale_factor is None else int(n * w)
        yield axis, n, m, n / m if m == n or scale_factor is None else 1 / w  # an axis that keeps its length is copied


def settled(x, scale_factor):
    """A factor that keeps or doubles a length is taken as just 1 or 2, as in torch's backward. · 恰为一倍或两倍的因子。

    Elsewhere torch's forward and backward read the same places, there they need not: pytorch issue 175154.
    """
    if scale_factor is None:
        return None
    each = scale_factor if isinstance(scale_factor, tuple | list) else [scale_factor] * (x.dim() - 2)
    return tuple(int(n * w) / n if int(n * w) in (n, 2 * n) else w for n, w in zip(x.shape[2:], each, strict=True))


def nearest(x, size, scale_factor):
    """For each axis of space, the old entry below each new one. · 每个新位置下方的旧位置。"""
    for axis, _, m, step in stretched(x, size, settled(x, scale_factor)):
        # single precision on purpose: torch's place of 41 in 2 → 82 is 0.99999994, rounded down
        yield axis, (torch.arange(m, device=x.device, dtype=torch.float32) * step).long()


def nearest_twin(x, size=None, scale_factor=None):
    return F.interpolate(x, size, settled(x, scale_factor), "nearest")


@formula(twin=nearest_twin, source='torch.nn.functional.interpolate, mode="nearest"', compiled="twin")
def interpolate_nearest(x, size=None, scale_factor=None):
    """Every new place repeats the old one that lies below it. · 最近邻插值。

    x [N, C, *n] with one to three axes of space, size m of them (an int or one each) or scale_factor, not both;
    out [N, C, *m]. Raises ValueError as torch does.

    >>> interpolate_nearest(torch.tensor([[[1.0, 2.0]]]), 4)
    tensor([[[1., 1., 2., 2.]]])
    """
    return read(x, nearest(x, size, scale_factor))


@interpolate_nearest.backward("x")
def _(δ, x, size, scale_factor):
    return give_back(δ, x, nearest(x, size, scale_factor))


def hat(x, n, m, step, align_corners):
    """[m, n]: row i holds the shares max(0, 1 − |s_i − j|) of the old entries j around the place s_i. · 帽函数矩阵。"""
    exact = torch.promote_types(x.dtype, torch.float32)
    i, j = (torch.arange(k, device=x.device, dtype=exact) for k in (m, n))
    s = i * ((n - 1) / max(m - 1, 1)) if align_corners else ((i + 0.5) * step - 0.5).clamp(0, n - 1)
    return (1 - (s[:, None] - j).abs()).clamp(min=0).to(x.dtype)


def hats(x, size, scale_factor, align_corners):
    return (hat(x, n, m, step, align_corners) for _, n, m, step in stretched(x, size, scale_factor))


def bilinear_twin(x, size=None, scale_factor=None, align_corners=False):
    return F.interpolate(x, size, scale_factor, "bilinear", align_corners)


@formula(twin=bilinear_twin, autocast="fp32", source='torch.nn.functional.interpolate, mode="bilinear"')
def interpolate_bilinear(x, size=None, scale_factor=None, align_corners=False):
    """Every new place mixes the four old ones around it, by its distance to each. · 双线性插值。

    x [N, C, H, W], size (H', W') or scale_factor, not both; out [N, C, H', W']; A [H', H], B [W', W] hold the shares.
    align_corners: the centres of the corner pixels stay, otherwise their outer corners do. ValueError as torch.

    >>> interpolate_bilinear(torch.tensor([[[[0.0, 2.0]]]]), (1, 3), align_corners=True)
    tensor([[[[0., 1., 2.]]]])
    """
    A, B = hats(x, size, scale_factor, align_corners)
    return A @ x @ B.mT


@interpolate_bilinear.backward("x")
def _(δ, x, size, scale_factor, align_corners):
    """The same shares, read the other way. · 同样的权重，反向读取。"""
    A, B = hats(x, size, scale_factor, align_corners)
    return A.mT @ δ @ B


@zero_pad2d.samples
def _():
    yield R(2, 3, 4, 5), (1, 2, 0, 3)
    yield R(2, 1, 4, 5), [1, -2, -1, 1]


@extension_pad.samples
def _():
    for mode in ("reflect", "replicate", "circular"):
        yield R(2, 3, 4, 5), (1, 4, 2, 0), mode
    yield R(2, 3, 5), (2, 3), "reflect"
    yield R(2, 2, 5, 6), (-1, 3, 2, -2), "circular"


@interpolate_nearest.samples
def _():
    yield R(2, 3, 4, 5), (7, 5), None
    yield R(2, 3, 4, 5), None, (2.0, 0.7)
    yield R(2, 2, 5), 15, None
    yield R(2, 1, 3, 3), None, (2.1, 1.2)
    yield R(1, 2, 2, 3, 2), None, 1.5


@interpolate_bilinear.samples
def _():
    yield R(2, 3, 4, 5), (7, 3), None, False
    yield R(2, 3, 4, 5), (9, 1), None, True
    yield R(2, 1, 3, 4), (2, 4), None, True
    yield R(2, 2, 3, 4), None, (2.3, 0.8), False
    yield R(2, 2, 3, 4), None, 2.0, True


class Upsample(torch.nn.Upsample):
    """A larger (or smaller) image with torch's constructor; mode "nearest" or "bilinear". · 上采样层。

    x [N, C, *n]. Raises UserError, a ValueError, for torch's other modes and for options that do not go together.
    Source: torch.nn.Upsample.

    >>> Upsample(scale_factor=2, mode="bilinear")(torch.ones(1, 2, 3, 3)).shape
    torch.Size([1, 2, 6, 6])
    """

    def __init__(self, size=None, scale_factor=None, mode="nearest", align_corners=None, recompute_scale_factor=None):
        if mode not in ("nearest", "bilinear"):
            raise UserError(f"mode={mode!r}: expected 'nearest' or 'bilinear'; torch.nn.Upsample has the others")
        if mode == "nearest" and align_corners is not None:
            raise UserError(f"align_corners={align_corners}: mode 'nearest' does not interpolate; leave it out")
        if recompute_scale_factor and size is not None:
            raise UserError(f"size={size}: recompute_scale_factor needs a scale_factor instead")
        super().__init__(size, scale_factor, mode, align_corners, recompute_scale_factor)

    def forward(self, input: Tensor) -> Tensor:
        size, scale = self.size, self.scale_factor
        if self.recompute_scale_factor:
            size, scale = tuple(m for _, _, m, _ in stretched(input, size, scale)), None
        if self.mode == "nearest":
            return interpolate_nearest(input, size, scale)
        return interpolate_bilinear(input, size, scale, bool(self.align_corners))


class ZeroPad2d(torch.nn.ZeroPad2d):
    """Zeros around a plane with torch's constructor. · 零填充层。

    x [N, C, H, W] or [C, H, W]. Source: torch.nn.ZeroPad2d.

    >>> ZeroPad2d((1, 0, 2, 0))(torch.ones(1, 1, 2, 2)).shape
    torch.Size([1, 1, 4, 3])
    """

    def forward(self, input: Tensor) -> Tensor:
        return zero_pad2d(input, self.padding)


class ReflectionPad2d(torch.nn.ReflectionPad2d):
    """A mirrored border with torch's constructor. · 反射填充层。

    x [N, C, H, W] or [C, H, W]. Source: torch.nn.ReflectionPad2d.

    >>> ReflectionPad2d(1)(torch.ones(1, 1, 2, 2)).shape
    torch.Size([1, 1, 4, 4])
    """

    def forward(self, input: Tensor) -> Tensor:
        return extension_pad(input, self.padding, "reflect")
