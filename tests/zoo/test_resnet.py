"""Residual networks against torchvision, its published facts and the papers' numbers (errata Z12 to Z19)."""

from functools import partial

import pytest
import torch
from torch.nn.functional import conv2d
from torch.utils.flop_counter import FlopCounterMode

from chainrule.catalog import MODELS
from chainrule.errors import UserError
from chainrule.zoo.resnet import (
    RESNET,
    RESNET_CIFAR,
    BasicBlock,
    Bottleneck,
    ZeroPadShortcut,
    resnet,
    resnet8,
    resnet18,
    resnet20,
    resnet50,
    resnet_cifar,
)

from .oracle import assert_described, assert_same_function, theirs


@pytest.mark.parametrize("name", RESNET)
def test_parameters_macs_keys_and_shapes_are_torchvision_s(name):
    with torch.device("meta"):
        assert_described(resnet(name), MODELS[name].macs, name)


QUICK = ("resnet18", "resnext50_32x4d")  # both blocks, with groups; the others are the same code, and take minutes


@pytest.mark.parametrize("name", [n if n in QUICK else pytest.param(n, marks=pytest.mark.slow) for n in RESNET])
def test_outputs_and_gradients_are_torchvision_s(name):
    torch.manual_seed(0)
    oracle = theirs(name, num_classes=5)
    assert_same_function(resnet(name, num_classes=5), oracle, torch.randn(2, 3, 33, 40))


@pytest.mark.parametrize("zero", [False, True])
def test_the_same_seed_gives_torchvision_s_first_weights(zero):
    torch.manual_seed(3)
    oracle = theirs("resnet18", num_classes=4, zero_init_residual=zero).state_dict()
    torch.manual_seed(3)
    ours = resnet18(num_classes=4, zero_init_residual=zero).state_dict()
    assert all(torch.equal(ours[key], value) for key, value in oracle.items())


# Facts of the reimplementations, parameters and millions of multiply-adds: shortcut A, shortcut B.
PUBLISHED = {
    "resnet20": (269_722, 40.55, 272_474, 40.81),
    "resnet32": (464_154, 68.9, 466_906, 69.1),
    "resnet44": (658_586, None, 661_338, None),
    "resnet56": (853_018, 125.5, 855_770, 125.8),
    "resnet110": (1_727_962, 252.9, 1_730_714, 253.2),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_cifar_networks_have_the_published_parameters_and_macs(name):
    a, macs_a, b, macs_b = PUBLISHED[name]
    for shortcut, parameters, macs in (("A", a, macs_a), ("B", b, macs_b)):
        with torch.device("meta"), FlopCounterMode(display=False) as counter, torch.no_grad():
            network = resnet_cifar(name, shortcut=shortcut).eval()
            network(torch.zeros(1, 3, 32, 32))
        assert sum(p.numel() for p in network.parameters()) == parameters
        if macs:  # published to a tenth, rounded from two digits
            assert counter.get_total_flops() / 2e6 == pytest.approx(macs, abs=0.055)


def test_the_number_in_the_name_counts_the_layers_with_weights():
    for name, plan in (RESNET | RESNET_CIFAR).items():
        per_block = {"basic": 2, "bottleneck": 3}[plan.block]
        assert f"net{2 + per_block * sum(plan.depths)}" in name or f"xt{2 + per_block * sum(plan.depths)}" in name


def test_shortcut_a_takes_every_second_pixel_and_pads_with_zeros():
    x = torch.randn(2, 4, 6, 6)
    out = ZeroPadShortcut(4, 8, 2)(x)
    assert torch.equal(out[:, 2:6], x[:, :, ::2, ::2])
    assert not out[:, :2].any() and not out[:, 6:].any()
    assert [type(m).__name__ for m in resnet20().modules()].count("ZeroPadShortcut") == 2


class NoShortcut(torch.nn.Module):
    def forward(self, x):
        return x.new_zeros(())


def first_over_last_gradient(norms: bool) -> float:
    """How large the delta is that reaches the first block, beside the last block's, in 56 layers without a shortcut."""
    torch.manual_seed(0)
    network = resnet_cifar("resnet56").double()
    blocks = [m for m in network.modules() if isinstance(m, BasicBlock)]
    for block in blocks:
        block.downsample = NoShortcut()
        if not norms:
            block.bn1 = block.bn2 = torch.nn.Identity()
            block.conv1.reset_parameters()  # as torch draws them: U(±1/√fan_in)
            block.conv2.reset_parameters()
    maps = [torch.randn(4, 16, 16, 16).double().requires_grad_()]
    for block in blocks:
        maps.append(block(maps[-1]))
    first, last = torch.autograd.grad(network.fc(maps[-1].mean((2, 3))).sum(), [maps[0], maps[-2]])
    return float(first.norm() / last.norm())


def test_Z12_gradients_of_a_deep_network_without_shortcuts_vanish_unless_normalised():
    """First weights and BN handled that already; what the sum repairs is degradation."""
    assert first_over_last_gradient(norms=False) < 1e-10
    assert first_over_last_gradient(norms=True) > 1


@pytest.mark.parametrize("block", [BasicBlock(8, 8), Bottleneck(32, 8)])
def test_Z13_a_block_that_gives_nothing_is_the_identity_behind_a_relu(block):
    torch.nn.init.zeros_(block.eval().last_norm.weight)
    x = torch.randn(2, block.conv1.in_channels, 5, 5)
    assert block.downsample is None
    torch.testing.assert_close(block(x), x.relu())


def test_Z13_the_projection_is_a_convolution_of_1_with_a_norm():
    convolution, norm = BasicBlock(8, 16, 2).downsample
    assert (convolution.kernel_size, convolution.stride, convolution.bias) == ((1, 1), (2, 2), None)
    assert isinstance(norm, torch.nn.BatchNorm2d)


@pytest.mark.parametrize("make", [resnet8, resnet18, resnet50])
def test_Z14_every_convolution_is_followed_by_a_norm_of_its_width(make):
    with torch.device("meta"):
        leaves = [m for m in make().modules() if isinstance(m, torch.nn.Conv2d | torch.nn.BatchNorm2d)]
    for convolution, norm in zip(leaves[::2], leaves[1::2], strict=True):
        assert convolution.bias is None
        assert convolution.out_channels == norm.num_features


def test_Z15_the_stride_is_on_the_3x3_or_as_in_the_paper_on_the_1x1():
    with torch.device("meta"):
        ours, paper = resnet50(), resnet50(stride_on_first=True)
    assert list(ours.state_dict()) == list(paper.state_dict())
    for network, strides in ((ours, (1, 2)), (paper, (2, 1))):
        for stage in (network.layer2, network.layer3, network.layer4):
            assert (stage[0].conv1.stride[0], stage[0].conv2.stride[0]) == strides
    x = torch.randn(1, 256, 8, 8)
    one, other = Bottleneck(256, 128, 2), Bottleneck(256, 128, 2, stride_on_first=True)
    other.load_state_dict(one.state_dict())
    assert one.eval()(x).shape == other.eval()(x).shape
    assert not torch.allclose(one(x), other(x))


def test_Z16_a_bottleneck_goes_from_256_over_128_to_512():
    block = Bottleneck(256, 128, 2)
    widths = [(c.in_channels, c.out_channels) for c in (block.conv1, block.conv2, block.conv3)]
    assert widths == [(256, 128), (128, 128), (128, 512)]


def test_Z17_the_first_stage_of_bottlenecks_projects_64_to_256_without_stride():
    with torch.device("meta"):
        shortcut = resnet50().layer1[0].downsample[0]
        assert resnet18().layer1[0].downsample is None
    assert (shortcut.in_channels, shortcut.out_channels, shortcut.stride) == (64, 256, (1, 1))


def test_Z18_cardinality_costs_what_the_plain_network_costs():
    plain, grouped = MODELS["resnet50"], MODELS["resnext50_32x4d"]
    assert abs(grouped.parameters / plain.parameters - 1) < 0.025
    assert abs(grouped.macs / plain.macs - 1) < 0.04


def test_Z19_the_drawn_branches_are_the_grouped_convolution():
    """32 branches 1×1,4 – 3×3,4 – 1×1,256 whose sum is added to the shortcut: one block with a grouped 3×3."""
    torch.manual_seed(0)
    block = Bottleneck(256, 64, groups=32, width_per_group=4).double().eval()
    for norm in (block.bn1, block.bn2):
        torch.nn.init.uniform_(norm.bias)
        torch.nn.init.uniform_(norm.running_var, 0.5, 2.0)
    x = torch.randn(2, 256, 7, 7, dtype=torch.float64)
    total = torch.zeros_like(x)
    for i in range(32):
        own = slice(4 * i, 4 * i + 4)
        total = total + branch(block, x, own)
    torch.testing.assert_close(block(x), (block.bn3(total) + x).relu(), rtol=1e-10, atol=1e-12)


def branch(block, x, own):
    """One of the branches as it is drawn, with its own slice of every weight and norm."""
    hidden = conv2d(x, block.conv1.weight[own])
    hidden = normed(block.bn1, hidden, own).relu()
    hidden = normed(block.bn2, conv2d(hidden, block.conv2.weight[own], padding=1), own).relu()
    return conv2d(hidden, block.conv3.weight[:, own])


def normed(norm, x, own):
    scale = norm.weight[own] / (norm.running_var[own] + norm.eps).sqrt()
    return (x - norm.running_mean[own, None, None]) * scale[:, None, None] + norm.bias[own, None, None]


def test_a_residual_that_starts_at_zero_makes_each_block_its_shortcut():
    network = resnet20(zero_init_residual=True)
    assert all(not m.last_norm.weight.any() for m in network.modules() if isinstance(m, BasicBlock))


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (partial(resnet18, stem="cifr"), "unknown stem 'cifr': expected one of imagenet, cifar; did you mean cifar?"),
        (partial(resnet20, shortcut="C"), "unknown shortcut 'C': expected one of A, B"),
    ],
)
def test_a_wrong_option_is_one_line(make, says):
    with pytest.raises(UserError) as caught:
        make()
    assert caught.value.lines == [says]
