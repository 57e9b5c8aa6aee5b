"""What one can ask of a run that was trained. · 可以问一次已训练运行的问题。"""

import functools
import sys
from collections.abc import Iterable
from os import PathLike
from pathlib import Path
from typing import Any

import torch

from ..data.reading import load
from ..errors import UserError
from ..runfile import from_file
from ..runs import checkpoint
from ..runs.folder import RunFolder
from ..runs.log import history, read
from ..runs.manifest import generations
from ..runs.report import write
from . import build, state
from .device import Device
from .facts import Facts
from .predict import Prediction, predict


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
