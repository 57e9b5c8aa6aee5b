"""What is learned from texts: a class, a number, or a class for each token. · 文本任务：类别、数值或逐词标签。

symbols  out [N, C], [N, 1] or [N, T, C]   y [N] or [N, T], `IGNORED` where no token stands
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...errors import UserError
from ..batch import answer
from ..device import Device
from ..metrics.spans import Spans, name_spans
from ..supervised import Supervised
from .data import IGNORED


@dataclass(frozen=True)
class TextTask(Supervised):
    """As for images; tags are classes of tokens, and numbers are judged in their own units. · 文本任务。

    mean, std of the numbers that were learned. Raises `UserError` as `Supervised`, and for a loss that cannot leave out
    what is no token.

    >>> TextTask("classification", ("a", "b"), tags=True).loss(torch.zeros(1, 2, 2), torch.tensor([[1, IGNORED]]))
    tensor(0.6931)
    """

    tags: bool = False
    mean: float = 0.0
    std: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.tags and self.name == "mse":
            raise UserError("loss=mse: tags are classes of tokens; expected loss=auto, cross_entropy or nll")

    def loss(self, out: Tensor, y: Tensor) -> Tensor:
        return super().loss(out.flatten(0, 1), y.flatten()) if self.tags else super().loss(out, y)

    def metrics(self) -> Any:
        """Of tokens; of whole spans too, where that is what the tags name. · 逐词指标；标签为片段时另计整段。"""
        if self.tags and name_spans(self.classes):
            return Spans(len(self.classes), self.topk, names=self.classes)
        return super().metrics()

    def count(self, y: Tensor) -> int:
        """Texts, or tokens that have a tag. · 文本数或有标签的词数。"""
        return int((y != IGNORED).sum()) if self.tags else len(y)

    @torch.no_grad()
    def evaluate(self, model: torch.nn.Module, split: Any, device: Device, batch_size: int = 128) -> Any:
        """The metrics on a part; texts of one length stand together. · 在某部分上评估。"""
        metrics, was_training = self.metrics(), model.training
        even = replace(self, weights=())
        order = np.argsort(split.lengths, kind="stable")
        model.eval()
        try:
            for start in range(0, len(split), batch_size):
                x, y = split.batch(torch.from_numpy(order[start : start + batch_size]))
                x, y = device.move(x), device.move(y)
                with device.autocast():
                    out = answer(model, x)
                loss = float(even.loss(out, y))
                if isinstance(metrics, Spans):
                    for truth, said in zip(y.cpu(), out.argmax(-1).cpu(), strict=True):
                        metrics.text(truth[truth != IGNORED].tolist(), said[truth != IGNORED].tolist())
                if self.tags:
                    out, y = out[y != IGNORED], y[y != IGNORED]
                if self.kind == "regression":
                    out, y = out.double() * self.std + self.mean, y.double() * self.std + self.mean
                metrics.add(out, y, loss)
        finally:
            model.train(was_training)
        return metrics
