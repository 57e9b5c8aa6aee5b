"""AlexNet in its four forms, against torchvision, its published facts and the paper (errata Z05 to Z10)."""

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from chainrule import nn
from chainrule.catalog import MODELS
from chainrule.errors import UserError
from chainrule.look.flow import parts
from chainrule.zoo.alexnet import TowerNorm, alexnet, alexnet_half, alexnet_half_stride3, alexnet_two_towers
from chainrule.zoo.towers import TwoTowers, weighted

from .oracle import assert_described, assert_same_function, narrowed, theirs


def test_parameters_macs_keys_and_shapes_are_torchvision_s():
    with torch.device("meta"):
        assert_described(alexnet(), MODELS["alexnet"].macs, "alexnet")


def test_outputs_and_gradients_are_torchvision_s():
    torch.manual_seed(0)
    with torch.device("meta"):
        ours, oracle = alexnet(num_classes=5), theirs("alexnet", num_classes=5)
    assert_same_function(narrowed(ours), narrowed(oracle), torch.randn(2, 3, 95, 127))


def convolutions(network):
    return [m for m in network.modules() if isinstance(m, torch.nn.Conv2d)]


def sides(network, image=227):
    """Pixels of the maps behind the first convolution and the poolings, and features that the classifier reads."""
    found = []
    for layer in network.features:
        if isinstance(layer, torch.nn.MaxPool2d) or layer is network.features[0]:
            layer.register_forward_hook(lambda m, i, out: found.append(out.shape[-1]))
    network.classifier.register_forward_pre_hook(lambda m, i: found.append(i[0].shape[1]))
    network.eval()(torch.zeros(1, 3, image, image, device="meta"))
    return found


def first_over_last_delta(activation):
    """How large the delta is that reaches the first of twenty layers, beside the last one's; torch's first weights."""
    torch.manual_seed(0)
    layers = [nn.Linear(64, 64).double() for _ in range(20)]
    maps = [torch.randn(32, 64).double().requires_grad_()]
    for layer in layers:
        maps.append(activation(layer(maps[-1])))
    first, last = torch.autograd.grad(maps[-1].square().sum(), [maps[1], maps[-1]])
    return float(first.norm() / last.norm())


def test_Z03_a_rectifier_does_not_saturate_but_deltas_vanish_behind_it_all_the_same():
    """What the paper says is that four layers learn six times as fast with it; what it takes away is saturation."""
    x = torch.tensor([5.0, 20.0], requires_grad=True)
    assert torch.equal(torch.autograd.grad(nn.ReLU()(x).sum(), x)[0], torch.ones(2))
    assert torch.autograd.grad(nn.Tanh()(x).sum(), x)[0].max() < 1e-3
    assert first_over_last_delta(nn.ReLU()) < 1e-5
    assert first_over_last_delta(nn.Tanh()) > first_over_last_delta(nn.ReLU())


def test_Z04_a_sample_teaches_half_of_the_units_which_is_why_iterations_double():
    torch.manual_seed(0)
    whole = small()
    classifier = whole.classifier.train()
    hidden = next(m for m in classifier if isinstance(m, nn.Linear))
    halves = [m for m in classifier if isinstance(m, nn.Dropout)]
    assert [m.p for m in halves] == [0.5, 0.5]
    taught = torch.zeros(hidden.out_features)
    active = torch.zeros(hidden.out_features)
    for _ in range(200):
        features = torch.randn(1, hidden.in_features).double().relu()
        rows = torch.autograd.grad(classifier(features).square().sum(), hidden.weight)[0]
        taught += rows.any(1)
        active += hidden(features)[0] > 0
    assert taught.sum() / active.sum() == pytest.approx(0.5, abs=0.03)


def test_Z05_sixty_million_parameters():
    assert MODELS["alexnet"].parameters == 61_100_840
    assert MODELS["alexnet_two_towers"].parameters == 60_965_224


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (alexnet_half, [55, 27, 13, 6, 128 * 36]),
        (alexnet_two_towers, [55, 27, 13, 6, 256 * 36]),
        (alexnet_half_stride3, [55, 18, 6, 2, 512]),
    ],
)
def test_Z06_pooling_overlaps_or_takes_the_notes_steps(make, expected):
    with torch.device("meta"):
        network = make()
    assert sides(network) == expected
    pools = [m for m in network.features if isinstance(m, torch.nn.MaxPool2d)]
    assert {m.kernel_size for m in pools} == {3}
    assert {m.stride for m in pools} == {3 if make is alexnet_half_stride3 else 2}


def test_Z07_the_notes_draw_one_tower_of_the_whole():
    with torch.device("meta"):
        half, whole, third = (make() for make in (alexnet_half, alexnet_two_towers, alexnet))
    assert [m.out_channels for m in convolutions(half)] == [48, 128, 192, 192, 128]
    assert [m.out_channels for m in convolutions(whole)] == [96, 256, 384, 384, 256]
    assert [m.out_channels for m in convolutions(third)] == [64, 192, 384, 256, 256]
    assert [m.groups for m in convolutions(whole)] == [1, 2, 1, 2, 2]
    assert [m.out_features for m in half.classifier if isinstance(m, torch.nn.Linear)] == [2048, 2048, 1000]
    assert [m.out_features for m in whole.classifier if isinstance(m, torch.nn.Linear)] == [4096, 4096, 1000]
    assert sum(p.numel() for p in half.parameters()) == 16_630_440
    with torch.device("meta"):
        assert sum(p.numel() for p in alexnet_half_stride3().parameters()) == 8_241_832


def test_Z08_paddings_and_response_norms():
    with torch.device("meta"):
        network = alexnet_two_towers()
    assert [m.padding[0] for m in convolutions(network)] == [0, 2, 1, 1, 1]
    kinds = [type(m).__name__ for m in network.features]
    assert kinds[:8] == ["Conv2d", "ReLU", "TowerNorm", "MaxPool2d", "Conv2d", "ReLU", "TowerNorm", "MaxPool2d"]
    assert "TowerNorm" not in kinds[8:]


def test_Z08_a_response_norm_is_the_paper_s_sum_inside_one_tower():
    """b_i = a_i / (k + α Σ a_j²)^β over five neighbours, k = 2, α = 10⁻⁴, β = 0.75 (section 3.3)."""
    torch.manual_seed(0)
    a = 30 * torch.randn(2, 12, 3, 3, dtype=torch.float64)
    out = TowerNorm(2)(a)
    for i in range(12):
        tower = range(6) if i < 6 else range(6, 12)
        around = [j for j in range(i - 2, i + 3) if j in tower]
        expected = a[:, i] / (2 + 1e-4 * a[:, around].square().sum(1)) ** 0.75
        torch.testing.assert_close(out[:, i], expected, rtol=1e-10, atol=1e-12)


def test_Z09_the_drawing_says_conv_where_the_notes_say_covd():
    with torch.device("meta"):
        (whole,) = parts(alexnet_half(), (3, 227, 227))
    told = [(b.title, b.shape[0], b.times) for b in whole.boxes if b.kind == "conv"]
    assert told == [("11×11 conv", 48, 1), ("5×5 conv", 128, 1), ("3×3 conv", 192, 2), ("3×3 conv", 128, 1)]


def test_Z10_torchvision_drops_what_goes_in_and_the_paper_what_comes_out():
    with torch.device("meta"):
        kinds = {make: [type(m).__name__ for m in make().classifier] for make in (alexnet, alexnet_two_towers)}
    assert kinds[alexnet] == ["Dropout", "Linear", "ReLU"] * 2 + ["Linear"]
    assert kinds[alexnet_two_towers] == ["Linear", "ReLU", "Dropout"] * 2 + ["Linear"]


def small(**options):
    """The paper's net with narrow linear layers."""
    with torch.device("meta"):
        network = alexnet_two_towers(num_classes=5, **options)
    torch.manual_seed(0)
    return narrowed(network).double()


def grads(network):
    return {name: p.grad for name, p in network.named_parameters()}


@pytest.mark.parametrize("second", ["cpu", pytest.param("cuda", marks=pytest.mark.skipif(
    not torch.cuda.is_available(), reason="no second device"))])  # fmt: skip
def test_two_towers_apart_compute_what_the_whole_computes(second):
    whole = small(dropout=0.0)
    towers = TwoTowers(whole, ("cpu", second))
    assert {p.device.type for p in towers.second.parameters()} == {second}
    torch.manual_seed(1)
    x = torch.randn(2, 3, 95, 95, dtype=torch.float64)
    torch.testing.assert_close(towers(x), whole(x), rtol=1e-9, atol=1e-11)
    for network in (whole, towers):
        network(x).square().sum().backward()
    with torch.no_grad():
        for network in (whole, towers):
            for parameter in network.parameters():
                parameter.copy_(parameter.grad)
    joined = towers.join(small(dropout=0.0)).state_dict()
    for key, gradient in whole.state_dict().items():
        torch.testing.assert_close(joined[key], gradient, rtol=1e-8, atol=1e-10 * float(gradient.abs().max()))


@torch.no_grad()
def test_the_layers_of_a_tower_read_and_write_on_its_own_device():
    """Two devices that torch simulates: what is on which is its own account."""
    devices, seen = ("cuda:0", "cuda:1"), []
    with torch.device("meta"):
        towers = TwoTowers(alexnet_two_towers(num_classes=5), ("meta", "meta")).eval()
    with FakeTensorMode():
        for part, device in ((towers.first, 0), (towers.second, 1), (towers.fc, 0)):
            for module in part.modules():
                module.register_forward_hook(lambda m, x, out, own=device: seen.append((own, x[0].device, out.device)))
                for name, parameter in module.named_parameters(recurse=False):
                    there = torch.empty(parameter.shape, device=devices[device])
                    setattr(module, name, torch.nn.Parameter(there, requires_grad=False))
        assert towers(torch.empty(2, 3, 227, 227)).shape == (2, 5)
    assert {str(read) == str(wrote) == devices[own] for own, read, wrote in seen} == {True}
    assert len(seen) > 2 * len(weighted(towers.first))


def test_a_tower_holds_half_of_every_layer_and_sees_the_other_where_the_paper_says():
    towers = TwoTowers(small(), ("cpu", "cpu"))
    assert [len(step) for step in towers.first] == [8, 9, 3, 3]
    ins = [m.in_channels for m in weighted(towers.first) if isinstance(m, nn.Conv2d)]
    outs = [m.out_channels for m in weighted(towers.second) if isinstance(m, nn.Conv2d)]
    assert (ins, outs) == ([3, 48, 256, 192, 192], [48, 128, 192, 192, 128])
    assert {m.groups for m in weighted(towers.first) if isinstance(m, nn.Conv2d)} == {1}


@pytest.mark.parametrize("devices", ["cpu", ("cpu",), ("cpu",) * 3])
def test_other_than_two_devices_are_refused(devices):
    with pytest.raises(UserError, match="expected two, such as"):
        TwoTowers(small(), devices)


def test_the_paper_s_first_weights():
    torch.manual_seed(0)
    network = alexnet_two_towers(num_classes=100, stem="cifar")
    layers = weighted(network)
    assert [float(m.bias[0].detach()) for m in layers] == [0, 1, 0, 1, 1, 1, 1, 0]
    assert all(m.weight.std().item() == pytest.approx(0.01, rel=0.05) for m in layers)
