"""Padding and up-sampling: against torch over a grid of options, and their conventions at borders."""

import copy
import pickle

import pytest
import torch
import torch.nn.functional as F

import chainrule
from chainrule.errors import UserError
from chainrule.nn import ReflectionPad2d, Upsample, ZeroPad2d
from chainrule.nn.resampling import extension_pad, interpolate_bilinear, interpolate_nearest, zero_pad2d

DOUBLE = torch.float64
FACTORS = (0.3, 0.5, 0.7, 1.0, 1.5, 2.0, 2.3, 3.0, 7.0)


def draw(*shape):
    return torch.randn(*shape, dtype=DOUBLE)


def same_as_torch(ours, theirs, x):
    results = []
    for call in (ours, theirs):
        leaf = x.clone().requires_grad_()
        out = call(leaf)
        δ = torch.linspace(-1, 2, out.numel(), dtype=x.dtype).reshape(out.shape)
        results.append((out, *torch.autograd.grad(out, leaf, δ)))
    for a, b in zip(*results, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("mode", ["reflect", "replicate", "circular"])
@pytest.mark.parametrize("padding", [(0, 0, 0, 0), (1, 2, 3, 0), (4, 4, 3, 3), (2, 1), (-1, 2, 2, -1)])
def test_extension_is_torchs(mode, padding):
    x = draw(2, 3, 4, 5) if len(padding) == 4 else draw(2, 3, 5)
    with chainrule.gear("formula"):
        same_as_torch(lambda t: extension_pad(t, padding, mode), lambda t: F.pad(t, padding, mode), x)


def test_a_mirror_does_not_repeat_the_border():
    x = torch.tensor([[0.0, 1.0, 2.0, 3.0]])
    with chainrule.gear("formula"):
        assert extension_pad(x, (2, 2), "reflect").tolist() == [[2, 1, 0, 1, 2, 3, 2, 1]]
        assert extension_pad(x, (2, 2), "replicate").tolist() == [[0, 0, 0, 1, 2, 3, 3, 3]]
        assert extension_pad(x, (2, 2), "circular").tolist() == [[2, 3, 0, 1, 2, 3, 0, 1]]


@pytest.mark.parametrize("gear, error", [("formula", IndexError), ("auto", RuntimeError)])
def test_a_mirror_image_longer_than_the_image_is_refused(gear, error):
    with chainrule.gear(gear), pytest.raises(error):
        ReflectionPad2d(4)(torch.ones(1, 1, 4, 4))


@pytest.mark.parametrize("padding", [(1, 2, 0, 3), [0, -1, -2, 1]])
def test_zero_padding_is_torchs(padding):
    with chainrule.gear("formula"):
        same_as_torch(lambda t: zero_pad2d(t, padding), lambda t: F.pad(t, padding), draw(2, 3, 4, 5))


@pytest.mark.parametrize("gear", ["formula", "auto"])
def test_zero_padding_that_leaves_nothing_is_refused(gear):
    with chainrule.gear(gear), pytest.raises(RuntimeError):
        ZeroPad2d((0, -6, 0, 0))(torch.ones(1, 1, 4, 4))


@pytest.mark.parametrize("length", [1, 2, 3, 5, 8, 13])
def test_nearest_reads_the_places_torch_reads(length):
    with chainrule.gear("formula"):
        for m in (1, 2, 3, 5, 9, 16, 82):
            same_as_torch(
                lambda t, m=m: interpolate_nearest(t, (m, 2)),
                lambda t, m=m: F.interpolate(t, (m, 2)),
                draw(1, 1, length, 3),
            )
        for factor in (f for f in FACTORS if int(length * f)):
            scales = (factor, 1.0)
            same_as_torch(
                lambda t, s=scales: interpolate_nearest(t, None, s),
                lambda t, s=scales: F.interpolate(t, None, s),
                draw(1, 1, length, 3),
            )


def test_nearest_in_single_precision_rounds_as_torch_does():
    x = torch.tensor([[[[0.0, 1.0]]]])
    with chainrule.gear("formula"):
        out = interpolate_nearest(x, (1, 82))
    assert out[..., 41] == 0.0 and torch.equal(out, F.interpolate(x, (1, 82)))


@pytest.mark.parametrize("gear", ["formula", "twin"])
@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 1, 3, 3), (1, 1, 3, 3, 3)], ids=["line", "plane", "volume"])
@pytest.mark.parametrize("factor, source", [(1.1, [0, 1, 2]), (2.3, [0, 0, 1, 1, 2, 2])])
def test_a_factor_that_keeps_or_doubles_a_length_reads_the_same_places_forward_and_backward(
    gear, shape, factor, source
):
    """torch's line kernel reads [0, 0, 1] for 3 × 1.1 and gives back as if it had read [0, 1, 2]."""
    x = torch.arange(3.0, dtype=DOUBLE).expand(shape).clone().requires_grad_()
    with chainrule.gear(gear):
        out = interpolate_nearest(x, None, (1.0,) * (len(shape) - 3) + (factor,))
    line = out.reshape(-1, out.shape[-1])[0]
    assert line.tolist() == source
    weights = torch.arange(1.0, len(source) + 1, dtype=DOUBLE)
    δ = torch.autograd.grad((line * weights).sum(), x)[0].reshape(-1, 3)[0]
    assert δ.tolist() == torch.zeros(3, dtype=DOUBLE).index_add(0, torch.tensor(source), weights).tolist()


@pytest.mark.parametrize("corners", [False, True])
@pytest.mark.parametrize("length", [1, 2, 3, 5, 8])
def test_bilinear_is_torchs(length, corners):
    x = draw(2, 2, length, 3)
    with chainrule.gear("formula"):
        for m in (1, 2, 3, 7, 16):
            same_as_torch(
                lambda t, m=m: interpolate_bilinear(t, (m, 4), None, corners),
                lambda t, m=m: F.interpolate(t, (m, 4), None, "bilinear", corners),
                x,
            )
        for factor in (f for f in FACTORS if int(length * f)):
            same_as_torch(
                lambda t, f=factor: interpolate_bilinear(t, None, (f, 1.5), corners),
                lambda t, f=factor: F.interpolate(t, None, (f, 1.5), "bilinear", corners),
                x,
            )


def test_bilinear_shares_sum_to_one():
    with chainrule.gear("formula"):
        for corners in (False, True):
            assert torch.allclose(interpolate_bilinear(torch.ones(1, 1, 4, 5), (9, 3), None, corners), torch.ones(9, 3))


MODULES = [
    (Upsample, torch.nn.Upsample, {"scale_factor": 2}),
    (Upsample, torch.nn.Upsample, {"size": (7, 3)}),
    (Upsample, torch.nn.Upsample, {"scale_factor": 0.7, "recompute_scale_factor": True}),
    (Upsample, torch.nn.Upsample, {"scale_factor": (1.7, 0.8), "mode": "bilinear"}),
    (Upsample, torch.nn.Upsample, {"size": 9, "mode": "bilinear", "align_corners": True}),
    (Upsample, torch.nn.Upsample, {"scale_factor": 2.6, "mode": "bilinear", "recompute_scale_factor": True}),
    (ZeroPad2d, torch.nn.ZeroPad2d, {"padding": 2}),
    (ZeroPad2d, torch.nn.ZeroPad2d, {"padding": (1, 0, -1, 2)}),
    (ReflectionPad2d, torch.nn.ReflectionPad2d, {"padding": (1, 3, 2, 0)}),
]


@pytest.mark.parametrize("ours, theirs, options", MODULES, ids=lambda v: str(v) if isinstance(v, dict) else "")
@pytest.mark.parametrize("gear", ["formula", "auto"])
def test_modules_are_torchs(ours, theirs, options, gear):
    layer, reference = ours(**options), theirs(**options)
    assert repr(layer) == repr(reference)
    with chainrule.gear(gear):
        for again in (layer, copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
            same_as_torch(again, reference, draw(2, 3, 4, 5))
        if ours is not Upsample:
            same_as_torch(layer, reference, draw(3, 4, 5))


@pytest.mark.parametrize("shape", [(2, 3, 5), (2, 3, 2, 3, 2)], ids=["line", "volume"])
def test_nearest_takes_lines_and_volumes(shape):
    with chainrule.gear("formula"):
        same_as_torch(Upsample(scale_factor=3), torch.nn.Upsample(scale_factor=3), draw(*shape))


@pytest.mark.parametrize(
    "options",
    [
        {"scale_factor": 2, "mode": "bicubic"},
        {"scale_factor": 2, "align_corners": True},
        {"size": 3, "recompute_scale_factor": True},
    ],
    ids=str,
)
def test_options_that_do_not_go_together_are_refused_at_once(options):
    with pytest.raises(UserError, match="="):
        Upsample(**options)


@pytest.mark.parametrize("gear", ["formula", "auto"])
@pytest.mark.parametrize("options", [{}, {"size": 3, "scale_factor": 2.0}, {"size": (3, 3, 3)}], ids=str)
def test_sizes_that_do_not_fit_raise_as_torch_does(options, gear):
    with chainrule.gear(gear), pytest.raises(ValueError):
        Upsample(**options)(torch.ones(1, 1, 4, 4))
