"""Which nodes are joined, by counting the neighbours they share. · 由共同邻居判断是否相连的基线。"""

import torch
from torch import Tensor

from ...nn.sparse import Sparse
from ..metrics.ranking import ranking
from .link_data import Pairs


def shared(A: Sparse, pairs: Tensor, weight: Tensor) -> Tensor:
    """The weights of the neighbours that both ends have, summed, [P]. · 共同邻居的权重之和。

    A: an edge both ways, all alike; weight [N].

    >>> star = Sparse.of(torch.tensor([0, 1, 0, 2]), torch.tensor([1, 0, 2, 0]), torch.ones(4), (3, 3))
    >>> shared(star, torch.tensor([[1, 0], [2, 1]]), torch.ones(3))
    tensor([1., 0.])
    """
    n = A.shape[0]
    counts = A.ptr[pairs[0] + 1] - A.ptr[pairs[0]]
    pair = torch.repeat_interleave(torch.arange(pairs.shape[1]), counts)
    entry = torch.arange(int(counts.sum())) - (counts.cumsum(0) - counts)[pair] + A.ptr[pairs[0]][pair]
    middle = A.col[entry]
    edges, asked = A.row * n + A.col, pairs[1][pair] * n + middle
    at = torch.searchsorted(edges, asked).clamp(max=len(edges) - 1)
    return torch.zeros(pairs.shape[1]).index_add(0, pair, torch.where(edges[at] == asked, weight[middle], 0.0))


def baselines(A: Sparse, test: Pairs) -> dict[str, dict[str, float]]:
    """Name → figures of the pairs of a part. · 各基线的指标。

    Common neighbours: Newman 2001, doi:10.1103/PhysRevE.64.025102. Adamic & Adar 2003,
    doi:10.1016/S0378-8733(03)00009-1: a neighbour of few counts for more, 1 / log d.
    """
    degrees = A.ptr.diff().float()
    weights = {"common neighbours": torch.ones_like(degrees), "Adamic–Adar": 1 / degrees.clamp(min=2).log()}
    told = {}
    for name, weight in weights.items():
        order = ranking(shared(A, test.pairs, weight), test.y > 0.5)
        told[name] = {"test_auc": order.auc, "test_ap": order.average_precision, "test_count": float(len(test))}
    return told
