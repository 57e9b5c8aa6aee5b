"""Activations: torch's modules in every option, the kinks of E30–E34, far ends, low precision."""

import pytest
import torch
import torch.nn.functional as F

import chainrule.nn as nn
from chainrule.errors import UserError
from chainrule.formula import REGISTRY
from chainrule.gear import gear
from chainrule.nn.activation import elu, gelu, mish, sigmoid, silu, softplus, swish, tanh
from chainrule.nn.piecewise import hardsigmoid, hardswish, hardtanh, leaky_relu, prelu, relu, relu6
from chainrule.nn.softmax import log_softmax, softmax

from .parity import agree, pair

MODULES = [
    ("Sigmoid", {}),
    ("Tanh", {}),
    ("ELU", {}),
    ("ELU", {"alpha": 1.7, "inplace": True}),
    ("Softplus", {}),
    ("Softplus", {"beta": 2.5, "threshold": 1.5}),
    ("SiLU", {}),
    ("SiLU", {"inplace": True}),
    ("Mish", {}),
    ("GELU", {}),
    ("GELU", {"approximate": "tanh"}),
    ("ReLU", {}),
    ("ReLU", {"inplace": True}),
    ("ReLU6", {}),
    ("Hardtanh", {}),
    ("Hardtanh", {"min_val": -0.5, "max_val": 0.25}),
    ("LeakyReLU", {}),
    ("LeakyReLU", {"negative_slope": 0.3}),
    ("PReLU", {}),
    ("PReLU", {"num_parameters": 3, "init": 0.1}),
    ("Hardswish", {}),
    ("Softmax", {"dim": 1}),
    ("LogSoftmax", {"dim": -1}),
]


class Added(torch.nn.Module):
    """Gives a module an input that is no leaf: only those may be changed in place."""

    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, x):
        return self.inner(x + 0)


@pytest.mark.parametrize(("name", "options"), MODULES, ids=lambda v: str(v))
def test_module_is_torchs(name, options):
    ours, theirs = pair(name, **options)
    for shape in ((4, 3), (2, 3, 4, 5)):
        agree(Added(ours), Added(theirs), 3 * torch.randn(shape, dtype=torch.float64, requires_grad=True))


def test_hardsigmoid_is_torchs_in_float32_and_exact_in_float64():
    ours, theirs = nn.Hardsigmoid(), torch.nn.Hardsigmoid()
    x = 3 * torch.randn(100)
    for name in ("formula", "auto"):
        with gear(name):
            mine = x.clone().requires_grad_()
            yours = x.clone().requires_grad_()
            torch.testing.assert_close(ours(mine), theirs(yours))
            ours(mine).sum().backward()
            theirs(yours).sum().backward()
            torch.testing.assert_close(mine.grad, yours.grad)
            z = torch.zeros(1, dtype=torch.float64, requires_grad=True)
            ours(z).sum().backward()
            assert z.grad.item() == 1 / 6  # torch 2.13: 0.16666667163


@pytest.mark.parametrize("inplace", [False, True])
def test_inplace_keeps_the_input(inplace):
    x = torch.tensor([-1.0, 2.0])
    for name in ("formula", "auto"):
        with gear(name):
            assert nn.ReLU(inplace=inplace)(x).tolist() == [0, 2] and x.tolist() == [-1, 2]


KINKS = [
    ("relu", relu, (0.0,), (0.0,)),
    ("relu6", relu6, (0.0, 6.0), (0.0, 0.0)),
    ("hardtanh", hardtanh, (-1.0, 1.0), (0.0, 0.0)),
    ("hardsigmoid", hardsigmoid, (-3.0, 3.0), (0.0, 0.0)),
    ("hardswish", hardswish, (-3.0, 3.0), (0.0, 1.0)),
    ("leaky_relu", leaky_relu, (0.0,), (0.01,)),
    ("elu", lambda z: elu(z, 2.0), (0.0,), (2.0,)),
    ("softplus", lambda z: softplus(z, 1.0, 1.0), (1.0,), (torch.tensor(1.0, dtype=torch.float64).sigmoid().item(),)),
    ("prelu", lambda z: prelu(z, torch.tensor([0.3], dtype=z.dtype)), (0.0,), (0.3,)),
]


@pytest.mark.parametrize(("name", "call", "points", "slopes"), KINKS, ids=[k[0] for k in KINKS])
@pytest.mark.parametrize("chosen", ["formula", "twin"])
def test_E34_delta_at_the_kink_is_torchs(name, call, points, slopes, chosen):
    z = torch.tensor(points, dtype=torch.float64, requires_grad=True)
    with gear(chosen):
        call(z).sum().backward()
    assert z.grad.tolist() == pytest.approx(list(slopes), abs=0, rel=1e-15)


def test_E34_prelu_weight_gets_nothing_at_zero():
    weight = torch.tensor([0.3], requires_grad=True)
    with gear("formula"):
        prelu(torch.zeros(3), weight).sum().backward()
    assert weight.grad.tolist() == [0]


def test_E30_hardswish_has_its_three_inside():
    z = torch.linspace(-5, 5, 101)
    with gear("formula"):
        torch.testing.assert_close(hardswish(z), z * F.relu6(z + 3) / 6)
        assert (hardswish(z) - z * F.relu6(z) / 6).abs().max() > 0.5


def test_E31_softmax_is_not_swish():
    z = torch.randn(5, 7)
    with gear("formula"):
        out = softmax(z, 1)
        assert (out > 0).all() and (out < 1).all()
        torch.testing.assert_close(out.sum(1), torch.ones(5))
        assert not torch.allclose(out, silu(z))
        torch.testing.assert_close(log_softmax(z, 1).exp(), out)
        torch.testing.assert_close(softmax(z + 1000, 1), out, rtol=1e-3, atol=1e-5)


def test_E32_tanh_is_a_stretched_sigmoid():
    z = torch.randn(50, dtype=torch.float64)
    with gear("formula"):
        torch.testing.assert_close(tanh(z), 2 * sigmoid(2 * z) - 1, rtol=0, atol=1e-15)
        tiny = torch.tensor([1e-30, -1e-12, 1e-5])
        assert tanh(tiny).tolist() == pytest.approx(tiny.tolist(), rel=1e-6)  # 2σ(2z) − 1 would give 0


def test_E33_swish_at_one_is_silu_and_its_slope():
    z = torch.randn(50, dtype=torch.float64, requires_grad=True)
    with gear("formula"):
        torch.testing.assert_close(swish(z, 1.0), silu(z))
        silu(z).sum().backward()
    σ = z.detach().sigmoid()
    torch.testing.assert_close(z.grad, σ * (1 + z.detach() * (1 - σ)))
    assert not torch.allclose(swish(z, 2.0), silu(z))


def test_swish_learns_its_beta():
    z, beta = torch.randn(6), torch.tensor([0.5], requires_grad=True)
    swish(z, beta).sum().backward()
    σ = (0.5 * z).sigmoid()
    torch.testing.assert_close(beta.grad, (z**2 * σ * (1 - σ)).sum().reshape(1))


def everywhere(call, z):
    out = call(z)
    (first,) = torch.autograd.grad(out.sum(), z, create_graph=True)
    second = torch.autograd.grad(first.sum(), z, allow_unused=True)[0]
    return [out, first, *([] if second is None else [second])]


SMOOTH = [sigmoid, tanh, elu, softplus, silu, mish, gelu, lambda z: gelu(z, "tanh"), swish]


@pytest.mark.parametrize("call", SMOOTH, ids=lambda c: c.__name__)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_far_ends_stay_finite_to_the_second_order(call, dtype):
    z = torch.tensor([-1e6, -1000.0, -100.0, 0.0, 100.0, 1000.0, 1e6], dtype=dtype, requires_grad=True)
    with gear("formula"):
        assert all(t.isfinite().all() for t in everywhere(call, z))


@pytest.mark.parametrize("call", [relu, relu6, hardtanh, leaky_relu, sigmoid, tanh, elu, silu, gelu])
def test_nan_stays_nan(call):
    with gear("formula"):
        assert call(torch.tensor([float("nan")])).isnan().all()


def test_softmax_of_scores_that_are_minus_infinity():
    z = torch.tensor([[0.0, -torch.inf, 0.0]], requires_grad=True)
    with gear("formula"):
        out = softmax(z, 1)
        assert out.tolist() == [[0.5, 0, 0.5]]
        (out * torch.tensor([1.0, 2.0, 3.0])).sum().backward()
    assert z.grad.tolist() == [[-0.5, 0, 0.5]]


@pytest.mark.parametrize("name", ["Softmax", "LogSoftmax"])
@pytest.mark.parametrize(("ndim", "guess"), [(1, 0), (2, 1), (3, 0), (4, 1)])
def test_softmax_without_an_axis_guesses_as_torch_and_says_so(name, ndim, guess):
    x = torch.randn([2] * ndim)
    with gear("formula"), pytest.warns(UserWarning, match=f"guesses dim={guess}"):
        out = getattr(nn, name)()(x)
    with pytest.warns(UserWarning, match="Implicit dimension"):
        torch.testing.assert_close(out, getattr(torch.nn, name)()(x))


def test_gelu_refuses_an_unknown_form():
    with gear("formula"), pytest.raises(UserError, match="expected 'none' or 'tanh'"):
        nn.GELU(approximate="erf")(torch.ones(1))


@pytest.mark.parametrize("name", ["relu", "sigmoid", "tanh", "silu", "hardswish", "elu"])
def test_compiled_text_equals_eager(name):
    torch._dynamo.reset()
    call = REGISTRY[name].apply
    options = [d for _, d in REGISTRY[name].defaults[1:]]
    built = torch.compile(lambda z: call(z * 2, *options), fullgraph=True, backend="aot_eager")
    z = torch.randn(5, requires_grad=True)
    torch.testing.assert_close(built(z), call(z * 2, *options))
