"""A run from beginning to end, and what one can ask of it. · 一次运行的始终，以及可以问它什么。

>>> import chainrule, tempfile
>>> run = chainrule.train("mlp", "digits", epochs=1, runs=tempfile.mkdtemp())
>>> run.metrics["test_accuracy"] > 0.5
True
"""

from collections.abc import Iterable
from dataclasses import replace
from os import PathLike, fspath
from pathlib import Path
from shlex import quote
from statistics import fmean, stdev
from typing import Any

from ..catalog import kind
from ..errors import UserError
from ..fields import RESUMABLE
from ..gear import current, gear
from ..runfile import from_file, to_toml
from ..runs.durable import WriteFailed
from ..runs.durable import replace as rewrite
from ..runs.folder import RunFolder
from ..runs.log import RunLog, read
from ..runs.manifest import generations
from ..settings import Settings, make, parse
from . import build, start
from .loop import Loop, OnEvent
from .parts import Parts
from .session import session
from .trained import Run


def train(
    model: str,
    data: str | PathLike[str],
    /,
    settings: Settings | None = None,
    on_event: OnEvent | None = None,
    **values: Any,
) -> "Run":
    """Make a run, train it, judge it, write its report. · 新建一次运行：训练、评估、写报告。

    model   a name of `chainrule models` or "package.module:Class"
    data    a name of `chainrule data` or the path of a folder
    values  settings by name, on top of `settings`
    The gear is the one in force, unless a setting says another. Random states and threads are afterwards as before.
    Raises `UserError` for whatever is wrong with the arguments, all at once.
    """
    settings = make(values, settings)
    if settings.seeds > 1:
        raise UserError(f"seeds={settings.seeds}: chainrule.train makes one run; use chainrule.train_seeds for several")
    if settings.folds and not settings.fold:
        raise UserError(f"folds={settings.folds}: chainrule.train makes one run; use chainrule.train_folds, or fold=1")
    if settings.gear == "auto":
        settings = replace(settings, gear=current())
    source = _named(model, data)
    if kind(model) == "vectors":
        return _vectors().train(model, source, settings, to_toml(model, source, settings), on_event)
    with session(settings.seed, settings.threads):
        parts = Parts.build(model, source, settings)
        folder = RunFolder.create(Path(settings.runs), settings.name, to_toml(model, source, settings), model, source)
        with folder.lock(), RunLog(folder.log) as log, gear(settings.gear):
            return _begin(parts, folder, log, on_event)


def _vectors() -> Any:
    """The training of word vectors, whose runs have neither a loop over samples nor a network."""
    from . import vectors

    return vectors


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


def _begin(parts: "Parts", folder: RunFolder, log: RunLog, on_event: OnEvent | None) -> "Run":
    loop, settings = parts.loop(folder, on_event), parts.settings
    loop.step.use(parts.form(loop, log))
    known = {"model": parts.model, "data": parts.source, "seed": settings.seed, "gear": settings.gear}
    known |= {
        "parameters": build.count(parts.network) + (parts.freezing.count if parts.freezing else 0),
        "device": parts.device.kind,
        "precision": parts.device.precision,
    }
    if parts.started:
        start.keep(folder, parts.started)
    loop.begin(log, **known, form=str(loop.step.form))
    lines = [*(parts.started.lines if parts.started else ()), *(parts.freezing.lines() if parts.freezing else ())]
    if settings.weights is None:
        lines += start.slow_norms(parts.network, loop.feed.updates * settings.epochs)
    for line in lines:
        loop.tell(log, "note", text=line)
    return _finish(loop, parts, log)


def train_seeds(
    model: str,
    data: str | PathLike[str],
    /,
    settings: Settings | None = None,
    on_event: OnEvent | None = None,
    **values: Any,
) -> "list[Run]":
    """One run for each of the seeds seed, seed+1, …; see `spread` for what came of them. · 多个种子各训练一次。"""
    settings = make(values, settings)
    runs = []
    for seed in range(settings.seed, settings.seed + settings.seeds):
        name = f"{settings.name}-seed{seed}" if settings.name else None
        runs.append(train(model, data, replace(settings, seeds=1, seed=seed, name=name), on_event))
    return runs


def spread(runs: "list[Run]") -> dict[str, tuple[float, float]]:
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
) -> "Run":
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
    if kind(model) == "vectors":
        return _vectors().resume(folder, source, settings, to_toml(model, source, settings), on_event)
    start.refuse_imported(folder)
    with folder.lock(), RunLog(folder.log) as log, gear(settings.gear), session(settings.seed, settings.threads):
        begins = _never_began(folder)
        parts = Parts.build(model, source, settings, begins)
        if begins:
            return _begin(parts, folder, log, on_event)
        start.as_begun(parts.network, folder)
        loop = parts.loop(folder, on_event)
        loop.take_up(log, old.epochs, model=model, data=source)
        for line in start.changed(folder, settings):
            loop.tell(log, "note", text=f"{line}: the checkpoint goes on with its own weights")
        if changed or data is not None:
            rewrite(folder.run_toml, to_toml(model, source, settings).encode())
        return _finish(loop, parts, log)


def _never_began(folder: RunFolder) -> bool:
    """Whether the run was stopped before its first checkpoint, while its form was measured for example."""
    return not generations(folder.checkpoints) and all(e["event"] in ("start", "note") for e in read(folder.log))


def open_run(path: str | PathLike[str], weights: str = "best") -> "Run":
    """A run that was trained before, with its "best", "last" or "average" weights. · 打开已有的运行。"""
    run = Run(RunFolder.open(path), weights)
    if kind(run.model) == "vectors":
        raise UserError(
            f"run {run.folder.name!r} holds word vectors: ask it by `chainrule vectors {quote(str(path))} …`"
        )
    return run


def _finish(loop: Loop, parts: Parts, log: RunLog) -> "Run":
    """Train to the end, judge with the weights to be used, write the report."""
    loop.run(log)
    run = Run(loop.folder)
    run.load(parts.network)
    judged = {"train": loop.feed.split} if parts.settings.overfit else {"val": parts.data.val, "test": parts.data.test}
    figures: dict[str, float] = {}
    confusion = None
    for name, split in judged.items():
        if split is not None:
            metrics = parts.task.evaluate(parts.network, split, parts.device)
            figures |= {f"{name}_{k}": v for k, v in metrics.figures().items()}
            confusion = getattr(metrics, "confusion", None)
    table = None if confusion is None else confusion.tolist()
    loop.tell(log, "finish", epoch=loop.position.epochs, metrics=figures, confusion=table, weights=run.weights)
    log.sync()
    try:
        run.write_report()
    except WriteFailed as error:  # the run itself is whole; `write_report` can be called again
        loop.tell(log, "note", text=str(error))
    return run
