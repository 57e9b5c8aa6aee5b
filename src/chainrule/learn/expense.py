"""How much a whole training computes, counted by running some steps of it. · 整个训练的运算量。

note  operations are those of matrix products and convolutions, forward, backward and in the update, by torch's
      counter; a multiply-add is two. What is done element by element is not counted, nor judging, nor views
"""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any
from warnings import catch_warnings, simplefilter

import torch
from torch.utils.flop_counter import FlopCounterMode

from .. import catalog
from ..data.sources import SOURCES
from ..gear import gear
from ..settings import Settings
from . import build
from .batch import answer
from .facts import Facts
from .images.kind import Images
from .looped import Looped, batched
from .parts import Parts

UPDATES = 8  # of which the mean is taken where batches differ in length


@dataclass(frozen=True)
class Expense:
    """What a training computes. · 训练的运算量。

    macs    multiply-adds of one sample forward   sample  operations of one sample, forward and backward
    update  operations of one update by the optimizer   samples, updates  how many of each
    note     samples are what the loss is a mean of: images, texts, but words of a language model or a translation
    """

    parameters: int
    macs: int
    sample: int
    update: int
    samples: int
    updates: int

    @property
    def total(self) -> int:
        return self.samples * self.sample + self.updates * self.update


def expense(model: str, source: str, settings: Settings) -> Expense:
    """Count a training without doing it; a known data set of images is not read. · 不训练而计算运算量。

    Raises `UserError` for a model that does not learn batch by batch, and for what is wrong with names and settings.

    >>> from chainrule.settings import parse
    >>> found = expense("lenet5", "mnist", parse(["epochs=2", "batch_size=600"]))
    >>> found.macs, found.samples, found.updates
    (416520, 108000, 180)
    """
    kind = batched(model, "the cost is counted on batches")
    if isinstance(kind, Images):
        return _of_images(model, source, settings)
    return _of_batches(kind, model, source, replace(settings, workers=0, device="cpu"))


def counted(call: Callable[..., Any], *args: Any) -> int:
    """The operations of a call. · 一次调用的运算量。

    >>> counted(torch.mm, torch.zeros(2, 3), torch.zeros(3, 4))
    48
    """
    with FlopCounterMode(display=False) as counter:
        call(*args)
    return counter.get_total_flops()


def _of_images(model: str, source: str, settings: Settings) -> Expense:
    facts, count = _facts(model, source, settings)
    network = build.network(model, settings, facts)
    optimizer = build.optimizer(network, settings)
    x, y = torch.zeros(2, *facts.shape), torch.zeros(2, dtype=torch.int64)
    with gear("twin"):
        with torch.no_grad():
            forward = counted(network.eval(), x)
        both = counted(lambda: torch.nn.functional.cross_entropy(network.train()(x), y).backward())
    update = counted(optimizer.step)
    batches = -(-count // settings.batch_size)
    return Expense(
        build.count(network),
        forward // 2 // len(x),
        both // len(x),
        update,
        count * settings.epochs,
        -(-batches // settings.accumulate) * settings.epochs,
    )


def _of_batches(kind: Looped, model: str, source: str, settings: Settings) -> Expense:
    """By batches of the data itself, evenly from the first epoch. · 由首轮中均匀选取的批次估计。"""

    def learn(x: Any, y: Any) -> None:
        parts.task.loss(answer(parts.network.train(), x), y).backward()

    kind.check(model, settings)
    parts = Parts.build(kind, model, source, settings)
    feed, optimizer = kind.feed(parts.data, settings), kind.optimizer(parts.network, settings)
    last = feed.updates - 1
    chosen = sorted({round(i * last / (UPDATES - 1)) for i in range(UPDATES)})
    forward = both = samples = 0
    try:
        batches = [pair for number in chosen for pair in feed.at(number)]
    finally:
        feed.close()
    with gear("twin"), _step_by_step():
        for x, y in batches:
            samples += parts.task.count(y)
            with torch.no_grad():
                forward += counted(answer, parts.network.eval(), x)
            both += counted(learn, x, y)
    return Expense(
        build.count(parts.network),
        round(forward / 2 / samples),
        round(both / samples),
        counted(optimizer.step),
        round(samples / len(chosen) * feed.updates) * settings.epochs,
        feed.updates * settings.epochs,
    )


@contextmanager
def _step_by_step() -> Iterator[None]:
    """torch's recurrence as the products it is made of: the counter does not see into that of oneDNN."""
    with catch_warnings():
        simplefilter("ignore")  # putting the flags back warns of another one
        with torch.backends.mkldnn.flags(enabled=False):
            yield


def _facts(model: str, source: str, settings: Settings) -> tuple[Facts, int]:
    """What a network must know of its data, and how many samples it learns from."""
    if source not in SOURCES:
        data = build.dataset(model, source, settings)
        return Facts.of(data), len(build.training_part(data, settings))
    known = SOURCES[source]
    entry = catalog.MODELS.get(model)
    wanted = entry.input(settings.model) if entry else None
    channels, height, width = wanted or known.shape
    shape = (channels, *(settings.size or (height, width)))
    count = known.counts[0] - math.ceil(Fraction(str(settings.val)) * known.counts[0])
    nothing: dict[str, Any] = {"mean": (0.0,) * channels, "std": (1.0,) * channels, "fit": "resize", "fingerprint": ""}
    return Facts(source, "classification", known.classes, shape, **nothing), count
