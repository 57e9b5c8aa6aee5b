"""MobileNet V3: inverted residuals that weigh their channels · 带通道注意力的倒残差网络

symbols  x [N, C, H, W]   k the kernel, exp the widened width, out the width given, se whether channels are weighed,
         nl the nonlinearity: RE (ReLU) or HS (h-swish, errata E30), s the stride
note     the squeezed width is a quarter of the widened one, as a multiple of 8 (Z27); ReLU inside, hard-sigmoid at the
         end (Z26); which rows weigh their channels and which nonlinearity they have is the table's to say (Z28)
"""

from dataclasses import dataclass
from functools import partial

import torch

from .. import nn
from .blocks import Conv2dNormActivation, InvertedResidual, MobileNet, Shape, SqueezeExcitation, Style, strides
from .vision import make_divisible


@dataclass(frozen=True)
class Row:
    """One line of the paper's tables: one block. · 论文表格的一行。"""

    k: int
    exp: int
    out: int
    se: bool
    nl: str
    s: int


STEM = 16
MOBILENET_V3 = {  # Howard et al. 2019, tables 1 and 2; the stem's 16 channels come first
    "mobilenet_v3_large": (
        Row(3, 16, 16, False, "RE", 1),
        Row(3, 64, 24, False, "RE", 2),
        Row(3, 72, 24, False, "RE", 1),
        Row(5, 72, 40, True, "RE", 2),
        Row(5, 120, 40, True, "RE", 1),
        Row(5, 120, 40, True, "RE", 1),
        Row(3, 240, 80, False, "HS", 2),
        Row(3, 200, 80, False, "HS", 1),
        Row(3, 184, 80, False, "HS", 1),
        Row(3, 184, 80, False, "HS", 1),
        Row(3, 480, 112, True, "HS", 1),
        Row(3, 672, 112, True, "HS", 1),
        Row(5, 672, 160, True, "HS", 2),
        Row(5, 960, 160, True, "HS", 1),
        Row(5, 960, 160, True, "HS", 1),
    ),
    "mobilenet_v3_small": (
        Row(3, 16, 16, True, "RE", 2),
        Row(3, 72, 24, False, "RE", 2),
        Row(3, 88, 24, False, "RE", 1),
        Row(5, 96, 40, True, "HS", 2),
        Row(5, 240, 40, True, "HS", 1),
        Row(5, 240, 40, True, "HS", 1),
        Row(5, 120, 48, True, "HS", 1),
        Row(5, 144, 48, True, "HS", 1),
        Row(5, 288, 96, True, "HS", 2),
        Row(5, 576, 96, True, "HS", 1),
        Row(5, 576, 96, True, "HS", 1),
    ),
}
HEAD = {"mobilenet_v3_large": 1280, "mobilenet_v3_small": 1024}
NONLINEARITY = {"RE": nn.ReLU, "HS": nn.Hardswish}
norm = partial(nn.BatchNorm2d, eps=1e-3, momentum=0.01)
excite = partial(SqueezeExcitation, activation=nn.ReLU, scale_activation=nn.Hardsigmoid)


def squeezed(exp: int) -> int:
    """A quarter of the widened width, as a multiple of 8 (errata Z27). · 压缩后的宽度。

    >>> squeezed(72), squeezed(960)
    (24, 240)
    """
    return make_divisible(exp // 4)


class MobileNetV3(MobileNet):
    """A network of one of the two tables; its head has two linear layers. · 由两张表之一构造的网络。

    >>> MobileNetV3("mobilenet_v3_small", 10, 3, "cifar", 0.5, 0.2).head
    'classifier.3'
    """

    head = "classifier.3"

    def __init__(self, name: str, num_classes: int, in_channels: int, stem: str, width_mult: float, dropout: float):
        width, rows = make_divisible(STEM * width_mult), MOBILENET_V3[name]
        first, *rest = strides(stem, (2, *(row.s for row in rows)))
        layer = partial(Conv2dNormActivation, norm_layer=norm, activation_layer=nn.Hardswish)
        features: list[torch.nn.Module] = [layer(in_channels, width, 3, first)]
        for row, stride in zip(rows, rest, strict=True):
            exp, out = make_divisible(row.exp * width_mult), make_divisible(row.out * width_mult)
            shape = Shape(width, exp, out, row.k, stride, squeezed(exp) if row.se else 0)
            features.append(InvertedResidual(shape, Style(norm, NONLINEARITY[row.nl], excite)))
            width = out
        last, widest = make_divisible(HEAD[name] * width_mult), 6 * width
        classifier = [nn.Linear(widest, last), nn.Hardswish(), nn.Dropout(dropout), nn.Linear(last, num_classes)]
        super().__init__([*features, layer(width, widest, 1)], classifier)


def mobilenet_v3_large(
    num_classes: int = 1000,
    in_channels: int = 3,
    stem: str = "imagenet",
    width_mult: float = 1.0,
    dropout: float = 0.2,
) -> MobileNetV3:
    """Found by search, for accuracy: 5,483,032 parameters, 217 million products. · MobileNet V3 大型。

    width_mult  every width times this, rounded to a multiple of 8

    Source: Howard et al. 2019, arXiv:1905.02244, table 1.

    >>> sum(p.numel() for p in mobilenet_v3_large().parameters())
    5483032
    """
    return MobileNetV3("mobilenet_v3_large", num_classes, in_channels, stem, width_mult, dropout)


def mobilenet_v3_small(
    num_classes: int = 1000,
    in_channels: int = 3,
    stem: str = "imagenet",
    width_mult: float = 1.0,
    dropout: float = 0.2,
) -> MobileNetV3:
    """Found by search, for speed: 2,542,856 parameters, 56 million products. · MobileNet V3 小型。

    width_mult  every width times this, rounded to a multiple of 8

    Source: Howard et al. 2019, arXiv:1905.02244, table 2.

    >>> sum(p.numel() for p in mobilenet_v3_small().parameters())
    2542856
    """
    return MobileNetV3("mobilenet_v3_small", num_classes, in_channels, stem, width_mult, dropout)
