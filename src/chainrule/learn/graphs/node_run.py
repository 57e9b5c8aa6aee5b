"""What one can ask of a run that learned the nodes of a graph. · 可以问一次图节点学习运行的问题。"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from os import PathLike

import torch
from torch import Tensor

from ...data.graphs import Graph, read
from ...data.names import show
from ...errors import UserError, did_you_mean
from ...nn.graph import adjacency
from ..batch import answer
from ..trained import Run
from .node_data import NodeData, prepared

GRAPHS = "an export takes numbers of one shape, and this network reads a graph"


@dataclass(frozen=True)
class NodePrediction:
    """What the network says of one node: the likeliest class and the runners-up. · 对一个节点的预测。"""

    path: str
    label: str
    probability: float
    top: tuple[tuple[str, float], ...]


class NodeRun(Run):
    """A run that learned the classes of nodes. · 一次图节点分类的运行。"""

    use_it = ("predict", "[GRAPH] [NODE]…")
    instead = {"export": (GRAPHS, "predict", "[GRAPH] [NODE]…")}

    @property
    def classes(self) -> tuple[str, ...]:
        return self.facts.classes

    @cached_property
    def graph(self) -> Graph:
        """The graph that it was trained on. · 训练所用的图。"""
        found: NodeData = self.read(None)
        return found.graph

    def _load(self, source: str) -> NodeData:
        if source == self.data:
            return self.kind.dataset(self.model, source, self.settings)
        return prepared(source, self.settings.data, self.settings.seed, self.facts)

    @torch.no_grad()
    def shares(self, graph: Graph | None = None) -> Tensor:
        """The share of each class for every node, [N, C], of its own graph or of another. · 各节点的类别概率。

        Raises `UserError` where the features of the graph are not those that it learned from.
        """
        graph = self.graph if graph is None else graph
        x, A = self.facts.features_of(graph), adjacency(graph.edges, graph.weights, graph.nodes)
        return answer(self.network, (x, A)).softmax(1)

    def predict(
        self, nodes: Iterable[str | int] = (), graph: str | PathLike[str] | None = None, topk: int = 5
    ) -> list[NodePrediction]:
        """The likeliest classes of the nodes named, or of all. · 预测节点类别。

        graph  another one, with the same features: a trained network judges nodes that it has never seen
        Raises `UserError` for nodes that are not there, all at once, and for a graph with other features.
        """
        found = self.graph if graph is None else self._directed(read(str(graph)))
        rows = places(found, nodes)
        shares, best = self.shares(found)[rows].topk(min(topk, len(self.classes)), dim=1)
        told = []
        for node, p, c in zip(rows.tolist(), shares.tolist(), best.tolist(), strict=True):
            top = tuple((self.classes[k], float(share)) for share, k in zip(p, c, strict=True))
            told.append(NodePrediction(found.names[node] if found.names else str(node), top[0][0], top[0][1], top))
        return told

    def _directed(self, graph: Graph) -> Graph:
        return graph.symmetric() if self.settings.data.get("undirected") else graph


def places(graph: Graph, nodes: Iterable[str | int]) -> Tensor:
    """The rows of the nodes named, or all rows. · 由节点名得到行号。

    >>> places(Graph("pair", torch.zeros(2, 0, dtype=torch.int64), 2, names=("a", "b")), ["b"])
    tensor([1])
    """
    wanted = [str(node) for node in nodes]
    if not wanted:
        return torch.arange(graph.nodes)
    if graph.names:
        known = {name: i for i, name in enumerate(graph.names)}
        wrong = [
            f"node {name!r}: {graph.name} has none of that name{did_you_mean(name, known)}"
            for name in wanted
            if name not in known
        ]
    else:
        known = {name: int(name) for name in wanted if name.isdigit() and int(name) < graph.nodes}
        wrong = [
            f"node {show(name)!r}: expected a number in 0…{graph.nodes - 1}" for name in wanted if name not in known
        ]
    if wrong:
        raise UserError(*wrong)
    return torch.tensor([known[name] for name in wanted])
