"""What a trained agent must remember of its world. · 智能体需要记住的环境信息。"""

from dataclasses import dataclass
from typing import Any

from ...data.environments import Environments
from ...data.environments.spaces import Actions, actions_of
from ..facts import Remembered


@dataclass(frozen=True)
class World(Remembered):
    """Name, size of a state, what can be done (as JSON), what counts as solved; fingerprint sha256. · 环境要点。

    >>> World("x", "00", 4, (("discrete", 2),), None).can
    Discrete(n=2)
    """

    name: str
    fingerprint: str
    states: int
    actions: tuple[tuple[str, Any], ...]
    solved: float | None

    @classmethod
    def of(cls, worlds: Environments) -> "World":
        actions = tuple((k, tuple(v) if isinstance(v, list) else v) for k, v in worlds.actions.to_json().items())
        return cls(worlds.source, worlds.fingerprint, worlds.size, actions, worlds.solved)

    @property
    def can(self) -> Actions:
        return actions_of(dict(self.actions))
