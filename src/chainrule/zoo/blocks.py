"""Blocks of the mobile networks · 移动端网络的基本块

symbols  x [N, C, H, W]   expanded width E   squeezed width S   out [N, O, ⌈H/stride⌉, ⌈W/stride⌉]
note     a width is a number of channels, never that of the image (errata Z01)
note     the narrow ends of an inverted residual are joined and its wide middle is not; its last convolution has no
         activation (errata Z22), and x is added iff the stride is 1 and O = C (Z23)
note     `stem="cifar"` leaves out the first two halvings, as ResNet's does: 32 pixels end as 4, not as 1
note     squeeze-and-excitation first narrows C → S, then widens S → C (Z26); who uses it says how narrow (Z27)
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from .. import nn
from .vision import Vision, is_small

Layer = Callable[..., torch.nn.Module]


class Conv2dNormActivation(nn.Sequential):
    """Convolution without bias, norm, activation: the map keeps its size but for the stride. · 卷积、归一化、激活。

    input [N, C, H, W], out [N, O, ⌈H/stride⌉, ⌈W/stride⌉]. `activation_layer=None` leaves the activation out.
    Keys as torchvision's: "0" the convolution, "1" the norm.

    >>> Conv2dNormActivation(3, 8, stride=2)(torch.zeros(1, 3, 5, 5)).shape
    torch.Size([1, 8, 3, 3])
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int = 3,
        stride: int = 1,
        groups: int = 1,
        norm_layer: Layer = nn.BatchNorm2d,
        activation_layer: Layer | None = nn.ReLU,
    ):
        padding = (kernel_size - 1) // 2
        super().__init__(
            nn.Conv2d(in_channels, out_channels, kernel_size, stride, padding, groups=groups, bias=False),
            norm_layer(out_channels),
            *([activation_layer()] if activation_layer else []),
        )


class SqueezeExcitation(torch.nn.Module):
    """Weighs each channel by what all channels hold on average. · 通道注意力：按全图均值为各通道加权。

    input [N, C, H, W], out as input, each channel times a number from 0 to 1. The linear layers are 1×1 convolutions.
    Source: Hu, Shen & Sun 2018, Squeeze-and-Excitation Networks, arXiv:1709.01507, eq. 2–4.

    >>> SqueezeExcitation(8, 2)(torch.ones(1, 8, 3, 3)).shape
    torch.Size([1, 8, 3, 3])
    """

    def __init__(
        self,
        input_channels: int,
        squeeze_channels: int,
        activation: Layer = nn.ReLU,
        scale_activation: Layer = nn.Sigmoid,
    ):
        super().__init__()
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc1 = nn.Conv2d(input_channels, squeeze_channels, 1)
        self.fc2 = nn.Conv2d(squeeze_channels, input_channels, 1)
        self.activation = activation()
        self.scale_activation = scale_activation()

    def forward(self, input: Tensor) -> Tensor:
        scale = self.activation(self.fc1(self.avgpool(input)))
        return self.scale_activation(self.fc2(scale)) * input


@dataclass(frozen=True)
class Shape:
    """What a block makes of the map it gets: widths in numbers of channels. · 一个块的形状：各处的通道数。"""

    inputs: int
    expanded: int
    outputs: int
    kernel: int
    stride: int
    squeezed: int = 0  # 0: no squeeze-and-excitation

    @property
    def joined(self) -> bool:
        """Whether the input is added to the output (errata Z23). · 是否有残差连接。"""
        return self.stride == 1 and self.inputs == self.outputs


@dataclass(frozen=True)
class Style:
    """The layers a block is made of. · 块所用的层。

    excite  made with (width, squeezed width): a squeeze-and-excitation
    depth   the chance that a sample of a training batch does without the branch; None: no such layer
    """

    norm_layer: Layer = nn.BatchNorm2d
    activation_layer: Layer = nn.ReLU
    excite: Layer = SqueezeExcitation
    depth: float | None = None


class InvertedResidual(torch.nn.Module):
    """Widen by 1×1, filter each channel, weigh the channels, narrow by 1×1. · 倒残差块：升维、逐通道卷积、加权、降维。

    The first 1×1 is left out where nothing is widened. `block` is the branch; keys as torchvision's MobileNetV3 and
    EfficientNet. Source: Sandler et al. 2018, arXiv:1801.04381, figure 3; with squeeze-and-excitation: Howard et al.
    2019, arXiv:1905.02244, figure 4.

    >>> InvertedResidual(Shape(8, 16, 12, kernel=5, stride=2, squeezed=4), Style())(torch.zeros(1, 8, 6, 6)).shape
    torch.Size([1, 12, 3, 3])
    """

    def __init__(self, shape: Shape, style: Style):
        super().__init__()
        self.joined = shape.joined
        self.block = nn.Sequential(*self.branch(shape, style))
        self.stochastic_depth = None if style.depth is None else nn.StochasticDepth(style.depth, "row")

    @staticmethod
    def branch(shape: Shape, style: Style) -> list[torch.nn.Module]:
        """The layers from the narrow input to the narrow output. · 分支中的各层。"""
        wide, norm, act = shape.expanded, style.norm_layer, style.activation_layer
        layers: list[torch.nn.Module] = []
        if wide != shape.inputs:
            layers += [Conv2dNormActivation(shape.inputs, wide, 1, norm_layer=norm, activation_layer=act)]
        layers += [Conv2dNormActivation(wide, wide, shape.kernel, shape.stride, wide, norm, act)]
        if shape.squeezed:
            layers += [style.excite(wide, shape.squeezed)]
        return [*layers, Conv2dNormActivation(wide, shape.outputs, 1, norm_layer=norm, activation_layer=None)]

    def forward(self, input: Tensor) -> Tensor:
        out = self.block(input)
        if not self.joined:
            return out
        return input + (out if self.stochastic_depth is None else self.stochastic_depth(out))


class FusedInvertedResidual(InvertedResidual):
    """One full k×k convolution for the 1×1 and the depthwise one: faster where channels are few. · 融合的倒残差块。

    Source: Tan & Le 2021, EfficientNetV2, arXiv:2104.00298, figure 2.

    >>> [len(FusedInvertedResidual(Shape(8, wide, 8, 3, 1), Style()).block) for wide in (8, 32)]
    [1, 2]
    """

    @staticmethod
    def branch(shape: Shape, style: Style) -> list[torch.nn.Module]:
        norm, act, wide = style.norm_layer, style.activation_layer, shape.expanded
        given = shape.outputs if wide == shape.inputs else wide
        first = Conv2dNormActivation(shape.inputs, given, shape.kernel, shape.stride, 1, norm, act)
        if wide == shape.inputs:
            return [first]
        return [first, Conv2dNormActivation(wide, shape.outputs, 1, norm_layer=norm, activation_layer=None)]


def strides(stem: str, published: Iterable[int]) -> list[int]:
    """The strides from the first convolution on; for small images without the first two halvings. · 各处的步幅。

    Raises `UserError` for an unknown stem.

    >>> strides("imagenet", (2, 1, 2, 2)), strides("cifar", (2, 1, 2, 2))
    ([2, 1, 2, 2], [1, 1, 1, 2])
    """
    left, found = 2 if is_small(stem) else 0, []
    for stride in published:
        found.append(1 if left and stride == 2 else stride)
        left -= bool(left and stride == 2)
    return found


class MobileNet(Vision):
    """What networks of such blocks share: `features`, the mean over space, `classifier`. · 这些网络的公共部分。

    The last linear layer is `classifier.1`, after dropout; linear layers start at N(0, 0.01²), as torchvision's.

    >>> network = MobileNet([Conv2dNormActivation(3, 8)], [nn.Dropout(0.2), nn.Linear(8, 5)])
    >>> network(torch.zeros(1, 3, 4, 4)).shape
    torch.Size([1, 5])
    """

    first = "features.0.0"
    head = "classifier.1"
    linear_std = 0.01

    def __init__(self, features: Iterable[torch.nn.Module], classifier: Iterable[torch.nn.Module]):
        super().__init__()
        self.features = nn.Sequential(*features)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Sequential(*classifier)
        self.initialize()
