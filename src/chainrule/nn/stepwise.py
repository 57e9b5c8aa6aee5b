r"""Transformer layers step by step, keys and values of what was read are kept · 逐步运行的 Transformer 层（KV 缓存）

symbols  x [N, T, D] the new steps (T = 1 while decoding)   past (k, v), each [N, K, P, d], of P steps before, or None
         memory (k, v), each [N, K, S, d], of the source   mask [N, S]: true where a source word stands
note     a step sees all that is kept and itself: what a causal mask leaves in the whole sequence (errata E76), and
         nothing is computed twice. Layers are those of `transformer`, batch_first, and all that they hold
"""

import torch
from torch import Tensor

from .linear import linear
from .multihead import MultiheadAttention
from .shared import apart, beside
from .transformer import TransformerDecoderLayer, TransformerEncoderLayer

Kept = tuple[Tensor, Tensor]


def projected(attention: MultiheadAttention, x: Tensor, part: int) -> Tensor:
    """x [N, T, D] as query (0), key (1) or value (2) of all heads, [N, K, T, d]. · 单独的查询、键或值。

    >>> projected(MultiheadAttention(4, 2, batch_first=True), torch.zeros(1, 3, 4), 0).shape
    torch.Size([1, 2, 3, 2])
    """
    bias = None if attention.in_proj_bias is None else attention.in_proj_bias.chunk(3)[part]
    rows = linear(x, attention.in_proj_weight.chunk(3)[part], bias)
    return rows.unflatten(-1, (attention.num_heads, -1)).transpose(1, 2)


def source_of(attention: MultiheadAttention, x: Tensor) -> Kept:
    """Keys and values of a source [N, S, D], once for all steps. · 源端的键与值，只算一次。

    >>> k, v = source_of(MultiheadAttention(4, 2, batch_first=True), torch.zeros(1, 3, 4))
    >>> k.shape
    torch.Size([1, 2, 3, 2])
    """
    return projected(attention, x, 1), projected(attention, x, 2)


def look_back(attention: MultiheadAttention, x: Tensor, past: Kept | None) -> tuple[Tensor, Kept]:
    """Self-attention of new steps to all before them and themselves. · 新步对过去与自身的自注意力。

    >>> attention = MultiheadAttention(4, 2, batch_first=True)
    >>> out, (k, v) = look_back(attention, torch.zeros(1, 1, 4), source_of(attention, torch.zeros(1, 3, 4)))
    >>> out.shape, k.shape
    (torch.Size([1, 1, 4]), torch.Size([1, 2, 4, 2]))
    """
    q, k, v = attention.heads(x, x, x)
    if past is not None:
        k, v = torch.cat([past[0], k], 2), torch.cat([past[1], v], 2)
    steps, seen = q.shape[2], k.shape[2]
    looks = None
    if steps > 1:
        looks = torch.ones(steps, seen, dtype=torch.bool, device=x.device).tril(seen - steps)
    out, _ = attention.attend(q, k, v, looks, None, False)
    return attention.out_proj(out.transpose(1, 2).flatten(2)), (k, v)


def look_across(
    attention: MultiheadAttention, x: Tensor, memory: Kept, mask: Tensor | None, weighed: bool = False
) -> tuple[Tensor, Tensor | None]:
    """Attention of new steps to the source, and the heads' mean shares [N, T, S] where `weighed`. · 对源端的注意力。

    Several rows of x may look at one of the memory: those of hypotheses of one sentence.

    >>> attention = MultiheadAttention(4, 2, batch_first=True)
    >>> memory = source_of(attention, torch.zeros(1, 3, 4))
    >>> look_across(attention, torch.zeros(1, 1, 4), memory, None, weighed=True)[1].sum().item()
    1.0
    """
    looks = None if mask is None else mask[:, None, None]
    q = beside(projected(attention, x, 0), memory[0].shape[0], 2)
    out, shares = attention.attend(q, *memory, looks, None, weighed)
    out = attention.out_proj(apart(out, x.shape[0], 2).transpose(1, 2).flatten(2))
    return out, None if shares is None else apart(shares.mean(1), x.shape[0], 1)


def encoder_step(layer: TransformerEncoderLayer, x: Tensor, past: Kept | None) -> tuple[Tensor, Kept]:
    """A causal encoder layer over new steps: what a language model is made of. · 因果编码器层的一步。

    >>> layer = TransformerEncoderLayer(4, 2, 8, batch_first=True)
    >>> encoder_step(layer, torch.zeros(1, 2, 4), None)[0].shape
    torch.Size([1, 2, 4])
    """
    first = layer.norm_first
    seen, past = look_back(layer.self_attn, layer.norm1(x) if first else x, past)  # pyright: ignore
    x = x + layer.dropout1(seen)
    if first:
        return x + layer.feed(layer.norm2(x)), past
    x = layer.norm1(x)
    return layer.norm2(x + layer.feed(x)), past


def decoder_step(
    layer: TransformerDecoderLayer,
    x: Tensor,
    past: Kept | None,
    memory: Kept,
    mask: Tensor | None,
    weighed: bool = False,
) -> tuple[Tensor, Kept, Tensor | None]:
    """A decoder layer over new steps: out, what to keep, and the shares of the source. · 解码器层的一步。

    >>> layer = TransformerDecoderLayer(4, 2, 8, batch_first=True)
    >>> memory = source_of(layer.multihead_attn, torch.zeros(1, 3, 4))
    >>> decoder_step(layer, torch.zeros(1, 2, 4), None, memory, None)[0].shape
    torch.Size([1, 2, 4])
    """
    first = layer.norm_first
    seen, past = look_back(layer.self_attn, layer.norm1(x) if first else x, past)  # pyright: ignore
    x = x + layer.dropout1(seen)
    x = x if first else layer.norm1(x)
    across, shares = look_across(layer.multihead_attn, layer.norm2(x) if first else x, memory, mask, weighed)  # pyright: ignore
    x = x + layer.dropout2(across)
    if first:
        return x + layer.feed(layer.norm3(x)), past, shares
    x = layer.norm2(x)
    return layer.norm3(x + layer.feed(x)), past, shares


# pyright: ignore[reportArgumentType]
