"""Many graphs, each with a class, as one graph of separate blocks. · 一组带类别的图，合成互不相连的一张大图。

symbols  G graphs   N nodes of all   E directed edges of all   K numbers a node
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ...errors import UserError
from .graph import Graph


@dataclass(frozen=True, eq=False)
class GraphSet:
    """Graphs one after the other. · 依次排列的图。

    ptr int64 [G + 1] where the nodes of each graph begin; edges int64 [2, E] from speaker to hearer, numbered over all
    nodes; weights float32 [E]; y int64 [G], −1 where none is known; kind int64 [N] and kinds: one word a node;
    x float32 [N, K] and columns: numbers a node; names of the graphs; faults: what was wrong with the files, a line
    each; lines: what was left out that its user should know

    >>> pair = Graph("pair", torch.tensor([[0], [1]]), 2)
    >>> several = joined("two", [pair, pair], torch.tensor([0, 1]), ("a", "b"))
    >>> several.edges.tolist(), len(several)
    ([[0, 2], [1, 3]], 2)
    """

    name: str
    ptr: Tensor
    edges: Tensor
    y: Tensor
    classes: tuple[str, ...]
    weights: Tensor | None = None
    kind: Tensor | None = None
    kinds: tuple[str, ...] = ()
    x: Tensor | None = None
    columns: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.ptr) - 1

    @property
    def nodes(self) -> int:
        """Of all graphs. · 节点总数。"""
        return int(self.ptr[-1])

    @property
    def owner(self) -> Tensor:
        """The graph of each node, [N]. · 各节点所属的图。"""
        return torch.repeat_interleave(torch.arange(len(self)), self.ptr.diff())

    def called(self, graph: int) -> str:
        """The name of a graph, its number from 1 where it has none. · 图的名称。"""
        return self.names[graph] if self.names else str(graph + 1)

    def one(self, graph: int) -> Graph:
        """One of them by itself. · 取出一张图。"""
        first, last = int(self.ptr[graph]), int(self.ptr[graph + 1])
        inside = (self.edges[0] >= first) & (self.edges[0] < last)
        return Graph(self.called(graph), self.edges[:, inside] - first, last - first)


def joined(name: str, graphs: Sequence[Graph], y: Tensor, classes: tuple[str, ...]) -> GraphSet:
    """Graphs as a set, their nodes without features. · 由若干图构成集合。"""
    ptr = torch.tensor([0, *(graph.nodes for graph in graphs)]).cumsum(0)
    edges = [graph.edges + first for graph, first in zip(graphs, ptr.tolist(), strict=False)]
    return GraphSet(name, ptr, torch.cat(edges, 1), y, classes)


def faults(found: GraphSet) -> list[str]:
    """What makes a set unusable, a line each. · 使其不可用的问题。

    >>> faults(GraphSet("none", torch.tensor([0]), torch.zeros(2, 0, dtype=torch.int64), torch.zeros(0), ()))
    ['none: no graphs: expected at least one']
    """
    name, lines = found.name, list(found.faults)
    if not len(found):
        lines.append(f"{name}: no graphs: expected at least one")
        return lines
    if empty := (found.ptr.diff() == 0).nonzero()[:, 0].tolist():
        lines.append(
            f"{name}: {_several(len(empty), 'graph')} without nodes (the first: {found.called(empty[0])}): expected at "
            "least one node in each"
        )
    owner = found.owner
    speaker, hearer = owner[found.edges[0]], owner[found.edges[1]]
    if len(between := (speaker != hearer).nonzero()[:, 0]):
        first = int(between[0])
        a, b = (found.called(int(which[first])) for which in (speaker, hearer))
        lines.append(
            f"{name}: {_several(len(between), 'edge')} between two graphs (the first: from graph {a} to {b}): expected "
            "both ends in one"
        )
    if found.x is not None and len(bad := (~found.x.isfinite()).any(1).nonzero()[:, 0]):
        lines.append(
            f"{name}: {_several(len(bad), 'node')} whose numbers are not finite (the first in graph "
            f"{found.called(int(owner[bad[0]]))}): expected finite numbers"
        )
    if found.weights is not None and len(bad := (~found.weights.isfinite() | (found.weights < 0)).nonzero()[:, 0]):
        lines.append(
            f"{name}: {_several(len(bad), 'edge weight')} negative or no number (the first: "
            f"{float(found.weights[bad[0]]):g}): expected at least 0"
        )
    return lines


def _several(count: int, what: str) -> str:
    return f"{count:,} {what}{'s' if count > 1 else ''}"


def once(found: GraphSet) -> GraphSet:
    """The same, no edge twice and none from a node to itself: layers add their own. · 去掉重复边与自环。"""
    n, there = found.nodes, found.edges[0] != found.edges[1]
    key = found.edges[0] * n + found.edges[1]
    order = key.argsort(stable=True)
    first = torch.ones(len(key), dtype=torch.bool)
    first[1:] = key[order][1:] != key[order][:-1]
    kept = order[first & there[order]]
    return replace(found, edges=found.edges[:, kept], weights=None if found.weights is None else found.weights[kept])


def sound(found: GraphSet) -> GraphSet:
    """The same, no edge twice and no self-loops; raises `UserError` with every fault a line. · 检查并去重。

    >>> len(sound(joined("one", [Graph("loop", torch.tensor([[0], [0]]), 1)], torch.tensor([0]), ("a",))).edges[0])
    0
    """
    if wrong := faults(found):
        raise UserError(*wrong)
    return once(found)


def summary(found: GraphSet) -> str:
    """What it is, in one line. · 一行概况。"""
    sizes, edges = found.ptr.diff(), found.edges.shape[1]
    parts = [f"{found.name}: {len(found):,} graphs of {int(sizes.min())} to {int(sizes.max())} nodes"]
    parts.append(f"{found.nodes / len(found):.1f} nodes and {edges / len(found):.1f} directed edges on average")
    if found.kinds:
        parts.append(f"{len(found.kinds)} kinds of nodes")
    if found.columns:
        parts.append(f"{len(found.columns)} numbers a node")
    return ", ".join(parts) + "".join(f"; {line}" for line in found.lines)
