"""What one can ask of a run that was trained. · 可以问一次已训练运行的问题。"""

import functools
import sys
from collections.abc import Iterable, Iterator
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from ..data.dataset import DataSet
from ..data.files import absent, images
from ..data.reading import load
from ..errors import UserError
from ..optim.wrapping import innermost
from ..runfile import from_file
from ..runs import checkpoint
from ..runs.folder import RunFolder
from ..runs.log import history, read
from ..runs.manifest import generations
from ..runs.report import write
from . import build, shipping, start, state
from .device import Device
from .facts import Facts
from .judgement import Judgement, judge
from .predict import Asked, Prediction, predict

if TYPE_CHECKING:
    from ..look.explain import Explanation

WEIGHTS = ("best", "last", "average")


class Run:
    """A run that was trained: its figures, its network, what it predicts. · 一次已训练的运行。

    The weights are those of the best epoch: by the validation figure, or by the training loss where nothing was held
    out; `use("last")` gives the same run with its last ones, `use("average")` with the average that it kept: with ema=
    the one that was judged, with optimizer=asgd its own as it was last (running statistics of norms as they are).
    """

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
        self._read: tuple[str, DataSet] | None = None

    def __repr__(self) -> str:
        return f"Run({str(self.path)!r}, {self.model} on {self.data})"

    def use(self, weights: str) -> "Run":
        """The same run with its "best", "last" or "average" weights. · 选用最佳、最后或平均的权重。

        Raises `UserError` for another word, and where the run keeps no average.
        """
        return Run(self.folder, weights)

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
    def facts(self) -> Facts:
        return Facts.from_json(self.saved.state["facts"])

    @property
    def network(self) -> torch.nn.Module:
        """The network in evaluation mode, on the CPU. · 网络（评估模式，CPU）。"""
        if self._network is None:
            self._network = build.network(self.model, self.settings, self.facts)
            self.load(self._network)
            start.as_begun(self._network, self.folder)
        return self._network.eval()

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
        made = build.optimizer(network, self.settings)
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

    def judge(self, data: str | PathLike[str] | None = None, split: str = "test", tta: str = "none") -> Judgement:
        """All there is to say of a part of the data it was trained on, or of other data with the same classes. · 详评。

        split "train", "val" or "test"; tta one of `catalog.VIEWS`. Raises `UserError` where there is no such part, the
        classes differ, or the data is no images and views of them are asked for.
        """
        if split not in ("train", "val", "test"):
            raise UserError(f"split={split!r}: expected train, val or test")
        facts = self.facts
        found = self._load(data)
        if found.classes != facts.classes:
            raise UserError(
                f"data {data}: classes {', '.join(found.classes[:6])}: expected those of the run, "
                f"{', '.join(facts.classes[:6])}"
            )
        part = getattr(found, split)
        if part is None:
            raise UserError(f"data {data or self.data} has no part {split!r}: expected one that it has")
        part = part.normalised(facts.mean, facts.std)
        return judge(self.network, build.task(self.settings, facts), part, Device("cpu"), tta)

    def _load(self, data: str | PathLike[str] | None) -> DataSet:
        """The data as this run sees it; what was read last is kept, for one often asks about two of its parts."""
        source, facts = str(data or self.data), self.facts
        if self._read is None or self._read[0] != source:
            held = {"val": self.settings.val, "seed": self.settings.seed}
            found = load(source, size=facts.shape[1:], channels=facts.shape[0], fit=facts.fit, **held)
            self._read = source, build.one_fold(found, self.settings) if source == self.data else found
        return self._read[1]

    def evaluate(
        self, data: str | PathLike[str] | None = None, split: str = "test", tta: str = "none"
    ) -> dict[str, float]:
        """The figures alone; arguments and errors as of `judge`. · 评估指标。"""
        return self.judge(data, split, tta).figures

    def predict(
        self,
        paths: str | PathLike[str] | Iterable[str | PathLike[str]],
        topk: int = 5,
        broken: list[str] | None = None,
        tta: str = "none",
        threshold: float = 0.5,
    ) -> list[Prediction]:
        """What the network says of image files, of all images in folders, and of patterns like "a/*.png". · 预测图像。

        Raises `UserError` with a line for each file that is no image; a list `broken` takes those lines instead.
        """
        faults: list[str] = []
        found = list(self.stream(paths, Asked(topk, tta, threshold), faults))
        if faults and broken is None:
            raise UserError(*faults)
        if broken is not None:
            broken += faults
        return found

    def stream(
        self, paths: str | PathLike[str] | Iterable[str | PathLike[str]], asked: Asked, broken: list[str]
    ) -> Iterator[Prediction]:
        """The same one by one, in little memory however many there are. · 逐个预测，占用内存有限。

        A line for each file that is no image goes to `broken`. Raises `UserError` for paths that are not there.
        """
        several = [fspath(path) for path in ([paths] if isinstance(paths, str | PathLike) else paths)]
        if lines := absent(several):
            raise UserError(*lines)
        return predict(
            self.network, build.task(self.settings, self.facts), self.facts, images(several, broken), asked, broken
        )

    def explain(
        self,
        paths: str | PathLike[str] | Iterable[str | PathLike[str]],
        label: str | None = None,
        layer: str | None = None,
        method: str = "gradcam",
        topk: int = 3,
        broken: list[str] | None = None,
    ) -> "list[Explanation]":
        """Which part of each image speaks for a class, the likeliest of each if none is named. · 解释预测。

        label of the class; layer, method as `chainrule explain --help` tells. Raises `UserError` for what is not there,
        and with a line for each file that is no image; a list `broken` takes those lines instead.
        """
        from ..look.explain import Wish, explain  # which stands above this room, and is asked for only here

        several = [fspath(path) for path in ([paths] if isinstance(paths, str | PathLike) else paths)]
        if lines := absent(several):
            raise UserError(*lines)
        faults: list[str] = []
        task = build.task(self.settings, self.facts)
        wish = Wish(label, layer, method, topk)
        found = explain(self.network, task, self.facts, images(several, faults), wish, faults)
        if faults and broken is None:
            raise UserError(*faults)
        if broken is not None:
            broken += faults
        return found

    def export(
        self, to: str = "onnx", fold_bn: bool = False, out: str | PathLike[str] | None = None
    ) -> shipping.Exported:
        """Write the network for use elsewhere: "onnx", "torch" or "safetensors"; see `shipping.export`. · 导出网络。"""
        return shipping.export(self, to, fold_bn, out)

    def write_report(self) -> list[Path]:
        """Curves, confusion matrix and tables from the log, in `report/`; returns its files. · 由日志写出报告。"""
        done = self.finished
        title = f"{self.model} · {self.facts.name}"
        names = write(self.folder, done.get("metrics", {}), done.get("confusion"), self.facts.classes, title)
        return [self.folder.report / name for name in names]
