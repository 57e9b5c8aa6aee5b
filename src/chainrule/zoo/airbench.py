r"""The network of the fastest CIFAR-10 trainings · 最快的 CIFAR-10 训练所用的网络

symbols  x [N, C, H, W]   patches [M, 4·C], 2×2 pixels in a row   V [4·C, 4·C] eigenvectors, λ [4·C] eigenvalues of
         patchesᵀ patches / M   whiten [8·C, C, 2, 2], rows ± v / √(λ + ε)   out [N, O]
note     no residuals: a convolution that starts as the identity (dirac) passes on what it gets
note     what its first layer does is computed from training images by `prepare`, before the first step, and never
         learned: the answers to 2×2 patches have no correlation and unit variance. Each stands there twice, with both
         signs, for the activation throws one sign away
note     the norms have no γ of their own (it stays 1). Their momentum is written 0.6 by the source, the share of what
         is *old*; torch's `momentum` is the share of what is *new*, hence 0.4
source   Jordan 2024, section 3, arXiv:2404.00498; whitening: Page 2019, "How to train your ResNet", part 8
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from .. import nn
from .vision import Vision


@dataclass(frozen=True)
class Plan:
    """One column of the table. · 表中的一列。

    widths    channels of the three groups of two convolutions
    momentum  share of the old running statistics that is kept
    scale     what the answers are multiplied by
    """

    widths: tuple[int, int, int]
    momentum: float = 0.6
    scale: float = 1 / 9


AIRBENCH = {
    "airbench94": Plan((64, 256, 256)),
    "airbench93": Plan((64, 128, 128)),
    "airbench_narrow": Plan((24, 64, 96)),  # ours, for a processor: an eighth of the multiply-adds
}
EPS = 5e-4  # of the whitening: what is nearly constant in all patches is not blown up
SEEN = 5000  # images that the whitening is computed from


def whitening(x: Tensor, side: int = 2, eps: float = EPS) -> Tensor:
    """Filters whose answers to the patches of x are uncorrelated and of unit variance. · 图块白化滤波器。

    x [N, C, H, W], returns [C·side², C, side, side], the direction of the largest variance first.

    >>> x = torch.randn(64, 1, 8, 8, generator=torch.Generator().manual_seed(0)).cumsum(-1)
    >>> answers = torch.nn.functional.conv2d(x, whitening(x, eps=0.0)).transpose(0, 1).flatten(1)
    >>> torch.allclose(answers @ answers.mT / answers.shape[1], torch.eye(4), atol=1e-4)
    True
    """
    patches = torch.nn.functional.unfold(x, side).transpose(1, 2).flatten(0, 1).double()
    λ, V = torch.linalg.eigh(patches.mT @ patches / len(patches))
    filters = (V / (λ + eps).sqrt()).mT.flip(0)
    return filters.reshape(-1, x.shape[1], side, side).to(x.dtype)


class Pair(torch.nn.Module):
    """Convolution, pooling, norm, GELU; convolution, norm, GELU. · 两次卷积，其间池化一次。

    x [N, I, H, W], out [N, O, H // 2, W // 2]. Source: Jordan 2024, listing 1, arXiv:2404.00498.

    >>> Pair(4, 8, 0.6)(torch.zeros(1, 4, 31, 31)).shape
    torch.Size([1, 8, 15, 15])
    """

    def __init__(self, inplanes: int, planes: int, momentum: float):
        super().__init__()
        norm = partial(nn.BatchNorm2d, planes, eps=1e-12, momentum=1 - momentum)
        self.conv1 = nn.Conv2d(inplanes, planes, 3, padding=1, bias=False)
        self.pool = nn.MaxPool2d(2)
        self.norm1 = norm()
        self.conv2 = nn.Conv2d(planes, planes, 3, padding=1, bias=False)
        self.norm2 = norm()
        self.activ = nn.GELU()
        for each in (self.norm1, self.norm2):
            each.weight.requires_grad_(False)

    def forward(self, x: Tensor) -> Tensor:
        x = self.activ(self.norm1(self.pool(self.conv1(x))))
        return self.activ(self.norm2(self.conv2(x)))


class Airbench(Vision):
    """Whitened patches, three pairs of convolutions, the largest answer of each channel. · 白化图块与三组卷积。

    plan  a column of the table   learns_until  parameter → the share of a run after which it stands still

    Source: Jordan 2024, section 3, arXiv:2404.00498.

    >>> Airbench(AIRBENCH["airbench_narrow"])(torch.zeros(2, 3, 32, 32)).shape
    torch.Size([2, 10])
    """

    first, head = "whiten", "fc"
    learns_until = {"whiten.bias": 3 / 8}  # three epochs of eight

    def __init__(self, plan: Plan, num_classes: int = 10, in_channels: int = 3):
        super().__init__()
        patch, widths = 4 * in_channels, plan.widths
        self.whiten = nn.Conv2d(in_channels, 2 * patch, 2)
        self.activ = nn.GELU()
        self.groups = nn.Sequential(
            *(Pair(i, o, plan.momentum) for i, o in zip((2 * patch, *widths), widths, strict=False))
        )
        self.maxpool = nn.AdaptiveMaxPool2d(1)
        self.fc = nn.Linear(widths[-1], num_classes, bias=False)
        self.scale = plan.scale
        self.initialize()
        self.whiten.weight.requires_grad_(False)
        assert self.whiten.bias is not None
        torch.nn.init.zeros_(self.whiten.bias)

    def trunk(self) -> Iterable[torch.nn.Module]:
        return [self.whiten, self.activ, *self.groups]

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.trunk():
            x = layer(x)
        return self.fc(self.maxpool(x).flatten(1)) * self.scale

    def draw(self, layer: torch.nn.Module) -> None:
        """As torch draws it; then the first I filters of a convolution copy its I inputs. · 前 I 个滤波器取恒等。"""
        if isinstance(layer, torch.nn.Conv2d) and layer.kernel_size[0] % 2:
            torch.nn.init.dirac_(layer.weight.data[: layer.in_channels])

    @torch.no_grad()
    def prepare(self, x: Tensor) -> None:
        """Set the first layer from images as training shows them, x [N, C, H, W]. · 由训练图像计算白化层。

        >>> network = Airbench(AIRBENCH["airbench_narrow"], in_channels=1)
        >>> network.prepare(torch.randn(8, 1, 32, 32))
        >>> torch.equal(network.whiten.weight[:4], -network.whiten.weight[4:])
        True
        """
        filters = whitening(x[:SEEN])
        self.whiten.weight.copy_(torch.cat([filters, -filters]))


def airbench(name: str, num_classes: int = 10, in_channels: int = 3) -> Airbench:
    """A network of the table, for images of 32 pixels. · 表中的网络，输入 32 像素。

    Source: Jordan 2024, section 3, arXiv:2404.00498.

    >>> sum(p.numel() for p in airbench("airbench94").parameters() if p.requires_grad)
    1971352
    """
    return Airbench(AIRBENCH[name], num_classes, in_channels)


airbench94, airbench93, airbench_narrow = (partial(airbench, name) for name in AIRBENCH)
