"""torch.nn.functional by formulas: `import chainrule.nn.functional as F`. · 由公式实现的 torch.nn.functional。

What has a name here takes what torch's function of that name takes: the same order, torch's names for the options. A
formula whose order is torch's is here itself; the functions below put torch's order in front of one that reads less,
since reductions, running statistics, masks and `dim=None` stay outside of formulas.

note     `inplace=True` is accepted where torch has it and never acted on: a formula keeps its inputs
note     torch's deprecated `size_average` and `reduce` are not taken: options that follow them in torch go by name
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from . import activation, attention, entropy, loss, normalization, piecewise
from . import cross_entropy as classes
from . import dropout as noise
from . import softmax as shares
from .activation import gelu, sigmoid, softplus, tanh
from .axes import but_channel
from .convolution import conv1d, conv2d, conv_transpose2d
from .embedding import looked_up, refuse
from .layer_norm import group_norm, layer_norm, rms_norm
from .linear import linear
from .piecewise import prelu
from .pooling import (
    adaptive_avg_pool2d,
    adaptive_max_pool2d,
    adaptive_max_pool2d_with_indices,
    avg_pool1d,
    avg_pool2d,
    max_pool1d,
    max_pool1d_with_indices,
    max_pool2d,
    max_pool2d_with_indices,
)
from .response import local_response_norm

__all__ = [
    "adaptive_avg_pool2d",
    "adaptive_max_pool2d",
    "adaptive_max_pool2d_with_indices",
    "avg_pool1d",
    "avg_pool2d",
    "batch_norm",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "conv1d",
    "conv2d",
    "conv_transpose2d",
    "cross_entropy",
    "dropout",
    "dropout2d",
    "elu",
    "embedding",
    "gelu",
    "group_norm",
    "hardsigmoid",
    "hardswish",
    "hardtanh",
    "huber_loss",
    "instance_norm",
    "kl_div",
    "l1_loss",
    "layer_norm",
    "leaky_relu",
    "linear",
    "local_response_norm",
    "log_softmax",
    "max_pool1d",
    "max_pool1d_with_indices",
    "max_pool2d",
    "max_pool2d_with_indices",
    "mish",
    "mse_loss",
    "nll_loss",
    "prelu",
    "relu",
    "relu6",
    "rms_norm",
    "scaled_dot_product_attention",
    "sigmoid",
    "silu",
    "smooth_l1_loss",
    "softmax",
    "softplus",
    "tanh",
]

Call = Callable[..., Any]


def explained_by(formula: Call) -> Callable[[Call], Call]:
    """Give a function with torch's arguments the formula's docstring. · 沿用公式的说明。"""

    def wrap(call: Call) -> Call:
        call.__doc__ = formula.__doc__
        return call

    return wrap


@explained_by(piecewise.relu)
def relu(input, inplace=False):
    return piecewise.relu(input)


@explained_by(piecewise.relu6)
def relu6(input, inplace=False):
    return piecewise.relu6(input)


@explained_by(piecewise.hardtanh)
def hardtanh(input, min_val=-1.0, max_val=1.0, inplace=False):
    return piecewise.hardtanh(input, min_val, max_val)


@explained_by(piecewise.leaky_relu)
def leaky_relu(input, negative_slope=0.01, inplace=False):
    return piecewise.leaky_relu(input, negative_slope)


@explained_by(piecewise.hardsigmoid)
def hardsigmoid(input, inplace=False):
    return piecewise.hardsigmoid(input)


@explained_by(piecewise.hardswish)
def hardswish(input, inplace=False):
    return piecewise.hardswish(input)


@explained_by(activation.elu)
def elu(input, alpha=1.0, inplace=False):
    return activation.elu(input, alpha)


@explained_by(activation.silu)
def silu(input, inplace=False):
    return activation.silu(input)


@explained_by(activation.mish)
def mish(input, inplace=False):
    return activation.mish(input)


@explained_by(shares.softmax)
def softmax(input, dim=None, _stacklevel=3, dtype=None):
    return shares.softmax(input if dtype is None else input.to(dtype), shares.chosen(dim, input))


@explained_by(shares.log_softmax)
def log_softmax(input, dim=None, _stacklevel=3, dtype=None):
    return shares.log_softmax(input if dtype is None else input.to(dtype), shares.chosen(dim, input))


@explained_by(loss.mse_loss)
def mse_loss(input, target, *, reduction="mean"):
    return loss.mse_loss(input, target, reduction=reduction)


@explained_by(loss.l1_loss)
def l1_loss(input, target, *, reduction="mean"):
    return loss.l1_loss(input, target, reduction=reduction)


@explained_by(loss.huber_loss)
def huber_loss(input, target, reduction="mean", delta=1.0):
    return loss.huber_loss(input, target, delta, reduction=reduction)


@explained_by(loss.smooth_l1_loss)
def smooth_l1_loss(input, target, *, reduction="mean", beta=1.0):
    return loss.smooth_l1_loss(input, target, beta, reduction=reduction)


@explained_by(entropy.binary_cross_entropy)
def binary_cross_entropy(input, target, weight=None, *, reduction="mean"):
    return entropy.binary_cross_entropy(input, target, weight, reduction=reduction)


@explained_by(entropy.binary_cross_entropy_with_logits)
def binary_cross_entropy_with_logits(input, target, weight=None, *, reduction="mean", pos_weight=None):
    return entropy.binary_cross_entropy_with_logits(input, target, weight, pos_weight, reduction=reduction)


@explained_by(entropy.kl_div)
def kl_div(input, target, *, reduction="mean", log_target=False):
    return entropy.kl_div(input, target, log_target, reduction=reduction)


@explained_by(classes.cross_entropy)
def cross_entropy(input, target, weight=None, *, ignore_index=-100, reduction="mean", label_smoothing=0.0):
    return classes.cross_entropy(input, target, weight, ignore_index, label_smoothing, reduction=reduction)


@explained_by(classes.nll_loss)
def nll_loss(input, target, weight=None, *, ignore_index=-100, reduction="mean"):
    return classes.nll_loss(input, target, weight, ignore_index, reduction=reduction)


def embedding(input, weight, padding_idx=None, max_norm=None, norm_type=2.0, scale_grad_by_freq=False, sparse=False):
    """Rows of the table, as the `Embedding` module looks them up. · 取表中的行。

    input [*] integers below V   weight [V, D]   out [*, D]. Raises `UserError` for scale_grad_by_freq and sparse.
    Source: Bengio et al. 2003, A neural probabilistic language model, JMLR 3:1137–1155, §2.

    >>> embedding(torch.tensor([1, 0]), torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
    tensor([[3., 4.],
            [1., 2.]])
    """
    refuse({"sparse": sparse, "scale_grad_by_freq": scale_grad_by_freq})
    return looked_up(input, weight, padding_idx, max_norm, norm_type)


def scaled_dot_product_attention(
    query, key, value, attn_mask=None, dropout_p=0.0, is_causal=False, scale=None, enable_gqa=False
) -> Tensor:
    """Attention by scaled products, its mask of two kinds as torch has it. · 缩放点积注意力。

    query [*, T, D]   key [*, S, D]   value [*, S, E]   attn_mask true where one may look, or floats that are added
    out [*, T, E]; enable_gqa: heads that share keys. Source: Vaswani et al. 2017, arXiv:1706.03762, eq. 1.

    >>> scaled_dot_product_attention(torch.ones(1, 2), torch.ones(3, 2), torch.tensor([[1.0], [2.0], [3.0]]))
    tensor([[2.]])
    """
    if enable_gqa:
        key, value = (t.repeat_interleave(query.shape[-3] // t.shape[-3], -3) for t in (key, value))
    looks = attn_mask is not None and attn_mask.dtype == torch.bool
    drop = None
    if dropout_p:
        pairs = query.new_empty(*query.shape[:-1], key.shape[-2])
        drop = pairs.bernoulli_(1 - dropout_p) / noise.kept(dropout_p)
    masks = (attn_mask, None) if looks else (None, attn_mask)
    return attention.scaled_dot_product_attention(query, key, value, *masks, drop, is_causal, scale)


def batch_norm(
    input, running_mean, running_var, weight=None, bias=None, training=False, momentum=0.1, eps=1e-5
) -> Tensor:
    """Batch norm that moves its running statistics while it trains. · 批归一化，训练时更新滑动统计量。

    input [N, C, …]   running_mean, running_var, weight, bias [C] or None   out as input. Raises `UserError` when it
    trains on one value a channel. Source: Ioffe & Szegedy 2015, arXiv:1502.03167, Algorithm 1.

    >>> batch_norm(torch.tensor([[1.0], [3.0]]), torch.ones(1), torch.ones(1), eps=0.0).T
    tensor([[0., 2.]])
    """
    if normalization.batch_norm.card.runs_twin():
        return torch.nn.functional.batch_norm(input, running_mean, running_var, weight, bias, training, momentum, eps)
    if training:
        normalization.checked(input, but_channel(input))
    if training and running_mean is not None:
        normalization.remember((running_mean, running_var), input, but_channel(input), momentum)
    return normalization.batch_norm(input, running_mean, running_var, weight, bias, training, eps)


def instance_norm(
    input,
    running_mean=None,
    running_var=None,
    weight=None,
    bias=None,
    use_input_stats=True,
    momentum=0.1,
    eps=1e-5,
) -> Tensor:
    """Instance norm that moves its running statistics where it has some. · 实例归一化，并更新滑动统计量。

    input [N, C, …]   running_mean, running_var, weight, bias [C] or None   out as input. Raises `UserError` for maps
    of one place. Source: Ulyanov, Vedaldi & Lempitsky 2016, arXiv:1607.08022, eq. 4.

    >>> instance_norm(torch.tensor([[[1.0, 3.0]]]), eps=0.0)
    tensor([[[-1.,  1.]]])
    """
    axes = normalization.places(input)
    if normalization.instance_norm.card.runs_twin() and len(input):
        return torch.nn.functional.instance_norm(
            input, running_mean, running_var, weight, bias, use_input_stats, momentum, eps
        )
    if use_input_stats:
        normalization.checked(input, axes)
    if use_input_stats and running_mean is not None:
        normalization.remember((running_mean, running_var), input, axes, momentum)
    return normalization.instance_norm(input, running_mean, running_var, weight, bias, use_input_stats, eps)


def dropout(input, p=0.5, training=True, inplace=False) -> Tensor:
    """Drop single numbers, as the `Dropout` module does. · 随机丢弃单个元素。

    input [*], out [*]. Raises ValueError for p outside [0, 1]. Source: Srivastava et al. 2014, JMLR 15:1929–1958, §4.

    >>> dropout(torch.ones(2), 1.0), dropout(torch.ones(2), training=False)
    (tensor([0., 0.]), tensor([1., 1.]))
    """
    return noise.Dropout(p).train(training)(input)


def dropout2d(input, p=0.5, training=True, inplace=False) -> Tensor:
    """Drop whole channels, as the `Dropout2d` module does. · 随机丢弃整个通道。

    input [N, C, …], out as input. Raises ValueError for p outside [0, 1]. Source: Tompson et al. 2015,
    arXiv:1411.4280, §3.2.

    >>> dropout2d(torch.ones(1, 2, 1, 1), 1.0).flatten()
    tensor([0., 0.])
    """
    return noise.Dropout2d(p).train(training)(input)
