"""Network for the rows of a table: embeddings of categories beside numbers · 表格网络：类别嵌入与数值并列

symbols  x [N, F] numbers   c [N, K] places of categories, 0 for one never seen   e_k [N, D_k] = E_k[c_k]
         out [N, O] = MLP([x, e_1, …, e_K])
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from .. import nn
from .mlp import mlp

WIDEST = 50  # of the embeddings whose width is chosen by itself


def width(places: int) -> int:
    """The numbers that stand for one category where nobody says how many. · 默认的嵌入维数。

    >>> width(4), width(1000)
    (2, 50)
    """
    return min(WIDEST, max(1, places // 2))


class Tabular(torch.nn.Module):
    """Rows of numbers and categories to classes or numbers. · 由数值与类别预测。

    x [N, numbers] float, c [N, len(categories)] int64, out [N, num_outputs]. Place 0 of each table of embeddings is
    zero and stays so: a category that training never saw says nothing. embedding_dim: of every category; 0: half of how
    many it has, at most 50. Raises IndexError for a place outside a table.
    Source: Guo & Berkhahn 2016, arXiv:1604.06737, figure 1.

    >>> net = Tabular(num_outputs=3, numbers=2, categories=(4,), hidden=8)
    >>> net(torch.zeros(5, 2), torch.zeros(5, 1, dtype=torch.int64)).shape
    torch.Size([5, 3])
    >>> sum(p.numel() for p in Tabular(num_outputs=1, numbers=3, hidden=4).parameters())
    21
    """

    def __init__(
        self,
        num_outputs: int = 2,
        numbers: int = 8,
        categories: Sequence[int] = (),
        hidden: int | Sequence[int] = (128, 64),
        activation: str = "relu",
        dropout: float = 0.1,
        embedding_dim: int = 0,
    ):
        super().__init__()
        widths = [embedding_dim or width(places) for places in categories]
        self.embeddings = nn.ModuleList(
            [nn.Embedding(places, wide, padding_idx=0) for places, wide in zip(categories, widths, strict=True)]
        )
        self.mlp = mlp(num_outputs, numbers + sum(widths), hidden, activation, dropout)

    def forward(self, x: Tensor, c: Tensor) -> Tensor:
        looked_up = [table(c[:, k]) for k, table in enumerate(self.embeddings)]
        return self.mlp(torch.cat([x, *looked_up], 1))
