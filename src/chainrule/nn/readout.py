r"""Readout: one row for each graph from the rows of its nodes · 读出：由各节点的行得到整张图的一行

symbols  x [N, …] a row a node   index int64 [N] the graph of each node, below n   n graphs   out [n, …] a row a graph
note     a graph without nodes reads zero, as in PyTorch Geometric's global_add_pool and its neighbours
note     the delta of the largest goes to those that are it, in equal shares where several are: torch's amax
note     only the sum tells two nodes alike from one (Xu et al. 2019, section 5.2)
"""

import torch

from ..formula import R, formula
from .graph import gathered

_XU = "Xu et al. 2019, arXiv:1810.00826, section 5.2"


def sizes(x, index, n):
    """How many rows a graph has, at least 1 so that one can divide by it, [n, 1, …]. · 各图的行数，至少为 1。

    >>> sizes(torch.zeros(3, 2), torch.tensor([0, 0, 2]), 3)
    tensor([[2.],
            [1.],
            [1.]])
    """
    return gathered(x.new_ones(len(x), *[1] * (x.ndim - 1)), index, n).clamp(min=1)


@formula(batch=(), autocast="fp32", source=_XU)
def segment_sum(x, index, n):
    """The sum over the nodes of each graph. · 每张图各节点之和。

    >>> segment_sum(torch.tensor([[1.0], [2.0], [5.0]]), torch.tensor([0, 0, 2]), 3)
    tensor([[3.],
            [0.],
            [5.]])
    """
    return gathered(x, index, n)


@segment_sum.backward("x")
def _(δ, index):
    """Each node gets what its graph got. · 每个节点得到所在图的 δ。"""
    return δ.index_select(0, index)


@formula(batch=(), autocast="fp32", source=_XU)
def segment_mean(x, index, n):
    """The mean over the nodes of each graph. · 每张图各节点的平均。

    >>> segment_mean(torch.tensor([[1.0], [2.0], [5.0]]), torch.tensor([0, 0, 2]), 3)
    tensor([[1.5000],
            [0.0000],
            [5.0000]])
    """
    return gathered(x, index, n) / sizes(x, index, n)


@segment_mean.backward("x")
def _(δ, x, index, n):
    return (δ / sizes(x, index, n)).index_select(0, index)


def scattered(x, index, n):
    """torch's own reduction. · torch 的归约。"""
    whole, where = x.new_zeros(n, *x.shape[1:]), index.reshape(-1, *[1] * (x.ndim - 1))
    return whole.scatter_reduce(0, where.expand_as(x), x, "amax", include_self=False)


@formula(twin=scattered, batch=(), autocast="fp32", source=_XU)
def segment_max(x, index, n):
    """The largest over the nodes of each graph, number by number. · 每张图各节点的逐元素最大值。

    >>> segment_max(torch.tensor([[1.0], [2.0], [-5.0]]), torch.tensor([0, 0, 2]), 3)
    tensor([[ 2.],
            [ 0.],
            [-5.]])
    """
    return scattered(x, index, n)


@segment_max.backward("x")
def _(δ, x, out, index, n):
    """To those that are the largest. · 传给取得最大值的节点。"""
    largest = (x == out.index_select(0, index)).to(x.dtype)
    shared = gathered(largest, index, n).index_select(0, index)
    return largest * δ.index_select(0, index) / shared


@segment_sum.samples
@segment_mean.samples
@segment_max.samples
def _():
    yield R(6, 3), torch.tensor([2, 0, 0, 3, 2, 0]), 5  # out of order, two graphs without nodes
    yield R(4, 2, 2), torch.tensor([1, 0, 1, 1]), 2


READOUTS = {"sum": segment_sum, "mean": segment_mean, "max": segment_max}
