"""What one can ask of a run that was trained. · 可以问一次已训练运行的问题。"""

import functools
import sys
from os import PathLike
from pathlib import Path
from typing import Any, ClassVar

import torch

from .. import catalog
from ..errors import UserError
from ..kinds import KINDS
from ..optim.wrapping import innermost
from ..runfile import from_file
from ..runs import checkpoint
from ..runs.folder import RunFolder
from ..runs.log import history, read
from ..runs.manifest import generations
from ..runs.report import write
from ..runs.verdict import verdict
from . import start, state
from .device import Device
from .kind import of

WEIGHTS = ("best", "last", "average")


class Run:
    """A run that was trained: its figures, its network. Each kind of learning adds what it is used for. · 一次运行。

    The weights are those of the best epoch: by the validation figure, or by the training loss where nothing was held
    out; `use("last")` gives the same run with its last ones, `use("average")` with the average that it kept: with ema=
    the one that was judged, with optimizer=asgd its own as it was last (running statistics of norms as they are).
    """

    use_it: ClassVar[tuple[str, str]] = ("evaluate", "")  # the command that its user wants next, and what it takes
    instead: ClassVar[dict[str, tuple[str, str, str]]] = {}  # command → why not, and one that it has
    decides: str = "accuracy"  # the figure by which it is compared with its baselines

    def __init__(self, folder: RunFolder, which: str = "best"):
        if which not in WEIGHTS:
            raise UserError(f"weights={which!r}: expected {' or '.join(WEIGHTS)}")
        self.folder, self.which = folder, which
        self.model, self.data, self.settings = from_file(folder.run_toml)
        if which == "average" and not self.settings.ema and self.settings.optimizer != "asgd":
            raise UserError(
                f"run {folder.name!r} keeps no average of its weights: expected one trained with ema=0.999 or with "
                "optimizer=asgd"
            )
        self._network: torch.nn.Module | None = None
        self._read: tuple[str, Any] | None = None
        self.kind: Any = of(self.model)
        self.seen: dict[str, Any] = {}  # part → its metrics, where the run was judged just now

    def __repr__(self) -> str:
        return f"Run({str(self.path)!r}, {self.model} on {self.data})"

    def use(self, weights: str) -> "Run":
        """The same run with its "best", "last" or "average" weights. · 选用最佳、最后或平均的权重。

        Raises `UserError` for another word, and where the run keeps no average.
        """
        return type(self)(self.folder, weights)

    @property
    def path(self) -> Path:
        return self.folder.path

    @functools.cached_property
    def saved(self) -> checkpoint.Generation:
        """The weights to use with what they remember of the data; damaged ones are named and passed over."""

        def warn(line: str) -> None:
            print(line, file=sys.stderr)

        if self.which == "last" or self.swaps or not generations(self.folder.best):
            return checkpoint.load(self.folder.checkpoints, warn)
        try:
            return checkpoint.load(self.folder.best, warn)
        except UserError as error:
            last = checkpoint.load(self.folder.checkpoints, warn)
            warn(f"{error}; using the last weights ({last.path.name}) instead")
            return last

    @property
    def swaps(self) -> bool:
        """Whether the weights are those that the optimizer averaged. · 是否使用优化器自己的平均。"""
        return self.which == "average" and self.settings.optimizer == "asgd"

    @property
    def weights(self) -> str:
        """Which weights are used, in words. · 所用权重的说明。"""
        what = " (average)" if self.swaps else " (best epoch)" if self.folder.best in self.saved.path.parents else ""
        return f"step {self.saved.step}{what}"

    @functools.cached_property
    def facts(self) -> Any:
        """What the network remembers of its data. · 网络记住的数据信息。"""
        return self.kind.remembered(self.saved.state["facts"])

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes, where it learned classes. · 类别名。"""
        return ()

    @property
    def network(self) -> torch.nn.Module:
        """The network in evaluation mode, on the CPU. · 网络（评估模式，CPU）。"""
        if self._network is None:
            self._network = self._made()
        return self._network.eval()

    def _made(self) -> torch.nn.Module:
        made: torch.nn.Module = self.kind.network(self.model, self.settings, self.facts)
        self.load(made)
        start.as_begun(made, self.folder)
        return made

    @property
    def begun(self) -> dict[str, Any]:
        """Where the first weights came from: file, sha256, lines; empty for drawn ones. · 起始权重的来源。"""
        return start.kept(self.folder)

    def load(self, network: torch.nn.Module) -> None:
        """The chosen weights into a network of this run. · 载入所选权重。

        Raises `UserError` where they are of another model, and where ASGD has not begun to average.
        """
        average = {} if self.swaps else state.under(self.saved.tensors, "average")
        state.load_weights(network, average or state.under(self.saved.tensors, "model"))
        if not self.swaps:
            return
        made = self.kind.optimizer(network, self.settings)
        asgd, t = innermost(made), self.saved.step
        t0 = asgd.defaults["t0"]
        if t <= t0:
            raise UserError(
                f"run {self.folder.name!r} made {t} updates, and optimizer=asgd averages after t0={t0:g}: "
                "expected a run with a smaller t0"
            )
        state.load_optimizer(made, self.saved.tensors, self.saved.state)
        asgd.swap_average()

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
        """The figures of a part of the data it was trained on, or of other data like it. · 评估指标。

        split "train", "val" or "test". Raises `UserError` where there is no such part.
        """
        part = self.part(data, split)
        task = self.kind.task(self.settings, self.facts)
        return task.evaluate(self.network, part, Device("cpu")).figures()

    def part(self, data: str | PathLike[str] | None, split: str) -> Any:
        """A part of the data as this run sees it. · 数据的某一部分。"""
        if split not in ("train", "val", "test"):
            raise UserError(f"split={split!r}: expected train, val or test")
        part = getattr(self.read(data), split)
        if part is None:
            raise UserError(f"data {data or self.data} has no part {split!r}: expected one that it has")
        return part

    def read(self, data: str | PathLike[str] | None) -> Any:
        """The data as this run sees it; what was read last is kept, for one often asks about two of its parts."""
        source = str(data or self.data)
        if self._read is None or self._read[0] != source:
            self._read = source, self._load(source)
        return self._read[1]

    def _load(self, source: str) -> Any:
        return self.kind.dataset(self.model, source, self.settings)

    @property
    def verdict(self) -> tuple[str, str] | None:
        """Which baselines the network beats and which not, in English and Chinese. · 是否胜过基线。"""
        done = self.finished
        return verdict(done.get("metrics", {}), done.get("baselines", {}), self.decides)

    def write_report(self) -> list[Path]:
        """Curves, confusion matrix and tables from the log, in `report/`; returns its files. · 由日志写出报告。"""
        done, way = self.finished, KINDS[catalog.kind(self.model)]
        title = f"{self.model} · {self.facts.name}"
        told = done.get("metrics", {}), done.get("confusion"), self.classes, title, done.get("baselines")
        names = write(self.folder, *told, verdict=self.verdict, more=way.draw(self))
        return [self.folder.report / name for name in names]


def tell_faults(faults: list[str], broken: list[str] | None) -> None:
    """What could not be read: the lines go to the list that takes them, else they are raised. · 处理无法读取的条目。

    >>> lines: list[str] = []
    >>> tell_faults(["a.png: no image"], lines)
    >>> lines
    ['a.png: no image']
    """
    if broken is not None:
        broken += faults
    elif faults:
        raise UserError(*faults)
