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


def refuse(options: dict[str, bool]) -> None:
    """Raises `UserError` for an option of torch's that would make of the delta something else. · 拒绝不支持的选项。"""
    for option, chosen in options.items():
        if chosen:
            raise UserError(f"Embedding got {option}=True: expected False, its delta is dense; leave {option} out")


def looked_up(idx, weight, padding_idx=None, max_norm=None, norm_type=2.0):
    """Rows of the table; the one at padding_idx sends nothing back, and max_norm shortens what is read. · 查表。

    >>> looked_up(torch.tensor([0]), torch.tensor([[3.0, 4.0]]), max_norm=1.0)
    tensor([[0.6000, 0.8000]])
    """
    if embedding.card.runs_twin():
        return F.embedding(idx, weight, padding_idx, max_norm, norm_type)
    if max_norm is not None:
        with torch.no_grad():  # torch shortens the rows it looks up, for good
            torch.embedding_renorm_(weight, idx.contiguous(), max_norm, norm_type)
    out = embedding(idx, weight)
    if padding_idx is None:
        return out
    return torch.where((idx == padding_idx % len(weight))[..., None], out.detach(), out)


class Embedding(torch.nn.Embedding):
    """A learned row for each of num_embeddings words. · 词嵌入表。

    input [*] integers below V, weight [V, D], out [*, D]. Raises `UserError` for sparse=True and
    scale_grad_by_freq=True: the delta is a dense table, and a derivative. The formula and its source: `embedding`.

    >>> Embedding.from_pretrained(torch.tensor([[1.0, 2.0]]))(torch.tensor([0]))
    tensor([[1., 2.]])
    """

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        refuse({"sparse": self.sparse, "scale_grad_by_freq": self.scale_grad_by_freq})

    def forward(self, input: Tensor) -> Tensor:
        return looked_up(input, self.weight, self.padding_idx, self.max_norm, self.norm_type)
