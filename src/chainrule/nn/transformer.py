r"""Transformer layers · Transformer 层

symbols  src [N, S, D]   tgt [N, T, D] (batch_first; else time first)   F width of the feed-forward part
         out as src of an encoder, as tgt of a decoder
note     post-norm is LN(x + Sublayer(x)), the paper's; pre-norm (norm_first) x + Sublayer(LN(x)) (errata E87)
note     the feed-forward part is max(0, x W₁ + b₁) W₂ + b₂ (E87); the causal mask belongs to the scores (E76)
"""

import warnings
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from . import dropout, layer_norm, linear
from .activation import gelu
from .multihead import MultiheadAttention
from .piecewise import relu

FORMULAS = {F.relu: relu, F.gelu: gelu}


def become(module: torch.nn.Module) -> None:
    """Give every part of a torch module our class of the same name: the state is the same, the forward is ours.

    · 将 torch 模块的各部分换成同名的自有类：状态相同，前向为公式。
    """
    ours: dict[type, type] = {
        torch.nn.Linear: linear.Linear,
        torch.nn.Dropout: dropout.Dropout,
        torch.nn.LayerNorm: layer_norm.LayerNorm,
        torch.nn.MultiheadAttention: MultiheadAttention,
        torch.nn.TransformerEncoderLayer: TransformerEncoderLayer,
        torch.nn.TransformerDecoderLayer: TransformerDecoderLayer,
        torch.nn.TransformerEncoder: TransformerEncoder,
        torch.nn.TransformerDecoder: TransformerDecoder,
    }
    for part in list(module.modules()):
        if type(part) in ours:
            part.__class__ = ours[type(part)]
            if isinstance(part, MultiheadAttention):
                part.become()
        if getattr(part, "activation", None) in FORMULAS:
            part.activation = FORMULAS[part.activation]


class TransformerEncoderLayer(torch.nn.TransformerEncoderLayer):
    """Self-attention and a feed-forward part, each with its residual and norm. · Transformer 编码器层。

    src [N, S, D] with batch_first, else [S, N, D]; masks as in `MultiheadAttention`. Raises as torch for shapes that do
    not fit. Source: Vaswani et al. 2017, arXiv:1706.03762, section 3.1; pre-norm: Xiong et al. 2020, arXiv:2002.04745.

    >>> TransformerEncoderLayer(4, 2, 8, batch_first=True)(torch.zeros(2, 3, 4)).shape
    torch.Size([2, 3, 4])
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        become(self)

    def forward(
        self,
        src: Tensor,
        src_mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        is_causal: bool = False,
    ) -> Tensor:
        def look(x: Tensor) -> Tensor:
            return self.dropout1(self.self_attn(x, x, x, src_key_padding_mask, False, src_mask, True, is_causal)[0])

        x = src
        if self.norm_first:
            x = x + look(self.norm1(x))
            return x + self.feed(self.norm2(x))
        x = self.norm1(x + look(x))
        return self.norm2(x + self.feed(x))

    def feed(self, x: Tensor) -> Tensor:
        """The feed-forward part. · 前馈部分。"""
        return self.dropout2(self.linear2(self.dropout(self.activation(self.linear1(x)))))


class TransformerDecoderLayer(torch.nn.TransformerDecoderLayer):
    """Self-attention, attention to the source, a feed-forward part. · Transformer 解码器层。

    tgt [N, T, D], memory [N, S, D] with batch_first, else time first; masks as in `MultiheadAttention`. Raises as torch
    for shapes that do not fit. Source: Vaswani et al. 2017, arXiv:1706.03762, section 3.1.

    >>> TransformerDecoderLayer(4, 2, 8, batch_first=True)(torch.zeros(2, 3, 4), torch.zeros(2, 5, 4)).shape
    torch.Size([2, 3, 4])
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        become(self)

    def forward(
        self,
        tgt: Tensor,
        memory: Tensor,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
        tgt_is_causal: bool = False,
        memory_is_causal: bool = False,
    ) -> Tensor:
        def look(x: Tensor) -> Tensor:
            return self.dropout1(self.self_attn(x, x, x, tgt_key_padding_mask, False, tgt_mask, True, tgt_is_causal)[0])

        def across(x: Tensor) -> Tensor:
            padding, mask = memory_key_padding_mask, memory_mask
            seen = self.multihead_attn(x, memory, memory, padding, False, mask, True, memory_is_causal)
            return self.dropout2(seen[0])

        x = tgt
        if self.norm_first:
            x = x + look(self.norm1(x))
            x = x + across(self.norm2(x))
            return x + self.feed(self.norm3(x))
        x = self.norm1(x + look(x))
        x = self.norm2(x + across(x))
        return self.norm3(x + self.feed(x))

    def feed(self, x: Tensor) -> Tensor:
        """The feed-forward part. · 前馈部分。"""
        return self.dropout3(self.linear2(self.dropout(self.activation(self.linear1(x)))))


class TransformerEncoder(torch.nn.TransformerEncoder):
    """Encoder layers, one after the other. · Transformer 编码器。

    src [N, S, D] with batch_first, else [S, N, D]. enable_nested_tensor is taken and does nothing: padding is masked.
    Source: Vaswani et al. 2017, arXiv:1706.03762, section 3.1.

    >>> layer = TransformerEncoderLayer(4, 2, 8, batch_first=True)
    >>> TransformerEncoder(layer, 2)(torch.zeros(2, 3, 4)).shape
    torch.Size([2, 3, 4])
    """

    def __init__(
        self,
        encoder_layer: torch.nn.TransformerEncoderLayer,
        num_layers: int,
        norm: torch.nn.Module | None = None,
        enable_nested_tensor: bool = True,
        mask_check: bool = True,
    ) -> None:
        super().__init__(encoder_layer, num_layers, norm, False, mask_check)
        self.enable_nested_tensor = enable_nested_tensor
        become(self)

    def forward(
        self,
        src: Tensor,
        mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        is_causal: bool | None = None,
    ) -> Tensor:
        x = src
        for layer in self.layers:
            x = layer(x, mask, src_key_padding_mask, bool(is_causal))
        return x if self.norm is None else self.norm(x)


class TransformerDecoder(torch.nn.TransformerDecoder):
    """Decoder layers, one after the other. · Transformer 解码器。

    tgt [N, T, D], memory [N, S, D] with batch_first, else time first. Source: Vaswani et al. 2017, arXiv:1706.03762,
    section 3.1.

    >>> layer = TransformerDecoderLayer(4, 2, 8, batch_first=True)
    >>> TransformerDecoder(layer, 2)(torch.zeros(2, 3, 4), torch.zeros(2, 5, 4)).shape
    torch.Size([2, 3, 4])
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        become(self)

    def forward(
        self,
        tgt: Tensor,
        memory: Tensor,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
        tgt_is_causal: bool | None = None,
        memory_is_causal: bool = False,
    ) -> Tensor:
        masks = (tgt_mask, memory_mask, tgt_key_padding_mask, memory_key_padding_mask)
        x = tgt
        for layer in self.layers:
            x = layer(x, memory, *masks, bool(tgt_is_causal), memory_is_causal)
        return x if self.norm is None else self.norm(x)


class Transformer(torch.nn.Transformer):
    """Encoder and decoder with torch's constructor, keys and first weights. · Transformer。

    src [N, S, D], tgt [N, T, D] with batch_first, else time first; out as tgt. Raises as torch for shapes that do not
    fit. Source: Vaswani et al. 2017, arXiv:1706.03762, section 3.

    >>> net = Transformer(4, 2, 1, 1, 8, batch_first=True)
    >>> net(torch.zeros(2, 5, 4), torch.zeros(2, 3, 4)).shape
    torch.Size([2, 3, 4])
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        with warnings.catch_warnings():  # nested tensors are torch's own, ours masks padding
            warnings.filterwarnings("ignore", "enable_nested_tensor")
            super().__init__(*args, **kwargs)
        become(self)

    def forward(
        self,
        src: Tensor,
        tgt: Tensor,
        src_mask: Tensor | None = None,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
        src_is_causal: bool | None = None,
        tgt_is_causal: bool | None = None,
        memory_is_causal: bool = False,
    ) -> Tensor:
        masks = (src_mask, tgt_mask, memory_mask, src_key_padding_mask, tgt_key_padding_mask, memory_key_padding_mask)
        # torch's text only checks the shapes and calls the two halves, which are ours
        return super().forward(src, tgt, *masks, src_is_causal, tgt_is_causal, memory_is_causal)
