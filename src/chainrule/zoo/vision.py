r"""What every network for images shares · 图像网络的公共部分

symbols  x [N, C, H, W]   maps [N, C', H', W']   out [N, O], O = num_classes
note     a network is a trunk of layers in a row, the mean over space, and a classifier whose last linear layer is the
         head; `stem="cifar"` is for images of about 32 pixels: a first 3×3 convolution of stride 1, no pooling after it
note     a convolution first draws N(0, 2 / fan_out), which keeps the width of the backward pass (He et al. 2015,
         arXiv:1502.01852, eq. 14); fan_out = k² · O / groups is what one input reaches: k² in a depthwise convolution,
         where torchvision, which forgets the groups, has k² · O
"""

import math
from collections.abc import Iterable

import torch
from torch import Tensor
from torch.nn.modules.conv import _ConvNd

from .. import nn
from ..errors import UserError, unknown

STEMS = ("imagenet", "cifar")


class Vision(torch.nn.Module):
    """A trunk, the mean over space, a classifier: torchvision's names and keys. · 图像网络：主干、池化与分类器。

    A family says where its parts lie, or overrides `trunk` and `draw`:
    first       path of the first convolution, which sees the C channels of the image
    head        path of the last linear layer; its first word is the classifier
    linear_std  deviation of the first weights of linear layers; None leaves them as torch draws them

    >>> from chainrule.zoo.resnet import resnet8
    >>> network = resnet8()
    >>> network.first, network.head, network(torch.zeros(1, 3, 32, 32)).shape
    ('conv1', 'fc', torch.Size([1, 10]))
    """

    first: str = "features.0"
    head: str = "classifier"
    linear_std: float | None = None
    features: torch.nn.Sequential
    avgpool: torch.nn.Module

    def trunk(self) -> Iterable[torch.nn.Module]:
        """The layers that make maps, in order. · 产生特征图的各层。"""
        return self.features

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.trunk():
            x = layer(x)
        return self.get_submodule(self.head.partition(".")[0])(self.avgpool(x).flatten(1))

    def feature_maps(self, x: Tensor) -> list[Tensor]:
        """A pyramid: the last map of each resolution, finest first. · 特征金字塔：每种分辨率的最后一个特征图。

        >>> from chainrule.zoo.resnet import resnet8
        >>> [tuple(m.shape[1:]) for m in resnet8().feature_maps(torch.zeros(1, 3, 32, 32))]
        [(16, 32, 32), (32, 16, 16), (64, 8, 8)]
        """
        maps: list[Tensor] = []
        for layer in self.trunk():
            x = layer(x)
            if maps and maps[-1].shape[-2:] == x.shape[-2:]:
                maps.pop()
            maps.append(x)
        return maps

    def reset_head(self, num_classes: int) -> torch.nn.Linear:
        """A new last linear layer for other classes, with first weights, and returned. · 更换最后的线性层。

        Raises `UserError` for fewer than one class.

        >>> from chainrule.zoo.resnet import resnet8
        >>> resnet8().reset_head(5)
        Linear(in_features=64, out_features=5, bias=True)
        """
        if num_classes < 1:
            raise UserError(f"num_classes {num_classes}: expected at least one")
        old = self.get_submodule(self.head)
        assert isinstance(old, torch.nn.Linear)
        place = {"device": old.weight.device, "dtype": old.weight.dtype}
        new = nn.Linear(old.in_features, num_classes, old.bias is not None, **place)
        self.draw(new)
        self.set_submodule(self.head, new)
        return new

    def draw(self, layer: torch.nn.Module) -> None:
        """The first weights of one layer. · 单层的初始权重。"""
        if isinstance(layer, _ConvNd):
            fan_out = nn.init.fans(layer.weight)[1] / layer.groups
            nn.init.normal_(layer.weight, std=math.sqrt(2 / fan_out))
        elif isinstance(layer, torch.nn.Linear) and self.linear_std is not None:
            nn.init.normal_(layer.weight, std=self.linear_std)
        else:
            return
        if layer.bias is not None:
            torch.nn.init.zeros_(layer.bias)

    def initialize(self) -> None:
        """The first weights of all layers; a constructor's last line. · 初始化全部权重。"""
        for layer in self.modules():
            self.draw(layer)


def is_small(stem: str) -> bool:
    """Whether the stem is the one for small images. · 是否为小图像的主干入口。

    Raises `UserError` for an unknown one.

    >>> is_small("cifar"), is_small("imagenet")
    (True, False)
    """
    if stem not in STEMS:
        raise unknown("stem", stem, STEMS)
    return stem == "cifar"


def make_divisible(width: float, divisor: int = 8, least: int | None = None) -> int:
    """The multiple of the divisor nearest to a width, never below 0.9 of it. · 通道数取整到倍数。

    Source: Sandler et al. 2018, arXiv:1801.04381, in the code published with it.

    >>> make_divisible(32 * 1.2), make_divisible(12, 8), make_divisible(3)
    (40, 16, 8)
    """
    rounded = max(least or divisor, int(width + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * width else rounded


def adapt_channels(weight: Tensor, in_channels: int) -> Tensor:
    """A first convolution's weight for images of other channels: colours count as before, as a whole. · 适配输入通道。

    weight [O, C, k, k] → [O, in_channels, k, k]: summed for one channel, else repeated and scaled by C / in_channels.

    >>> rgb = torch.tensor([1.0, 2.0, 3.0]).reshape(1, 3, 1, 1)
    >>> adapt_channels(rgb, 1).flatten().tolist(), adapt_channels(rgb, 6).flatten().tolist()
    ([6.0], [0.5, 1.0, 1.5, 0.5, 1.0, 1.5])
    """
    channels = weight.shape[1]
    if in_channels == 1:
        return weight.sum(1, keepdim=True)
    return weight[:, torch.arange(in_channels) % channels] * (channels / in_channels)
