r"""Embedding: a row of the table for each word · 嵌入：每个词取表中一行

symbols  idx [*] integers below V   weight E [V, D], V = num_embeddings, D = embedding_dim (errata E28)   out [*, D]
note     δE[v] is the sum of the δ rows whose index is v; the row padding_idx gets none (E29)
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ..errors import UserError
from ..formula import R, formula, rows


@formula(
    twin=F.embedding,
    batch=("idx",),
    source="Bengio et al. 2003, A neural probabilistic language model, JMLR 3:1137–1155, §2",
)
def embedding(idx, weight):
    """Row idx of the table. · 取表中第 idx 行。

    >>> embedding(torch.tensor([1, 0]), torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
    tensor([[3., 4.],
            [1., 2.]])
    """
    return weight.index_select(0, idx.reshape(-1)).reshape(*idx.shape, weight.shape[1])


@embedding.backward("weight")
def _(δ, idx, weight):
    return torch.zeros_like(weight).index_add(0, idx.reshape(-1), rows(δ))


@embedding.samples
def _():
    yield torch.tensor([[1, 2], [0, 1]]), R(4, 3)
    yield torch.tensor([1, 3, 1]), R(4, 3)


class Embedding(torch.nn.Embedding):
    """A learned row for each of num_embeddings words. · 词嵌入表。

    Raises `UserError` for sparse=True and scale_grad_by_freq=True: the delta is a dense table, and a derivative.

    >>> Embedding.from_pretrained(torch.tensor([[1.0, 2.0]]))(torch.tensor([0]))
    tensor([[1., 2.]])
    """

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        for option in ("sparse", "scale_grad_by_freq"):
            if getattr(self, option):
                raise UserError(f"Embedding got {option}=True: expected False, its delta is dense; leave {option} out")

    def forward(self, input: Tensor) -> Tensor:
        if embedding.card.runs_twin():
            return super().forward(input)
        if self.max_norm is not None:
            with torch.no_grad():  # torch shortens the rows it looks up, for good
                torch.embedding_renorm_(self.weight, input.contiguous(), self.max_norm, self.norm_type)
        out = embedding(input, self.weight)
        if self.padding_idx is None:
            return out
        return torch.where((input == self.padding_idx)[..., None], out.detach(), out)  # padding sends nothing back
