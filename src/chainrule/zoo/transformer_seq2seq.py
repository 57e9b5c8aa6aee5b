r"""Sequence to sequence with a Transformer · Transformer 序列到序列模型

symbols  as in `seq2seq`   memory [N, S, D]: what the encoder says of every source word
note     masks are torch's here, true where hidden: causal strictly above the diagonal, OR padding (errata E76)
note     one interface with `seq2seq`; the state keeps keys and values, so a step reads one word only
"""

from typing import Any

import torch
from torch import Tensor

from .. import nn
from ..errors import UserError
from ..nn.positions import SinusoidalPositions
from ..nn.shared import Shared
from ..nn.stepwise import Kept, decoder_step, source_of
from .word_output import WordOutput, of_length, word_table


class TransformerSeq2Seq(torch.nn.Module):
    """Attention only, from both sentences to each other. · Transformer 翻译模型。

    source_words, target_words: sizes of the vocabularies; width D, num_layers on each side, feed: width of the
    feed-forward part (4·D if 0). The output is tied to the target's embedding. Raises `UserError` for more than 1024
    tokens and heads that do not divide the width. Source: Vaswani et al. 2017, arXiv:1706.03762, section 3.

    >>> model = TransformerSeq2Seq(9, 7, width=4, num_layers=1, heads=2)
    >>> model(torch.tensor([[5, 6]]), torch.ones(1, 2, dtype=torch.bool), torch.tensor([[1, 4, 5]])).shape
    torch.Size([1, 3, 7])
    """

    max_length = 1024

    def __init__(
        self,
        source_words: int,
        target_words: int,
        width: int = 128,
        num_layers: int = 4,
        heads: int = 4,
        feed: int = 0,
        dropout: float = 0.1,
        norm_first: bool = False,
    ) -> None:
        super().__init__()
        if width % heads:
            raise UserError(f"heads={heads}: expected a divisor of width={width}")
        self.source_embedding = word_table(source_words, width)
        self.embedding = word_table(target_words, width)
        self.source_positions = SinusoidalPositions(width, dropout, batch_first=True)
        self.positions = SinusoidalPositions(width, dropout, batch_first=True)
        self.layers = nn.Transformer(
            width,
            heads,
            num_layers,
            num_layers,
            feed or 4 * width,
            dropout,
            batch_first=True,
            norm_first=norm_first,
        )
        self.out = WordOutput(width, target_words).tie(self.embedding)

    def forward(self, source: Tensor, mask: Tensor | None, input: Tensor) -> Tensor:
        of_length(input, 0, self.max_length)
        hidden = torch.ones(*[input.shape[1]] * 2, dtype=torch.bool, device=input.device).triu(1)
        tgt = self.positions(self.embedding(input))
        memory = self.encode(source, mask)
        padding = None if mask is None else ~mask
        return self.out(self.layers.decoder(tgt, memory, hidden, memory_key_padding_mask=padding))

    def encode(self, source: Tensor, mask: Tensor | None = None) -> Tensor:
        """The memory [N, S, D]. · 编码源句。"""
        of_length(source, 0, self.max_length)
        x = self.source_positions(self.source_embedding(source))
        return self.layers.encoder(x, src_key_padding_mask=None if mask is None else ~mask)

    def align(self, source: Tensor, mask: Tensor | None, input: Tensor) -> Tensor:
        """Where each step looks, by the last layer's heads in the mean: shares [N, T, S]. · 末层各头平均的对齐。"""
        shares = self._go_on(self.start(source, mask), input, weighed=True)[1]
        assert shares is not None  # there is a layer, and it was asked to weigh
        return shares

    def start(self, source: Tensor, mask: Tensor | None = None) -> dict[str, Any]:
        """Keys and values of the source, layer by layer. · 各层的源端键与值。"""
        memory = self.encode(source, mask)
        sources = [source_of(layer.multihead_attn, memory) for layer in self.layers.decoder.layers]  # pyright: ignore
        return {"past": [], "source": Shared(kept=sources, mask=mask)}

    def step(self, state: dict[str, Any], token: Tensor) -> tuple[Tensor, dict[str, Any]]:
        """Log-probabilities [N, V] of what comes behind token [N]. · 下一词的对数概率。"""
        scores, _, state = self._go_on(state, token[:, None])
        return scores[:, -1].log_softmax(-1), state

    def _go_on(
        self, state: dict[str, Any], input: Tensor, weighed: bool = False
    ) -> tuple[Tensor, Tensor | None, dict[str, Any]]:
        """Scores of the new words, the last layer's shares, and what to keep. · 新词得分、末层份额与状态。"""
        past: list[Kept] = state["past"]
        source = state["source"]
        start = past[0][0].shape[2] if past else 0
        of_length(input, start, self.max_length)
        x, kept, shares = self.positions(self.embedding(input), start), [], None
        for i, layer in enumerate(self.layers.decoder.layers):
            before = past[i] if past else None
            x, now, shares = decoder_step(layer, x, before, source["kept"][i], source["mask"], weighed)  # pyright: ignore
            kept.append(now)
        norm = self.layers.decoder.norm
        return self.out(x if norm is None else norm(x)), shares, {**state, "past": kept}
