"""The table of layers: shapes, multiply-adds, memory and parameters, against sums done by hand."""

import pytest
import torch

from chainrule import nn
from chainrule.errors import UserError
from chainrule.look.layers import cost


def test_a_convolution_costs_k2_c_over_groups_o_h_w():
    network = nn.Sequential(nn.Conv2d(8, 12, 3, 2, 1, groups=4), nn.ReLU(), nn.Flatten(), nn.Linear(12 * 25, 7))
    found = cost(network, (8, 9, 10))
    convolution, relu, flat, linear = found.layers
    assert (convolution.takes, convolution.gives) == ((8, 9, 10), (12, 5, 5))
    assert convolution.macs == 9 * 8 // 4 * 12 * 25
    assert linear.macs == 12 * 25 * 7
    assert (relu.macs, flat.memory, relu.memory) == (0, 0, 4 * 12 * 25)
    assert found.macs == convolution.macs + linear.macs
    assert found.parameters == sum(p.numel() for p in network.parameters())


class Shared(torch.nn.Module):
    """One layer that runs twice, a weight with two owners, a product of no layer, a layer that never runs."""

    def __init__(self):
        super().__init__()
        self.never = nn.Linear(2, 2)
        self.one = nn.Linear(4, 4)
        self.other = nn.Linear(4, 4)
        self.other.weight = self.one.weight
        self.drop = nn.Dropout()

    def forward(self, x):
        x = self.drop(self.other(self.one(self.one(x))))
        return x @ x.mT


def test_what_runs_twice_counts_twice_and_what_is_shared_once():
    network = Shared()
    found = cost(network, (3, 4))
    rows = {row.path: row for row in found.layers}
    assert list(rows) == ["one", "other", "drop", "", "never"]
    assert rows["one"].macs == 2 * 3 * 4 * 4
    assert rows[""].macs == 3 * 4 * 3
    assert (rows["never"].macs, rows["never"].gives) == (0, ())
    assert found.parameters == sum(p.numel() for p in network.parameters()) == 16 + 4 + 4 + 6
    assert network.training and network.drop.training
    assert not network.one._forward_hooks


def test_the_meta_device_counts_the_same_without_computing():
    made = []
    for device in ("cpu", "meta"):
        with torch.device(device):
            made.append(cost(nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.MaxPool2d(2)), (3, 8, 8)))
    assert made[0] == made[1]


def test_another_input_is_one_line():
    with pytest.raises(UserError, match="the network does not take input of 5: RuntimeError"):
        cost(nn.Linear(4, 4), (5,))
