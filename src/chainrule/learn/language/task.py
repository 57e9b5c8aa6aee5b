r"""Language modelling: what comes next in a text, and how well that is known. · 语言建模：任务与评估。

symbols  tokens, y [N, T] ids, y what comes behind   scores [N, T, V]   loss nats a token, the mean over all of a part
note     perplexity e^loss; bits a character: all nats of a part / ln 2 / its characters, so that characters, words and
         sub-words can be compared; an unknown word costs only its `<NUL>`: `unknown` is the share of such tokens
note     a recurrent model is judged in rows side by side, each with the state of what stands before it: it has read
         WARM steps there, and the first row begins with the text. A Transformer is judged in windows of T tokens that
         do not overlap, as published figures are: its first tokens see little before them
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...data.language import Part
from ...zoo.language_model import RecurrentLanguageModel
from ...zoo.word_output import word_loss
from ..device import Device

ROWS, WARM = 16, 1024  # rows of a part that are judged side by side; tokens that each has read before


@dataclass
class Reading:
    """Nats, hits and characters of a part. · 某部分的累计信息量。

    >>> told = Reading(nats=math.log(2) * 8, hits=2, count=4, characters=8).figures()
    >>> round(told["perplexity"], 6), told["bits_per_character"]
    (4.0, 1.0)
    """

    nats: float = 0.0
    hits: int = 0
    count: int = 0
    characters: int = 0
    unknown: float = 0.0

    better, less = "loss", True

    def add(self, scores: Tensor, y: Tensor) -> None:
        scores = scores.float()
        self.nats += float(word_loss(scores, y, reduction="sum"))
        self.hits += int((scores.argmax(-1) == y).sum())
        self.count += y.numel()

    def figures(self) -> dict[str, float]:
        return told(self.nats, self.count, self.characters) | {
            "accuracy": self.hits / max(self.count, 1),
            "unknown": self.unknown,
            "count": float(self.count),
        }


def told(nats: float, count: int, characters: int) -> dict[str, float]:
    """Loss, perplexity and bits a character of so many nats. · 三个等价的指标。

    >>> told(math.log(4) * 3, 3, 6)["bits_per_character"]
    1.0
    """
    loss = nats / max(count, 1)
    bits = nats / math.log(2) / max(characters, 1)
    return {"loss": loss, "perplexity": math.exp(loss) if loss < 700 else math.inf, "bits_per_character": bits}


@dataclass(frozen=True)
class NextToken:
    """Make the loss of what comes next small. · 预测下一个词的任务。

    steps: T, of a window. smoothing: share given to all tokens while learning.
    """

    steps: int
    smoothing: float = 0.0

    def loss(self, out: tuple[Tensor, Any], y: Tensor) -> Tensor:
        scores = out[0]
        scores = scores if scores.dtype == torch.float64 else scores.float()
        return word_loss(scores, y, self.smoothing)

    def count(self, y: Tensor) -> int:
        return y.numel()

    def metrics(self) -> Reading:
        return Reading()

    @torch.no_grad()
    def evaluate(self, model: torch.nn.Module, split: Part, device: Device) -> Reading:
        """How well a part is known, every token of it but the first; the model's mode stays. · 评估某部分。"""
        seen, was_training = Reading(characters=split.characters, unknown=split.unknown), model.training
        recurrent = isinstance(model, RecurrentLanguageModel)
        model.eval()
        try:
            with device.autocast():
                for scores, y in (_rows if recurrent else _windows)(model, split.ids, self.steps, device):
                    seen.add(scores, y)
        finally:
            model.train(was_training)
        return seen


def _rows(model: torch.nn.Module, ids: np.ndarray, steps: int, device: Device) -> Any:
    """Scores and targets: the text in rows, each read up to its own beginning first."""
    text = torch.from_numpy(ids)
    total = len(text) - 1
    rows = max(1, min(ROWS, total // (2 * WARM)))
    length = -(-total // rows)
    warm = WARM if rows > 1 else 0
    first = torch.arange(rows) * length
    state = None
    for t in (*range(-warm, 0, steps), *range(0, length, steps)):
        if t == 0 and state is not None:  # the first row begins with the text: nothing stands before
            state = tuple(torch.cat([torch.zeros_like(s[:1]), s[1:]]) for s in state)
        at = first[:, None] + torch.arange(t, min(t + steps, 0 if t < 0 else length))
        x = device.move(text[at.clamp(0, total)])
        scores, state = model(x, state)
        if t >= 0:
            counted = at < total
            yield scores[device.move(counted)][None], device.move(text[at[counted] + 1])[None]


def _windows(model: torch.nn.Module, ids: np.ndarray, steps: int, device: Device) -> Any:
    """Scores and targets: the text in windows side by side, the last one shorter."""
    text = torch.from_numpy(ids)
    total = len(text) - 1
    whole = total // steps
    batch = max(1, 16384 // steps)
    x, y = (text[k : k + whole * steps].reshape(whole, steps) for k in (0, 1))
    for at in range(0, whole, batch):
        yield model(device.move(x[at : at + batch]))[0], device.move(y[at : at + batch])
    if total % steps:
        yield model(device.move(text[None, whole * steps : -1]))[0], device.move(text[None, whole * steps + 1 :])
