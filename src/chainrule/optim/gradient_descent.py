"""Gradient descent: torch's SGD, and momentum in the forms of the papers. · 梯度下降：SGD 与各论文原形式的动量法。

At a constant rate from v = 0 the three forms of momentum are SGD's own (errata E36, E37): v here is −η times SGD's
momentum_buffer. They part when η changes: SGD's buffer holds gradients, so a new η acts on all of them at once; the
papers' v holds steps already made, so a new η acts on the new gradient alone.
"""

from typing import Any

import torch
from torch import Tensor, where

from .rule import rule


@rule(
    torch.optim.SGD,
    when={"momentum_buffer": "momentum"},
    source="Robbins & Monro 1951, doi:10.1214/aoms/1177729586; Polyak 1964, doi:10.1016/0041-5553(64)90137-5; "
    "Sutskever et al. 2013, https://proceedings.mlr.press/v28/sutskever13.html",
)
def SGD(θ, g, first, momentum_buffer, lr, momentum, dampening, weight_decay, nesterov):
    """Step against the gradient, smoothed by momentum. · 沿负梯度前进，并以动量平滑。

    symbols  θ parameter   g gradient   v = momentum_buffer, like θ   η = lr   μ = momentum   τ = dampening
             λ = weight_decay (L2)
    note     errata E36: the first velocity is g, not damped. E37: with `nesterov` the parameter that is kept is the
             look-ahead point θ + μv of Nesterov's own form.
    raises   ValueError for a negative rate, momentum or decay, and for nesterov without momentum or with dampening.

    >>> from chainrule.optim import SGD
    >>> w = torch.nn.Parameter(torch.tensor([1.0]))
    >>> w.grad = torch.tensor([2.0])
    >>> SGD([w], lr=0.25).step(); w.tolist()
    [0.5]
    """
    if weight_decay:
        g = g + weight_decay * θ
    if momentum:
        momentum_buffer = where(first, g, momentum * momentum_buffer + (1 - dampening) * g)
        g = g + momentum * momentum_buffer if nesterov else momentum_buffer
    θ = θ - lr * g
    return θ, momentum_buffer


def _here(θ: Tensor, group: dict[str, Any]) -> Tensor:
    return θ.detach().clone()


@rule(
    elementwise=True,
    source="Polyak 1964, equation 9, doi:10.1016/0041-5553(64)90137-5",
    lr=1e-3,
    momentum=0.9,
    weight_decay=0.0,
    init={"previous": _here},
)
def HeavyBall(θ, g, previous, lr, momentum, weight_decay):
    """Step against the gradient and once more by a part of the last step. · 重球法：负梯度加上一步位移的一部分。

    symbols  θ parameter   g gradient   θ_prev = previous: θ one update ago   η = lr   μ = momentum
             λ = weight_decay (L2)
    note     errata E36: the same path as Momentum, with two points kept where that keeps a velocity.
    raises   ValueError for a negative rate, momentum or decay.

    >>> from chainrule.optim import HeavyBall
    >>> w = torch.nn.Parameter(torch.tensor([1.0]))
    >>> made = HeavyBall([w], lr=0.25, momentum=0.5)
    >>> for _ in range(2): w.grad = torch.tensor([2.0]); made.step()
    >>> w.tolist()
    [-0.25]
    """
    if weight_decay:
        g = g + weight_decay * θ
    Δ = momentum * (θ - previous) - lr * g
    previous = θ
    θ = θ + Δ
    return θ, previous


@rule(
    elementwise=True,
    source="Sutskever et al. 2013, equations 1-2, https://proceedings.mlr.press/v28/sutskever13.html; arXiv:1212.0901",
    lr=1e-3,
    momentum=0.9,
    weight_decay=0.0,
)
def Momentum(θ, g, velocity, lr, momentum, weight_decay):
    """Classic momentum: the velocity keeps a part of itself and takes up the step. · 经典动量法。

    symbols  θ parameter   g gradient   v = velocity, like θ   η = lr   μ = momentum   λ = weight_decay (L2)
    note     errata E36: equal to SGD's momentum while η stays, not when it changes.
    raises   ValueError for a negative rate, momentum or decay.

    >>> from chainrule.optim import Momentum
    >>> w = torch.nn.Parameter(torch.tensor([1.0]))
    >>> made = Momentum([w], lr=0.25, momentum=0.5)
    >>> for _ in range(2): w.grad = torch.tensor([2.0]); made.step()
    >>> w.tolist()
    [-0.25]
    """
    if weight_decay:
        g = g + weight_decay * θ
    velocity = momentum * velocity - lr * g
    θ = θ + velocity
    return θ, velocity


@rule(
    elementwise=True,
    source="Nesterov 1983, http://mi.mathnet.ru/dan46009; Sutskever et al. 2013, equations 3-4, "
    "https://proceedings.mlr.press/v28/sutskever13.html; the point kept: Bengio et al. 2013, arXiv:1212.0901",
    lr=1e-3,
    momentum=0.9,
    weight_decay=0.0,
)
def NAG(θ, g, velocity, lr, momentum, weight_decay):
    """Nesterov's momentum: the gradient is taken where the velocity leads. · Nesterov 加速梯度：在前瞻点求梯度。

    symbols  θ parameter, the look-ahead point   g gradient at it   v = velocity, like θ   η = lr   μ = momentum
             λ = weight_decay (L2)
    note     errata E37: what is kept as the parameter is the look-ahead point; Sutskever's own θ is θ − μv. Equal to
             SGD's nesterov while η stays, not when it changes.
    raises   ValueError for a negative rate, momentum or decay.

    >>> from chainrule.optim import NAG
    >>> w = torch.nn.Parameter(torch.tensor([1.0]))
    >>> w.grad = torch.tensor([2.0])
    >>> NAG([w], lr=0.25, momentum=0.5).step(); w.tolist()
    [0.25]
    """
    if weight_decay:
        g = g + weight_decay * θ
    velocity = momentum * velocity - lr * g
    θ = θ + momentum * velocity - lr * g
    return θ, velocity
