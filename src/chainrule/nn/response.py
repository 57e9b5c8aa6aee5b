r"""Local response normalization: channels next to each other damp each other · 局部响应归一化

symbols  x [N, C, …]   size n: channels in the window   alpha, beta, k constants   d [N, C, …] the damping   out as x
note     torch divides alpha by the size, the paper does not; a window of even size reaches further back than ahead
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from ..formula import R, formula


def window(a: Tensor, back: int, ahead: int) -> Tensor:
    """Sum over the channels from c − back to c + ahead. · 相邻通道之和。

    >>> window(torch.tensor([[1.0, 2.0, 4.0]]), 1, 0)
    tensor([[1., 3., 6.]])
    """
    padded = F.pad(a, (0, 0) * (a.ndim - 2) + (back, ahead))
    return torch.stack([padded.narrow(1, i, a.shape[1]) for i in range(back + 1 + ahead)]).sum(0)


def damping(x: Tensor, size: int, alpha: float, k: float) -> Tensor:
    return k + alpha / size * window(x**2, size // 2, (size - 1) // 2)


@formula(
    twin=F.local_response_norm,
    compiled="twin",  # between convolutions on a CPU the text takes 1.3 times as long
    source="Krizhevsky, Sutskever & Hinton 2012, ImageNet classification with deep convolutional networks, §3.3",
)
def local_response_norm(x, size, alpha=1e-4, beta=0.75, k=1.0):
    """Each channel damped by the energy of its neighbours and its own. · 用相邻通道的能量抑制自身。

    >>> local_response_norm(torch.ones(1, 1, 1), 1, alpha=3.0, beta=0.5)
    tensor([[[0.5000]]])
    """
    return x / damping(x, size, alpha, k) ** beta


@local_response_norm.backward("x")
def _(δ, x, size, alpha, beta, k):
    d = damping(x, size, alpha, k)
    heard = window(δ * x * d ** (-beta - 1), (size - 1) // 2, size // 2)  # who damped me, seen from the other side
    return δ * d**-beta - 2 * alpha * beta / size * x * heard


@local_response_norm.samples
def _():
    yield R(2, 6, 2, 2), 5, 1.0, 0.75, 2.0
    yield R(2, 5, 3), 4, 0.5, 0.6, 1.0
    yield R(2, 3, 2, 1, 2), 2, 0.1, 0.75, 1.0


class LocalResponseNorm(torch.nn.LocalResponseNorm):
    """Channels next to each other damp each other. · 局部响应归一化。

    input [N, C, …], out as input. The formula and its source: `local_response_norm`.

    >>> LocalResponseNorm(1, alpha=3.0, beta=0.5)(torch.ones(1, 1, 1))
    tensor([[[0.5000]]])
    """

    def forward(self, input: Tensor) -> Tensor:
        return local_response_norm(input, self.size, self.alpha, self.beta, self.k)
