"""Using a trained network on images of one's own. · 用训练好的网络识别自己的图像。"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import torch
from torch import Tensor

from ..data.dataset import read_image
from ..errors import UserError
from .device import Device
from .facts import Facts
from .judgement import ask, average, views_of
from .supervised import Supervised

BATCH = 64  # images at a time: a folder of any size is read in little memory


@dataclass(frozen=True)
class Prediction:
    """What the network says of one image: the likeliest class and the runners-up. · 对一张图像的预测。

    labels  the classes it was said to be of: one, or with several labels a sample all from the threshold on
    """

    path: Path
    label: str
    probability: float
    top: tuple[tuple[str, float], ...]
    labels: tuple[str, ...] = ()


@dataclass(frozen=True)
class Asked:
    """How the network is asked. · 提问方式。

    topk classes told of each image; tta one of `catalog.VIEWS`; threshold from which on a label is said to be there

    >>> Asked(topk=0)
    Traceback (most recent call last):
    ...
    chainrule.errors.UserError: topk=0: expected an integer of at least 1
    """

    topk: int = 5
    tta: str = "none"
    threshold: float = 0.5

    def __post_init__(self) -> None:
        if self.topk < 1:
            raise UserError(f"topk={self.topk}: expected an integer of at least 1")
        if not 0 < self.threshold < 1:
            raise UserError(f"threshold={self.threshold}: expected a number between 0 and 1")


@torch.no_grad()
def predict(
    model: torch.nn.Module, task: Supervised, facts: Facts, files: Iterable[Path], asked: Asked, broken: list[str]
) -> Iterator[Prediction]:
    """One prediction a file as they are asked for, read and answered in batches. · 分批预测，逐个给出结果。

    A line for each file that is no image goes to `broken`. Raises `UserError` for a run that predicts no classes, and
    for `tta` where its samples are no images.
    """
    if task.kind == "regression":
        raise UserError(f"this run learned numbers from {facts.name}: expected one that learned classes")
    views = views_of(asked.tta, torch.zeros(1, *facts.shape))
    files = iter(files)
    while chunk := list(islice(files, BATCH)):
        inputs: list[tuple[Path, Tensor]] = []
        for file in chunk:
            try:
                image = read_image(file, facts.shape[1:], facts.shape[0], facts.mean, facts.std, facts.fit)
            except UserError as error:
                broken += error.lines
            else:
                inputs.append((file, image))
        if inputs:
            names, images = zip(*inputs, strict=True)
            scores = average(task.kind, ask(model.eval(), task, Device("cpu"), torch.cat(images), views))
            yield from _answers(names, scores, task, asked)


def _answers(files: tuple[Path, ...], scores: Tensor, task: Supervised, asked: Asked) -> Iterator[Prediction]:
    several = task.kind == "multilabel"
    likely = scores.sigmoid() if several else scores.exp()
    best = likely.topk(min(asked.topk, len(task.classes)))
    for row, (file, shares, places) in enumerate(
        zip(files, best.values.tolist(), best.indices.tolist(), strict=True),
    ):
        top = tuple((task.classes[place], share) for place, share in zip(places, shares, strict=True))
        order = likely[row].argsort(descending=True).tolist() if several else places[:1]
        labels = tuple(task.classes[c] for c in order if not several or float(likely[row, c]) >= asked.threshold)
        yield Prediction(file, *top[0], top, labels)
