"""Networks of agents: who acts, and what a state or an action is worth · 智能体的网络：策略与价值

symbols  x [N, D] states   z [N, K] logits of K actions, or [N, A] means of A numbers   v [N] value of the state
         q [N, K] value of each action
note     one room of hidden layers each for actor and critic; first weights at right angles, the last layer of the actor
         a hundredth as wide, so that all actions are about as likely at first (Andrychowicz et al. 2021,
         arXiv:2006.05990, section 3.2)
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from .. import nn
from ..nn.init import orthogonal_
from .mlp import mlp

WIDE, NARROW = 2**0.5, 0.01  # gains of the hidden layers and of the actor's last


def room(states: int, outputs: int, hidden: Sequence[int], activation: str, last: float) -> nn.Sequential:
    """Hidden layers with weights at right angles, and a last layer of that gain. · 正交初始化的多层网络。"""
    made = mlp(outputs, states, hidden, activation)
    layers = [layer for layer in made if isinstance(layer, nn.Linear)]
    for layer in layers:
        orthogonal_(layer.weight, last if layer is layers[-1] else WIDE)
        torch.nn.init.zeros_(layer.bias)
    return made


class ActorCritic(torch.nn.Module):
    """A policy and what it expects. · 策略与价值网络。

    states D, outputs K or A, hidden the widths; `gaussian` policies also learn log_std [A], which no state changes.

    >>> z, v = ActorCritic(4, 2, (8,))(torch.zeros(3, 4))
    >>> z.shape, v.shape
    (torch.Size([3, 2]), torch.Size([3]))
    """

    def __init__(
        self,
        states: int,
        outputs: int,
        hidden: Sequence[int] = (64, 64),
        activation: str = "tanh",
        gaussian: bool = False,
    ):
        super().__init__()
        self.actor = room(states, outputs, hidden, activation, NARROW)
        self.critic = room(states, 1, hidden, activation, 1.0)
        self.log_std = torch.nn.Parameter(torch.zeros(outputs)) if gaussian else None

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        z, v = self.actor(x), self.critic(x)[:, 0]
        return (z, v) if self.log_std is None else (z, self.log_std, v)


class ActionValues(torch.nn.Module):
    """What each action is worth. · 动作价值网络。

    >>> ActionValues(4, 2, (8,))(torch.zeros(3, 4)).shape
    torch.Size([3, 2])
    """

    def __init__(self, states: int, outputs: int, hidden: Sequence[int] = (128, 128), activation: str = "relu"):
        super().__init__()
        self.values = room(states, outputs, hidden, activation, 1.0)

    def forward(self, x: Tensor) -> Tensor:
        return self.values(x)
