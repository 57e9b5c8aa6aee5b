"""What recurrences share: one product for all times, sequences that end early. · 循环层的公共部分。

symbols  x [T, N, I]   lengths [N] or None   on [T, N, 1]: whether sample n still goes on at time t (errata E63)
note     where a sample has ended its states stay as they are and its outputs are 0, as torch's packed sequences have it
"""

import torch
from torch import Tensor


def affine(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """x Wᵀ + b, of one time or of all at once. · 仿射变换，可一次处理所有时刻。

    >>> affine(torch.ones(5, 2, 3), torch.ones(4, 3), None).shape
    torch.Size([5, 2, 4])
    """
    z = x @ weight.mT
    return z if bias is None else z + bias


def alive(lengths: Tensor | None, x: Tensor) -> Tensor | None:
    """Which samples go on at which time, [T, N, 1]. · 各时刻仍在继续的样本。

    >>> alive(torch.tensor([2, 1]), torch.zeros(2, 2, 3))[..., 0].tolist()
    [[True, True], [True, False]]
    """
    if lengths is None:
        return None
    return (torch.arange(x.shape[0], device=x.device)[:, None] < lengths.to(x.device))[..., None]


def keep(on: Tensor | None, t: int, new: Tensor, old: Tensor) -> Tensor:
    """The new state where a sample goes on, else the old one. · 继续则取新状态，否则保持。"""
    return new if on is None else torch.where(on[t], new, old)


def hide(on: Tensor | None, out: Tensor) -> Tensor:
    """Zeros where a sample has ended. · 结束之后置零。"""
    return out if on is None else out * on


def before(h: Tensor, out: Tensor) -> Tensor:
    """The state that each time began with: h, out₁, …, out_{T−1}. · 每一时刻之前的状态。

    >>> before(torch.zeros(1, 1), torch.tensor([[[1.0]], [[2.0]]])).flatten().tolist()
    [0.0, 1.0]
    """
    return torch.cat([h[None], out[:-1]])


def sums(δz: Tensor, x: Tensor, weight: Tensor, bias: Tensor | None) -> tuple[Tensor, Tensor, Tensor | None]:
    """The deltas of x, weight and bias of one affine map used at all times: one product each. · 各时刻之和。"""
    Z, X = δz.reshape(-1, δz.shape[-1]), x.reshape(-1, x.shape[-1])
    return δz @ weight, Z.mT @ X, None if bias is None else Z.sum(0)
