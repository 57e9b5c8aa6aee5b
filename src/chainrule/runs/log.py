"""The log of a run: one event a line, the truth for terminal, page and plots. · 运行日志：每行一个事件。

Events that the reports know (all others are kept and ignored):

start   model, data, metric (the figure that decides, e.g. "val_accuracy"), mode ("max" or "min"), settings, …
step    step, epoch (a fraction, 2.5 = half of the third), loss, lr
epoch   epoch (done so far), step, lr, train_loss, val_loss, val_accuracy, … (any train_X and val_X)
resume  step: what was logged after that step is void, it will happen again
skip    step, text, loss, grad_norm, first_in: an update that was left out
stop    step, reason            finish  step

Lines are strict JSON: nan and inf are the strings "NaN", "Infinity", "-Infinity", as in protobuf's JSON.
"""

import json
import math
import os
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from ..errors import UserError

Event = dict[str, Any]
_SPECIAL = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


def dumps(value: Any, indent: int | None = None) -> str:
    """Strict JSON, numbers exact. · 严格 JSON，数值精确。

    >>> dumps({"loss": float("nan"), "lr": 0.1})
    '{"loss": "NaN", "lr": 0.1}'
    """
    return json.dumps(_strict(value), ensure_ascii=False, allow_nan=False, indent=indent)


def _strict(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, dict):
        return {key: _strict(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_strict(inner) for inner in value]
    return value


def loads(text: str | bytes) -> Any:
    """What `dumps` wrote; the literals NaN and Infinity are read too. · 读回。

    >>> loads('{"loss": "NaN", "lr": 0.1}')
    {'loss': nan, 'lr': 0.1}
    """
    return _loose(json.loads(text))


def _loose(value: Any) -> Any:
    if isinstance(value, str):
        return _SPECIAL.get(value, value)
    if isinstance(value, dict):
        return {key: _loose(inner) for key, inner in value.items()}
    return [_loose(inner) for inner in value] if isinstance(value, list) else value


class RunLog:
    """Append events to a log; each is one write, so a kill never loses one that was logged. · 追加事件。

    A full disk does not stop the run: what could not be written waits (`waiting` bytes) and goes first the next time.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp(), "log.jsonl")
    >>> with RunLog(path) as log:
    ...     log.write("step", step=1, loss=0.5)
    >>> [(e["event"], e["step"]) for e in read(path)]
    [('step', 1)]
    """

    def __init__(self, path: Path):
        self.path = Path(path)
        self._pending = b""
        try:
            self._fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o666)
        except OSError as error:
            raise UserError(f"cannot write the log {self.path}: {error.strerror}") from error
        self._cut_torn_line()

    def _cut_torn_line(self) -> None:
        """A kill in the middle of a write leaves half a line: the next event must not be glued to it."""
        size = os.fstat(self._fd).st_size
        end = start = size
        while start and (start == size or end == start):
            start = max(0, start - (1 << 16))
            end = start + os.pread(self._fd, 1 << 16, start)[: end - start].rfind(b"\n") + 1
        if end < size:
            os.ftruncate(self._fd, end)

    @property
    def waiting(self) -> int:
        """Bytes that a full disk has kept from being written. · 因磁盘满而待写的字节数。"""
        return len(self._pending)

    def write(self, event: str, **fields: Any) -> None:
        """Log one event now. · 立即记录一个事件。"""
        line = dumps({"event": event, "time": round(time.time(), 3), **fields})
        self._pending += line.encode("utf-8", "backslashreplace") + b"\n"
        try:
            while self._pending:
                written = os.write(self._fd, self._pending)
                if written == 0:
                    return
                self._pending = self._pending[written:]
        except OSError:
            return

    def sync(self) -> None:
        """Flush to the disk, as each checkpoint does. · 刷到磁盘（与检查点同步）。"""
        try:
            os.fsync(self._fd)
        except OSError:
            return  # the checkpoint beside it reports a failing disk; the log never stops a run

    def close(self) -> None:
        """Flush and close; a second call does nothing. · 刷新并关闭。"""
        if self._fd >= 0:
            self.sync()
            os.close(self._fd)
            self._fd = -1

    def __enter__(self) -> "RunLog":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def read(path: Path, skip: str = "") -> Iterator[Event]:
    """All events as logged; lines that are torn or damaged are left out. · 逐个读取事件，略过残行。

    skip  a kind of event of which only the last of a row is wanted (a list of runs has no use for a million steps)

    Raises `UserError` when there is a log that cannot be read.
    """
    prefix = f'{{"event": "{skip}"'.encode()
    if not Path(path).exists():
        return
    try:
        with Path(path).open("rb") as file:
            last = b""
            for line in file:
                if skip and line.startswith(prefix):
                    last = line
                    continue
                yield from _events(last, line)
                last = b""
            yield from _events(last)
    except OSError as error:
        raise UserError(f"cannot read the log {path}: {error.strerror}") from error


def _events(*lines: bytes) -> Iterator[Event]:
    for line in lines:
        try:
            event = loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(event, dict) and isinstance(event.get("event"), str):
            yield event


def history(events: Iterable[Event]) -> list[Event]:
    """What happened, each step once: a resume voids what came after its step, a repeated step replaces the old.

    · 每一步只计一次：恢复使其后的记录作废，重复的步以新者为准。

    >>> old = [{"event": "step", "step": 1}, {"event": "step", "step": 2, "loss": 9}]
    >>> history([*old, {"event": "resume", "step": 1}, {"event": "step", "step": 2, "loss": 3}])[-1]["loss"]
    3
    """
    kept: dict[tuple, Event] = {}
    for count, event in enumerate(events):
        kind, step = event["event"], _step(event)
        if kind == "resume":
            kept = {key: old for key, old in kept.items() if _step(old) <= step}
        key = (kind, step) if kind in ("step", "epoch") else (kind, step, count)
        kept.pop(key, None)
        kept[key] = event
    return list(kept.values())


def _step(event: Event) -> float:
    step = event.get("step", 0)
    return step if isinstance(step, int | float) else 0
