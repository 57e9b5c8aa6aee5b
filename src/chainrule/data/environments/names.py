"""Worlds by name. · 按名称取环境。"""

from typing import Any

from ...errors import UserError
from .base import Environments, Seeds
from .cartpole import CartPole


def make(source: str, n: int, seeds: Seeds, **options: Any) -> Environments:
    """n worlds: "cartpole", or "gym:NAME" for one of gymnasium's. · 按名称创建 n 个环境。

    Raises `UserError` for another name, and for what gymnasium cannot make or has spaces that no agent here can use.

    >>> make("cartpole", 3, lambda world, episode: episode).size
    4
    """
    if source == "cartpole":
        return CartPole(n, seeds)
    if source.startswith("gym:"):
        from .gym import Gym

        return Gym(source.removeprefix("gym:"), n, seeds, **options)
    raise UserError(f"data {source}: no environment; expected cartpole, or gym:NAME like gym:Acrobot-v1")
