"""What each run was and how far it got, without torch. · 列出各次运行的概况。"""

import math
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import UserError
from .folder import RunFolder
from .log import Event, history, read
from .manifest import generations, step_of


@dataclass(frozen=True)
class Summary:
    """One line of the list of runs. · 列表中的一行。

    state   running (a process holds it), finished, stopped (or killed), new (never started), damaged
    step    of the newest generation or event; epoch done so far
    best    of `metric`, over all epochs
    """

    name: str
    path: Path
    model: str
    data: str
    state: str
    step: int = 0
    epoch: float = 0.0
    metric: str = ""
    best: float | None = None
    started: float = 0.0


def list_runs(root: Path) -> list[Summary]:
    """All runs in a folder, the newest first. · 列出所有运行，新者在前。

    A folder that looks like a run and has no readable run.toml or log is listed as damaged.

    >>> import tempfile
    >>> root = Path(tempfile.mkdtemp())
    >>> run = RunFolder.create(root, "a", 'model = "mlp"')
    >>> [(s.name, s.model, s.state) for s in list_runs(root)]
    [('a', 'mlp', 'new')]
    """
    try:
        folders = [path for path in Path(root).iterdir() if path.is_dir() and not path.name.startswith(".")]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise UserError(f"cannot list the runs in {root}: {error.strerror}") from error
    runs = [summarize(RunFolder(path)) for path in folders if _looks_like_a_run(path)]
    return sorted(runs, key=lambda run: (-run.started, run.name))


def _looks_like_a_run(path: Path) -> bool:
    return any((path / part).exists() for part in ("run.toml", "log.jsonl", "checkpoints"))


def summarize(run: RunFolder) -> Summary:
    """The summary of one run. · 一次运行的概况。"""
    model, data, readable = _identity(run)
    try:
        events = history(read(run.log, skip="step"))
        started = run.path.stat().st_ctime
    except (UserError, OSError):
        events, started, readable = [], 0.0, False
    metric, best = best_figure(events)
    saved = generations(run.checkpoints)
    return Summary(
        name=run.name,
        path=run.path,
        model=model,
        data=data,
        state=_state(run, events, readable and (bool(events) or not _holds_bytes(run.log))),
        step=max([step_of(saved[0]) if saved else 0, *(int(number(e.get("step")) or 0) for e in events)]),
        epoch=max((number(e.get("epoch")) or 0.0 for e in events if e["event"] == "epoch"), default=0.0),
        metric=metric,
        best=best,
        started=next((t for e in events if (t := number(e.get("time"))) is not None), started),
    )


def number(value: Any) -> float | None:
    """A finite number, or None. · 有限数值，否则为空。

    >>> number(3), number("3"), number(float("nan"))
    (3.0, None, None)
    """
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        return float(value)
    return None


def lower_is_better(figure: str) -> bool:
    """Whether less of a figure is better: losses and errors. · 是否越小越好。

    >>> lower_is_better("val_loss"), lower_is_better("accuracy")
    (True, False)
    """
    return figure.endswith(("loss", "mse", "mae", "mase", "error"))


def best_figure(events: list[Event]) -> tuple[str, float | None]:
    """The figure that decides, and its best value; nan never wins. · 决定性指标及其最佳值。

    >>> best_figure([{"event": "epoch", "val_accuracy": 0.5}, {"event": "epoch", "val_accuracy": 0.75}])
    ('val_accuracy', 0.75)
    """
    start = next((event for event in events if event["event"] == "start"), {})
    epochs = [event for event in events if event["event"] == "epoch"]
    known = ("val_accuracy", "val_r2", "val_loss", "train_accuracy", "train_loss")
    metric = start.get("metric") or next((key for key in known for e in epochs[-1:] if key in e), "")
    lower = start["mode"] == "min" if "mode" in start else lower_is_better(str(metric))
    values = [value for event in epochs if (value := number(event.get(metric))) is not None]
    return str(metric), (min(values) if lower else max(values)) if values else None


def _identity(run: RunFolder) -> tuple[str, str, bool]:
    try:
        table = tomllib.loads(run.run_toml.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return "", "", False
    return str(table.get("model", "")), str(table.get("data", "")), True


def _holds_bytes(path: Path) -> bool:
    return path.is_file() and path.stat().st_size > 0


def _state(run: RunFolder, events: list[Event], readable: bool) -> str:
    if run.in_use():
        return "running"
    return outcome(events) if readable else "damaged"


def outcome(events: list[Event]) -> str:
    """How a run that nobody holds ended: new, stopped or finished. · 运行的结局。

    >>> outcome([{"event": "start"}, {"event": "step"}])
    'stopped'
    """
    last = next((e["event"] for e in reversed(events) if e["event"] in ("start", "resume", "stop", "finish")), None)
    return "new" if last is None else "finished" if last == "finish" else "stopped"
