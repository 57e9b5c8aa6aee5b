"""The notes' back-propagation: chain, recursion and product equal the library's gradients, autograd and differences."""

from itertools import pairwise

import pytest
import torch

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
