r"""Graph convolutional network of two layers, and the rows of its table 3 · 两层图卷积网络及论文表 3 的各行

symbols  x [N, F] a row a node, dense or `Sparse`   A [N, N] the adjacency, `Sparse`   H hidden   out [N, C] logits
         Â = D^{−½} A D^{−½}   Ã = A + 1 with the degrees D̃
         each layer is Σₖ Sₖ x Wₖᵀ; the row says which matrices Sₖ it has
note     the notes' form has no self-loops and is one of the rows (errata E90)
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from .. import nn
from ..errors import UserError, unknown
from ..nn.graph import normalised, with_self_loops
from ..nn.graph_convolution import Features
from ..nn.sparse import Sparse


@dataclass(frozen=True)
class Row:
    """A row of table 3: how it propagates, in words and in code, and what it reached. · 论文表 3 的一行。

    terms: of Chebyshev polynomials, 0 where the layer has one matrix. cora: mean test accuracy of the paper.
    """

    en: str
    zh: str
    formula: str
    terms: int
    cora: float


ROWS = {  # Kipf & Welling 2017, arXiv:1609.02907, table 3
    "gcn": Row("renormalisation trick", "再归一化", "D̃^{−½} Ã D̃^{−½} x W", 0, 0.815),
    "cheb3": Row("Chebyshev polynomials, K = 3", "切比雪夫 K = 3", "Σₖ Tₖ(L̃) x Wₖ, k ≤ 3", 4, 0.795),
    "cheb2": Row("Chebyshev polynomials, K = 2", "切比雪夫 K = 2", "Σₖ Tₖ(L̃) x Wₖ, k ≤ 2", 3, 0.812),
    "first_order": Row("first-order model", "一阶模型", "x W₀ + Â x W₁", 2, 0.800),
    "single": Row("single parameter", "单参数", "(1 + Â) x W", 0, 0.792),
    "no_self_loops": Row("first-order term only", "仅一阶项（无自环）", "Â x W", 0, 0.805),
    "mlp": Row("multi-layer perceptron", "多层感知机", "x W", 1, 0.551),
}


def propagation(A: Sparse, row: str) -> Sparse:
    """What the layers of a row multiply with. · 传播矩阵。

    >>> A = Sparse.of(torch.tensor([0, 1]), torch.tensor([1, 0]), torch.ones(2), (2, 2))
    >>> propagation(A, "gcn").value, propagation(A, "no_self_loops").value
    (tensor([0.5000, 0.5000, 0.5000, 0.5000]), tensor([1., 1.]))
    """
    if row == "gcn":
        return normalised(with_self_loops(A))
    if row == "single":
        return with_self_loops(normalised(A))
    return normalised(A) if row == "no_self_loops" else A


class Propagating(torch.nn.Module):
    """A network whose layers multiply with one matrix made from the adjacency. · 各层乘同一传播矩阵的网络。"""

    seen: tuple[Sparse, Sparse] | None = None

    def matrix(self, A: Sparse) -> Sparse:
        """What the layers multiply with. · 各层所乘的矩阵。"""
        raise NotImplementedError

    def shared(self, A: Sparse) -> Sparse:
        """The same, kept until another adjacency comes. · 每个邻接矩阵只算一次。"""
        if self.seen is None or self.seen[0] is not A or A.value.requires_grad:
            self.seen = A, self.matrix(A)
        return self.seen[1]


def dropped(drop: torch.nn.Module, x: Features) -> Features:
    """Features of which some are left out; of sparse ones those that are not zero. · 对特征失活。"""
    return x.valued(drop(x.value)) if isinstance(x, Sparse) else drop(x)


class GCN(Propagating):
    """Kipf & Welling's network: dropout, layer, ReLU, dropout, layer. · Kipf 与 Welling 的两层网络。

    x [N, F] dense or `Sparse`, A `Sparse` [N, N] → logits [N, C]; row one of `ROWS`; lambda_max the largest eigenvalue
    of the Laplacian, which the Chebyshev rows rescale by; bias as PyTorch Geometric's layers have it, the published
    network has none. Raises `UserError` for an unknown row and a width below 1.
    Source: Kipf & Welling 2017, arXiv:1609.02907, eq. 9 and section 5.2.

    >>> A = Sparse.of(torch.tensor([0, 1]), torch.tensor([1, 0]), torch.ones(2), (3, 3))
    >>> GCN(5, 2)(torch.ones(3, 5), A).shape
    torch.Size([3, 2])
    """

    decays = ("conv1",)  # the paper's penalty is on the first layer only

    def __init__(
        self,
        in_features: int,
        num_classes: int,
        hidden: int = 16,
        dropout: float = 0.5,
        row: str = "gcn",
        lambda_max: float = 2.0,
        bias: bool = False,
    ) -> None:
        super().__init__()
        if row not in ROWS:
            raise unknown("row of table 3", row, list(ROWS))
        if hidden < 1:
            raise UserError(f"hidden={hidden}: expected at least 1")
        self.row, self.lambda_max, self.bias = row, 2.0 if row == "first_order" else lambda_max, bias
        self.drop1, self.drop2 = nn.Dropout(dropout), nn.Dropout(dropout)
        self.conv1, self.conv2 = self.layer(in_features, hidden), self.layer(hidden, num_classes)
        self.relu = nn.ReLU()

    def layer(self, wide: int, narrow: int) -> torch.nn.Module:
        """One layer of this row. · 一层。"""
        terms = ROWS[self.row].terms
        if terms:
            return nn.ChebConv(wide, narrow, terms, bias=self.bias, lambda_max=self.lambda_max)
        return nn.GCNConv(wide, narrow, normalize=False, bias=self.bias)

    def matrix(self, A: Sparse) -> Sparse:
        return propagation(A, self.row)

    def forward(self, x: Features, A: Sparse) -> Tensor:
        S = self.shared(A)
        return self.conv2(self.drop2(self.relu(self.conv1(dropped(self.drop1, x), S))), S)


@torch.no_grad()
def largest_eigenvalue(A: Sparse, steps: int = 1000) -> float:
    """Of the Laplacian 1 − D^{−½} A D^{−½}, by the power method. · 拉普拉斯矩阵的最大特征值，幂法。

    Never more than 2, and 2 only where a part of the graph is bipartite (Chung 1997, lemma 1.7).

    >>> round(largest_eigenvalue(Sparse.of(torch.tensor([0, 1]), torch.tensor([1, 0]), torch.ones(2), (2, 2))), 4)
    2.0
    """
    S = normalised(A)
    v = torch.randn(A.shape[0], 1, generator=torch.Generator().manual_seed(0), dtype=A.value.dtype)
    for _ in range(steps):
        v = v - S @ v
        v = v / v.norm()
    return float((v * (v - S @ v)).sum())
