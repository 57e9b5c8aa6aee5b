r"""Networks for whole graphs: one answer for each of a batch of small graphs · 整图网络：一批小图各得一个答案

symbols  x [N, F] a row a node of all graphs   A [N, N] their adjacency, `Sparse`, a block for each graph
         ptr int64 [G + 1] where the nodes of each graph begin   H hidden   out [G, C] scores
note     no edge leaves its block, so a batch of graphs is one graph, and each layer is what it is for nodes
"""

from itertools import pairwise

import torch
from torch import Tensor

from .. import nn
from ..errors import UserError, unknown
from ..nn.graph import normalised, with_self_loops
from ..nn.readout import READOUTS
from ..nn.sparse import Sparse, rows_of


def read_out(h: Tensor, ptr: Tensor, readout: str) -> Tensor:
    """One row for each graph from those of its nodes, [G, H]. · 每张图的读出。

    >>> read_out(torch.tensor([[1.0], [2.0], [5.0]]), torch.tensor([0, 2, 3]), "sum")
    tensor([[3.],
            [5.]])
    """
    return READOUTS[readout](h, rows_of(ptr, h), len(ptr) - 1)


def checked(hidden: int, num_layers: int, readout: str) -> None:
    """Refuse what no network can be made of, all faults at once. · 检查取值。"""
    given = {"hidden": hidden, "num_layers": num_layers}
    lines = [f"{key}={value}: expected at least 1" for key, value in given.items() if value < 1]
    if readout not in READOUTS:
        lines += unknown("readout", readout, list(READOUTS)).lines
    if lines:
        raise UserError(*lines)


class GraphGCN(torch.nn.Module):
    """Layers of Kipf & Welling with batch norm, then one readout of all nodes, a linear map. · 图卷积后整图读出。

    (x, A, ptr) → [G, C]; readout one of "mean", "max", "sum". Raises `UserError` for sizes below 1 and another readout.
    Source: the layer is Kipf & Welling 2017, arXiv:1609.02907, eq. 2; read out as in Xu et al. 2019, arXiv:1810.00826,
    section 7, whose row "GCN" it is.

    >>> A = Sparse.of(torch.tensor([0, 1]), torch.tensor([1, 0]), torch.ones(2), (3, 3))
    >>> GraphGCN(5, 4)(torch.ones(3, 5), A, torch.tensor([0, 2, 3])).shape
    torch.Size([2, 4])
    """

    def __init__(
        self,
        in_features: int,
        num_outputs: int,
        hidden: int = 64,
        num_layers: int = 4,
        dropout: float = 0.0,
        readout: str = "mean",
    ) -> None:
        super().__init__()
        checked(hidden, num_layers, readout)
        self.readout, wide = readout, [in_features, *[hidden] * num_layers]
        self.convs = nn.ModuleList(nn.GCNConv(i, o, normalize=False) for i, o in pairwise(wide))
        self.norms = nn.ModuleList(nn.BatchNorm1d(hidden) for _ in range(num_layers))
        self.relu, self.drop = nn.ReLU(), nn.Dropout(dropout)
        self.lin = nn.Linear(hidden, num_outputs)

    def forward(self, x: Tensor, A: Sparse, ptr: Tensor) -> Tensor:
        S = normalised(with_self_loops(A))
        for conv, norm in zip(self.convs, self.norms, strict=True):
            x = self.relu(norm(conv(x, S)))
        return self.lin(self.drop(read_out(x, ptr, self.readout)))


class GIN(torch.nn.Module):
    """Graph isomorphism network: what each depth sees is read out, and the scores are summed. · 图同构网络。

    (x, A, ptr) → [G, C]; a linear map of the nodes as they come and one of each of num_layers `GINConv`; readout one of
    "sum", "mean", "max"; train_eps learns ε. Raises `UserError` for sizes below 1 and another readout.
    Source: Xu et al. 2019, arXiv:1810.00826, eq. 4.1 and 4.2, section 7: perceptrons of two layers, batch norm before
    each ReLU, the scores of the depths summed, which is one linear map of their concatenation.

    >>> A = Sparse.of(torch.tensor([0, 1]), torch.tensor([1, 0]), torch.ones(2), (3, 3))
    >>> GIN(5, 4)(torch.ones(3, 5), A, torch.tensor([0, 2, 3])).shape
    torch.Size([2, 4])
    """

    def __init__(
        self,
        in_features: int,
        num_outputs: int,
        hidden: int = 32,
        num_layers: int = 4,
        dropout: float = 0.5,
        readout: str = "sum",
        train_eps: bool = False,
    ) -> None:
        super().__init__()
        checked(hidden, num_layers, readout)
        self.readout, wide = readout, [in_features, *[hidden] * num_layers]
        self.convs = nn.ModuleList(nn.GINConv(perceptron(i, o), train_eps=train_eps) for i, o in pairwise(wide))
        self.norms = nn.ModuleList(nn.BatchNorm1d(hidden) for _ in range(num_layers))
        self.lins = nn.ModuleList(nn.Linear(i, num_outputs) for i in wide)
        self.relu, self.drop = nn.ReLU(), nn.Dropout(dropout)

    def forward(self, x: Tensor, A: Sparse, ptr: Tensor) -> Tensor:
        out = self.drop(self.lins[0](read_out(x, ptr, self.readout)))
        for conv, norm, lin in zip(self.convs, self.norms, self.lins[1:], strict=True):
            x = self.relu(norm(conv(x, A)))
            out = out + self.drop(lin(read_out(x, ptr, self.readout)))
        return out


def perceptron(wide: int, narrow: int) -> torch.nn.Sequential:
    """Two layers with batch norm between. · 两层感知机。"""
    return nn.Sequential(nn.Linear(wide, narrow), nn.BatchNorm1d(narrow), nn.ReLU(), nn.Linear(narrow, narrow))
