"""How a network did on a part of the data: figures, tables, curves, worst answers. · 一次评估的全部结果。

symbols  scores [N, C]: log-probabilities of classes, logits of labels, or numbers   target [N] or [N, C]
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from .. import catalog
from ..data import sampler
from ..data.dataset import Split
from ..errors import UserError
from .device import Device
from .metrics.calibration import Calibration, temperature
from .metrics.ranking import Ranking, ranking
from .supervised import Supervised
from .views import mean

Views = Callable[[Tensor], list[tuple[float, Tensor]]]


@dataclass(frozen=True)
class Judgement:
    """The answers to every sample, and what they are worth. · 各样本的答案及其评价。

    figures by name; plain the figures without test-time augmentation, empty where there was none
    """

    kind: str
    classes: tuple[str, ...]
    split: Split
    scores: Tensor
    target: Tensor
    figures: dict[str, float]
    plain: dict[str, float]
    confusion: list[list[int]] | None
    tta: str = "none"

    @property
    def probabilities(self) -> Tensor:
        """Of each class, [N, C]: they sum to 1 for classes, each stands alone for labels. · 各类概率。"""
        return self.scores.sigmoid() if self.kind == "multilabel" else self.scores.exp()

    @property
    def truth(self) -> Tensor:
        """Whether a sample is of a class, bool [N, C]. · 样本是否属于某类。"""
        if self.kind == "multilabel":
            return self.target > 0.5
        return self.target[:, None] == torch.arange(len(self.classes))

    def rankings(self) -> list[Ranking]:
        """Each class against the rest. · 每类对其余各类。"""
        truth = self.truth
        return [ranking(self.scores[:, c], truth[:, c]) for c in range(len(self.classes))]

    def calibration(self) -> Calibration:
        """Whether the answers are right as often as they say. · 校准。"""
        made, p = Calibration(), self.probabilities
        if self.kind == "multilabel":
            named = p >= 0.5
            made.add(torch.where(named, p, 1 - p).flatten(), (named == self.truth).flatten())
        else:
            best = p.max(-1)
            made.add(best.values, best.indices == self.target)
        return made

    def warmth(self) -> float:
        """The temperature these answers would need, see `temperature`; nan for labels. · 所需温度。"""
        return temperature(self.scores, self.target) if self.kind == "classification" else math.nan

    def cooled(self, by: float) -> Calibration:
        """The calibration after dividing the logits by a temperature. · 温度缩放后的校准。"""
        made, best = Calibration(), (self.scores / by).softmax(-1).max(-1)
        made.add(best.values, best.indices == self.target)
        return made

    def table(self) -> list[dict[str, Any]]:
        """A row for each class: precision, recall, F1, support, AUC, average precision. · 各类指标。"""
        truth, named = self.truth, self.named()
        right, there, said = (named & truth).sum(0).tolist(), truth.sum(0).tolist(), named.sum(0).tolist()
        rows = []
        for c, found in enumerate(self.rankings()):
            rows.append(
                {
                    "class": self.classes[c],
                    "support": there[c],
                    "precision": right[c] / said[c] if said[c] else math.nan,
                    "recall": right[c] / there[c] if there[c] else math.nan,
                    "f1": 2 * right[c] / (there[c] + said[c]) if there[c] + said[c] else math.nan,
                    "auc": found.auc,
                    "ap": found.average_precision,
                }
            )
        return rows

    def named(self) -> Tensor:
        """Which classes a sample was said to be of, bool [N, C]. · 判定结果。"""
        if self.kind == "multilabel":
            return self.scores >= 0
        return self.scores.argmax(-1)[:, None] == torch.arange(len(self.classes))

    def worst(self, most: int) -> list[tuple[int, float]]:
        """Samples with a wrong answer, the surest first: (index, probability of it). · 最严重的错误。"""
        wrong = self.named() != self.truth
        p = self.probabilities
        # A label that is missing is as wrong as it was unlikely.
        surety = torch.where(wrong, torch.where(self.named(), p, 1 - p if self.kind == "multilabel" else p * 0), -1.0)
        surest = surety.amax(-1)
        order = surest.argsort(descending=True, stable=True)[:most]
        return [(int(i), float(surest[i])) for i in order if surest[i] >= 0]


@torch.no_grad()
def judge(
    network: torch.nn.Module, task: Supervised, split: Split, device: Device, tta: str = "none", batch_size: int = 256
) -> Judgement:
    """Ask a network about every sample of a part; its mode stays as it is. · 在某部分数据上评估网络。

    tta  one of `catalog.VIEWS`: each image is seen in several ways and the probabilities are averaged. Raises
    `UserError` for one that is unknown or where the samples are no images.
    """
    views = views_of(tta, split.batch(torch.arange(min(1, len(split))))[0])
    plain, averaged, scores, targets = task.metrics(), task.metrics(), [], []
    was_training = network.training
    network.eval()
    try:
        for b in range(sampler.batches(len(split), batch_size)):
            x, y = split.batch(torch.arange(b * batch_size, min(len(split), (b + 1) * batch_size)))
            outs = ask(network, task, device, x, views)
            y = device.move(y)
            plain.add(outs[0][1], y, float(task.loss(outs[0][1], y)))
            joined = average(task.kind, outs)
            if tta != "none":
                probable = task.kind == "multilabel" or task.name in ("auto", "cross_entropy", "nll")
                averaged.add(joined, y, float(task.loss(joined if probable else mean(outs), y)))
            scores.append(joined.cpu())
            targets.append(y.cpu())
    finally:
        network.train(was_training)
    if any(bool(part.isnan().any()) for part in scores):
        raise UserError(
            f"the network answers {split.names(0)} or a later sample with nan: expected numbers; train anew"
        )
    best = plain if tta == "none" else averaged
    confusion = getattr(best, "confusion", None)
    return Judgement(
        task.kind,
        task.classes,
        split,
        torch.cat(scores).double(),
        torch.cat(targets),
        best.figures(),
        {} if tta == "none" else plain.figures(),
        None if confusion is None else confusion.tolist(),
        tta,
    )


def views_of(tta: str, x: Tensor) -> Views:
    """The function that gives the views of a batch like x. · 视图函数。"""
    make: Views = catalog.entry("tta", catalog.VIEWS, tta).load()
    if tta != "none" and x.ndim != 4:
        raise UserError(f"tta={tta}: expected images [channels, height, width], the samples are {list(x.shape[1:])}")
    return make


def average(kind: str, outs: list[tuple[float, Tensor]]) -> Tensor:
    """The answer to several views of one image, float64: probabilities are averaged, not logits. · 合并各视图的答案。

    Log-probabilities of classes, logits of labels, numbers as they are.

    >>> average("classification", [(0.5, torch.tensor([[0.0, 0.0]])), (0.5, torch.tensor([[0.0, 99.0]]))]).exp()
    tensor([[0.2500, 0.7500]], dtype=torch.float64)
    """
    if kind == "classification":
        if len(outs) == 1:
            return outs[0][1].double().log_softmax(-1)
        return mean((weight, out.double().softmax(-1)) for weight, out in outs).log()
    if kind == "multilabel" and len(outs) > 1:
        return mean((weight, out.double().sigmoid()) for weight, out in outs).logit()
    return mean((weight, out.double()) for weight, out in outs)


def ask(
    network: torch.nn.Module, task: Supervised, device: Device, x: Tensor, views: Views
) -> list[tuple[float, Tensor]]:
    """What the network says of each view, with its weight; the first is the image itself. · 逐视图作答。"""
    outs = []
    for weight, view in views(device.move(x)):
        with device.autocast():
            out = network(view)
        outs.append((weight, out[:, : len(task.classes)] if task.classes else out))
    return outs
