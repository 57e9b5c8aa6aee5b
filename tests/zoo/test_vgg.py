"""VGG against torchvision, its published facts and the paper's table (errata Z11)."""

import pytest
import torch

from chainrule.catalog import MODELS
from chainrule.zoo.vgg import VGG, vgg, vgg11, vgg16_bn

from .oracle import assert_described, assert_same_function, narrowed, theirs

NAMES = [name + norm for name in VGG for norm in ("", "_bn")]
QUICK = ("vgg11", "vgg13_bn")


@pytest.mark.parametrize("name", NAMES)
def test_parameters_macs_keys_and_shapes_are_torchvision_s(name):
    with torch.device("meta"):
        assert_described(vgg(name), MODELS[name].macs, name)


@pytest.mark.parametrize("name", [n if n in QUICK else pytest.param(n, marks=pytest.mark.slow) for n in NAMES])
def test_outputs_and_gradients_are_torchvision_s(name):
    torch.manual_seed(0)
    with torch.device("meta"):
        ours, oracle = vgg(name, num_classes=5), theirs(name, num_classes=5)
    assert_same_function(narrowed(ours), narrowed(oracle), torch.randn(3, 3, 32, 48))


@pytest.mark.slow
def test_the_same_seed_gives_torchvision_s_first_weights():
    torch.manual_seed(3)
    oracle = theirs("vgg11", num_classes=4)
    torch.manual_seed(3)
    ours = vgg11(num_classes=4)
    assert all(torch.equal(ours.state_dict()[key], value) for key, value in oracle.state_dict().items())


def test_the_name_counts_the_layers_with_weights():
    for name, plan in VGG.items():
        assert sum(isinstance(step, int) for step in plan) + 3 == int(name.removeprefix("vgg"))
        assert plan.count("M") == 5


def test_Z11_the_linear_layers_have_4096_units():
    with torch.device("meta"):
        layers = [m for m in vgg11().classifier if isinstance(m, torch.nn.Linear)]
        small = [m for m in vgg16_bn(num_classes=10, stem="cifar").classifier if isinstance(m, torch.nn.Linear)]
    assert [(m.in_features, m.out_features) for m in layers] == [(512 * 49, 4096), (4096, 4096), (4096, 1000)]
    assert [(m.in_features, m.out_features) for m in small] == [(512, 512), (512, 512), (512, 10)]
