r"""Attention of recurrent translators: Bahdanau's and Luong's · 循环翻译模型的注意力

symbols  q [N, T, A] the decoder's states   k [N, S, A] the encoder's, each through a matrix of its own   v [A]
         out [N, T, S] scores   query [N, T, Q]   key [N, S, K]   mask [N, S]: true where a source word stands (E63)
note     v·tanh(W₁s + W₂h) is Bahdanau's, additive (errata E71); Luong's are dot, general and concat
note     shares run over all source positions and sum to 1 (E72); E is [target steps, source steps] (E78)
note     the [N, T, S, A] of all pairs is never held: one target step after the other, forward and backward
"""

import torch
from torch import Tensor

from ..errors import unknown
from ..formula import R, formula
from .attention import masked_softmax, matmul
from .attentive_steps import scores, scores_back
from .linear import Linear
from .swift import swift

SCORES = ("dot", "general", "concat")


def additive_scores_at_once(q, k, v):
    return (q[:, :, None] + k[:, None]).tanh() @ v


@formula(
    twin=additive_scores_at_once,
    autocast="low",
    batch=("q", "k"),
    source="Bahdanau, Cho & Bengio 2015, arXiv:1409.0473, appendix A.1.2: e = vᵀ tanh(W s + U h)",
)
def additive_scores(q, k, v):
    """How well each decoder step fits each source word, by a layer of tanh units. · 加性注意力得分。

    >>> additive_scores(torch.zeros(1, 2, 3), torch.zeros(1, 4, 3), torch.ones(3)).shape
    torch.Size([1, 2, 4])
    """
    return torch.stack([(q[:, t, None] + k).tanh() @ v for t in range(q.shape[1])], 1)


@additive_scores.backward("q", "k", "v")
def _(δ, q, k, v):
    δq, δk, δv = [], torch.zeros_like(k), torch.zeros_like(v)
    for t in range(q.shape[1]):
        a = (q[:, t, None] + k).tanh()
        δz = δ[:, t, :, None] * v * (1 - a**2)
        δq.append(δz.sum(1))
        δk = δk + δz
        δv = δv + (δ[:, t, :, None] * a).sum((0, 1))
    return torch.stack(δq, 1), δk, δv


@additive_scores.samples
def _():
    yield R(2, 3, 4), R(2, 5, 4), R(4)
    yield R(3, 1, 2), R(3, 2, 2), R(2)


# The twin holds all pairs at once: the eager form goes by steps, too.
_kernel = swift(additive_scores.card, scores, scores_back)
additive_scores.kernel("cpu", torch.float32, torch.float64)(_kernel)
additive_scores.kernel("cuda", torch.float32, torch.float64)(_kernel)


class AdditiveAttention(torch.nn.Module):
    """Bahdanau's attention: s looks at every h. · Bahdanau 加性注意力：s 逐一查看每个 h。

    query [N, T, Q] (or [N, Q]: one step), key and value [N, S, K], mask [N, S] → context [N, T, K], shares [N, T, S].
    `project(key)` can be kept while decoding. Source: Bahdanau, Cho & Bengio 2015, arXiv:1409.0473, eq. 5-6, A.1.2.

    >>> context, shares = AdditiveAttention(4, 6, 5)(torch.zeros(2, 3, 4), torch.zeros(2, 7, 6))
    >>> context.shape, shares.shape
    (torch.Size([2, 3, 6]), torch.Size([2, 3, 7]))
    """

    def __init__(self, query_dim: int, key_dim: int, attention_dim: int) -> None:
        super().__init__()
        self.query = Linear(query_dim, attention_dim, bias=False)
        self.key = Linear(key_dim, attention_dim)
        self.energy = torch.nn.Parameter(torch.empty(attention_dim).uniform_(-1, 1) / attention_dim**0.5)

    def project(self, key: Tensor) -> Tensor:
        """What all steps use of the source. · 源端投影，各步共用。"""
        return self.key(key)

    def forward(
        self, query: Tensor, key: Tensor, mask: Tensor | None = None, projected: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        steps = query if query.ndim == 3 else query[:, None]
        k = self.project(key) if projected is None else projected
        found = additive_scores(self.query(steps), k, self.energy)
        return looked(found, key, mask, query.ndim == 2)


class LuongAttention(torch.nn.Module):
    """Luong's global attention with the score dot, general or concat. · Luong 全局注意力。

    query [N, T, Q] (or [N, Q]), key [N, S, K], mask [N, S] → context [N, T, K], shares [N, T, S]; dot: Q = K. Raises
    `UserError` for another score. Source: Luong, Pham & Manning 2015, arXiv:1508.04025, section 3.1.

    >>> LuongAttention(4, 4, "dot")(torch.zeros(2, 3, 4), torch.zeros(2, 7, 4))[0].shape
    torch.Size([2, 3, 4])
    """

    def __init__(self, query_dim: int, key_dim: int, score: str = "general", attention_dim: int | None = None) -> None:
        super().__init__()
        if score not in SCORES:
            raise unknown("score of Luong's attention", score, SCORES)
        self.score = score
        if score == "general":
            self.weight = Linear(query_dim, key_dim, bias=False)
        if score == "concat":  # Wₐ[s; h] is W₁s + W₂h
            self.concat = AdditiveAttention(query_dim, key_dim, attention_dim or key_dim)

    def project(self, key: Tensor) -> Tensor:
        """What all steps use of the source. · 源端投影，各步共用。"""
        return self.concat.project(key) if self.score == "concat" else key

    def forward(
        self, query: Tensor, key: Tensor, mask: Tensor | None = None, projected: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        if self.score == "concat":
            return self.concat(query, key, mask, projected)
        steps = query if query.ndim == 3 else query[:, None]
        q = self.weight(steps) if self.score == "general" else steps
        return looked(matmul(q, key.mT), key, mask, query.ndim == 2)


def looked(scores: Tensor, key: Tensor, mask: Tensor | None, alone: bool) -> tuple[Tensor, Tensor]:
    """Context and shares of scores; without its axis of time for a single step. · 上下文与份额。"""
    shares = masked_softmax(scores, None if mask is None else mask[:, None])
    context = matmul(shares, key)
    return (context[:, 0], shares[:, 0]) if alone else (context, shares)
