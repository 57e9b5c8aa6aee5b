r"""Pairs: how well two nodes of a graph fit · 节点对：两个节点的契合程度

symbols  z [n, D] embeddings   left, right int64 [P] the two ends of each pair   out [P] one number a pair
"""

import torch

from ..formula import R, formula
from .graph import gathered


@formula(batch=(), source="Kipf & Welling 2016, arXiv:1611.07308, eq. 2 (inner product decoder)")
def pair_products(z, left, right):
    """How well two nodes fit: the inner product of their embeddings. · 节点对的内积。

    >>> pair_products(torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([0]), torch.tensor([1]))
    tensor([11.])
    """
    return (z[left] * z[right]).sum(-1)


@pair_products.backward("z")
def _(δ, z, left, right):
    """Each end moves along the other. · 一端沿另一端移动。"""
    return gathered(δ[:, None] * z[right], left, len(z)) + gathered(δ[:, None] * z[left], right, len(z))


@pair_products.samples
def _():
    yield R(4, 3), torch.tensor([0, 1, 3, 3, 2]), torch.tensor([1, 2, 0, 1, 2])  # 2 with itself; several pairs a node
