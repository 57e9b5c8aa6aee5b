r"""Sequence to sequence with recurrent layers, without attention and with it · 循环序列到序列模型：无注意力与加性注意力

symbols  source [N, S] ids   mask [N, S]: true where a word stands, false behind each end; None: all are equally long
         input [N, T]: `<BOS>` y₁…y_n   scores [N, T, V]: about y₁…y_n `<EOS>` (errata E77)
         h encoder states   s decoder state   c context   shares a
note     without attention: s₀ = h_n, s_t = RNN(embed(y_{t−1}), s_{t−1}), p_t = softmax(W_o s_t + b_o) (E70)
note     with attention: a_t from s_{t−1} and all h, c_t = Σ a h, s_t = RNN([embed(y_{t−1}) | c_t], s_{t−1}) and
         p(y_t given y_{<t}, x) = softmax(W_o [s_t | c_t] + b_o) (E73, E75)
note     with own [N, T] beside the input each step reads its own word where that is true (`scheduled`)
note     all translators have forward(source, mask, input), start(source, mask) and step(state, token), and those with
         attention align(source, mask, input); states are nests of tensors whose first axis is N; a `Shared` has a row
         for each sentence, and there may be several elsewhere
"""

from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from .. import nn
from ..errors import UserError, unknown
from ..nn.additive import SCORES, AdditiveAttention, LuongAttention
from ..nn.attentive import attention_gru
from ..nn.shared import Shared, apart, beside
from .language_model import KINDS, batch_first, layers_first
from .scheduled import by_turns
from .word_output import WordOutput, word_table

CELLS = {"rnn": nn.RNNCell, "lstm": nn.LSTMCell, "gru": nn.GRUCell}


class SourceReader(torch.nn.Module):
    """The encoder: every word's state, and the state at each sentence's own end. · 编码器。

    source [N, S], mask [N, S] → h [N, S, D·H], states [L·D, N, H] of the layer. Raises `UserError` for another kind,
    a sentence without a word and a mask with holes. Source: Cho et al. 2014, arXiv:1406.1078, section 2.2; both
    directions: Bahdanau, Cho & Bengio 2015, arXiv:1409.0473, section 3.2.

    >>> h, states = SourceReader(9, 4, 1, "gru", True, 0.0)(torch.tensor([[5, 6]]), torch.ones(1, 2, dtype=torch.bool))
    >>> h.shape, states.shape
    (torch.Size([1, 2, 8]), torch.Size([2, 1, 4]))
    """

    def __init__(
        self, vocabulary: int, width: int, num_layers: int, kind: str, bidirectional: bool, dropout: float
    ) -> None:
        super().__init__()
        if kind not in KINDS:
            raise unknown("kind of recurrent layer", kind, list(KINDS))
        self.embedding = word_table(vocabulary, width)
        between = dropout if num_layers > 1 else 0.0
        self.layers = KINDS[kind](
            width, width, num_layers, batch_first=True, dropout=between, bidirectional=bidirectional
        )
        self.drop = nn.Dropout(dropout)

    def forward(self, source: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Any]:
        words = self.drop(self.embedding(source))
        if mask is None:
            return self.layers(words)
        lengths = mask.sum(1)
        if not mask[:, :1].all() or (mask[:, 1:] & ~mask[:, :-1]).any():
            raise UserError("the source's mask: expected true for at least one word, and false only behind the last")
        packed = pack_padded_sequence(words, lengths.cpu(), batch_first=True, enforce_sorted=False)
        seen, states = self.layers(packed)
        h, _ = pad_packed_sequence(seen, batch_first=True, total_length=source.shape[1])
        return h, states


class RecurrentSeq2Seq(torch.nn.Module):
    """A sentence squeezed into one state, and another unfolded from it. · 无注意力的编码器—解码器。

    source_words, target_words: sizes of the vocabularies. kind "rnn", "lstm" or "gru". Raises `UserError` as
    `SourceReader`. Source: Sutskever, Vinyals & Le 2014, arXiv:1409.3215, section 2; Cho et al. 2014, arXiv:1406.1078.

    >>> model = RecurrentSeq2Seq(9, 7, width=4)
    >>> model(torch.tensor([[5, 6]]), torch.ones(1, 2, dtype=torch.bool), torch.tensor([[1, 4, 5]])).shape
    torch.Size([1, 3, 7])
    """

    def __init__(
        self,
        source_words: int,
        target_words: int,
        width: int = 256,
        num_layers: int = 1,
        kind: str = "gru",
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.encoder = SourceReader(source_words, width, num_layers, kind, False, dropout)
        self.embedding = word_table(target_words, width)
        between = dropout if num_layers > 1 else 0.0
        self.layers = KINDS[kind](width, width, num_layers, batch_first=True, dropout=between)
        self.drop_in, self.drop_out = nn.Dropout(dropout), nn.Dropout(dropout)
        self.out = WordOutput(width, target_words)

    def forward(self, source: Tensor, mask: Tensor | None, input: Tensor, own: Tensor | None = None) -> Tensor:
        state = self.start(source, mask)
        return self._go_on(state, input)[0] if own is None else by_turns(self._go_on, state, input, own)

    def _go_on(self, state: tuple[Tensor, ...], input: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
        seen, state = self.layers(self.drop_in(self.embedding(input)), layers_first(state))
        return self.out(self.drop_out(seen)), batch_first(state)

    def start(self, source: Tensor, mask: Tensor | None = None) -> tuple[Tensor, ...]:
        """s₀ = h_n: all that the decoder hears of the source. · 解码器的初始状态。"""
        return batch_first(self.encoder(source, mask)[1])

    def step(self, state: Any, token: Tensor) -> tuple[Tensor, Any]:
        """Log-probabilities [N, V] of what comes behind token [N]. · 下一词的对数概率。"""
        scores, state = self._go_on(state, token[:, None])
        return scores[:, -1].log_softmax(-1), state


class AttentionSeq2Seq(torch.nn.Module):
    """The decoder looks at every word of the source before each word that it says. · 带注意力的编码器—解码器。

    kind "rnn" with bidirectional=False is the notes' network: s₀ = h_n. bidirectional: the paper's encoder, and
    s₀ = tanh(W_s h←₁), from the backward state at the first word. score "additive" is Bahdanau's; Luong's "dot",
    "general" and "concat" (arXiv:1508.04025, section 3.1) stand in the same place, so that the score alone differs.
    Raises `UserError` as `SourceReader`, for another score, and for dot where s and h are not as wide.
    Source: Bahdanau, Cho & Bengio 2015, arXiv:1409.0473, section 3 and appendix A; the output layer is the notes'.

    >>> model = AttentionSeq2Seq(9, 7, width=4)
    >>> source, mask = torch.tensor([[5, 6]]), torch.ones(1, 2, dtype=torch.bool)
    >>> model.align(source, mask, torch.tensor([[1, 4, 5]])).shape
    torch.Size([1, 3, 2])
    """

    def __init__(
        self,
        source_words: int,
        target_words: int,
        width: int = 256,
        kind: str = "gru",
        bidirectional: bool = True,
        dropout: float = 0.0,
        score: str = "additive",
    ) -> None:
        super().__init__()
        self.encoder = SourceReader(source_words, width, 1, kind, bidirectional, dropout)
        self.embedding = word_table(target_words, width)
        seen = width * (2 if bidirectional else 1)
        self.attention = _attention(score, width, seen)
        self.cell = CELLS[kind](width + seen, width)
        parts = 2 if kind == "lstm" else 1
        self.bridges = nn.ModuleList(nn.Linear(width, width) for _ in range(parts)) if bidirectional else None
        self.drop_in, self.drop_out = nn.Dropout(dropout), nn.Dropout(dropout)
        self.out = WordOutput(width + seen, target_words)

    def forward(self, source: Tensor, mask: Tensor | None, input: Tensor, own: Tensor | None = None) -> Tensor:
        state = self.start(source, mask)
        return self._go_on(state, input)[0] if own is None else by_turns(self._go_on, state, input, own)

    def align(self, source: Tensor, mask: Tensor | None, input: Tensor) -> Tensor:
        """Where each step looks: shares [N, T, S]. · 对齐：每步对源端的份额。"""
        return self._go_on(self.start(source, mask), input)[1]

    def _go_on(self, state: dict[str, Any], input: Tensor) -> tuple[Tensor, Tensor, dict[str, Any]]:
        """Scores, shares and the state behind the last step. · 得分、份额与末状态。"""
        words, s, source = self.drop_in(self.embedding(input)), state["s"], state["source"]
        look = self.attention
        if words.shape[1] > 1 and isinstance(self.cell, nn.GRUCell) and isinstance(look, AdditiveAttention):
            return self._at_once(look, state, words)
        told, looked = [], []
        for t in range(words.shape[1]):
            c, a = self._look(s[0], source)
            s = self.cell(torch.cat([words[:, t], c], -1), s[0] if len(s) == 1 else s)
            s = s if isinstance(s, tuple) else (s,)
            told.append(torch.cat([s[0], c], -1))
            looked.append(a)
        scores = self.out(self.drop_out(torch.stack(told, 1)))
        return scores, torch.stack(looked, 1), {**state, "s": s}

    def _look(self, s: Tensor, source: Shared) -> tuple[Tensor, Tensor]:
        """Context and shares of one step; several rows of s may look at one sentence. · 一步的上下文与份额。"""
        h, mask, keys = source["h"], source["mask"], source["keys"]
        c, a = self.attention(beside(s[:, None], h.shape[0], 1), h, mask, keys)
        return apart(c, s.shape[0], 1)[:, 0], apart(a, s.shape[0], 1)[:, 0]

    def _at_once(
        self, look: AdditiveAttention, state: dict[str, Any], words: Tensor
    ) -> tuple[Tensor, Tensor, dict[str, Any]]:
        """All steps of a sentence in one formula: of a GRU with Bahdanau's attention. · 整句一次计算。"""
        source, cell = [state["source"][name] for name in ("h", "keys", "mask")], self.cell
        weights = look.query.weight, look.energy, cell.weight_ih, cell.weight_hh, cell.bias_ih, cell.bias_hh
        out, c, a = attention_gru(words.transpose(0, 1), *state["s"], *source, *weights)
        scores = self.out(self.drop_out(torch.cat([out.transpose(0, 1), c.transpose(0, 1)], -1)))
        return scores, a.transpose(0, 1), {**state, "s": (out[-1],)}

    def start(self, source: Tensor, mask: Tensor | None = None) -> dict[str, Any]:
        """s₀, and of the source all states, projected once. · 初始状态与源端状态。"""
        h, states = self.encoder(source, mask)
        ends = states if isinstance(states, tuple) else (states,)
        if self.bridges is None:
            s = tuple(end[-1] for end in ends)
        else:  # [direction, N, H]: the backward one ends at the first word
            s = tuple(bridge(end[1]).tanh() for bridge, end in zip(self.bridges, ends, strict=True))
        return {"s": s, "source": Shared(h=h, keys=self.attention.project(h), mask=mask)}

    def step(self, state: dict[str, Any], token: Tensor) -> tuple[Tensor, dict[str, Any]]:
        """Log-probabilities [N, V] of what comes behind token [N]. · 下一词的对数概率。"""
        scores, _, state = self._go_on(state, token[:, None])
        return scores[:, -1].log_softmax(-1), state


def _attention(score: str, width: int, seen: int) -> AdditiveAttention | LuongAttention:
    if score == "additive":
        return AdditiveAttention(width, seen, width)
    if score not in SCORES:
        raise unknown("score of attention", score, ["additive", *SCORES])
    if score == "dot" and width != seen:
        raise UserError(f"score=dot: s has {width} numbers, h {seen}: expected as many; take bidirectional=False")
    return LuongAttention(width, seen, score, width)
