"""DQN: learn what each action is worth, and do the best. · DQN：学习动作价值并择优。

symbols  q [2B, K] values of the actions in the states of a batch, and in those after   q̂ [B, K] what the target network
         says of the latter   y [B] = r + γ q̂ of the best action after, 0 where the episode terminated
"""

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...data.counter import key, uniform
from ...nn.policy import chosen, td_loss
from ..step import Batches, Outcome
from . import acting
from .learner import Learner


class ValueLoss:
    """The mean loss of the values of what was done. · 动作价值的损失。

    One pass through the network says of a batch what was done and, for the double rule, what would be done next.
    """

    def __init__(self, options: Any):
        self.huber, self.gamma, self.double = options.huber, options.gamma, options.double

    def count(self, y: Any) -> int:
        return len(y[0])

    def targets(self, after: Tensor, r: Tensor, terminated: Tensor, q_hat: Tensor) -> Tensor:
        """What the value of an action should be; after [B, K]: the network of the state after. · 目标值。"""
        best = acting.best(after if self.double else q_hat)
        return r + self.gamma * torch.where(terminated, 0, chosen(q_hat, best))

    def loss(self, out: Any, y: Any) -> Tensor:
        a, *rest = y
        q, after = out[: len(a)], out[len(a) :].detach()
        return td_loss(q, a, self.targets(after, *rest), self.huber).mean()


class Replay:
    """The last steps that were made, the newest in place of the oldest. · 经验回放。

    >>> replay = Replay(3, 1)
    >>> replay.add(*[torch.arange(4.0)[:, None]] * 2, torch.zeros(4).long(), torch.zeros(4), torch.ones(4).bool())
    >>> replay.x[:, 0].tolist(), replay.size
    ([3.0, 1.0, 2.0], 3)
    """

    def __init__(self, capacity: int, states: int):
        self.x, self.after = torch.zeros(2, capacity, states)
        self.a = torch.zeros(capacity, dtype=torch.long)
        self.r = torch.zeros(capacity)
        self.terminated = torch.zeros(capacity, dtype=torch.bool)
        self.made = 0

    @property
    def size(self) -> int:
        return min(self.made, len(self.a))

    def add(self, x: Tensor, after: Tensor, a: Tensor, r: Tensor, terminated: Tensor) -> None:
        at = (self.made + torch.arange(len(a))) % len(self.a)
        rows = {"x": x, "after": after, "a": a, "r": r, "terminated": terminated}
        for name, row in rows.items():
            getattr(self, name).index_copy_(0, at[-len(self.a) :], row[-len(self.a) :])
        self.made += len(a)

    def keep(self) -> dict[str, Tensor]:
        """What is filled of it. · 已填部分。"""
        names = ("x", "after", "a", "r", "terminated")
        return {name: getattr(self, name)[: self.size] for name in names} | {"made": torch.tensor(self.made)}

    def put_back(self, kept: dict[str, Tensor]) -> None:
        self.made = int(kept["made"])
        for name in ("x", "after", "a", "r", "terminated"):
            getattr(self, name)[: self.size] = kept[name]


class DQN(Learner):
    """Steps are kept and learned from in another order than they came. · 深度 Q 学习。

    Source: Mnih et al. 2015, doi:10.1038/nature14236, algorithm 1; double: van Hasselt, Guez & Silver 2016,
    arXiv:1509.06461, eq. 4.
    """

    by_policy = False

    def __init__(self, *given: Any):
        super().__init__(*given)
        self.replay = Replay(self.options.capacity, self.worlds.size)
        self.target = deepcopy(self.model)

    def epsilon(self) -> float:
        """The share of actions drawn blindly: down from 1 in a line. · 探索率。"""
        o = self.options
        return max(o.epsilon, 1 - (1 - o.epsilon) * self.position.step / max(o.explore, 1))

    @torch.no_grad()
    def acted(self) -> Tensor:
        best = acting.best(self.model(self.worlds.seen))
        u = acting.uniform(acting.EXPLORE, self.seed, self.position.ticks, len(best), 2)
        blind = (u[:, 1] * self.worlds.actions.outputs).long()
        return torch.where(u[:, 0] < self.epsilon(), blind, best)

    def drawn(self, updates: int) -> Tensor:
        """Which steps the next updates learn from, [updates, B]: a function of seed and place. · 抽取的样本下标。"""
        shape, first = (updates, self.batch), self.position.updates * self.batch
        u = uniform(key(acting.REPLAY, self.seed), np.arange(first, first + updates * self.batch), 1)
        return (torch.from_numpy(u[:, 0]) * self.replay.size).long().reshape(shape)

    @torch.no_grad()
    def judged(self, at: Tensor) -> Tensor:
        """What the target network says of the states after these steps, [updates, B, K]. · 目标网络的评价。"""
        return self.target(self.replay.after[at.flatten()]).reshape(*at.shape, -1)

    def round(self) -> Iterator[tuple[Batches, Outcome]]:
        o, position, kept = self.options, self.position, self.replay
        for _ in range(o.horizon):
            x, a = self.worlds.seen, self.acted()
            moved = self.moved(a)
            kept.add(x, moved.after, a, moved.reward, moved.terminated)
        if position.step < o.warm:
            return
        drawn, q_hat, first = self.drawn(o.updates), torch.zeros(0), 0
        for k, at in enumerate(drawn):
            since = position.updates % o.target
            if not since:
                self.target.load_state_dict(self.model.state_dict())
            if not since or not k:
                last = k + o.target - since  # so far the target network stays what it is
                q_hat, first = self.judged(drawn[k:last]), k
            x = torch.cat([kept.x[at], kept.after[at]]) if o.double else kept.x[at]
            yield self.update(x, (kept.a[at], kept.r[at], kept.terminated[at], q_hat[k - first]))

    def keep(self) -> dict[str, Tensor]:
        target = {f"target/{k}": v for k, v in self.target.state_dict().items()}
        return target | {f"replay/{k}": v for k, v in self.replay.keep().items()}

    def put_back(self, tensors: dict[str, Tensor]) -> None:
        from ..state import under

        self.target.load_state_dict(under(tensors, "target"))
        self.replay.put_back(under(tensors, "replay"))
