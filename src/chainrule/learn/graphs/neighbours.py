"""Some nodes and a sample of those they hear, hop by hop, for graphs that do not fit. · 邻居采样。

symbols  n seeds   k neighbours drawn of each node   d [n] degrees   S nodes of a sample
source   Hamilton, Ying & Leskovec 2017, arXiv:1706.02216, algorithm 2 (a node that is met twice is asked once)
"""

from typing import Any

import torch
from torch import Tensor

from ...data import sampler
from ...nn.sparse import Sparse
from ...settings import Settings
from ..device import Device
from .node_data import Part

Generator = torch.Generator


def chosen(d: Tensor, k: int, generator: Generator) -> tuple[Tensor, Tensor]:
    """For each of n rows at most k different places below d, all alike: (row, place) of each. · 不放回抽样。

    Floyd's algorithm, all rows at once: Bentley & Floyd 1987, doi:10.1145/30401.315746.

    >>> row, place = chosen(torch.tensor([2, 0, 9]), 3, torch.Generator().manual_seed(0))
    >>> row.tolist(), len(set(place[2:].tolist()))
    ([0, 0, 2, 2, 2], 3)
    """
    taken = torch.full((len(d), k), -1)
    for i in range(k):
        last = (d - k).clamp(min=0) + i
        drawn = (torch.rand(len(d), generator=generator, dtype=torch.float64) * (last + 1)).long()
        again = (taken[:, :i] == drawn[:, None]).any(1)
        taken[:, i] = torch.where(again, last, drawn)
    steps = torch.arange(k)
    taken = torch.where(d[:, None] > k, taken, torch.where(steps < d[:, None], steps, -1))  # all of few
    row, column = (taken >= 0).nonzero().unbind(1)
    return row, taken[row, column]


def sampled(A: Sparse, seeds: Tensor, fan: tuple[int, ...], generator: Generator) -> tuple[Tensor, Sparse]:
    """Nodes int64 [S], the seeds first, and the adjacency among them with the edges that were drawn. · 采样子图。

    fan: how many neighbours of a node are drawn, hop by hop.

    >>> A = Sparse.of(torch.tensor([0, 1]), torch.tensor([1, 2]), torch.ones(2), (3, 3))
    >>> sampled(A, torch.tensor([0]), (5,), torch.Generator())[0]
    tensor([0, 1])
    """
    nodes, rows, entries, begin = seeds, [], [], 0
    for k in fan:
        asked = nodes[begin:]
        first, degree = A.ptr[asked], A.ptr[asked + 1] - A.ptr[asked]
        row, place = chosen(degree, k, generator)
        entry = first[row] + place
        rows.append(begin + row)
        entries.append(entry)
        begin = len(nodes)
        heard = A.col[entry].unique()
        nodes = torch.cat([nodes, heard[~torch.isin(heard, nodes)]])
    row, entry = torch.cat(rows), torch.cat(entries)
    order = nodes.argsort()
    col = order[torch.searchsorted(nodes[order], A.col[entry])]
    return nodes, Sparse.of(row, col, A.value[entry], (len(nodes), len(nodes)))


def rows_taken(x: Tensor | Sparse, nodes: Tensor) -> Tensor:
    """The features of some nodes, dense: few as they are. · 取出部分节点的特征。"""
    if not isinstance(x, Sparse):
        return x.index_select(0, nodes)
    counts = x.ptr[nodes + 1] - x.ptr[nodes]
    row = torch.repeat_interleave(torch.arange(len(nodes)), counts)
    entry = torch.arange(int(counts.sum())) - (counts.cumsum(0) - counts)[row] + x.ptr[nodes][row]
    return x.value.new_zeros(len(nodes), x.shape[1]).index_put((row, x.col[entry]), x.value[entry])


class Sampled:
    """Nodes that are told, batch by batch, with a sample of their neighbours, by (seed, step). · 采样批次。"""

    ragged = True  # no two samples have one shape

    def __init__(self, part: Part, fan: tuple[int, ...], settings: Settings, place: str):
        self.part, self.fan, self.settings, self.device = part, fan, settings, Device(place)
        self.batches = sampler.batches(len(part), settings.batch_size)
        self.updates = -(-self.batches // settings.accumulate)

    def at(self, step: int) -> list[tuple[Any, Any]]:
        epoch, update = divmod(step, self.updates)
        first = update * self.settings.accumulate
        last = min(first + self.settings.accumulate, self.batches)
        return [self._batch(step, epoch, batch) for batch in range(first, last)]

    def _batch(self, step: int, epoch: int, batch: int) -> tuple[Any, Any]:
        seed, size = self.settings.seed, self.settings.batch_size
        told = sampler.indices(seed, epoch, batch, len(self.part), size)
        generator = torch.Generator().manual_seed(sampler.seed_of(seed, step, batch) ^ 0x2545F4914F6CDD1D)
        nodes, A = sampled(self.part.A, self.part.nodes[told], self.fan, generator)
        x, y = rows_taken(self.part.x, nodes), (torch.arange(len(told)), self.part.y[told])
        return self.device.move((x, A)), self.device.move(y)

    def close(self) -> None:
        """Nothing is open."""
