"""Adaptive rates: Adam and AdamW. · 自适应学习率：Adam 与 AdamW。"""

import torch
from torch import maximum, sqrt

from .rule import rule


@rule(
    torch.optim.Adam,
    when={"max_exp_avg_sq": "amsgrad"},
    source="Kingma & Ba 2015, Algorithm 1, arXiv:1412.6980; amsgrad: Reddi, Kale & Kumar 2018, arXiv:1904.09237",
)
def Adam(θ, g, t, exp_avg, exp_avg_sq, max_exp_avg_sq, lr, betas, eps, weight_decay, amsgrad, decoupled_weight_decay):
    """Step by the mean of the gradient over the root of its mean square. · 以梯度均值除以均方根来更新。

    symbols  θ parameter   g gradient   t count of updates   m = exp_avg, v = exp_avg_sq, v_max = max_exp_avg_sq, like θ
             η = lr   β1, β2 = betas   ε = eps   λ = weight_decay (L2, unless decoupled_weight_decay)
    note     errata E42: the moments start at 0, so each is divided by the weight 1 − βᵗ that it has; ε stands outside
             the root. E43: this decay passes through the division by √v; AdamW's does not. The bias corrections are
             fp64: an fp32 power costs 2e-6 of accuracy.
    raises   ValueError for a negative rate, ε or decay and for β outside [0, 1).

    >>> from chainrule.optim import Adam
    >>> w = torch.nn.Parameter(torch.tensor([1.0]))
    >>> w.grad = torch.tensor([2.0])
    >>> Adam([w], lr=0.25).step(); w.tolist()
    [0.75]
    """
    β1, β2 = betas
    if decoupled_weight_decay:
        θ = θ - lr * weight_decay * θ
    elif weight_decay:
        g = g + weight_decay * θ
    exp_avg = β1 * exp_avg + (1 - β1) * g
    exp_avg_sq = β2 * exp_avg_sq + (1 - β2) * g**2
    if amsgrad:
        max_exp_avg_sq = maximum(max_exp_avg_sq, exp_avg_sq)
    m_hat = exp_avg / (1 - β1**t)
    v_hat = (max_exp_avg_sq if amsgrad else exp_avg_sq) / (1 - β2**t)
    θ = θ - lr * m_hat / (sqrt(v_hat) + eps)
    return θ, exp_avg, exp_avg_sq, max_exp_avg_sq


@rule(
    torch.optim.AdamW,
    when={"max_exp_avg_sq": "amsgrad"},
    source="Loshchilov & Hutter 2019, Algorithm 2, arXiv:1711.05101; "
    "amsgrad: Reddi, Kale & Kumar 2018, arXiv:1904.09237",
)
def AdamW(θ, g, t, exp_avg, exp_avg_sq, max_exp_avg_sq, lr, betas, eps, weight_decay, amsgrad):
    """Adam whose weight decay acts on the weights alone. · 权重衰减只作用于权重的 Adam。

    symbols  as Adam's; λ = weight_decay, decoupled from the gradient
    note     errata E43: the decay shrinks θ by ηλ and never meets the division by √v, so every weight decays alike.
    raises   ValueError for a negative rate, ε or decay and for β outside [0, 1).

    >>> from chainrule.optim import AdamW
    >>> w = torch.nn.Parameter(torch.tensor([1.0]))
    >>> w.grad = torch.tensor([2.0])
    >>> AdamW([w], lr=0.25, weight_decay=1.0).step(); w.tolist()
    [0.5]
    """
    β1, β2 = betas
    θ = θ - lr * weight_decay * θ
    exp_avg = β1 * exp_avg + (1 - β1) * g
    exp_avg_sq = β2 * exp_avg_sq + (1 - β2) * g**2
    if amsgrad:
        max_exp_avg_sq = maximum(max_exp_avg_sq, exp_avg_sq)
    m_hat = exp_avg / (1 - β1**t)
    v_hat = (max_exp_avg_sq if amsgrad else exp_avg_sq) / (1 - β2**t)
    θ = θ - lr * m_hat / (sqrt(v_hat) + eps)
    return θ, exp_avg, exp_avg_sq, max_exp_avg_sq
