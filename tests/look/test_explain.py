"""Explanations whose answer is known: networks built by hand, and the same by torch's own derivatives."""

import numpy as np
import pytest
import torch

from chainrule import catalog, nn
from chainrule.errors import UserError
from chainrule.learn.supervised import Supervised
from chainrule.look.attribution import grad_cam, occlusion, saliency
from chainrule.look.explain import heat_of, spread
from chainrule.look.maps import input_deltas, last_maps, maps_and_deltas
from chainrule.look.overlay import blended

TASK = Supervised("classification", ("zero", "one"))


class Known(torch.nn.Module):
    """Two maps, the bright and the dark part of an image; their means are weighed: class activation maps."""

    def __init__(self, weight=((2.0, -1.0), (0.5, 3.0))):
        super().__init__()
        self.conv, self.act = nn.Conv2d(1, 2, 1, bias=False), nn.ReLU()
        self.pool, self.flat, self.out = nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2, 2, bias=False)
        with torch.no_grad():
            self.conv.weight.copy_(torch.tensor([1.0, -1.0]).reshape(2, 1, 1, 1))
            self.out.weight.copy_(torch.tensor(weight))

    def forward(self, x):
        return self.out(self.flat(self.pool(self.act(self.conv(x)))))


def picture(seed=0, side=6):
    torch.manual_seed(seed)
    return torch.randn(1, 1, side, side)


@pytest.mark.parametrize("place", [0, 1])
def test_with_mean_and_linear_layer_grad_cam_is_the_class_activation_map(place):
    """Zhou et al. 2016: L = ReLU(Σ w A) up to the number of places (Selvaraju et al. 2017, section 3.1)."""
    x, network = picture(), Known()
    bright, dark = x.clamp(min=0)[:, 0], (-x).clamp(min=0)[:, 0]
    w = network.out.weight[place].tolist()
    expected = (w[0] * bright + w[1] * dark).clamp(min=0) / 36
    found = heat_of(network, TASK, "gradcam", x, place, None)
    assert found.numpy() == pytest.approx(expected.detach().numpy(), abs=1e-7)
    assert last_maps(network, x) == "act"


def test_grad_cam_equals_the_derivative_by_weights_of_the_maps():
    """αₖ is by how much the score grows when map k is raised everywhere, so autograd finds it without δ."""
    network, x = catalog.build_model("resnet20", {"num_classes": 4}).eval(), torch.randn(1, 3, 32, 32)
    layer = last_maps(network, x)
    A, δ = maps_and_deltas(network, layer, x, lambda out: out[:, 2])
    raised = torch.zeros(A.shape[1], requires_grad=True)
    hook = dict(network.named_modules())[layer].register_forward_hook(lambda m, i, out: out + raised[:, None, None])
    (slope,) = torch.autograd.grad(network(x)[0, 2], raised)
    hook.remove()
    expected = torch.relu(torch.einsum("k,nkuv->nuv", slope / A[0, 0].numel(), A))
    assert grad_cam(A, δ).numpy() == pytest.approx(expected.numpy(), rel=1e-4, abs=1e-7)


def test_saliency_of_a_linear_network_is_its_weights():
    network = nn.Sequential(nn.Flatten(), nn.Linear(12, 2))
    found = heat_of(network, TASK, "saliency", torch.randn(1, 3, 2, 2), 1, None)
    assert torch.equal(found, network[1].weight[1].reshape(1, 3, 2, 2).abs().amax(1))


def test_guided_keeps_what_speaks_for_the_class_only():
    x, network = picture(3), Known(((2.0, -1.0), (0.0, 0.0)))
    plain = input_deltas(network, x, lambda out: out[:, 0])
    guided = input_deltas(network, x, lambda out: out[:, 0], guided=True)
    assert torch.equal(guided, torch.where(x > 0, plain, 0)) and bool((plain[x < 0] > 0).all())
    assert torch.equal(saliency(plain), plain.abs()[:, 0])
    assert torch.equal(input_deltas(network, x, lambda out: out[:, 0]), plain)  # the hooks are gone


def test_occlusion_finds_the_only_place_that_matters():
    x = torch.ones(1, 1, 8, 8)
    found = occlusion(lambda x: x[:, 0, 2, 5], x, side=2, stride=2, batch=3)
    expected = torch.zeros(1, 8, 8)
    expected[0, 2:4, 4:6] = 1
    assert torch.equal(found, expected)
    assert torch.equal(occlusion(lambda x: x.sum((1, 2, 3)), x, 3, 2), torch.full((1, 8, 8), 9.0))


@pytest.mark.parametrize(
    "name",
    [
        n
        for n in (
            "lenet5",
            "lenet1998",
            "alexnet",
            "vgg11",
            "resnet18",
            "resnet20",
            "mobilenet_v2",
            "mobilenet_v3_small",
            "efficientnet_b0",
        )
        if n in catalog.MODELS
    ],
)
def test_the_last_maps_of_our_networks_are_found(name):
    entry = catalog.MODELS[name]
    network = entry.load()(num_classes=3).eval()
    size = (entry.size[0], 64, 64) if entry.size[1] > 100 else entry.size
    x = torch.randn(1, *size)
    layer = last_maps(network, x)
    A, δ = maps_and_deltas(network, layer, x, lambda out: out[:, 1])
    assert A.ndim == 4 and A.shape == δ.shape and A.shape[-1] > 1
    assert "pool" not in type(dict(network.named_modules())[layer]).__name__.lower()
    assert grad_cam(A, δ).shape == (1, *A.shape[-2:])


def test_a_layer_may_change_its_input_in_place_and_be_used_twice():
    class Twice(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.act = torch.nn.Conv2d(1, 1, 1), torch.nn.ReLU(inplace=True)

        def forward(self, x):
            return self.act(self.conv(self.act(self.conv(x)))).mean((2, 3)).repeat(1, 2)

    x, network = picture(), Twice()
    A, δ = maps_and_deltas(network, "conv", x, lambda out: out[:, 0])
    with torch.no_grad():
        assert torch.equal(A, network.conv(network.act(network.conv(x))))
    assert torch.equal(δ, (A > 0) / 36)


class Aside(Known):
    """A layer that is there and is not used, one that is used for nothing, one that gives two."""

    def __init__(self):
        super().__init__()
        self.idle, self.vain, self.pair = nn.Conv2d(1, 1, 1), nn.Conv2d(1, 1, 1), Pair()

    def forward(self, x):
        self.vain(x), self.pair(x)
        return super().forward(x)


class Pair(torch.nn.Module):
    def forward(self, x):
        return x, x


@pytest.mark.parametrize(
    ("layer", "told"),
    [
        ("cnv", "expected one of conv, .*did you mean conv"),
        ("idle", "'idle' was not used: expected maps"),
        ("vain", "'vain': the answer does not depend on it"),
        ("pair", "'pair' gives no single tensor"),
        ("out", r"'out' gives \[1, 2\]: expected maps"),
    ],
)
def test_a_layer_that_cannot_explain_is_refused(layer, told):
    with pytest.raises(UserError, match=told):
        maps_and_deltas(Aside(), layer, picture(), lambda out: out[:, 0])


def test_a_network_without_maps_or_relu_is_refused():
    network = nn.Sequential(nn.Flatten(), nn.Linear(36, 2))
    with pytest.raises(UserError, match=r"has no maps of the image.*use --method saliency"):
        last_maps(network, picture())
    with pytest.raises(UserError, match="has no ReLU layer"):
        input_deltas(network, picture(), lambda out: out[:, 0], guided=True)


def test_heat_is_spread_over_the_image_and_none_stays_none():
    wide = spread(torch.tensor([[[0.0, 1.0], [0.0, 3.0]]]), (8, 8))
    assert wide.shape == (8, 8) and wide.max() == 1 and wide.min() >= 0
    assert (spread(torch.zeros(1, 2, 2), (4, 4)) == 0).all()


def test_more_heat_is_brighter():
    grey = np.full((1, 5, 3), 128, np.uint8)
    light = blended(grey, np.linspace(0, 1, 5)[None]).astype(int).sum(-1)[0]
    assert (np.diff(light) > 0).all()
