"""Torch's functional forms on lists that are kept from step to step: the same numbers, and never stale."""

import copy

import pytest
import torch

from chainrule.optim import OPTIMIZERS, RULES
from chainrule.optim.twin import Call

SHAPES = [(3, 4), (5,), (2, 3, 2)]
KEPT = [name for name, card in RULES.items() if card.parent and card.inherits]
OPTIONS = {
    "SGD": [{}, {"momentum": 0.9, "nesterov": True, "weight_decay": 0.1}],
    "Adam": [{}, {"amsgrad": True}],
    "RMSprop": [{}, {"momentum": 0.9, "centered": True}],
    "NAdam": [{"decoupled_weight_decay": True, "weight_decay": 0.1}],
}
ROWS = [(name, row) for name in KEPT for row in OPTIONS.get(name, [{}])]


def made(cls, seed=0, **options):
    g = torch.Generator().manual_seed(seed)
    return cls([torch.nn.Parameter(torch.randn(s, generator=g, dtype=torch.float64)) for s in SHAPES], **options)


def steps(optimizer, count, first=0):
    θs = [θ for group in optimizer.param_groups for θ in group["params"]]
    for t in range(first, first + count):
        g = torch.Generator().manual_seed(100 + t)
        for θ in θs:
            θ.grad = torch.randn(θ.shape, generator=g, dtype=torch.float64).to(θ)
        optimizer.step()
    return θs


def equal(a, b):
    return all(torch.allclose(x, y, rtol=1e-12, atol=1e-14) for x, y in zip(a, b, strict=True))


@pytest.mark.parametrize(("name", "options"), ROWS, ids=str)
def test_the_lists_are_kept_and_the_numbers_are_torchs(name, options):
    ours, theirs = made(OPTIMIZERS[name.lower()], **options), made(RULES[name].parent, **options)
    steps(ours, 2), steps(theirs, 2)
    assert ours._calls is not None and all(isinstance(kept, Call) for kept in ours._calls)
    before = ours._calls
    assert equal(steps(ours, 20, 2), steps(theirs, 20, 2))
    assert ours._calls is before


def new_rate(optimizer):
    optimizer.param_groups[0]["lr"] = 0.05


def no_gradient(optimizer):
    θ = optimizer.param_groups[0]["params"][1]
    θ.grad = None
    optimizer.step()


def other_state(optimizer):
    for state in optimizer.state.values():
        state["exp_avg"] = state["exp_avg"] * 0.5


def fresh_state(optimizer):
    optimizer.state.clear()


def other_option(optimizer):
    optimizer.param_groups[0]["betas"] = (0.5, 0.9)


def another_parameter(optimizer):
    optimizer.param_groups[0]["params"][0] = torch.nn.Parameter(torch.ones(3, 4, dtype=torch.float64))


def another_group(optimizer):
    optimizer.add_param_group({"params": [torch.nn.Parameter(torch.ones(2, dtype=torch.float64))], "lr": 0.1})


def loaded(optimizer):
    before = copy.deepcopy(optimizer.state_dict())
    steps(optimizer, 2, 50)
    optimizer.load_state_dict(before)


def single_precision(optimizer):
    for θ in optimizer.param_groups[0]["params"]:
        θ.grad, θ.data = None, θ.data.float()
    for state in optimizer.state.values():
        state |= {k: v.float() for k, v in state.items() if k != "step"}


@pytest.mark.parametrize(
    "change",
    [
        *(new_rate, no_gradient, other_state, fresh_state, other_option, another_parameter, another_group, loaded),
        single_precision,
    ],
)
def test_whatever_is_changed_between_two_steps_is_seen(change):
    ours, theirs = made(OPTIMIZERS["adam"]), made(torch.optim.Adam)
    steps(ours, 3), steps(theirs, 3)
    change(ours), change(theirs)
    pairs = zip(steps(ours, 5, 3), steps(theirs, 5, 3), strict=True)
    tolerance = 1e-6 if change is single_precision else 1e-12
    assert all(torch.allclose(a, b, rtol=tolerance, atol=tolerance) for a, b in pairs)


def test_a_choice_of_the_callers_is_left_to_torchs_class():
    ours = made(OPTIMIZERS["adam"], foreach=True)
    steps(ours, 3)
    assert ours._calls is None
