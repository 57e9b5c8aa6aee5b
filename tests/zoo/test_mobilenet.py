"""MobileNet V1, V2 and V3: the papers' tables, torchvision's keys and numbers, and what the notes got wrong."""

import pytest
import torch

from chainrule import nn
from chainrule.catalog import MODELS
from chainrule.errors import UserError
from chainrule.zoo import mobilenet_v2
from chainrule.zoo.blocks import InvertedResidual, Shape, SqueezeExcitation, Style, strides
from chainrule.zoo.mobilenet_v1 import mobilenet_v1
from chainrule.zoo.mobilenet_v2 import MOBILENET_V2
from chainrule.zoo.mobilenet_v3 import MOBILENET_V3, mobilenet_v3_large, mobilenet_v3_small, squeezed

from .oracle import assert_described, assert_same_function, lively, meta, theirs

PAIRS = ("mobilenet_v2", "mobilenet_v3_large", "mobilenet_v3_small")


@pytest.mark.parametrize("name", PAIRS)
def test_parameters_macs_keys_and_shapes_are_torchvisions(name):
    assert_described(meta(name), MODELS[name].macs, name)


@pytest.mark.parametrize("name", PAIRS)
def test_outputs_and_gradients_are_torchvisions(name):
    torch.manual_seed(0)
    oracle = lively(theirs(name, num_classes=7))
    ours = MODELS[name].load()(num_classes=7)
    assert_same_function(ours, oracle, torch.randn(3, 3, 64, 64))


@pytest.mark.parametrize("width", [0.25, 0.5, 1.4])
def test_the_width_multiplier_is_torchvisions(width):
    ours = meta("mobilenet_v2", width_mult=width)
    with torch.device("meta"):
        oracle = theirs("mobilenet_v2", width_mult=width)
    assert [(k, v.shape) for k, v in ours.state_dict().items()] == [
        (k, v.shape) for k, v in oracle.state_dict().items()
    ]


def test_the_head_of_v2_never_gets_narrower():
    assert meta("mobilenet_v2", width_mult=0.25).classifier[1].in_features == 1280
    assert meta("mobilenet_v2", width_mult=1.5).classifier[1].in_features == 1920


@pytest.mark.parametrize(
    ("width", "millions", "macs"), [(1.0, 4.2, 569), (0.75, 2.6, 325), (0.5, 1.3, 149), (0.25, 0.5, 41)]
)
def test_v1_has_the_papers_sizes_at_every_width(width, millions, macs):
    """Howard et al. 2017, table 6: million multiply-adds and million parameters."""
    network, found = meta("mobilenet_v1", width_mult=width), 0

    def count(layer, _args, out):
        nonlocal found
        found += out.numel() * layer.weight[0].numel()

    for layer in network.modules():
        if isinstance(layer, torch.nn.Conv2d | torch.nn.Linear):
            layer.register_forward_hook(count)
    network(torch.empty(1, 3, 224, 224, device="meta"))
    assert round(sum(p.numel() for p in network.parameters()) / 1e6, 1) == millions
    assert round(found / 1e6) == macs


def test_v1_has_28_layers_and_the_papers_maps():
    """Table 1: 13 separable pairs behind the stem, then the linear layer; a pyramid from 112 pixels to 7."""
    network = meta("mobilenet_v1")
    layers = [m for m in network.modules() if isinstance(m, torch.nn.Conv2d | torch.nn.Linear)]
    assert len(layers) == 28
    assert not [m for m in network.modules() if isinstance(m, torch.nn.ReLU6)]
    maps = network.feature_maps(torch.empty(1, 3, 224, 224, device="meta"))
    assert [tuple(m.shape[1:]) for m in maps] == [
        (64, 112, 112),
        (128, 56, 56),
        (256, 28, 28),
        (512, 14, 14),
        (1024, 7, 7),
    ]


@pytest.mark.parametrize("name", ["mobilenet_v1", *PAIRS])
def test_small_images_are_halved_three_times_instead_of_five(name):
    small = meta(name, stem="cifar", num_classes=10, in_channels=1)
    maps = small.feature_maps(torch.empty(2, 1, 32, 32, device="meta"))
    assert [m.shape[-1] for m in maps] == [32, 16, 8, 4]
    assert [(k, v.shape) for k, v in small.state_dict().items()] == [
        (k, v.shape) for k, v in meta(name, num_classes=10, in_channels=1).state_dict().items()
    ]
    with pytest.raises(UserError, match=r"unknown stem 'cifra'.*did you mean cifar"):
        meta(name, stem="cifra")


@pytest.mark.parametrize("name", ["mobilenet_v1", *PAIRS])
def test_a_new_head_is_the_last_linear_layer(name):
    network = MODELS[name].load()(num_classes=10, width_mult=0.25, stem="cifar").eval()
    network.reset_head(4)
    assert network(torch.zeros(1, 3, 32, 32)).shape == (1, 4)


# ---- first weights --------------------------------------------------------------------------------------------------


def test_a_depthwise_convolution_starts_with_the_fan_of_its_own_channel():
    """One input reaches k² outputs of its own channel, not k² of every channel: N(0, 2/k²)."""
    torch.manual_seed(0)
    layers = [m for m in mobilenet_v1().modules() if isinstance(m, nn.Conv2d)]
    depthwise = torch.cat([m.weight.flatten() for m in layers if m.groups > 1])
    assert depthwise.var().item() == pytest.approx(2 / 9, rel=0.03)
    assert depthwise.mean().item() == pytest.approx(0, abs=0.01)
    pointwise = [m for m in layers if m.kernel_size == (1, 1)]
    for layer in pointwise:
        assert layer.weight.var().item() == pytest.approx(2 / layer.out_channels, rel=0.1)


def test_torchvisions_fan_forgets_the_groups():
    torch.manual_seed(0)
    oracle = theirs("mobilenet_v2")
    layer = oracle.features[17].conv[1][0]
    assert layer.groups == 960
    assert layer.weight.var().item() == pytest.approx(2 / (9 * 960), rel=0.1)


# ---- the notes ------------------------------------------------------------------------------------------------------


def test_Z20_relu_loses_what_lies_in_few_channels():
    """Sandler et al. 2018, figure 1: a curve in a plane, put into n channels, through ReLU, and back at best."""
    generator = torch.Generator().manual_seed(0)
    turn = torch.linspace(0, 6 * torch.pi, 400, dtype=torch.float64)
    curve = torch.stack([turn.cos(), turn.sin()], 1) * turn[:, None] / (6 * torch.pi)

    def lost(channels: int) -> float:
        errors = []
        for _ in range(20):
            into = torch.randn(2, channels, generator=generator, dtype=torch.float64)
            kept = (curve @ into).relu()
            back = torch.linalg.lstsq(kept, curve, driver="gelsd").solution
            errors.append(float((kept @ back - curve).norm() / curve.norm()))
        return sum(errors) / len(errors)

    few, some, many = lost(2), lost(5), lost(30)
    assert few > 0.4
    assert few > some > many
    assert many < 0.01


def test_Z20_fresh_depthwise_kernels_are_not_zero():
    torch.manual_seed(0)
    layers = [m for m in mobilenet_v1().modules() if isinstance(m, nn.Conv2d) and m.groups > 1]
    assert all((m.weight.abs().amax((1, 2, 3)) > 0.1).all() for m in layers)


def test_Z21_one_kernel_joins_all_channels_to_one_and_a_depthwise_one_sees_its_own():
    full, depthwise = nn.Conv2d(3, 1, 3, padding=1), nn.Conv2d(3, 3, 3, padding=1, groups=3)
    assert full.weight.shape == (1, 3, 3, 3)
    assert depthwise.weight.shape == (3, 1, 3, 3)
    for layer, seen in ((full, [True] * 3), (depthwise, [False, True, False])):
        x = torch.randn(1, 3, 5, 5, requires_grad=True)
        layer(x)[0, layer.out_channels // 2, 2, 2].backward()
        assert [bool(g.any()) for g in x.grad[0]] == seen


@pytest.mark.parametrize(
    "block",
    [
        mobilenet_v2.InvertedResidual(8, 8, 1, 6).conv,
        InvertedResidual(Shape(8, 16, 8, 3, 1, 4), Style(activation_layer=nn.Hardswish)).block,
    ],
)
def test_Z22_the_last_convolution_of_a_block_is_linear(block):
    torch.manual_seed(0)
    kinds = [type(m) for m in block.modules() if not list(m.children())]
    assert kinds[-2:] == [nn.Conv2d, nn.BatchNorm2d]
    assert block(torch.randn(2, 8, 6, 6)).min() < -0.5


@pytest.mark.parametrize(("stride", "out", "joined"), [(1, 8, True), (2, 8, False), (1, 12, False), (2, 12, False)])
def test_Z23_the_input_is_added_iff_the_stride_is_1_and_the_widths_agree(stride, out, joined):
    torch.manual_seed(0)
    x = torch.randn(2, 8, 6, 6)
    v2 = mobilenet_v2.InvertedResidual(8, out, stride, 6).eval()
    v3 = InvertedResidual(Shape(8, 16, out, 5, stride, 4), Style()).eval()
    for block, branch in ((v2, v2.conv), (v3, v3.block)):
        expected = branch(x) + x if joined else branch(x)
        torch.testing.assert_close(block(x), expected)


def test_Z24_channels_grow_and_only_the_first_block_of_a_row_has_the_stride():
    widths = [row.c for row in MOBILENET_V2]
    assert widths == sorted(widths) == [16, 24, 32, 64, 96, 160, 320]
    blocks = [m for m in meta("mobilenet_v2").features if isinstance(m, mobilenet_v2.InvertedResidual)]
    for row in MOBILENET_V2:
        of_row, blocks = blocks[: row.n], blocks[row.n :]
        depthwise = [next(m for m in b.modules() if getattr(m, "groups", 1) > 1) for b in of_row]
        assert [m.stride[0] for m in depthwise] == [row.s] + [1] * (row.n - 1)
        assert len(of_row[0].conv) == (3 if row.t == 1 else 4)  # t = 1: no 1×1 that would widen
    assert not blocks


@pytest.mark.parametrize(("side", "half"), [(7, 4), (8, 4), (1, 1)])
def test_Z25_a_stride_rounds_up(side, half):
    block = InvertedResidual(Shape(4, 8, 4, 5, 2), Style()).eval()
    assert block(torch.zeros(1, 4, side, side)).shape[-2:] == (half, half)


def test_Z26_the_first_layer_squeezes_and_the_second_widens_to_a_hard_sigmoid():
    torch.manual_seed(0)
    block = next(m for m in mobilenet_v3_large().modules() if isinstance(m, SqueezeExcitation))
    assert (block.fc1.in_channels, block.fc1.out_channels) == (72, 24)
    assert (block.fc2.in_channels, block.fc2.out_channels) == (24, 72)
    assert isinstance(block.activation, nn.ReLU)
    assert isinstance(block.scale_activation, nn.Hardsigmoid)
    x = torch.randn(2, 72, 4, 4)
    by_hand = torch.nn.functional.hardsigmoid(block.fc2(block.fc1(x.mean((2, 3), keepdim=True)).relu()))
    torch.testing.assert_close(block(x), x * by_hand)


def test_Z26_linear_layers_and_1x1_convolutions_weigh_alike():
    torch.manual_seed(0)
    block = SqueezeExcitation(8, 2)
    x = torch.randn(3, 8, 5, 5)
    fc1, fc2 = nn.Linear(8, 2), nn.Linear(2, 8)
    with torch.no_grad():
        for linear, convolution in ((fc1, block.fc1), (fc2, block.fc2)):
            linear.weight.copy_(convolution.weight.flatten(1))
            linear.bias.copy_(convolution.bias)
    weights = fc2(fc1(x.mean((2, 3))).relu()).sigmoid()
    torch.testing.assert_close(block(x), x * weights[:, :, None, None])


@pytest.mark.parametrize(("exp", "width"), [(72, 24), (120, 32), (480, 120), (672, 168), (960, 240), (96, 24), (16, 8)])
def test_Z27_v3_squeezes_to_a_quarter_of_the_widened_width_in_eights(exp, width):
    assert squeezed(exp) == width


@pytest.mark.parametrize("name", MOBILENET_V3)
def test_Z28_each_row_says_whether_it_weighs_channels_and_by_which_nonlinearity(name):
    blocks = [m for m in meta(name).features if isinstance(m, InvertedResidual)]
    for row, block in zip(MOBILENET_V3[name], blocks, strict=True):
        kinds = [type(m) for m in block.modules()]
        assert (SqueezeExcitation in kinds) == row.se
        assert (nn.Hardswish in kinds) == (row.nl == "HS")
        assert (nn.ReLU in kinds) == (row.nl == "RE" or row.se)  # inside of squeeze-and-excitation it is always ReLU
        depthwise = next(m for m in block.modules() if isinstance(m, nn.Conv2d) and m.groups > 1)
        assert (depthwise.kernel_size[0], depthwise.stride[0], depthwise.groups) == (row.k, row.s, row.exp)


def test_Z28_the_weights_come_from_the_depthwise_map_and_go_back_onto_it():
    kinds = [type(m).__name__ for m in mobilenet_v3_small(width_mult=0.25).features[4].block]
    assert kinds == ["Conv2dNormActivation", "Conv2dNormActivation", "SqueezeExcitation", "Conv2dNormActivation"]


def test_strides_of_small_images_leave_out_two_halvings_and_no_more():
    assert strides("cifar", (2, 2, 2, 1, 2)) == [1, 1, 2, 1, 2]
