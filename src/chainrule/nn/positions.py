r"""Positions as waves · 正弦位置编码

symbols  x [N, T, D] embeddings (batch_first; else time first)   PE [T, D]: sin and cos of t / 10000^(2i/D) in turn
note     x is multiplied by √D first, then PE is added, then dropout (errata E83); an odd D ends with a sine
"""

import math

import torch
from torch import Tensor

from .dropout import Dropout


def sinusoids(length: int, d_model: int, base: float = 10000.0) -> Tensor:
    """The position table [T, D]. · 位置编码表。

    Source: Vaswani et al. 2017, arXiv:1706.03762, section 3.5.

    >>> sinusoids(2, 3)[0].tolist()
    [0.0, 1.0, 0.0]
    """
    rate = torch.exp(torch.arange(0, d_model, 2, dtype=torch.float64) * (-math.log(base) / d_model))
    angle = torch.arange(length, dtype=torch.float64)[:, None] * rate
    return torch.stack([angle.sin(), angle.cos()], -1).flatten(1)[:, :d_model].float()


class SinusoidalPositions(torch.nn.Module):
    """Adds where a word stands: x √D + PE, then dropout. · 加入位置信息。

    x [N, T, D] with batch_first, else [T, N, D]; start: the position of the first step, for decoding step by step. The
    table grows as needed and is no part of the state. Source: Vaswani et al. 2017, arXiv:1706.03762, sections 3.4, 3.5.

    >>> SinusoidalPositions(4, dropout=0.0, batch_first=True)(torch.zeros(1, 2, 4))[0, 0].tolist()
    [0.0, 1.0, 0.0, 1.0]
    """

    table: Tensor

    def __init__(self, d_model: int, dropout: float = 0.1, batch_first: bool = False, scale: bool = True) -> None:
        super().__init__()
        self.d_model, self.batch_first = d_model, batch_first
        self.factor = math.sqrt(d_model) if scale else 1.0
        self.dropout = Dropout(dropout)
        self.register_buffer("table", sinusoids(512, d_model), persistent=False)

    def forward(self, x: Tensor, start: int = 0) -> Tensor:
        steps = x.shape[1 if self.batch_first else 0]
        if start + steps > len(self.table):
            self.table = sinusoids(2 * (start + steps), self.d_model).to(self.table)
        table = self.table[start : start + steps].to(x.dtype)
        return self.dropout(x * self.factor + (table if self.batch_first else table[:, None]))
