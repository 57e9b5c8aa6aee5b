"""What one can ask of a run that learned which nodes are joined. · 可以问一次链接预测运行的问题。"""

from collections.abc import Iterable
from os import PathLike

import torch
from torch import Tensor

from ...data.graphs import Graph, read
from ...errors import UserError
from ...nn.graph import adjacency
from ...nn.linear import linear
from ..batch import answer
from ..trained import Run
from .node_run import GRAPHS, NodePrediction, places


class LinkRun(Run):
    """A run that learned the edges of a graph. · 一次链接预测的运行。"""

    use_it = ("predict", "NODE…")
    instead = {"export": (GRAPHS, "predict", "NODE…")}
    decides = "auc"

    @torch.no_grad()
    def embeddings(self, graph: Graph | None = None) -> Tensor:
        """The places of the nodes, [N, D], from all edges that are known. · 节点的嵌入。

        Raises `UserError` where the features of the graph are not those that it learned from.
        """
        graph = graph or self.read(None).graph
        assert graph is not None
        x, A = self.facts.features_of(graph), adjacency(graph.edges, None, graph.nodes)
        return answer(self.network, (x, A))

    @torch.no_grad()
    def predict(
        self, nodes: Iterable[str | int] = (), graph: str | PathLike[str] | None = None, topk: int = 5
    ) -> list[NodePrediction]:
        """Whom each node named is likeliest to be joined to, of those to whom it is not joined yet. · 预测新的边。

        Raises `UserError` for no node, nodes that are not there, and a graph with other features.
        """
        nodes = list(nodes)
        if not nodes:
            raise UserError(
                "no node given: expected those whose likeliest new edges are asked for, like `predict RUN 5`"
            )
        found = self.read(None).graph if graph is None else read(str(graph)).symmetric()
        rows, told = places(found, nodes), []
        z = self.embeddings(found)
        names = found.names or tuple(map(str, range(found.nodes)))
        for node in rows.tolist():
            chance = linear(z[node : node + 1], z)[0].sigmoid()
            chance[found.edges[1][found.edges[0] == node]] = -1
            chance[node] = -1
            best = chance.topk(min(topk, found.nodes))
            top = tuple(
                (names[i], p) for p, i in zip(best.values.tolist(), best.indices.tolist(), strict=True) if p >= 0
            )
            first = top[0] if top else ("", 0.0)
            told.append(NodePrediction(names[node], *first, top))
        return told
