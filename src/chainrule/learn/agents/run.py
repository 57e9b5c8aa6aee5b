"""What one can ask of a trained agent: how well it does, and to see it do it. · 可以问一个智能体的问题。"""

from collections.abc import Iterator
from os import PathLike
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import torch

from ...data.environments import Box, Episode, make
from ...errors import UserError
from ...runs.durable import replace as rewrite
from ...runs.log import dumps, history, read
from ...runs.spread import draw
from ..parcel import Exported
from ..trained import Run
from . import acting
from .facts import World
from .training import episodes, policy

TESTED = 100  # episodes by which an agent is judged at the end


def figures(found: list[Episode]) -> dict[str, float]:
    """Mean and deviation of the returns, the least of them, steps of an episode. · 回报的均值、标准差、最小值与步数。

    >>> figures([Episode(0, 1.0, 10), Episode(1, 3.0, 30)])["return"]
    2.0
    """
    totals = [e.total for e in found]
    deviation = stdev(totals) if len(totals) > 1 else 0.0
    steps = fmean(e.steps for e in found)
    return {"return": fmean(totals), "return_deviation": deviation, "return_least": min(totals), "episode_steps": steps}


class AgentRun(Run):
    """An agent that was trained: its figures, its policy, its episodes. · 训练好的智能体。"""

    use_it = ("play", "--out episode.gif")

    def act(self, seen: torch.Tensor) -> torch.Tensor:
        """What it holds best: states [N, D] → actions [N] (numbers in the bounds of the world: [N, A]). · 选择动作。"""
        a = policy(self.network, seen)
        can = self.facts.can
        return can.placed(a) if isinstance(can, Box) else a

    def world(self, source: str | None) -> str:
        """The name of its world, or of another in which it can act. Raises `UserError` where it cannot. · 环境名。"""
        if source is None or source == self.data:
            return self.data
        worlds = make(source, 1, lambda world, episode: 0)
        other, own = World.of(worlds), self.facts
        worlds.close()
        if (other.states, other.actions) != (own.states, own.actions):
            raise UserError(
                f"data {source}: states of {other.states} numbers and actions {dict(other.actions)}, and run "
                f"{self.folder.name!r} learned with {own.states} and {dict(own.actions)}; expected a world like "
                f"{own.name}"
            )
        return source

    def episodes(self, number: int | None = None, data: str | None = None, purpose: int = acting.TEST) -> list[Episode]:
        """So many whole episodes at its best (100), by seeds that it never met while it learned. · 评估回合。"""
        number = TESTED if number is None else number
        if number < 1:
            raise UserError(f"{number} episodes: expected at least 1")
        return episodes(self.network, self.world(data), purpose, self.settings.seed, number)

    def evaluate(self, data: str | PathLike[str] | None = None, split: str = "test") -> dict[str, float]:
        """Figures of 100 episodes: split "test", or "val" with the seeds by which its epochs were judged. · 评估。"""
        if split not in ("val", "test"):
            raise UserError(f"split={split!r}: an agent is judged by whole episodes; expected val or test")
        purpose = acting.TEST if split == "test" else acting.JUDGE
        return figures(self.episodes(None, None if data is None else str(data), purpose))

    def frames(self, seed: int = 0, data: str | None = None) -> Iterator[tuple[Any, float]]:
        """Pictures of one episode, from its first state to its last, each with the return so far. · 一个回合的画面。

        seed  of the episode, 0, 1, …: other ones than those it was judged by
        """
        source = self.world(data)
        options = {} if source == "cartpole" else {"render_mode": "rgb_array"}
        worlds = make(source, 1, lambda world, episode: acting.seed_of(acting.RANDOM, seed, 0, episode), **options)
        try:
            worlds.begin()
            worlds.again, over = False, False
            yield worlds.picture(0), 0.0
            while not over:
                over = bool(worlds.step(policy(self.network, worlds.seen)).over[0])
                yield worlds.picture(0), float(worlds.returns[0])
        finally:
            worlds.close()

    def export(self, to: str = "onnx", fold_bn: bool = False, out: str | PathLike[str] | None = None) -> Exported:
        """Write it for use elsewhere: "onnx", "torch" or "safetensors"; see `shipping.export` here. · 导出。"""
        from .shipping import export

        return export(self, to, fold_bn, out)

    @staticmethod
    def together(runs: list["AgentRun"]) -> Path:
        """The returns of several seeds, mean and spread, drawn into the last run's report. · 多种子的均值与范围。

        Raises `WriteFailed` where the disk refuses.
        """
        last = runs[-1]
        told = [[e for e in history(read(run.folder.log)) if e["event"] == "epoch"] for run in runs]
        lines = [([e["step"] for e in events], [e["val_return"] for e in events]) for events in told]
        path = last.folder.report / "seeds.png"
        title = f"{last.model} · {last.data} · {len(runs)} seeds"
        draw(lines, path, title, last.facts.solved)
        table = {"runs": [str(run.path) for run in runs], "figures": [run.metrics for run in runs]}
        rewrite(last.folder.report / "seeds.json", dumps(table).encode("utf-8", "backslashreplace"))
        return path
