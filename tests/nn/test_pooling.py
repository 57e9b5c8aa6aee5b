"""Pooling: against torch over a grid of options, its conventions at ties, and the notes' errata."""

import copy
import itertools
import pickle

import pytest
import torch
import torch.nn.functional as F

import chainrule
import chainrule.nn as nn
from chainrule.nn import pooling

DOUBLE = torch.float64


def same_as_torch(ours, theirs, x):
    """Outputs, places and the delta of x, or an error of the same kind from both."""
    a, b = (x.clone().requires_grad_() for _ in range(2))
    try:
        expected = theirs(b)
    except RuntimeError:
        with pytest.raises(RuntimeError):
            ours(a)
        return
    got = ours(a)
    got, expected = (v if isinstance(v, tuple) else (v,) for v in (got, expected))
    δ = torch.linspace(-1, 2, expected[0].numel(), dtype=x.dtype).reshape(expected[0].shape)
    got += torch.autograd.grad(got[0], a, δ)
    expected += torch.autograd.grad(expected[0], b, δ)
    for g, e in zip(got, expected, strict=True):
        torch.testing.assert_close(g, e, rtol=1e-10, atol=1e-10)


SMOOTH = torch.linspace(-3, 3, 2 * 2 * 7 * 9, dtype=DOUBLE).mul(7).sin().reshape(2, 2, 7, 9)
TIED = SMOOTH.round()  # many equal entries: the place of the maximum has to be torch's too


@pytest.mark.parametrize("kernel, stride", list(itertools.product((1, 2, 3, (3, 2)), (None, 1, 2, (2, 3)))))
def test_max_pool2d_is_torchs_on_every_option(kernel, stride):
    with chainrule.gear("formula"):
        for padding, dilation, ceil in itertools.product((0, 1, (1, 0)), (1, 2, 3), (False, True)):
            window = (kernel, stride, padding, dilation, ceil)
            same_as_torch(
                lambda x, w=window: pooling.max_pool2d(x, *w, return_indices=True),
                lambda x, w=window: F.max_pool2d(x, *w, return_indices=True),
                TIED,
            )


def test_max_pool1d_is_torchs_on_every_option():
    with chainrule.gear("formula"):
        grid = itertools.product((1, 2, (3,)), (None, 1, 2), (0, 1), (1, 2, 3), (False, True))
        for kernel, stride, padding, dilation, ceil in grid:
            window = (kernel, stride, padding, dilation, ceil)
            same_as_torch(
                lambda x, w=window: pooling.max_pool1d(x, *w, return_indices=True),
                lambda x, w=window: F.max_pool1d(x, *w, return_indices=True),
                TIED[0],
            )


@pytest.mark.parametrize("kernel, stride", list(itertools.product((1, 2, 3, (3, 2)), ((), 1, 2, (2, 3)))))
def test_avg_pool2d_is_torchs_on_every_option(kernel, stride):
    with chainrule.gear("formula"):
        for options in itertools.product((0, 1, (1, 0)), (False, True), (False, True), (None, 3)):
            window = (kernel, stride, *options)
            same_as_torch(
                lambda x, w=window: pooling.avg_pool2d(x, *w), lambda x, w=window: F.avg_pool2d(x, *w), SMOOTH
            )


def test_avg_pool1d_is_torchs_on_every_option():
    with chainrule.gear("formula"):
        for window in itertools.product((1, 2, (3,)), ((), 1, 2), (0, 1), (False, True), (False, True)):
            same_as_torch(
                lambda x, w=window: pooling.avg_pool1d(x, *w), lambda x, w=window: F.avg_pool1d(x, *w), SMOOTH[0]
            )


@pytest.mark.parametrize("rows", [None, 1, 2, 3, 5, 7, 8, 11])
def test_adaptive_pooling_is_torchs_for_every_size(rows):
    with chainrule.gear("formula"):
        for columns in (None, 1, 2, 4, 9, 10):
            size = (rows, columns)
            same_as_torch(
                lambda x, s=size: pooling.adaptive_max_pool2d(x, s, return_indices=True),
                lambda x, s=size: F.adaptive_max_pool2d(x, s, return_indices=True),
                TIED,
            )
            same_as_torch(
                lambda x, s=size: pooling.adaptive_avg_pool2d(x, s),
                lambda x, s=size: F.adaptive_avg_pool2d(x, s),
                SMOOTH,
            )


@pytest.mark.parametrize("gear", ["formula", "twin"])
def test_E19_the_first_of_equal_maxima_gets_the_whole_delta(gear):
    x = torch.zeros(1, 1, 4, 4, dtype=DOUBLE, requires_grad=True)
    with chainrule.gear(gear):
        out, where = pooling.max_pool2d(x, 2, return_indices=True)
        δx = torch.autograd.grad(out.sum(), x)[0]
    assert where.flatten().tolist() == [0, 2, 8, 10]
    assert δx.flatten().nonzero().flatten().tolist() == [0, 2, 8, 10] and δx.sum() == 4
    shared = torch.autograd.grad(x.unfold(2, 2, 2).unfold(3, 2, 2).amax((-2, -1)).sum(), x)[0]
    assert (shared == 0.25).all()  # amax is another formula


@pytest.mark.parametrize("gear", ["formula", "twin"])
def test_E19_an_average_gives_every_entry_its_share(gear):
    x = torch.zeros(1, 1, 4, 4, dtype=DOUBLE, requires_grad=True)
    with chainrule.gear(gear):
        δx = torch.autograd.grad(pooling.avg_pool2d(x, 2).sum(), x)[0]
        assert (δx == 1 / 4).all()
        corner = torch.autograd.grad(pooling.avg_pool2d(x, 2, 2, 1).sum(), x)[0][0, 0, 0, 0]
        alone = torch.autograd.grad(pooling.avg_pool2d(x, 2, 2, 1, False, False).sum(), x)[0][0, 0, 0, 0]
    assert corner == 1 / 4 and alone == 1  # the padding's zeros count, or they do not


def test_overlapping_windows_add_up_their_deltas():
    x = torch.tensor([[[0.0, 9.0, 0.0]]], dtype=DOUBLE, requires_grad=True)
    with chainrule.gear("formula"):
        δx = torch.autograd.grad(pooling.max_pool1d(x, 2, 1).sum(), x)[0]
    assert δx.tolist() == [[[0.0, 2.0, 0.0]]]


def test_padding_never_wins_a_maximum():
    x = torch.full((1, 1, 3, 3), -float("inf"), dtype=DOUBLE)
    with chainrule.gear("formula"):
        out, where = pooling.max_pool2d(x, 3, 1, 1, return_indices=True)
    assert (out == -float("inf")).all()
    assert where.tolist() == F.max_pool2d(x, 3, 1, 1, return_indices=True)[1].tolist()


MODULES = [
    ("MaxPool1d", {"kernel_size": 3, "stride": 2, "padding": 1, "dilation": 2, "ceil_mode": True}, 2),
    ("MaxPool1d", {"kernel_size": 2, "return_indices": True}, 2),
    ("MaxPool2d", {"kernel_size": (3, 2)}, 3),
    ("MaxPool2d", {"kernel_size": 3, "stride": 2, "padding": 1, "return_indices": True}, 3),
    ("AvgPool1d", {"kernel_size": 2}, 2),
    ("AvgPool1d", {"kernel_size": 3, "stride": 2, "padding": 1, "ceil_mode": True, "count_include_pad": False}, 2),
    ("AvgPool2d", {"kernel_size": 2}, 3),
    ("AvgPool2d", {"kernel_size": (2, 3), "stride": (2, 1), "padding": 1, "divisor_override": 5}, 3),
    ("AdaptiveAvgPool2d", {"output_size": (3, None)}, 3),
    ("AdaptiveAvgPool2d", {"output_size": 1}, 3),
    ("AdaptiveMaxPool2d", {"output_size": (2, 4)}, 3),
    ("AdaptiveMaxPool2d", {"output_size": 3, "return_indices": True}, 3),
]


@pytest.mark.parametrize("name, options, lone", MODULES, ids=lambda v: str(v))
@pytest.mark.parametrize("gear", ["formula", "auto"])
def test_modules_are_torchs(name, options, lone, gear):
    layer, reference = getattr(nn, name)(**options), getattr(torch.nn, name)(**options)
    assert repr(layer) == repr(reference)
    x = SMOOTH[0] if lone == 2 else SMOOTH
    with chainrule.gear(gear):
        same_as_torch(layer, reference, x)
        same_as_torch(layer, reference, x[0])
        for again in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
            assert repr(again) == repr(layer)
            same_as_torch(again, reference, x)


BAD = {
    "padding above half the kernel": lambda x: pooling.max_pool2d(x, 2, padding=2),
    "padding above half of a dilated kernel": lambda x: pooling.max_pool2d(x, 3, padding=2, dilation=2),
    "kernel above the input": lambda x: pooling.max_pool2d(x, 20),
    "no kernel": lambda x: pooling.max_pool2d(x, 0),
    "no dilation": lambda x: pooling.max_pool2d(x, 2, dilation=0),
    "negative padding": lambda x: pooling.max_pool2d(x, 2, padding=-1),
    "line, padding": lambda x: pooling.max_pool1d(x[0], 2, padding=2),
    "mean, padding": lambda x: pooling.avg_pool2d(x, 2, padding=2),
    "mean, kernel": lambda x: pooling.avg_pool2d(x, 20),
    "mean of a line": lambda x: pooling.avg_pool1d(x[0], 20),
    "sizes below zero": lambda x: pooling.adaptive_avg_pool2d(x, -1),
    "maximum of sizes below zero": lambda x: pooling.adaptive_max_pool2d(x, (2, -1)),
}


@pytest.mark.parametrize("call", list(BAD.values()), ids=list(BAD))
@pytest.mark.parametrize("gear", ["formula", "auto"])
def test_windows_that_do_not_fit_raise_as_torch_does(call, gear):
    with chainrule.gear(gear), pytest.raises(RuntimeError):
        call(torch.ones(1, 1, 7, 9))
