"""Filters by one law, all else by another. · 卷积核与其余参数分用两种更新。"""

from math import sqrt

import torch

from .matrix import _is_real, orthogonal
from .rule import rule


@rule(
    source="Jordan et al. 2024, https://kellerjordan.github.io/posts/muon/; on filters brought back to a length: "
    "Jordan 2024, arXiv:2404.00498, its record with Muon, https://github.com/KellerJordan/cifar10-airbench",
    takes=_is_real,
    lr=0.24,
    betas=(0.6, 0.85),
    ns_steps=3,
    weight_decay=0.0,
)
def MuonSGD(θ, g, momentum_buffer, lr, betas, ns_steps, weight_decay):
    """Filters turn by their orthogonal momentum, all else goes by Nesterov's SGD. · 球面上的 Muon 加 SGD。

    symbols  θ parameter, filters [a, …]   g gradient   v = momentum_buffer, like θ   η = lr   n = ns_steps
             β = betas: the momentum of filters, and of all else   λ = weight_decay
    note     filters do not decay: their length is given
    note     what stands before a norm may have any length: each step begins at length √a, so that η is an angle
    note     filters are what has more than two axes; matrices (the head) and vectors go by SGD, with rates of their own
    raises   ValueError for a negative rate; UserError for complex numbers.

    >>> from chainrule.optim import MuonSGD
    >>> w, b = torch.nn.Parameter(torch.ones(1, 1, 1)), torch.nn.Parameter(torch.ones(1))
    >>> w.grad, b.grad = torch.full((1, 1, 1), 7.0), torch.full((1,), 2.0)
    >>> MuonSGD([{"params": [w]}, {"params": [b], "lr": 0.1}]).step(); round(b.item(), 4), w.item() < 0.9
    (0.63, True)
    """
    β = betas[0] if θ.dim() > 2 else betas[1]
    g = g if θ.dim() > 2 else g + weight_decay * θ
    momentum_buffer = β * momentum_buffer + g
    u = g + β * momentum_buffer
    if θ.dim() > 2:
        U = orthogonal(u.flatten(1), (3.4445, -4.775, 2.0315), 1e-7, ns_steps, torch.float32)
        θ = sqrt(θ.shape[0]) * θ / torch.linalg.vector_norm(θ)
        θ = θ - lr * U.to(θ.dtype).reshape(θ.shape)
    else:
        θ = θ - lr * u
    return θ, momentum_buffer
