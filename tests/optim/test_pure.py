"""The functional form: one graph for forward, loss, backward and update, never recompiled, equal to eager steps."""

from functools import partial

import pytest
import torch
from cases import apart, named, params, some

import chainrule
from chainrule.optim import OPTIMIZERS, RULES, Schedule, matrix, param_groups, pure


def listed(rows):
    return [pytest.param(name, row, id=f"{name} {named(row)}") for name in RULES for row in rows(name)]


def full(name):
    """The fullest settings; SGD's flag of the first update is seen only beside dampening."""
    return [some(name)[1], *({"momentum": 0.9, "dampening": 0.3},) * (name == "SGD")]


SOME, FULL = listed(some), listed(full)
# Inductor imports a part of torch that torch itself has deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit.script_method` is deprecated:DeprecationWarning")
BACKENDS = ["aot_eager", pytest.param("inductor", marks=pytest.mark.slow)]


@pytest.fixture
def dynamo():
    """A compiler without memory of other tests, allowed to trace the backward pass."""
    import torch._dynamo as dynamo
    from torch._dynamo.utils import counters

    dynamo.reset()
    counters.clear()
    with dynamo.config.patch(trace_autograd_ops=True, error_on_recompile=True):
        yield counters
    dynamo.reset()


def network(dtype):
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(7, 9), torch.nn.Tanh(), torch.nn.Linear(9, 4)).to(dtype)


def batch(t, dtype):
    source = torch.Generator().manual_seed(t)
    return torch.randn(5, 7, generator=source, dtype=dtype), torch.randn(5, 4, generator=source, dtype=dtype)


def build(name, settings, dtype):
    model = network(dtype)
    made = OPTIMIZERS[name.lower()](param_groups(model, 0.01), lr=0.02, **settings)
    return model, made, Schedule(made, "cosine", 60, warmup=5)


def eager(name, settings, dtype, steps):
    model, made, schedule = build(name, settings, dtype)
    with chainrule.gear("formula"):
        for t in range(steps):
            made.zero_grad()
            x, y = batch(t, dtype)
            torch.nn.functional.mse_loss(model(x), y).backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            made.step()
            schedule.step()
    return made


def whole_step(model, plan, backend):
    def step(x, y):
        loss = torch.nn.functional.mse_loss(model(x), y)
        grads = torch.autograd.grad(loss, plan.params)
        norm = torch.stack([g.norm() for g in grads]).norm()
        scale = torch.clamp(1.0 / (norm + 1e-6), max=1.0)
        plan.write([g * scale for g in grads], ok=torch.isfinite(loss))
        return loss.detach()

    return torch.compile(step, fullgraph=True, dynamic=False, backend=backend)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=["fp64", "fp32"])
@pytest.mark.parametrize(("name", "settings"), FULL)
def test_whole_step_in_one_graph(name, settings, dtype, backend, dynamo, monkeypatch):
    settings = {k: v for k, v in settings.items() if k != "maximize"}
    model, made, schedule = build(name, settings, dtype)
    plan = pure(made)
    step = whole_step(model, plan, backend)
    # Inductor rounds bfloat16 once a kernel, not once an operation: a Muon path parts from the eager one step by step.
    rounded = name == "Muon" and backend == "inductor"
    steps = 1 if rounded else 30
    for t in range(steps):
        plan.read_lr()
        step(*batch(t, dtype))
        schedule.step()
    assert dynamo["stats"]["unique_graphs"] == 1
    plain = eager(name, settings, dtype, steps)
    if rounded:  # the truth is Muon without bfloat16
        monkeypatch.setattr(matrix, "orthogonal", partial(matrix.orthogonal, dtype=torch.float64))
    exact = eager(name, settings, torch.float64, steps)
    if dtype == torch.float64 and not rounded:
        assert apart(made, exact) <= 1e-12
    else:  # as near to the truth as the eager step: a centered RMSprop subtracts nearly equal numbers
        assert apart(made, exact) <= 2 * apart(plain, exact) + 1e-6


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(("name", "settings"), FULL)
def test_nothing_changes_in_a_step_that_is_not_finite(name, settings, backend, dynamo):
    """Parameters, state, counts and the flag of the first update: the run goes on as if that step had not been."""
    settings = {k: v for k, v in settings.items() if k != "maximize"}
    model, made, schedule = build(name, settings, torch.float64)
    plan = pure(made)
    step = whole_step(model, plan, backend)
    for t in range(6):
        x, y = batch(t, torch.float64)
        plan.read_lr()
        if t in (0, 3):
            before = [value.clone() for value in plan.variables]
            assert step(x * float("nan"), y).isnan()
            assert all(torch.equal(a, b) for a, b in zip(plan.variables, before, strict=True))
        step(x, y)
        schedule.step()
    limit = torch.finfo(torch.bfloat16).eps if name == "Muon" and backend == "inductor" else 1e-12
    assert apart(made, eager(name, settings, torch.float64, 6)) <= limit


@pytest.mark.parametrize(("name", "settings"), SOME)
def test_the_call_itself_changes_nothing_and_agrees_with_write(name, settings):
    plan = pure(OPTIMIZERS[name.lower()](params(name), lr=0.01, **settings))
    grads = [torch.ones_like(θ) for θ in plan.params]
    before = [value.clone() for value in plan.variables]
    new = plan(plan.variables, grads, plan.lr)
    assert all(torch.equal(a, b) for a, b in zip(plan.variables, before, strict=True))
    plan.write(grads)
    assert all(torch.equal(a, b) for a, b in zip(plan.variables, new, strict=True))
    assert [v.dtype for v in new] == [v.dtype for v in before]


@pytest.mark.parametrize("dtype", [torch.float32, torch.complex64])
@pytest.mark.parametrize(("name", "settings"), SOME)
def test_equal_to_an_eager_step_for_every_dtype_and_start(name, settings, dtype):
    """A parameter without a gradient, and one that joined later, have counts of their own."""
    if dtype.is_complex and RULES[name].takes:
        pytest.skip("takes real numbers alone")
    makes = [OPTIMIZERS[name.lower()](params(name, dtype), lr=0.01, **settings) for _ in range(2)]
    for made in makes:
        for θ in made.param_groups[0]["params"][:2]:
            θ.grad = torch.full_like(θ, 0.5)
        with chainrule.gear("formula"):
            made.step()
        for θ in made.param_groups[0]["params"]:
            θ.grad = torch.full_like(θ, -0.25)
    plan = pure(makes[0])
    with chainrule.gear("formula"):
        for _ in range(3):
            plan.write([θ.grad for θ in plan.params])
            makes[1].step()
    assert apart(makes[0], makes[1]) <= 1e-6
    kept = [value.clone() for value in plan.variables]
    plan.write([None] * len(plan.params))
    assert all(torch.equal(a, b) for a, b in zip(plan.variables, kept, strict=True))


def test_state_lies_where_an_eager_step_leaves_it():
    made = OPTIMIZERS["adam"](params(), lr=0.01, amsgrad=True)
    plan = pure(made)
    for _ in range(3):
        plan.write([torch.ones_like(θ) for θ in plan.params])
    assert {float(state["step"]) for state in made.state.values()} == {3.0}
    held = {id(value) for state in made.state.values() for value in state.values()} | {id(θ) for θ in plan.params}
    assert held == {id(value) for value in plan.variables}
