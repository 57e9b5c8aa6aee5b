r"""Graph auto-encoder: nodes as points, edges where points lie along each other · 图自编码器

symbols  x [N, F] features, dense or `Sparse`   A [N, N] the adjacency, `Sparse`   z [N, D] embeddings
         σ(z zᵀ) the chance of each edge
"""

from .gcn import GCN


class GAE(GCN):
    """The encoder of Kipf & Welling 2016, a GCN of two layers; the decoder is the inner product. · 图自编码器。

    x [N, F] → z [N, D]. Source: arXiv:1611.07308, sections 2 and 3: 32 hidden units, 16 numbers a node, no dropout.

    >>> import torch
    >>> from chainrule.nn.sparse import Sparse
    >>> A = Sparse.of(torch.tensor([0, 1]), torch.tensor([1, 0]), torch.ones(2), (3, 3))
    >>> GAE(5)(torch.ones(3, 5), A).shape
    torch.Size([3, 16])
    """

    def __init__(self, in_features: int, hidden: int = 32, dim: int = 16, dropout: float = 0.0) -> None:
        super().__init__(in_features, dim, hidden, dropout)
