r"""Norms of one sample: a group, a layer, a row · 单个样本的归一化

symbols  x [N, C, …] or [*, D]   weight (γ), bias (β) [C] or [D]   out as x, γ x_hat + β (errata E23)
note     group_norm averages over a group of channels and all places, layer_norm over the last axes, those that
         normalized_shape names (E26); nothing is remembered from batch to batch
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from ..formula import R, formula
from .axes import but_channel
from .standardise import affine, last, mean, per_channel, root_mean_square, standardise, standardise_delta


@formula(
    twin=F.group_norm,
    autocast="fp32",
    compiled="twin",  # between convolutions on a CPU the text takes 1.1 to 1.2 times as long
    source="Wu & He 2018, arXiv:1803.08494, eq. 7",
)
def group_norm(x, num_groups, weight=None, bias=None, eps=1e-5):
    """Each group of channels of each sample over channels and places. · 组归一化。

    >>> group_norm(torch.tensor([[1.0, 3.0, 0.0, 8.0]]), 2, eps=0.0)
    tensor([[-1.,  1., -1.,  1.]])
    """
    g = x.unflatten(1, (num_groups, -1))
    x_hat, _ = standardise(g, tuple(range(2, g.ndim)), eps)
    return affine(x_hat.flatten(1, 2), per_channel(weight, x), per_channel(bias, x)).to(x.dtype)


@group_norm.backward("x", "weight")
def _(δ, x, num_groups, weight, eps):
    g = x.unflatten(1, (num_groups, -1))
    axes = tuple(range(2, g.ndim))
    x_hat, r = standardise(g, axes, eps)
    δx_hat = affine(δ, per_channel(weight, x), None).unflatten(1, (num_groups, -1))
    δx = standardise_delta(δx_hat, x_hat, r, axes).flatten(1, 2)
    return δx, None if weight is None else (δ * x_hat.flatten(1, 2)).sum(but_channel(x))


@group_norm.backward("bias")
def _(δ):
    return δ.sum(but_channel(δ))


@group_norm.samples
def _():
    yield R(2, 6, 2, 2), 3, R(6), R(6), 1e-5
    yield R(3, 4), 2, None, None, 0.1
    yield R(2, 4, 3), 1, R(4), None, 1e-5


@formula(twin=F.layer_norm, autocast="fp32", source="Ba, Kiros & Hinton 2016, arXiv:1607.06450, eq. 4")
def layer_norm(x, normalized_shape, weight=None, bias=None, eps=1e-5):
    """Each row over its last axes, those that normalized_shape names. · 层归一化。

    Raises `UserError` where x does not end in that shape.

    >>> layer_norm(torch.tensor([[1.0, 3.0]]), (2,), eps=0.0)
    tensor([[-1.,  1.]])
    """
    x_hat, _ = standardise(x, last(x, normalized_shape), eps)
    return affine(x_hat, weight, bias).to(x.dtype)


@layer_norm.backward("x", "weight")
def _(δ, x, normalized_shape, weight, eps):
    x_hat, r = standardise(x, last(x, normalized_shape), eps)
    δx = standardise_delta(affine(δ, weight, None), x_hat, r, last(x, normalized_shape))
    return δx, None if weight is None else (δ * x_hat).sum_to_size(weight.shape)


@layer_norm.backward("bias")
def _(δ, normalized_shape):
    return δ.sum_to_size(normalized_shape)


@layer_norm.samples
def _():
    yield R(4, 6), (6,), R(6), R(6), 1e-5
    yield R(2, 3, 4, 2), (4, 2), R(4, 2), None, 0.1
    yield R(2, 3, 4), (4,), None, None, 1e-5


@formula(twin=F.rms_norm, autocast="fp32", source="Zhang & Sennrich 2019, arXiv:1910.07467, eq. 4")
def rms_norm(x, normalized_shape, weight=None, eps=None):
    """Layer norm that leaves the mean where it is. · 均方根归一化，不减均值。

    Raises `UserError` where x does not end in normalized_shape.

    >>> rms_norm(torch.tensor([[1.0, 7.0]]), (2,), eps=0.0)
    tensor([[0.2000, 1.4000]])
    """
    x_hat, _ = root_mean_square(x, last(x, normalized_shape), eps)
    return affine(x_hat, weight, None).to(x.dtype)


@rms_norm.backward("x", "weight")
def _(δ, x, normalized_shape, weight, eps):
    x_hat, r = root_mean_square(x, last(x, normalized_shape), eps)
    δx_hat = affine(δ, weight, None)
    δx = r * (δx_hat - x_hat * mean(δx_hat * x_hat, last(x, normalized_shape)))
    return δx, None if weight is None else (δ * x_hat).sum_to_size(weight.shape)


@rms_norm.samples
def _():
    yield R(4, 6), (6,), R(6), None
    yield R(2, 3, 4, 2), (4, 2), R(4, 2), 0.1
    yield R(2, 3, 4), (4,), None, 1e-5


class GroupNorm(torch.nn.GroupNorm):
    """Each group of channels of each sample. · 组归一化。

    input [N, C, …], weight, bias [C], out as input. The formula and its source: `group_norm`.

    >>> GroupNorm(2, 4, eps=0.0)(torch.tensor([[1.0, 3.0, 0.0, 8.0]])).detach()
    tensor([[-1.,  1., -1.,  1.]])
    """

    def forward(self, input: Tensor) -> Tensor:
        return group_norm(input, self.num_groups, self.weight, self.bias, self.eps)


class LayerNorm(torch.nn.LayerNorm):
    """Each row over its last axes. · 层归一化。

    input [*, D], weight, bias [D] = normalized_shape, out as input. Raises `UserError`, RuntimeError from torch's
    operator, where input does not end in D. The formula and its source: `layer_norm`.

    >>> LayerNorm(2, eps=0.0)(torch.tensor([[1.0, 3.0]])).detach()
    tensor([[-1.,  1.]])
    """

    def forward(self, input: Tensor) -> Tensor:
        return layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)


class RMSNorm(torch.nn.RMSNorm):
    """Layer norm that leaves the mean where it is. · 均方根归一化。

    x [*, D], weight [D] = normalized_shape, out as x. Raises `UserError`, RuntimeError from torch's operator, where x
    does not end in D. The formula and its source: `rms_norm`.

    >>> RMSNorm(2, eps=0.0)(torch.tensor([[1.0, 7.0]])).detach()
    tensor([[0.2000, 1.4000]])
    """

    def forward(self, x: Tensor) -> Tensor:
        return rms_norm(x, self.normalized_shape, self.weight, self.eps)
