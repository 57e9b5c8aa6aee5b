r"""Words in and words out · 词的输入与输出

symbols  x [*, D]   weight E [V, D], the embedding's own where tied   bias [V]   out [*, V] scores
note     the row of padding stays 0 and gets no gradient (errata E63), although a tied table is read on both sides
"""

import math
from typing import Any

import torch
from torch import Tensor

from .. import nn
from ..errors import UserError
from ..nn.cross_entropy import cross_entropy
from ..nn.linear import linear

PAD = 0  # the ids of padding and of both ends are fixed in every vocabulary (errata E62)
BOS = 1
EOS = 2


def word_table(vocabulary: int, width: int) -> nn.Embedding:
    """An embedding whose rows have length 1 in the mean; that of padding is 0. · 词嵌入，填充行为零。

    Source: Press & Wolf 2017, arXiv:1608.05859, for tying; deviation width^−½: Vaswani et al. 2017, section 3.4.

    >>> word_table(5, 3).weight[0].tolist()
    [0.0, 0.0, 0.0]
    """
    table = nn.Embedding(vocabulary, width, padding_idx=PAD)
    with torch.no_grad():
        table.weight.normal_(0, 1 / math.sqrt(width))[PAD] = 0
    return table


class WordOutput(nn.Linear):
    """Scores of all words. · 全部词的得分。

    x [*, D], out [*, V]. tie(embedding) makes the table of the words read the one of the words said; it is saved once,
    with the embedding. Raises `UserError` for an embedding of another shape. Source: Press & Wolf 2017,
    arXiv:1608.05859.

    >>> table = word_table(5, 3)
    >>> out = WordOutput(3, 5).tie(table)
    >>> out.weight is table.weight, list(out.state_dict())
    (True, ['bias'])
    """

    tied = False

    def tie(self, embedding: nn.Embedding) -> "WordOutput":
        """Take the embedding's table for one's own. · 与嵌入共享权重。"""
        if embedding.weight.shape != self.weight.shape:
            raise UserError(
                f"tied: the embedding is {tuple(embedding.weight.shape)}, the output {tuple(self.weight.shape)}: "
                "expected one shape; take the state as wide as the embedding"
            )
        self.weight, self.tied = embedding.weight, True
        return self

    def forward(self, input: Tensor) -> Tensor:
        if not (self.tied and torch.is_grad_enabled()):
            return linear(input, self.weight, self.bias)
        weight = torch.cat([self.weight[:1].detach(), self.weight[1:]])  # PAD = 0: its row is no parameter
        return linear(input, weight, self.bias)

    def _save_to_state_dict(self, destination: dict[str, Any], prefix: str, keep_vars: bool) -> None:
        super()._save_to_state_dict(destination, prefix, keep_vars)
        if self.tied:
            del destination[f"{prefix}weight"]

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *args: Any) -> None:
        if self.tied:
            state_dict = {**state_dict, f"{prefix}weight": self.weight.detach()}
        super()._load_from_state_dict(state_dict, prefix, *args)


def word_loss(scores: Tensor, target: Tensor, smoothing: float = 0.0, reduction: str = "mean") -> Tensor:
    """Cross-entropy of the words said, padding left out. · 忽略填充的交叉熵。

    scores [N, T, V], target [N, T]; the mean is over the targets that are no padding (errata E77), the sum is what
    gradients of several parts are accumulated from. Raises what `cross_entropy` does.

    >>> word_loss(torch.zeros(1, 2, 4), torch.tensor([[3, 0]]))
    tensor(1.3863)
    """
    return cross_entropy(scores.flatten(0, 1), target.flatten(), None, PAD, smoothing, reduction=reduction)


def of_length(tokens: Tensor, start: int, most: int) -> None:
    """Raises `UserError` for what is longer than a model's positions. · 检查长度。

    >>> of_length(torch.zeros(1, 3), 0, 4)
    """
    if start + tokens.shape[1] > most:
        raise UserError(f"{start + tokens.shape[1]} tokens: expected at most max_length={most}; cut it, or raise it")
