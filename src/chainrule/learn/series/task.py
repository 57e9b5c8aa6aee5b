"""What is learned from a series: its next numbers. · 序列任务：预测后续数值。"""

from dataclasses import dataclass
from typing import Any

import torch

from ..device import Device
from ..metrics.forecast import Forecasts
from ..supervised import Supervised
from .data import SeriesFacts


@dataclass(frozen=True)
class SeriesTask(Supervised):
    """Numbers, judged in their own units. · 数值，以原单位评估。

    facts: what standardised them, None where they are learned as they are.
    """

    facts: SeriesFacts | None = None

    @classmethod
    def of(cls, facts: SeriesFacts, loss: str) -> "SeriesTask":
        return cls("regression", (), loss, facts=facts)

    def metrics(self) -> Any:
        return Forecasts(scale=self.facts.scale if self.facts else 1.0)

    @torch.no_grad()
    def evaluate(self, model: torch.nn.Module, split: Any, device: Device, batch_size: int = 512) -> Forecasts:
        """The metrics on a part. · 在某部分上评估。"""
        metrics, was_training = self.metrics(), model.training
        model.eval()
        try:
            for x, y in zip(split.x.split(batch_size), split.y.split(batch_size), strict=True):
                x, y = device.move(x), device.move(y)
                with device.autocast():
                    out = model(x)
                loss = float(self.loss(out, y))
                if self.facts is not None:
                    out, y = self.facts.units(out), self.facts.units(y)
                metrics.add(out, y, loss)
        finally:
            model.train(was_training)
        return metrics
