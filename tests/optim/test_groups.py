"""Weight decay on weights, and on nothing else."""

import pytest
import torch
from torch import nn

from chainrule.errors import UserError
from chainrule.optim import SGD, param_groups


class Scale(nn.Module):
    def __init__(self):
        super().__init__()
        self.gain = nn.Parameter(torch.ones(4))
        self.temperature = nn.Parameter(torch.ones(()))


def network():
    return nn.ModuleDict(
        {
            "conv": nn.Conv2d(3, 4, 3),
            "batch": nn.BatchNorm2d(4),
            "layer": nn.LayerNorm([4, 5, 5]),
            "group": nn.GroupNorm(2, 4),
            "line": nn.Linear(4, 3),
            "attend": nn.MultiheadAttention(4, 2, add_bias_kv=True),
            "recur": nn.LSTM(3, 4),
            "scale": Scale(),
        }
    )


def names(model, params):
    by_tensor = {id(θ): name for name, θ in model.named_parameters()}
    return {by_tensor[id(θ)] for θ in params}


def test_only_weights_decay():
    model = network()
    decaying, rest = param_groups(model, 0.1)
    assert (decaying["weight_decay"], rest["weight_decay"]) == (0.1, 0.0)
    assert names(model, decaying["params"]) == {
        "conv.weight",
        "line.weight",
        "attend.in_proj_weight",
        "attend.out_proj.weight",
        "recur.weight_ih_l0",
        "recur.weight_hh_l0",
    }
    assert len(decaying["params"]) + len(rest["params"]) == len(list(model.parameters()))


def test_all_decay_when_asked():
    model = network()
    (group,) = param_groups(model, 0.1, decay="all")
    assert group["weight_decay"] == 0.1 and len(group["params"]) == len(list(model.parameters()))


def test_an_even_decay_takes_the_same_share_of_what_learns_fast_and_slowly():
    model = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    slow = dict.fromkeys(model[0].parameters(), 0.1)
    groups = param_groups(model, 0.5, decay="even", bias_lr=64.0, shares=slow)
    assert [group.get("factor", 1.0) for group in groups] == pytest.approx([1.0, 64.0, 6.4, 0.1])
    assert [group["weight_decay"] * group.get("factor", 1.0) for group in groups] == pytest.approx([0.5] * 4)
    before = [θ.detach().clone() for θ in model.parameters()]
    made = SGD([{**group, "lr": 0.01 * group.pop("factor", 1.0)} for group in groups], lr=0.01)
    for θ in model.parameters():
        θ.grad = torch.zeros_like(θ)
    made.step()
    for θ, old in zip(model.parameters(), before, strict=True):
        torch.testing.assert_close(θ.detach(), 0.995 * old)


def test_without_decay_there_is_one_group():
    (group,) = param_groups(network(), 0.0)
    assert group["weight_decay"] == 0.0


def test_frozen_parameters_stay_out_and_shared_ones_come_once():
    model = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    model[1].weight = model[0].weight
    model[0].bias.requires_grad_(False)
    decaying, rest = param_groups(model, 0.1)
    assert names(model, decaying["params"]) == {"0.weight"} and names(model, rest["params"]) == {"1.bias"}


def test_a_step_shrinks_weights_only():
    model = nn.Linear(2, 2)
    before = [θ.detach().clone() for θ in model.parameters()]
    made = SGD(param_groups(model, 0.5), lr=0.1)
    for θ in model.parameters():
        θ.grad = torch.zeros_like(θ)
    made.step()
    torch.testing.assert_close(model.weight.detach(), before[0] * (1 - 0.1 * 0.5))
    assert torch.equal(model.bias, before[1])


@pytest.mark.parametrize(
    ("model", "settings", "message"),
    [
        (nn.Linear(2, 2), {"decay": "weight"}, "unknown decay 'weight': expected one of .* did you mean weights"),
        (nn.Linear(2, 2), {"weight_decay": -1}, "weight_decay=-1: expected a number of at least 0"),
        (nn.ReLU(), {}, "ReLU has no trainable parameter"),
    ],
)
def test_bad_settings_give_one_line(model, settings, message):
    with pytest.raises(UserError, match=message):
        param_groups(model, **{"weight_decay": 0.1, **settings})


class Headed(nn.Module):
    head = "last"
    learns_until = {"first.bias": 0.5}

    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Conv2d(3, 4, 3), nn.Linear(4, 2)


def test_head_and_biases_have_rates_of_their_own():
    model = Headed()
    groups = param_groups(model, 0.1, head_lr=4.0, bias_lr=64.0)
    found = {id(θ): (g["weight_decay"], g.get("factor", 1.0), g.get("until", 1.0)) for g in groups for θ in g["params"]}
    assert found == {
        id(model.first.weight): (0.1, 1.0, 1.0),
        id(model.first.bias): (0.0, 64.0, 0.5),
        id(model.last.weight): (0.1, 4.0, 1.0),
        id(model.last.bias): (0.0, 4.0, 1.0),
    }
    assert groups[0]["params"] == [model.first.weight]  # the rate that a run tells is this one's


def test_a_network_that_names_no_head_has_no_rate_for_it():
    with pytest.raises(UserError, match="head_lr=4: Sequential does not say which layer is its head"):
        param_groups(nn.Sequential(nn.Linear(2, 3)), 0.0, head_lr=4.0)
