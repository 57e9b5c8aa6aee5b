"""Adaptive rates: the step of each weight by the size of its gradients. · 自适应学习率：按各权重的梯度大小定步长。"""

from typing import Any

import torch
from torch import Tensor, maximum, sqrt, where

from .rule import rule


def _first_sum(θ: Tensor, group: dict[str, Any]) -> Tensor:
    start = group["initial_accumulator_value"]
    return torch.full_like(θ, complex(start, start) if θ.is_complex() else start)


@rule(
    torch.optim.Adagrad,
    init={"sum": _first_sum},
    source="Duchi, Hazan & Singer 2011, figure 1, doi:10.5555/1953048.2021068",
)
def Adagrad(θ, g, t, sum, lr, lr_decay, weight_decay, eps):
    """Step by the gradient over the root of all its squares so far. · 以梯度除以历史平方和之根来更新。

    symbols  θ parameter   g gradient   t count of updates   G = sum, like θ, from initial_accumulator_value   η = lr
             lr_decay: how fast η falls with t   λ = weight_decay (L2)   ε = eps
    note     errata E38: ε stands outside the root. The sum never shrinks, so the steps only become shorter.
    raises   ValueError for a negative rate, decay, start or ε.

    >>> from chainrule.optim import Adagrad
    >>> w = torch.nn.Parameter(torch.tensor([1.0]))
    >>> w.grad = torch.tensor([2.0])
    >>> Adagrad([w], lr=0.25).step(); w.tolist()
    [0.75]
    """
    if weight_decay:
        g = g + weight_decay * θ
    sum = sum + g**2
    θ = θ - lr / (1 + (t - 1) * lr_decay) * g / (sqrt(sum) + eps)
    return θ, sum


@rule(torch.optim.Adadelta, clock=True, source="Zeiler 2012, Algorithm 1, arXiv:1212.5701")
def Adadelta(θ, g, square_avg, acc_delta, lr, rho, eps, weight_decay):
    """Step by the ratio of two roots: of past steps and of past gradients. · 以历史步长与历史梯度的均方根之比更新。

    symbols  θ parameter   g gradient   v = square_avg, u = acc_delta (mean square of the steps), like θ   η = lr
             ρ = rho   ε = eps   λ = weight_decay (L2)
    note     errata E39: Zeiler's rule has no rate; torch multiplies by η, 1 by default. E40: ε stands inside both
             roots, and the numerator is what tells this from RMSprop: the step has the unit of θ.
    raises   ValueError for a negative rate, ε or decay and for ρ outside [0, 1].

    >>> from chainrule.optim import Adadelta
    >>> w = torch.nn.Parameter(torch.tensor([1.0]))
    >>> w.grad = torch.tensor([2.0])
    >>> Adadelta([w], rho=0.0, eps=4.0).step(); round(w.item(), 4)
    -0.4142
    """
    if weight_decay:
        g = g + weight_decay * θ
    square_avg = rho * square_avg + (1 - rho) * g**2
    Δ = sqrt(acc_delta + eps) / sqrt(square_avg + eps) * g
    acc_delta = rho * acc_delta + (1 - rho) * Δ**2
    θ = θ - lr * Δ
    return θ, square_avg, acc_delta


@rule(
    torch.optim.RMSprop,
    clock=True,
    when={"momentum_buffer": "momentum", "grad_avg": "centered"},
    source="Tieleman & Hinton 2012, https://www.cs.toronto.edu/~hinton/coursera/lecture6/lec6.pdf; "
    "centered and with momentum: Graves 2013, equations 38-45, arXiv:1308.0850",
)
def RMSprop(θ, g, square_avg, momentum_buffer, grad_avg, lr, alpha, eps, weight_decay, momentum, centered):
    """Step by the gradient over the root of its moving mean square. · 以梯度除以均方根来更新。

    symbols  θ parameter   g gradient   v = square_avg, b = momentum_buffer, ḡ = grad_avg, like θ   η = lr   α = alpha
             ε = eps   λ = weight_decay (L2)   μ = momentum
    note     errata E41: found independently of Adadelta, and it has no numerator; ε stands outside the root, as in
             torch. `centered` divides by the deviation instead of the root of the mean square.
    raises   ValueError for a negative rate, α, ε, decay or momentum.

    >>> from chainrule.optim import RMSprop
    >>> w = torch.nn.Parameter(torch.tensor([1.0]))
    >>> w.grad = torch.tensor([2.0])
    >>> RMSprop([w], lr=0.25, alpha=0.75).step(); round(w.item(), 4)
    0.5
    """
    if weight_decay:
        g = g + weight_decay * θ
    square_avg = alpha * square_avg + (1 - alpha) * g**2
    if centered:
        grad_avg = alpha * grad_avg + (1 - alpha) * g
    g = g / (sqrt(square_avg - grad_avg**2 if centered else square_avg) + eps)
    if momentum:
        momentum_buffer = momentum * momentum_buffer + g
    θ = θ - lr * (momentum_buffer if momentum else g)
    return θ, square_avg, momentum_buffer, grad_avg


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


@rule(torch.optim.Adamax, source="Kingma & Ba 2015, Algorithm 2, arXiv:1412.6980")
def Adamax(θ, g, t, exp_avg, exp_inf, lr, betas, eps, weight_decay):
    """Adam with the largest gradient in place of the mean square. · 以最大梯度代替均方的 Adam。

    symbols  θ parameter   g gradient   t count of updates   m = exp_avg, u = exp_inf, like θ   η = lr   β1, β2 = betas
             ε = eps   λ = weight_decay (L2)
    note     errata E44: what the paper claims is the plain bound |Δθ| ≤ η, not an advantage for sparse gradients; ε,
             which the paper has not, keeps u above 0 here as in torch.
    raises   ValueError for a negative rate, ε or decay and for β outside [0, 1).

    >>> from chainrule.optim import Adamax
    >>> w = torch.nn.Parameter(torch.tensor([1.0]))
    >>> w.grad = torch.tensor([2.0])
    >>> Adamax([w], lr=0.25).step(); w.tolist()
    [0.75]
    """
    β1, β2 = betas
    if weight_decay:
        g = g + weight_decay * θ
    exp_avg = β1 * exp_avg + (1 - β1) * g
    exp_inf = maximum(β2 * exp_inf, g.abs() + eps)
    θ = θ - lr / (1 - β1**t) * exp_avg / exp_inf
    return θ, exp_avg, exp_inf


def _one(θ: Tensor, group: dict[str, Any]) -> Tensor:
    return torch.ones((), dtype=torch.promote_types(torch.float32, torch.get_default_dtype()))


@rule(
    torch.optim.NAdam,
    init={"mu_product": _one},
    source="Dozat 2016, Algorithm 8 of the report, https://openreview.net/forum?id=OM0jvwB8jIp57ZJjtNEZ; "
    "the decoupled decay as AdamW's, arXiv:1711.05101",
)
def NAdam(
    θ, g, t, mu_product, exp_avg, exp_avg_sq, lr, betas, eps, weight_decay, momentum_decay, decoupled_weight_decay
):
    """Adam that looks ahead along its momentum, as Nesterov does. · 带 Nesterov 前瞻的 Adam。

    symbols  θ parameter   g gradient   t count of updates   Π = mu_product, the product of all μ so far
             m = exp_avg, v = exp_avg_sq, like θ   η = lr   β1, β2 = betas   ε = eps
             ψ = momentum_decay: μ rises from β1/2 to β1   λ = weight_decay (L2, unless decoupled_weight_decay)
    note     torch keeps Π in single precision, and so does this, to 1e-7.
    raises   ValueError for a negative rate, ε or decay and for β outside [0, 1).

    >>> from chainrule.optim import NAdam
    >>> w = torch.nn.Parameter(torch.tensor([1.0]))
    >>> w.grad = torch.tensor([2.0])
    >>> NAdam([w], lr=0.25).step(); round(w.item(), 4)
    0.7359
    """
    β1, β2 = betas
    if decoupled_weight_decay:
        θ = θ - lr * weight_decay * θ
    elif weight_decay:
        g = g + weight_decay * θ
    μ = β1 * (1 - 0.5 * 0.96 ** (t * momentum_decay))
    μ_next = β1 * (1 - 0.5 * 0.96 ** ((t + 1) * momentum_decay))
    mu_product = mu_product * μ.to(mu_product.dtype)
    exp_avg = β1 * exp_avg + (1 - β1) * g
    exp_avg_sq = β2 * exp_avg_sq + (1 - β2) * g**2
    σ = sqrt(exp_avg_sq / (1 - β2**t)) + eps
    θ = θ - lr * (1 - μ) / (1 - mu_product.double()) * g / σ
    θ = θ - lr * μ_next / (1 - mu_product.double() * μ_next) * exp_avg / σ
    return θ, mu_product, exp_avg, exp_avg_sq


@rule(
    torch.optim.RAdam,
    source="Liu et al. 2020, Algorithm 2, arXiv:1908.03265; the decoupled decay as AdamW's, arXiv:1711.05101",
)
def RAdam(θ, g, t, exp_avg, exp_avg_sq, lr, betas, eps, weight_decay, decoupled_weight_decay):
    """Adam that divides only once its mean square can be trusted. · 待均方估计可靠后才作自适应的 Adam。

    symbols  θ parameter   g gradient   t count of updates   m = exp_avg, v = exp_avg_sq, like θ   η = lr
             β1, β2 = betas   ε = eps   λ = weight_decay (L2, unless decoupled_weight_decay)
             ρ: how many gradients v remembers, ρ_∞ in the end   r: rectifies the variance
    note     ε stands beside the uncorrected root √v, as in torch.
    raises   ValueError for a negative rate, ε or decay and for β outside [0, 1).

    >>> from chainrule.optim import RAdam
    >>> w = torch.nn.Parameter(torch.tensor([1.0]))
    >>> w.grad = torch.tensor([2.0])
    >>> RAdam([w], lr=0.25).step(); w.tolist()
    [0.5]
    """
    β1, β2 = betas
    if decoupled_weight_decay:
        θ = θ - lr * weight_decay * θ
    elif weight_decay:
        g = g + weight_decay * θ
    exp_avg = β1 * exp_avg + (1 - β1) * g
    exp_avg_sq = β2 * exp_avg_sq + (1 - β2) * g**2
    ρ_inf = 2 / (1 - β2) - 1
    ρ = ρ_inf - 2 * t * β2**t / (1 - β2**t)
    r = sqrt((ρ - 4) * (ρ - 2) * ρ_inf / ((ρ_inf - 4) * (ρ_inf - 2) * ρ))
    adaptive = r * sqrt(1 - β2**t) / (sqrt(exp_avg_sq) + eps)
    θ = θ - lr * exp_avg / (1 - β1**t) * where(ρ > 5, adaptive, 1.0)
    return θ, exp_avg, exp_avg_sq
