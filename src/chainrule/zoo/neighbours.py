r"""GraphSAGE and GAT of two layers · 两层的 GraphSAGE 与图注意力网络

symbols  x [N, F] a row a node, dense or `Sparse`   A [N, N] the adjacency, `Sparse`, hearers as rows
         out [N, C] logits
note     both weigh neighbours one by one, so that they learn from a sample of them as well (learn/graphs/neighbours.py)
"""

from torch import Tensor

from .. import nn
from ..errors import UserError
from ..nn.graph import normalised, with_self_loops
from ..nn.graph_convolution import Features
from ..nn.sparse import Sparse
from .gcn import Propagating, dropped


def _wide(**widths: int) -> None:
    lines = [f"{name}={width}: expected at least 1" for name, width in widths.items() if width < 1]
    if lines:
        raise UserError(*lines)


class GraphSAGE(Propagating):
    """GraphSAGE with the mean: dropout, layer, ReLU, dropout, layer. · 取平均的 GraphSAGE，两层。

    x [N, F], A `Sparse` [N, N] → logits [N, C]. Raises `UserError` for a width below 1. Source: Hamilton, Ying &
    Leskovec 2017, arXiv:1706.02216, algorithm 1 with the mean of section 3.3; without its line 7, rows of length 1.

    >>> import torch
    >>> A = Sparse.of(torch.tensor([0, 1]), torch.tensor([1, 0]), torch.ones(2), (3, 3))
    >>> GraphSAGE(5, 2)(torch.ones(3, 5), A).shape
    torch.Size([3, 2])
    """

    def __init__(self, in_features: int, num_classes: int, hidden: int = 64, dropout: float = 0.5) -> None:
        super().__init__()
        _wide(hidden=hidden)
        self.drop1, self.drop2 = nn.Dropout(dropout), nn.Dropout(dropout)
        self.conv1 = nn.SAGEConv(in_features, hidden, aggr="sum")
        self.conv2 = nn.SAGEConv(hidden, num_classes, aggr="sum")
        self.relu = nn.ReLU()

    def matrix(self, A: Sparse) -> Sparse:
        """Rows that sum to 1: the sum over them is the mean. · 行归一化，求和即平均。"""
        return normalised(A, "row")

    def forward(self, x: Features, A: Sparse) -> Tensor:
        S = self.shared(A)
        return self.conv2(self.drop2(self.relu(self.conv1(dropped(self.drop1, x), S))), S)


class GAT(Propagating):
    """Graph attention: dropout, heads side by side, ELU, dropout, one head. · 两层的图注意力网络。

    x [N, F], A `Sparse` [N, N], of which only the places count → logits [N, C]; `dropout` is on the input of both
    layers and on the shares of edges. Raises `UserError` for a width below 1. Source: Veličković et al. 2018,
    arXiv:1710.10903, section 3.3, transductive.

    >>> import torch
    >>> A = Sparse.of(torch.tensor([0, 1]), torch.tensor([1, 0]), torch.ones(2), (3, 3))
    >>> GAT(5, 2)(torch.ones(3, 5), A).shape
    torch.Size([3, 2])
    """

    def __init__(
        self, in_features: int, num_classes: int, hidden: int = 8, heads: int = 8, dropout: float = 0.6
    ) -> None:
        super().__init__()
        _wide(hidden=hidden, heads=heads)
        self.drop1, self.drop2 = nn.Dropout(dropout), nn.Dropout(dropout)
        options = {"dropout": dropout, "add_self_loops": False}
        self.conv1 = nn.GATConv(in_features, hidden, heads, **options)
        self.conv2 = nn.GATConv(heads * hidden, num_classes, 1, concat=False, **options)
        self.elu = nn.ELU()

    def matrix(self, A: Sparse) -> Sparse:
        """Each node hears itself too. · 加入自环。"""
        return with_self_loops(A)

    def forward(self, x: Features, A: Sparse) -> Tensor:
        S = self.shared(A)
        return self.conv2(self.drop2(self.elu(self.conv1(dropped(self.drop1, x), S))), S)
