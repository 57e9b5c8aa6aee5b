"""A run from beginning to end, and what one can ask of it. · 一次运行的始终，以及可以问它什么。

>>> import chainrule, tempfile
>>> run = chainrule.train("mlp", "digits", epochs=1, runs=tempfile.mkdtemp())
>>> run.metrics["test_accuracy"] > 0.5
True
"""

from collections.abc import Iterable
from dataclasses import replace
from os import PathLike, fspath
from statistics import fmean, stdev
from typing import Any

from ..catalog import check_pair
from ..errors import UserError
from ..fields import RESUMABLE
from ..gear import current
from ..runfile import from_file
from ..runs.folder import RunFolder
from ..settings import Settings, make, parse, usual
from .kind import OnEvent, of


def train(
    model: str,
    data: str | PathLike[str],
    /,
    settings: Settings | None = None,
    on_event: OnEvent | None = None,
    **values: Any,
) -> Any:
    """Make a run, train it, judge it, write its report. · 新建一次运行：训练、评估、写报告。

    model   a name of `chainrule models` or "package.module:Class"
    data    a name of `chainrule data` or the path of a folder
    values  settings by name, on top of `settings`
    The gear is the one in force, unless a setting says another. Random states and threads are afterwards as before.
    Raises `UserError` for whatever is wrong with the arguments, all at once.
    """
    settings = make(values, settings or usual(model, values))
    if settings.seeds > 1:
        raise UserError(f"seeds={settings.seeds}: chainrule.train makes one run; use chainrule.train_seeds for several")
    if settings.folds and not settings.fold:
        raise UserError(f"folds={settings.folds}: chainrule.train makes one run; use chainrule.train_folds, or fold=1")
    if settings.gear == "auto":
        settings = replace(settings, gear=current())
    source = _named(model, data)
    check_pair(model, settings.model, source, settings.data)
    return of(model).train(model, source, settings, on_event)


def _named(model: Any, data: Any) -> str:
    """The source of the data as text; a network or an array in place of a name is a mistake one makes in Python."""
    lines = []
    if not isinstance(model, str):
        what = model.__name__ if isinstance(model, type) else type(model).__name__
        lines.append(f"model: expected its name, like 'lenet5' or 'package.module:{what}', got {what}")
    if not isinstance(data, str | PathLike):
        lines.append(f"data: expected a name or the path of a folder, got {type(data).__name__}")
    if lines:
        raise UserError(*lines)
    return str(fspath(data))


def train_seeds(
    model: str,
    data: str | PathLike[str],
    /,
    settings: Settings | None = None,
    on_event: OnEvent | None = None,
    **values: Any,
) -> list[Any]:
    """One run for each of the seeds seed, seed+1, …; see `spread` for what came of them. · 多个种子各训练一次。"""
    settings = make(values, settings or usual(model, values))
    return [train(model, data, one, on_event) for one in settings.seeded()]


def spread(runs: list[Any]) -> dict[str, tuple[float, float]]:
    """Figure → mean and standard deviation (n − 1) over runs. · 各指标在多次运行上的均值与标准差。"""
    figures = [run.metrics for run in runs]
    shared = [k for k in figures[0] if all(k in f for f in figures) and not k.endswith("count")]
    deviate = stdev if len(figures) > 1 else lambda _: 0.0
    return {k: (fmean(f[k] for f in figures), deviate([f[k] for f in figures])) for k in shared}


def resume(
    path: str | PathLike[str],
    changes: Iterable[str] = (),
    on_event: OnEvent | None = None,
    data: str | PathLike[str] | None = None,
    **values: Any,
) -> Any:
    """Continue a run from its newest sound checkpoint, bit for bit; `epochs=…` extends a finished one. · 续训。

    changes, values  settings as words or by name; data  where the same data lies now, if it was moved
    Raises `UserError` for what is no run, a run in use, a checkpoint of another model or of other data, or a change
    that would alter the past.
    """
    folder = RunFolder.open(path)
    model, source, old = from_file(folder.run_toml)
    source = source if data is None else _named(model, data)
    settings = make(values, parse([changes] if isinstance(changes, str) else changes, old))
    changed = [k for k, v in settings.values().items() if v != old.values()[k]]
    wrong = [k for k in changed if k not in RESUMABLE]
    if wrong:
        raise UserError(
            f"{', '.join(wrong)}: cannot change on resume, only {', '.join(RESUMABLE)} can; train a new run"
        )
    return of(model).resume(folder, source, settings, on_event)


def open_run(path: str | PathLike[str], weights: str = "best") -> Any:
    """A run that was trained before, with its "best", "last" or "average" weights. · 打开已有的运行。

    What it is depends on what it learned: `ImageRun`, `VectorRun`, … Raises `UserError` for what is no run.
    """
    folder = RunFolder.open(path)
    return of(from_file(folder.run_toml)[0]).run(folder, weights)
