"""Whole episodes, each by its seed. · 完整回合，各由其种子决定。"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from .base import Environments, Seeds

Policy = Callable[[Tensor], Tensor]  # states [n, D] → actions [n] or [n, A]


@dataclass(frozen=True)
class Episode:
    """What an episode came to: the sum of its rewards, and its steps. · 一个回合：总回报与步数。"""

    seed: int
    total: float
    steps: int


def play(make: Callable[[int, Seeds], Environments], seeds: Sequence[int], policy: Policy, most: int) -> list[Episode]:
    """One episode for each seed, in this order, at most so many at once. · 每个种子进行一个回合。

    >>> from .cartpole import CartPole
    >>> [e.steps for e in play(CartPole, [0, 1, 2], lambda seen: (seen[:, 2] > 0).long(), 2)]
    [26, 40, 46]
    """
    n = min(most, len(seeds))
    worlds = make(n, lambda world, episode: seeds[min(world + episode * n, len(seeds) - 1)])
    found: dict[int, Episode] = {}
    live = torch.ones(n, dtype=torch.bool)
    try:
        worlds.begin()
        while bool(live.any()):
            before = list(worlds.episodes)
            for i, total, steps in worlds.step(policy(worlds.seen), live).ended:
                number = i + before[i] * n
                found[number] = Episode(seeds[number], total, steps)
                live[i] = number + n < len(seeds)
    finally:
        worlds.close()
    return [found[number] for number in range(len(seeds))]
