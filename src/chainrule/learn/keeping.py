"""A run while it is trained: what it tells, when it is saved, how it stops and is taken up. · 训练期间的运行。

The loop shares this with the trainings that have steps of their own; each says by `kept` what it is made of.
"""

import math
import time
from shlex import quote
from typing import Any

from torch import Tensor

from ..errors import UserError
from ..runs import checkpoint
from ..runs.durable import WriteFailed
from ..runs.folder import RunFolder
from ..runs.log import RunLog
from ..settings import Settings
from .kind import OnEvent
from .stop import Request, Stopped, listening

SPANNING = ("cosine", "onecycle", "linear", "polynomial")  # schedules whose shape the length of the run decides


class Keeping:
    """A run in its folder. · 文件夹中的运行。

    data  has `source` and `fingerprint`; a checkpoint's "facts" hold the fingerprint
    position  has `step` and `epochs`: how far the run is; `waited`, `best` and `best_epoch` where epochs are compared
    """

    metric, mode = "train_loss", "min"  # the figure that decides, and whether less of it is better
    position: Any
    facts: Any  # what a checkpoint remembers of the data, where epochs are compared

    def __init__(self, folder: RunFolder, settings: Settings, data: Any, on_event: OnEvent | None = None):
        self.folder, self.settings, self.data, self.on_event = folder, settings, data, on_event
        self.saved = time.monotonic()
        self.unsaved: WriteFailed | None = None  # why the newest checkpoint is not on the disk
        self.again = f"`chainrule resume {quote(str(folder.path))}`"

    def kept(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Tensors and JSON of a checkpoint, "facts" and "position" among the latter. · 存档内容。"""
        raise NotImplementedError

    def tell(self, log: RunLog, event: str, **fields: Any) -> None:
        log.write(event, step=self.position.step, **fields)
        if self.on_event is not None:
            self.on_event({"event": event, "step": self.position.step, **fields})

    def begin(self, log: RunLog, **known: Any) -> None:
        """Say what is about to be done, and keep the first weights. Where they cannot be kept, nothing is begun."""
        self.tell(log, "start", metric=self.metric, mode=self.mode, **known)
        self.save(log)
        if self.unsaved:
            raise self.unsaved

    def save(self, log: RunLog) -> None:
        """A new generation. A full disk does not end the run: the old ones stand, and it is tried again later."""
        self.unsaved = None
        self.saved = time.monotonic()
        tensors, notes = self.kept()
        notes["settings"] = self.settings.defining()
        try:
            checkpoint.save(self.folder.checkpoints, self.position.step, tensors, notes, self.settings.keep)
        except WriteFailed as error:
            self.unsaved = error
            self.tell(log, "note", text=str(error))
            return
        log.sync()

    # -- how it goes on -------------------------------------------------------------------------------------------

    def advance(self, log: RunLog) -> None:
        """The next step, or the judgement of an epoch whose steps are made. · 前进一步，或评估已完成的一轮。"""
        raise NotImplementedError

    def leave(self) -> None:
        """Give back what the training held, however it ended. · 释放训练占用的资源。"""

    def run(self, log: RunLog) -> None:
        """Train until the epochs are over, patience runs out or somebody asks to stop."""
        if self.position.epochs >= self.settings.epochs:
            self.tell(log, "note", text=f"all {self.settings.epochs} epochs are trained; a larger epochs= goes on")
        with listening(self.again) as request:
            try:
                while not self.finished():
                    self.advance(log)
                    self.heed(request, log)
            finally:
                self.leave()
        self.close(log)

    def finished(self) -> bool:
        out_of_patience = self.settings.patience and self.position.waited >= self.settings.patience
        return self.position.epochs >= self.settings.epochs or bool(out_of_patience)

    def close(self, log: RunLog) -> None:
        """Say why it ended before its time; what is not on the disk by now is lost to all that comes after."""
        position = self.position
        if position.epochs < self.settings.epochs:
            text = f"stopped early after epoch {position.epochs}: no gain for {position.waited} epochs, the best was "
            self.tell(log, "note", text=f"{text}epoch {position.best_epoch}; a larger patience= goes on")
        if self.unsaved:
            self.save(log)
        if self.unsaved:
            raise type(self.unsaved)(f"{self.unsaved}; then {self.again} makes up for what is lost")

    def compare(self, log: RunLog, score: list[float], weights: dict[str, Tensor], figure: float) -> None:
        """Keep the weights of an epoch whose score, the higher the better, is above all before. · 保留最佳权重。

        Where the disk has no room for them, the next better epoch is the best.
        """
        position = self.position
        better = not any(map(math.isnan, score)) and (not position.best or score > position.best)
        position.waited = 0 if better else position.waited + 1
        if not better:
            return
        notes = {"epoch": position.epochs, self.metric: figure, "facts": self.facts.to_json()}
        try:
            tensors = {f"model/{k}": v for k, v in weights.items()}
            checkpoint.save(self.folder.best, position.step, tensors, notes, 2)
        except WriteFailed as error:
            self.tell(log, "note", text=str(error))
            return
        position.best, position.best_epoch = score, position.epochs

    def report(self, run: Any, log: RunLog) -> None:
        """Write the report; without room for it the run itself is whole, and it can be written again. · 写出报告。"""
        try:
            run.write_report()
        except WriteFailed as error:
            self.tell(log, "note", text=str(error))

    def heed(self, request: Request, log: RunLog) -> None:
        """Stop where somebody asked for it, and save when it is time. · 响应停止请求，按时存档。"""
        if request:
            self.save(log)
            self.tell(log, "stop", reason="asked to")
            where = "from the last checkpoint" if self.unsaved else "from here"
            raise Stopped(f"stopped at step {self.position.step}; {self.again} goes on {where}", request.number or 0)
        if time.monotonic() - self.saved >= self.settings.save_every:
            self.save(log)

    def found(self, log: RunLog) -> checkpoint.Generation:
        """The newest sound checkpoint. Raises `UserError` where it was made with other data. · 最新的完好存档。"""
        kept = checkpoint.load(self.folder.checkpoints, warn=lambda line: self.tell(log, "note", text=line))
        fingerprint = kept.state["facts"]["fingerprint"]
        if fingerprint != self.data.fingerprint:
            raise UserError(
                f"data {self.data.source} is not what run {self.folder.name!r} was trained on (sha256 "
                f"{self.data.fingerprint[:12]}…, expected {fingerprint[:12]}…): put it back or train a new run"
            )
        return kept

    def unchanged(self, kept: dict[str, Any]) -> None:
        """Refuse a run.toml that was edited so that the past would not be its own. · 拒绝改变过去的设置。"""
        then, now, epochs = kept.get("settings", {}), self.settings.defining(), kept["position"]["epochs"]
        changed = [f"{k} {then[k]} → {now[k]}" for k in now if k in then and then[k] != now[k]]
        if changed:
            raise UserError(
                f"{self.folder.run_toml} was changed since the last checkpoint ({', '.join(changed)}): "
                "put it back, or train a new run from it"
            )
        if self.settings.epochs < epochs:
            raise UserError(
                f"epochs={self.settings.epochs}: run {self.folder.name!r} has trained {epochs} already; "
                f"expected at least {epochs}, or train a new run"
            )

    def spans(self, log: RunLog, planned: int, lr: float) -> None:
        """Say what becomes of a schedule that was made for so many epochs. · 说明日程的变化。"""
        settings = self.settings
        if settings.schedule in SPANNING and settings.epochs != planned and not self.finished():
            text = f"schedule={settings.schedule} now spans {settings.epochs} epochs instead of {planned}"
            self.tell(log, "note", text=f"{text}: lr goes on at {lr:.4g}")
