"""LeNet-5 in both forms, against the paper's own numbers (LeCun et al. 1998, section II.B)."""

import pytest
import torch

from chainrule import nn
from chainrule.nn.historic import PartialConv2d, RadialBasis, Subsample2d, scaled_tanh
from chainrule.zoo.lenet import DIGITS, TABLE_I, codes, lenet5, lenet1998


def layers(network, x):
    """Kind, answer's shape and parameters of every layer."""
    rows = []
    for layer in network:
        x = layer(x)
        rows.append((type(layer).__name__, tuple(x.shape[1:]), sum(p.numel() for p in layer.parameters())))
    return rows


def test_Z02_the_form_of_today_has_61706_parameters():
    rows = layers(lenet5(), torch.zeros(2, 1, 32, 32))
    assert sum(n for _, _, n in rows) == 61_706
    weighted = [(shape, n) for _, shape, n in rows if n]
    maps = [((6, 28, 28), 156), ((16, 10, 10), 2_416)]
    assert weighted == [*maps, ((120,), 48_120), ((84,), 10_164), ((10,), 850)]


def test_Z02_the_paper_s_form_has_its_layers_and_60000_parameters():
    rows = layers(lenet1998(), torch.zeros(2, 1, 32, 32))
    assert [(shape, n) for _, shape, n in rows if n] == [
        ((6, 28, 28), 156),  # C1: 122,304 connections
        ((6, 14, 14), 12),  # S2
        ((16, 10, 10), 1_516),  # C3
        ((16, 5, 5), 32),  # S4
        ((120, 1, 1), 48_120),  # C5
        ((84,), 10_164),  # F6
    ]
    assert sum(n for _, _, n in rows) == 60_000


def test_table_I_joins_60_pairs_of_maps():
    assert [len(sources) for sources in TABLE_I] == [3] * 6 + [4] * 9 + [6]
    assert [sum(c in sources for sources in TABLE_I) for c in range(6)] == [10] * 6
    assert len(set(TABLE_I)) == 16


def test_a_partial_convolution_is_a_convolution_with_zeros():
    torch.manual_seed(0)
    partial = PartialConv2d(TABLE_I, 5)
    torch.nn.init.normal_(partial.kernels)
    torch.nn.init.normal_(partial.bias)
    dense = torch.nn.Conv2d(6, 16, 5)
    with torch.no_grad():
        dense.weight.zero_()
        dense.bias.copy_(partial.bias)
        for kernel, o, c in zip(partial.kernels, partial.target, partial.source, strict=True):
            dense.weight[o, c] = kernel
    x = torch.randn(2, 6, 14, 14)
    torch.testing.assert_close(partial(x), dense(x))


def test_the_squashing_function_maps_one_to_one_and_bends_most_there():
    z = torch.tensor([1.0, -1.0], dtype=torch.float64)
    torch.testing.assert_close(scaled_tanh(z), z, rtol=0, atol=1e-4)
    grid = torch.linspace(0, 3, 301, dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(scaled_tanh(grid).sum(), grid, create_graph=True)
    (bend,) = torch.autograd.grad(slope.sum(), grid)
    assert float(grid.detach()[bend.abs().argmax()]) == pytest.approx(1.0, abs=0.05)


def test_sub_sampling_adds_four_neighbours():
    layer = Subsample2d(1)
    x = torch.arange(16.0).reshape(1, 1, 4, 4)
    torch.testing.assert_close(layer(x), torch.nn.functional.avg_pool2d(x, 2))
    with torch.no_grad():
        layer.weight.fill_(2.0)
        layer.bias.fill_(1.0)
    assert layer(x)[0, 0, 0, 0] == 2 * (0 + 1 + 4 + 5) + 1


def test_the_nearest_code_is_the_answer_and_codes_differ():
    code = codes(10)
    assert code.shape == (10, 84)
    assert set(code.unique().tolist()) == {-1.0, 1.0}
    assert RadialBasis(code)(code).argmax(1).tolist() == list(range(10))
    assert (RadialBasis(code)(code).diagonal() == 0).all()
    assert len(set(DIGITS)) == 10
    assert len(codes(4).unique(dim=0)) == 4


@pytest.mark.parametrize("make", [lenet5, lenet1998])
def test_other_classes_and_channels(make):
    assert make(num_classes=7, in_channels=3)(torch.zeros(2, 3, 32, 32)).shape == (2, 7)


def test_initial_weights_of_the_paper_lie_within_2_4_over_fan_in():
    torch.manual_seed(0)
    network = lenet1998()
    for layer in network:
        if isinstance(layer, nn.Conv2d | nn.Linear):
            bound = 2.4 / layer.weight[0].numel()
            assert 0.9 * bound < layer.weight.abs().max() <= bound
        elif isinstance(layer, PartialConv2d):
            fan_in = 25 * torch.tensor([len(TABLE_I[o]) for o in layer.target])
            assert (layer.kernels.abs().amax((1, 2)) <= 2.4 / fan_in).all()
