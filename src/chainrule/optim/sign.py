"""Steps by signs: what counts is the direction of a gradient, not its size. · 按符号更新：只看梯度方向，不看大小。"""

from typing import Any

import torch
from torch import Tensor, where

from .rule import rule


def _first_step(θ: Tensor, group: dict[str, Any]) -> Tensor:
    lr = float(group["lr"])
    return torch.full_like(θ, complex(lr, lr) if θ.is_complex() else lr)


@rule(
    torch.optim.Rprop,
    clock=True,
    init={"step_size": _first_step},
    source="Riedmiller & Braun 1993, doi:10.1109/ICNN.1993.298623; iRprop⁻: Igel & Hüsken 2003, "
    "doi:10.1016/S0925-2312(01)00700-7",
)
def Rprop(θ, g, prev, step_size, etas, step_sizes):
    """Each weight has a step of its own: longer while the sign stays, shorter when it flips. · 同号增、异号减的步长。

    symbols  θ parameter   g gradient   g_prev = prev, Δ = step_size, like θ; Δ starts at lr   η⁻, η⁺ = etas
             Δ_min, Δ_max = step_sizes
    note     errata E47: after a flip g counts as 0, so nothing moves and the next step keeps its length: iRprop⁻, as
             in torch. Only the first step reads lr: a schedule changes nothing. For whole batches: noise flips signs.
    raises   ValueError for a negative rate and for etas that are not 0 < η⁻ < 1 < η⁺.

    >>> from chainrule.optim import Rprop
    >>> w = torch.nn.Parameter(torch.tensor([1.0]))
    >>> made = Rprop([w], lr=0.25)
    >>> for _ in range(2): w.grad = torch.tensor([2.0]); made.step()
    >>> round(w.item(), 4)
    0.45
    """
    shorter, longer = etas
    low, high = step_sizes
    same = g * prev
    step_size = where(same > 0, longer * step_size, where(same < 0, shorter * step_size, step_size)).clamp(low, high)
    prev = where(same < 0, 0.0, g)
    θ = θ - prev.sign() * step_size
    return θ, prev, step_size


@rule(
    elementwise=True,
    source="Chen et al. 2023, Algorithm 2, arXiv:2302.06675",
    lr=1e-4,
    betas=(0.9, 0.99),
    weight_decay=0.0,
)
def Lion(θ, g, exp_avg, lr, betas, weight_decay):
    """Step by the sign of an average of gradients: all steps of one length. · 按梯度均值的符号更新，步长一律相等。

    symbols  θ parameter   g gradient   m = exp_avg, like θ   η = lr   β1, β2 = betas   λ = weight_decay (decoupled)
    note     the sign is of one average (β1), what is kept is another (β2). Every weight moves by η, so take η three to
             ten times smaller and λ as much larger than with AdamW (section 5 of the paper).
    raises   ValueError for a negative rate or decay and for β outside [0, 1).

    >>> from chainrule.optim import Lion
    >>> w = torch.nn.Parameter(torch.tensor([1.0]))
    >>> w.grad = torch.tensor([2.0])
    >>> Lion([w], lr=0.25).step(); w.tolist()
    [0.75]
    """
    β1, β2 = betas
    θ = θ - lr * weight_decay * θ
    θ = θ - lr * (β1 * exp_avg + (1 - β1) * g).sign()
    exp_avg = β2 * exp_avg + (1 - β2) * g
    return θ, exp_avg
