r"""The two towers of AlexNet on two devices · 双塔 AlexNet 分置两个设备

symbols  x [N, C, H, W]   out [N, O]
note     a tower holds half of what every layer gives; the towers exchange their halves in front of each layer that
         reads both: the third convolution and the linear layers
source   Krizhevsky, Sutskever & Hinton 2012, section 3.2, doi:10.1145/3065386
"""

import copy
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from .. import nn
from ..errors import UserError
from .alexnet import AlexNet, TowerNorm


class TwoTowers(torch.nn.Module):
    """AlexNet cut in two, each tower on a device of its own. · 两塔分置于两个设备的 AlexNet。

    whole    the network that is cut; it keeps its weights, the towers have copies
    devices  two; the last linear layer is on the first
    x [N, C, H, W], on any device; out [N, O], on the first. A tower that is moved later, by `to`, takes its data along.
    Raises `UserError` for other than two devices. Source: Krizhevsky, Sutskever & Hinton 2012, section 3.2.

    >>> from chainrule.zoo.alexnet import alexnet_two_towers
    >>> towers = TwoTowers(alexnet_two_towers(num_classes=4), devices=("cpu", "cpu"))
    >>> towers(torch.zeros(1, 3, 227, 227)).shape
    torch.Size([1, 4])
    """

    def __init__(self, whole: AlexNet, devices: Sequence[str | torch.device]):
        super().__init__()
        if isinstance(devices, str) or len(devices) != 2:
            raise UserError(f"devices {devices!r}: expected two, such as ('cuda:0', 'cuda:1')")
        self.first, self.second = (
            nn.Sequential(*(nn.Sequential(*(half(layer, tower) for layer in step)) for step in steps(whole))).to(device)
            for tower, device in enumerate(devices)
        )
        self.fc = copy.deepcopy(last(whole)).to(devices[0])

    def forward(self, x: Tensor) -> Tensor:
        for pair in zip(self.first, self.second, strict=True):
            first, second = (tower(x.to(next(tower.parameters()).device)) for tower in pair)
            x = torch.cat([first, second.to(first.device)], 1)
        return self.fc(x.to(self.fc.weight.device))

    @torch.no_grad()
    def join(self, whole: AlexNet) -> AlexNet:
        """Write both towers into one network, which is returned. · 将两塔的权重写回同一网络。"""
        for target, *halves in zip(weighted(whole)[:-1], weighted(self.first), weighted(self.second), strict=True):
            for name, parameter in target.named_parameters():
                parameter.copy_(torch.cat([part.get_parameter(name).to(parameter.device) for part in halves]))
        last(whole).load_state_dict(self.fc.state_dict())
        return whole


def weighted(model: torch.nn.Module) -> list[nn.Conv2d | nn.Linear]:
    """The layers with weights, in order. · 按顺序给出带权重的层。"""
    return [m for m in model.modules() if isinstance(m, nn.Conv2d | nn.Linear)]


def last(whole: AlexNet) -> nn.Linear:
    """The linear layer that gives the classes. · 输出类别的线性层。"""
    layer = weighted(whole)[-1]
    assert isinstance(layer, nn.Linear)
    return layer


def steps(whole: AlexNet) -> Iterator[list[torch.nn.Module]]:
    """The layers but the last, cut in front of each that reads both towers. · 在读取两塔之处切分各层。"""
    step: list[torch.nn.Module] = []
    for layer in (*whole.features, whole.avgpool, nn.Flatten(), *whole.classifier):
        if isinstance(layer, nn.Linear) or (isinstance(layer, nn.Conv2d) and layer.groups == 1):
            if step:
                yield step
            step = []
        step.append(layer)


def half(layer: torch.nn.Module, tower: int) -> torch.nn.Module:
    """A tower's part of a layer: its half of what the layer gives. · 一个塔所负责的半层。"""
    mine = copy.deepcopy(layer)
    if isinstance(mine, TowerNorm):
        mine.towers = 1
    if isinstance(mine, nn.Conv2d | nn.Linear):
        for name, parameter in list(mine.named_parameters()):
            setattr(mine, name, torch.nn.Parameter(parameter.detach().chunk(2)[tower].clone()))
    if isinstance(mine, nn.Conv2d):
        mine.out_channels, mine.in_channels = mine.weight.shape[:2]
        mine.groups = 1
    elif isinstance(mine, nn.Linear):
        mine.out_features = mine.weight.shape[0]
    return mine
