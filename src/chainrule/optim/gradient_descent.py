"""Gradient descent: SGD with momentum. · 梯度下降：带动量的 SGD。"""

import torch
from torch import where

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
