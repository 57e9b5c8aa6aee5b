"""The notes' back-propagation: chain, recursion and product equal the library's gradients, autograd and differences."""

from itertools import pairwise

import pytest
import torch

from chainrule import nn
from chainrule.learn import backpropagation as bp

FORMS = {
    "chain": lambda net, x, y: bp.by_chain(net, y),
    "recursion": lambda net, x, y: bp.by_recursion(net, y),
    "product": lambda net, x, y: bp.by_product(net, y),
    "library": bp.by_library,
}


def example(widths, samples):
    torch.manual_seed(0)
    W = [torch.randn(i, o, dtype=torch.float64) for i, o in pairwise(widths)]
    b = [torch.randn(o, dtype=torch.float64) for o in widths[1:]]
    x = torch.randn(samples, widths[0], dtype=torch.float64)
    y = torch.randn(samples, widths[-1], dtype=torch.float64)
    return bp.Network(W, b).forward(x), x, y


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("widths", "samples"), [((3, 2), 1), ((3, 4, 2), 5), ((4, 5, 3, 6, 2), 7)])
def test_E08_E10_E12_every_form_equals_autograd(form, widths, samples):
    net, x, y = example(widths, samples)
    for ours, theirs in zip(FORMS[form](net, x, y), bp.by_autograd(net, x, y), strict=True):
        for mine, other in zip(ours, theirs, strict=True):
            torch.testing.assert_close(mine, other, rtol=1e-12, atol=1e-14)


def jacobian(f, x):
    return torch.autograd.functional.jacobian(f, x)


def test_E01_a_unit_sums_over_the_units_below_it():
    net, x, _ = example((3, 4, 2), 5)
    for j in range(4):
        by_hand = sum(x[2, i] * net.W[0][i, j] for i in range(3)) + net.b[0][j]
        torch.testing.assert_close(net.Z[0][2, j], by_hand)


def test_E02_one_bias_row_serves_every_sample_and_torch_keeps_the_transpose():
    net, x, _ = example((3, 4, 2), 5)
    assert net.b[0].shape == (4,)
    layer = nn.Linear(3, 4, dtype=torch.float64)
    with torch.no_grad():
        layer.weight.copy_(net.W[0].mT)
        layer.bias.copy_(net.b[0])
    assert layer.weight.shape == (4, 3)
    torch.testing.assert_close(layer(x), net.Z[0])


def test_E03_the_jacobian_is_diagonal_for_an_activation_and_full_for_softmax():
    z = torch.tensor([0.3, -1.0, 2.0], dtype=torch.float64)
    J = jacobian(torch.tanh, z)
    torch.testing.assert_close(J, torch.diag(1 - torch.tanh(z) ** 2))
    p = z.softmax(0)
    torch.testing.assert_close(jacobian(lambda z: z.softmax(0), z), torch.diag(p) - p[:, None] * p)


def test_E04_E05_deltas_meet_the_weight_from_the_right_and_the_input_from_the_left():
    net, x, _ = example((3, 4), 5)
    δ = torch.randn(5, 4, dtype=torch.float64)
    δX = torch.einsum("nonk,no->nk", jacobian(lambda x: x @ net.W[0] + net.b[0], x), δ)
    torch.testing.assert_close(δ @ net.dZ_dX(0), δX)
    δW = torch.einsum("noij,no->ij", jacobian(lambda W: x @ W + net.b[0], net.W[0]), δ)
    torch.testing.assert_close(net.dZ_dW(0) @ δ, δW)


def test_E07_one_hidden_layer_is_the_weight_times_a_diagonal_for_one_sample():
    net, x, _ = example((3, 4), 1)
    J = jacobian(lambda x: torch.tanh(x @ net.W[0] + net.b[0]), x[0])
    torch.testing.assert_close(J, torch.diag(net.dA_dZ(0)[0]) @ net.W[0].mT)


def test_E09_E13_the_delta_of_a_matched_loss_is_the_error_over_the_batch():
    z = torch.randn(5, 3, dtype=torch.float64, requires_grad=True)
    y = torch.rand(5, 3, dtype=torch.float64)
    y = y / y.sum(1, keepdim=True)
    matched = {
        "softmax and cross-entropy": (nn.CrossEntropyLoss()(z, y), z.softmax(1) - y),
        "sigmoid and binary cross-entropy": (3 * nn.BCEWithLogitsLoss()(z, y), z.sigmoid() - y),
        "identity and half the squared error": (3 * nn.MSELoss()(z, y) / 2, z - y),
    }
    for name, (loss, error) in matched.items():
        torch.testing.assert_close(torch.autograd.grad(loss, z)[0], error / 5, msg=name)


def test_E06_the_bias_gradient_sums_over_the_batch():
    net, _, y = example((3, 4, 2), 5)
    (_, db), *_ = bp.by_recursion(net, y)
    assert db.shape == net.b[0].shape


def test_E10_the_notes_order_of_hadamard_and_product_does_not_even_fit_a_batch():
    net, _, y = example((3, 4, 2), 5)
    δ = net.dL_dA(y) * net.dA_dZ(1)
    with pytest.raises(RuntimeError):
        (net.W[1] * net.dA_dZ(0)) @ δ


def test_E11_the_notes_order_of_delta_and_input_does_not_fit():
    net, _, y = example((3, 4, 2), 5)
    δ = net.dL_dA(y) * net.dA_dZ(1)
    with pytest.raises(RuntimeError):
        δ @ net.X[1].mT @ torch.ones(net.W[1].shape, dtype=δ.dtype)
    assert (net.X[1].mT @ δ).shape == net.W[1].shape


def test_recursion_equals_finite_differences():
    net, x, y = example((3, 4, 2), 5)
    h, (dW, _) = 1e-6, bp.by_recursion(net, y)[0]
    for i in range(3):
        for j in range(4):
            moved = []
            for sign in (1, -1):
                W = [w.clone() for w in net.W]
                W[0][i, j] += sign * h
                moved.append(((bp.Network(W, net.b).forward(x).A[-1] - y) ** 2).mean())
            assert float((moved[0] - moved[1]) / (2 * h)) == pytest.approx(float(dW[i, j]), abs=1e-8)
