r"""Networks that read a text: one answer for all of it, or one for each token · 读文本的网络：整句一答或逐词作答

symbols  tokens [N, T] ids   mask [N, T], true where a token stands   x [N, T, D] rows of the table
         states [N, T, S]: what is known at each token   summary [N, S]   out [N, C], per token [N, T, C]
note     padding changes nothing: states end where a text ends, and no pooling sees what lies behind (errata E63, E64)
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import pad

from .. import nn
from ..errors import UserError, unknown
from ..nn.positions import SinusoidalPositions
from .word_output import PAD

CELLS = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU, "peephole": nn.PeepholeLSTM}
POOLS = ("mean", "max", "last")


def pooled(states: Tensor, mask: Tensor | None, how: str) -> Tensor:
    """One row of each text, of its tokens alone; without a mask all are tokens. · 按掩码池化。

    states [N, T, S], mask [N, T] → [N, S]; how "mean" or "max".

    >>> pooled(torch.tensor([[[1.0], [3.0], [9.0]]]), torch.tensor([[True, True, False]]), "mean")
    tensor([[2.]])
    """
    if mask is None:
        return states.amax(1) if how == "max" else states.mean(1)
    shown = mask[..., None]
    if how == "max":
        return states.masked_fill(~shown, -torch.inf).amax(1)
    return torch.where(shown, states, 0).sum(1) / shown.sum(1)


class Recurrent(torch.nn.Module):
    """States by RNN, LSTM or GRU, in both directions or forward only. · 循环网络的状态。

    x [N, T, D] → states [N, T, H] or [N, T, 2H] and the last ones of each direction side by side: the backward
    direction begins at the text's own end. Source: Schuster & Paliwal 1997, doi:10.1109/78.650093.

    >>> states, last = Recurrent(3, "gru", 4)(torch.zeros(2, 5, 3), torch.ones(2, 5, dtype=torch.bool))
    >>> states.shape, last.shape
    (torch.Size([2, 5, 8]), torch.Size([2, 8]))
    """

    def __init__(
        self, width: int, cell: str, hidden: int, num_layers: int = 1, dropout: float = 0.0, bidirectional: bool = True
    ) -> None:
        super().__init__()
        between = dropout if num_layers > 1 else 0.0
        self.layers = CELLS[cell](
            width, hidden, num_layers, batch_first=True, dropout=between, bidirectional=bidirectional
        )
        self.size = hidden * (2 if bidirectional else 1)

    def forward(self, x: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor]:
        states, ends = self.layers(x) if mask is None else self.layers.over(x, mask.sum(1))
        h = ends[0] if isinstance(ends, tuple) else ends
        directions = 2 if self.layers.bidirectional else 1
        return states, torch.cat(list(h[-directions:]), -1)


class Attending(torch.nn.Module):
    """States by Transformer layers: each token looks at all the others. · Transformer 编码器的状态。

    x [N, T, D] → states [N, T, D]; no token is the last, so the summary is the mean. Raises `UserError` for heads that
    do not divide the width. Source: Vaswani et al. 2017, arXiv:1706.03762, section 3.

    >>> Attending(4, 2)(torch.zeros(2, 5, 4), torch.ones(2, 5, dtype=torch.bool))[0].shape
    torch.Size([2, 5, 4])
    """

    def __init__(
        self, width: int, heads: int, num_layers: int = 1, dropout: float = 0.1, norm_first: bool = True
    ) -> None:
        super().__init__()
        if width % heads:
            raise UserError(f"model.heads={heads}: expected a divisor of model.width={width}")
        self.positions = SinusoidalPositions(width, dropout, batch_first=True)
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(width, heads, 4 * width, dropout, batch_first=True, norm_first=norm_first)
            for _ in range(num_layers)
        )
        self.norm = nn.LayerNorm(width) if norm_first else nn.Identity()
        self.size = width

    def forward(self, x: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor]:
        x = self.positions(x)
        for layer in self.layers:
            x = layer(x, None, None if mask is None else ~mask)
        x = self.norm(x)
        return x, pooled(x, mask, "mean")


class Windows(torch.nn.Module):
    """Filters that slide over neighbouring words. · 在相邻词上滑动的卷积核。

    x [N, T, D] → states [N, T, S], S = filters · len(sizes): filter w sees w words around each; the summary is the
    largest answer of every filter. Raises `UserError` for no window, or one of no word.
    Source: Kim 2014, doi:10.3115/v1/D14-1181, section 2, without its bound on the norm of the last weights.

    >>> Windows(3, (2, 3), 4)(torch.zeros(2, 5, 3), torch.ones(2, 5, dtype=torch.bool))[0].shape
    torch.Size([2, 5, 8])
    """

    def __init__(self, width: int, sizes: Sequence[int] = (3, 4, 5), filters: int = 100) -> None:
        super().__init__()
        if not sizes or any(not isinstance(w, int) or w < 1 for w in sizes):
            raise UserError(f"model.windows={sizes}: expected numbers of words of at least 1, like (3, 4, 5)")
        self.layers = nn.ModuleList(nn.Conv1d(width, filters, w) for w in sizes)
        self.around = [((w - 1) // 2, w // 2) for w in sizes]
        self.activation = nn.ReLU()
        self.size = filters * len(sizes)

    def forward(self, x: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor]:
        rows = (x if mask is None else torch.where(mask[..., None], x, 0)).mT
        wide = [layer(pad(rows, ends)) for layer, ends in zip(self.layers, self.around, strict=True)]
        states = self.activation(torch.cat(wide, 1)).mT
        return states, pooled(states, mask, "max")


class Bag(torch.nn.Module):
    """No order at all: the words as they are. · 词袋：不计次序。

    Source: Iyyer, Manjunatha, Boyd-Graber & Daumé III 2015, doi:10.3115/v1/P15-1162.

    >>> Bag(3)(torch.ones(1, 2, 3), torch.ones(1, 2, dtype=torch.bool))[1]
    tensor([[1., 1., 1.]])
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.size = width

    def forward(self, x: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor]:
        return x, pooled(x, mask, "mean")


@dataclass(frozen=True)
class Asked:
    """What the data asks of a network: how many words and answers, and whether each token has one. · 数据的要求。"""

    vocabulary: int = 10_000
    num_classes: int = 2
    per_token: bool = False


class TextNetwork(torch.nn.Module):
    """A table of words, something that reads them, and a linear answer. · 词表、阅读器与线性输出。

    tokens [N, T], mask [N, T], None without padding → [N, C], per token [N, T, C]; pool "last" is the
    reader's own summary. Raises `UserError` for another pool. The table's row of padding stays 0.

    >>> net = TextNetwork(Bag(3), Asked(vocabulary=9), width=3)
    >>> net(torch.tensor([[4, 5, 0]]), torch.tensor([[True, True, False]])).shape
    torch.Size([1, 2])
    """

    def __init__(
        self,
        body: Recurrent | Attending | Windows | Bag,
        asked: Asked,
        width: int,
        pool: str = "last",
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if pool not in POOLS:
            raise unknown("model.pool", pool, POOLS)
        self.per_token, self.pool = asked.per_token, pool
        self.embedding = nn.Embedding(asked.vocabulary, width, padding_idx=PAD)
        self.drop_in, self.drop_out = nn.Dropout(dropout), nn.Dropout(dropout)
        self.body = body
        self.head = nn.Linear(body.size, asked.num_classes)
        if isinstance(body, Attending):  # its positions multiply by the root of the width
            with torch.no_grad():
                self.embedding.weight.mul_(width**-0.5)

    def forward(self, tokens: Tensor, mask: Tensor | None = None) -> Tensor:
        states, summary = self.body(self.drop_in(self.embedding(tokens)), mask)
        if self.per_token:
            return self.head(self.drop_out(states))
        seen = summary if self.pool == "last" else pooled(states, mask, self.pool)
        return self.head(self.drop_out(seen))

    @torch.no_grad()
    def begin_with(self, vectors: Tensor, known: Tensor) -> None:
        """Put known vectors into the table; words without one are drawn as wide as those are. · 载入已有词向量。

        vectors [V, D], known bool [V]. Source: Kim 2014, doi:10.3115/v1/D14-1181, section 3.2.
        """
        table, spread = self.embedding.weight, vectors[known].std()
        table.mul_(spread / table[PAD + 1 :].std())
        table[known] = vectors[known]
        if isinstance(self.body, Attending):
            table.mul_(table.shape[1] ** -0.5 / spread)
        table[PAD] = 0


def _recurrent(cell: str, zh: str, en: str = "") -> Callable[..., TextNetwork]:
    def make(
        asked: Asked = Asked(),
        width: int = 128,
        hidden: int = 128,
        num_layers: int = 1,
        dropout: float = 0.5,
        bidirectional: bool = True,
        pool: str = "last",
    ) -> TextNetwork:
        body = Recurrent(width, cell, hidden, num_layers, dropout, bidirectional)
        return TextNetwork(body, asked, width, pool, dropout)

    make.__name__ = make.__qualname__ = f"text_{cell}"
    make.__doc__ = f"Texts by {en or cell.upper()} layers. · {zh}读文本。"
    return make


text_rnn, text_lstm, text_gru, text_peephole = (
    _recurrent("rnn", "循环网络"),
    _recurrent("lstm", "长短期记忆网络"),
    _recurrent("gru", "门控循环单元"),
    _recurrent("peephole", "带窥视孔的 LSTM ", "peephole LSTM"),
)


def text_transformer(
    asked: Asked = Asked(),
    width: int = 128,
    heads: int = 4,
    num_layers: int = 2,
    dropout: float = 0.2,
    norm_first: bool = True,
    pool: str = "mean",
) -> TextNetwork:
    """Texts by Transformer encoder layers. · Transformer 编码器读文本。"""
    return TextNetwork(Attending(width, heads, num_layers, dropout, norm_first), asked, width, pool, dropout)


def text_cnn(
    asked: Asked = Asked(),
    width: int = 128,
    windows: Sequence[int] = (3, 4, 5),
    filters: int = 100,
    dropout: float = 0.5,
    pool: str = "max",
) -> TextNetwork:
    """Texts by filters over three, four and five words; dropout before the answer alone. · 卷积核读文本。"""
    made = TextNetwork(Windows(width, windows, filters), asked, width, pool, dropout)
    made.drop_in = nn.Dropout(0.0)
    with torch.no_grad():  # as wide as the paper draws its rows, within ± 0.25
        made.embedding.weight.mul_(0.25 / math.sqrt(3))
    return made


def text_bag(asked: Asked = Asked(), width: int = 128, dropout: float = 0.5, pool: str = "mean") -> TextNetwork:
    """Texts by the mean of their words. · 词向量平均读文本。"""
    return TextNetwork(Bag(width), asked, width, pool, dropout)
