"""MobileNet V2: inverted residuals · 倒残差网络

symbols  x [N, C, H, W]   t by how much a block widens, c the width of a row, n its blocks, s the stride of the first
note     the widths of the rows grow (errata Z24); the last 1×1 of a block is linear (Z22); x is added iff the stride is
         1 and the widths are equal (Z23)
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from .. import nn
from .blocks import Conv2dNormActivation, MobileNet, strides
from .vision import make_divisible


@dataclass(frozen=True)
class Row:
    """One line of the paper's table. · 论文表格的一行。"""

    t: int
    c: int
    n: int
    s: int


STEM, HEAD = 32, 1280
MOBILENET_V2 = (  # Sandler et al. 2018, table 2
    Row(1, 16, 1, 1),
    Row(6, 24, 2, 2),
    Row(6, 32, 3, 2),
    Row(6, 64, 4, 2),
    Row(6, 96, 3, 1),
    Row(6, 160, 3, 2),
    Row(6, 320, 1, 1),
)


class InvertedResidual(torch.nn.Module):
    """Widen by 1×1, filter each channel, narrow by a linear 1×1. · 倒残差块：升维、逐通道卷积、线性降维。

    input [N, C, H, W], out [N, O, ⌈H/stride⌉, ⌈W/stride⌉]; with t = 1 nothing is widened and the first 1×1 left out.
    Keys as torchvision's, where the last convolution and its norm stand by themselves.
    Source: Sandler et al. 2018, arXiv:1801.04381, table 1 and figure 4d.

    >>> InvertedResidual(8, 12, stride=2, expand_ratio=6)(torch.zeros(1, 8, 6, 6)).shape
    torch.Size([1, 12, 3, 3])
    """

    def __init__(self, inp: int, oup: int, stride: int, expand_ratio: int):
        super().__init__()
        wide = inp * expand_ratio
        widen = [] if expand_ratio == 1 else [Conv2dNormActivation(inp, wide, 1, activation_layer=nn.ReLU6)]
        self.conv = nn.Sequential(
            *widen,
            Conv2dNormActivation(wide, wide, 3, stride, groups=wide, activation_layer=nn.ReLU6),
            nn.Conv2d(wide, oup, 1, bias=False),
            nn.BatchNorm2d(oup),
        )
        self.joined = stride == 1 and inp == oup

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv(x) if self.joined else self.conv(x)


def mobilenet_v2(
    num_classes: int = 1000,
    in_channels: int = 3,
    stem: str = "imagenet",
    width_mult: float = 1.0,
    dropout: float = 0.2,
) -> MobileNet:
    """Narrow maps joined, wide ones filtered: 3,504,872 parameters, 301 million products. · MobileNet V2。

    width_mult  every width times this, rounded to a multiple of 8; the last one never gets narrower than 1280

    Source: Sandler et al. 2018, arXiv:1801.04381, table 2.

    >>> sum(p.numel() for p in mobilenet_v2().parameters())
    3504872
    """
    width = make_divisible(STEM * width_mult)
    first, *rest = strides(stem, (2, *(row.s for row in MOBILENET_V2)))
    features: list[torch.nn.Module] = [Conv2dNormActivation(in_channels, width, 3, first, activation_layer=nn.ReLU6)]
    for row, stride in zip(MOBILENET_V2, rest, strict=True):
        for number in range(row.n):
            out = make_divisible(row.c * width_mult)
            features.append(InvertedResidual(width, out, 1 if number else stride, row.t))
            width = out
    last = make_divisible(HEAD * max(1.0, width_mult))
    features.append(Conv2dNormActivation(width, last, 1, activation_layer=nn.ReLU6))
    return MobileNet(features, [nn.Dropout(dropout), nn.Linear(last, num_classes)])
