"""The fully-connected network and the small residual one."""

import pytest
import torch

from chainrule.errors import UserError
from chainrule.zoo.mlp import ACTIVATIONS, mlp
from chainrule.zoo.resnet import BasicBlock, resnet8


def test_an_mlp_is_linear_layers_with_activations_between():
    network = mlp(num_classes=3, in_features=4, hidden=(8, 5), activation="tanh", dropout=0.1)
    kinds = [type(layer).__name__ for layer in network]
    assert kinds == ["Flatten", "Linear", "Tanh", "Dropout", "Linear", "Tanh", "Dropout", "Linear"]
    assert sum(p.numel() for p in network.parameters()) == 4 * 8 + 8 + 8 * 5 + 5 + 5 * 3 + 3
    assert mlp(num_classes=3, in_features=4, hidden=())(torch.zeros(2, 4)).shape == (2, 3)


def test_an_unknown_activation_is_one_line():
    with pytest.raises(UserError, match=r"unknown activation 'rely': expected one of .*; did you mean relu"):
        mlp(activation="rely")


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_every_activation_learns(name):
    torch.manual_seed(0)
    network = mlp(num_classes=2, in_features=3, hidden=4, activation=name)
    network(torch.randn(5, 3)).sum().backward()
    assert all(p.grad is not None and bool(p.grad.isfinite().all()) for p in network.parameters())


def test_Z13_a_block_adds_what_it_was_given():
    torch.manual_seed(0)
    block = BasicBlock(4, 4).eval()
    assert block.downsample is None
    torch.nn.init.zeros_(block.bn2.weight)
    x = torch.randn(2, 4, 6, 6)
    torch.testing.assert_close(block(x), x.relu())


def test_Z14_every_convolution_is_followed_by_a_norm_and_has_no_bias():
    network = resnet8()
    convolutions = [m for m in network.modules() if isinstance(m, torch.nn.Conv2d)]
    norms = [m for m in network.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    assert len(convolutions) == len(norms) == 9
    assert all(m.bias is None for m in convolutions)


def test_resnet8_halves_the_image_twice():
    network, shapes = resnet8(), []
    for name in ("layer1", "layer2", "layer3"):
        getattr(network, name).register_forward_hook(lambda m, i, out: shapes.append(tuple(out.shape[1:])))
    assert network(torch.zeros(2, 3, 32, 32)).shape == (2, 10)
    assert shapes == [(16, 32, 32), (32, 16, 16), (64, 8, 8)]
