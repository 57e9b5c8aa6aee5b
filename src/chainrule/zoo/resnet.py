"""Small residual networks · 小型残差网络

symbols  x [N, C, H, W]   y = ReLU(F(x) + x), F = conv-BN-ReLU-conv-BN
note     where shapes differ, x goes through a 1×1 convolution with BN (errata Z13, Z14)
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from .. import nn


@dataclass(frozen=True)
class Stage:
    """Blocks of one width; the first of them has the stride. · 同宽的若干残差块。"""

    width: int
    depth: int
    stride: int


RESNET_CIFAR = {  # He et al. 2016, section 4.2: 6n + 2 layers, n blocks a stage
    "resnet8": (Stage(16, 1, 1), Stage(32, 1, 2), Stage(64, 1, 2)),
}


class BasicBlock(torch.nn.Module):
    """Two 3×3 convolutions and a shortcut. · 两个 3×3 卷积加捷径。

    Source: He et al. 2016, section 3, arXiv:1512.03385.

    >>> BasicBlock(16, 32, stride=2)(torch.zeros(1, 16, 8, 8)).shape
    torch.Size([1, 32, 4, 4])
    """

    def __init__(self, inplanes: int, planes: int, stride: int = 1):
        super().__init__()
        self.conv1 = nn.Conv2d(inplanes, planes, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.relu = nn.ReLU()
        self.downsample = None
        if stride != 1 or inplanes != planes:
            self.downsample = nn.Sequential(nn.Conv2d(inplanes, planes, 1, stride, bias=False), nn.BatchNorm2d(planes))

    def forward(self, x: Tensor) -> Tensor:
        shortcut = x if self.downsample is None else self.downsample(x)
        out = self.relu(self.bn1(self.conv1(x)))
        return self.relu(self.bn2(self.conv2(out)) + shortcut)


class ResNet(torch.nn.Module):
    """A stem, stages of blocks, the mean over the image, one linear layer. · 残差网络。"""

    def __init__(self, stages: tuple[Stage, ...], num_classes: int = 10, in_channels: int = 3):
        super().__init__()
        width = stages[0].width
        self.conv1 = nn.Conv2d(in_channels, width, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU()
        for number, stage in enumerate(stages, 1):
            strides = [stage.stride] + [1] * (stage.depth - 1)
            blocks = [BasicBlock(width if i == 0 else stage.width, stage.width, s) for i, s in enumerate(strides)]
            self.add_module(f"layer{number}", nn.Sequential(*blocks))
            width = stage.width
        self.stages = len(stages)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(width, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(self.bn1(self.conv1(x)))
        for number in range(1, self.stages + 1):
            x = getattr(self, f"layer{number}")(x)
        return self.fc(self.avgpool(x).flatten(1))


def resnet8(num_classes: int = 10, in_channels: int = 3) -> ResNet:
    """Eight layers for small images: the smallest of the family. · 八层残差网络。

    Source: He et al. 2016, section 4.2, arXiv:1512.03385.

    >>> sum(p.numel() for p in resnet8().parameters())
    78042
    """
    return ResNet(RESNET_CIFAR["resnet8"], num_classes, in_channels)
