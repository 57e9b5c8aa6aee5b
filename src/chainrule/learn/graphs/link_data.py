"""A graph some of whose edges are hidden: what is to be found again. · 隐去部分边的图。

symbols  N nodes   P pairs   each edge counts once, in both directions
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...data.graphs import Graph, read
from ...data.graphs.check import counted
from ...errors import UserError, unknown
from ...networks.graphs import LINKS
from ...nn.graph import adjacency
from ...nn.sparse import Sparse
from .node_data import SCALES, NodeFacts, facts_of

NEGATIVES = ("auto", "all", "sampled")
ALL = 4000  # nodes up to which every pair is looked at in each update, as published


@dataclass(frozen=True, eq=False)
class Pairs:
    """Edges that were hidden and as many pairs that are none. · 隐去的边与等量的非边。

    x [N, F], A `Sparse` [N, N] of the edges that are left, pairs int64 [2, P], y [P] 1 for an edge
    """

    x: Tensor | Sparse
    A: Sparse
    pairs: Tensor
    y: Tensor

    def __len__(self) -> int:
        return len(self.y)


@dataclass(frozen=True, eq=False)
class LinkData:
    """A graph, and which of its edges are for what; `train` are the edges that are left. · 边的划分。"""

    source: str
    graph: Graph
    facts: NodeFacts
    train: Pairs
    val: Pairs | None
    test: Pairs | None
    negatives: str

    @property
    def fingerprint(self) -> str:
        """sha256 of edges and features. · 数据指纹。"""
        return self.facts.fingerprint


def reading_of(given: Mapping[str, Any]) -> dict[str, Any]:
    """How the edges are parted, checked, all faults at once. · 检查读取方式。

    >>> reading_of({})["val_edges"]
    0.05
    """
    asked, lines = {**LINKS, **given}, []
    for key in ("val_edges", "test_edges"):
        value = asked[key]
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1:
            lines.append(f"data.{key}={value!r}: expected a share of the edges in [0, 1)")
    if not lines and not asked["val_edges"] + asked["test_edges"] < 1:
        lines.append("data.val_edges and data.test_edges: expected less than all edges together")
    for key, known in (("normalise", SCALES), ("negatives", NEGATIVES)):
        if asked[key] not in known:
            lines += unknown(f"data.{key}", str(asked[key]), known).lines
    if lines:
        raise UserError(*lines)
    return asked


def hidden(source: str, reading: Mapping[str, Any], seed: int) -> LinkData:
    """Read a graph and hide some of its edges by seed. · 读取图并按种子隐去部分边。

    Raises `UserError` for a graph with too few edges, and one too dense for pairs that are none.
    """
    asked = reading_of(reading)
    graph = read(source).symmetric()
    facts = facts_of(graph, asked["normalise"])
    draw = np.random.default_rng(seed)
    once = graph.edges[:, graph.edges[0] < graph.edges[1]]
    order = torch.from_numpy(draw.permutation(once.shape[1]))
    sizes = [int(asked[f"{part}_edges"] * once.shape[1]) for part in ("test", "val")]
    if once.shape[1] - sum(sizes) < 1 or (asked["test_edges"] and not sizes[0]):
        raise UserError(
            f"{graph.name}: {counted(once.shape[1], 'pair')} of joined nodes: too few to hide "
            f"{asked['test_edges']:g} of them for testing and {asked['val_edges']:g} for validation; expected more "
            "edges, or less of data.test_edges and data.val_edges"
        )
    test, val, left = once[:, order].split([*sizes, once.shape[1] - sum(sizes)], 1)
    none = others(graph, sum(sizes), draw)
    x, A = facts.features_of(graph), adjacency(torch.cat([left, left.flip(0)], 1), None, graph.nodes)
    parts = [
        Pairs(x, A, torch.cat([yes, no], 1), torch.cat([torch.ones(yes.shape[1]), torch.zeros(no.shape[1])]))
        for yes, no in zip((test, val), none.split(sizes, 1), strict=True)
    ]
    train = Pairs(x, A, left, torch.ones(left.shape[1]))
    whole = "all" if graph.nodes <= ALL else "sampled"
    negatives = whole if asked["negatives"] == "auto" else asked["negatives"]
    held = [part if len(part) else None for part in parts]
    return LinkData(source, graph, facts, train, held[1], held[0], negatives)


def others(graph: Graph, count: int, draw: np.random.Generator) -> Tensor:
    """Pairs of different nodes that no edge joins, each once, int64 [2, count]. · 抽取非边。"""
    n, found = graph.nodes, np.zeros(0, np.int64)
    edges = (graph.edges[0] * n + graph.edges[1]).numpy()
    if count > n * (n - 1) // 2 - graph.edges.shape[1] // 2:
        raise UserError(f"{graph.name}: {count} pairs without an edge were asked for: it has not so many")
    while len(found) < count:
        a, b = draw.integers(n, size=(2, 2 * count + 8))
        keys = np.minimum(a, b) * n + np.maximum(a, b)
        fresh = keys[(a != b) & ~np.isin(keys, edges)]
        both = np.concatenate([found, fresh])
        found = both[np.sort(np.unique(both, return_index=True)[1])]  # in the order in which they were drawn
    return torch.from_numpy(np.stack([found[:count] // n, found[:count] % n]))
