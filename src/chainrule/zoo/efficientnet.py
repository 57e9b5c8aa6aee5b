r"""EfficientNet: depth, width and resolution scaled together · 深度、宽度与分辨率一同缩放

symbols  x [N, C, H, W]   e by how much a block widens, k the kernel, s the stride of the first block of a row, c its
         width, n its blocks   a network of depth d and width w has ⌈n·d⌉ blocks of width c·w in a row
note     the paper grows d = 1.2^φ, w = 1.1^φ, r = 1.15^φ (errata Z29), and then publishes a table that those powers do
         not give: B1 has d = 1.1 and w = 1, not 1.2 and 1.1; what is built here is the published table
note     a squeezed width is a quarter of the *block's input* (Z27); block i of N is left out with chance 0.2·i/N
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch

from .. import nn
from .blocks import (
    Conv2dNormActivation,
    FusedInvertedResidual,
    InvertedResidual,
    MobileNet,
    Shape,
    SqueezeExcitation,
    Style,
    strides,
)
from .vision import make_divisible


@dataclass(frozen=True)
class Row:
    """One line of the papers' tables; fused: one full convolution, no squeeze. · 论文表格的一行。"""

    e: int
    k: int
    s: int
    c: int
    n: int
    fused: bool = False


@dataclass(frozen=True)
class Variant:
    """A network of the family: its rows, how far they are scaled, its dropout and norm. · 家族中的一个网络。

    stem   the width before the rows
    last   the width behind them; None: four times that of the last row
    """

    rows: tuple[Row, ...]
    width: float = 1.0
    depth: float = 1.0
    dropout: float = 0.2
    eps: float = 1e-5
    momentum: float = 0.1
    stem: int = 32
    last: int | None = None


B0 = (  # Tan & Le 2019, table 1
    Row(1, 3, 1, 16, 1),
    Row(6, 3, 2, 24, 2),
    Row(6, 5, 2, 40, 2),
    Row(6, 3, 2, 80, 3),
    Row(6, 5, 1, 112, 3),
    Row(6, 5, 2, 192, 4),
    Row(6, 3, 1, 320, 1),
)
V2_S = (  # Tan & Le 2021, table 4
    Row(1, 3, 1, 24, 2, fused=True),
    Row(4, 3, 2, 48, 4, fused=True),
    Row(4, 3, 2, 64, 4, fused=True),
    Row(4, 3, 2, 128, 6),
    Row(6, 3, 1, 160, 9),
    Row(6, 3, 2, 256, 15),
)
V2_M = (  # M and L: as in the code published with the paper
    Row(1, 3, 1, 24, 3, fused=True),
    Row(4, 3, 2, 48, 5, fused=True),
    Row(4, 3, 2, 80, 5, fused=True),
    Row(4, 3, 2, 160, 7),
    Row(6, 3, 1, 176, 14),
    Row(6, 3, 2, 304, 18),
    Row(6, 3, 1, 512, 5),
)
V2_L = (
    Row(1, 3, 1, 32, 4, fused=True),
    Row(4, 3, 2, 64, 7, fused=True),
    Row(4, 3, 2, 96, 7, fused=True),
    Row(4, 3, 2, 192, 10),
    Row(6, 3, 1, 224, 19),
    Row(6, 3, 2, 384, 25),
    Row(6, 3, 1, 640, 7),
)
EFFICIENTNET = {  # width and depth as published with the paper; norms as the weights of torchvision need them
    "efficientnet_b0": Variant(B0, 1.0, 1.0, 0.2),
    "efficientnet_b1": Variant(B0, 1.0, 1.1, 0.2),
    "efficientnet_b2": Variant(B0, 1.1, 1.2, 0.3),
    "efficientnet_b3": Variant(B0, 1.2, 1.4, 0.3),
    "efficientnet_b4": Variant(B0, 1.4, 1.8, 0.4),
    "efficientnet_b5": Variant(B0, 1.6, 2.2, 0.4, eps=1e-3, momentum=0.01),
    "efficientnet_b6": Variant(B0, 1.8, 2.6, 0.5, eps=1e-3, momentum=0.01),
    "efficientnet_b7": Variant(B0, 2.0, 3.1, 0.5, eps=1e-3, momentum=0.01),
    "efficientnet_v2_s": Variant(V2_S, dropout=0.2, eps=1e-3, stem=24, last=1280),
    "efficientnet_v2_m": Variant(V2_M, dropout=0.3, eps=1e-3, stem=24, last=1280),
    "efficientnet_v2_l": Variant(V2_L, dropout=0.4, eps=1e-3, stem=32, last=1280),
}
ALPHA, BETA, GAMMA = 1.2, 1.1, 1.15  # depth, width, resolution; found at φ = 1 (section 3.3)
excite = partial(SqueezeExcitation, activation=nn.SiLU)


def compound(phi: float) -> tuple[float, float, float]:
    """Depth, width and resolution of the paper's rule, about 2^φ times the work. · 论文的复合缩放规则。

    Source: Tan & Le 2019, arXiv:1905.11946, eq. 3.

    >>> compound(0), round(ALPHA * BETA**2 * GAMMA**2, 2)
    ((1.0, 1.0, 1.0), 1.92)
    """
    return ALPHA**phi, BETA**phi, GAMMA**phi


class EfficientNet(MobileNet):
    """The network of a variant; each item of `features` between stem and head is a row. · 由一个变体构造的网络。

    >>> len(EfficientNet(EFFICIENTNET["efficientnet_b0"], 10, 3, "cifar", 0.2, 0.2).features)
    9
    """

    def __init__(self, variant: Variant, num_classes: int, in_channels: int, stem: str, dropout: float, depth: float):
        norm = partial(nn.BatchNorm2d, eps=variant.eps, momentum=variant.momentum)
        layer = partial(Conv2dNormActivation, norm_layer=norm, activation_layer=nn.SiLU)
        width = make_divisible(variant.stem * variant.width)
        first, *rest = strides(stem, (2, *(row.s for row in variant.rows)))
        repeats = [math.ceil(row.n * variant.depth) for row in variant.rows]
        features: list[torch.nn.Module] = [layer(in_channels, width, 3, first)]
        number = 0
        for row, stride, repeat in zip(variant.rows, rest, repeats, strict=True):
            blocks: list[torch.nn.Module] = []
            for i in range(repeat):
                out = make_divisible(row.c * variant.width)
                wide, squeezed = make_divisible(width * row.e), max(1, width // 4)
                shape = Shape(width, wide, out, row.k, 1 if i else stride, squeezed)
                style = Style(norm, nn.SiLU, excite, depth * number / sum(repeats))
                blocks.append((FusedInvertedResidual if row.fused else InvertedResidual)(shape, style))
                width, number = out, number + 1
            features.append(nn.Sequential(*blocks))
        last = variant.last or 4 * width
        super().__init__([*features, layer(width, last, 1)], [nn.Dropout(dropout), nn.Linear(last, num_classes)])

    def draw(self, layer: torch.nn.Module) -> None:
        """As the published code: the last linear layer uniform in ±1/√O. · 最后的线性层取 ±1/√O 内的均匀分布。"""
        super().draw(layer)
        if isinstance(layer, torch.nn.Linear):
            bound = 1 / math.sqrt(layer.out_features)
            nn.init.uniform_(layer.weight, -bound, bound)


def named(name: str) -> Callable[..., EfficientNet]:
    """What makes the network of that name. · 按名称得到构造函数。

    >>> sum(p.numel() for p in named("efficientnet_b0")(num_classes=1000).parameters())
    5288548
    """
    variant = EFFICIENTNET[name]

    def make(
        num_classes: int = 1000,
        in_channels: int = 3,
        stem: str = "imagenet",
        dropout: float = variant.dropout,
        stochastic_depth_prob: float = 0.2,
    ) -> EfficientNet:
        return EfficientNet(variant, num_classes, in_channels, stem, dropout, stochastic_depth_prob)

    make.__name__ = make.__qualname__ = name
    make.__doc__ = f"The network of row {name} of EFFICIENTNET. · EFFICIENTNET 表中 {name} 一行的网络。"
    return make


efficientnet_b0 = named("efficientnet_b0")
efficientnet_b1 = named("efficientnet_b1")
efficientnet_b2 = named("efficientnet_b2")
efficientnet_b3 = named("efficientnet_b3")
efficientnet_b4 = named("efficientnet_b4")
efficientnet_b5 = named("efficientnet_b5")
efficientnet_b6 = named("efficientnet_b6")
efficientnet_b7 = named("efficientnet_b7")
efficientnet_v2_s = named("efficientnet_v2_s")
efficientnet_v2_m = named("efficientnet_v2_m")
efficientnet_v2_l = named("efficientnet_v2_l")
