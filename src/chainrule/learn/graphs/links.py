"""Learning which nodes of a graph are joined, from edges some of which are hidden. · 链接预测：找回隐去的边。

all      each update looks at every pair, an edge weighing as much as all pairs without one (Kipf & Welling 2016,
         arXiv:1611.07308, section 3: cross-entropy with the weights of their code)
sampled  each update looks at the edges and at as many pairs drawn by (seed, step), for graphs of many nodes
"""

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from ...data import sampler
from ...errors import UserError
from ...fields import DEFAULTS
from ...nn.entropy import binary_cross_entropy_with_logits
from ...nn.linear import linear
from ...nn.pairs import pair_products
from ...settings import Settings
from ..batch import answer
from ..device import Device
from ..looped import Looped
from ..metrics.ranking import ranking
from ..parts import Parts
from .link_data import LinkData, Pairs, hidden
from .link_rivals import baselines
from .link_run import LinkRun
from .node_data import NodeFacts
from .nodes import built


@dataclass
class Ranked:
    """How well the pairs that are edges come before the others. · 边排在非边之前的程度。

    >>> m = Ranked()
    >>> m.add(torch.tensor([2.0, -1.0]), torch.tensor([1.0, 0.0]), 0.2)
    >>> m.figures()["auc"]
    1.0
    """

    scores: list[Tensor] = field(default_factory=list)
    truth: list[Tensor] = field(default_factory=list)
    loss: float = 0.0
    better = "auc"

    def add(self, scores: Tensor, truth: Tensor, loss: float) -> None:
        self.scores.append(scores.detach().float().cpu())
        self.truth.append(truth.cpu() > 0.5)
        self.loss += loss * len(truth)

    def figures(self) -> dict[str, float]:
        scores, truth = torch.cat(self.scores), torch.cat(self.truth)
        if not bool(scores.isfinite().all()):
            return {"loss": self.loss / len(truth), "auc": float("nan"), "ap": float("nan"), "count": float(len(truth))}
        order = ranking(scores, truth)
        figures = {"loss": self.loss / len(truth), "auc": order.auc, "ap": order.average_precision}
        return figures | {"count": float(len(truth))}


@dataclass(frozen=True)
class Joined:
    """The chance of edges; y is (pairs, 1 or 0 of each, what an edge weighs), pairs None for all of them. · 任务。"""

    classes: tuple[str, ...] = ()

    def loss(self, out: Tensor, y: Any) -> Tensor:
        pairs, truth, weight = y
        z = out if out.dtype == torch.float64 else out.float()
        if pairs is None:
            return binary_cross_entropy_with_logits(linear(z, z), truth, pos_weight=weight) * half(weight)
        return binary_cross_entropy_with_logits(pair_products(z, pairs[0], pairs[1]), truth)

    def count(self, y: Any) -> int:
        return len(y[1])

    def metrics(self) -> Ranked:
        return Ranked()

    @torch.no_grad()
    def evaluate(self, model: torch.nn.Module, split: Pairs, device: Device, batch_size: int = 0) -> Ranked:
        """All pairs of a part, after one look at the edges that are left. · 评估。"""
        metrics, was_training = self.metrics(), model.training
        model.eval()
        try:
            with device.autocast():
                z = answer(model, (device.move(split.x), device.move(split.A))).float()
            pairs, truth = device.move(split.pairs), device.move(split.y)
            scores = pair_products(z, pairs[0], pairs[1])
            metrics.add(scores, truth, float(binary_cross_entropy_with_logits(scores, truth)))
        finally:
            model.train(was_training)
        return metrics


def half(weight: Tensor) -> Tensor:
    """N² over twice the pairs without an edge: edges and others make half of the loss each. · 两类各占一半。

    weight, others over edges, w: N² / 2 (N² − S) = (1 + 1/w) / 2.

    >>> half(torch.tensor(1.0))
    tensor(1.)
    """
    return (1 + 1 / weight) / 2


class Every:
    """Every pair in each update. · 每次更新看到所有节点对。"""

    updates = 1

    def __init__(self, part: Pairs, place: str):
        device, n = Device(place), part.A.shape[0]
        edges = float(part.A.value.sum())
        truth = part.A.to_dense() + torch.eye(n)  # a node fits itself
        weight = torch.tensor((n * n - edges) / edges)
        x, A = device.move(part.x), device.move(part.A)
        self.batch = ((x, A), (None, device.move(truth), device.move(weight)))

    def at(self, step: int) -> list[tuple[Any, Any]]:
        return [self.batch]

    def close(self) -> None:
        """Nothing is open."""


class Drawn:
    """The edges and as many pairs drawn by (seed, step), few of which are edges. · 边与随机抽取的节点对。"""

    updates = 1

    def __init__(self, part: Pairs, seed: int, place: str):
        self.part, self.seed, self.device = part, seed, Device(place)
        self.x, self.A = self.device.move(part.x), self.device.move(part.A)

    def at(self, step: int) -> list[tuple[Any, Any]]:
        generator = torch.Generator().manual_seed(sampler.seed_of(self.seed, step) ^ 0x2545F4914F6CDD1D)
        pairs = self.part.pairs
        drawn = torch.randint(self.A.shape[0], pairs.shape, generator=generator)
        truth = torch.cat([torch.ones(pairs.shape[1]), torch.zeros(pairs.shape[1])])
        y = (torch.cat([pairs, drawn], 1), truth, torch.ones(()))
        return [((self.x, self.A), self.device.move(y))]

    def close(self) -> None:
        """Nothing is open."""


class Links(Looped):
    """Networks that give each node of a graph a place, so that edges can be told. · 链接预测网络。"""

    run = LinkRun
    useless = (
        *("augment", "size", "balance", "workers", "cache", "overfit", "folds", "fold", "val", "channels_last"),
        *("loss", "label_smoothing", "topk"),
    )

    def check(self, model: str, settings: Settings) -> None:
        super().check(model, settings)
        lines = [
            f"{key}={getattr(settings, key)}: each update sees the whole graph; leave it out"
            for key in ("batch_size", "accumulate")
            if getattr(settings, key) != DEFAULTS[key]
        ]
        if lines:
            raise UserError(*lines)

    def dataset(self, model: str, source: str, settings: Settings) -> LinkData:
        return hidden(source, settings.data, settings.seed)

    def facts(self, data: LinkData) -> NodeFacts:
        return data.facts

    def remembered(self, kept: dict[str, Any]) -> NodeFacts:
        return NodeFacts.from_json(kept)

    def network(self, model: str, settings: Settings, data: LinkData | NodeFacts) -> torch.nn.Module:
        facts = data if isinstance(data, NodeFacts) else data.facts
        return built(model, settings, facts.features)

    def task(self, settings: Settings, data: LinkData | NodeFacts) -> Joined:
        return Joined()

    def feed(self, data: LinkData, settings: Settings, place: str = "cpu") -> Every | Drawn:
        return Every(data.train, place) if data.negatives == "all" else Drawn(data.train, settings.seed, place)

    def baselines(self, parts: Parts) -> dict[str, dict[str, float]]:
        test = parts.data.test
        return {} if test is None else baselines(parts.data.train.A, test)
