"""A run while it is trained: what it tells, when it is saved, how it stops and is taken up. · 训练期间的运行。

The loop shares this with the trainings that have steps of their own; each says by `kept` what it is made of.
"""

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
from .stop import Request, Stopped


class Keeping:
    """A run in its folder. · 文件夹中的运行。

    data  has `source` and `fingerprint`; a checkpoint's "facts" hold the fingerprint
    position  has `step` and `epochs`: how far the run is
    """

    metric, mode = "train_loss", "min"  # the figure that decides, and whether less of it is better
    position: Any

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

    def settle(self, log: RunLog) -> None:
        """What is not on the disk by now is lost to all that comes after. · 结束前补存。"""
        if self.unsaved:
            self.save(log)
        if self.unsaved:
            raise type(self.unsaved)(f"{self.unsaved}; then {self.again} makes up for what is lost")

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
