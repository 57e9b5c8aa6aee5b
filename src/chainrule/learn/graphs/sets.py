"""Learning the classes of whole graphs from a set of them. · 由一组图学习整张图的类别。

A batch of graphs is one graph of separate blocks, made anew for each update; no two batches have one shape.
"""

from typing import Any

import torch

from ... import nn
from ...data.balance import class_weights
from ...errors import UserError
from ...settings import Settings
from ..batch import answer
from ..feed import Feed
from ..held import held
from ..looped import Looped
from ..parts import Parts
from ..supervised import Supervised
from .nodes import built
from .set_data import Graphs, SetData, SetFacts, prepared
from .set_rivals import baselines
from .set_run import SetRun


class Blocks(Feed):
    """The training part, update by update. · 训练批次。"""

    ragged = True


class Sets(Looped):
    """Networks that take a batch of small graphs. · 以一批小图为输入的网络。"""

    run = SetRun
    useless = ("size", "augment", "cache", "channels_last", "freeze", "unfreeze", "backbone_lr", "layer_decay")

    def check(self, model: str, settings: Settings) -> None:
        super().check(model, settings)
        if settings.compile:
            raise UserError("compile=true: no two batches of graphs have one shape; leave it out")

    def dataset(self, model: str, source: str, settings: Settings) -> SetData:
        return prepared(source, held(settings, "graphs"))

    def facts(self, data: SetData) -> SetFacts:
        return data.facts

    def remembered(self, kept: dict[str, Any]) -> SetFacts:
        return SetFacts.from_json(kept)

    def network(self, model: str, settings: Settings, data: SetData | SetFacts) -> torch.nn.Module:
        facts = data if isinstance(data, SetFacts) else data.facts
        return built(model, settings, facts.features, len(facts.classes))

    def task(self, settings: Settings, data: SetData | SetFacts) -> Supervised:
        weights = ()
        if settings.balance == "loss" and isinstance(data, SetData):
            weights = class_weights(data, "classification")
        told = (settings.loss, settings.label_smoothing, settings.topk, weights)
        return Supervised("classification", data.classes, *told)

    def feed(self, data: SetData, settings: Settings, place: str = "cpu") -> Blocks:
        return Blocks(data, training_part(data, settings), settings, place)

    def fits(self, network: torch.nn.Module, parts: Parts) -> None:
        part, size = training_part(parts.data, parts.settings), parts.settings.batch_size
        alone = len(part) % size == 1 or size == 1
        norms = any(isinstance(module, nn.BatchNorm1d) for module in network.modules())
        if norms and alone and int(part.found.ptr.diff()[part.rows].min()) == 1:
            raise UserError(
                f"batch_size={size}: a batch may be one graph of one node, and batch norm needs several: expected "
                f"another size for {len(part)} graphs"
            )
        with torch.no_grad():
            x, y = part.batch(torch.arange(min(2, len(part))))
            out = answer(network.eval(), x)
            parts.task.check(out, parts.model)
            parts.task.loss(out, y)
        network.train()

    def notes(self, parts: Parts) -> list[str]:
        return list(parts.data.found.lines)

    def judged(self, parts: Parts) -> dict[str, Any]:
        if parts.settings.overfit:
            return {"train": training_part(parts.data, parts.settings)}
        return super().judged(parts)

    def baselines(self, parts: Parts) -> dict[str, dict[str, float]]:
        return baselines(parts.data.train, self.judged(parts), len(parts.data.classes))


def training_part(data: SetData, settings: Settings) -> Graphs:
    """What is learned from: the training part, or `overfit` batches of it. · 用于学习的部分。"""
    if not settings.overfit:
        return data.train
    return data.train.subset(torch.arange(min(settings.overfit * settings.batch_size, len(data.train))))
