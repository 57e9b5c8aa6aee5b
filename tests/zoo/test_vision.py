"""What every network for images takes and gives, walked over all of them."""

import pytest
import torch

from chainrule.catalog import MODELS, build_model
from chainrule.errors import UserError
from chainrule.zoo.vision import Vision, adapt_channels, make_divisible

# the costliest are their smaller sisters' code, and take long to build
NAMES = [n for n, e in MODELS.items() if "stem" in e.options and (e.macs < 5e9 or n == "vgg11")]


def made(name, **options):
    with torch.device("meta"):
        return build_model(name, options).eval()


@pytest.mark.parametrize("name", NAMES)
def test_the_pyramid_has_one_map_a_resolution_finest_first(name):
    network = made(name)
    assert isinstance(network, Vision)
    maps = network.feature_maps(torch.zeros(1, *MODELS[name].size, device="meta"))
    sides = [m.shape[-1] for m in maps]
    assert len(sides) >= 3
    assert sides == sorted(set(sides), reverse=True)


@pytest.mark.parametrize("name", NAMES)
def test_small_images_of_other_channels_and_classes_with_a_head_that_can_be_replaced(name):
    network = made(name, stem="cifar", num_classes=7, in_channels=5)
    convolution = network.get_submodule(network.first)
    assert (convolution.kernel_size, convolution.stride, convolution.in_channels) == ((3, 3), (1, 1), 5)
    image = torch.zeros(2, 5, 32, 32, device="meta")
    assert network(image).shape == (2, 7)
    assert network.feature_maps(image)[0].shape[-1] == 32
    new = network.reset_head(3)
    assert new is network.get_submodule(network.head)
    assert (type(new).__module__, new.weight.device.type) == ("chainrule.nn.linear", "meta")
    assert network(image).shape == (2, 3)
    assert MODELS[name].input({"stem": "cifar", "in_channels": 5}) == (5, 32, 32)


@pytest.mark.parametrize("name", ["resnet8"])
def test_the_classifier_reads_the_last_map(name):
    torch.manual_seed(0)
    network = build_model(name).eval()
    x = torch.randn(2, 3, 32, 32)
    torch.testing.assert_close(network.fc(network.feature_maps(x)[-1].mean((2, 3))), network(x))


def test_a_head_without_classes_is_one_line():
    with pytest.raises(UserError, match="num_classes 0: expected at least one"):
        build_model("resnet8").reset_head(0)


def test_the_fan_of_a_grouped_convolution_counts_one_group():
    torch.manual_seed(0)
    network = Vision()
    for groups in (1, 8, 64):
        layer = torch.nn.Conv2d(64, 64 * 8, 3, groups=groups)
        network.draw(layer)
        deviation = (2 / (9 * 64 * 8 / groups)) ** 0.5
        assert layer.weight.std().item() == pytest.approx(deviation, rel=0.05)
        assert not layer.bias.any()


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 6])
def test_a_white_image_stays_white_in_other_channels(channels):
    weight = torch.ones(4, 3, 3, 3, dtype=torch.float64)
    adapted = adapt_channels(weight, channels)
    assert adapted.shape == (4, channels, 3, 3)
    torch.testing.assert_close(adapted.sum(1), weight.sum(1))


@pytest.mark.parametrize(
    ("narrow", "wide", "options"),
    [
        ("mobilenet_v1", "mobilenet_v1", {"width_mult": 2.0}),
        ("mobilenet_v2", "mobilenet_v2", {"width_mult": 2.0}),
        ("resnet50", "wide_resnet50_2", {}),
    ],
)
def test_Z01_a_wider_network_has_more_channels_and_maps_of_the_same_size(narrow, wide, options):
    found = []
    for network in (made(narrow), made(wide, **options)):
        layers = [m for m in network.modules() if isinstance(m, torch.nn.Conv2d) and m.kernel_size == (3, 3)]
        maps = network.feature_maps(torch.zeros(1, 3, 224, 224, device="meta"))
        found.append(([m.out_channels for m in layers], [m.shape[2:] for m in maps]))
    (before, small), (after, large) = found
    assert large == small
    assert [b / a for a, b in zip(before, after, strict=True)] == [2.0] * len(before)


@pytest.mark.parametrize(("width", "rounded"), [(8, 8), (11.9, 16), (12, 16), (91.2, 88), (3.2, 8), (90, 88), (79, 80)])
def test_widths_are_multiples_of_eight_and_not_below_nine_tenths(width, rounded):
    assert make_divisible(width) == rounded
    assert rounded % 8 == 0 and rounded >= 0.9 * width
