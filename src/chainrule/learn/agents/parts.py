"""What the training of an agent is made of, put together before its folder exists. · 智能体训练的组成部分。"""

from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch

from ...catalog import check_pair
from ...data.environments import Environments, make
from ...data.environments.spaces import Actions, Box
from ...errors import UserError
from ...settings import Settings
from ...zoo.agents import ActionValues, ActorCritic
from ...zoo.weights import Report
from .. import build, start
from ..device import Device
from ..session import seeded
from ..step import Form, Step, whole
from . import acting
from .facts import World
from .learner import Learner
from .options import chosen, norm, rate
from .policy_gradient import PPO, PolicyLoss, Reinforce
from .value_learning import DQN, ValueLoss

LEARNERS: dict[str, tuple[type[Learner], Any]] = {
    "reinforce": (Reinforce, PolicyLoss),
    "ppo": (PPO, PolicyLoss),
    "dqn": (DQN, ValueLoss),
}


def network(model: str, settings: Settings, facts: World) -> torch.nn.Module:
    """The network of an agent with its first weights, from the seed. · 由种子初始化的网络。"""
    o = chosen(model, settings)
    able(model, facts.can)
    with seeded(settings.seed):
        if LEARNERS[model][0].by_policy:
            gaussian = isinstance(facts.can, Box)
            made: torch.nn.Module = ActorCritic(facts.states, facts.can.outputs, o.hidden, o.activation, gaussian)
        else:
            made = ActionValues(facts.states, facts.can.outputs, o.hidden, o.activation)
    if settings.init != "default":
        from ...nn.init import initialize

        initialize(made, settings.init, torch.Generator().manual_seed(settings.seed), **settings.initial())
    return made


def able(model: str, can: Actions) -> None:
    """Raises `UserError` where an agent that compares actions meets numbers. · 检查动作空间。"""
    if isinstance(can, Box) and not LEARNERS[model][0].by_policy:
        raise UserError(
            f"model {model}: it compares actions one by one, and this environment takes {len(can.low)} real numbers: "
            "expected an environment with discrete actions, or model ppo or reinforce"
        )


def optimizer(model: str, made: torch.nn.Module, settings: Settings) -> Any:
    """The optimizer, with the agent's own rate where none is given. · 优化器。"""
    return build.optimizer(made, replace(settings, lr=rate(model, settings)))


@dataclass
class Parts:
    """What a training is made of, before its folder exists: a mistake leaves no folder behind. · 组成部分。"""

    model: str
    source: str
    settings: Settings
    options: Any
    facts: World
    learner: Learner
    started: Report | None = None

    @classmethod
    def build(cls, model: str, source: str, settings: Settings, begins: bool = True) -> "Parts":
        """All parts; an agent that goes on, and does not begin, has its weights from its checkpoint. · 组装。"""
        check_pair(model, settings.model, source, settings.data)
        o = chosen(model, settings)
        worlds = make(source, o.envs, partial(acting.seed_of, acting.ACT, settings.seed))
        facts = World.of(worlds)
        made = network(model, settings, facts)
        started = start.begin(made, model, settings) if begins else None
        learns, loss = LEARNERS[model]
        steps_by = optimizer(model, made, settings)
        clip = norm(model) if settings.clip is None else settings.clip
        step = Step(made, loss(o), steps_by, Device("cpu"), clip, Form())
        learner = learns(o, worlds, step, settings.seed, settings.batch_size)
        return cls(model, source, settings, o, facts, learner, started)

    @property
    def step(self) -> Step:
        return self.learner.step

    @property
    def worlds(self) -> Environments:
        return self.learner.worlds

    def form(self) -> Form:
        """The form of a step that the settings ask for. · 设置所求的训练步形式。"""
        if not self.settings.compile:
            return Form()
        return Form("two" if self.settings.graph == "two" or not whole(self.step.optimizer) else "one")
