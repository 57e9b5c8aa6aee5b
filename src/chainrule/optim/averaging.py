"""Averages of the path: ASGD. · 对路径取平均：ASGD。"""

from typing import Any

import torch
from torch import Tensor

from .rule import rule


class Averaged:
    """An optimizer that keeps an average of each parameter in its state `ax`. · 保存参数平均值的优化器。"""

    state: Any

    @torch.no_grad()
    def swap_average(self) -> None:
        """Exchange the parameters with their averages; a second call changes them back. · 参数与其平均值互换。

        Between the two calls the network computes with the averages: evaluate or save it there, and do not step.
        A parameter that was never updated has no average and stays.

        >>> from chainrule.optim import ASGD
        >>> w = torch.nn.Parameter(torch.tensor([1.0]))
        >>> made = ASGD([w], lr=0.25, lambd=0.0, t0=0.0)
        >>> for _ in range(3): w.grad = torch.tensor([2.0]); made.step()
        >>> made.swap_average(); w.tolist()
        [-0.25]
        >>> made.swap_average(); w.tolist()
        [-0.5]
        """
        for θ, state in self.state.items():
            if "ax" in state:
                now = θ.detach().clone()
                θ.copy_(state["ax"])
                state["ax"].copy_(now)


def _number(value: float, θ: Tensor) -> Tensor:
    return torch.tensor(value, dtype=torch.promote_types(torch.float32, torch.get_default_dtype()), device=θ.device)


@rule(
    torch.optim.ASGD,
    mixin=Averaged,
    foreach=False,  # torch's computes η in single precision
    init={"eta": lambda θ, group: _number(float(group["lr"]), θ), "mu": lambda θ, group: _number(1.0, θ)},
    source="Polyak & Juditsky 1992, doi:10.1137/0330046; the rate: Xu 2011, arXiv:1107.2490",
)
def ASGD(θ, g, t, eta, mu, ax, lr, lambd, alpha, t0, weight_decay):
    """Gradient descent with a falling rate, and the average of where it was. · 学习率递减的梯度下降，并保存轨迹平均。

    symbols  θ parameter   g gradient   t count of updates   η = eta, its rate now; η₀ = lr   θ̄ = ax, like θ
             μ = mu, the weight of the newest point   λ = lambd (decay)   α = alpha   t₀ = t0: averaging starts after it
             weight_decay (L2)
    note     errata E48: the average after t₀ is uniform, lies in the state `ax`, and the network does not use it until
             `swap_average()`. Torch keeps η and μ in single precision, and so does this.
    raises   ValueError for a negative rate, decay, α or t₀.

    >>> from chainrule.optim import ASGD
    >>> w = torch.nn.Parameter(torch.tensor([1.0]))
    >>> w.grad = torch.tensor([2.0])
    >>> ASGD([w], lr=0.25, lambd=0.0).step(); w.tolist()
    [0.5]
    """
    if weight_decay:
        g = g + weight_decay * θ
    θ = θ - eta * (g + lambd * θ)
    ax = ax + mu * (θ - ax)
    eta = lr / (1 + lambd * lr * t) ** alpha
    mu = 1 / (t - t0).clamp(min=1)
    return θ, eta, mu, ax
