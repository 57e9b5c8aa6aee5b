"""A Transformer that translates by the native kernel, where that says the same. · 以本机核运行的翻译 Transformer。

The kernel computes in float32 on the CPU what `TransformerSeq2Seq` does step by step; of all words only the likeliest
come back. Weights are laid out anew whenever a network is taken: an optimizer may change them and leave no mark.
"""

import math
from typing import Any

import torch
from torch import Tensor, nn

from ... import nn as ours
from ...gear import current
from ...kernels import decoder, native
from ...nn.multihead import NonDynamicallyQuantizableLinear
from ...nn.piecewise import relu
from ...nn.positions import SinusoidalPositions
from ...zoo.transformer_seq2seq import TransformerSeq2Seq
from ...zoo.word_output import WordOutput
from ..decode import Hypothesis, Limits, Penalty

_PARTS = {
    *(nn.ModuleList, ours.Transformer, ours.TransformerEncoder, ours.TransformerDecoder, ours.TransformerEncoderLayer),
    *(ours.TransformerDecoderLayer, ours.MultiheadAttention, NonDynamicallyQuantizableLinear, ours.Linear),
    *(ours.LayerNorm, ours.Dropout, ours.Embedding, SinusoidalPositions, WordOutput, TransformerSeq2Seq),
}


class Steps:
    """A network as `beam_search` takes it, by calls of its kernel. · 以核运行的网络。"""

    def __init__(self, network: TransformerSeq2Seq, kernel: decoder.Translator) -> None:
        self.network, self.kernel = network, kernel

    def start(self, source: Tensor, mask: Tensor) -> decoder.Said:
        """Keys and values of sentences [N, S], words where the mask is true. · 源端的键与值。"""
        return self.kernel.start(source, mask.sum(1), _table(self.network.source_positions, source.shape[1]))

    def best(self, state: decoder.Said, token: Tensor, many: int) -> tuple[Tensor, Tensor, decoder.Said]:
        """The likeliest words behind token [N]: log-probabilities, words [N, many], what to keep. · 最可能的下一词。"""
        table = _table(self.network.positions, state.path.shape[1] + 1)
        return self.kernel.best(state, token, table, min(many, self.kernel.out.rows))

    def greedy(self, state: decoder.Said, first: Tensor, limits: Limits, penalty: Penalty) -> list[list[Hypothesis]]:
        """What `beam_search` of width 1 finds, in one call of the kernel. · 贪心解码。"""
        table = _table(self.network.positions, limits.max_length)[: limits.max_length]
        words, totals = self.kernel.greedy(state, first, table, limits.eos, limits.never)
        return [
            [] if math.isnan(total) else [Hypothesis.of(said, total, penalty, said[-1] == limits.eos)]
            for said, total in zip(words, totals, strict=True)
        ]


def swift(network: Any) -> Steps | None:
    """The network by the kernel with the weights that it has now; None where `obstacle` names one. · 换用核。"""
    return None if obstacle(network) else Steps(network, _lay_out(network))


def obstacle(network: Any) -> str:
    """Why the kernel does not compute what a network does, in a few words; "" where it does. · 不能用核的原因。

    A part of another kind, a hook that waits, another number type or device, another gear, or no compiler.
    """
    if type(network) is not TransformerSeq2Seq:
        return f"there is no kernel for {type(network).__name__}"
    if current() not in ("auto", "kernel"):
        return f"gear {current()}"
    if network.training or torch.is_autocast_enabled("cpu"):
        return "the kernel translates in float32, and does not train"
    if any(p.dtype != torch.float32 or not p.is_cpu for p in network.parameters()):
        return "the kernel needs weights in float32 on the CPU"
    if any(type(m) not in _PARTS or m._forward_hooks or m._forward_pre_hooks for m in network.modules()):
        return "a part was replaced or has a hook"
    if any(layer.activation is not relu for side in _sides(network) for layer in side.layers):
        return "the kernel has relu only"
    try:
        native.load("decoder")
    except native.Unavailable as error:
        return str(error)
    return ""


def _sides(network: TransformerSeq2Seq) -> tuple[Any, Any]:
    return network.layers.encoder, network.layers.decoder


def _table(positions: SinusoidalPositions, steps: int) -> Tensor:
    """The table of at least so many positions."""
    if steps > len(positions.table):
        positions(positions.table.new_zeros(1, 1, positions.d_model), steps - 1)
    return positions.table


@torch.no_grad()
def _lay_out(network: TransformerSeq2Seq) -> decoder.Translator:
    encoder, decoding = _sides(network)
    source, target = network.source_positions.factor, network.positions.factor
    return decoder.Translator(
        _weights(encoder, network.source_embedding.weight, source, network.layers.nhead),
        _weights(decoding, network.embedding.weight, target, network.layers.nhead),
        _pair(network.out),
    )


def _weights(side: Any, table: Tensor, factor: float, heads: int) -> decoder.Weights:
    products, norms = zip(*map(_layer, side.layers), strict=True)
    first = side.layers[0]
    return decoder.Weights(products, norms, _pair(side.norm), table, factor, heads, first.norm_first, first.norm1.eps)


def _layer(layer: Any) -> tuple[dict[str, Any], dict[int, Any]]:
    """Products and norms of a layer by their places in the kernel."""
    back = layer.self_attn
    own = {"qkv": (back.in_proj_weight, back.in_proj_bias), "told": _pair(back.out_proj)}
    feed = {"up": _pair(layer.linear1), "down": _pair(layer.linear2)}
    if not hasattr(layer, "multihead_attn"):
        return {**own, **feed}, {0: _pair(layer.norm1), 2: _pair(layer.norm2)}
    across, D = layer.multihead_attn, back.embed_dim
    weight, bias = across.in_proj_weight, across.in_proj_bias
    seen = {"query": (weight[:D], bias[:D]), "source": (weight[D:], bias[D:]), "seen": _pair(across.out_proj)}
    return {**own, **seen, **feed}, {i: _pair(norm) for i, norm in enumerate((layer.norm1, layer.norm2, layer.norm3))}


def _pair(part: Any) -> tuple[Tensor, Tensor]:
    return part.weight.detach(), part.bias.detach()
