r"""Language models: the share of each word, given all before it · 语言模型：由前文预测下一个词

symbols  tokens [N, T] ids   scores [N, T, V]: place t is about what comes behind it   state: what goes on
note     p(y₁…y_n) = Π p(y_t given y_{<t}): conditional, not joint (errata E75)
note     both kinds have forward(tokens, state) → scores, state and step(state, token) → log-probabilities, state; the
         state is a nest of tensors whose first axis is N, so that decoding can reorder it
"""

from typing import Any

import torch
from torch import Tensor

from .. import nn
from ..errors import UserError, unknown
from ..nn.positions import SinusoidalPositions
from ..nn.stepwise import Kept, encoder_step
from .word_output import WordOutput, of_length, word_table

KINDS = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}
CARRIED = {**KINDS, "peephole": nn.PeepholeLSTM}  # whose state a language model carries


def batch_first(states: Any) -> tuple[Tensor, ...]:
    """States of a layer [L, N, H] as [N, L, H] each. · 状态转为批在前。

    >>> batch_first(torch.zeros(2, 3, 4))[0].shape
    torch.Size([3, 2, 4])
    """
    return tuple(s.transpose(0, 1) for s in (states if isinstance(states, tuple) else (states,)))


def layers_first(states: tuple[Tensor, ...]) -> Any:
    """What `batch_first` gave, as the layer wants it. · 状态转为层在前。

    >>> layers_first((torch.zeros(3, 2, 4),)).shape
    torch.Size([2, 3, 4])
    """
    turned = tuple(s.transpose(0, 1).contiguous() for s in states)
    return turned[0] if len(turned) == 1 else turned


class RecurrentLanguageModel(torch.nn.Module):
    """Words or characters by an RNN, LSTM or GRU whose state is carried on. · 循环语言模型，可携带状态。

    tokens [N, T], scores [N, T, V]; vocabulary V, width of embedding and state. kind "rnn", "lstm", "gru", or
    "peephole", an LSTM whose gates look at the cell. tied: one table for words read and said. Raises `UserError` for
    another kind. Source: Mikolov et al. 2010, Recurrent neural network based language model, Interspeech; Zaremba,
    Sutskever & Vinyals 2014, arXiv:1409.2329, for LSTMs and where dropout stands.

    >>> model = RecurrentLanguageModel(10, width=8, kind="gru")
    >>> scores, state = model(torch.tensor([[4, 5, 6]]))
    >>> scores.shape, state[0].shape
    (torch.Size([1, 3, 10]), torch.Size([1, 1, 8]))
    """

    def __init__(
        self,
        vocabulary: int,
        width: int = 128,
        num_layers: int = 1,
        kind: str = "lstm",
        dropout: float = 0.0,
        tied: bool = True,
    ) -> None:
        super().__init__()
        if kind not in CARRIED:
            raise unknown("kind of recurrent layer", kind, list(CARRIED))
        self.embedding = word_table(vocabulary, width)
        self.layers = CARRIED[kind](
            width, width, num_layers, batch_first=True, dropout=dropout if num_layers > 1 else 0.0
        )
        self.drop_in, self.drop_out = nn.Dropout(dropout), nn.Dropout(dropout)
        self.out = WordOutput(width, vocabulary)
        if tied:
            self.out.tie(self.embedding)

    def forward(self, tokens: Tensor, state: Any = None) -> tuple[Tensor, tuple[Tensor, ...]]:
        given = None if state is None else layers_first(state)
        seen, state = self.layers(self.drop_in(self.embedding(tokens)), given)
        return self.out(self.drop_out(seen)), batch_first(state)

    def start(self, tokens: Tensor) -> Any:
        """The state when tokens [N, T] are read; T may be 0. · 读完前文后的状态。"""
        return self(tokens)[1] if tokens.shape[1] else None

    def step(self, state: Any, token: Tensor) -> tuple[Tensor, Any]:
        """Log-probabilities [N, V] of what comes behind token [N]. · 下一词的对数概率。"""
        scores, state = self(token[:, None], state)
        return scores[:, -1].log_softmax(-1), state


class TransformerLanguageModel(torch.nn.Module):
    """Words or characters by causal Transformer layers, keys and values kept. · Transformer 语言模型。

    tokens [N, T], scores [N, T, V]; vocabulary V, width D. Raises `UserError` for more than max_length tokens and heads
    that do not divide the width. Source: Vaswani et al. 2017, arXiv:1706.03762, section 3; layers as a decoder without
    a source: Liu et al. 2018, arXiv:1801.10198, section 4.2.3; pre-norm: Xiong et al. 2020, arXiv:2002.04745.

    >>> model = TransformerLanguageModel(10, width=8, num_layers=2, heads=2)
    >>> model(torch.tensor([[4, 5, 6]]))[0].shape
    torch.Size([1, 3, 10])
    """

    def __init__(
        self,
        vocabulary: int,
        width: int = 128,
        num_layers: int = 4,
        heads: int = 4,
        dropout: float = 0.1,
        norm_first: bool = True,
        max_length: int = 1024,
    ) -> None:
        super().__init__()
        if width % heads:
            raise UserError(f"heads={heads}: expected a divisor of width={width}")
        self.max_length = max_length
        self.embedding = word_table(vocabulary, width)
        self.positions = SinusoidalPositions(width, dropout, batch_first=True)
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(width, heads, 4 * width, dropout, batch_first=True, norm_first=norm_first)
            for _ in range(num_layers)
        )
        self.norm = nn.LayerNorm(width) if norm_first else nn.Identity()
        self.out = WordOutput(width, vocabulary).tie(self.embedding)

    def forward(self, tokens: Tensor, state: list[Kept] | None = None) -> tuple[Tensor, list[Kept] | None]:
        if state is not None:
            return self._go_on(tokens, state)
        of_length(tokens, 0, self.max_length)
        hidden = torch.ones(*[tokens.shape[1]] * 2, dtype=torch.bool, device=tokens.device).triu(1)
        x = self.positions(self.embedding(tokens))
        for layer in self.layers:
            x = layer(x, hidden)
        return self.out(self.norm(x)), None

    def _go_on(self, tokens: Tensor, state: list[Kept]) -> tuple[Tensor, list[Kept]]:
        """Over the new tokens only; state [] before the first. · 仅计算新词。"""
        start = state[0][0].shape[2] if state else 0
        of_length(tokens, start, self.max_length)
        x, kept = self.positions(self.embedding(tokens), start), []
        for i, layer in enumerate(self.layers):
            x, now = encoder_step(layer, x, state[i] if state else None)  # pyright: ignore[reportArgumentType]
            kept.append(now)
        return self.out(self.norm(x)), kept

    def start(self, tokens: Tensor) -> list[Kept]:
        """What is kept of tokens [N, T]; T may be 0. · 读完前文后保留的键与值。"""
        return self._go_on(tokens, [])[1] if tokens.shape[1] else []

    def step(self, state: list[Kept], token: Tensor) -> tuple[Tensor, list[Kept]]:
        """Log-probabilities [N, V] of what comes behind token [N]. · 下一词的对数概率。"""
        scores, state = self._go_on(token[:, None], state)
        return scores[:, -1].log_softmax(-1), state
