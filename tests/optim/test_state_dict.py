"""State goes to torch.optim and comes back, and a resumed optimizer does not know that it was stopped."""

import copy
import io

import pytest
import torch
from cases import apart, descend, flags_of, named, params, some

import chainrule
from chainrule.optim import OPTIMIZERS, RULES, pure

WITH_PARENT = [name for name, card in RULES.items() if card.parent]
SOME = [pytest.param(name, row, id=f"{name} {named(row)}") for name in WITH_PARENT for row in some(name)]
EVERY = [pytest.param(name, row, id=f"{name} {named(row)}") for name in RULES for row in some(name)]
GEARS = ("formula", "auto")


def values(optimizer):
    return [θ.detach().clone() for θ in optimizer.param_groups[0]["params"]]


def continued(cls, optimizer, **settings):
    """Another optimizer on copies of the parameters, continued from the state_dict as a file would give it."""
    made = cls(params(cls.__name__), **settings)
    with torch.no_grad():
        for θ, value in zip(made.param_groups[0]["params"], values(optimizer), strict=True):
            θ.copy_(value)
    file = io.BytesIO()
    torch.save(optimizer.state_dict(), file)
    file.seek(0)
    made.load_state_dict(torch.load(file, weights_only=True))
    return made


@pytest.mark.parametrize("gear", GEARS)
@pytest.mark.parametrize(("name", "settings"), SOME)
def test_from_torch_and_to_torch_in_the_middle(name, settings, gear):
    cls, parent = OPTIMIZERS[name.lower()], RULES[name].parent
    ours, theirs = cls(params(name), lr=0.01, **settings), parent(params(name), lr=0.01, **settings)
    with chainrule.gear(gear):
        descend(ours, 20)
        descend(theirs, 20)
        to_torch, to_ours = continued(parent, ours), continued(cls, theirs)
        descend(to_torch, 50, start=20)
        descend(to_ours, 50, start=20)
        descend(theirs, 50, start=20)
    assert apart(to_torch, theirs) <= 1e-12 and apart(to_ours, theirs) <= 1e-12


@pytest.mark.parametrize(("name", "settings"), SOME)
def test_the_same_keys_as_torch(name, settings):
    ours, theirs = OPTIMIZERS[name.lower()](params(name), **settings), RULES[name].parent(params(name), **settings)
    for gear in GEARS:
        with chainrule.gear(gear):
            descend(ours, 4)
        descend(theirs, 4)
        mine, torchs = ours.state_dict(), theirs.state_dict()
        assert mine["param_groups"] == torchs["param_groups"]
        assert {k: {n: (v.dtype, v.shape, v.device) for n, v in s.items()} for k, s in mine["state"].items()} == {
            k: {n: (v.dtype, v.shape, v.device) for n, v in s.items()} for k, s in torchs["state"].items()
        }


@pytest.mark.parametrize(("name", "flags"), [(n, f) for n in WITH_PARENT for f in (*flags_of(n), {})], ids=str)
def test_flags_of_torch_are_taken_over(name, flags):
    theirs = RULES[name].parent(params(name)[:3], **flags)
    ours = OPTIMIZERS[name.lower()](params(name)[:3])
    ours.load_state_dict(theirs.state_dict())
    keys = [key for key in theirs.param_groups[0] if key != "params"]
    assert {k: ours.param_groups[0][k] for k in keys} == {k: theirs.param_groups[0][k] for k in keys}


@pytest.mark.parametrize("gear", GEARS)
@pytest.mark.parametrize("stop", [1, 3, 20])
@pytest.mark.parametrize(("name", "settings"), EVERY)
def test_resumed_equals_uninterrupted_bit_for_bit(name, settings, stop, gear):
    cls = OPTIMIZERS[name.lower()]
    whole, half = cls(params(name), lr=0.01, **settings), cls(params(name), lr=0.01, **settings)
    with chainrule.gear(gear):
        descend(whole, 40)
        descend(half, stop)
        resumed = continued(cls, half)
        descend(resumed, 40 - stop, start=stop)
    assert apart(resumed, whole) == 0.0


@pytest.mark.parametrize(("name", "settings"), SOME)
def test_loaded_state_is_a_copy(name, settings):
    first, second = (
        OPTIMIZERS[name.lower()](params(name), **settings),
        OPTIMIZERS[name.lower()](params(name), **settings),
    )
    descend(first, 5)
    kept = copy.deepcopy(first.state_dict())
    second.load_state_dict(first.state_dict())
    descend(second, 5)
    now = first.state_dict()["state"]
    assert all(torch.equal(now[k][n], v) for k, s in kept["state"].items() for n, v in s.items())


@pytest.mark.parametrize("name", WITH_PARENT)
def test_copies_and_checkpoints_of_older_torch(name):
    made = OPTIMIZERS[name.lower()](params(name), **some(name)[1])
    descend(made, 5)
    twin = copy.deepcopy(made)
    descend(made, 5, start=5)
    descend(twin, 5, start=5)
    assert apart(made, twin) == 0.0


def test_a_momentum_buffer_of_none_is_no_buffer():
    """Older torch kept the key with None in it."""
    made, fresh = (OPTIMIZERS["sgd"](params(), momentum=0.9, dampening=0.3) for _ in range(2))
    state = made.state_dict()
    state["state"] = {index: {"momentum_buffer": None} for index in range(4)}
    made.load_state_dict(state)
    with chainrule.gear("formula"):
        descend(made, 5)
        descend(fresh, 5)
    assert apart(made, fresh) == 0.0


@pytest.mark.parametrize(("name", "settings"), SOME)
def test_gears_and_the_compiled_form_take_turns(name, settings):
    """All of them keep the same state, so a run may change its gear at any step."""
    mixed, theirs = OPTIMIZERS[name.lower()](params(name), lr=0.01, **settings), None
    theirs = RULES[name].parent(params(name), lr=0.01, **settings)
    descend(theirs, 20)
    for t in range(0, 20, 5):
        with chainrule.gear(GEARS[t % 2]):
            descend(mixed, 4, start=t)
        plan = pure(mixed)
        source = torch.Generator().manual_seed(t + 4)
        noise = [torch.randn(θ.shape, generator=source, dtype=θ.dtype) for θ in plan.params]
        plan.write([θ.detach().sin() + n for θ, n in zip(plan.params, noise, strict=True)])
    assert apart(mixed, theirs) <= 1e-12
