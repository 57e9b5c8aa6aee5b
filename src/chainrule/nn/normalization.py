r"""Norms of one channel, with running statistics · 逐通道归一化与滑动统计量

symbols  x [N, C, …]   weight (γ), bias (β) [C]   running_mean, running_var [C]   out as x, γ x_hat + β (errata E23)
note     batch_norm averages each channel over batch and places (E24), instance_norm each channel of each sample over
         its places; in evaluation batch_norm takes the running statistics (E25)
note     the running statistics belong to the modules, which update them in place, with the unbiased variance; a
         formula leaves its inputs as they are, so `momentum` is no argument here
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm

from ..errors import UserError
from ..formula import R, formula
from .axes import but_channel, by_channel
from .standardise import Axes, affine, moments, per_channel, standardise, standardise_delta


def places(x: Tensor) -> Axes:
    return tuple(range(2, x.ndim))


def by_statistics(x, mean, var, axes, eps):
    """x_hat and r by its own statistics, or where axes is None by given ones. · 用自身或给定的统计量标准化。"""
    if axes is not None:
        return standardise(x, axes, eps)
    r = (by_channel(var, x) + eps).rsqrt()
    return (x - by_channel(mean, x)) * r, r


def channel_norm(x, mean, var, weight, bias, axes, eps):
    x_hat, _ = by_statistics(x, mean, var, axes, eps)
    return affine(x_hat, per_channel(weight, x), per_channel(bias, x)).to(x.dtype)


def delta_of_x(δ, x, mean, var, weight, axes, eps):
    x_hat, r = by_statistics(x, mean, var, axes, eps)
    r = affine(r, per_channel(weight, x), None)  # γ is one number along the axes: its sums are those of δγ and δβ
    return (δ * r if axes is None else standardise_delta(δ, x_hat, r, axes)).to(x.dtype)


def delta_of_weight(δ, x, mean, var, axes, eps):
    x_hat, _ = by_statistics(x, mean, var, axes, eps)
    return (δ * x_hat).sum(but_channel(x))


def batch_norm_of_torch(x, running_mean, running_var, weight, bias, training, eps):
    kept = (None, None) if training else (running_mean, running_var)  # else it would update them in place
    return F.batch_norm(x, *kept, weight, bias, training, 0.0, eps)


@formula(
    twin=batch_norm_of_torch,
    source="Ioffe & Szegedy 2015, arXiv:1502.03167, Algorithm 1 and §3.2",
    compiled="twin",  # a step of ResNet-8 on one core, one graph: 65 ms with the twin, 76 with the text; two: 46 and 49
)
def batch_norm(x, running_mean=None, running_var=None, weight=None, bias=None, training=False, eps=1e-5):
    """Each channel over batch and places; without training by the running statistics. · 批归一化。

    >>> batch_norm(torch.tensor([[1.0], [3.0]]), training=True, eps=1e-9)
    tensor([[-1.],
            [ 1.]])
    """
    return channel_norm(x, running_mean, running_var, weight, bias, but_channel(x) if training else None, eps)


@batch_norm.backward("x")
def _(δ, x, running_mean, running_var, weight, training, eps):
    return delta_of_x(δ, x, running_mean, running_var, weight, but_channel(x) if training else None, eps)


@batch_norm.backward("weight")
def _(δ, x, running_mean, running_var, training, eps):
    return delta_of_weight(δ, x, running_mean, running_var, but_channel(x) if training else None, eps)


@batch_norm.backward("bias")
def _(δ):
    return δ.sum(but_channel(δ))


@batch_norm.samples
def _():
    μ, σ2 = R(3).detach(), R(3).detach().exp()
    yield R(4, 3, 2, 2), None, None, R(3), R(3), True, 1e-5
    yield R(5, 3), None, None, None, None, True, 0.1
    yield R(4, 3, 2), μ, σ2, R(3), R(3), False, 1e-5
    yield R(4, 3, 2, 2), μ, σ2, None, None, False, 0.1


def instance_norm_of_torch(x, running_mean, running_var, weight, bias, use_input_stats, eps):
    if not len(x):
        return x.clone()  # torch 2.13 fails on an empty batch
    kept = (None, None) if use_input_stats else (running_mean, running_var)
    return F.instance_norm(x, *kept, weight, bias, use_input_stats, 0.0, eps)


@formula(twin=instance_norm_of_torch, source="Ulyanov, Vedaldi & Lempitsky 2016, arXiv:1607.08022, eq. 4")
def instance_norm(x, running_mean=None, running_var=None, weight=None, bias=None, use_input_stats=True, eps=1e-5):
    """Each channel of each sample over its places. · 实例归一化。

    >>> instance_norm(torch.tensor([[[1.0, 3.0]]]), eps=0.0)
    tensor([[[-1.,  1.]]])
    """
    return channel_norm(x, running_mean, running_var, weight, bias, places(x) if use_input_stats else None, eps)


@instance_norm.backward("x")
def _(δ, x, running_mean, running_var, weight, use_input_stats, eps):
    return delta_of_x(δ, x, running_mean, running_var, weight, places(x) if use_input_stats else None, eps)


@instance_norm.backward("weight")
def _(δ, x, running_mean, running_var, use_input_stats, eps):
    return delta_of_weight(δ, x, running_mean, running_var, places(x) if use_input_stats else None, eps)


@instance_norm.backward("bias")
def _(δ):
    return δ.sum(but_channel(δ))


@instance_norm.samples
def _():
    yield R(2, 3, 2, 3), None, None, R(3), R(3), True, 1e-5
    yield R(2, 3, 4), None, None, None, None, True, 0.1
    yield R(2, 3, 2, 3), R(3).detach(), R(3).detach().exp(), R(3), R(3), False, 1e-5


@torch.no_grad()
def remember(running: tuple[Any, Any], x: Tensor, axes: Axes, momentum: float | Tensor) -> None:
    """Move running mean and variance towards those of a batch (E25). · 更新滑动统计量。

    x [N, C, …], the axes to average over, momentum: the weight of what is new. The variance is unbiased, m / (m − 1);
    where each sample has its own statistics they are averaged. An empty batch changes nothing.
    """
    if x.numel():
        μ, σ2 = moments(x, axes)
        m = x.numel() // μ.numel()
        for old, new in zip(running, (μ, σ2 * (m / (m - 1))), strict=True):
            old.copy_((1 - momentum) * old + momentum * new.mean(but_channel(x)))


def checked(x: Tensor, axes: Axes) -> None:
    """Raises `UserError` where a variance would be that of one value. · 只有一个值时无方差可言。"""
    if all(x.shape[a] == 1 for a in axes):
        raise UserError(f"a batch of shape {tuple(x.shape)} has one value a channel: training needs at least two")


class ChannelNorm(_BatchNorm):
    """What the batch norms of all dimensions do. · 各维批归一化的共同部分。"""

    def forward(self, input: Tensor) -> Tensor:
        counting = self.momentum is None and torch.compiler.is_compiling()  # torch's would break the graph to count
        if batch_norm.card.runs_twin() and not counting:
            return super().forward(input)
        self._check_input_dim(input)
        running = self.running_mean, self.running_var
        own = self.training or self.running_mean is None
        if own:
            checked(input, but_channel(input))
        if self.training and self.track_running_stats:
            tracked: Any = self.num_batches_tracked
            tracked.add_(1)
            momentum = 1 / tracked.double() if self.momentum is None else self.momentum
            remember(running, input, but_channel(input), momentum)
        return batch_norm(input, *running, self.weight, self.bias, own, self.eps)


class BatchNorm1d(ChannelNorm, torch.nn.BatchNorm1d):
    """Each feature over the batch, or each channel over batch and time. · 一维批归一化。

    input [N, C] or [N, C, n], out as input. Raises `UserError`, ValueError from torch's operator, when it trains on one
    value a channel. Source: Ioffe & Szegedy 2015, arXiv:1502.03167.

    >>> BatchNorm1d(1, eps=1e-9)(torch.tensor([[1.0], [3.0]])).detach().T
    tensor([[-1.,  1.]])
    """


class BatchNorm2d(ChannelNorm, torch.nn.BatchNorm2d):
    """Each channel over batch and places. · 二维批归一化。

    input [N, C, H, W], out as input. Raises `UserError`, ValueError from torch's operator, when it trains on one value
    a channel. Source: Ioffe & Szegedy 2015, arXiv:1502.03167.

    >>> BatchNorm2d(1, eps=1e-9)(torch.tensor([[[[1.0, 3.0]]]])).detach()
    tensor([[[[-1.,  1.]]]])
    """


class InstanceNorm2d(torch.nn.InstanceNorm2d):
    """Each channel of each sample over its places. · 二维实例归一化。

    input [N, C, H, W] or [C, H, W], out as input. Raises `UserError`, ValueError from torch's operator, for maps of one
    place. Source: Ulyanov, Vedaldi & Lempitsky 2016, arXiv:1607.08022.

    >>> InstanceNorm2d(1, eps=0.0)(torch.tensor([[[[1.0, 3.0]]]]))
    tensor([[[[-1.,  1.]]]])
    """

    def _apply_instance_norm(self, input: Tensor) -> Tensor:  # torch's forward checks, and adds a batch of one
        if instance_norm.card.runs_twin() and len(input):
            return super()._apply_instance_norm(input)
        running = self.running_mean, self.running_var
        own = self.training or not self.track_running_stats
        if own:
            checked(input, places(input))
        if self.training and self.track_running_stats:
            remember(running, input, places(input), self.momentum or 0.0)
        return instance_norm(input, *running, self.weight, self.bias, own, self.eps)
