"""Learning from tables: classes or a number from the other columns. · 由表格学习：用其他列预测类别或数值。"""

from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Self

import torch
from torch import Tensor

from ...data.balance import class_weights
from ...data.tables.columns import Column
from ...data.tables.reading import Known, Rows, Table, load_table
from ...errors import UserError
from ...settings import Settings
from .. import build
from ..facts import Remembered
from ..feed import Feed
from ..held import held
from ..looped import Looped
from ..parts import Parts
from ..supervised import Supervised
from . import rivals as table_baselines
from .run import TableRun


@dataclass(frozen=True)
class TableFacts(Known, Remembered):
    """What a run remembers of its table. · 运行所记住的表格要点。

    >>> facts = TableFacts("x", "00", "regression", "y", (), 1.0, 2.0, ("a", "y"), (Column("a", "number"),))
    >>> TableFacts.from_json(facts.to_json()) == facts
    True
    """

    @classmethod
    def of(cls, data: Known) -> "TableFacts":
        """The facts of a table. · 取自表格。"""
        return cls(**{f.name: getattr(data, f.name) for f in fields(Known)})

    @classmethod
    def from_json(cls, kept: dict[str, Any]) -> Self:
        columns = tuple(Column(**{**c, "categories": tuple(c["categories"])}) for c in kept["columns"])
        return replace(super().from_json({**kept, "columns": []}), columns=columns)

    def to_json(self) -> dict[str, Any]:
        return super().to_json() | {"columns": [{**asdict(c), "categories": list(c.categories)} for c in self.columns]}


@dataclass(frozen=True)
class TableTask(Supervised):
    """Supervised learning whose numbers are told in the units of the table. · 以表格单位报告的监督学习。"""

    mean: float = 0.0
    std: float = 1.0

    def units(self, values: Tensor) -> Tensor:
        return values.double() * self.std + self.mean if self.kind == "regression" else values


class Tables(Looped):
    """Networks that take the rows of a table. · 以表格行为输入的网络。"""

    run = TableRun
    useless = ("size", "augment", "cache", "channels_last", "freeze", "unfreeze", "backbone_lr", "layer_decay")

    def dataset(self, model: str, source: str, settings: Settings) -> Table:
        data = load_table(source, dict(settings.data), held(settings, "rows"))
        return replace(data, val=None, test=None) if settings.overfit else data

    def facts(self, data: Table) -> TableFacts:
        return TableFacts.of(data)

    def remembered(self, kept: dict[str, Any]) -> TableFacts:
        return TableFacts.from_json(kept)

    def network(self, model: str, settings: Settings, data: Table | TableFacts) -> torch.nn.Module:
        known = {
            "num_outputs": len(data.classes) or 1,
            "numbers": sum(column.width for column in data.columns),
            "categories": tuple(column.places for column in data.columns if column.places),
        }
        if given := [key for key in known if key in settings.model]:
            raise UserError(*(f"model.{key}: the table says it, {known[key]}; leave it out" for key in given))
        return build.begun(model, settings, known | dict(settings.model))

    def task(self, settings: Settings, data: Table | TableFacts) -> TableTask:
        weights = class_weights(data, data.task) if settings.balance == "loss" and isinstance(data, Table) else ()
        told = (settings.loss, settings.label_smoothing, settings.topk, weights)
        return TableTask(data.task, data.classes, *told, mean=data.mean, std=data.std)

    def feed(self, data: Table, settings: Settings, place: str = "cpu") -> Feed:
        return Feed(data, training_part(data, settings), settings, place)

    def fits(self, network: torch.nn.Module, parts: Parts) -> None:
        x, y = parts.data.train.batch(torch.arange(min(2, len(parts.data.train))))
        with torch.no_grad():
            parts.task.loss(network(*x), y)

    def notes(self, parts: Parts) -> list[str]:
        return list(parts.data.lines)

    def judged(self, parts: Parts) -> dict[str, Any]:
        if parts.settings.overfit:
            return {"train": training_part(parts.data, parts.settings)}
        return super().judged(parts)

    def baselines(self, parts: Parts) -> dict[str, dict[str, float]]:
        return table_baselines.baselines(parts.data, parts.task, self.judged(parts))


def training_part(data: Table, settings: Settings) -> Rows:
    """What is learned from: the training part, or `overfit` batches of it. · 用于学习的部分。"""
    if not settings.overfit:
        return data.train
    return data.train.subset(torch.arange(min(settings.overfit * settings.batch_size, len(data.train))))
