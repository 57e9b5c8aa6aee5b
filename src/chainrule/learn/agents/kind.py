"""Agents as a kind of learning: how a run of one begins, goes on and ends. · 强化学习作为一种学习。"""

from pathlib import Path
from typing import Any

import torch

from ...data.environments import Episode, make, play
from ...fields import DEFAULTS
from ...gear import gear
from ...runfile import from_file, to_toml
from ...runs.durable import replace as rewrite
from ...runs.folder import RunFolder
from ...runs.log import RunLog
from ...runs.manifest import generations
from ...settings import Settings
from .. import build, start
from ..kind import Kind, OnEvent
from ..session import session
from . import acting
from .facts import World
from .parts import Parts, network
from .run import TESTED, AgentRun, figures
from .training import AT_ONCE, Training

TAKES = (
    *("epochs", "batch_size", "seed", "seeds", "patience", "ema", "weights", "optimizer", "lr", "clip", "decay"),
    *("head_lr", "bias_lr", "compile", "graph", "threads", "device", "gear", "name", "runs", "save_every", "keep"),
    *("init", "init_gain", "init_mode", "init_std", "lookahead", "lookahead_alpha"),
)
UPDATING = ("sam", "sam_adaptive", "accumulate", "nonfinite", "skips")  # settings of updates that agents do not take


def useless() -> tuple[str, ...]:
    """Settings that an agent has no use for: of data, labels, images. · 无用的设置。"""
    from ...catalog import OPTIMIZERS, SCHEDULES

    of_optimizers = {key for entry in OPTIMIZERS.values() for key in entry.options}
    of_schedules = {"schedule", "warmup", "warmup_start", "warmup_shape"}
    of_schedules |= {key for entry in SCHEDULES.values() for key in entry.options}
    return tuple(key for key in DEFAULTS if key not in {*TAKES, *of_optimizers, *of_schedules})


class Agents(Kind):
    """Agents: they act, and learn from the rewards. · 智能体：行动并由回报学习。"""

    run = AgentRun
    useless = useless()

    def check(self, model: str, settings: Settings) -> None:
        from ...errors import UserError

        super().check(model, settings)
        if settings.device not in ("auto", "cpu"):
            raise UserError(f"device={settings.device}: agents learn on the processor; expected device=cpu or auto")
        if model == "reinforce" and settings.compile:
            raise UserError(
                "compile=True: reinforce learns from episodes of any length, each another graph; leave it out"
            )
        if settings.optimizer == "lbfgs":
            raise UserError("optimizer=lbfgs: it wants the same loss again and again; expected another one, like adam")

    def remembered(self, kept: dict[str, Any]) -> World:
        """What a checkpoint remembers of the world. · 由存档恢复。"""
        return World.from_json(kept)

    def network(self, model: str, settings: Settings, facts: World) -> torch.nn.Module:
        """The network of an agent. · 智能体的网络。"""
        return network(model, settings, facts)

    def train(self, model: str, source: str, settings: Settings, on_event: OnEvent | None = None) -> AgentRun:
        self.check(model, settings)
        with session(settings.seed, settings.threads):
            parts = Parts.build(model, source, settings)
            folder = RunFolder.create(
                Path(settings.runs), settings.name, to_toml(model, source, settings), model, source
            )
            with folder.lock(), RunLog(folder.log) as log, gear(settings.gear):
                return _begin(Training(folder, parts, on_event), log)

    def resume(self, folder: RunFolder, source: str, settings: Settings, on_event: OnEvent | None = None) -> AgentRun:
        model, before, old = from_file(folder.run_toml)
        with folder.lock(), RunLog(folder.log) as log, gear(settings.gear), session(settings.seed, settings.threads):
            begins = not generations(folder.checkpoints)
            training = Training(folder, Parts.build(model, source, settings, begins), on_event)
            if begins:
                return _begin(training, log)
            training.take_up(log, old.epochs, model=model, data=source)
            if settings != old or source != before:
                rewrite(folder.run_toml, to_toml(model, source, settings).encode())
            return _finish(training, log)


def _begin(training: Training, log: RunLog) -> AgentRun:
    parts = training.parts
    settings, network_ = parts.settings, training.step.model
    training.step.use(parts.form())
    known = {"model": parts.model, "data": parts.source, "seed": settings.seed, "gear": settings.gear}
    known |= {"parameters": build.count(network_), "device": "cpu", "precision": "fp32"}
    parts.worlds.begin()
    if parts.started:
        start.keep(training.folder, parts.started)
    training.begin(log, **known, form=str(training.step.form))
    for line in parts.started.lines if parts.started else ():
        training.tell(log, "note", text=line)
    return _finish(training, log)


def _finish(training: Training, log: RunLog) -> AgentRun:
    """Train to the end, judge the best by episodes it has not seen, write the report."""
    training.run(log)
    run, position = AgentRun(training.folder), training.position
    told: dict[str, float] = {f"test_{k}": v for k, v in figures(run.episodes()).items()}
    if position.solved:
        told["train_solving_steps"] = position.solved
    blind = {f"test_{k}": v for k, v in figures(blindly(training.parts)).items()}
    training.tell(log, "finish", epoch=position.epochs, metrics=told, baselines={"random": blind}, weights=run.weights)
    log.sync()
    training.report(run, log)
    return run


def blindly(parts: Parts) -> list[Episode]:
    """The same episodes with actions drawn blindly: what one has without learning. · 随机策略的回合。"""
    seeds = [acting.seed_of(acting.TEST, parts.settings.seed, 0, i) for i in range(TESTED)]
    can, ticks = parts.facts.can, iter(range(10**12))

    def any_action(seen: torch.Tensor) -> torch.Tensor:
        u = acting.uniform(acting.RANDOM, parts.settings.seed, next(ticks), len(seen), can.outputs)
        return (u[:, 0] * can.outputs).long() if hasattr(can, "n") else (2 * u - 1).float()

    return play(lambda n, s: make(parts.source, n, s), seeds, any_action, AT_ONCE if ":" in parts.source else TESTED)
