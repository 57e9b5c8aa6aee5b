"""The training of an agent: rounds of acting and learning, judged epoch by epoch. · 智能体的训练。

A step is one step of one world. An epoch ends with the first round after so many steps (`model.steps`); it is judged by
whole episodes in which the agent does what it holds best. A checkpoint lies between two rounds and holds all of it:
networks, what the optimizer remembers, replay, worlds.
"""

import math
import time
from dataclasses import asdict, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor

from ...data.environments import Episode, Kept, make, play
from ...runs.folder import RunFolder
from ...runs.log import RunLog
from .. import build, state
from ..ema import Average
from ..keeping import Keeping
from ..kind import OnEvent
from ..loop import NonFinite
from ..step import Batches, Outcome, blame
from . import acting
from .learner import Position
from .options import rate
from .parts import Parts

AT_ONCE = 20  # worlds of gymnasium that play together when an agent is judged


@torch.no_grad()
def policy(model: torch.nn.Module, seen: Tensor) -> Tensor:
    """What the agent holds best. · 确定性策略。"""
    return acting.best(model(seen))


def episodes(model: torch.nn.Module, source: str, purpose: int, seed: int, number: int) -> list[Episode]:
    """So many episodes of the agent at its best, by seeds of their own. · 若干评估回合。"""
    seeds = [acting.seed_of(purpose, seed, 0, i) for i in range(number)]
    was_training = model.training
    model.eval()
    try:
        return play(partial(make, source), seeds, partial(policy, model), AT_ONCE if ":" in source else number)
    finally:
        model.train(was_training)


class Training(Keeping):
    """One agent being trained. · 正在训练的一个智能体。"""

    metric, mode = "val_return", "max"

    def __init__(self, folder: RunFolder, parts: Parts, on_event: OnEvent | None = None):
        super().__init__(folder, parts.settings, parts.worlds, on_event)
        self.parts, self.learner, self.step, self.facts = parts, parts.learner, parts.step, parts.facts
        settings = parts.settings
        self.average = Average(self.step.model, settings.ema) if settings.ema else None
        with_rate = replace(settings, lr=rate(parts.model, settings))
        self.schedule = build.schedule(self.step.optimizer, with_rate, parts.options.steps)
        self.told = 0  # the step that was told last

    @property
    def position(self) -> Position:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self.learner.position

    # -- what is kept ---------------------------------------------------------------------------------------------

    def kept(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        self.position.form = asdict(self.step.form)
        worlds = self.parts.worlds.keep()
        tensors = state.tensors(self.step, self.average) | {f"learner/{k}": v for k, v in self.learner.keep().items()}
        tensors |= {f"worlds/{k}": v for k, v in worlds.tensors.items()}
        notes = state.notes(self.step, self.position) | {"facts": self.facts.to_json(), "worlds": worlds.notes}
        return tensors, notes | {"schedule": self.schedule.state_dict()}

    def take_up(self, log: RunLog, planned: int, **known: Any) -> None:
        """Go back to the newest sound checkpoint. The run was `planned` for so many epochs before. · 续训。"""
        found = self.found(log)
        self.unchanged(found.state)
        state.put_back(self.step, self.average, found.tensors, found.state)
        self.learner.position = Position(**found.state["position"])
        self.learner.put_back(state.under(found.tensors, "learner"))
        self.parts.worlds.put_back(Kept(state.under(found.tensors, "worlds"), found.state["worlds"]))
        self.schedule.load_state_dict({**found.state["schedule"], "step": self.position.step})
        self.tell(log, "resume", **known)
        for line in state.differences(self.step, found.state):
            self.tell(log, "note", text=line)
        self.spans(log, planned, self.rate())

    # -- training -------------------------------------------------------------------------------------------------

    def rate(self) -> float:
        return float(self.step.optimizer.param_groups[0]["lr"])

    def advance(self, log: RunLog) -> None:
        if self.position.step >= (self.position.epochs + 1) * self.parts.options.steps:
            self.judge(log)
        else:
            self.round(log)

    def leave(self) -> None:
        self.parts.worlds.close()

    def round(self, log: RunLog) -> None:
        """Act, then learn. · 一轮行动与学习。"""
        began, position, lr = time.perf_counter(), self.position, self.rate()
        last: Outcome | None = None
        for batches, outcome in self.learner.round():
            if not outcome.finite:
                self.refuse(log, outcome, batches)
            if self.average is not None:
                self.average.update(position.updates)
            last = outcome
        position.rounds += 1
        position.seconds += time.perf_counter() - began
        self.schedule.load_state_dict({**self.schedule.state_dict(), "step": position.step})
        if last is not None and position.step - self.told >= self.parts.options.steps / 20:
            self.told, epoch = position.step, position.step / self.parts.options.steps
            figures = {"loss": last.loss, "grad_norm": last.norm, "seconds": position.seconds}
            self.tell(log, "step", epoch=epoch, lr=lr, **figures)

    def refuse(self, log: RunLog, outcome: Outcome, batches: Batches) -> None:
        """A loss that is no number has changed nothing: say where it came from. · 损失非有限时停止。"""
        where = blame(self.step, batches)
        what = f"gradient norm {outcome.norm}" if math.isfinite(outcome.loss) else f"loss {outcome.loss}"
        self.tell(log, "stop", reason=f"{what}, first in {where}")
        raise NonFinite(
            f"{what} at step {self.position.step} (update {self.position.updates}), first in {where}: nothing was "
            f"changed by this update; a smaller lr than {self.rate():g} or a smaller clip may help"
        )

    # -- judging --------------------------------------------------------------------------------------------------

    def judge(self, log: RunLog) -> None:
        """The end of an epoch: whole episodes at the agent's best, keep the best, save. · 一轮结束时的评估。"""
        position, o = self.position, self.parts.options
        figures = {"train_loss": position.loss_sum / position.samples if position.samples else math.nan}
        if position.ended:
            figures["train_return"] = position.return_sum / position.ended
        found = self.episodes(acting.JUDGE, o.episodes)
        figures["val_return"] = sum(e.total for e in found) / len(found)
        position.epochs += 1
        position.loss_sum, position.samples, position.return_sum, position.ended = 0.0, 0, 0.0, 0
        solved = self.facts.solved
        if not position.solved and solved is not None and figures["val_return"] >= solved:
            position.solved = position.step
        weights = self.average.weights if self.average else self.step.model.state_dict()
        score = [figures["val_return"], figures.get("train_return", -math.inf)]
        self.compare(log, score, weights, figures["val_return"])
        self.schedule.epoch(-figures["val_return"])
        told = {"lr": self.rate(), "seconds": position.seconds, "updates": position.updates}
        self.tell(log, "epoch", epoch=position.epochs, **told, **figures)
        self.save(log)

    def episodes(self, purpose: int, number: int) -> list[Episode]:
        given = self.step.model, self.parts.source, purpose, self.settings.seed, number
        if self.average is None:
            return episodes(*given)
        with self.average.swapped():
            return episodes(*given)
