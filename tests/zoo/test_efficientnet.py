"""EfficientNet B0–B7 and V2: the published scaling, torchvision's keys and numbers, stochastic depth (errata Z29)."""

import math

import pytest
import torch

from chainrule import nn
from chainrule.catalog import MODELS
from chainrule.learn.device import Device
from chainrule.learn.masks import Masks
from chainrule.learn.step import Form, Step
from chainrule.learn.supervised import Supervised
from chainrule.optim import by_name
from chainrule.zoo.blocks import FusedInvertedResidual, InvertedResidual, SqueezeExcitation
from chainrule.zoo.efficientnet import (
    B0,
    EFFICIENTNET,
    EfficientNet,
    Row,
    Variant,
    compound,
    efficientnet_b0,
)

from .oracle import assert_described, assert_same_function, facts, lively, meta, theirs, torchvision

B0_AND_DEEP = [pytest.param(n, marks=[pytest.mark.slow] if n != "efficientnet_b0" else []) for n in EFFICIENTNET]
TINY = Variant((Row(1, 3, 1, 8, 1), Row(4, 3, 2, 8, 3, fused=True), Row(6, 5, 2, 16, 2)), stem=8, last=32)


def tiny(dropout: float = 0.0, depth: float = 0.5) -> EfficientNet:
    torch.manual_seed(0)
    return EfficientNet(TINY, 3, 1, "cifar", dropout, depth)


@pytest.mark.parametrize("name", EFFICIENTNET)
def test_parameters_macs_keys_and_shapes_are_torchvisions(name):
    assert_described(meta(name), MODELS[name].macs, name)


@pytest.mark.parametrize("name", EFFICIENTNET)
def test_norms_dropout_and_stochastic_depth_are_torchvisions(name):
    network, known = meta(name), facts(name)
    norms = {(m.eps, m.momentum) for m in network.modules() if isinstance(m, nn.BatchNorm2d)}
    assert [list(pair) for pair in norms] == known["bn_eps_momentum"]
    assert [m.p for m in network.modules() if isinstance(m, nn.Dropout)] == known["dropout_p"]
    depths = [m for m in network.modules() if isinstance(m, nn.StochasticDepth)]
    assert [round(m.p, 6) for m in depths] == known["stochastic_depth_p"]
    assert {m.mode for m in depths} == {"row"}


@pytest.mark.parametrize("name", B0_AND_DEEP)
def test_outputs_and_gradients_are_torchvisions(name):
    torch.manual_seed(0)
    oracle = lively(theirs(name, num_classes=7))
    assert_same_function(MODELS[name].load()(num_classes=7), oracle, torch.randn(3, 3, 64, 64))


def test_rows_of_fused_and_other_blocks_are_torchvisions():
    torch.manual_seed(0)
    if torchvision() is None:
        pytest.skip("torchvision is not installed")
    from torchvision.models import efficientnet as peer

    widths = [TINY.stem, *(row.c for row in TINY.rows)]
    rows = [
        (peer.FusedMBConvConfig if row.fused else peer.MBConvConfig)(row.e, row.k, row.s, before, row.c, row.n)
        for before, row in zip(widths, TINY.rows, strict=False)
    ]
    oracle = lively(peer.EfficientNet(rows, 0.2, num_classes=7, last_channel=TINY.last))
    ours = EfficientNet(TINY, 7, 3, "imagenet", 0.2, 0.2)
    assert [(k, v.shape) for k, v in ours.state_dict().items()] == [
        (k, v.shape) for k, v in oracle.state_dict().items()
    ]
    assert_same_function(ours, oracle, torch.randn(3, 3, 32, 32))


def test_a_dropped_branch_is_what_torchvision_leaves_of_it():
    torch.manual_seed(0)
    oracle, ours = lively(theirs("efficientnet_b0", num_classes=7)), efficientnet_b0(num_classes=7)
    ours.load_state_dict(oracle.state_dict())
    for network in (ours, oracle):
        for layer in network.modules():
            if type(layer).__name__ == "StochasticDepth":
                layer.p = 1.0 if layer.p > 0.1 else 0.0  # of one kind or the other, so that nothing is drawn
            elif type(layer).__name__ == "Dropout":
                layer.p = 0.0
    x = torch.randn(2, 3, 64, 64)
    torch.testing.assert_close(ours.train()(x), oracle.train()(x), rtol=1e-4, atol=1e-5)


# ---- scaling --------------------------------------------------------------------------------------------------------


def test_Z29_the_rule_doubles_the_work_with_every_step():
    d, w, r = compound(1)
    assert (d, w, r) == (1.2, 1.1, 1.15)
    assert d * w**2 * r**2 == pytest.approx(2, rel=0.05)


def test_Z29_powers_of_alpha_and_beta_do_not_give_the_published_table():
    published = [(v.depth, v.width) for n, v in EFFICIENTNET.items() if n.startswith("efficientnet_b")]
    powers = [tuple(round(value, 1) for value in compound(phi)[:2]) for phi in range(8)]
    assert published == [
        (1.0, 1.0), (1.1, 1.0), (1.2, 1.1), (1.4, 1.2), (1.8, 1.4), (2.2, 1.6), (2.6, 1.8), (3.1, 2.0)
    ]  # fmt: skip
    assert powers == [
        (1.0, 1.0), (1.2, 1.1), (1.4, 1.2), (1.7, 1.3), (2.1, 1.5), (2.5, 1.6), (3.0, 1.8), (3.6, 1.9)
    ]  # fmt: skip
    by_powers = EfficientNet(Variant(B0, width=1.1, depth=1.2), 1000, 3, "imagenet", 0.2, 0.2)
    assert sum(p.numel() for p in by_powers.parameters()) == 9_109_994  # that is B2; B1 as published is
    assert sum(p.numel() for p in meta("efficientnet_b1").parameters()) == 7_794_184


@pytest.mark.parametrize(
    ("name", "stem", "head", "repeats"),
    [
        ("efficientnet_b0", 32, 1280, [1, 2, 2, 3, 3, 4, 1]),
        ("efficientnet_b1", 32, 1280, [2, 3, 3, 4, 4, 5, 2]),
        ("efficientnet_b2", 32, 1408, [2, 3, 3, 4, 4, 5, 2]),
        ("efficientnet_b3", 40, 1536, [2, 3, 3, 5, 5, 6, 2]),
        ("efficientnet_b4", 48, 1792, [2, 4, 4, 6, 6, 8, 2]),
        ("efficientnet_b5", 48, 2048, [3, 5, 5, 7, 7, 9, 3]),
        ("efficientnet_b6", 56, 2304, [3, 6, 6, 8, 8, 11, 3]),
        ("efficientnet_b7", 64, 2560, [4, 7, 7, 10, 10, 13, 4]),
    ],
)
def test_blocks_are_rounded_up_and_widths_to_eights(name, stem, head, repeats):
    network = meta(name)
    assert network.features[0][0].out_channels == stem
    assert network.classifier[1].in_features == head
    assert [len(stage) for stage in list(network.features)[1:-1]] == repeats


def test_Z27_efficientnet_squeezes_to_a_quarter_of_the_blocks_input():
    for stage in list(meta("efficientnet_b0").features)[1:-1]:
        for block in stage:
            (excite,) = (m for m in block.modules() if isinstance(m, SqueezeExcitation))
            assert excite.fc1.out_channels == block.block[0][0].in_channels // 4
            assert isinstance(excite.activation, nn.SiLU)
            assert isinstance(excite.scale_activation, nn.Sigmoid)


def test_v2_fuses_the_first_rows_and_has_no_squeeze_there():
    stages = list(meta("efficientnet_v2_s").features)[1:-1]
    assert [isinstance(stage[0], FusedInvertedResidual) for stage in stages] == [True] * 3 + [False] * 3
    kinds = [any(isinstance(m, SqueezeExcitation) for m in stage.modules()) for stage in stages]
    assert kinds == [False] * 3 + [True] * 3


def test_a_pyramid_for_small_and_for_large_images():
    maps = meta("efficientnet_b0").feature_maps(torch.empty(1, 3, 224, 224, device="meta"))
    assert [tuple(m.shape[1:]) for m in maps] == [
        (16, 112, 112),
        (24, 56, 56),
        (40, 28, 28),
        (112, 14, 14),
        (1280, 7, 7),
    ]
    small = meta("efficientnet_b0", stem="cifar").feature_maps(torch.empty(1, 3, 32, 32, device="meta"))
    assert [m.shape[-1] for m in small] == [32, 16, 8, 4]


def test_the_head_starts_uniform_as_published():
    torch.manual_seed(0)
    network = efficientnet_b0(num_classes=100)
    for layer in (network.classifier[1], network.reset_head(25)):
        bound = 1 / math.sqrt(layer.out_features)
        assert 0.99 * bound < layer.weight.abs().max() <= bound
        assert not layer.bias.any()


# ---- stochastic depth -----------------------------------------------------------------------------------------------


def test_Z29_the_chance_to_go_without_a_branch_grows_with_depth():
    chances = [m.stochastic_depth.p for m in tiny(depth=0.6).modules() if isinstance(m, InvertedResidual)]
    assert chances == pytest.approx([0.0, 0.1, 0.2, 0.3, 0.4, 0.5])


def test_Z29_a_sample_goes_by_the_branch_or_through_it_scaled():
    torch.manual_seed(0)
    block = [m for m in tiny(depth=0.6).modules() if isinstance(m, InvertedResidual)][3]
    assert block.joined
    block.train().stochastic_depth.mask = torch.tensor([1.0, 0.0]).reshape(2, 1, 1, 1)
    x = torch.randn(2, 8, 8, 8)
    out, branch = block(x), block.block(x)
    torch.testing.assert_close(out[0], x[0] + branch[0] / (1 - block.stochastic_depth.p))
    torch.testing.assert_close(out[1], x[1])
    block.eval()
    torch.testing.assert_close(block(x), x + block.block(x))


def stepped(form: Form, steps: range, model: EfficientNet, optimizer) -> list[float]:
    step = Step(model, Supervised("classification", tuple("abc")), optimizer, Device("cpu"), None, form)
    masks, losses = Masks(model, seed=0), []
    for t in steps:
        generator = torch.Generator().manual_seed(t)
        x, y = torch.randn(8, 1, 16, 16, generator=generator), torch.randint(0, 3, (8,), generator=generator)
        masks.lay(t, x, model)
        losses.append(step([(x, y)]).loss)
    return losses


def test_stochastic_depth_goes_on_bit_for_bit():
    model = tiny(dropout=0.2)
    optimizer = by_name("sgd")(model.parameters(), lr=0.05, momentum=0.9)
    whole = stepped(Form(), range(6), model, optimizer)
    first = tiny(dropout=0.2)
    begun = by_name("sgd")(first.parameters(), lr=0.05, momentum=0.9)
    losses = stepped(Form(), range(3), first, begun)
    torch.rand(99)  # what else was drawn meanwhile changes nothing
    second = tiny(dropout=0.2)
    second.load_state_dict(first.state_dict())
    resumed = by_name("sgd")(second.parameters(), lr=0.05, momentum=0.9)
    resumed.load_state_dict(begun.state_dict())
    assert losses + stepped(Form(), range(3, 6), second, resumed) == whole
    for key, value in model.state_dict().items():
        assert torch.equal(second.state_dict()[key], value), key


def test_masks_differ_from_block_to_block_and_from_step_to_step():
    model, x = tiny().train(), torch.zeros(64, 1, 16, 16)
    layers = [m for m in model.modules() if isinstance(m, nn.StochasticDepth) and m.p]
    masks, seen = Masks(model, seed=0), []
    for t in range(2):
        masks.lay(t, x, model)
        seen += [tuple(m.mask.flatten().tolist()) for m in layers if m.mask is not None]
    assert all(set(mask) <= {0.0, 1.0} and len(mask) == 64 for mask in seen)
    assert len(set(seen)) == len(seen) == 8


@pytest.mark.slow
@pytest.mark.parametrize("name", ["tiny", "mobilenet_v3_small", "efficientnet_b0"])
def test_a_whole_step_is_one_graph_and_equals_the_eager_one(name):
    from torch._dynamo.utils import counters

    def made():
        torch.manual_seed(0)
        return tiny(0.2) if name == "tiny" else MODELS[name].load()(num_classes=3, in_channels=1, stem="cifar")

    losses = []
    for form in (Form(), Form("one")):
        torch._dynamo.reset()
        counters.clear()
        model = made()
        losses.append(stepped(form, range(2), model, by_name("sgd")(model.parameters(), lr=0.01)))
    assert counters["stats"]["unique_graphs"] == 1
    assert not counters["graph_break"]
    assert losses[1] == pytest.approx(losses[0], rel=1e-3)
