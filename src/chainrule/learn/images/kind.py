"""Learning from images: classes, labels or numbers. · 由图像学习：类别、标签或数值。"""

from typing import Any

import torch

from ...data.dataset import DataSet
from ...settings import Settings
from .. import build
from ..facts import Facts
from ..feed import Feed
from ..looped import Looped
from ..parts import Parts
from ..semi_supervised import SemiFeed
from ..supervised import Supervised
from .run import ImageRun


class Images(Looped):
    """Networks that take images [N, C, H, W]. · 以图像为输入的网络。"""

    run, few = ImageRun, True

    def dataset(self, model: str, source: str, settings: Settings) -> DataSet:
        return build.dataset(model, source, settings)

    def facts(self, data: DataSet) -> Facts:
        return Facts.of(data)

    def remembered(self, kept: dict[str, Any]) -> Facts:
        return Facts.from_json(kept)

    def network(self, model: str, settings: Settings, data: DataSet | Facts) -> torch.nn.Module:
        return build.network(model, settings, data)

    def task(self, settings: Settings, data: DataSet | Facts) -> Supervised:
        return build.task(settings, data)

    def feed(self, data: DataSet, settings: Settings, place: str = "cpu") -> Feed:
        made = Feed if settings.unlabelled == "none" else SemiFeed
        return made(data, build.training_part(data, settings), settings, place)

    def fits(self, network: torch.nn.Module, parts: Parts) -> None:
        build.fits(network, parts.model, parts.task, parts.data, parts.settings)

    def judged(self, parts: Parts) -> dict[str, Any]:
        if parts.settings.overfit:
            return {"train": build.training_part(parts.data, parts.settings)}
        return super().judged(parts)
