"""A graph ready for learning. · 可供学习的图。

symbols  N nodes   E directed edges   F features   C classes
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor

from ...errors import UserError

PARTS = ("train", "val", "test")


@dataclass(frozen=True)
class Features:
    """Features row by row, only what is not zero: ptr [N + 1], col [K], value [K]. · 按行存放的稀疏特征。"""

    value: Tensor
    ptr: Tensor
    col: Tensor
    shape: tuple[int, int]

    @classmethod
    def of(cls, dense: Tensor) -> "Features":
        """From all of them, zeros too, [N, F]. · 由稠密特征构造。

        >>> Features.of(torch.tensor([[0.0, 2.0], [0.0, 0.0]])).col
        tensor([1])
        """
        row, col = dense.nonzero().unbind(1)
        counts = torch.bincount(row, minlength=len(dense))
        return cls(
            dense[row, col], torch.nn.functional.pad(counts.cumsum(0), (1, 0)), col, (dense.shape[0], dense.shape[1])
        )

    @property
    def row(self) -> Tensor:
        """The node of each entry. · 每个非零元所属的节点。"""
        return torch.repeat_interleave(torch.arange(self.shape[0]), self.ptr.diff())

    def dense(self) -> Tensor:
        """All of them, [N, F]. · 稠密形式。"""
        return torch.zeros(self.shape).index_put((self.row, self.col), self.value, accumulate=True)

    def row_normalised(self) -> "Features":
        """Each row sums to 1; one without features stays zero. · 按行归一化；全零行保持为零。

        >>> Features.of(torch.tensor([[1.0, 3.0], [0.0, 0.0]])).row_normalised().value
        tensor([0.2500, 0.7500])
        """
        row = self.row
        total = torch.zeros(self.shape[0]).index_add(0, row, self.value)
        return replace(self, value=self.value / torch.where(total == 0, 1, total)[row])


@dataclass(frozen=True)
class Graph:
    """Nodes, who hears whom, what is known of each node. · 节点、边、特征、类别与划分。

    edges int64 [2, E] from speaker to hearer, each once; weights float32 [E]; y int64 [N], −1 where none is known;
    masks: part → bool [N]; names: of the nodes; faults: what was wrong with the file, a line each

    >>> Graph("pair", torch.tensor([[0], [1]]), 2).symmetric().edges
    tensor([[0, 1],
            [1, 0]])
    """

    name: str
    edges: Tensor
    nodes: int
    weights: Tensor | None = None
    x: Features | None = None
    y: Tensor | None = None
    classes: tuple[str, ...] = ()
    masks: dict[str, Tensor] = field(default_factory=dict)
    names: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()

    def symmetric(self) -> "Graph":
        """Each edge in both directions, none twice, no self-loops; of two weights the larger. · 无向、去重。"""
        there = self.edges[:, self.edges[0] != self.edges[1]]
        w = torch.ones(self.edges.shape[1]) if self.weights is None else self.weights
        w = w[self.edges[0] != self.edges[1]].repeat(2)
        both = torch.cat([there, there.flip(0)], 1)
        keys, inverse = torch.unique(both[0] * self.nodes + both[1], return_inverse=True)
        strongest = torch.full((len(keys),), -torch.inf).scatter_reduce(0, inverse, w, "amax")
        edges = torch.stack([keys // self.nodes, keys % self.nodes])
        return replace(self, edges=edges, weights=None if self.weights is None else strongest)

    def split(self, train: int, val: int, test: int, seed: int) -> "Graph":
        """Masks drawn anew: `train` nodes of each class, then val and test of all others. · 随机划分。

        Raises `UserError` where there are not so many.
        """
        if self.y is None:
            raise UserError(f"{self.name}: no classes are known, so no split can be drawn: expected classes")
        order = np.random.default_rng(seed).permutation(self.nodes)
        y = self.y.numpy()
        chosen = [i for c in range(len(self.classes)) for i in order[y[order] == c][:train]]
        least = min((int((y == c).sum()) for c in range(len(self.classes))), default=0)
        rest = order[~np.isin(order, chosen) & (y[order] >= 0)]
        if least < train or len(rest) < val + test:
            raise UserError(
                f"{self.name}: a split of {train} nodes a class, {val} and {test} others was asked for: the smallest "
                f"class has {least}, and {len(rest)} others are left"
            )
        return replace(self, masks=masked(self.nodes, (chosen, rest[:val], rest[val : val + test])))


def masked(nodes: int, parts: Sequence[Sequence[int] | np.ndarray]) -> dict[str, Tensor]:
    """The masks of train, val and test from their nodes. · 由节点编号得到掩码。

    >>> masked(3, ([0], [1], [2]))["val"]
    tensor([False,  True, False])
    """
    masks = {}
    for part, chosen in zip(PARTS, parts, strict=True):
        masks[part] = torch.zeros(nodes, dtype=torch.bool)
        masks[part][torch.as_tensor(np.asarray(chosen, dtype=np.int64))] = True
    return masks


def sound_edges(edges: np.ndarray, nodes: int, where: str) -> tuple[Tensor, tuple[str, ...]]:
    """The edges [2, E] between nodes that exist, and a line on those that do not. · 有效的边与问题说明。

    >>> sound_edges(np.array([[0, -1, 5], [1, 0, 0]]), 2, "edges")
    (tensor([[0],
            [1]]), ('edges: 1 edge with a negative node (the first: -1 to 0): expected 0…1', \
'edges: 1 edge with a node that does not exist (the first: 5 to 0): expected 0…1'))
    """
    negative, beyond = (edges < 0).any(0), (edges >= nodes).any(0)
    faults = []
    for bad, what in ((negative, "a negative node"), (beyond & ~negative, "a node that does not exist")):
        if bad.any():
            first, count = edges[:, bad][:, 0], int(bad.sum())
            faults.append(
                f"{where}: {count} edge{'s' if count > 1 else ''} with {what} (the first: {first[0]} to {first[1]}): "
                f"expected 0…{nodes - 1}"
            )
    return torch.from_numpy(edges[:, ~(negative | beyond)].astype(np.int64)), tuple(faults)
