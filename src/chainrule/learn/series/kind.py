"""Learning to forecast a time series. · 学习预测时间序列。"""

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from ...data import sampler
from ...errors import UserError
from ...settings import Settings
from ...zoo.series import Forecaster, Window
from ..build import begun
from ..looped import Looped
from ..parts import Parts
from .data import Part, Reading, SeriesData, SeriesFacts, read
from .rivals import rivals
from .run import SeriesRun
from .task import SeriesTask


class SeriesFeed:
    """The windows of the training part in random order: a function of (seed, step). · 训练批次。"""

    def __init__(self, part: Part, settings: Settings):
        self.part, self.settings = part, settings
        self.batches = sampler.batches(len(part), settings.batch_size)
        self.updates = -(-self.batches // settings.accumulate)

    def at(self, step: int) -> list[tuple[Tensor, Tensor]]:
        """The batches of update `step`, counted from 0 over all epochs. · 第 step 次更新的批次。"""
        epoch, update = divmod(step, self.updates)
        seed, size, first = self.settings.seed, self.settings.batch_size, update * self.settings.accumulate
        numbers = range(first, min(first + self.settings.accumulate, self.batches))
        return [self.part.batch(sampler.indices(seed, epoch, b, len(self.part), size)) for b in numbers]

    def close(self) -> None:
        """Nothing is held open. · 无需关闭。"""


class Forecasting(Looped):
    """Networks that take windows [N, W, C]. · 以时间窗为输入的网络。"""

    run = SeriesRun
    useless = (
        *("size", "augment", "balance", "cache", "workers", "channels_last", "folds", "fold"),
        *("label_smoothing", "topk"),
    )

    def check(self, model: str, settings: Settings) -> None:
        super().check(model, settings)
        residual = settings.model.get("residual", True)
        if not isinstance(residual, bool):
            raise UserError(f"model.residual={residual!r}: expected true or false")

    def dataset(self, model: str, source: str, settings: Settings) -> SeriesData:
        data = read(source, Reading(**settings.data), 0.0 if settings.overfit else settings.val)
        if not settings.overfit:
            return data
        return replace(data, val=None, test=None)

    def facts(self, data: SeriesData) -> SeriesFacts:
        return data.facts

    def remembered(self, kept: dict[str, Any]) -> SeriesFacts:
        return SeriesFacts.from_json(kept)

    def network(self, model: str, settings: Settings, data: SeriesData | SeriesFacts) -> Forecaster:
        facts = data.facts if isinstance(data, SeriesData) else data
        asked = Window(facts.window, len(facts.columns), facts.horizon)
        return begun(model, settings, {"asked": asked, **settings.model})

    def task(self, settings: Settings, data: SeriesData | SeriesFacts) -> SeriesTask:
        return SeriesTask.of(data.facts if isinstance(data, SeriesData) else data, settings.loss)

    def feed(self, data: SeriesData, settings: Settings, place: str = "cpu") -> SeriesFeed:
        return SeriesFeed(_learned(data, settings), settings)

    def fits(self, network: torch.nn.Module, parts: Parts) -> None:
        x, y = parts.data.train.batch(torch.arange(min(2, len(parts.data.train))))
        with torch.no_grad():
            parts.task.loss(network.eval()(x), y)

    def judged(self, parts: Parts) -> dict[str, Part | None]:
        if parts.settings.overfit:
            return {"train": _learned(parts.data, parts.settings)}
        return super().judged(parts)

    def baselines(self, parts: Parts) -> dict[str, dict[str, float]]:
        return rivals(parts.data)


def _learned(data: SeriesData, settings: Settings) -> Part:
    if not settings.overfit:
        return data.train
    return data.train.subset(min(len(data.train), settings.overfit * settings.batch_size))
