r"""Graph: weights shared among neighbours · 图：在邻居间分配的权重

symbols  value [E] the weight of each edge, raw   row [E] the node that hears   col [E] the node that speaks   n nodes
         d [n] degrees: the sums of the weights a node hears   z [E, …] scores   index [E] the group of each, below n
         x [n, K, C] nodes, K heads of each   att_src [1, K, C] what counts in a speaker   att_dst [1, K, C] in a hearer
         heard [n, C] what the neighbours of each node say, summed   eps [1] by how much a node itself counts more
         out [E, …] one number for each edge
note     self-loops are entries like others and are put in before the degrees are taken: Ã = A + I, D̃ᵢᵢ = Σ Ãᵢⱼ (E90)
note     left multiplication, D⁻¹A, normalises rows: `share` by row; A D⁻¹ normalises columns: `share` by col (E89)
note     a node whose weights do not sum to more than 0 passes nothing on, where 1/√0 would be infinite
note     the deltas are those of the raw weights, through the degrees
"""

import torch

from ..formula import R, formula
from .sparse import Sparse


def power_of(d, exponent):
    """d to a negative power: where there is no degree, that of a node without end, which is zero. · 度数的负幂。"""
    return torch.where(d > 0, d, torch.inf) ** exponent


def gathered(value, index, n):
    """The sum of each group. · 各组之和。"""
    return value.new_zeros(n, *value.shape[1:]).index_add(0, index, value)


@formula(batch=(), source="Kipf & Welling 2017, arXiv:1609.02907, eq. 2")
def symmetric(value, row, col, n):
    """Each weight over the roots of both degrees: D^{−½} A D^{−½}. · 对称归一化。

    >>> symmetric(torch.ones(2), torch.tensor([0, 1]), torch.tensor([1, 0]), 3)
    tensor([1., 1.])
    """
    s = power_of(gathered(value, row, n), -0.5)
    return s[row] * value * s[col]


@symmetric.backward("value")
def _(δ, value, row, col, n):
    """An edge changes its own weight and the degree of the node that hears it. · 经由自身与度数两条路。"""
    d = gathered(value, row, n)
    s_row, s_col = power_of(d, -0.5)[row], power_of(d, -0.5)[col]
    δs = gathered(δ * value * s_col, row, n) + gathered(δ * value * s_row, col, n)
    δd = -0.5 * δs * power_of(d, -1.5)
    return δ * s_row * s_col + δd[row]


@symmetric.samples
def _():
    row, col = torch.tensor([0, 0, 1, 1, 1, 3]), torch.tensor([0, 1, 0, 2, 3, 1])  # directed; 2 hears nobody
    yield R(6).detach().abs().add(0.3).requires_grad_(), row, col, 5


@formula(batch=(), source="Kipf & Welling 2017, arXiv:1609.02907, section 2.1; Hamilton et al. 2017, arXiv:1706.02216")
def share(value, index, n):
    """Each number over the sum of its group: rows by row, columns by col. · 各数除以本组之和。

    >>> share(torch.tensor([1.0, 3.0, 5.0]), torch.tensor([0, 0, 1]), 3)
    tensor([0.2500, 0.7500, 1.0000])
    """
    return value * power_of(gathered(value, index, n), -1)[index]


@share.backward("value")
def _(δ, value, out, index, n):
    s = power_of(gathered(value, index, n), -1)
    return (δ - gathered(δ * out, index, n)[index]) * s[index]


@share.samples
def _():
    yield R(6).detach().abs().add(0.3).requires_grad_(), torch.tensor([0, 0, 1, 1, 1, 3]), 5
    yield R(3).detach().sigmoid().mul(0.4).requires_grad_(), torch.tensor([1, 0, 1]), 2  # degrees below 1


def largest(z, index, n):
    """The largest score of each group, said to each of its members. · 组内最大值。"""
    whole = z.new_full((n, *z.shape[1:]), -torch.inf)
    return whole.scatter_reduce(0, index.reshape(-1, *[1] * (z.ndim - 1)).expand_as(z), z, "amax")[index]


@formula(batch=(), autocast="fp32", source="Veličković et al. 2018, arXiv:1710.10903, eq. 2 and 3")
def segment_softmax(z, index, n):
    """Scores become shares within their group. · 组内的 softmax。

    >>> segment_softmax(torch.tensor([1.0, 1.0, 9.0]), torch.tensor([0, 0, 2]), 3)
    tensor([0.5000, 0.5000, 1.0000])
    """
    e = (z - largest(z, index, n)).exp()
    return e / gathered(e, index, n)[index]


@segment_softmax.backward("z")
def _(δ, out, index, n):
    return out * (δ - gathered(δ * out, index, n)[index])


@segment_softmax.samples
def _():
    yield R(6), torch.tensor([2, 0, 1, 0, 2, 2]), 4
    yield R(4, 2), torch.tensor([1, 0, 1, 1]), 2


@formula(batch=(), source="Veličković et al. 2018, arXiv:1710.10903, eq. 1: aᵀ[Wh_i ‖ Wh_j] is a sum of two products")
def edge_scores(x, att_src, att_dst, row, col):
    """How much each edge matters: what the speaker says of itself plus what the hearer does. · 每条边的得分。

    >>> one = torch.ones(1, 1, 3)
    >>> edge_scores(torch.ones(2, 1, 3), one, 0 * one, torch.tensor([0]), torch.tensor([1]))
    tensor([[3.]])
    """
    return (x * att_src).sum(-1)[col] + (x * att_dst).sum(-1)[row]


@edge_scores.backward("x", "att_src", "att_dst")
def _(δ, x, att_src, att_dst, row, col):
    δs, δd = gathered(δ, col, len(x))[..., None], gathered(δ, row, len(x))[..., None]
    return δs * att_src + δd * att_dst, (δs * x).sum(0, keepdim=True), (δd * x).sum(0, keepdim=True)


@edge_scores.samples
def _():
    yield R(4, 2, 3), R(1, 2, 3), R(1, 2, 3), torch.tensor([0, 0, 1, 3, 3]), torch.tensor([0, 1, 0, 2, 1])


@formula(batch=("x", "heard"), source="Xu et al. 2019, arXiv:1810.00826, eq. 4.1 (before its perceptron)")
def itself_and_heard(x, heard, eps):
    """A node, counted a little more than a neighbour, and what it hears: (1 + ε) x + heard. · 自身与邻居之和。

    >>> itself_and_heard(torch.tensor([[2.0]]), torch.tensor([[5.0]]), torch.tensor([0.5]))
    tensor([[8.]])
    """
    return (1 + eps) * x + heard


@itself_and_heard.backward("x")
def _(δ, eps):
    return (1 + eps) * δ


@itself_and_heard.backward("heard")
def _(δ):
    return δ


@itself_and_heard.backward("eps")
def _(δ, x):
    return (δ * x).sum().reshape(1)


@itself_and_heard.samples
def _():
    yield R(4, 3), R(4, 3), R(1)


NORMS = ("symmetric", "row", "column", "none")


def normalised(A: Sparse, norm: str = "symmetric") -> Sparse:
    """The adjacency with its weights shared among neighbours. · 归一化的邻接矩阵。

    norm one of `NORMS`: D^{−½} A D^{−½}, D⁻¹ A, A D⁻¹, or as it is.

    >>> A = Sparse.of(torch.tensor([0, 0]), torch.tensor([0, 1]), torch.ones(2), (2, 2))
    >>> normalised(A, "row").to_dense()
    tensor([[0.5000, 0.5000],
            [0.0000, 0.0000]])
    """
    if norm == "symmetric":
        return A.valued(symmetric(A.value, A.row, A.col, A.shape[0]))
    if norm == "row":
        return A.valued(share(A.value, A.row, A.shape[0]))
    return A.valued(share(A.value, A.col, A.shape[1])) if norm == "column" else A


def with_self_loops(A: Sparse, weight: float = 1.0) -> Sparse:
    """Ã: each node hears itself too; a loop that is there keeps its weight, as in PyTorch Geometric. · 加入自环。

    >>> with_self_loops(Sparse.of(torch.tensor([0]), torch.tensor([1]), torch.ones(1), (2, 2))).to_dense()
    tensor([[1., 1.],
            [0., 1.]])
    """
    row, alone = A.row, torch.ones(A.shape[0], dtype=torch.bool, device=A.col.device)
    alone = alone.index_fill(0, row[row == A.col], False).nonzero()[:, 0]
    value = torch.cat([A.value, A.value.new_full((len(alone), *A.value.shape[1:]), weight)])
    return Sparse.of(torch.cat([row, alone]), torch.cat([A.col, alone]), value, A.shape)


def adjacency(edge_index: torch.Tensor, edge_weight: torch.Tensor | None, n: int) -> Sparse:
    """The adjacency of edges [2, E] from speaker to hearer, as PyTorch Geometric writes them. · 由边表得到邻接矩阵。

    >>> adjacency(torch.tensor([[1], [0]]), None, 2).to_dense()
    tensor([[0., 1.],
            [0., 0.]])
    """
    weight = torch.ones(edge_index.shape[1], device=edge_index.device) if edge_weight is None else edge_weight
    return Sparse.of(edge_index[1], edge_index[0], weight, (n, n))
