"""Several worlds of one kind, each with its own episodes. · 同类环境的一批，各自进行自己的回合。

An episode is known by its seed, so that it can be begun again: an agent that is resumed stands where it stood. A world
whose episode ended begins the next at once; the state that an episode ended with is told beside the one that follows.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from math import isfinite
from typing import Any

import torch
from torch import Tensor

from ...errors import UserError
from .spaces import Actions

LARGEST = 1e30  # of a reward or a state: beyond it sums and squares leave what numbers of 32 bits hold

Seeds = Callable[[int, int], int]  # (number of the world, number of its episode) → seed


@dataclass(frozen=True)
class Moved:
    """What a step of n worlds came to. · 一步的结果。

    after [n, D] the state after the action, even where the episode ended; reward [n]; terminated [n]: nothing comes
    after; truncated [n]: it was broken off, and would have gone on; ended: (world, return, steps) of episodes that did
    """

    after: Tensor
    reward: Tensor
    terminated: Tensor
    truncated: Tensor
    ended: list[tuple[int, float, int]] = field(default_factory=list)

    @property
    def over(self) -> Tensor:
        return self.terminated | self.truncated


@dataclass
class Kept:
    """What a checkpoint holds of the worlds. · 环境的存档内容。"""

    tensors: dict[str, Tensor]
    notes: dict[str, Any]


class Environments:
    """n worlds. A subclass says how one begins and moves. · n 个环境。

    seen [n, D] float32 is what each world shows now; `source` its name, `size` D, `actions` what can be done,
    `limit` the steps after which an episode is truncated, `solved` the mean return that counts as solved, if any.
    """

    source: str
    size: int
    actions: Actions
    limit: int
    solved: float | None = None
    again = True  # whether a world whose episode ended begins the next at once

    def __init__(self, n: int, seeds: Seeds):
        self.n, self.seeds = n, seeds
        self.episodes, self.steps = [-1] * n, [0] * n
        self.returns = torch.zeros(n, dtype=torch.float64)
        self.seen = torch.zeros(n, self.size)

    @property
    def fingerprint(self) -> str:
        """Of what defines the world: another one has another. · 环境的指纹。"""
        text = f"{self.source} {self.size} {self.actions.to_json()} {self.limit}"
        return sha256(text.encode()).hexdigest()

    def begin(self) -> None:
        """Every world begins its next episode. · 各环境开始下一回合。"""
        for i in range(self.n):
            self._next(i)

    def _next(self, i: int) -> None:
        self.episodes[i] += 1
        self.steps[i], self.returns[i] = 0, 0.0
        self.seen[i] = self.reset(i, self.seeds(i, self.episodes[i]))

    def step(self, action: Tensor, live: Tensor | None = None) -> Moved:
        """One step of every world, or of those that are live. · 所有（或仍在进行的）环境各走一步。

        action  [n] integers or [n, A] numbers as a policy says them
        Raises `UserError` for a world that fails, and for a reward that is no number.
        """
        live = torch.ones(self.n, dtype=torch.bool) if live is None else live
        after, reward, terminated, truncated = self.move(action, live)
        self._checked(after, reward)
        ended = []
        self.returns += reward
        self.seen = torch.where(live[:, None], after, self.seen)
        for i in live.nonzero()[:, 0].tolist():
            self.steps[i] += 1
            if self.steps[i] >= self.limit and not terminated[i]:
                truncated[i] = True
            if terminated[i] or truncated[i]:
                ended.append((i, float(self.returns[i]), self.steps[i]))
        for i, _, _ in ended if self.again else ():
            self._next(i)
        return Moved(after, reward.float(), terminated, truncated, ended)

    def _checked(self, after: Tensor, reward: Tensor) -> None:
        for what, value in (("reward", reward), ("state", after)):
            wrong = ~(value.reshape(self.n, -1).abs() <= LARGEST)  # nan is not below it either
            if bool(wrong.any()):
                i = int(wrong.any(1).nonzero()[0])
                number = float(value.reshape(self.n, -1)[i][wrong[i]][0])
                raise UserError(
                    f"data {self.source}: {what} {number:g} at {self.place(i)}; expected numbers of at most "
                    f"{LARGEST:g}: mend the environment"
                )

    def place(self, i: int) -> str:
        """Where a world is, so that it can be brought there again. · 环境所处的位置。"""
        return f"step {self.steps[i] + 1} of the episode with seed {self.seeds(i, self.episodes[i])}"

    # -- of each kind of world ------------------------------------------------------------------------------------

    def reset(self, i: int, seed: int) -> Tensor:
        """The first state of an episode. · 回合的初始状态。"""
        raise NotImplementedError

    def move(self, action: Tensor, live: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """State [n, D], reward [n] float64, terminated and truncated [n]; of what is not live: nothing. · 走一步。"""
        raise NotImplementedError

    def keep(self) -> Kept:
        """What brings every world back to where it is now. · 存档。"""
        return Kept(
            {"seen": self.seen.clone(), "returns": self.returns.clone()},
            {"episodes": list(self.episodes), "steps": list(self.steps)},
        )

    def put_back(self, kept: Kept) -> None:
        """The worlds as they were. · 恢复。"""
        self.episodes, self.steps = list(kept.notes["episodes"]), list(kept.notes["steps"])
        self.seen, self.returns = kept.tensors["seen"].clone(), kept.tensors["returns"].clone()

    def picture(self, i: int) -> Any:
        """The world as it looks now: an array [H, W, 3] of bytes. Raises `UserError` where it cannot be drawn."""
        raise NotImplementedError

    def close(self) -> None:
        """Give back what the worlds hold. · 释放资源。"""


def check_count(n: int) -> None:
    """Raises `UserError` for fewer worlds than one. · 检查数量。"""
    if not (isfinite(n) and n >= 1):
        raise UserError(f"{n} environments: expected at least 1")
