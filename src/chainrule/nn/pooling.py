r"""Pooling · 池化

symbols  x [N, C, H, W]   out [N, C, H', W']   where [N, C, H', W'] a maximum's place in its plane, row · W + column
         (leading axes are free: [C, H, W] is taken too; pooling over a line has one axis of space less)
note     a maximum hands its delta to the place it came from, the first one on ties (errata E19), so that place is an
         output of the formula; `amax` would share it and is another formula. A mean is linear and goes axis by axis:
         out = A x Bᵀ with the shares of each window in the rows of A and B, hence δx = Aᵀ δ B.
speed    the compiled text, forward and backward, on one core against torch's operator compiled: maxima 0.4 (overlapping
         windows, lines) to 1.0 (2×2), means 0.2 (lines), 0.5 (2×2, global) to 1.8 (3×3 with stride 1), hence
         compiled="twin"
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from ..formula import R, formula
from . import opaque

Size = int | tuple[int, ...]
LOCAL_MEANS = (
    "LeCun et al. 1990, Handwritten digit recognition with a back-propagation network, layer H2, "
    "https://papers.nips.cc/paper/1989/hash/53c3bce66e43be4f209556518c2fcb54-Abstract.html"
)


def along(value, axis: int):
    """One number for every axis, or one each. · 某个轴的值。

    >>> along(2, -1), along((1, 3), -2), along((4,), -1)
    (2, 1, 4)
    """
    return value if isinstance(value, int) else value[axis]


def flat(plane):
    """[*, H, W] → [*, H·W]. · 平面展成一行。"""
    return plane.flatten(-2)


def begins(n: int, reach: int, s: int, p: int, ceil: bool, device):
    """Where each window that reaches over `reach` of n entries begins (in the padding: below 0). · 各窗口的起点。

    `ceil` lets a last window reach over the end, as long as it begins before it. Raises RuntimeError as torch does.

    >>> begins(5, 2, 2, 0, False, "cpu"), begins(5, 2, 2, 0, True, "cpu")
    (tensor([0, 2]), tensor([0, 2, 4]))
    """
    free = n + 2 * p - reach
    m = (free + s - 1 if ceil else free) // s + 1
    if ceil and (m - 1) * s >= n + p:
        m = m - 1  # a window that would lie in the right padding alone
    if m < 1:
        raise RuntimeError(f"output size is too small: {n} entries hold no window that reaches over {reach}")
    return torch.arange(m, device=device) * s - p


def window_of(axis: int, kernel_size, stride, padding) -> tuple[int, int, int]:
    """Kernel, stride and padding along one axis. Raises RuntimeError as torch does. · 某个轴的窗口参数。"""
    k, p = along(kernel_size, axis), along(padding, axis)
    s = along(stride, axis) if stride else k
    if min(k, s) < 1 or not 0 <= p <= k // 2:
        raise RuntimeError(
            f"kernel_size={k}, stride={s}, padding={p}: expected at least 1, at least 1, and at most half the kernel"
        )
    return k, s, p


def places(x, axis, kernel_size, stride, padding, dilation, ceil_mode):
    """[m, k]: the entries that each window reads along one axis. · 各窗口读取的位置。

    A place in the padding becomes the window's nearest one inside: neither the maximum nor its first place changes.
    """
    (k, s, p), d = window_of(axis, kernel_size, stride, padding), along(dilation, axis)
    if d < 1:
        raise RuntimeError(f"dilation={d}: expected at least 1")
    n = x.shape[axis]
    begin = begins(n, d * (k - 1) + 1, s, p, ceil_mode, x.device)
    first = begin + d * ((d - 1 - begin) // d).clamp(min=0)
    last = begin + d * ((n - 1 - begin) // d)
    every = begin[:, None] + d * torch.arange(k, device=x.device)
    return every.maximum(first[:, None]).minimum(last[:, None])


def parts(x, axis, output_size):
    """Where the adaptive windows begin and end: ⌊o·n/m⌋ and ⌈(o+1)·n/m⌉. · 自适应窗口。"""
    n, m = x.shape[axis], along(output_size, axis)
    o = torch.arange(n if m is None else m, device=x.device)
    return o * n // len(o), ((o + 1) * n + len(o) - 1) // len(o)


def parted(x, axis, output_size):
    """[m, k]: the entries that each adaptive window reads; a short one repeats its last. · 自适应窗口的位置。"""
    begin, end = parts(x, axis, output_size)
    k = x.shape[axis] // len(begin) + 2 if len(begin) else 1  # no window is longer
    return (begin[:, None] + torch.arange(k, device=x.device)).minimum(end[:, None] - 1)


def greatest(x, rows, columns):
    """The greatest entry of each window rows × columns, and its place; the first one on ties. · 窗口最大值及其位置。"""
    place = flat(rows[:, None, :, None] * x.shape[-1] + columns[:, None, :])  # [H', W', k·l]
    windows = flat(x)[..., place]
    out, best = windows.max(-1)
    return out, place.expand_as(windows).gather(-1, best[..., None])[..., 0]


def max_pool2d_twin(x, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False):
    compiling = x.is_contiguous() and torch.compiler.is_compiling() and not torch.compiler.is_exporting()
    if compiling and x.device.type == "cpu":  # see opaque.py; in channels_last the compiler's own is the faster one
        window = (kernel_size, stride or kernel_size, padding, dilation)
        return opaque.max_pool2d(x, *[[along(each, -2), along(each, -1)] for each in window], ceil_mode)
    return F.max_pool2d_with_indices(x, kernel_size, stride, padding, dilation, ceil_mode)  # pyright: ignore[reportArgumentType]


@formula(
    outputs=("out", "where"),
    twin=max_pool2d_twin,
    source="Riesenhuber & Poggio 1999, doi:10.1038/14819; errata E19",
    compiled="twin",
)
def max_pool2d_with_indices(x, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False):
    """The greatest entry of each window, and where it lies. · 二维最大池化及其下标。

    x [*, H, W], out and where [*, H', W']; stride is kernel_size unless given. Raises RuntimeError, as torch does, for
    windows that do not fit.

    >>> max_pool2d_with_indices(torch.tensor([[[1.0, 4.0], [3.0, 2.0]]]), 2)
    (tensor([[[4.]]]), tensor([[[1]]]))
    """
    window = (kernel_size, stride, padding, dilation, ceil_mode)
    return greatest(x, places(x, -2, *window), places(x, -1, *window))


@formula(
    outputs=("out", "where"),
    twin=F.max_pool1d_with_indices,
    source="Riesenhuber & Poggio 1999, doi:10.1038/14819; errata E19",
    compiled="twin",
)
def max_pool1d_with_indices(x, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False):
    """The greatest entry of each window of a line, and where it lies. · 一维最大池化及其下标。

    x [*, n], out and where [*, m]; stride is kernel_size unless given. Raises RuntimeError, as torch does, for windows
    that do not fit.

    >>> max_pool1d_with_indices(torch.tensor([[1.0, 4.0, 3.0, 2.0]]), 2)
    (tensor([[4., 3.]]), tensor([[1, 2]]))
    """
    columns = places(x, -1, kernel_size, stride, padding, dilation, ceil_mode)
    out, where = greatest(x[..., None, :], columns.new_zeros(1, 1), columns)
    return out[..., 0, :], where[..., 0, :]


@formula(
    outputs=("out", "where"),
    twin=F.adaptive_max_pool2d_with_indices,
    source="He et al. 2014, arXiv:1406.4729, §2.2",
    compiled="twin",
)
def adaptive_max_pool2d_with_indices(x, output_size):
    """The greatest entry of each of H'·W' windows that cover the plane, and where it lies. · 自适应最大池化及其下标。

    x [*, H, W], output_size (H', W') or one for both, None keeps an axis; window o spans ⌊o·H/H'⌋ … ⌈(o+1)·H/H'⌉ − 1.
    Raises RuntimeError, as torch does, for sizes below 0.

    >>> adaptive_max_pool2d_with_indices(torch.tensor([[[1.0, 4.0], [3.0, 2.0]]]), 1)
    (tensor([[[4.]]]), tensor([[[1]]]))
    """
    return greatest(x, parted(x, -2, output_size), parted(x, -1, output_size))


@max_pool2d_with_indices.backward("x")
@adaptive_max_pool2d_with_indices.backward("x")
def _(δ, x, where):
    """Each delta goes to the place its maximum came from; windows that share one add up. · δ 回到最大值所在处。"""
    return flat(torch.zeros_like(x)).scatter_add(-1, flat(where), flat(δ)).reshape(x.shape)


@max_pool1d_with_indices.backward("x")
def _(δ, x, where):
    return torch.zeros_like(x).scatter_add(-1, where, δ)


def shares(x, axis, begin, end, size):
    """[m, n]: row o holds 1/size_o for every entry from begin_o to before end_o. · 各窗口内的份额。"""
    j = torch.arange(x.shape[axis], device=x.device)
    return ((begin[:, None] <= j) & (j < end[:, None])).to(x.dtype) / size[:, None]


def averaging(x, axis, window, count_include_pad, divisor=None):
    """The shares of ordinary windows: 1 / divisor, or 1 / what was read, with or without padding. · 平均份额。"""
    kernel_size, stride, padding, ceil_mode = window
    k, s, p = window_of(axis, kernel_size, stride, padding)
    n = x.shape[axis]
    begin = begins(n, k, s, p, ceil_mode, x.device)
    end = (begin + k).clamp(max=n + p)
    size = end - begin if count_include_pad else end.clamp(max=n) - begin.clamp(min=0)
    return shares(x, axis, begin, end, size if divisor is None else torch.full_like(size, divisor))


@formula(
    twin=torch.avg_pool1d,
    autocast="fp32",
    source=LOCAL_MEANS + "; errata E19",
    compiled="twin",
)
def avg_pool1d(x, kernel_size, stride=(), padding=0, ceil_mode=False, count_include_pad=True):
    """The mean of each window of a line. · 一维平均池化。

    x [*, n], A [m, n], out [*, m]; stride is kernel_size unless given. Raises RuntimeError, as torch does, for windows
    that do not fit.

    >>> avg_pool1d(torch.tensor([[1.0, 3.0, 5.0, 9.0]]), 2)
    tensor([[2., 7.]])
    """
    return x @ averaging(x, -1, (kernel_size, stride, padding, ceil_mode), count_include_pad).mT


@avg_pool1d.backward("x")
def _(δ, x, kernel_size, stride, padding, ceil_mode, count_include_pad):
    return δ @ averaging(x, -1, (kernel_size, stride, padding, ceil_mode), count_include_pad)


def averages(x, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor):
    """The shares of both axes; a divisor of the caller's stands in the first. · 两轴的份额矩阵。"""
    window = (kernel_size, stride, padding, ceil_mode)
    rows = averaging(x, -2, window, count_include_pad, divisor)
    return rows, averaging(x, -1, window, count_include_pad, None if divisor is None else 1)


@formula(
    twin=F.avg_pool2d,
    autocast="fp32",
    source=LOCAL_MEANS + "; errata E19",
    compiled="twin",
)
def avg_pool2d(x, kernel_size, stride=(), padding=0, ceil_mode=False, count_include_pad=True, divisor_override=None):
    """The mean of each window of a plane. · 二维平均池化。

    x [*, H, W], A [H', H], B [W', W], out [*, H', W']; stride is kernel_size unless given; the padding's zeros count
    unless count_include_pad is False. Raises RuntimeError, as torch does, for windows that do not fit.

    >>> avg_pool2d(torch.tensor([[[1.0, 4.0], [3.0, 2.0]]]), 2)
    tensor([[[2.5000]]])
    """
    A, B = averages(x, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)
    return A @ x @ B.mT


@avg_pool2d.backward("x")
def _(δ, x, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override):
    """Each entry of a window gets its share of the window's delta. · 窗口内每个元素得到相应份额。"""
    A, B = averages(x, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)
    return A.mT @ δ @ B


def partitions(x, output_size):
    """The shares of the adaptive windows, both axes. · 自适应窗口的份额矩阵。"""
    for axis in (-2, -1):
        begin, end = parts(x, axis, output_size)
        yield shares(x, axis, begin, end, end - begin)


@formula(
    twin=F.adaptive_avg_pool2d, autocast="fp32", source="Lin, Chen & Yan 2013, arXiv:1312.4400, §3.2", compiled="twin"
)
def adaptive_avg_pool2d(x, output_size):
    """The means of H'·W' windows that cover the plane, whatever its size. · 自适应平均池化。

    x [*, H, W], output_size (H', W') or one for both, None keeps an axis; A [H', H], B [W', W]; window o spans
    ⌊o·H/H'⌋ … ⌈(o+1)·H/H'⌉ − 1. Raises RuntimeError, as torch does, for sizes below 0.

    >>> adaptive_avg_pool2d(torch.tensor([[[1.0, 4.0], [3.0, 2.0]]]), (1, None))
    tensor([[[2., 3.]]])
    """
    A, B = partitions(x, output_size)
    return A @ x @ B.mT


@adaptive_avg_pool2d.backward("x")
def _(δ, x, output_size):
    A, B = partitions(x, output_size)
    return A.mT @ δ @ B


@max_pool2d_with_indices.samples
def _():
    yield R(2, 3, 5, 6), 2, None, 0, 1, False
    yield R(2, 2, 7, 8), (3, 2), (2, 1), (1, 0), (2, 3), True
    yield R(2, 2, 6, 6), 3, 2, 1, 1, True
    yield R(2, 1, 8, 7), 3, 2, 1, 2, False


@max_pool1d_with_indices.samples
def _():
    yield R(2, 3, 7), 2, None, 0, 1, True
    yield R(2, 2, 9), (3,), (2,), (1,), (2,), False


@adaptive_max_pool2d_with_indices.samples
def _():
    yield R(2, 2, 5, 7), (3, 2)
    yield R(2, 2, 4, 3), (None, 1)


@avg_pool1d.samples
def _():
    yield R(2, 3, 7), 2, (), 0, True, True
    yield R(2, 3, 8), (3,), (2,), (1,), True, False
    yield R(2, 2, 5), 2, 3, 1, True, True
    yield R(2, 3, 8), 3, 2, 1, False, True


@avg_pool2d.samples
def _():
    yield R(2, 3, 4, 6), 2, (), 0, False, True, None
    yield R(2, 2, 7, 6), (3, 2), 2, (1, 0), True, True, None
    yield R(2, 2, 6, 6), 3, (2, 1), 1, True, False, None
    yield R(2, 2, 6, 5), (2, 3), 2, (0, 1), True, True, 5


@adaptive_avg_pool2d.samples
def _():
    yield R(2, 3, 5, 7), (3, 2)
    yield R(2, 2, 4, 3), (None, 1)
    yield R(2, 2, 3, 2), 4


def max_pool1d(
    x: Tensor,
    kernel_size: Size,
    stride: Size | None = None,
    padding: Size = 0,
    dilation: Size = 1,
    ceil_mode=False,
    return_indices=False,
):
    """`max_pool1d_with_indices`, the places only if asked for. · 一维最大池化。

    >>> max_pool1d(torch.tensor([[1.0, 4.0, 3.0, 2.0]]), 2)
    tensor([[4., 3.]])
    """
    if (
        not return_indices and max_pool1d_with_indices.card.runs_twin()
    ):  # without deltas torch skips the places: 5 × faster
        return F.max_pool1d(x, kernel_size, stride, padding, dilation, ceil_mode)
    out, where = max_pool1d_with_indices(x, kernel_size, stride, padding, dilation, ceil_mode)
    return (out, where) if return_indices else out


def max_pool2d(
    x: Tensor,
    kernel_size: Size,
    stride: Size | None = None,
    padding: Size = 0,
    dilation: Size = 1,
    ceil_mode=False,
    return_indices=False,
):
    """`max_pool2d_with_indices`, the places only if asked for. · 二维最大池化。

    >>> max_pool2d(torch.tensor([[[1.0, 4.0], [3.0, 2.0]]]), 2)
    tensor([[[4.]]])
    """
    out, where = max_pool2d_with_indices(x, kernel_size, stride, padding, dilation, ceil_mode)
    return (out, where) if return_indices else out


def adaptive_max_pool2d(x, output_size, return_indices=False):
    """`adaptive_max_pool2d_with_indices`, the places only if asked for. · 自适应最大池化。

    >>> adaptive_max_pool2d(torch.tensor([[[1.0, 4.0], [3.0, 2.0]]]), 1)
    tensor([[[4.]]])
    """
    out, where = adaptive_max_pool2d_with_indices(x, output_size)
    return (out, where) if return_indices else out


class MaxPool1d(torch.nn.MaxPool1d):
    """The greatest entry of each window of a line, with torch's constructor. · 一维最大池化层。

    x [N, C, n] or [C, n]. Source: Riesenhuber & Poggio 1999, doi:10.1038/14819.

    >>> MaxPool1d(2)(torch.tensor([[1.0, 4.0, 3.0, 2.0]]))
    tensor([[4., 3.]])
    """

    def forward(self, input: Tensor):
        window = (self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode)
        return max_pool1d(input, *window, self.return_indices)


class MaxPool2d(torch.nn.MaxPool2d):
    """The greatest entry of each window of a plane, with torch's constructor. · 二维最大池化层。

    x [N, C, H, W] or [C, H, W]. Source: Riesenhuber & Poggio 1999, doi:10.1038/14819.

    >>> MaxPool2d(2)(torch.tensor([[[1.0, 4.0], [3.0, 2.0]]]))
    tensor([[[4.]]])
    """

    def forward(self, input: Tensor):
        window = (self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode)
        return max_pool2d(input, *window, self.return_indices)


class AvgPool1d(torch.nn.AvgPool1d):
    """The mean of each window of a line, with torch's constructor. · 一维平均池化层。

    x [N, C, n] or [C, n]. Source: LeCun et al. 1990, layer H2 of their network.

    >>> AvgPool1d(2)(torch.tensor([[1.0, 3.0, 5.0, 9.0]]))
    tensor([[2., 7.]])
    """

    def forward(self, input: Tensor) -> Tensor:
        return avg_pool1d(input, self.kernel_size, self.stride, self.padding, self.ceil_mode, self.count_include_pad)


class AvgPool2d(torch.nn.AvgPool2d):
    """The mean of each window of a plane, with torch's constructor. · 二维平均池化层。

    x [N, C, H, W] or [C, H, W]. Source: LeCun et al. 1990, layer H2 of their network.

    >>> AvgPool2d(2)(torch.tensor([[[1.0, 4.0], [3.0, 2.0]]]))
    tensor([[[2.5000]]])
    """

    def forward(self, input: Tensor) -> Tensor:
        window = (self.kernel_size, self.stride, self.padding, self.ceil_mode)
        return avg_pool2d(input, *window, self.count_include_pad, self.divisor_override)


class AdaptiveAvgPool2d(torch.nn.AdaptiveAvgPool2d):
    """Means over a fixed number of windows, with torch's constructor. · 自适应平均池化层。

    x [N, C, H, W] or [C, H, W]. Source: Lin, Chen & Yan 2013, arXiv:1312.4400, §3.2.

    >>> AdaptiveAvgPool2d(1)(torch.ones(1, 2, 5, 7)).shape
    torch.Size([1, 2, 1, 1])
    """

    def forward(self, input: Tensor) -> Tensor:
        return adaptive_avg_pool2d(input, self.output_size)


class AdaptiveMaxPool2d(torch.nn.AdaptiveMaxPool2d):
    """The greatest entries of a fixed number of windows, with torch's constructor. · 自适应最大池化层。

    x [N, C, H, W] or [C, H, W]. Source: He et al. 2014, arXiv:1406.4729, §2.2.

    >>> AdaptiveMaxPool2d((2, 3))(torch.ones(1, 2, 5, 7)).shape
    torch.Size([1, 2, 2, 3])
    """

    def forward(self, input: Tensor):
        return adaptive_max_pool2d(input, self.output_size, self.return_indices)
