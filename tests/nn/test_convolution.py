"""Convolutions: against explicit sums, against torch.nn over a grid of options, and the notes' errata."""

import copy
import itertools
import pickle

import pytest
import torch

import chainrule
from chainrule.nn import Conv1d, Conv2d, ConvTranspose2d, DepthwiseSeparableConv2d
from chainrule.nn.convolution import conv1d, conv2d, conv2d_im2col, conv_transpose2d

DOUBLE = torch.float64


def draw(*shape):
    return torch.randn(*shape, dtype=DOUBLE, requires_grad=True)


def deltas(call, *args):
    """Outputs and gradients in the tensors among the arguments, for one fixed cotangent."""
    out = call(*args)
    wanted = [a for a in args if isinstance(a, torch.Tensor)]
    cotangent = torch.linspace(-1, 1, out.numel(), dtype=out.dtype).reshape(out.shape)
    return [out, *torch.autograd.grad(out, wanted, cotangent)]


def same(got, expected):
    for a, b in zip(got, expected, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-10)


def explicit(x, weight, bias, stride, padding, dilation):
    """Y[n,o,p] = b_o + Σ_{c,k} W[o,c,k] · X[n, c, s·p + d·k − pad], term by term."""
    (N, C, H, W), (O, _, K, L) = x.shape, weight.shape
    rows = (H + 2 * padding - dilation * (K - 1) - 1) // stride + 1
    columns = (W + 2 * padding - dilation * (L - 1) - 1) // stride + 1
    out = torch.zeros(N, O, rows, columns, dtype=x.dtype)
    for n, o, p, q in itertools.product(range(N), range(O), range(rows), range(columns)):
        total = bias[o].clone()
        for c, k, m in itertools.product(range(C), range(K), range(L)):
            h, w = stride * p + dilation * k - padding, stride * q + dilation * m - padding
            if 0 <= h < H and 0 <= w < W:
                total = total + weight[o, c, k, m] * x[n, c, h, w]
        out[n, o, p, q] = total
    return out


@pytest.mark.parametrize("stride, padding, dilation", [(1, 0, 1), (2, 1, 1), (1, 1, 2), (2, 2, 2)])
def test_E14_convolution_is_the_sum_over_channels_and_kernel(stride, padding, dilation):
    x, weight, bias = draw(2, 2, 5, 6), draw(3, 2, 3, 2), draw(3)
    expected = explicit(x, weight, bias, stride, padding, dilation)
    with chainrule.gear("formula"):
        torch.testing.assert_close(conv2d(x, weight, bias, stride, padding, dilation), expected)
        torch.testing.assert_close(conv2d_im2col(x, weight, bias, stride, padding, dilation), expected)


def test_E14_the_deltas_are_the_transposed_convolution_and_the_swapped_convolution():
    x, weight, bias = draw(2, 3, 6, 5), draw(4, 3, 3, 2), draw(4)
    with chainrule.gear("formula"):
        out = conv2d(x, weight, bias)
        δ = torch.randn_like(out)
        δx, δweight, δbias = torch.autograd.grad(out, (x, weight, bias), δ)
    torch.testing.assert_close(δx, torch.conv_transpose2d(δ, weight))
    torch.testing.assert_close(δweight, torch.conv2d(x.transpose(0, 1), δ.transpose(0, 1)).transpose(0, 1))
    torch.testing.assert_close(δbias, δ.sum((0, 2, 3)))


def test_E14_im2col_has_the_deltas_of_the_convolution():
    args = (draw(2, 3, 7, 6), draw(4, 3, 3, 2), draw(4))
    with chainrule.gear("formula"):
        same(
            deltas(lambda *a: conv2d_im2col(*a, 2, (1, 0), (1, 2)), *args),
            deltas(lambda *a: conv2d(*a, 2, (1, 0), (1, 2)), *args),
        )


def test_E15_a_kernel_has_the_channels_of_its_group():
    assert Conv2d(8, 12, 3, groups=4).weight.shape == (12, 2, 3, 3)
    assert ConvTranspose2d(8, 12, 3, groups=4).weight.shape == (8, 3, 3, 3)


def test_E16_depthwise_separable_is_depthwise_then_pointwise():
    torch.manual_seed(0)
    layer = DepthwiseSeparableConv2d(4, 6, 3, stride=2, padding=1, padding_mode="reflect", dtype=DOUBLE)
    assert [name for name, _ in layer.named_children()] == ["depthwise", "pointwise"]
    assert layer.pointwise.kernel_size == (1, 1) and layer.pointwise.groups == 1
    x = draw(2, 4, 7, 8)
    torch.testing.assert_close(layer(x), layer.pointwise(layer.depthwise(x)))
    # a depthwise channel sees its own input channel alone
    δ = torch.autograd.grad(layer.depthwise(x)[:, 1].sum(), x)[0]
    assert δ[:, 1].abs().sum() > 0 and δ[:, [0, 2, 3]].abs().sum() == 0


def test_E17_the_depth_multiplier_is_one_unless_said():
    assert DepthwiseSeparableConv2d(4, 6, 3).depthwise.weight.shape == (4, 1, 3, 3)
    wide = DepthwiseSeparableConv2d(4, 6, 3, multiplier=3, bias=False)
    assert wide.depthwise.weight.shape == (12, 1, 3, 3) and wide.pointwise.weight.shape == (6, 12, 1, 1)
    assert wide.depthwise.bias is None and wide.pointwise.bias is None


def test_separable_convolution_has_fewer_weights_than_a_full_one():
    def size(layer):
        return sum(p.numel() for p in layer.parameters())

    assert size(DepthwiseSeparableConv2d(32, 64, 3, bias=False)) == 32 * 9 + 32 * 64
    assert size(Conv2d(32, 64, 3, bias=False)) == 32 * 64 * 9


MODES = [{"padding": 1, "padding_mode": mode} for mode in ("reflect", "replicate", "circular")]
LINES = [
    {"kernel_size": 3},
    {"kernel_size": 3, "stride": 2, "padding": 1, "dilation": 2, "bias": False},
    {"kernel_size": 2, "padding": "same", "groups": 2},
    {"kernel_size": 4, "padding": "same", "dilation": 3},
    {"kernel_size": 3, "padding": "valid", "stride": 3},
    {"kernel_size": 3, "padding": "same", "padding_mode": "circular"},
    *(dict(kernel_size=3, **mode) for mode in MODES),
]
PLANES = [
    *LINES,
    {"kernel_size": (3, 2), "stride": (1, 2), "padding": (2, 0), "dilation": (1, 2), "groups": 2},
    {"kernel_size": (2, 5), "padding": "same", "padding_mode": "reflect"},
    {"kernel_size": (4, 3), "padding": "same", "dilation": (1, 2)},
    {"kernel_size": 1, "groups": 4},
]
TRANSPOSED = [
    {"kernel_size": 3},
    {"kernel_size": 3, "stride": 2, "padding": 1, "output_padding": 1, "groups": 2},
    {"kernel_size": (2, 3), "stride": (3, 1), "output_padding": (2, 0), "bias": False},
    {"kernel_size": 2, "dilation": 3, "output_padding": 2, "padding": 1},
]
CASES = [
    *((Conv1d, torch.nn.Conv1d, options, (3, 4, 11)) for options in LINES),
    *((Conv2d, torch.nn.Conv2d, options, (2, 4, 11, 9)) for options in PLANES),
    *((ConvTranspose2d, torch.nn.ConvTranspose2d, options, (2, 4, 5, 4)) for options in TRANSPOSED),
]


def pair(ours, theirs, options):
    made = []
    for kind in (ours, theirs):
        torch.manual_seed(3)
        made.append(kind(4, 8, **options, dtype=DOUBLE))
    return made


@pytest.mark.parametrize("ours, theirs, options, shape", CASES, ids=lambda v: str(v) if isinstance(v, dict) else "")
@pytest.mark.parametrize("lone", [False, True], ids=["batch", "lone sample"])
@pytest.mark.parametrize("gear", ["formula", "auto"])
def test_modules_are_torchs_forward_and_backward(ours, theirs, options, shape, lone, gear):
    layer, reference = pair(ours, theirs, options)
    state, expected = layer.state_dict(), reference.state_dict()
    assert list(state) == list(expected) and all(torch.equal(state[k], expected[k]) for k in state)
    assert repr(layer) == repr(reference)
    x = draw(*shape[1:]) if lone else draw(*shape)
    with chainrule.gear(gear):
        got = deltas(lambda x, *_: layer(x), x, *layer.parameters())
    same(got, deltas(lambda x, *_: reference(x), x, *reference.parameters()))


@pytest.mark.parametrize("ours, theirs, options, shape", CASES[:: len(LINES) - 1])
def test_modules_copy_and_pickle(ours, theirs, options, shape):
    layer = ours(4, 8, **options)
    x = torch.randn(shape)
    for again in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert repr(again) == repr(layer) and torch.equal(again(x), layer(x))


@pytest.mark.parametrize("gear", ["formula", "auto"])
def test_transposed_output_size(gear):
    layer, reference = pair(ConvTranspose2d, torch.nn.ConvTranspose2d, {"kernel_size": 3, "stride": 2, "padding": 1})
    x = draw(2, 4, 5, 4)
    with chainrule.gear(gear):
        for size in ((9, 8), (10, 7), (2, 8, 10, 8)):
            same([layer(x, output_size=size)], [reference(x, output_size=size)])
        with pytest.raises(ValueError, match="valid sizes range"):
            layer(x, output_size=(12, 8))


def test_transposed_convolution_is_the_transpose():
    """⟨conv(x), y⟩ = ⟨x, conv_transpose(y)⟩ with the same weight."""
    x, weight = draw(2, 3, 8, 7), draw(4, 3, 3, 2)
    with chainrule.gear("formula"):
        z = conv2d(x, weight, None, (2, 1), 1)
        y = torch.randn_like(z)
        back = conv_transpose2d(y, weight, None, (2, 1), 1, (1, 0))
    torch.testing.assert_close((z * y).sum(), (x * back).sum())


@pytest.mark.parametrize("gear", ["formula", "auto"])
@pytest.mark.parametrize(
    "call",
    [
        lambda: conv2d(torch.ones(1, 3, 4, 4), torch.ones(2, 2, 3, 3)),
        lambda: conv2d(torch.ones(1, 2, 2, 2), torch.ones(2, 2, 3, 3)),
        lambda: conv2d(torch.ones(1, 2, 6, 6), torch.ones(2, 2, 3, 3), None, 2, "same"),
        lambda: conv2d(torch.ones(1, 2, 6, 6), torch.ones(2, 2, 3, 3), None, 0),
        lambda: conv2d(torch.ones(1, 2, 6, 6), torch.ones(2, 2, 3, 3), None, 1, "full"),
        lambda: conv2d(torch.ones(1, 4, 6, 6), torch.ones(3, 2, 3, 3), None, 1, 0, 1, 2),
        lambda: conv1d(torch.ones(1, 2, 6), torch.ones(2, 2, 3), torch.ones(3)),
        lambda: conv_transpose2d(torch.ones(1, 2, 4, 4), torch.ones(2, 2, 3, 3), None, 2, 0, 2),
        lambda: conv2d_im2col(torch.ones(1, 2, 2, 2), torch.ones(2, 2, 3, 3)),
    ],
)
def test_shapes_that_do_not_fit_raise_torchs_error(call, gear):
    with chainrule.gear(gear), pytest.raises(RuntimeError):
        call()


@pytest.mark.parametrize("build", [lambda: Conv2d(3, 4, 3, groups=2), lambda: Conv2d(4, 4, 3, padding_mode="mirror")])
def test_constructors_raise_torchs_error(build):
    with pytest.raises(ValueError):
        build()


def test_unneeded_deltas_are_not_computed(monkeypatch):
    """A first layer whose input asks for no delta spends nothing on one."""
    called = []
    original = torch.conv_transpose2d
    monkeypatch.setattr(torch, "conv_transpose2d", lambda *a: called.append(1) or original(*a))
    weight = draw(2, 1, 3, 3)
    with chainrule.gear("formula"):
        conv2d(torch.ones(1, 1, 5, 5, dtype=DOUBLE), weight).sum().backward()
        assert weight.grad is not None and not called
        conv2d(draw(1, 1, 5, 5), weight).sum().backward()
    assert called
