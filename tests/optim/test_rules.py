"""Every optimizer of the registry against torch's, over the whole grid of its documented options."""

import copy
import subprocess
import sys

import pytest
import torch
from cases import GRID, apart, descend, flags_of, named, names, options, params, some

import chainrule
from chainrule.errors import UserError
from chainrule.optim import OPTIMIZERS, RULES, by_name, pure, rule

WITH_PARENT = [name for name, card in RULES.items() if card.parent]
INHERITED = [name for name in WITH_PARENT if RULES[name].inherits]
ALL = [pytest.param(name, row, id=f"{name} {named(row)}") for name in WITH_PARENT for row in options(name)]
SOME = [pytest.param(name, row, id=f"{name} {named(row)}") for name in WITH_PARENT for row in some(name)]
GEARS = ("formula", "auto")


def build(name, settings, groups=None, dtype=torch.float64, lr=0.01):
    """Ours and torch's, on equal parameters of their own."""
    mine, theirs = params(name, dtype), params(name, dtype)
    return OPTIMIZERS[name.lower()](mine, lr=lr, **settings), RULES[name].parent(theirs, lr=lr, **settings)


def test_every_rule_has_a_grid():
    assert set(RULES) == set(GRID)
    for name in RULES:
        assert set(RULES[name].options) - {"lr"} <= names(name)


@pytest.mark.parametrize("gear", GEARS)
@pytest.mark.parametrize(("name", "settings"), ALL)
def test_200_steps_equal_torch(name, settings, gear):
    ours, theirs = build(name, settings)
    with chainrule.gear(gear):
        descend(ours, 200)
    descend(theirs, 200)
    assert apart(ours, theirs) <= 1e-12


@pytest.mark.parametrize("gear", GEARS)
@pytest.mark.parametrize(("name", "settings"), SOME)
def test_groups_have_options_of_their_own(name, settings, gear):
    def grouped(cls):
        a, b, c, d = params(name)
        made = cls([{"params": [a]}, {"params": [b, c], "lr": 0.1, "weight_decay": 0.3}], lr=0.01, **settings)
        made.add_param_group({"params": [d], "lr": 0.02})
        return made

    ours, theirs = grouped(OPTIMIZERS[name.lower()]), grouped(RULES[name].parent)
    with chainrule.gear(gear):
        descend(ours, 50)
    descend(theirs, 50)
    assert apart(ours, theirs) <= 1e-12


@pytest.mark.parametrize("gear", GEARS)
@pytest.mark.parametrize("lr", [torch.tensor(0.01), torch.tensor([0.01]), torch.tensor(0.01, dtype=torch.float64)])
@pytest.mark.parametrize(("name", "settings"), SOME)
def test_lr_as_a_tensor(name, settings, lr, gear):
    ours, theirs = build(name, settings, lr=lr.clone())
    with chainrule.gear(gear):
        descend(ours, 50)
    # Against a number of that value: torch's plain Adam rounds η/(1 − β₁ᵗ) to the type of a tensor lr, 1e-8 apart.
    theirs.param_groups[0]["lr"] = lr.item()
    descend(theirs, 50)
    assert apart(ours, theirs) <= 1e-12


@pytest.mark.parametrize("gear", GEARS)
@pytest.mark.parametrize(("name", "settings"), SOME)
def test_single_precision(name, settings, gear):
    ours, theirs = build(name, settings, dtype=torch.float32)
    with chainrule.gear(gear):
        descend(ours, 50)
    descend(theirs, 50)
    exact = RULES[name].parent(params(name), lr=0.01, **settings)
    descend(exact, 50)
    assert apart(ours, exact) <= 1.25 * apart(theirs, exact) + 1e-7  # as near to the fp64 truth as torch
    assert all(θ.dtype == torch.float32 for θ in ours.param_groups[0]["params"])


@pytest.mark.parametrize("gear", GEARS)
@pytest.mark.parametrize(("name", "settings"), [row for row in SOME if RULES[row.values[0]].takes is None])
def test_complex_parameters(name, settings, gear):
    ours, theirs = build(name, settings, dtype=torch.complex128)
    with chainrule.gear(gear):
        descend(ours, 50)
    descend(theirs, 50)
    assert apart(ours, theirs) <= 1e-12


@pytest.mark.parametrize(("name", "flags"), [(n, f) for n in WITH_PARENT for f in flags_of(n)], ids=str)
def test_a_form_that_the_caller_chose(name, flags):
    # Without filters: torch's fused kernels are wrong where gradients lie in another order, and the choice is obeyed.
    plain = {"foreach": False} if RULES[name].foreach else flags
    ours, theirs = OPTIMIZERS[name.lower()](params()[:3], **flags), RULES[name].parent(params()[:3], **plain)
    descend(ours, 50)
    descend(theirs, 50)
    assert apart(ours, theirs) <= 1e-12
    assert {key: ours.param_groups[0][key] for key in flags} == flags


@pytest.mark.parametrize("gear", GEARS)
@pytest.mark.parametrize("name", WITH_PARENT)
def test_auto_leaves_the_groups_as_they_were(name, gear):
    ours, theirs = build(name, {})
    with chainrule.gear(gear):
        descend(ours, 1)
    keys = [key for key in theirs.param_groups[0] if key != "params"]
    assert {k: ours.param_groups[0][k] for k in keys} == {k: theirs.param_groups[0][k] for k in keys}


@pytest.mark.parametrize("state_too", [False, True])
@pytest.mark.parametrize("name", WITH_PARENT)
def test_memory_order_never_changes_the_numbers(name, state_too):
    """Torch's fused kernels walk memory: with a gradient or a state in another order they would be silently wrong."""
    settings = some(name)[1]
    ours, theirs = build(name, {**settings})
    for made in (ours, theirs):
        filters = made.param_groups[0]["params"][3]
        for t in range(6):
            if t == 3 and state_too:  # as model.to(memory_format=…) does in the middle of a training
                filters.data = filters.data.contiguous()
            for θ in made.param_groups[0]["params"]:
                θ.grad = torch.randn(θ.shape, generator=torch.Generator().manual_seed(t), dtype=θ.dtype)
            made.step()
    assert apart(ours, theirs) <= 1e-12


@pytest.mark.parametrize("gear", GEARS)
@pytest.mark.parametrize("name", WITH_PARENT)
def test_expanded_gradients(name, gear):
    ours, theirs = build(name, some(name)[1])
    for made in (ours, theirs):
        for θ in made.param_groups[0]["params"]:
            θ.grad = torch.ones((), dtype=θ.dtype).expand(θ.shape)
    with chainrule.gear(gear):
        ours.step()
    theirs.step()
    assert apart(ours, theirs) <= 1e-12


@pytest.mark.parametrize("gear", GEARS)
@pytest.mark.parametrize("name", WITH_PARENT)
def test_closure_is_evaluated_with_gradients_and_its_loss_returned(name, gear):
    ours, theirs = build(name, {})
    losses = []
    for made in (ours, theirs):

        def closure(made=made):
            made.zero_grad()
            loss = sum((θ**2).sum() for θ in made.param_groups[0]["params"])
            loss.backward()
            return loss

        with chainrule.gear(gear), torch.no_grad():
            losses.append([made.step(closure).item() for _ in range(5)])
    assert losses[0] == pytest.approx(losses[1], abs=1e-12) and losses[0][-1] < losses[0][0]
    assert apart(ours, theirs) <= 1e-12


@pytest.mark.parametrize("gear", GEARS)
@pytest.mark.parametrize("name", WITH_PARENT)
def test_hooks_run_once(name, gear):
    ours, theirs = build(name, {})
    theirs.step()  # torch hooks its class at the first instance
    calls = []
    ours.register_step_pre_hook(lambda *_: calls.append("pre"))
    ours.register_step_post_hook(lambda *_: calls.append("post"))
    with chainrule.gear(gear):
        descend(ours, 1)
    assert calls == ["pre", "post"]


def test_differentiable_step():
    """The derivative of one step by the learning rate, through the step: −Σ g/(|g| + ε)."""

    def slope(cls):
        lr = torch.tensor(0.1, dtype=torch.float64, requires_grad=True)
        moved = torch.tensor([1.0, -2.0], dtype=torch.float64, requires_grad=True).clone()
        moved.retain_grad()
        moved.grad = torch.tensor([0.3, 0.7], dtype=torch.float64)
        cls([moved], lr=lr, differentiable=True).step()
        return torch.autograd.grad(moved.sum(), lr)[0].item()

    with chainrule.gear("formula"):
        assert slope(OPTIMIZERS["adam"]) == pytest.approx(-0.3 / (0.3 + 1e-8) - 0.7 / (0.7 + 1e-8), rel=1e-14)
    # torch's differentiable form corrects the bias in fp32; its own choice is left to it
    assert slope(OPTIMIZERS["adam"]) == slope(torch.optim.Adam)


@pytest.mark.parametrize("gear", GEARS)
@pytest.mark.parametrize("found_inf", [0.0, 1.0])
def test_gradient_scaler(gear, found_inf):
    """With fused=True torch's GradScaler leaves scale and verdict to the optimizer."""
    ours, theirs = OPTIMIZERS["adam"](params()[:3], fused=True), torch.optim.Adam(params()[:3], fused=True)
    for made in (ours, theirs):
        made.grad_scale, made.found_inf = torch.tensor(8.0), torch.tensor(found_inf)
    with chainrule.gear(gear):
        descend(ours, 5)
    descend(theirs, 5)
    if found_inf and gear == "formula":  # torch makes empty state before it looks; ours does not
        assert all(torch.equal(a, b) for a, b in zip(ours.param_groups[0]["params"], params()[:3], strict=True))
    else:
        assert apart(ours, theirs) <= 1e-12


def test_a_drop_in_for_torch():
    for name in INHERITED:
        cls, parent = OPTIMIZERS[name.lower()], RULES[name].parent
        assert issubclass(cls, parent) and cls.__name__ == parent.__name__
        assert cls.__init__ is parent.__init__
        made = cls([torch.nn.Parameter(torch.zeros(2))])
        twin = copy.deepcopy(made)
        assert type(twin) is cls and repr(made).splitlines()[1:] == repr(twin).splitlines()[1:]
        torch.optim.lr_scheduler.StepLR(made, 10)


def test_no_compiler_is_imported_by_an_eager_step():
    code = """
import sys, torch, chainrule
optim = chainrule.optim
w = torch.nn.Parameter(torch.ones(3)); made = optim.Adam([w])
for gear in ("auto", "formula"):
    with chainrule.gear(gear):
        made.zero_grad(); (w ** 2).sum().backward(); made.step(); made.load_state_dict(made.state_dict())
sys.exit("torch._dynamo" in sys.modules)
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_card_says_what_a_reader_needs():
    for name, card in RULES.items():
        assert card.name == name and card.fn.__name__ == name
        assert by_name(name.lower()) is OPTIMIZERS[name.lower()] is by_name(name)
        assert "·" in card.doc.splitlines()[0] and ("doi:" in card.source or "arXiv:" in card.source)
        assert by_name(name).update is card.fn
        assert set(card.symbols) <= set(card.reads)
    assert RULES["Adam"].defaults["betas"] == (0.9, 0.999)


def test_an_optimizer_that_torch_has_not():
    """Lion in its dozen lines: what issue after issue will add."""

    @rule(lr=1e-4, betas=(0.9, 0.99), weight_decay=0.0, source="Chen et al. 2023, arXiv:2302.06675")
    def Signed(θ, g, exp_avg, lr, betas, weight_decay):
        """Step by the sign of an average. · 按平均的符号更新。"""
        β1, β2 = betas
        θ = θ - lr * weight_decay * θ
        θ = θ - lr * (β1 * exp_avg + (1 - β1) * g).sign()
        exp_avg = β2 * exp_avg + (1 - β2) * g
        return θ, exp_avg

    try:
        made = Signed(params(), 0.01, weight_decay=0.1, maximize=True)
        by_hand, averages = params(), [torch.zeros_like(θ) for θ in params()]
        descend(made, 5)
        for t in range(5):
            source = torch.Generator().manual_seed(t)
            for i, θ in enumerate(by_hand):
                noise = torch.randn(θ.shape, generator=source, dtype=θ.dtype)
                g = -(θ.detach().sin() + noise)
                if i == 3 and t < 3:
                    continue
                with torch.no_grad():
                    θ.mul_(1 - 0.01 * 0.1).sub_(0.01 * (0.9 * averages[i] + 0.1 * g).sign())
                    averages[i].mul_(0.99).add_(0.01 * g)
        for θ, expected in zip(made.param_groups[0]["params"], by_hand, strict=True):
            assert torch.allclose(θ, expected, rtol=0, atol=1e-12)
        again = Signed(params())
        again.load_state_dict(made.state_dict())
        assert apart(again, made) < float("inf")
        with pytest.raises(UserError, match=r"Signed: betas=\(0.9, 1.0\): expected two numbers from 0 to below 1"):
            Signed(params(), betas=(0.9, 1.0))
        pure(made).write([torch.ones_like(θ) for θ in params()])
    finally:
        del RULES["Signed"], OPTIMIZERS["signed"]


def test_a_rule_needs_a_default_for_each_option():
    def Bare(θ, g, v, lr):
        v = v + g
        θ = θ - lr * v
        return θ, v

    with pytest.raises(TypeError, match="Bare reads lr: expected a default for each"):
        rule(source="nobody")(Bare)
