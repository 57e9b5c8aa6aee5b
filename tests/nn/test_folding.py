"""Batch norms folded into the layers before them: every family answers as before."""

import pytest
import torch

from chainrule import nn
from chainrule.catalog import MODELS, build_model
from chainrule.errors import UserError
from chainrule.nn.folding import fold_batch_norm, folded


def families():
    """The smallest model of each file of the zoo, and the ones whose blocks differ."""
    smallest: dict[str, str] = {}
    for name, entry in sorted(MODELS.items(), key=lambda item: item[1].parameters or 0):
        if "in_channels" in entry.options:
            smallest.setdefault(entry.target.partition(":")[0], name)
    more = ("vgg11_bn", "mobilenet_v3_large", "resnet50", "resnext50_32x4d", "efficientnet_v2_s")
    names = list(dict.fromkeys([*smallest.values(), *(name for name in more if name in MODELS)]))
    return [pytest.param(n, marks=[pytest.mark.slow] if (MODELS[n].parameters or 0) > 2e7 else []) for n in names]


def drawn(name, dtype):
    """A network in evaluation mode whose norms have seen a batch, so that its numbers keep their size."""
    options = {"num_classes": 10} | ({"stem": "cifar"} if "stem" in MODELS[name].options else {})
    with torch.random.fork_rng():
        torch.manual_seed(3)
        model = build_model(name, options).to(dtype)
        side = 32 if "stem" in MODELS[name].options else MODELS[name].size[1]
        for layer in model.modules():
            if isinstance(layer, torch.nn.BatchNorm2d):
                layer.momentum = 1.0
                torch.nn.init.uniform_(layer.weight, 0.5, 1.5)
                torch.nn.init.normal_(layer.bias, std=0.1)
        x = torch.randn(2, MODELS[name].size[0], side, side, dtype=dtype)
        with torch.no_grad():
            model.train()(x)
    return model.eval(), x


@torch.no_grad()
@pytest.mark.parametrize("name", families())
def test_the_folded_copy_answers_as_the_network(name):
    model, x = drawn(name, torch.float64)
    kept = {key: value.clone() for key, value in model.state_dict().items()}
    made, want = fold_batch_norm(model, x), model(x)
    assert float((made(x) - want).abs().max()) <= 1e-12 * max(1.0, float(want.abs().max()))
    pooled = name.startswith("airbench")  # its norms stand behind a pooling and stay
    assert any(isinstance(layer, torch.nn.BatchNorm2d) for layer in made.modules()) == pooled
    assert all(torch.equal(value, kept[key]) for key, value in model.state_dict().items())
    # In fp32 a deep network rounds more than 1e-6 by itself: folded it is as near to the truth.
    rounded = model.float()
    plain, folds = (float((m(x.float()) - want).abs().max()) for m in (rounded, fold_batch_norm(rounded, x.float())))
    assert folds <= 2 * plain + 1e-6


@torch.no_grad()
@pytest.mark.parametrize("groups", [1, 2, 8])
@pytest.mark.parametrize("bias", [True, False])
def test_one_layer_in_fp32(groups, bias):
    torch.manual_seed(0)
    layer, norm = nn.Conv2d(8, 16, 3, groups=groups, bias=bias), nn.BatchNorm2d(16).eval()
    norm.running_mean.normal_()
    norm.running_var.uniform_(0.5, 2)
    x = torch.randn(2, 8, 9, 9)
    want = norm(layer(x))
    made = fold_batch_norm(nn.Sequential(layer, norm), x)(x)
    assert float((made - want).abs().max()) <= 1e-6 * max(1.0, float(want.abs().max()))


def test_the_formula_by_hand():
    norm = nn.BatchNorm1d(2, eps=0.0)
    norm.running_mean.copy_(torch.tensor([1.0, 0.0]))
    norm.running_var.copy_(torch.tensor([4.0, 0.25]))
    weight, bias = folded(torch.tensor([[6.0], [1.0]]), torch.tensor([3.0, 0.0]), norm)
    assert (weight.tolist(), bias.tolist()) == ([[3.0], [2.0]], [1.0, 0.0])


def test_a_norm_behind_something_else_stays():
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.BatchNorm2d(4)).eval()
    made = fold_batch_norm(model, torch.randn(1, 3, 8, 8))
    assert isinstance(made[2], torch.nn.BatchNorm2d)


def test_a_layer_that_is_used_twice_stays():
    class Twice(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.norm = nn.Conv2d(3, 3, 3, padding=1), nn.BatchNorm2d(3)

        def forward(self, x):
            return self.norm(self.conv(self.conv(x)))

    model = Twice().eval()
    model.norm.running_var.fill_(4.0)
    assert isinstance(fold_batch_norm(model, torch.randn(1, 3, 8, 8)).norm, torch.nn.BatchNorm2d)


def test_an_output_that_others_read_too_is_refused():
    class Shared(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.norm = nn.Conv2d(3, 3, 3), nn.BatchNorm2d(3)

        def forward(self, x):
            y = self.conv(x)
            return self.norm(y) + y

    model = Shared().eval()
    model.norm.running_var.fill_(4.0)
    with pytest.raises(UserError, match="cannot be folded"):
        fold_batch_norm(model, torch.randn(1, 3, 8, 8))
