"""A set of graphs as a run sees it: its parts, its nodes as numbers, what is remembered of both. · 图集合的准备。

symbols  G graphs   N nodes   F numbers that a network sees of each node   C classes
"""

import hashlib
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ...data.graphs.set_reading import read_set
from ...data.graphs.sets import GraphSet
from ...data.held import Held
from ...data.names import show
from ...errors import UserError
from ...nn.sparse import Sparse, starts
from ..facts import Remembered

LEAST = 10  # graphs that something can be learned from


@dataclass(frozen=True)
class SetFacts(Remembered):
    """What a network for whole graphs remembers. · 需要记住的图集合信息。

    kinds of nodes; columns of numbers with their mean and std in the training part. A node without either is a 1.
    """

    name: str
    fingerprint: str
    classes: tuple[str, ...]
    kinds: tuple[str, ...]
    columns: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]

    @property
    def features(self) -> int:
        """F. · 每个节点的特征数。"""
        return (len(self.kinds) + len(self.columns)) or 1

    def features_of(self, found: GraphSet) -> Tensor:
        """The nodes of a set as the network sees them, float32 [N, F]. · 网络所见的节点特征。

        Raises `UserError` for nodes of a kind that was never seen, and for numbers that are not there.
        """
        parts = [torch.ones(found.nodes, 1)] if not (self.kinds or self.columns) else []
        if self.kinds:
            parts.append(self._one_of(found))
        if self.columns:
            if missing := [name for name in self.columns if name not in found.columns]:
                raise UserError(
                    f"{found.name}: no number {show(missing[0])} of the nodes: expected {', '.join(self.columns[:6])}, "
                    "as in training"
                )
            assert found.x is not None
            x = found.x[:, [found.columns.index(name) for name in self.columns]]
            parts.append((x - torch.tensor(self.mean)) / torch.tensor(self.std))
        return torch.cat(parts, 1)

    def _one_of(self, found: GraphSet) -> Tensor:
        place = {word: i for i, word in enumerate(self.kinds)}
        new = [word for word in found.kinds if word not in place]
        if found.kind is None or new:
            what = f"nodes of kind {show(new[0])}" if new else "no kinds of nodes"
            raise UserError(f"{found.name}: {what}: expected {', '.join(map(show, self.kinds[:8]))}, as in training")
        known = torch.tensor([place[word] for word in found.kinds])[found.kind]
        return torch.nn.functional.one_hot(known, len(place)).float()


class Graphs:
    """Some graphs of a set, taken together as one of separate blocks. · 集合中的一部分图。

    x [N, F], A a row a node of the whole set: hearers' edges by ptr and col; targets int64 [n]; rows: which graphs
    """

    def __init__(self, found: GraphSet, x: Tensor, rows: Tensor):
        self.found, self.x, self.rows = found, x, rows
        self.targets = found.y[rows]
        order = (found.edges[1] * found.nodes + found.edges[0]).argsort()
        self.col = found.edges[0][order]
        self.value = torch.ones(len(order)) if found.weights is None else found.weights[order]
        self.ptr = starts(found.edges[1], found.nodes)

    def __len__(self) -> int:
        return len(self.rows)

    def batch(self, indices: Tensor) -> tuple[tuple[Tensor, Sparse, Tensor], Tensor]:
        """((x [N, F], A [N, N], ptr [n + 1]), y [n]) of these graphs. · 一个批次。"""
        rows = self.rows.index_select(0, indices)
        first, last = self.found.ptr[rows], self.found.ptr[rows + 1]
        node, graph = _each(first, last - first)
        entry, hearer = _each(self.ptr[node], self.ptr[node + 1] - self.ptr[node])
        ptr = torch.nn.functional.pad((last - first).cumsum(0), (1, 0))
        moved = (ptr[:-1] - first)[graph[hearer]]  # from its place among all nodes to that among these
        A = Sparse.of(hearer, self.col[entry] + moved, self.value[entry], (len(node), len(node)))
        return (self.x.index_select(0, node), A, ptr), self.targets.index_select(0, indices)

    def subset(self, indices: Tensor) -> "Graphs":
        """These of them. · 子集。"""
        return Graphs(self.found, self.x, self.rows[indices])


def _each(first: Tensor, counts: Tensor) -> tuple[Tensor, Tensor]:
    """The numbers from each first on, and whose each is.

    >>> _each(torch.tensor([5, 9]), torch.tensor([2, 1]))
    (tensor([5, 6, 9]), tensor([0, 0, 1]))
    """
    whose = torch.repeat_interleave(torch.arange(len(first)), counts)
    return torch.arange(len(whose)) - (counts.cumsum(0) - counts)[whose] + first[whose], whose


@dataclass(frozen=True, eq=False)
class SetData:
    """A set in parts; val, test None where there is none. · 划分好的图集合。"""

    source: str
    found: GraphSet
    facts: SetFacts
    train: Graphs
    val: Graphs | None
    test: Graphs | None

    @property
    def fingerprint(self) -> str:
        return self.facts.fingerprint

    @property
    def classes(self) -> tuple[str, ...]:
        return self.facts.classes


def prepared(source: str, apart: Held) -> SetData:
    """Read a set, hold parts out, measure the training part. · 读取并准备。

    Raises `UserError` for a set with fewer than two classes, and one too small.
    """
    found = read_set(source)
    if len(found.classes) < 2:
        named = f" ({found.classes[0]})" if found.classes else ""
        raise UserError(f"{found.name}: {len(found.classes)} class of graphs{named}: expected at least two")
    if len(found) < LEAST:
        raise UserError(f"{found.name}: {len(found)} graphs: expected at least {LEAST} to learn from")
    counts = torch.bincount(found.y, minlength=len(found.classes))
    if apart.folds > int(counts.min()):
        least = int(counts.argmin())
        raise UserError(
            f"folds={apart.folds}: class {found.classes[least]} has {int(counts[least])} graphs: expected at least one "
            "a fold"
        )
    rows = {part: torch.from_numpy(at) for part, at in apart.parts(found.y.numpy()).items()}
    facts = facts_of(found, rows["train"])
    x = facts.features_of(found)
    parts = {part: Graphs(found, x, at) for part, at in rows.items() if len(at)}
    return SetData(source, found, facts, parts["train"], parts.get("val"), parts.get("test"))


def facts_of(found: GraphSet, train: Tensor) -> SetFacts:
    """What is remembered of a set, measured on the training part. · 集合的要点。"""
    mean = std = torch.zeros(0)
    if found.x is not None:
        seen = found.x[torch.isin(found.owner, train)].double()
        mean, std = seen.mean(0).float(), seen.std(0, correction=0).float()
        std = torch.where(std > 0, std, 1.0)
    told = tuple(mean.tolist()), tuple(std.tolist())
    return SetFacts(found.name, fingerprint(found), found.classes, found.kinds, found.columns, *told)


def fingerprint(found: GraphSet) -> str:
    """sha256 of all that is learned from. · 数据指纹。"""
    made = hashlib.sha256(f"{found.classes} {found.kinds} {found.columns}".encode())
    for tensor in (found.ptr, found.edges, found.y, found.weights, found.kind, found.x):
        if tensor is not None:
            made.update(np.ascontiguousarray(tensor.numpy()).tobytes())
    return made.hexdigest()
