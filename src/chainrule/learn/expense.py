"""How much a whole training computes, counted by running one step of it. · 整个训练的运算量。

note  operations are those of matrix products and convolutions, forward, backward and in the update, by torch's
      counter; a multiply-add is two. What is done element by element is not counted, nor judging, nor views
"""

import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from .. import catalog
from ..data.sources import SOURCES
from ..errors import UserError
from ..gear import gear
from ..settings import Settings
from . import build
from .batch import answer
from .facts import Facts
from .kind import of
from .looped import Looped
from .parts import Parts

MOST = 8  # batches that are counted where their lengths differ


@dataclass(frozen=True)
class Expense:
    """What a training computes. · 训练的运算量。

    macs    multiply-adds of one sample forward   image  operations of one sample, forward and backward
    update  operations of one update by the optimizer   images, updates  how many of each
    sample  what is counted one by one: an image, or where samples differ in length a batch of them, in the mean
    """

    parameters: int
    macs: int
    image: int
    update: int
    images: int
    updates: int
    sample: str = "image"

    @property
    def total(self) -> int:
        return self.images * self.image + self.updates * self.update


def expense(model: str, source: str, settings: Settings) -> Expense:
    """Count a training without doing it; a known set of images is not read. · 不训练而计算运算量。

    Raises `UserError` for what learns from no batches.

    >>> from chainrule.settings import parse
    >>> found = expense("lenet5", "mnist", parse(["epochs=2", "batch_size=600"]))
    >>> found.macs, found.images, found.updates
    (416520, 108000, 180)
    """
    if catalog.kind(model) != "images":
        return _of_batches(model, source, settings)
    facts, count = _facts(model, source, settings)
    network = build.network(model, settings, facts)
    optimizer = build.optimizer(network, settings)
    x, y = torch.zeros(2, *facts.shape), torch.zeros(2, dtype=torch.int64)
    with gear("twin"), FlopCounterMode(display=False) as forward, torch.no_grad():
        network.eval()(x)
    with gear("twin"), FlopCounterMode(display=False) as both:
        torch.nn.functional.cross_entropy(network.train()(x), y).backward()
    with FlopCounterMode(display=False) as update:
        optimizer.step()
    batches = -(-count // settings.batch_size)
    return Expense(
        build.count(network),
        forward.get_total_flops() // 2 // len(x),
        both.get_total_flops() // len(x),
        update.get_total_flops(),
        count * settings.epochs,
        -(-batches // settings.accumulate) * settings.epochs,
    )


def _of_batches(model: str, source: str, settings: Settings) -> Expense:
    """Of other batches than of images: the mean of some of an epoch."""
    learning = of(model)
    if not isinstance(learning, Looped):
        raise UserError(f"model {model!r} learns from no batches: expected a network that does, as those for images do")
    learning.check(model, settings)
    parts = Parts.build(learning, model, source, settings)
    feed, optimizer = learning.feed(parts.data, settings), learning.optimizer(parts.network, settings)
    places = sorted({feed.updates * i // MOST for i in range(MOST)})
    forward, both, count = 0, 0, 0
    with gear("twin"), _plain():
        for x, y in (batch for place in places for batch in feed.at(place)):
            with FlopCounterMode(display=False) as whole:
                with FlopCounterMode(display=False) as half:
                    loss = parts.task.loss(answer(parts.network.train(), x), y)
                loss.backward()
            forward, both, count = forward + half.get_total_flops(), both + whole.get_total_flops(), count + 1
    feed.close()
    with FlopCounterMode(display=False) as update:
        optimizer.step()
    updates, each = feed.updates * settings.epochs, count / len(places)
    told = round(forward / count / 2), round(both / count), update.get_total_flops(), round(updates * each)
    return Expense(build.count(parts.network), *told, updates, "batch")


@contextmanager
def _plain() -> Iterator[None]:
    """Without oneDNN, whose LSTM hides its products from the counter."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of TF32 on cards that are not here
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
