"""The loop: step, judge, save, until done, stopped or no longer finite. · 训练循环。

An epoch is judged after its last update; the position says how many updates were made and how many epochs judged, so
whatever is interrupted is taken up exactly there.
"""

import math
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from torch import Tensor

from ..errors import UserError
from ..optim.schedule import Schedule
from ..runs.folder import RunFolder
from ..runs.log import RunLog
from . import state
from .batch import answer
from .ema import Average
from .keeping import Keeping
from .kind import OnEvent
from .masks import Masks
from .mode import to_training
from .state import Position
from .step import Batches, Outcome, Step, blame

if TYPE_CHECKING:
    from .parts import Parts

BRIEF = 1.0  # seconds: as much may be lost where an epoch is one update


class NonFinite(UserError):
    """A loss or gradient that is no number: nothing was changed by that step. · 损失或梯度非有限，参数未变。"""


class Loop(Keeping):
    """One run being trained. · 正在训练的一次运行。"""

    def __init__(
        self,
        folder: RunFolder,
        parts: "Parts",
        step: Step,
        schedule: Schedule,
        feed: Any,
        on_event: OnEvent | None = None,
    ):
        data, settings, self.task = parts.data, parts.settings, parts.task
        super().__init__(folder, settings, data, on_event)
        self.step, self.schedule, self.feed = step, schedule, feed
        self.average = Average(step.model, settings.ema) if settings.ema else None
        self.facts = parts.kind.facts(data)
        self.masks = Masks(step.model, settings.seed, getattr(feed, "ragged", False))
        step.before = self.lay_masks
        # Called with the number of epochs done, to open what then begins to learn; gives lines that say so.
        self.opening: Callable[[int], list[str]] = lambda epochs: []
        self.position = Position()
        judged = self.task.metrics()
        self.metric = f"val_{judged.better}" if data.val else "train_loss"
        less = not data.val or getattr(judged, "less", False)
        self.sign, self.mode = (-1.0, "min") if less else (1.0, "max")
        self.started = False  # in this process: the first step of a compiled form may have to choose a plainer one

    # -- what is kept ---------------------------------------------------------------------------------------------

    def kept(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        self.position.form = asdict(self.step.form)
        notes = state.notes(self.step, self.position) | {"facts": self.facts.to_json()}
        return state.tensors(self.step, self.average), notes | {"schedule": self.schedule.state_dict()}

    # -- the loop -------------------------------------------------------------------------------------------------

    def take_up(self, log: RunLog, planned: int, **known: Any) -> None:
        """Go back to the newest sound checkpoint. The run was `planned` for so many epochs before."""
        found = self.found(log)
        state.load_weights(self.step.model, state.under(found.tensors, "model"))  # another model is the clearer reason
        self.unchanged(found.state)
        self.opening(found.state["position"]["epochs"])
        self.position = state.restore(self.step, self.average, found.tensors, found.state)
        self.schedule.load_state_dict({**found.state.get("schedule", {}), "step": self.position.step})
        self.tell(log, "resume", **known)
        for line in state.differences(self.step, found.state):
            self.tell(log, "note", text=line)
        self.spans(log, planned, self.rate())

    def advance(self, log: RunLog) -> None:
        if self.position.step == (self.position.epochs + 1) * self.feed.updates:
            self.judge(log)
        else:
            self.update(log)

    def leave(self) -> None:
        self.feed.close()
        self.masks.clear()

    def update(self, log: RunLog) -> None:
        """One step, with its learning rate and masks."""
        began, position = time.perf_counter(), self.position
        batches = self.batches(position.step)
        to_training(self.step.model)
        outcome = self.make(batches, log)
        if not outcome.finite:
            self.refuse(log, outcome, batches)
        position.in_a_row = 0 if outcome.finite else position.in_a_row + 1
        position.skipped += not outcome.finite
        position.step += 1
        lr = self.rate()
        self.schedule.step()
        if outcome.finite:
            if self.average is not None and outcome.updated:
                self.average.update(position.step)
            samples = sum(self.task.count(y) for _, y in batches)
            position.loss_sum += outcome.loss * samples
            position.samples += samples
        position.seconds += time.perf_counter() - began
        every = max(1, self.feed.updates // 20)
        if outcome.finite and (position.step % every == 0 or position.step == 1):
            epoch = position.step / self.feed.updates
            self.tell(
                log, "step", epoch=epoch, loss=outcome.loss, lr=lr, grad_norm=outcome.norm, seconds=position.seconds
            )

    def make(self, batches: Batches, log: RunLog) -> Outcome:
        """The step. What the compiler refuses, at once or at a batch of another size, runs in a plainer form."""
        if self.started:
            try:
                return self.step(batches)
            except Exception:
                if self.step.form.compiled == "no":
                    raise
        if self.step.form.compiled != "no":
            self.tell(log, "note", text="compiling the step: it may take a minute")
        outcome, notes = self.step.first(batches)
        self.started = True
        for note in notes:
            self.tell(log, "note", text=note)
        return outcome

    def rate(self) -> float:
        return float(self.step.optimizer.param_groups[0]["lr"])

    def batches(self, step: int) -> Batches:
        device, last = self.step.device, self.step.form.channels_last
        return [(device.move(x, last), device.move(y)) for x, y in self.feed.at(step)]

    def lay_masks(self, part: int, x: Any) -> None:
        self.masks.lay(self.position.step, x, self.forward, part)

    def forward(self, x: Any) -> object:
        with self.step.device.autocast():
            return answer(self.step.model, x)

    def refuse(self, log: RunLog, outcome: Outcome, batches: Batches) -> None:
        """What is not finite has changed nothing: stop and say so, or count it and go on with the next batch."""
        where = blame(self.step, batches)
        what = f"gradient norm {outcome.norm}" if math.isfinite(outcome.loss) else f"loss {outcome.loss}"
        epoch, update = divmod(self.position.step, self.feed.updates)
        place = f"step {self.position.step} (epoch {epoch + 1}, batch {update + 1} of {self.feed.updates})"
        row = self.position.in_a_row + 1
        if self.settings.nonfinite == "skip" and row < self.settings.skips:
            text = f"skipped: {what} at {place}, first in {where}"
            self.tell(log, "skip", text=text, loss=outcome.loss, grad_norm=outcome.norm, first_in=where)
            return
        self.save(log)
        self.tell(log, "stop", reason=f"{what}, first in {where}")
        before = f", the last of {row} in a row" if row > 1 else ""
        raise NonFinite(
            f"{what} at {place}{before}, first in {where}: nothing was changed by this step; "
            "try a smaller lr, clip=1.0, or look at the data of this batch"
        )

    # -- judging --------------------------------------------------------------------------------------------------

    def judge(self, log: RunLog) -> None:
        """The end of an epoch: validate, keep the best, save."""
        position = self.position
        figures = {"train_loss": position.loss_sum / position.samples if position.samples else math.nan}
        if self.data.val:
            figures |= {f"val_{k}": v for k, v in self.evaluate(self.data.val).figures().items() if k != "count"}
        position.epochs += 1
        position.loss_sum, position.samples = 0.0, 0
        # Of epochs with the same share of right answers the surer one is better: the loss decides.
        score = [self.sign * figures[self.metric], -figures.get("val_loss", figures["train_loss"])]
        weights = self.average.weights if self.average else self.step.model.state_dict()
        self.compare(log, score, weights, figures[self.metric])
        opened = self.opening(position.epochs)
        self.started = self.started and not opened  # the compiler sees another step
        self.schedule.epoch(figures.get("val_loss", figures["train_loss"]))
        self.tell(log, "epoch", epoch=position.epochs, lr=self.rate(), seconds=position.seconds, **figures)
        for line in opened:
            self.tell(log, "note", text=line)
        # An epoch of a single update may be over in less time than the disk needs.
        if self.feed.updates > 1 or opened or self.finished() or time.monotonic() - self.saved >= BRIEF:
            self.save(log)

    def evaluate(self, split: Any) -> Any:
        if self.average is None:
            return self.task.evaluate(self.step.model, split, self.step.device)
        with self.average.swapped():
            return self.task.evaluate(self.step.model, split, self.step.device)
