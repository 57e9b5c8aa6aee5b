r"""Graph convolution: each node computes from what its neighbours say · 图卷积：每个节点由邻居所说计算

symbols  x [n, I] a row a node, dense or `Sparse`   edge_index [2, E] from speaker to hearer, or the adjacency itself,
         `Sparse` [n, n] with the hearers as rows   edge_weight [E]   out [n, O]
note     what a node takes in is an aggregation, 聚合, no clustering (errata E88)
note     parameter names and constructors are PyTorch Geometric's: its checkpoints load; a sparse x is multiplied first
"""

import torch
from torch import Tensor

from ..errors import UserError, unknown
from .dropout import Dropout
from .graph import NORMS, adjacency, edge_scores, itself_and_heard, normalised, segment_softmax, with_self_loops
from .init import xavier_uniform_
from .linear import Linear
from .piecewise import leaky_relu
from .sparse import Sparse, sparse_product

Features = Tensor | Sparse
Edges = Tensor | Sparse


def checked(x: Features, edge_index: Edges, edge_weight: Tensor | None, wide: int, layer: str) -> Sparse:
    """The adjacency, or one line on what does not fit it. · 得到邻接矩阵，不合之处以一行说明。"""
    if len(x.shape) != 2 or x.shape[1] != wide:
        raise UserError(f"{layer} got features of shape {list(x.shape)}: expected [nodes, {wide}]")
    n = x.shape[0]
    if isinstance(edge_index, Sparse):
        if edge_index.shape != (n, n):
            raise UserError(f"{layer} got an adjacency of shape {list(edge_index.shape)}: expected [{n}, {n}]")
        if edge_weight is not None:
            raise UserError(f"{layer} got an adjacency and edge_weight: its weights are already in the adjacency")
        return edge_index
    if edge_index.ndim != 2 or edge_index.shape[0] != 2 or edge_index.dtype != torch.int64:
        kind = str(edge_index.dtype).removeprefix("torch.")
        raise UserError(f"{layer} got edges of shape {list(edge_index.shape)}, {kind}: expected int64 [2, edges]")
    if edge_weight is not None and edge_weight.shape != edge_index.shape[1:]:
        raise UserError(
            f"{layer} got edge_weight of shape {list(edge_weight.shape)}: expected [{edge_index.shape[1]}], one an edge"
        )
    return adjacency(edge_index, edge_weight, n)


def mapped(lin: torch.nn.Linear, x: Features) -> Tensor:
    """x Wᵀ + b, by the entries of x where it is sparse. · 线性映射，稀疏输入只算非零元。"""
    if not isinstance(x, Sparse):
        return lin(x)
    out = sparse_product(x.value, lin.weight.mT, *x.structure)
    return out if lin.bias is None else out + lin.bias


def glorot(*weights: Tensor) -> None:
    for weight in weights:
        xavier_uniform_(weight)


class GCNConv(torch.nn.Module):
    """Kipf & Welling's layer: D̃^{−½} Ã D̃^{−½} x Wᵀ + b. · Kipf 与 Welling 的图卷积层。

    x [N, I], edge_index [2, E], edge_weight [E] → [N, O]. norm one of `NORMS` in place of the symmetric one; improved
    weighs self-loops 2; cached keeps the first adjacency for good. Raises `UserError` for what does not fit together.
    Source: Kipf & Welling 2017, arXiv:1609.02907, eq. 2.

    >>> GCNConv(3, 2)(torch.ones(4, 3), torch.tensor([[0, 1], [1, 2]])).shape
    torch.Size([4, 2])
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        improved: bool = False,
        cached: bool = False,
        add_self_loops: bool = True,
        normalize: bool = True,
        bias: bool = True,
        norm: str = "symmetric",
    ) -> None:
        super().__init__()
        if norm not in NORMS:
            raise unknown("norm of GCNConv", norm, NORMS)
        self.in_channels, self.out_channels = in_channels, out_channels
        self.improved, self.cached, self.norm = improved, cached, norm if normalize else "none"
        self.add_self_loops = add_self_loops and normalize
        self.lin = Linear(in_channels, out_channels, bias=False)
        self.bias = torch.nn.Parameter(torch.empty(out_channels)) if bias else None
        self.kept: Sparse | None = None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Glorot's weights, no bias. · 重置参数。"""
        glorot(self.lin.weight)
        if self.bias is not None:
            torch.nn.init.zeros_(self.bias)
        self.kept = None

    def shared(self, A: Sparse) -> Sparse:
        """The adjacency as it is multiplied with. · 归一化后的邻接矩阵。"""
        if self.add_self_loops:
            A = with_self_loops(A, 2.0 if self.improved else 1.0)
        return normalised(A, self.norm)

    def forward(self, x: Features, edge_index: Edges, edge_weight: Tensor | None = None) -> Tensor:
        A = self.kept
        if A is None:
            A = self.shared(checked(x, edge_index, edge_weight, self.in_channels, "GCNConv"))
            self.kept = A if self.cached else None
        out = A @ mapped(self.lin, x)
        return out if self.bias is None else out + self.bias

    def extra_repr(self) -> str:
        return f"{self.in_channels}, {self.out_channels}, norm={self.norm}"


class SAGEConv(torch.nn.Module):
    """GraphSAGE with the mean: W₁ · mean of the neighbours + W₂ · the node itself. · 取平均的 GraphSAGE 层。

    x [N, I], edge_index [2, E] → [N, O]; aggr "mean" or "sum". Raises `UserError` for what does not fit together.
    Source: Hamilton, Ying & Leskovec 2017, arXiv:1706.02216, algorithm 1, line 4 and 5 with the mean of section 3.3, a
    matrix for each half of the concatenation; line 7, rows of length 1, is left to whoever wants it.

    >>> SAGEConv(3, 2)(torch.ones(4, 3), torch.tensor([[0, 1], [1, 2]])).shape
    torch.Size([4, 2])
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        aggr: str = "mean",
        root_weight: bool = True,
        bias: bool = True,
    ) -> None:
        super().__init__()
        if aggr not in ("mean", "sum"):
            raise unknown("aggregation of SAGEConv", aggr, ("mean", "sum"))
        self.in_channels, self.out_channels, self.aggr = in_channels, out_channels, aggr
        self.lin_l = Linear(in_channels, out_channels, bias=bias)
        self.lin_r = Linear(in_channels, out_channels, bias=False) if root_weight else None

    def forward(self, x: Features, edge_index: Edges) -> Tensor:
        A = checked(x, edge_index, None, self.in_channels, "SAGEConv")
        A = normalised(A, "row" if self.aggr == "mean" else "none")
        if isinstance(x, Sparse):  # the mean of Wx is W of the mean, and Wx is narrow
            narrow = A @ sparse_product(x.value, self.lin_l.weight.mT, *x.structure)
            out = narrow if self.lin_l.bias is None else narrow + self.lin_l.bias
        else:
            out = self.lin_l(A @ x)
        return out if self.lin_r is None else out + mapped(self.lin_r, x)

    def extra_repr(self) -> str:
        return f"{self.in_channels}, {self.out_channels}, aggr={self.aggr}"


class GATConv(torch.nn.Module):
    """Attention along edges: each node weighs its neighbours by a softmax of scores. · 沿边的注意力层。

    x [N, I], edge_index [2, E] → [N, K · O] of K heads, or their mean [N, O] with concat=False; dropout drops edges.
    Raises `UserError` for what does not fit together. Source: Veličković et al. 2018, arXiv:1710.10903, eq. 1 to 6.

    >>> GATConv(3, 2, heads=4)(torch.ones(4, 3), torch.tensor([[0, 1], [1, 2]])).shape
    torch.Size([4, 8])
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        heads: int = 1,
        concat: bool = True,
        negative_slope: float = 0.2,
        dropout: float = 0.0,
        add_self_loops: bool = True,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.in_channels, self.out_channels, self.heads, self.concat = in_channels, out_channels, heads, concat
        self.negative_slope, self.add_self_loops = negative_slope, add_self_loops
        self.lin = Linear(in_channels, heads * out_channels, bias=False)
        self.att_src = torch.nn.Parameter(torch.empty(1, heads, out_channels))
        self.att_dst = torch.nn.Parameter(torch.empty(1, heads, out_channels))
        self.bias = torch.nn.Parameter(torch.empty(out_channels * (heads if concat else 1))) if bias else None
        self.drop = Dropout(dropout)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Glorot's weights, no bias. · 重置参数。"""
        glorot(self.lin.weight, self.att_src[0], self.att_dst[0])
        if self.bias is not None:
            torch.nn.init.zeros_(self.bias)

    def attention(self, x: Features, edge_index: Edges) -> tuple[Sparse, Tensor]:
        """The share of each edge in what its hearer takes in, [E, K] of the adjacency; x W, [N, K, O]. · 各边份额。"""
        A = checked(x, edge_index, None, self.in_channels, "GATConv")
        A = with_self_loops(A) if self.add_self_loops else A
        h, row = mapped(self.lin, x).unflatten(-1, (self.heads, self.out_channels)), A.row
        z = leaky_relu(edge_scores(h, self.att_src, self.att_dst, row, A.col), self.negative_slope)
        return A.valued(segment_softmax(z, row, A.shape[0])), h

    def forward(self, x: Features, edge_index: Edges) -> Tensor:
        A, h = self.attention(x, edge_index)
        out = A.valued(self.drop(A.value)) @ h
        out = out.flatten(1) if self.concat else out.mean(1)
        return out if self.bias is None else out + self.bias

    def extra_repr(self) -> str:
        return f"{self.in_channels}, {self.out_channels}, heads={self.heads}"


class GINConv(torch.nn.Module):
    """Graph isomorphism layer: a network of (1 + ε) x + the sum of the neighbours. · 图同构层。

    x [N, I], edge_index [2, E] → what `nn` makes of [N, I]; train_eps learns ε, which begins as eps. A sum tells
    neighbourhoods apart that have one mean or one maximum. Raises `UserError` for what does not fit together.
    Source: Xu et al. 2019, arXiv:1810.00826, eq. 4.1.

    >>> GINConv(Linear(3, 2))(torch.ones(4, 3), torch.tensor([[0, 1], [1, 2]])).shape
    torch.Size([4, 2])
    """

    def __init__(self, nn: torch.nn.Module, eps: float = 0.0, train_eps: bool = False) -> None:
        super().__init__()
        self.nn, self.initial_eps = nn, eps
        value = torch.full((1,), float(eps))
        if train_eps:
            self.eps = torch.nn.Parameter(value)
        else:
            self.register_buffer("eps", value)

    def forward(self, x: Features, edge_index: Edges) -> Tensor:
        A = checked(x, edge_index, None, x.shape[-1], "GINConv")
        x = x.to_dense() if isinstance(x, Sparse) else x
        return self.nn(itself_and_heard(x, A @ x, self.eps))


class ChebConv(torch.nn.Module):
    """Chebyshev polynomials of the rescaled Laplacian: Σₖ Tₖ(L̃) x Wₖᵀ + b, k < K. · 切比雪夫图卷积层。

    x [N, I], edge_index [2, E] → [N, O]; L̃ = 2 (1 − D^{−½} A D^{−½}) / λ − 1 with λ = lambda_max. K is the number of
    terms, as in PyTorch Geometric: the paper's K is one less; of a graph with directions the paper says nothing, and D
    holds the degrees of hearers here, of speakers there. Raises `UserError` for what does not fit together.
    Source: Defferrard et al. 2016, arXiv:1606.09375, eq. 4; Kipf & Welling 2017, arXiv:1609.02907, eq. 5.

    >>> ChebConv(3, 2, K=3)(torch.ones(4, 3), torch.tensor([[0, 1], [1, 0]])).shape
    torch.Size([4, 2])
    """

    def __init__(self, in_channels: int, out_channels: int, K: int, bias: bool = True, lambda_max: float = 2.0) -> None:
        super().__init__()
        if K < 1:
            raise UserError(f"ChebConv got K={K}: expected a number of terms of at least 1")
        self.in_channels, self.out_channels, self.lambda_max = in_channels, out_channels, lambda_max
        self.lins = torch.nn.ModuleList(Linear(in_channels, out_channels, bias=False) for _ in range(K))
        self.bias = torch.nn.Parameter(torch.zeros(out_channels)) if bias else None
        glorot(*(lin.weight for lin in self.lins))  # pyright: ignore[reportArgumentType]

    def forward(self, x: Features, edge_index: Edges, edge_weight: Tensor | None = None) -> Tensor:
        A = checked(x, edge_index, edge_weight, self.in_channels, "ChebConv")
        S = normalised(A)

        def L(h: Tensor) -> Tensor:
            return (2 / self.lambda_max - 1) * h - 2 / self.lambda_max * (S @ h)

        # Clenshaw's recurrence: summed from the last term, so that x, wide and sparse, is multiplied only once.
        h = [mapped(lin, x) for lin in self.lins]  # pyright: ignore[reportArgumentType]
        after = later = torch.zeros_like(h[0])
        for term in reversed(h[1:]):
            after, later = term + 2 * L(after) - later, after
        out = h[0] + L(after) - later if len(h) > 1 else h[0]
        return out if self.bias is None else out + self.bias

    def extra_repr(self) -> str:
        return f"{self.in_channels}, {self.out_channels}, K={len(self.lins)}"
