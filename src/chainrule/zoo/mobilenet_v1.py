"""MobileNet V1: a convolution in two halves · 深度可分离卷积网络

symbols  x [N, C, H, W]   c the width of a row, n its blocks, s the stride of the first of them
note     depthwise + pointwise (errata E16): first each channel is filtered by itself, then a 1×1 convolution joins all
         channels (Z21); a 3×3 convolution of O outputs takes 9·C·O products a place, the two halves 9·C + C·O
"""

from dataclasses import dataclass

import torch

from .. import nn
from .blocks import Conv2dNormActivation, MobileNet, strides
from .vision import make_divisible


@dataclass(frozen=True)
class Row:
    """One line of the paper's table: n separable blocks of width c. · 论文表格的一行。"""

    c: int
    n: int
    s: int


STEM = 32
MOBILENET_V1 = (  # Howard et al. 2017, table 1
    Row(64, 1, 1),
    Row(128, 2, 2),
    Row(256, 2, 2),
    Row(512, 6, 2),
    Row(1024, 2, 2),
)


class SeparableConv2d(nn.Sequential):
    """Depthwise 3×3, norm, ReLU, pointwise 1×1, norm, ReLU. · 深度卷积与点卷积，各接归一化与 ReLU。

    input [N, C, H, W], out [N, O, ⌈H/stride⌉, ⌈W/stride⌉]. Source: Howard et al. 2017, arXiv:1704.04861, figure 3.

    >>> SeparableConv2d(8, 16, stride=2)(torch.zeros(1, 8, 6, 6)).shape
    torch.Size([1, 16, 3, 3])
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int = 1):
        super().__init__(
            Conv2dNormActivation(in_channels, in_channels, 3, stride, groups=in_channels),
            Conv2dNormActivation(in_channels, out_channels, 1),
        )


def mobilenet_v1(
    num_classes: int = 1000,
    in_channels: int = 3,
    stem: str = "imagenet",
    width_mult: float = 1.0,
    dropout: float = 0.0,
) -> MobileNet:
    """Separable convolutions one after the other: 4,231,976 parameters, 569 million products. · MobileNet V1。

    width_mult  every width times this, rounded to a multiple of 8 (the paper's α)

    Source: Howard et al. 2017, arXiv:1704.04861, table 1. ReLU, as the paper (published code has ReLU6).

    >>> sum(p.numel() for p in mobilenet_v1().parameters())
    4231976
    """
    width = make_divisible(STEM * width_mult)
    first, *rest = strides(stem, (2, *(row.s for row in MOBILENET_V1)))
    features: list[torch.nn.Module] = [Conv2dNormActivation(in_channels, width, 3, first)]
    for row, stride in zip(MOBILENET_V1, rest, strict=True):
        for number in range(row.n):
            out = make_divisible(row.c * width_mult)
            features.append(SeparableConv2d(width, out, 1 if number else stride))
            width = out
    return MobileNet(features, [nn.Dropout(dropout), nn.Linear(width, num_classes)])
