"""What is particular to each way of learning from rewards: `model.KEY=` on the command line. · 各算法的选项。"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar

from ...errors import UserError, unknown
from ...settings import Settings
from ...values import literal
from ...zoo.mlp import ACTIVATIONS

# What an option may be: least, most (None: no end), and whether both ends are allowed.
_WHOLE = {"envs": 1, "horizon": 1, "passes": 1, "updates": 1, "steps": 1, "episodes": 1, "capacity": 1, "warm": 0}
_WHOLE |= {"target": 1, "explore": 0}
_SHARE = ("gamma", "lam", "epsilon")
_POSITIVE, _NOT_NEGATIVE = ("clip", "huber"), ("value", "entropy")


@dataclass(frozen=True)
class Options:
    """What all agents have. · 通用选项。

    envs worlds at once; gamma how much a later reward counts; hidden, activation of the networks; steps of the worlds
    that make an epoch; episodes that judge one; rate, norm the learning rate and the largest norm of the gradient
    where the settings say none
    """

    rate: ClassVar[float] = 1e-3
    norm: ClassVar[float] = 0.5

    envs: int = 8
    gamma: float = 0.99
    hidden: tuple[int, ...] = (64, 64)
    activation: str = "tanh"
    steps: int = 10_000
    episodes: int = 20


@dataclass(frozen=True)
class Reinforce(Options):
    """REINFORCE with a baseline. · 带基线的 REINFORCE。

    An update is made of one whole episode of each world; value weighs the loss of the critic, entropy rewards being
    undecided
    """

    value: float = 0.5
    entropy: float = 0.0
    rate: ClassVar[float] = 3e-3


@dataclass(frozen=True)
class PPO(Options):
    """Proximal policy optimization. · 近端策略优化。

    horizon steps of each world are looked at passes times, in batches; lam of the advantages, clip of the ratio
    """

    gamma: float = 0.98
    horizon: int = 32
    passes: int = 10
    lam: float = 0.8
    clip: float = 0.2
    value: float = 0.5
    entropy: float = 0.0


@dataclass(frozen=True)
class DQN(Options):
    """Deep Q-learning. · 深度 Q 学习。

    After horizon steps of each world, updates batches are drawn from the last capacity steps, the first time after warm
    steps; each target updates the target network is renewed; epsilon is reached after explore steps; huber: where the
    loss gets straight; double: the network chooses, the target judges
    """

    hidden: tuple[int, ...] = (128, 128)
    activation: str = "relu"
    horizon: int = 32
    updates: int = 32
    capacity: int = 50_000
    warm: int = 1000
    target: int = 32
    epsilon: float = 0.04
    explore: int = 10_000
    huber: float = 100.0
    double: bool = True
    rate: ClassVar[float] = 2e-3
    norm: ClassVar[float] = 10.0


OPTIONS: dict[str, type[Options]] = {"reinforce": Reinforce, "ppo": PPO, "dqn": DQN}


def takes(model: str) -> dict[str, Any]:
    """Name → default of the options of an agent. · 选项及其默认值。

    >>> takes("ppo")["lam"]
    0.8
    """
    return {f.name: f.default for f in fields(OPTIONS[model])}


def chosen(model: str, settings: Settings) -> Any:
    """The options of a run, checked. Raises `UserError` with a line for each that is wrong. · 检查后的选项。

    >>> from chainrule.settings import parse
    >>> chosen("ppo", parse(["model.gamma=0.9"])).gamma
    0.9
    """
    given, lines = dict(settings.model), []
    for name, value in given.items():
        try:
            given[name] = _checked(name, value)
        except UserError as error:
            lines += error.lines
    if lines:
        raise UserError(*lines)
    return OPTIONS[model](**given)


def _checked(name: str, value: Any) -> Any:
    if name == "hidden":
        return _widths(value)
    if name == "activation":
        if value not in ACTIVATIONS:
            raise unknown("model.activation", str(value), list(ACTIVATIONS))
        return value
    if name == "double":
        truth = {"true": True, "false": False, "yes": True, "no": False}.get(str(value).lower(), value)
        return _is(isinstance(truth, bool), name, value, "true or false") and truth
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if name in _WHOLE:
        least = _WHOLE[name]
        whole = number and value == int(value) and value >= least
        return int(_is(whole, name, value, f"an integer of at least {least}") and value)
    if name in _SHARE:
        return float(_is(number and 0 <= value <= 1, name, value, "a number in [0, 1]") and value)
    if name in _POSITIVE:
        return float(_is(number and 0 < value < float("inf"), name, value, "a number above 0") and value)
    return float(_is(number and 0 <= value < float("inf"), name, value, "a number of at least 0") and value)


def _is(right: bool, name: str, value: Any, expected: str) -> bool:
    if not right:
        raise UserError(f"model.{name}={value!r}: expected {expected}")
    return True


def _widths(value: Any) -> tuple[int, ...]:
    value = literal(value) if isinstance(value, str) else value
    widths = (value,) if isinstance(value, int) else value
    right = isinstance(widths, Sequence) and len(widths) > 0 and all(type(w) is int and w > 0 for w in widths)
    _is(right, "hidden", value, "widths of layers, like (64, 64)")
    return tuple(widths)


def rate(model: str, settings: Settings) -> float:
    """The learning rate of the settings, or the agent's own. · 学习率。"""
    return OPTIONS[model].rate if settings.lr is None else settings.lr


def norm(model: str) -> float:
    """The largest norm of the gradient where the settings say none. · 梯度范数上限。

    >>> norm("dqn")
    10.0
    """
    return OPTIONS[model].norm
