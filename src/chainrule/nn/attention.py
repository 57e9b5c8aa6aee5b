r"""Attention: a mean of values by shares · 注意力：按份额对取值求平均

symbols  q [*, T, D] queries   k [*, S, D] keys   v [*, S, E] values   out [*, T, E]   z [*, T, S] scores
         attn_mask broadcast with [*, T, S]: true where a query may look   bias broadcast with it, added to the scores
         drop broadcast with [*, T, S]: a mask of dropout divided by 1 − p, or None   a [*, N, M]   b [*, M, P]
note     softmax(q kᵀ/√D + M) v: the mask stands in the formula (errata E86); a causal one hides what comes later (E76)
note     a query that may look nowhere gets zeros, and its deltas are finite
"""

import math

import torch
import torch.nn.functional as F

from ..formula import R, formula


def hidden(z, attn_mask, bias, is_causal):
    """The scores with their bias, and −∞ where a query may not look. · 加偏置，不可见处置为 −∞。"""
    z = z if bias is None else z + bias
    if is_causal:
        z = torch.where(torch.ones_like(z, dtype=torch.bool).tril(), z, -math.inf)
    return z if attn_mask is None else torch.where(attn_mask, z, -math.inf)


def masked_shares(z):
    """Softmax along the last axis; where all scores are −∞ nobody has a share. · 最后一维的份额；全为 −∞ 时皆为零。"""
    e = torch.where(z == -math.inf, z, z - z.amax(-1, keepdim=True)).exp()
    total = e.sum(-1, keepdim=True)
    return e / (total + (total == 0))


def of_scores(δp, p):
    """From the shares down to the scores, as in softmax. · 由份额到得分的 δ。"""
    return p * (δp - (δp * p).sum(-1, keepdim=True))


def masked_softmax_of_torch(z, attn_mask=None, bias=None):
    z = z if bias is None else z + bias
    z = z if attn_mask is None else z.masked_fill(~attn_mask, -math.inf)
    return F.softmax(z, -1).masked_fill((z == -math.inf).all(-1, keepdim=True), 0.0)


@formula(twin=masked_softmax_of_torch, autocast="fp32", source="Bahdanau, Cho & Bengio 2015, arXiv:1409.0473, eq. 6")
def masked_softmax(z, attn_mask=None, bias=None):
    """Scores become shares among those that may be looked at. · 仅在可见位置间归一化的份额。

    >>> masked_softmax(torch.tensor([[1.0, 1.0, 9.0]]), torch.tensor([[True, True, False]]))
    tensor([[0.5000, 0.5000, 0.0000]])
    """
    return masked_shares(hidden(z, attn_mask, bias, False))


@masked_softmax.backward("z", "bias")
def _(δ, out, bias):
    δz = of_scores(δ, out)
    return δz, None if bias is None else δz.sum_to_size(bias.shape)


@masked_softmax.samples
def _():
    yield R(3, 4), None, None
    yield R(2, 3, 4), torch.tensor([[True, False, True, True], [False] * 4, [False, True, False, False]]), None
    yield R(2, 3, 4), None, R(3, 4)


@formula(twin=torch.matmul, autocast="low", batch=("a", "b"), source="a product of matrices, each of a batch its own")
def matmul(a, b):
    """The product of two batches of matrices. · 两批矩阵的乘积。

    >>> matmul(torch.ones(2, 3, 4), torch.ones(2, 4, 5)).shape
    torch.Size([2, 3, 5])
    """
    return a @ b


@matmul.backward("a")
def _(δ, a, b):
    return (δ @ b.mT).sum_to_size(a.shape)


@matmul.backward("b")
def _(δ, a, b):
    return (a.mT @ δ).sum_to_size(b.shape)


@matmul.samples
def _():
    yield R(2, 3, 4), R(2, 4, 2)
    yield R(2, 1, 3, 4), R(2, 2, 4, 2)
    yield R(2, 2, 3, 4), R(2, 1, 4, 2)


def scale_of(q, scale):
    """1/√D unless said otherwise. · 缩放系数。"""
    return 1 / math.sqrt(q.shape[-1]) if scale is None else scale


def attention_of_torch(q, k, v, attn_mask=None, bias=None, drop=None, is_causal=False, scale=None):
    mask = bias if attn_mask is None else attn_mask if bias is None else bias.masked_fill(~attn_mask, -math.inf)
    if drop is None and not (is_causal and mask is not None):
        return F.scaled_dot_product_attention(q, k, v, mask, 0.0, is_causal, scale=scale)
    if is_causal or bias is not None:
        z = q @ k.mT * scale_of(q, scale)
        z = z.masked_fill(torch.ones_like(z, dtype=torch.bool).triu(1), -math.inf) if is_causal else z
        p = masked_softmax_of_torch(z, attn_mask, bias).to(z.dtype)
        return (p if drop is None else p * drop) @ v
    return dropped(q * scale_of(q, scale), k, v, attn_mask, drop)


def dropped(q, k, v, attn_mask, drop):
    """With few passes over all pairs: q comes scaled, and the small mask says who may look nowhere."""
    z = q @ k.mT
    if attn_mask is None:
        return F.softmax(z, -1).mul(drop) @ v
    some = attn_mask.any(-1, keepdim=True)
    p = F.softmax(z + z.new_zeros(attn_mask.shape).masked_fill(~attn_mask & some, -math.inf), -1)
    return (p * drop @ v).masked_fill(~some, 0.0)


@formula(
    twin=attention_of_torch,
    autocast="low",
    batch=("q", "k", "v"),
    compiled="twin",  # torch's operator never holds all the shares at once
    source="Vaswani et al. 2017, arXiv:1706.03762, eq. 1",
)
def scaled_dot_product_attention(q, k, v, attn_mask=None, bias=None, drop=None, is_causal=False, scale=None):
    """Each query takes the mean of the values by how well it fits their keys. · 缩放点积注意力。

    >>> scaled_dot_product_attention(torch.ones(1, 2), torch.ones(3, 2), torch.tensor([[1.0], [2.0], [3.0]]))
    tensor([[2.]])
    """
    p = masked_shares(hidden(q @ k.mT * scale_of(q, scale), attn_mask, bias, is_causal))
    return (p if drop is None else p * drop) @ v


@scaled_dot_product_attention.backward("q", "k", "bias")
def _(δ, q, k, v, attn_mask, bias, drop, is_causal, scale):
    p = masked_shares(hidden(q @ k.mT * scale_of(q, scale), attn_mask, bias, is_causal))
    δz = of_scores(δ @ v.mT if drop is None else δ @ v.mT * drop, p)
    δq, δk = δz @ k * scale_of(q, scale), δz.mT @ q * scale_of(q, scale)
    return δq, δk.sum_to_size(k.shape), None if bias is None else δz.sum_to_size(bias.shape)


@scaled_dot_product_attention.backward("v")
def _(δ, q, k, v, attn_mask, bias, drop, is_causal, scale):
    p = masked_shares(hidden(q @ k.mT * scale_of(q, scale), attn_mask, bias, is_causal))
    return ((p if drop is None else p * drop).mT @ δ).sum_to_size(v.shape)


@scaled_dot_product_attention.samples
def _():
    keep = torch.tensor([[True, False, True, True], [False] * 4, [False, True, False, False]])
    yield R(2, 3, 5), R(2, 4, 5), R(2, 4, 3), None, None, None, False, None
    yield R(2, 2, 3, 2), R(2, 2, 4, 2), R(2, 2, 4, 3), keep, None, keep.flip(1) * 2.0, False, 0.3
    yield R(2, 4, 2), R(2, 4, 2), R(2, 4, 3), None, None, None, True, None
    yield R(2, 3, 2), R(2, 4, 2), R(2, 4, 3), None, R(3, 4), None, False, None
    yield R(2, 2, 3, 2), R(2, 1, 4, 2), R(2, 1, 4, 3), None, None, None, False, None  # heads that share keys
