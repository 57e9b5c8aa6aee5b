"""What `@formula` promises: binding, deltas by name, only what is needed, gears, kernels; and what each must bring."""

import ast
import re
import sys
import threading
import warnings

import pytest
import torch

import chainrule
from chainrule.errors import UserError
from chainrule.formula import REGISTRY, R, formula
from chainrule.gear import current, gear, set_gear
from chainrule.proof.formulas import constants

from .proof.mutation import definition
from .proof.registry import CONSTANTS, FORMULAS, TWINLESS


@pytest.fixture(autouse=True)
def clean_registry():
    """Formulas written inside a test leave the registry with it."""
    before = dict(REGISTRY)
    yield
    REGISTRY.clear()
    REGISTRY.update(before)


@pytest.fixture
def counted():
    """out = a·x + b·y with every rule call counted by name."""
    calls: list[str] = []

    @formula(twin=lambda x, y, a=2.0, b=3.0: a * x + b * y)
    def test_sum(x, y, a=2.0, b=3.0):
        return a * x + b * y

    @test_sum.backward("x")
    def _(δ, a):
        calls.append("x")
        return δ * a

    @test_sum.backward("y")
    def _(δ, b):
        calls.append("y")
        return δ * b

    return test_sum, calls


# What a rule reads, and when it runs


def test_unneeded_deltas_are_never_computed(counted):
    call, calls = counted
    with gear("formula"):
        x, y = R(3), R(3)
        call(x, y.detach()).sum().backward()
        assert calls == ["x"] and y.grad is None
        calls.clear()
        call(x.detach(), y).sum().backward()
        assert calls == ["y"]
        calls.clear()
        (only,) = torch.autograd.grad(call(x, y).sum(), [y])
        assert only.eq(3).all() and "y" in calls
        calls.clear()
        with torch.no_grad():
            call(x, y)
        assert calls == []


def test_keywords_and_defaults_bind_as_in_python(counted):
    call, _ = counted
    for name in ("formula", "twin", "auto", "kernel"):
        with gear(name):
            x, y = torch.ones(2), torch.ones(2)
            assert call(x, y).tolist() == [5, 5]
            assert call(x, y, 1.0).tolist() == [4, 4]
            assert call(x, b=0.0, y=y).tolist() == [2, 2]
            assert call(y=y, x=x, a=0.0, b=1.0).tolist() == [1, 1]


def test_a_keyword_argument_gets_its_delta(counted):
    call, _ = counted
    with gear("formula"):
        y = R(2)
        call(torch.ones(2, dtype=torch.float64), b=5.0, y=y).sum().backward()
    assert y.grad is not None and y.grad.tolist() == [5, 5]


@pytest.mark.parametrize(
    ("args", "named", "says"),
    [
        ((1, 2, 3, 4, 5), {}, "takes 4 arguments"),
        ((1,), {}, "misses its argument 'y'"),
        ((1, 2), {"x": 3}, "got 'x' twice"),
        ((1, 2), {"c": 3}, "does not know it"),
    ],
)
def test_wrong_arguments_are_a_type_error(counted, args, named, says):
    with pytest.raises(TypeError, match=says):
        counted[0](*args, **named)


def test_a_rule_may_only_read_and_answer_for_what_there_is(counted):
    call, _ = counted
    with pytest.raises(TypeError, match="'weight': expected one of"):
        call.backward("weight")(lambda δ: δ)
    with pytest.raises(TypeError, match="'z': expected one of"):
        call.backward("x")(lambda δ, z: δ)


def test_a_name_is_registered_once(counted):
    with pytest.raises(TypeError, match="already registered by"):

        @formula()
        def linear(x):
            return x


def test_several_outputs_each_have_a_delta_and_integers_none():
    @formula(outputs=("low", "high", "place"))
    def test_ends(x):
        place = x.argmax(-1)
        return x.amin(-1), x.amax(-1), place

    @test_ends.backward("x")
    def _(δlow, δhigh, x, low, place):
        up = torch.arange(x.shape[-1]) == place[..., None]
        return δlow[..., None] * (x == low[..., None]) + δhigh[..., None] * up

    x = torch.tensor([[3.0, 1.0, 2.0]], requires_grad=True)
    low, high, place = test_ends(x)
    assert (low.item(), high.item(), place.item()) == (1, 3, 0)
    assert low.requires_grad and high.requires_grad and not place.requires_grad
    (low * 5 + high * 7).sum().backward()
    assert x.grad is not None and x.grad.tolist() == [[7, 5, 0]]


def test_only_what_a_rule_reads_is_kept():
    @formula()
    def test_kept(x, w, b):
        return x * w + b

    test_kept.backward("x")(lambda δ, w: δ * w)
    test_kept.backward("b")(lambda δ: δ)
    out = test_kept(R(3), R(3), R(3))
    assert len(out.grad_fn.saved_tensors) == 1
    assert [test_kept.card.inputs[i] for i in test_kept.card.kept] == ["w"]


def test_a_rule_without_an_answer_leaves_no_gradient():
    @formula()
    def test_half(x, w):
        return x * w

    test_half.backward("x")(lambda δ, w: δ * w)
    x, w = R(3), R(3)
    test_half(x, w).sum().backward()
    assert x.grad is not None and w.grad is None


# Gears


def answers():
    """A formula whose gears can be told apart by what they return."""

    @formula(twin=lambda x: x + 2)
    def test_told(x):
        return x + 1

    test_told.kernel("cpu", torch.float32)(lambda x: x + 3)
    return test_told


@pytest.mark.parametrize(("name", "expected"), [("auto", 3), ("formula", 1), ("kernel", 3), ("twin", 2)])
def test_each_gear_runs_what_it_says(name, expected):
    with gear(name):
        assert answers()(torch.zeros(1)).item() == expected


@pytest.mark.parametrize(("name", "expected"), [("auto", 2), ("formula", 1), ("kernel", 1), ("twin", 2)])
def test_a_kernel_is_chosen_by_dtype(name, expected):
    with gear(name):
        assert answers()(torch.zeros(1, dtype=torch.float64)).item() == expected


def test_a_kernel_is_chosen_by_device():
    call = answers()
    call.card.kernels[0].device = "cuda"
    assert call(torch.zeros(1)).item() == 2


def test_without_twin_and_kernel_the_formula_runs_in_every_gear():
    @formula()
    def test_alone(x):
        return x + 1

    for name in ("auto", "formula", "kernel", "twin"):
        with gear(name):
            assert test_alone(torch.zeros(1)).item() == 1
    assert test_alone.card.gears() == ("formula",) and answers().card.gears() == ("formula", "kernel", "twin")


def test_gears_nest_and_return_after_an_error():
    assert current() == "auto"
    with gear("formula"):
        with gear("twin"):
            assert current() == "twin"
        assert current() == "formula"
    with pytest.raises(ZeroDivisionError), gear("kernel"):
        raise ZeroDivisionError
    assert current() == "auto"


def test_a_gear_belongs_to_its_thread():
    seen = {}

    def look():
        seen["inside"] = current()
        with gear("twin"):
            seen["own"] = current()

    with gear("formula"):
        thread = threading.Thread(target=look)
        thread.start()
        thread.join()
        assert current() == "formula"
    assert seen == {"inside": "auto", "own": "twin"}


def test_the_process_default_reaches_new_threads():
    seen = []
    set_gear("formula")
    try:
        thread = threading.Thread(target=lambda: seen.append(current()))
        thread.start()
        thread.join()
        assert seen == ["formula"] and current() == "formula"
    finally:
        set_gear("auto")


@pytest.mark.parametrize("call", [set_gear, lambda name: gear(name).__enter__()])
def test_an_unknown_gear_is_one_line(call):
    with pytest.raises(UserError, match=r"unknown gear 'formla'.*did you mean formula"):
        call("formla")


@pytest.mark.parametrize(("compiled", "expected"), [("formula", 1), ("twin", 2)])
def test_compiled_code_runs_the_formula_or_the_twin_it_names(compiled, expected):
    @formula(twin=lambda x: x + 2, compiled=compiled)
    def test_compiled(x):
        return x + 1

    torch._dynamo.reset()
    built = torch.compile(lambda x: test_compiled(x), backend="eager", fullgraph=True)
    assert built(torch.zeros(1)).item() == expected
    assert test_compiled(torch.zeros(1)).item() == 2


def test_a_changed_gear_is_noticed_by_compiled_code():
    call = answers()
    torch._dynamo.reset()
    built = torch.compile(lambda x: call(x), backend="eager", fullgraph=True)
    x = torch.zeros(1, dtype=torch.float64)
    with gear("twin"):
        assert built(x).item() == 2
    with gear("formula"):
        assert built(x).item() == 1


# Autocast


@pytest.mark.parametrize(
    ("kind", "expected"), [("low", torch.bfloat16), ("fp32", torch.float32), (None, torch.float32)]
)
def test_autocast_casts_as_the_formula_says(kind, expected):
    @formula(autocast=kind)
    def test_cast(x):
        return x * 2

    test_cast.backward("x")(lambda δ: δ * 2)
    x = torch.ones(2, requires_grad=True)
    with torch.autocast("cpu", torch.bfloat16), gear("formula"):
        out = test_cast(x)
    out.float().sum().backward()
    assert out.dtype == expected and x.grad is not None and x.grad.dtype == torch.float32


def test_autocast_to_fp32_raises_what_came_in_low():
    @formula(autocast="fp32")
    def test_raised(x):
        return x * 2

    with torch.autocast("cpu", torch.bfloat16):
        assert test_raised(torch.ones(2, dtype=torch.bfloat16)).dtype == torch.float32
    assert test_raised(torch.ones(2, dtype=torch.bfloat16)).dtype == torch.bfloat16


# What every formula brings

HAN = re.compile(r"[一-鿿]")


@pytest.mark.parametrize("name", FORMULAS)
def test_documentation(name):
    card = REGISTRY[name]
    first = card.doc.splitlines()[0] if card.doc else ""
    english, _, chinese = first.rpartition(" · ")  # an English sentence may hold a product of its own
    assert english.strip().endswith(".") and not HAN.search(english), f"one English sentence: {first!r}"
    assert HAN.search(chinese) and chinese.endswith("。"), f"· one Chinese sentence: {first!r}"
    assert card.source, "a source: paper with section or equation, DOI or arXiv id"
    assert ">>>" in card.doc, "one example that doctest runs"
    assert card.samples is not None
    assert (card.twin is None) == (name in TWINLESS), "a twin, or the reason in TWINLESS"


@pytest.mark.parametrize("name", FORMULAS)
def test_symbols_are_explained(name):
    card = REGISTRY[name]
    text = (sys.modules[card.room].__doc__ or "") + card.doc
    assert "symbols" in text, f"{card.room}: the docstring names the symbols with their shapes"
    given = [dict(zip(card.inputs, args, strict=False)) for args in card.samples()]
    tensors = {n for g in given for n, a in g.items() if isinstance(a, torch.Tensor)}
    missing = [n for n in (*sorted(tensors), *card.outputs) if not re.search(rf"(?<!\w){n}(?!\w)", text)]
    assert not missing, f"symbols without a shape in {card.room} or in the formula's docstring: {missing}"


@pytest.mark.parametrize("name", FORMULAS)
def test_constant_inputs_are_listed_with_a_reason(name):
    assert set(constants(REGISTRY[name])) == set(CONSTANTS.get(name, {}))


@pytest.mark.parametrize("name", FORMULAS)
def test_body_is_short_and_pure(name):
    card = REGISTRY[name]
    for fn in (card.fn, *(rule for _, rule in card.rules)):
        tree = definition(fn)
        body = [s for s in tree.body if not (isinstance(s, ast.Expr) and isinstance(s.value, ast.Constant))]
        lines = sum(len(ast.unparse(s).splitlines()) for s in body)
        assert lines <= 12, f"{name}: {lines} lines in a body"
        calls = [n.func.attr for n in ast.walk(tree) if isinstance(n, ast.Call) and isinstance(n.func, ast.Attribute)]
        in_place = [c for c in calls if c.endswith("_") and not c.startswith("_")]
        assert not in_place, f"{name}: {in_place} works in place"
        tests = [ast.unparse(n.test) for n in ast.walk(tree) if isinstance(n, ast.If | ast.IfExp)]
        assert not [t for t in tests if ".device" in t or ".dtype" in t], f"{name}: decides by device or dtype"


def test_every_formula_is_callable_from_its_room():
    for name in FORMULAS:
        assert getattr(sys.modules[REGISTRY[name].room], name).card is REGISTRY[name]


def test_gear_is_part_of_the_package():
    assert chainrule.gear is gear


def test_calling_a_formula_gives_no_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with gear("formula"):
            REGISTRY["linear"].apply(R(2, 3), R(4, 3), None).sum().backward()
