r"""A cart that balances a pole, in tensors · 小车倒立摆，以张量计算

symbols  x, x_dot place and speed of the cart (m, m/s)   θ, θ_dot angle and angular speed of the pole (rad, rad/s)
         u ±10 N the push   g gravity   m_c, m_p masses   l half the length of the pole   τ seconds a step
note     gymnasium's CartPole-v1 step for step: Euler's rule, 1 for every step, the last one too, 500 steps at most
"""

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..counter import uniform
from .base import Environments, Kept, Seeds, check_count
from .spaces import Discrete

g, m_c, m_p, l, PUSH, τ = 9.8, 1.0, 0.1, 0.5, 10.0, 0.02
WIDE, STEEP = 2.4, 12 * math.pi / 180  # beyond, the episode terminates
START = 0.05  # the first state is uniform in ±START


def forward(state: Tensor, action: Tensor) -> Tensor:
    """The state a step later. · 一步之后的状态。

    state [n, 4] float64 of x, x_dot, θ, θ_dot; action [n] 0 (to the left) or 1.
    Source: Barto, Sutton & Anderson 1983, doi:10.1109/TSMC.1983.6313077, without friction: Florian 2007, eq. 23–24.

    >>> forward(torch.zeros(1, 4, dtype=torch.float64), torch.tensor([1])).numpy().round(4).tolist()
    [[0.0, 0.1951, 0.0, -0.2927]]
    """
    x, x_dot, θ, θ_dot = state.unbind(1)
    u = torch.where(action == 1, PUSH, -PUSH)
    cos, sin = θ.cos(), θ.sin()
    pushed = (u + m_p * l * θ_dot**2 * sin) / (m_c + m_p)
    θ_acc = (g * sin - cos * pushed) / (l * (4 / 3 - m_p * cos**2 / (m_c + m_p)))
    x_acc = pushed - m_p * l * θ_acc * cos / (m_c + m_p)
    return torch.stack([x + τ * x_dot, x_dot + τ * x_acc, θ + τ * θ_dot, θ_dot + τ * θ_acc], 1)


def fallen(state: Tensor) -> Tensor:
    """Whether the cart is off the track or the pole too steep, [n]. · 是否出界或倾倒。

    >>> fallen(torch.tensor([[0.0, 9.0, 0.2, 9.0], [0.0, 0.0, 0.21, 0.0]])).tolist()
    [False, True]
    """
    return (state[:, 0].abs() > WIDE) | (state[:, 2].abs() > STEEP)


class CartPole(Environments):
    """n carts; all of them move in one go. · n 辆小车，同时推进。

    >>> carts = CartPole(2, lambda world, episode: 10 * world + episode)
    >>> carts.begin()
    >>> carts.step(torch.tensor([0, 1])).reward.tolist(), carts.seen.shape
    ([1.0, 1.0], torch.Size([2, 4]))
    """

    source, size, actions, limit, solved = "cartpole", 4, Discrete(2), 500, 475.0

    def __init__(self, n: int, seeds: Seeds):
        check_count(n)
        super().__init__(n, seeds)
        self.state = torch.zeros(n, 4, dtype=torch.float64)

    def reset(self, i: int, seed: int) -> Tensor:
        drawn = uniform(seed, np.zeros(1, np.int64), 4)[0]
        self.state[i] = torch.from_numpy(START * (2 * drawn - 1))
        return self.state[i].float()

    def move(self, action: Tensor, live: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        self.state = torch.where(live[:, None], forward(self.state, action), self.state)
        return self.state.float(), live.double(), fallen(self.state) & live, torch.zeros_like(live)

    def keep(self) -> Kept:
        kept = super().keep()
        return Kept(kept.tensors | {"state": self.state.clone()}, kept.notes)

    def put_back(self, kept: Kept) -> None:
        super().put_back(kept)
        self.state = kept.tensors["state"].clone()

    def picture(self, i: int) -> Any:
        from .drawing import cart

        return cart(*self.state[i, [0, 2]].tolist(), step=self.steps[i])
