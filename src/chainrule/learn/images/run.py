"""What one can ask of a run that learned from images. · 可以问一次图像学习运行的问题。"""

from collections.abc import Iterable, Iterator
from os import PathLike, fspath
from typing import TYPE_CHECKING

from ...data.dataset import DataSet
from ...data.files import absent, images
from ...data.reading import load
from ...errors import UserError
from .. import build, shipping
from ..device import Device
from ..judgement import Judgement, judge
from ..predict import Asked, Prediction, predict
from ..trained import Run, tell_faults

if TYPE_CHECKING:
    from ...look.explain import Explanation


class ImageRun(Run):
    """A run that learned classes, labels or numbers from images. · 一次图像学习的运行。"""

    use_it = ("predict", "IMAGE…")

    def judge(self, data: str | PathLike[str] | None = None, split: str = "test", tta: str = "none") -> Judgement:
        """All there is to say of a part of the data it was trained on, or of other data with the same classes. · 详评。

        split "train", "val" or "test"; tta one of `catalog.VIEWS`. Raises `UserError` where there is no such part, the
        classes differ, or the data is no images and views of them are asked for.
        """
        facts = self.facts
        part = self.part(data, split)
        found = self.read(data)
        if found.classes != facts.classes:
            raise UserError(
                f"data {data}: classes {', '.join(found.classes[:6])}: expected those of the run, "
                f"{', '.join(facts.classes[:6])}"
            )
        part = part.normalised(facts.mean, facts.std)
        return judge(self.network, build.task(self.settings, facts), part, Device("cpu"), tta)

    def _load(self, source: str) -> DataSet:
        facts, held = self.facts, {"val": self.settings.val, "seed": self.settings.seed}
        found = load(source, size=facts.shape[1:], channels=facts.shape[0], fit=facts.fit, **held)
        return build.one_fold(found, self.settings) if source == self.data else found

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
        tell_faults(faults, broken)
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
        from ...look.explain import Wish, explain  # which stands above this room, and is asked for only here

        several = [fspath(path) for path in ([paths] if isinstance(paths, str | PathLike) else paths)]
        if lines := absent(several):
            raise UserError(*lines)
        faults: list[str] = []
        task = build.task(self.settings, self.facts)
        wish = Wish(label, layer, method, topk)
        found = explain(self.network, task, self.facts, images(several, faults), wish, faults)
        tell_faults(faults, broken)
        return found

    def export(
        self, to: str = "onnx", fold_bn: bool = False, out: str | PathLike[str] | None = None
    ) -> shipping.Exported:
        """Write the network for use elsewhere: "onnx", "torch" or "safetensors"; see `shipping.export`. · 导出网络。"""
        return shipping.export(self, to, fold_bn, out)

    @property
    def classes(self) -> tuple[str, ...]:
        return self.facts.classes
