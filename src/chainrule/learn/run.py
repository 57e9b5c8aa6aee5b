"""A run from beginning to end, and what one can ask of it. · 一次运行的始终，以及可以问它什么。

>>> import chainrule, tempfile
>>> run = chainrule.train("mlp", "digits", epochs=1, runs=tempfile.mkdtemp())
>>> run.metrics["test_accuracy"] > 0.5
True
"""

import functools
import sys
from collections.abc import Iterable
from dataclasses import dataclass, replace
from os import PathLike, fspath
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import torch

from ..catalog import check_pair
from ..data.dataset import DataSet
from ..data.reading import load
from ..errors import UserError
from ..gear import current, gear
from ..runs import checkpoint
from ..runs.durable import WriteFailed
from ..runs.durable import replace as rewrite
from ..runs.folder import RunFolder
from ..runs.log import RunLog, history, read
from ..runs.manifest import generations
from ..runs.report import write
from ..settings import RESUMABLE, Settings, from_file, make, parse, to_toml
from . import build, state
from .device import Device, choose
from .facts import Facts
from .feed import Feed
from .loop import Loop, OnEvent
from .predict import Prediction, predict
from .session import session
from .step import Form, Step
from .supervised import Supervised
from .tune import measure


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
    if settings.gear == "auto":
        settings = replace(settings, gear=current())
    source = _named(model, data)
    with session(settings.seed, settings.threads):
        parts = Parts.build(model, source, settings)
        folder = RunFolder.create(Path(settings.runs), settings.name, to_toml(model, source, settings), model, source)
        with folder.lock(), RunLog(folder.log) as log, gear(settings.gear):
            return _begin(parts, folder, log, on_event)


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
        "parameters": build.count(parts.network),
        "device": parts.device.kind,
        "precision": parts.device.precision,
    }
    loop.begin(log, **known, form=str(loop.step.form))
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
    with folder.lock(), RunLog(folder.log) as log, gear(settings.gear), session(settings.seed, settings.threads):
        parts = Parts.build(model, source, settings)
        if _never_began(folder):
            return _begin(parts, folder, log, on_event)
        loop = parts.loop(folder, on_event)
        loop.take_up(log, old.epochs, model=model, data=source)
        if changed or data is not None:
            rewrite(folder.run_toml, to_toml(model, source, settings).encode())
        return _finish(loop, parts, log)


def _never_began(folder: RunFolder) -> bool:
    """Whether the run was stopped before its first checkpoint, while its form was measured for example."""
    return not generations(folder.checkpoints) and all(e["event"] in ("start", "note") for e in read(folder.log))


def open_run(path: str | PathLike[str]) -> "Run":
    """A run that was trained before. · 打开已有的运行。"""
    return Run(RunFolder.open(path))


@dataclass
class Parts:
    """What a run is made of, before its folder exists: a mistake leaves no folder behind. · 运行的组成部分。"""

    model: str
    source: str
    settings: Settings
    device: Device
    data: DataSet
    task: Supervised
    network: torch.nn.Module

    @classmethod
    def build(cls, model: str, source: str, settings: Settings) -> "Parts":
        check_pair(model, settings.model, source)
        device = choose(settings.device, settings.precision)
        data = build.dataset(model, source, settings)
        task = build.task(settings, data)
        network = build.network(model, settings, data)
        build.fits(network, model, task, data, settings)
        return cls(model, source, settings, device, data, task, network.to(device.kind))

    def loop(self, folder: RunFolder, on_event: OnEvent | None) -> Loop:
        settings, optimizer = self.settings, build.optimizer(self.network, self.settings)
        feed = Feed(self.data, build.training_part(self.data, settings), settings)
        schedule = build.schedule(optimizer, settings, feed.updates)
        plain = Form("no", bool(settings.channels_last))
        step = Step(self.network, self.task, optimizer, self.device, settings.clip, plain)
        return Loop(folder, settings, self.data, self.task, step, schedule, feed, on_event)

    def form(self, loop: Loop, log: RunLog) -> Form:
        """The form that was asked for, or the fastest of those measured. · 所求或实测最快的形式。"""
        settings = self.settings
        if not settings.tune:
            apart = settings.graph == "two" or settings.accumulate > 1 or self.device.scaled
            how = ("two" if apart else "one") if settings.compile else "no"
            # Compiled, a network of convolutions gains from it wherever it was measured (benchmarks/README.md).
            images = how != "no" and any(isinstance(m, torch.nn.Conv2d) for m in self.network.modules())
            last = images if settings.channels_last is None else settings.channels_last
            return Form(how, last)
        optimizer = functools.partial(build.optimizer, settings=settings)
        times = measure(self.network, self.task, self.device, loop.feed.at(0), optimizer, settings.compile)
        table = "; ".join(f"{form} {seconds * 1e3:.2f} ms" for form, seconds in times.items())
        loop.tell(log, "note", text=f"measured a step: {table}")
        return min(times, key=lambda form: times[form])


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


class Run:
    """A run that was trained: its figures, its network, what it predicts. · 一次已训练的运行。

    The weights are those of the best epoch: by the validation figure, or by the training loss where nothing was held
    out.
    """

    def __init__(self, folder: RunFolder):
        self.folder = folder
        self.model, self.data, self.settings = from_file(folder.run_toml)
        self._network: torch.nn.Module | None = None

    def __repr__(self) -> str:
        return f"Run({str(self.path)!r}, {self.model} on {self.data})"

    @property
    def path(self) -> Path:
        return self.folder.path

    @functools.cached_property
    def saved(self) -> checkpoint.Generation:
        """The weights to use with what they remember of the data; damaged ones are named and passed over."""

        def warn(line: str) -> None:
            print(line, file=sys.stderr)

        if not generations(self.folder.best):
            return checkpoint.load(self.folder.checkpoints, warn)
        try:
            return checkpoint.load(self.folder.best, warn)
        except UserError as error:
            last = checkpoint.load(self.folder.checkpoints, warn)
            warn(f"{error}; using the last weights ({last.path.name}) instead")
            return last

    @property
    def weights(self) -> str:
        """Which weights are used, in words. · 所用权重的说明。"""
        return f"step {self.saved.step}" + (" (best epoch)" if self.folder.best in self.saved.path.parents else "")

    @functools.cached_property
    def facts(self) -> Facts:
        return Facts.from_json(self.saved.state["facts"])

    @property
    def network(self) -> torch.nn.Module:
        """The network in evaluation mode, on the CPU. · 网络（评估模式，CPU）。"""
        if self._network is None:
            self._network = build.network(self.model, self.settings, self.facts)
            self.load(self._network)
        return self._network.eval()

    def load(self, network: torch.nn.Module) -> None:
        average = state.under(self.saved.tensors, "average")
        state.load_weights(network, average or state.under(self.saved.tensors, "model"))

    @property
    def metrics(self) -> dict[str, float]:
        """The figures of the finished run: `test_accuracy`, `val_loss`, … · 最终指标。"""
        return self.finished.get("metrics", {})

    @property
    def finished(self) -> dict[str, Any]:
        """The event that ended the run, with metrics and confusion; empty while it goes on. · 结束事件。"""
        done = [e for e in history(read(self.folder.log)) if e["event"] == "finish"]
        return done[-1] if done else {}

    def evaluate(self, data: str | PathLike[str] | None = None, split: str = "test") -> dict[str, float]:
        """The figures on a part of the data it was trained on, or of other data with the same classes. · 评估。

        split "train", "val" or "test". Raises `UserError` where there is no such part or the classes differ.
        """
        if split not in ("train", "val", "test"):
            raise UserError(f"split={split!r}: expected train, val or test")
        facts, held = self.facts, {"val": self.settings.val, "seed": self.settings.seed}
        found = load(data or self.data, size=facts.shape[1:], channels=facts.shape[0], fit=facts.fit, **held)
        if found.classes != facts.classes:
            raise UserError(
                f"data {data}: classes {', '.join(found.classes[:6])}: expected those of the run, "
                f"{', '.join(facts.classes[:6])}"
            )
        part = getattr(found, split)
        if part is None:
            raise UserError(f"data {data or self.data} has no part {split!r}: expected one that it has")
        part = part.normalised(facts.mean, facts.std)
        task = build.task(self.settings, facts)
        return task.evaluate(self.network, part, Device("cpu")).figures()

    def predict(
        self,
        paths: str | PathLike[str] | Iterable[str | PathLike[str]],
        topk: int = 5,
        broken: list[str] | None = None,
    ) -> list[Prediction]:
        """What the network says of image files, or of all images in folders. · 预测图像。

        Raises `UserError` with a line for each file that is no image; a list `broken` takes those lines instead.
        """
        several = [paths] if isinstance(paths, str | PathLike) else paths
        return predict(self.network, self.facts, map(Path, several), topk, broken)

    def write_report(self) -> list[Path]:
        """Curves, confusion matrix and tables from the log, in `report/`; returns its files. · 由日志写出报告。"""
        done = self.finished
        title = f"{self.model} · {self.facts.name}"
        names = write(self.folder, done.get("metrics", {}), done.get("confusion"), self.facts.classes, title)
        return [self.folder.report / name for name in names]
