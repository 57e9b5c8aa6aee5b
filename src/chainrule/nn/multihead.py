r"""Attention with several heads · 多头注意力

symbols  query [N, T, D]   key [N, S, kdim]   value [N, S, vdim] (batch_first; else time first)   K heads of d = D/K
         out [N, T, D]   weights [N, T, S], the mean over the heads, or [N, K, T, S]
note     every head sees all of x: it is the output of one product that is split (errata E84), and the heads' results go
         through one more matrix, W^O (E85)
note     masks are torch's: true where a place is hidden; a query that may look nowhere gets zeros, never NaN
"""

import torch
from torch import Tensor

from .attention import masked_softmax, matmul, scaled_dot_product_attention
from .dropout import Dropout, kept
from .linear import linear


class NonDynamicallyQuantizableLinear(torch.nn.modules.linear.NonDynamicallyQuantizableLinear):
    """The last linear layer under torch's name, which keeps it from being quantized. · 输出投影层。"""

    def forward(self, input: Tensor) -> Tensor:
        return linear(input, self.weight, self.bias)


class MultiheadAttention(torch.nn.MultiheadAttention):
    """Several attentions side by side, with torch's constructor, keys, masks and first weights. · 多头注意力。

    query [N, T, D] with batch_first, else [T, N, D]; key, value likewise; one sample without N. Masks: key_padding_mask
    [N, S], attn_mask [T, S] or [N·K, T, S], true where hidden, or floats that are added. Raises RuntimeError for
    is_causal without attn_mask, as torch, and for shapes that do not fit. The formula and its source:
    `scaled_dot_product_attention`.

    >>> out, weights = MultiheadAttention(4, 2, batch_first=True)(*[torch.zeros(2, 3, 4)] * 3)
    >>> out.shape, weights.shape
    (torch.Size([2, 3, 4]), torch.Size([2, 3, 3]))
    """

    drop: Dropout | None

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.become()

    def become(self) -> None:
        """Make the parts ours; the state is torch's. · 将各部分换成自己的类，状态不变。"""
        self.out_proj.__class__ = NonDynamicallyQuantizableLinear
        # a module of its own, so that its mask can be drawn outside the step
        self.drop = Dropout(self.dropout) if self.dropout else None

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        key_padding_mask: Tensor | None = None,
        need_weights: bool = True,
        attn_mask: Tensor | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        if is_causal and attn_mask is None:
            raise RuntimeError("Need attn_mask if specifying the is_causal hint.")
        alone = query.dim() == 2
        time_first = not self.batch_first and not alone
        x, y, z = (t[None] if alone else t.transpose(0, 1) if time_first else t for t in (query, key, value))
        if alone and key_padding_mask is not None:
            key_padding_mask = key_padding_mask[None]
        q, k, v = self.heads(x, y, z)
        extra = k.shape[2] - y.shape[1]
        masks = merged(attn_mask, key_padding_mask, q, k.shape[2], extra)
        out, weights = self.attend(q, k, v, *masks, need_weights)
        out = self.out_proj(out.transpose(1, 2).flatten(2))
        out = out[0] if alone else out.transpose(0, 1) if time_first else out
        if weights is None:
            return out, None
        weights = weights.mean(1) if average_attn_weights else weights
        return out, weights[0] if alone else weights

    def heads(self, x: Tensor, y: Tensor, z: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values of all heads, [N, K, T, d], with those that torch adds. · 各头的查询、键与值。"""
        b = self.in_proj_bias
        biases = (None, None, None) if b is None else b.chunk(3)
        if self._qkv_same_embed_dim and x is y and y is z:
            q, k, v = linear(x, self.in_proj_weight, b).chunk(3, -1)
        else:
            own = (self.q_proj_weight, self.k_proj_weight, self.v_proj_weight)
            weights = self.in_proj_weight.chunk(3) if self._qkv_same_embed_dim else own
            q, k, v = (linear(t, w, c) for t, w, c in zip((x, y, z), weights, biases, strict=True))
        if self.bias_k is not None and self.bias_v is not None:
            k = torch.cat([k, self.bias_k.expand(len(k), 1, -1)], 1)
            v = torch.cat([v, self.bias_v.expand(len(v), 1, -1)], 1)
        if self.add_zero_attn:
            k, v = (torch.cat([t, t.new_zeros(len(t), 1, t.shape[-1])], 1) for t in (k, v))
        q, k, v = (t.unflatten(-1, (self.num_heads, -1)).transpose(1, 2) for t in (q, k, v))
        return q, k, v

    def attend(
        self, q: Tensor, k: Tensor, v: Tensor, looks: Tensor | None, bias: Tensor | None, weighed: bool
    ) -> tuple[Tensor, Tensor | None]:
        """What the heads see, [N, K, T, d], and their shares where `weighed`. · 各头的结果与份额。"""
        if weighed:
            shares = masked_softmax(matmul(q * q.shape[-1] ** -0.5, k.mT), looks, bias)
            shares = shares if self.drop is None else self.drop(shares)
            return matmul(shares, v), shares
        drop = None
        if self.drop is not None and self.training:
            pairs, given = q.new_empty(*q.shape[:3], k.shape[2]), self.drop.mask
            drop = (self.drop.draw(pairs) if given is None else given) / kept(self.drop.p)
        return scaled_dot_product_attention(q, k, v, looks, bias, drop), None


def merged(
    attn_mask: Tensor | None, padding: Tensor | None, q: Tensor, keys: int, extra: int
) -> tuple[Tensor | None, Tensor | None]:
    """Torch's two masks as the formula reads them: where one may look, what is added; each [N, K, T, S] or broadcast.

    Torch's modules say true where a place is hidden. The `extra` keys that torch adds at the end are always seen.
    · 合并两种掩码：可见性与加性偏置。
    """
    masks = [] if attn_mask is None else [attn_mask.unflatten(0, q.shape[:2]) if attn_mask.dim() == 3 else attn_mask]
    masks += [] if padding is None else [padding[:, None, None]]
    if any(m.shape[-1] != keys - extra for m in masks):
        raise RuntimeError(f"attention mask for {masks[0].shape[-1]} keys, expected {keys - extra}")
    if extra:
        masks = [torch.cat([m, m.new_zeros(*m.shape[:-1], extra)], -1) for m in masks]
    looks: Tensor | None = None
    bias: Tensor | None = None
    for m in masks:
        if m.dtype == torch.bool:
            looks = ~m if looks is None else looks & ~m
        else:
            bias = m if bias is None else bias + m
    return looks, bias
