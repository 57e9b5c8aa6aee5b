"""An agent as a function of what it sees: states in, actions out. · 智能体：状态进、动作出。"""

from os import PathLike
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ... import __version__
from ...data.environments import Box
from ..parcel import Exported, Parcel, ship
from ..scripts import scripts
from . import acting
from .facts import World

if TYPE_CHECKING:
    from .run import AgentRun

PLAYS = """env = gymnasium.make(facts["environment"])
for seed in range(int(sys.argv[1]) if sys.argv[1:] else 5):
    state, total, over = env.reset(seed=seed)[0], 0.0, False
    while not over:
        if isinstance(env.observation_space, gymnasium.spaces.Discrete):
            state = np.eye(facts["states"])[state - env.observation_space.start]
        action = answer(state=np.array(state, np.float32).reshape(1, -1))[0][0]
        if isinstance(env.action_space, gymnasium.spaces.Discrete):
            action = int(action) + int(env.action_space.start)
        else:
            action = action.astype(env.action_space.dtype).reshape(env.action_space.shape)
        state, reward, terminated, truncated, _ = env.step(action)
        total, over = total + float(reward), terminated or truncated
    print(f"seed {seed}", f"return {total:g}", sep="\\t")
"""


class Acting(torch.nn.Module):
    """What an agent holds best. · 确定性策略。

    state float32 [N, D]   action int64 [N], or float32 [N, A] within its bounds   scores [N, K] of all actions
    """

    def __init__(self, network: torch.nn.Module, can: Any):
        super().__init__()
        self.network, self.can = network, can

    def forward(self, state: Tensor) -> tuple[Tensor, ...]:
        out = self.network(state)
        action = acting.best(out)
        if isinstance(self.can, Box):
            return (self.can.placed(action),)
        return action, out if isinstance(out, Tensor) else out[0]


def export(run: "AgentRun", to: str, fold_bn: bool, out: str | PathLike[str] | None) -> Exported:
    """Write the policy, tried against what it does here. · 导出策略并核对；参见 `parcel.ship`。"""
    world: World = run.facts
    name = "CartPole-v1" if world.name == "cartpole" else world.name.removeprefix("gym:")
    known = {
        "model": run.model,
        "environment": name,
        "states": world.states,
        "actions": world.can.to_json(),
        "input": "state: float32 [N, states], as the environment tells it; a discrete one as a row of 0 with a 1",
        "made_by": f"chainrule {__version__}",
    }
    outputs = ("action",) if isinstance(world.can, Box) else ("action", "scores")

    def example(size: int) -> tuple[Tensor, ...]:
        return (torch.randn(size, world.states, generator=torch.Generator().manual_seed(size)),)

    beside = scripts("Play episodes", "[HOW_MANY]", PLAYS, needs="gymnasium")
    parcel = Parcel(Acting(run.network, world.can).eval(), ("state",), outputs, example, known, beside)
    return ship(run, [parcel], to, fold_bn, out)
