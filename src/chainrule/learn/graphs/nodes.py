"""Learning the classes of the nodes of a graph from a few that are told. · 由少数已知节点学习图中节点的类别。

Without data.neighbours= each update sees the whole graph, and an epoch is one update; with it an update sees
`batch_size` nodes and a sample of their neighbours, and judging sees the whole graph, without deltas.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from ... import catalog
from ...data.graphs.graph import Graph
from ...errors import UserError
from ...fields import DEFAULTS
from ...settings import Settings
from ...zoo.gcn import largest_eigenvalue
from ..batch import answer
from ..device import Device
from ..looped import Looped
from ..parts import Parts
from ..session import seeded
from ..supervised import Supervised
from .neighbours import Sampled
from .node_data import NodeData, NodeFacts, Part, prepared, reading_of
from .node_rivals import baselines
from .node_run import NodeRun

SAMPLES = ("graphsage", "gat")  # networks that weigh neighbours one by one, without the degrees of the whole graph


@dataclass(frozen=True)
class Told(Supervised):
    """The loss of the nodes whose class is told; y is (nodes, their classes). · 仅对已知类别的节点求损失。

    >>> Told("classification", ("a", "b")).loss(torch.zeros(3, 2), (torch.tensor([2]), torch.tensor([1])))
    tensor(0.6931)
    """

    def loss(self, out: Tensor, y: Any) -> Tensor:
        nodes, classes = y
        return super().loss(out[nodes], classes)

    def count(self, y: Any) -> int:
        return len(y[1])

    @torch.no_grad()
    def evaluate(self, model: torch.nn.Module, split: Part, device: Device, batch_size: int = 0) -> Any:
        """All nodes of a part, seen in the whole graph at once; the mode of the network stays as it is. · 评估。"""
        metrics, was_training = self.metrics(), model.training
        model.eval()
        try:
            with device.autocast():
                out = answer(model, (device.move(split.x), device.move(split.A)))
            y = (device.move(split.nodes), device.move(split.y))
            loss = replace(self, weights=()).loss(out, y)
            metrics.add(out[y[0]], y[1], float(loss))
        finally:
            model.train(was_training)
        return metrics


class Whole:
    """The whole graph in each update. · 每次更新看到整张图。"""

    updates = 1

    def __init__(self, part: Part, place: str):
        device = Device(place)
        x, A = device.move(part.x), device.move(part.A)
        self.batch = ((x, A), (device.move(part.nodes), device.move(part.y)))

    def at(self, step: int) -> list[tuple[Any, Any]]:
        return [self.batch]

    def close(self) -> None:
        """Nothing is open."""


class Nodes(Looped):
    """Networks that take the nodes of a graph. · 以图中节点为输入的网络。"""

    run = NodeRun
    useless = ("augment", "size", "balance", "workers", "cache", "overfit", "folds", "fold", "val", "channels_last")

    def check(self, model: str, settings: Settings) -> None:
        super().check(model, settings)
        fan, lines = reading_of(settings.data)["neighbours"], []
        if fan and model not in SAMPLES:
            lines.append(
                f"data.neighbours={fan}: {model} shares weights by the degrees of the whole graph; expected a model of "
                f"{', '.join(SAMPLES)}"
            )
        if fan and settings.compile:
            lines.append("compile=true: no two samples of neighbours have one shape; leave it out")
        for key in ("batch_size", "accumulate"):
            if not fan and getattr(settings, key) != DEFAULTS[key]:
                lines.append(
                    f"{key}={getattr(settings, key)}: each update sees the whole graph; it is for "
                    "data.neighbours=(10,10) beside it"
                )
        if lines:
            raise UserError(*lines)

    def dataset(self, model: str, source: str, settings: Settings) -> NodeData:
        data = prepared(source, settings.data, settings.seed)
        if str(settings.model.get("row", "")).startswith("cheb"):
            λ = largest_eigenvalue(data.train.A)
            return replace(data, facts=replace(data.facts, eigenvalue=λ))
        return data

    def facts(self, data: NodeData) -> NodeFacts:
        return data.facts

    def remembered(self, kept: dict[str, Any]) -> NodeFacts:
        return NodeFacts.from_json(kept)

    def network(self, model: str, settings: Settings, data: NodeData | NodeFacts) -> torch.nn.Module:
        facts = data if isinstance(data, NodeFacts) else data.facts
        options = dict(settings.model)
        if str(options.get("row", "")).startswith("cheb"):
            options["lambda_max"] = facts.eigenvalue
        return built(model, settings, facts.features, len(facts.classes), options=options)

    def task(self, settings: Settings, data: NodeData | NodeFacts) -> Told:
        facts = data if isinstance(data, NodeFacts) else data.facts
        return Told("classification", facts.classes, settings.loss, settings.label_smoothing, settings.topk)

    def feed(self, data: NodeData, settings: Settings, place: str = "cpu") -> Whole | Sampled:
        fan = reading_of(settings.data)["neighbours"]
        return Sampled(data.train, fan, settings, place) if fan else Whole(data.train, place)

    def fits(self, network: torch.nn.Module, parts: Parts) -> None:
        part = parts.data.train
        with torch.no_grad():
            parts.task.check(answer(network.eval(), (part.x, part.A)), parts.model)
        network.train()

    def baselines(self, parts: Parts) -> dict[str, dict[str, float]]:
        graph: Graph = parts.data.graph
        return baselines(parts.data.train, parts.data.test, len(graph.classes)) if parts.data.test is not None else {}


def built(model: str, settings: Settings, *sizes: int, options: dict[str, Any] | None = None) -> torch.nn.Module:
    """A network of the catalogue with the sizes that the data has, and its first weights. · 按数据尺寸构造网络。

    Raises `UserError` for an option that it cannot take.
    """
    options = dict(settings.model) if options is None else options
    given: Sequence[str] = [f"model.{key}={value!r}" for key, value in options.items()]
    try:
        with seeded(settings.seed):
            made = catalog.MODELS[model].load()(*sizes, **options)
    except (TypeError, ValueError, RuntimeError) as error:
        raise UserError(f"{model} cannot be made with {', '.join(given) or 'these sizes'}: {error}") from None
    if settings.init != "default":
        from ...nn.init import initialize

        initialize(made, settings.init, torch.Generator().manual_seed(settings.seed), **settings.initial())
    return made
