"""Losses: torch's modules in every option and reduction, far ends, ignored targets, clear refusals; E55–E58."""

import math
import warnings

import pytest
import torch
import torch.nn.functional as F

import chainrule.nn as nn
from chainrule.errors import UserError
from chainrule.gear import gear
from chainrule.nn.cross_entropy import cross_entropy, nll_loss
from chainrule.nn.entropy import binary_cross_entropy, binary_cross_entropy_with_logits, kl_div
from chainrule.nn.loss import huber_loss, l1_loss, mse_loss, smooth_l1_loss

from .parity import agree, pair

REDUCTIONS = ("none", "mean", "sum")


def R(*shape):
    return torch.randn(*shape, dtype=torch.float64, requires_grad=True)


def P(*shape):
    return torch.rand(*shape, dtype=torch.float64).mul(0.98).add(0.01).requires_grad_()


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("MSELoss", {}),
        ("L1Loss", {}),
        ("HuberLoss", {}),
        ("HuberLoss", {"delta": 0.4}),
        ("SmoothL1Loss", {}),
        ("SmoothL1Loss", {"beta": 0.4}),
        ("SmoothL1Loss", {"beta": 0.0}),
    ],
    ids=str,
)
def test_distance_is_torchs(name, options, reduction):
    agree(*pair(name, reduction=reduction, **options), R(4, 3), R(4, 3))


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("weight", [None, (4, 3), (3,)])
@pytest.mark.parametrize("pos_weight", [False, True])
def test_binary_is_torchs(reduction, weight, pos_weight):
    weight = None if weight is None else torch.rand(weight, dtype=torch.float64)
    if not pos_weight:
        agree(*pair("BCELoss", weight=weight, reduction=reduction), P(4, 3), P(4, 3))
    extra = {"pos_weight": torch.tensor([0.5, 1.0, 3.0], dtype=torch.float64)} if pos_weight else {}
    agree(*pair("BCEWithLogitsLoss", weight=weight, reduction=reduction, **extra), R(4, 3), P(4, 3))


@pytest.mark.parametrize("reduction", [*REDUCTIONS, "batchmean"])
@pytest.mark.parametrize("log_target", [False, True])
@pytest.mark.filterwarnings("ignore:reduction. 'mean' divides")
def test_kl_div_is_torchs(reduction, log_target):
    target = R(4, 3) if log_target else P(4, 3)
    agree(*pair("KLDivLoss", reduction=reduction, log_target=log_target), R(4, 3), target)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("ignore_index", [-100, 1])
@pytest.mark.parametrize("label_smoothing", [0.0, 0.2])
@pytest.mark.parametrize("shape", [(5, 4), (2, 4, 3), (2, 4, 2, 3), (4,)], ids=str)
def test_cross_entropy_is_torchs(reduction, weighted, ignore_index, label_smoothing, shape):
    weight = torch.rand(4, dtype=torch.float64) if weighted else None
    options = {"weight": weight, "ignore_index": ignore_index, "reduction": reduction}
    y = torch.randint(0, 4, (*shape[:1], *shape[2:]) if len(shape) > 1 else ())
    if len(shape) == 1:
        y = torch.tensor(2)
    agree(*pair("CrossEntropyLoss", **options, label_smoothing=label_smoothing), R(*shape), y)
    if not label_smoothing:
        agree(*pair("NLLLoss", **options), R(*shape), y)
    shares = R(*shape).detach().softmax(min(1, len(shape) - 1)).requires_grad_()
    if ignore_index < 0:  # torch refuses it beside probabilities
        agree(*pair("CrossEntropyLoss", **options, label_smoothing=label_smoothing), R(*shape), shares)


@pytest.mark.parametrize("chosen", ["formula", "auto"])
def test_all_ignored_is_nan_as_torch(chosen):
    z, y = torch.randn(3, 4), torch.full((3,), -100)
    with gear(chosen):
        assert cross_entropy(z, y).isnan() and nll_loss(z, y).isnan()
        assert cross_entropy(z, y, reduction="sum") == 0 and cross_entropy(z, y, reduction="none").tolist() == [0] * 3


@pytest.mark.parametrize("chosen", ["formula", "auto"])
def test_losses_at_a_million(chosen):
    big = torch.tensor([[1e6, -1e6, 0.0]], requires_grad=True)
    with gear(chosen):
        for y, expected in ((0, 0.0), (1, 2e6), (2, 1e6)):
            loss = cross_entropy(big, torch.tensor([y]))
            (delta,) = torch.autograd.grad(loss, big)
            assert loss.item() == expected and delta.isfinite().all()
        y = torch.tensor([[1.0, 0.0, 1.0]])
        loss = binary_cross_entropy_with_logits(big, y, reduction="none")
        assert loss.tolist() == [[0, 0, pytest.approx(0.693147)]]
        wrong = binary_cross_entropy_with_logits(big, 1 - y, reduction="none")
        assert wrong[0, :2].tolist() == [1e6, 1e6]
        assert torch.autograd.grad(wrong.sum(), big)[0].tolist() == [[1, -1, 0.5]]
        p = torch.tensor([0.0, 1.0], requires_grad=True)
        loss = binary_cross_entropy(p, torch.tensor([1.0, 0.0]), reduction="none")
        assert loss.tolist() == [100, 100] and torch.autograd.grad(loss.sum(), p)[0].isfinite().all()
        assert huber_loss(big, torch.zeros_like(big), reduction="sum").isfinite()


def test_cross_entropy_does_not_see_a_shift():
    z, y = torch.randn(5, 4, dtype=torch.float64), torch.tensor([0, 1, 2, 3, 0])
    with gear("formula"):
        torch.testing.assert_close(cross_entropy(z + 1e6, y), cross_entropy(z, y), rtol=0, atol=1e-9)


def test_an_impossible_class_costs_nothing_until_it_is_the_target():
    z = torch.tensor([[0.0, -torch.inf, 0.0]], requires_grad=True)
    with gear("formula"):
        loss = cross_entropy(z, torch.tensor([0]))
        (delta,) = torch.autograd.grad(loss, z)
        assert loss.item() == pytest.approx(0.693147) and delta.tolist() == [[-0.5, 0, 0.5]]
        assert cross_entropy(z, torch.tensor([1])) == torch.inf
        assert nll_loss(z, torch.tensor([0])) == 0


def test_E55_squared_error_has_no_half_and_nll_takes_log_probabilities():
    with gear("formula"):
        assert mse_loss(torch.tensor([3.0]), torch.tensor([1.0])) == 4
        z, y = torch.randn(4, 3), torch.tensor([0, 1, 2, 1])
        torch.testing.assert_close(nll_loss(z.log_softmax(1), y), cross_entropy(z, y))
        assert not torch.allclose(nll_loss(z.softmax(1), y), cross_entropy(z, y))


def test_E56_probabilities_and_logits_are_told_apart():
    z, y = torch.tensor([-2.0, 3.0]), torch.tensor([0.0, 1.0])
    with gear("formula"):
        torch.testing.assert_close(binary_cross_entropy(z.sigmoid(), y), binary_cross_entropy_with_logits(z, y))
        with pytest.raises(UserError, match="from -2 to 3: expected probabilities; for logits use"):
            binary_cross_entropy(z, y)
        expected = z.clamp(min=0) - z * y + (-z.abs()).exp().log1p()
        torch.testing.assert_close(binary_cross_entropy_with_logits(z, y, reduction="none"), expected)


def test_E57_batchmean_is_the_mathematical_value():
    q, p = torch.tensor([[0.5, 0.5], [0.9, 0.1]]), torch.tensor([[1.0, 0.0], [0.2, 0.8]])
    with gear("formula"):
        true = torch.xlogy(p, p / q).sum(1).mean()
        torch.testing.assert_close(kl_div(q.log(), p, reduction="batchmean"), true)
        assert not torch.allclose(kl_div(q.log(), p, reduction="mean"), true)
        assert kl_div(p, p.exp(), reduction="batchmean").abs() < 1e-6


def test_E58_huber_is_smooth_l1_times_its_width():
    x, t = torch.randn(20), torch.randn(20)
    with gear("formula"):
        for δ in (0.5, 1.0, 2.0):
            torch.testing.assert_close(huber_loss(x, t, δ), δ * smooth_l1_loss(x, t, δ))
        assert not torch.allclose(huber_loss(x, t, 2.0), smooth_l1_loss(x, t, 2.0))


@pytest.mark.parametrize("chosen", ["formula", "twin"])
def test_E34_deltas_at_the_kinks_are_torchs(chosen):
    e = torch.tensor([-1.0, 0.0, 1.0], requires_grad=True)
    with gear(chosen):
        for call, expected in ((l1_loss, [-1, 0, 1]), (huber_loss, [-1, 0, 1]), (smooth_l1_loss, [-1, 0, 1])):
            assert torch.autograd.grad(call(e, torch.zeros(3), reduction="sum"), e)[0].tolist() == expected


def test_shapes_that_differ():
    with gear("formula"):
        with pytest.warns(UserWarning, match="broadcast"):
            out = mse_loss(torch.zeros(2, 3), torch.ones(3))
        assert out == 1
        with pytest.raises(UserError, match="expected one shape"):
            binary_cross_entropy_with_logits(torch.zeros(2, 3), torch.ones(3))
        assert kl_div(torch.zeros(2, 3), torch.ones(3), reduction="sum") == 0


REFUSED = [
    (lambda: cross_entropy(torch.zeros(2, 3), torch.tensor([0, 3])), "target class 3: expected 0 to 2"),
    (lambda: cross_entropy(torch.zeros(2, 3), torch.tensor([0, -1])), "target class -1: expected 0 to 2"),
    (lambda: nll_loss(torch.zeros(2, 3), torch.tensor([5, 0])), "target class 5: expected 0 to 2"),
    (lambda: cross_entropy(torch.zeros(2, 3), torch.tensor([0])), r"shape \(1,\) for scores \(2, 3\): expected \(2,\)"),
    (lambda: cross_entropy(torch.zeros(2, 3), torch.zeros(2)), r"probabilities of shape \(2,\)"),
    (lambda: cross_entropy(torch.zeros(2, 3), torch.zeros(2, 3).long()), r"classes of shape \(2, 3\)"),
    (lambda: cross_entropy(torch.zeros(2, 3), torch.zeros(2, 3), ignore_index=1), "ignore_index=1: target probab"),
    (lambda: cross_entropy(torch.zeros(2, 3), torch.tensor([0, 1]), label_smoothing=1.5), "label_smoothing=1.5: exp"),
    (lambda: nll_loss(torch.zeros(2, 3), torch.zeros(2, 3)), "nll_loss expects classes, integers from 0 to 2"),
    (lambda: huber_loss(torch.zeros(2), torch.zeros(2), 0.0), "delta=0.0: expected a number above 0"),
    (lambda: smooth_l1_loss(torch.zeros(2), torch.zeros(2), -1.0), "beta=-1.0: expected a number of at least 0"),
    (lambda: binary_cross_entropy(torch.ones(2), torch.tensor([0.5, 2.0])), "a target from 0.5 to 2: expected numbers"),
    (lambda: mse_loss(torch.zeros(2), torch.zeros(2), reduction="batchmean"), "unknown reduction 'batchmean'"),
    (lambda: kl_div(torch.zeros(2), torch.zeros(2), reduction="avg"), "expected one of none, mean, sum, batchmean"),
]


@pytest.mark.parametrize(("call", "line"), REFUSED, ids=[line for _, line in REFUSED])
def test_refusals_are_one_clear_line(call, line):
    with gear("formula"), pytest.raises(UserError, match=line) as refusal:
        call()
    assert "\n" not in str(refusal.value)


def test_classes_in_bytes_take_their_own_weight():
    z, weight, y = torch.randn(4, 3), torch.tensor([1.0, 2.0, 4.0]), torch.tensor([2, 0, 1, 1])
    with gear("formula"):
        assert cross_entropy(z, y.byte(), weight) == cross_entropy(z, y, weight)


@pytest.mark.parametrize("chosen", ["formula", "auto"])
def test_batchmean_of_a_single_number(chosen):
    with gear(chosen):
        assert kl_div(torch.tensor(0.5).log(), torch.tensor(1.0), reduction="batchmean") == pytest.approx(math.log(2))


def test_the_ignored_class_may_lie_outside():
    with gear("formula"):
        assert cross_entropy(torch.zeros(2, 2), torch.tensor([255, 0]), ignore_index=255) == pytest.approx(0.693147)


@pytest.mark.parametrize("loss", [nn.CrossEntropyLoss(label_smoothing=0.1), nn.NLLLoss(weight=torch.rand(4))])
def test_compiled_step_is_one_graph(loss):
    torch._dynamo.reset()
    built = torch.compile(loss, fullgraph=True, backend="aot_eager")
    z, y = torch.randn(5, 4, requires_grad=True), torch.tensor([0, 1, -100, 3, 2])
    got, expected = built(z, y), loss(z, y)
    torch.testing.assert_close(got, expected)
    torch.testing.assert_close(torch.autograd.grad(got, z), torch.autograd.grad(expected, z))


def test_gradients_of_single_samples():
    z, y = torch.randn(5, 4), torch.randint(0, 4, (5,))
    with gear("formula"):
        each = torch.func.vmap(torch.func.grad(lambda a, b: cross_entropy(a[None], b[None])))(z, y)
    leaf = z.clone().requires_grad_()
    F.cross_entropy(leaf, y, reduction="sum").backward()
    torch.testing.assert_close(each, leaf.grad)


def test_losses_stay_in_float32_under_autocast():
    z, y = torch.randn(5, 4), torch.randint(0, 4, (5,))
    with gear("formula"), torch.autocast("cpu", torch.bfloat16):
        assert cross_entropy(z.bfloat16(), y).dtype == torch.float32
        assert mse_loss(z.bfloat16(), z.bfloat16()).dtype == torch.float32


def test_an_empty_batch_means_nan_and_sums_to_zero():
    with gear("formula"), warnings.catch_warnings():
        assert cross_entropy(torch.zeros(0, 3), torch.zeros(0).long()).isnan()
        assert mse_loss(torch.zeros(0), torch.zeros(0)).isnan()
        assert mse_loss(torch.zeros(0), torch.zeros(0), reduction="sum") == 0
