r"""VGG: depth by small kernels · VGG：以小卷积核换取深度

symbols  x [N, C, H, W]   out [N, O]   in the table: a number is a 3×3 convolution to that many channels, "M" a halving
note     the notes' table is the paper's; its linear layers have 4096 units, not the 2048 of half an AlexNet (Z11)
note     `stem="cifar"`: the first convolution is small already, so only the end changes: five halvings leave one pixel
         of 32, and the linear layers behind it have 512 units
"""

from collections.abc import Sequence
from functools import partial

import torch

from .. import nn
from .vision import Vision, is_small

VGG = {  # Simonyan & Zisserman 2015, table 1: columns A, B, D, E
    "vgg11": (64, "M", 128, "M", 256, 256, "M", 512, 512, "M", 512, 512, "M"),
    "vgg13": (64, 64, "M", 128, 128, "M", 256, 256, "M", 512, 512, "M", 512, 512, "M"),
    "vgg16": (64, 64, "M", 128, 128, "M", *(256,) * 3, "M", *(512,) * 3, "M", *(512,) * 3, "M"),
    "vgg19": (64, 64, "M", 128, 128, "M", *(256,) * 4, "M", *(512,) * 4, "M", *(512,) * 4, "M"),
}


class VGGNet(Vision):
    """Convolutions of 3×3 with pooling between, three linear layers. · 3×3 卷积与池化交替，三个线性层。

    plan        a column of the table
    batch_norm  a norm behind every convolution, whose bias stays, as in torchvision

    Source: Simonyan & Zisserman 2015, arXiv:1409.1556.

    >>> VGGNet(VGG["vgg11"], num_classes=7, stem="cifar")(torch.zeros(1, 3, 32, 32)).shape
    torch.Size([1, 7])
    """

    head, linear_std = "classifier.6", 0.01

    def __init__(
        self,
        plan: Sequence[int | str],
        batch_norm: bool = False,
        num_classes: int = 1000,
        in_channels: int = 3,
        stem: str = "imagenet",
        dropout: float = 0.5,
    ):
        super().__init__()
        layers: list[torch.nn.Module] = []
        width = in_channels
        for step in plan:
            if isinstance(step, str):
                layers.append(nn.MaxPool2d(2))
                continue
            layers += [nn.Conv2d(width, step, 3, padding=1), *([nn.BatchNorm2d(step)] if batch_norm else []), nn.ReLU()]
            width = step
        self.features = nn.Sequential(*layers)
        side, hidden = (1, 512) if is_small(stem) else (7, 4096)
        self.avgpool = nn.AdaptiveAvgPool2d(side)
        self.classifier = nn.Sequential(
            nn.Linear(width * side**2, hidden),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(hidden, hidden),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(hidden, num_classes),
        )
        self.initialize()


def vgg(
    name: str,
    num_classes: int = 1000,
    in_channels: int = 3,
    stem: str = "imagenet",
    dropout: float = 0.5,
) -> VGGNet:
    """A network of the table; a name that ends in _bn has norms. · 表中的 VGG 网络，以 _bn 结尾者带批归一化。

    Raises `UserError` for an unknown stem. Source: Simonyan & Zisserman 2015, table 1, arXiv:1409.1556.

    >>> sum(p.numel() for p in vgg("vgg16_bn", num_classes=10, stem="cifar").parameters())
    15253578
    """
    return VGGNet(VGG[name.removesuffix("_bn")], name.endswith("_bn"), num_classes, in_channels, stem, dropout)


vgg11, vgg13, vgg16, vgg19 = (partial(vgg, name) for name in VGG)
vgg11_bn, vgg13_bn, vgg16_bn, vgg19_bn = (partial(vgg, f"{name}_bn") for name in VGG)
