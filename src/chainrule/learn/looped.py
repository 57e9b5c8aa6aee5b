"""Learning step by step from batches: what a kind brings to the loop, and how a run of it begins and ends. · 循环训练。

The loop needs data in parts, a network, a task (loss and figures) and a feed (the batches of each update); everything
else — forms of a step, checkpoints, resuming, judging, the report — is the same for all.
"""

from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from ..errors import UserError
from ..gear import gear
from ..runfile import from_file, to_toml
from ..runs.durable import replace as rewrite
from ..runs.folder import RunFolder
from ..runs.log import RunLog, read
from ..runs.manifest import generations
from ..settings import Settings
from . import build, start
from .device import Device
from .kind import Kind, OnEvent, of
from .loop import Loop
from .parts import Parts
from .session import session


class Data(Protocol):
    """What is learned from: parts that the kind's feed and task understand; val, test None where there is none."""

    @property
    def source(self) -> str: ...
    @property
    def fingerprint(self) -> str: ...
    @property
    def train(self) -> Any: ...
    @property
    def val(self) -> Any: ...
    @property
    def test(self) -> Any: ...


class Task(Protocol):
    """What is made small, and what is reported."""

    def loss(self, out: Any, y: Any) -> Tensor: ...
    def count(self, y: Any) -> int:
        """How many samples a mean loss was taken over: batches weigh by it."""
        ...

    def metrics(self) -> Any:
        """`better`: the figure that decides, the higher the better unless `less`; `figures()`: name → number."""
        ...

    def evaluate(self, model: torch.nn.Module, split: Any, device: Device) -> Any: ...


class Feeding(Protocol):
    """The batches, update by update, each a function of (seed, step)."""

    updates: int

    def at(self, step: int) -> list[tuple[Any, Any]]: ...
    def close(self) -> None: ...


class Looped(Kind):
    """A kind of learning whose runs go through the loop. · 经由训练循环的学习种类。"""

    def dataset(self, model: str, source: str, settings: Settings) -> Any:
        """The data as a run with these settings sees it. · 读取数据。"""
        raise NotImplementedError

    def facts(self, data: Any) -> Any:
        """What a trained network must remember of its data: a `facts.Remembered`. · 需要记住的数据信息。"""
        raise NotImplementedError

    def remembered(self, kept: dict[str, Any]) -> Any:
        """The same, back from a checkpoint. · 由存档恢复。"""
        raise NotImplementedError

    def network(self, model: str, settings: Settings, data: Any) -> torch.nn.Module:
        """The network with its first weights; `data` is the data, or what is remembered of it. · 网络与初值。"""
        raise NotImplementedError

    def task(self, settings: Settings, data: Any) -> Any:
        """Loss and figures; `data` as for the network. · 任务。"""
        raise NotImplementedError

    def feed(self, data: Any, settings: Settings, place: str = "cpu") -> Any:
        """The batches of the training part. · 训练批次。"""
        raise NotImplementedError

    def fits(self, network: torch.nn.Module, parts: Parts) -> None:
        """Refuse a network that cannot learn from the data before a long run begins. · 预检。"""

    def notes(self, parts: Parts) -> list[str]:
        """What was done to the data that its user should know, told as the run begins. · 开始时告知的事项。"""
        return []

    def optimizer(self, network: torch.nn.Module, settings: Settings) -> Any:
        """The optimizer with its groups. · 优化器。"""
        return build.optimizer(network, settings)

    def judged(self, parts: Parts) -> dict[str, Any]:
        """Name → part that is judged at the end. · 训练结束时评估的部分。"""
        return {"val": parts.data.val, "test": parts.data.test}

    def baselines(self, parts: Parts) -> dict[str, dict[str, float]]:
        """Name → figures of what one has without a network, shown beside it so that nobody is fooled. · 基线。"""
        return {}

    def train(self, model: str, source: str, settings: Settings, on_event: OnEvent | None = None) -> Any:
        self.check(model, settings)
        with session(settings.seed, settings.threads):
            parts = Parts.build(self, model, source, settings)
            text = to_toml(model, source, settings)
            folder = RunFolder.create(Path(settings.runs), settings.name, text, model, source)
            with folder.lock(), RunLog(folder.log) as log, gear(settings.gear):
                return _begin(parts, folder, log, on_event)

    def resume(self, folder: RunFolder, source: str, settings: Settings, on_event: OnEvent | None = None) -> Any:
        model, before, old = from_file(folder.run_toml)
        start.refuse_imported(folder)
        with folder.lock(), RunLog(folder.log) as log, gear(settings.gear), session(settings.seed, settings.threads):
            begins = _never_began(folder)
            parts = Parts.build(self, model, source, settings, begins)
            if begins:
                return _begin(parts, folder, log, on_event)
            start.as_begun(parts.network, folder)
            loop = parts.loop(folder, on_event)
            loop.take_up(log, old.epochs, model=model, data=source)
            for line in start.changed(folder, settings):
                loop.tell(log, "note", text=f"{line}: the checkpoint goes on with its own weights")
            if settings != old or source != before:
                rewrite(folder.run_toml, to_toml(model, source, settings).encode())
            return _finish(loop, parts, log)


def batched(model: str, why: str) -> Looped:
    """The kind of a model that learns batch by batch; `why` this is needed. · 按批学习的种类。

    >>> batched("lenet5", "rates are tried batch by batch").few
    True
    """
    kind = of(model)
    if not isinstance(kind, Looped):
        raise UserError(f"{model} does not learn batch by batch, and {why}; expected another model")
    return kind


def _begin(parts: Parts, folder: RunFolder, log: RunLog, on_event: OnEvent | None) -> Any:
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
    lines = [
        *parts.kind.notes(parts),
        *(parts.started.lines if parts.started else ()),
        *(parts.freezing.lines() if parts.freezing else ()),
    ]
    if settings.weights is None:
        lines += start.slow_norms(parts.network, loop.feed.updates * settings.epochs)
    for line in lines:
        loop.tell(log, "note", text=line)
    return _finish(loop, parts, log)


def _never_began(folder: RunFolder) -> bool:
    """Whether the run was stopped before its first checkpoint, while its form was measured for example."""
    return not generations(folder.checkpoints) and all(e["event"] in ("start", "note") for e in read(folder.log))


def _finish(loop: Loop, parts: Parts, log: RunLog) -> Any:
    """Train to the end, judge with the weights to be used, write the report."""
    loop.run(log)
    run = parts.kind.run(loop.folder)
    run.load(parts.network)
    figures: dict[str, float] = {}
    confusion, remarks = None, dict[str, None]()
    for name, split in parts.kind.judged(parts).items():
        if split is not None:
            metrics = parts.task.evaluate(parts.network, split, parts.device)
            figures |= {f"{name}_{k}": v for k, v in metrics.figures().items()}
            confusion = getattr(metrics, "confusion", None)
            remarks |= dict.fromkeys(getattr(metrics, "remarks", ()))
            run.seen[name] = metrics
    told: dict[str, Any] = {"metrics": figures, "confusion": None if confusion is None else confusion.tolist()}
    if baselines := parts.kind.baselines(parts):
        told["baselines"] = baselines
    if remarks:
        told["remarks"] = list(remarks)
    loop.tell(log, "finish", epoch=loop.position.epochs, **told, weights=run.weights)
    log.sync()
    loop.report(run, log)
    return run
