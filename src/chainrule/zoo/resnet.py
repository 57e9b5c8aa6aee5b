r"""Residual networks · 残差网络

symbols  x [N, C, H, W]   y = ReLU(F(x) + W_s x)   F = conv-BN-ReLU-conv-BN, or 1×1, 3×3, 1×1 in a bottleneck
note     the sum answers degradation, the training error that grows with depth; vanishing gradients had been handled by
         first weights and BN (errata Z12). W_s is the identity where shapes agree, else a 1×1 convolution with BN (Z13)
note     the stride of a bottleneck is on its 3×3, as in torchvision; `stride_on_first` moves it to the first 1×1, as in
         the paper: the same keys and shapes, another function (Z15)
"""

from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from .. import nn
from ..errors import unknown
from .vision import Vision, is_small


@dataclass(frozen=True)
class Plan:
    """One column of the table: blocks a stage; the width doubles from stage to stage. · 表中的一列。

    block            "basic" (two 3×3) or "bottleneck" (1×1, 3×3, 1×1)
    depths           blocks of each stage
    groups           cardinality: how many branches the 3×3 of a bottleneck has
    width_per_group  channels of a branch in the first stage
    planes           channels of the stem, and of the 3×3 in the first stage if there is one branch of 64
    """

    block: str
    depths: tuple[int, ...]
    groups: int = 1
    width_per_group: int = 64
    planes: int = 64


RESNET = {
    "resnet18": Plan("basic", (2, 2, 2, 2)),  # He et al. 2016, table 1
    "resnet34": Plan("basic", (3, 4, 6, 3)),
    "resnet50": Plan("bottleneck", (3, 4, 6, 3)),
    "resnet101": Plan("bottleneck", (3, 4, 23, 3)),
    "resnet152": Plan("bottleneck", (3, 8, 36, 3)),
    "resnext50_32x4d": Plan("bottleneck", (3, 4, 6, 3), 32, 4),  # Xie et al. 2017, table 1
    "resnext101_32x8d": Plan("bottleneck", (3, 4, 23, 3), 32, 8),
    "resnext101_64x4d": Plan("bottleneck", (3, 4, 23, 3), 64, 4),
    "wide_resnet50_2": Plan("bottleneck", (3, 4, 6, 3), width_per_group=128),  # Zagoruyko & Komodakis 2016, table 8
    "wide_resnet101_2": Plan("bottleneck", (3, 4, 23, 3), width_per_group=128),
}

RESNET_CIFAR = {  # He et al. 2016, section 4.2: 6n + 2 layers, n blocks a stage
    f"resnet{6 * n + 2}": Plan("basic", (n, n, n), planes=16) for n in (1, 3, 5, 7, 9, 18)
}


class ZeroPadShortcut(torch.nn.Module):
    """Shortcut A: every stride-th pixel, new channels of zeros on both sides; no parameters. · 无参数的捷径。

    x [N, I, H, W], out [N, O, H/stride, W/stride]. Source: He et al. 2016, section 4.1, arXiv:1512.03385.

    >>> ZeroPadShortcut(1, 3, 2)(torch.arange(16.0).reshape(1, 1, 4, 4)).sum((2, 3))
    tensor([[ 0., 20.,  0.]])
    """

    def __init__(self, inplanes: int, planes: int, stride: int):
        super().__init__()
        self.stride, self.new = stride, planes - inplanes

    def forward(self, x: Tensor) -> Tensor:
        sides = (self.new // 2, self.new - self.new // 2)
        return torch.nn.functional.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, *sides))


def projection(inplanes: int, planes: int, stride: int) -> nn.Sequential:
    """Shortcut B: a 1×1 convolution with BN (errata Z13). · 投影捷径：1×1 卷积加批归一化。"""
    return nn.Sequential(nn.Conv2d(inplanes, planes, 1, stride, bias=False), nn.BatchNorm2d(planes))


SHORTCUTS = {"A": ZeroPadShortcut, "B": projection}


class BasicBlock(torch.nn.Module):
    """Two 3×3 convolutions and a shortcut. · 两个 3×3 卷积加捷径。

    x [N, I, H, W], out [N, O, H/stride, W/stride]. Source: He et al. 2016, section 3, arXiv:1512.03385.

    >>> BasicBlock(16, 32, stride=2)(torch.zeros(1, 16, 8, 8)).shape
    torch.Size([1, 32, 4, 4])
    """

    expansion = 1

    def __init__(self, inplanes: int, planes: int, stride: int = 1, shortcut: str = "B"):
        super().__init__()
        self.conv1 = nn.Conv2d(inplanes, planes, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.relu = nn.ReLU()
        self.conv2 = nn.Conv2d(planes, planes, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        same = stride == 1 and inplanes == planes
        self.downsample = None if same else SHORTCUTS[shortcut](inplanes, planes, stride)

    @property
    def last_norm(self) -> torch.nn.BatchNorm2d:
        return self.bn2

    def forward(self, x: Tensor) -> Tensor:
        shortcut = x if self.downsample is None else self.downsample(x)
        out = self.relu(self.bn1(self.conv1(x)))
        return self.relu(self.bn2(self.conv2(out)) + shortcut)


class Bottleneck(torch.nn.Module):
    """1×1 to fewer channels, 3×3 in groups, 1×1 to four times the planes, and a shortcut. · 瓶颈残差块。

    x [N, I, H, W], out [N, 4·planes, H/stride, W/stride]; each group has ⌊planes · width_per_group / 64⌋ channels.
    Source: He et al. 2016, figure 5, arXiv:1512.03385; groups: Xie et al. 2017, figure 3c, arXiv:1611.05431.

    >>> Bottleneck(64, 32, stride=2)(torch.zeros(1, 64, 8, 8)).shape
    torch.Size([1, 128, 4, 4])
    """

    expansion = 4

    def __init__(
        self,
        inplanes: int,
        planes: int,
        stride: int = 1,
        groups: int = 1,
        width_per_group: int = 64,
        stride_on_first: bool = False,
    ):
        super().__init__()
        width, out = int(planes * width_per_group / 64) * groups, planes * self.expansion
        first, second = (stride, 1) if stride_on_first else (1, stride)
        self.conv1 = nn.Conv2d(inplanes, width, 1, first, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, second, padding=1, groups=groups, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, out, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(out)
        self.relu = nn.ReLU()
        self.downsample = None if stride == 1 and inplanes == out else projection(inplanes, out, stride)

    @property
    def last_norm(self) -> torch.nn.BatchNorm2d:
        return self.bn3

    def forward(self, x: Tensor) -> Tensor:
        shortcut = x if self.downsample is None else self.downsample(x)
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.relu(self.bn2(self.conv2(out)))
        return self.relu(self.bn3(self.conv3(out)) + shortcut)


class ResNet(Vision):
    """A stem, stages of blocks, the mean over the image, one linear layer. · 残差网络。

    plan                a column of the table
    shortcut            "A" or "B", of basic blocks whose shapes differ
    stride_on_first     a bottleneck's stride on its first 1×1
    zero_init_residual  the last norm of every block starts at 0: each block starts as its shortcut

    Source: He et al. 2016, arXiv:1512.03385; zero_init_residual: Goyal et al. 2017, section 5.1, arXiv:1706.02677.

    >>> ResNet(RESNET["resnet18"], num_classes=7, stem="cifar")(torch.zeros(2, 3, 16, 16)).shape
    torch.Size([2, 7])
    """

    first, head = "conv1", "fc"

    def __init__(
        self,
        plan: Plan,
        num_classes: int = 1000,
        in_channels: int = 3,
        stem: str = "imagenet",
        shortcut: str = "B",
        stride_on_first: bool = False,
        zero_init_residual: bool = False,
    ):
        super().__init__()
        small, width = is_small(stem), plan.planes
        if plan.block == "basic":
            make = partial(BasicBlock, shortcut=shortcut)
        else:
            make = partial(Bottleneck, groups=plan.groups, width_per_group=plan.width_per_group)
            make = partial(make, stride_on_first=stride_on_first)
        self.conv1 = nn.Conv2d(in_channels, width, *((3, 1, 1) if small else (7, 2, 3)), bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU()
        self.maxpool = nn.Identity() if small else nn.MaxPool2d(3, 2, padding=1)
        for stage, depth in enumerate(plan.depths):
            planes, blocks = plan.planes * 2**stage, []
            for i in range(depth):
                blocks.append(make(width, planes, 2 if stage and not i else 1))
                width = planes * make.func.expansion
            self.add_module(f"layer{stage + 1}", nn.Sequential(*blocks))
        self.stages = len(plan.depths)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(width, num_classes)
        self.initialize()
        if zero_init_residual:
            for block in (m for m in self.modules() if isinstance(m, BasicBlock | Bottleneck)):
                torch.nn.init.zeros_(block.last_norm.weight)

    def trunk(self) -> list[torch.nn.Module]:
        stages = [self.get_submodule(f"layer{number}") for number in range(1, self.stages + 1)]
        return [self.conv1, self.bn1, self.relu, self.maxpool, *stages]


def resnet(
    name: str,
    num_classes: int = 1000,
    in_channels: int = 3,
    stem: str = "imagenet",
    stride_on_first: bool = False,
    zero_init_residual: bool = False,
) -> ResNet:
    """A network of the table, for images of 224 pixels. · 表中的残差网络，输入 224 像素。

    Raises `UserError` for an unknown stem. Source: He et al. 2016, table 1, arXiv:1512.03385; Xie et al. 2017, table 1,
    arXiv:1611.05431; Zagoruyko & Komodakis 2016, arXiv:1605.07146.

    >>> sum(p.numel() for p in resnet("resnet18", num_classes=10).parameters())
    11181642
    """
    return ResNet(RESNET[name], num_classes, in_channels, stem, "B", stride_on_first, zero_init_residual)


def resnet_cifar(
    name: str,
    num_classes: int = 10,
    in_channels: int = 3,
    stem: str = "cifar",
    shortcut: str = "A",
    zero_init_residual: bool = False,
) -> ResNet:
    """A network of 6n + 2 layers for images of 32 pixels. · 用于 32 像素图像的残差网络。

    Raises `UserError` for an unknown stem or shortcut. Source: He et al. 2016, section 4.2, arXiv:1512.03385.

    >>> sum(p.numel() for p in resnet_cifar("resnet20").parameters())
    269722
    """
    if shortcut not in SHORTCUTS:
        raise unknown("shortcut", shortcut, list(SHORTCUTS))
    return ResNet(RESNET_CIFAR[name], num_classes, in_channels, stem, shortcut, False, zero_init_residual)


resnet18, resnet34, resnet50, resnet101, resnet152 = (partial(resnet, f"resnet{n}") for n in (18, 34, 50, 101, 152))
resnext50_32x4d = partial(resnet, "resnext50_32x4d")
resnext101_32x8d = partial(resnet, "resnext101_32x8d")
resnext101_64x4d = partial(resnet, "resnext101_64x4d")
wide_resnet50_2 = partial(resnet, "wide_resnet50_2")
wide_resnet101_2 = partial(resnet, "wide_resnet101_2")
resnet8 = partial(resnet_cifar, "resnet8", shortcut="B")
resnet20, resnet32, resnet44, resnet56, resnet110 = (partial(resnet_cifar, f"resnet{n}") for n in (20, 32, 44, 56, 110))
