"""A graph as a run sees it: its parts, its features brought to scale, and what is remembered of both. · 图数据的准备。

symbols  N nodes   F features   C classes
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from ...data.graphs import Graph, read
from ...data.graphs.check import counted
from ...data.graphs.graph import PARTS, Features
from ...errors import UserError, unknown
from ...networks.graphs import NODES
from ...nn.graph import adjacency
from ...nn.sparse import Sparse
from ..facts import Remembered

SCALES = ("auto", "rows", "columns", "none")
FULL = 0.25  # share of entries that are not zero from which on features are kept dense


@dataclass(frozen=True)
class NodeFacts(Remembered):
    """What a network of nodes remembers: classes, features, how they were brought to scale. · 需要记住的图信息。

    scale "rows", "columns" or "none"; widths what each column was divided by; numbered: the graph had no features, and
    each node stands for itself; eigenvalue of the Laplacian, where the network rescales by it
    """

    name: str
    fingerprint: str
    classes: tuple[str, ...]
    features: int
    scale: str
    widths: tuple[float, ...] = ()
    numbered: bool = False
    eigenvalue: float = 2.0

    def features_of(self, graph: Graph) -> Tensor | Sparse:
        """The features of a graph as the network takes them, dense or sparse. · 网络所见的特征。

        Raises `UserError` where they are not those that it learned from.
        """
        x = graph.x
        if self.numbered:
            if x is not None or graph.nodes != self.features:
                raise UserError(
                    f"{graph.name}: {graph.nodes} nodes, and the run learned {self.features} by their number, without "
                    "features: expected the graph that it was trained on"
                )
            x = numbered(graph.nodes)
        if x is None or x.shape[1] != self.features:
            raise UserError(
                f"{graph.name}: {'no' if x is None else x.shape[1]} features: expected the {self.features} that the "
                "run learned from, in the same order"
            )
        return as_input(self.brought(x))

    def brought(self, x: Features) -> Features:
        """Features to the scale of those that were learned from. · 缩放特征。"""
        if self.scale == "rows":
            return x.row_normalised()
        return replace(x, value=x.value / torch.tensor(self.widths)[x.col]) if self.scale == "columns" else x


def numbered(nodes: int) -> Features:
    """Features of a graph that has none: each node is its own, [N, N]. · 无特征时每个节点以自身编号为特征。

    >>> numbered(2).dense().tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    return Features(torch.ones(nodes), torch.arange(nodes + 1), torch.arange(nodes), (nodes, nodes))


def as_input(x: Features) -> Tensor | Sparse:
    """Sparse where most of it is zero. · 多数为零时用稀疏矩阵。"""
    if len(x.value) > FULL * x.shape[0] * x.shape[1]:
        return x.dense()
    return Sparse.of(x.row, x.col, x.value, x.shape)


@dataclass(frozen=True, eq=False)
class Part:
    """Some nodes of a graph, with their classes; the network sees all of it. · 图中的一部分节点。

    x [N, F], A `Sparse` [N, N], nodes int64 [n], y int64 [n]
    """

    x: Tensor | Sparse
    A: Sparse
    nodes: Tensor
    y: Tensor

    def __len__(self) -> int:
        return len(self.nodes)


@dataclass(frozen=True, eq=False)
class NodeData:
    """A graph in parts. · 划分好的图。"""

    source: str
    graph: Graph
    facts: NodeFacts
    train: Part
    val: Part | None
    test: Part | None

    @property
    def fingerprint(self) -> str:
        """sha256 of edges, features, classes and parts. · 数据指纹。"""
        return self.facts.fingerprint


def reading_of(given: Mapping[str, Any]) -> dict[str, Any]:
    """How the graph is read, checked, all faults at once. · 检查读取方式。

    >>> reading_of({"per_class": 5})["per_class"]
    5
    """
    asked, lines = {**NODES, **given}, []
    for key in ("per_class", "val_per_class"):
        least = 1 if key == "per_class" else 0
        if isinstance(asked[key], bool) or not isinstance(asked[key], int) or asked[key] < least:
            lines.append(f"data.{key}={asked[key]!r}: expected an integer of at least {least}")
    if asked["normalise"] not in SCALES:
        lines += unknown("data.normalise", str(asked["normalise"]), SCALES).lines
    if asked["undirected"] not in (True, False):
        lines.append(f"data.undirected={asked['undirected']!r}: expected True or False")
    several: Any = asked["neighbours"]
    several = (several,) if isinstance(several, int) and not isinstance(several, bool) else several
    if not isinstance(several, tuple | list) or any(not isinstance(k, int) or k < 1 for k in several):
        lines.append(
            f"data.neighbours={several!r}: expected how many neighbours of a node are drawn, hop by hop, like (10,10)"
        )
    if lines:
        raise UserError(*lines)
    return asked | {"neighbours": tuple(several)}


def prepared(source: str, reading: Mapping[str, Any], seed: int, known: NodeFacts | None = None) -> NodeData:
    """Read a graph, part it where it brings no parts, bring its features to scale. · 读取并准备。

    known  of the graph that a run learned from: another one is brought to the same scale, and has the same classes
    Raises `UserError` for a graph without classes, one too small for its parts, and one with other classes.
    """
    asked = reading_of(reading)
    graph = read(source)
    graph = graph.symmetric() if asked["undirected"] else graph
    y = graph.y
    if y is None or len(graph.classes) < 2:
        raise UserError(
            f"{graph.name}: {counted(len(graph.classes), 'class')} of nodes: expected at least two to learn from"
        )
    if not graph.masks:
        graph = parted(graph, asked["per_class"], asked["val_per_class"], seed)
    if known is not None and graph.classes != known.classes:
        raise UserError(
            f"{graph.name}: classes {', '.join(graph.classes[:6])}: expected those of the run, "
            f"{', '.join(known.classes[:6])}"
        )
    nodes = {part: (graph.masks[part] & (y >= 0)).nonzero()[:, 0] for part in PARTS if part in graph.masks}
    if not len(nodes.get("train", ())):
        raise UserError(f"{graph.name}: no node with a class is in the part train: expected at least one")
    facts = facts_of(graph, asked["normalise"]) if known is None else known
    x, A = facts.features_of(graph), adjacency(graph.edges, graph.weights, graph.nodes)
    parts = {part: Part(x, A, its, y[its]) for part, its in nodes.items() if len(its)}
    return NodeData(source, graph, facts, parts["train"], parts.get("val"), parts.get("test"))


def parted(graph: Graph, per_class: int, val_per_class: int, seed: int) -> Graph:
    """Parts drawn by seed: so many nodes a class to learn from and to validate, the others to test. · 随机划分。"""
    classes, known = len(graph.classes), int((graph.y >= 0).sum()) if graph.y is not None else 0
    try:
        left = known - classes * per_class
        val = min(classes * val_per_class, left // 3)
        return graph.split(per_class, max(val, 0), max(left - val, 0), seed)
    except UserError as error:
        raise UserError(f"{error}; data.per_class= takes fewer nodes of each class to learn from") from None


def facts_of(graph: Graph, normalise: str = "auto") -> NodeFacts:
    """What is remembered of a graph. · 图的要点。

    auto brings the features of each node to the sum 1 as published; where some are negative a sum says little, and
    each column is divided by its root mean square.
    """
    own = graph.x is None
    x = numbered(graph.nodes) if graph.x is None else graph.x
    scale = "columns" if normalise == "auto" and bool((x.value < 0).any()) else normalise
    scale, widths = "rows" if scale == "auto" else scale, torch.zeros(0)
    if scale == "columns":
        widths = torch.zeros(x.shape[1]).index_add(0, x.col, x.value.square()).div(graph.nodes).sqrt()
        widths = torch.where(widths > 0, widths, 1.0)
    return NodeFacts(
        graph.name, fingerprint(graph), graph.classes, x.shape[1], scale, tuple(widths.tolist()), numbered=own
    )


def fingerprint(graph: Graph) -> str:
    """sha256 of all that is learned from. · 数据指纹。"""
    found = hashlib.sha256(f"{graph.nodes} {graph.classes} {sorted(graph.masks)}".encode())
    x = () if graph.x is None else (graph.x.value, graph.x.ptr, graph.x.col)
    masks = (graph.masks[part] for part in sorted(graph.masks))
    for tensor in (graph.edges, graph.weights, graph.y, *x, *masks):
        if tensor is not None:
            found.update(tensor.contiguous().numpy().tobytes())
    return found.hexdigest()
