"""What all agents do: act for a while, then learn from it. · 所有智能体的共同部分：先行动，再学习。

symbols  x [N, D] states   a [N] or [N, A] actions   r reward   T steps of each of n worlds
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch
from torch import Tensor

from ...data.environments import Environments, Moved
from ..state import Position as Trained
from ..step import Batches, Outcome, Step
from . import acting


@dataclass
class Position(Trained):
    """How far an agent is: `step` counts the steps of all worlds together. · 进度：step 为各环境步数之和。

    ticks  times that the worlds moved   updates  made   rounds  of acting and learning
    ended, return_sum  episodes of the epoch under way and the sum of their returns
    solved  step at which the judgement first reached what counts as solved; 0: not yet
    """

    ticks: int = 0
    updates: int = 0
    rounds: int = 0
    ended: int = 0
    return_sum: float = 0.0
    solved: int = 0


@dataclass
class Rollout:
    """What happened in T steps of n worlds, each row a time step. · T 步的记录。"""

    x: list[Tensor] = field(default_factory=list)
    a: list[Tensor] = field(default_factory=list)
    moved: list[Moved] = field(default_factory=list)
    live: list[Tensor] = field(default_factory=list)

    def stacked(self, name: str) -> Tensor:
        """A part of every step, [T, n, …]. · 堆叠成张量。"""
        rows = getattr(self, name) if name in ("x", "a", "live") else [getattr(m, name) for m in self.moved]
        return torch.stack(rows)


class Learner:
    """One way of learning from rewards; a subclass says what a round is. · 一种强化学习算法。

    worlds  that it acts in   step  of its network, by which it learns   seed  of all that it draws   batch  its size
    """

    by_policy: ClassVar[bool] = True  # it learns a policy (and may act with numbers); else values of actions

    def __init__(self, options: Any, worlds: Environments, step: Step, seed: int, batch: int):
        self.options, self.worlds, self.step, self.seed, self.batch = options, worlds, step, seed, batch
        self.position = Position()

    @property
    def model(self) -> torch.nn.Module:
        return self.step.model

    def round(self) -> Iterator[tuple[Batches, Outcome]]:
        """Act, then learn: what came of each update. · 一轮行动与学习。"""
        raise NotImplementedError

    def moved(self, action: Tensor, live: Tensor | None = None) -> Moved:
        """The worlds move, and it is counted. · 环境前进并计数。"""
        moved, position = self.worlds.step(action, live), self.position
        position.ticks += 1
        position.step += self.worlds.n if live is None else int(live.sum())
        position.ended += len(moved.ended)
        position.return_sum += sum(total for _, total, _ in moved.ended)
        return moved

    def update(self, x: Tensor, y: Any) -> tuple[Batches, Outcome]:
        """One step of learning. · 一次更新。"""
        batches = [(x, y)]
        outcome = self.step(batches)
        self.position.updates += 1
        if outcome.finite:
            self.position.loss_sum += outcome.loss * len(x)
            self.position.samples += len(x)
        return batches, outcome

    @torch.no_grad()
    def acted(self) -> Tensor:
        """An action of each world, drawn by the policy. · 按策略抽取的动作。"""
        return acting.draw(self.model(self.worlds.seen), self.seed, self.position.ticks)

    def keep(self) -> dict[str, Tensor]:
        """What else is remembered from round to round. · 需存档的其他状态。"""
        return {}

    def put_back(self, tensors: dict[str, Tensor]) -> None:
        """As it was. · 恢复。"""
