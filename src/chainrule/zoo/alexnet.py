r"""AlexNet · AlexNet

symbols  x [N, C, 227, 227] (torchvision's: 224)   maps 55, 27, 13, 6 pixels wide   out [N, O]
note     Conv-ReLU-(norm)-(pool), five times, then three linear layers: about 60 million parameters; 1.2 million is the
         number of images (errata Z05). "Covd" in the notes' drawing is Conv (Z09)
note     pooling overlaps: windows of 3 in steps of 2; steps of 3, as the notes draw them, leave 2×2 of 6×6 pixels (Z06)
note     the notes draw one GPU's half of the net (Z07); the paper's whole is two towers that meet in the third
         convolution and the linear layers: a convolution in two groups is two that do not see each other (towers.py)
note     convolutions 2 to 5 keep the size (padding 2, 1, 1, 1); maps of 55 pixels need 227, the paper says 224 (Z08)
note     with ReLU a net of four layers reached 25 % training error six times as fast as with tanh (Z03); 15.3 % is the
         error of the whole net, and what dropout takes off is not told (Z04)
note     torchvision and the notes drop inputs of the first two linear layers, the paper drops their outputs (Z10)
"""

from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from .. import nn
from .vision import Vision, is_small


@dataclass(frozen=True)
class Plan:
    """Widths of the five convolutions and of the linear layers, and where the forms differ. · 各形式的差别。

    padding  of the first convolution
    pool     stride of the three poolings
    paper    two towers, response norms, dropout on outputs, the paper's first weights
    """

    widths: tuple[int, int, int, int, int]
    hidden: int
    padding: int = 0
    pool: int = 2
    paper: bool = False


ALEXNET = {
    "alexnet": Plan((64, 192, 384, 256, 256), 4096, padding=2),  # Krizhevsky 2014, figure 1, arXiv:1404.5997
    "alexnet_two_towers": Plan((96, 256, 384, 384, 256), 4096, paper=True),  # Krizhevsky et al. 2012, figure 2
    "alexnet_half": Plan((48, 128, 192, 192, 128), 2048),  # its upper half
    "alexnet_half_stride3": Plan((48, 128, 192, 192, 128), 2048, pool=3),  # as the notes write it
}
KERNELS, POOLED, TOWERS = (11, 5, 3, 3, 3), (0, 1, 4), (1, 2, 1, 2, 2)


class TowerNorm(nn.LocalResponseNorm):
    """Response norm in which the maps of one tower damp each other. · 塔内的局部响应归一化。

    x [N, C, H, W]. The paper's α is for the sum over the neighbours, torch's for their mean: α = 5 · 10⁻⁴.
    Source: Krizhevsky, Sutskever & Hinton 2012, section 3.3.

    >>> TowerNorm(towers=2)(torch.ones(1, 4, 1, 1)).shape
    torch.Size([1, 4, 1, 1])
    """

    def __init__(self, towers: int):
        super().__init__(size=5, alpha=5e-4, beta=0.75, k=2.0)
        self.towers = towers

    def forward(self, input: Tensor) -> Tensor:
        each = input.unflatten(1, (self.towers, -1)).flatten(0, 1)
        return super().forward(each).unflatten(0, (-1, self.towers)).flatten(1, 2)


class AlexNet(Vision):
    """Five convolutions and three linear layers. · 五个卷积层与三个线性层。

    plan  a row of the table

    Source: Krizhevsky, Sutskever & Hinton 2012, section 3, doi:10.1145/3065386.

    >>> AlexNet(ALEXNET["alexnet"], num_classes=7, stem="cifar").eval()(torch.zeros(1, 3, 32, 32)).shape
    torch.Size([1, 7])
    """

    head = "classifier.6"

    def __init__(
        self,
        plan: Plan,
        num_classes: int = 1000,
        in_channels: int = 3,
        stem: str = "imagenet",
        dropout: float = 0.5,
    ):
        super().__init__()
        self.plan, small = plan, is_small(stem)
        layers: list[torch.nn.Module] = []
        width = in_channels
        for i, out in enumerate(plan.widths):
            kernel, stride, padding = KERNELS[i], 1, KERNELS[i] // 2
            if i == 0:
                kernel, stride, padding = (3, 1, 1) if small else (11, 4, plan.padding)
            groups = TOWERS[i] if plan.paper else 1
            layers += [nn.Conv2d(width, out, kernel, stride, padding, groups=groups), nn.ReLU()]
            layers += [TowerNorm(2)] if plan.paper and i < 2 else []
            if i in POOLED:
                layers.append(nn.Identity() if small and i == 0 else nn.MaxPool2d(3, plan.pool))
            width = out
        self.features = nn.Sequential(*layers)
        side = 6 if plan.pool == 2 else 2
        self.avgpool = nn.AdaptiveAvgPool2d(side)
        hidden: list[torch.nn.Module] = []
        for into in (width * side**2, plan.hidden):
            block = [nn.Dropout(dropout), nn.Linear(into, plan.hidden), nn.ReLU()]
            hidden += [*block[1:], block[0]] if plan.paper else block
        self.classifier = nn.Sequential(*hidden, nn.Linear(plan.hidden, num_classes))
        if plan.paper:
            self.initialize()
            drawn = [m for m in self.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
            for index in (1, 3, 4, 5, 6):  # convolutions 2, 4, 5 and the hidden linear layers (section 5)
                torch.nn.init.ones_(drawn[index].get_parameter("bias"))

    def draw(self, layer: torch.nn.Module) -> None:
        """As torch draws them, as torchvision does; the paper's are N(0, 0.01²) with biases of 0 and 1."""
        if self.plan.paper and isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.normal_(layer.weight, std=0.01)
            torch.nn.init.zeros_(layer.get_parameter("bias"))


def build(
    name: str, num_classes: int = 1000, in_channels: int = 3, stem: str = "imagenet", dropout: float = 0.5
) -> AlexNet:
    """A network of the table. · 表中的 AlexNet。

    Raises `UserError` for an unknown stem. Source: the table's.

    >>> sum(p.numel() for p in build("alexnet_half").parameters())
    16630440
    """
    return AlexNet(ALEXNET[name], num_classes, in_channels, stem, dropout)


alexnet = partial(build, "alexnet")
alexnet_half = partial(build, "alexnet_half")
alexnet_half_stride3 = partial(build, "alexnet_half_stride3")
alexnet_two_towers = partial(build, "alexnet_two_towers")
