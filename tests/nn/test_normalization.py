"""Norms: torch's modules in every option, running statistics, the axes of E22–E26, low precision."""

import pytest
import torch

import chainrule.nn as nn
from chainrule.errors import UserError
from chainrule.formula import R
from chainrule.gear import gear
from chainrule.nn.layer_norm import group_norm, layer_norm, rms_norm
from chainrule.nn.normalization import batch_norm, instance_norm
from chainrule.nn.response import local_response_norm

from .parity import agree, pair, same_state


def shifted(*shape):
    return (2 * torch.randn(*shape, dtype=torch.float64) + 3).requires_grad_()


@pytest.mark.parametrize("momentum", [0.1, None, 1.0])
@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("tracking", [True, False])
@pytest.mark.parametrize(
    ("name", "shape"), [("BatchNorm1d", (5, 3)), ("BatchNorm1d", (2, 3, 4)), ("BatchNorm2d", (2, 3, 4, 2))]
)
def test_batch_norm_is_torchs_in_training_and_evaluation(name, shape, momentum, affine, tracking):
    ours, theirs = pair(name, 3, momentum=momentum, affine=affine, track_running_stats=tracking, eps=1e-3)
    if affine:
        for module in (ours, theirs):
            torch.nn.init.constant_(module.weight, 1.5)
            torch.nn.init.constant_(module.bias, -0.5)
    agree(ours, theirs, shifted(*shape))
    for _ in range(3):  # so that the running statistics have a history
        x = shifted(*shape)
        with gear("formula"):
            ours(x)
        theirs(x)
    same_state(ours, theirs)
    agree(ours.eval(), theirs.eval(), shifted(*shape))


def test_batch_norm_without_a_bias():
    agree(*pair("BatchNorm2d", 3, bias=False), shifted(2, 3, 4, 2))


@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("tracking", [True, False])
@pytest.mark.parametrize("shape", [(2, 3, 4, 2), (3, 4, 2)], ids=str)
def test_instance_norm_is_torchs(affine, tracking, shape):
    ours, theirs = pair("InstanceNorm2d", 3, affine=affine, track_running_stats=tracking)
    agree(ours, theirs, shifted(*shape))
    x = shifted(*shape)
    with gear("formula"):
        ours(x)
    theirs(x)
    same_state(ours, theirs)
    agree(ours.eval(), theirs.eval(), shifted(*shape))


SAMPLEWISE = [
    ("LayerNorm", (4,), {}, (2, 3, 4)),
    ("LayerNorm", ([3, 4],), {"eps": 0.1}, (2, 3, 4)),
    ("LayerNorm", (4,), {"bias": False}, (4,)),
    ("LayerNorm", (4,), {"elementwise_affine": False}, (2, 4)),
    ("GroupNorm", (2, 4), {}, (3, 4, 2, 2)),
    ("GroupNorm", (1, 4), {"eps": 0.1}, (3, 4)),
    ("GroupNorm", (4, 4), {"affine": False}, (3, 4, 5)),
    ("RMSNorm", (4,), {}, (2, 3, 4)),
    ("RMSNorm", ([3, 4],), {"eps": 0.1}, (2, 3, 4)),
    ("RMSNorm", (4,), {"elementwise_affine": False}, (2, 4)),
    ("LocalResponseNorm", (5,), {"alpha": 0.5}, (2, 7, 3, 2)),
    ("LocalResponseNorm", (2,), {"alpha": 0.5, "beta": 0.5, "k": 2.0}, (2, 7, 3)),
    ("LocalResponseNorm", (3,), {}, (2, 7, 3, 2, 2)),
]


@pytest.mark.parametrize(("name", "args", "options", "shape"), SAMPLEWISE, ids=str)
def test_norm_of_a_sample_is_torchs(name, args, options, shape):
    agree(*pair(name, *args, **options), shifted(*shape))


def test_E22_variance_plus_epsilon():
    x = torch.full((4, 2), 3.0)
    with gear("formula"):
        assert batch_norm(x, training=True, eps=1e-5).tolist() == torch.zeros(4, 2).tolist()  # √(σ² − ε) would be NaN
        y = torch.tensor([[0.0], [2.0]])
        torch.testing.assert_close(batch_norm(y, training=True, eps=3.0), torch.tensor([[-0.5], [0.5]]))


def test_E23_scale_and_shift_come_after():
    x, γ, β = R(6, 2), R(2), R(2)
    with gear("formula"):
        x_hat = batch_norm(x, training=True)
        torch.testing.assert_close(batch_norm(x, None, None, γ, β, True), γ * x_hat + β)


def test_E24_a_channel_is_averaged_over_batch_and_places():
    x = shifted(4, 3, 5, 5)
    with gear("formula"):
        out = batch_norm(x, training=True)
    torch.testing.assert_close(out.mean((0, 2, 3)), torch.zeros(3, dtype=torch.float64))
    torch.testing.assert_close(out.var((0, 2, 3), correction=0), torch.ones(3, dtype=torch.float64), atol=1e-4, rtol=0)
    assert out.mean(0).abs().max() > 0.1  # not per coordinate


def test_E25_running_statistics_and_their_unbiased_variance():
    module = nn.BatchNorm1d(1).double()
    x = torch.tensor([[1.0], [3.0]], dtype=torch.float64)
    with gear("formula"):
        module(x)
        assert module.running_mean.item() == pytest.approx(0.1 * 2)
        assert module.running_var.item() == pytest.approx(0.9 + 0.1 * 2)  # m/(m−1) · 1 = 2
        out = module.eval()(x)
    expected = (x - module.running_mean) / (module.running_var + module.eps).sqrt()
    torch.testing.assert_close(out, expected)
    assert module.num_batches_tracked == 1


def test_E26_layer_norm_names_its_axes_from_behind():
    x = shifted(2, 3, 4)
    with gear("formula"):
        torch.testing.assert_close(layer_norm(x, (3, 4)).mean((1, 2)), torch.zeros(2, dtype=torch.float64))
        torch.testing.assert_close(layer_norm(x, (4,)).mean(2), torch.zeros(2, 3, dtype=torch.float64))
        assert layer_norm(x, (3, 4)).mean(2).abs().max() > 0.05


def test_the_norms_are_one_family():
    x = shifted(2, 4, 3, 3)
    with gear("formula"):
        torch.testing.assert_close(group_norm(x, 4), instance_norm(x))
        torch.testing.assert_close(group_norm(x, 1), layer_norm(x, (4, 3, 3)))
        centred = x - x.mean((1, 2, 3), keepdim=True)
        torch.testing.assert_close(rms_norm(centred, (4, 3, 3), None, 1e-5), layer_norm(x, (4, 3, 3)))


def test_response_window_reaches_further_back():
    x = torch.eye(4).reshape(4, 4, 1) * 2
    with gear("formula"):
        out = local_response_norm(torch.ones(1, 4, 1) + x[:1], 2, 1.0, 1.0, 0.0)
    # the window of size 2 holds the channel and the one before it: (9, 9+1, 1+1, 1+1) / 2
    torch.testing.assert_close(out.flatten(), torch.tensor([3 / 4.5, 1 / 5, 1.0, 1.0]))


@pytest.mark.parametrize("chosen", ["formula", "auto"])
def test_one_value_a_channel_is_refused(chosen):
    with gear(chosen):
        for module, shape in (
            (nn.BatchNorm1d(3), (1, 3)),
            (nn.BatchNorm2d(3), (1, 3, 1, 1)),
            (nn.InstanceNorm2d(3), (2, 3, 1, 1)),
        ):
            with pytest.raises(ValueError, match=r"more than 1|at least two"):
                module(torch.ones(shape))
            with gear("formula"), pytest.raises(UserError, match="has one value a channel"):
                module(torch.ones(shape))
        assert nn.BatchNorm1d(3).eval()(torch.ones(1, 3)).shape == (1, 3)


@pytest.mark.parametrize("chosen", ["formula", "auto"])
def test_an_empty_batch_teaches_nothing(chosen):
    module = nn.BatchNorm2d(3)
    with gear(chosen):
        assert module(torch.zeros(0, 3, 2, 2)).shape == (0, 3, 2, 2)
        assert nn.InstanceNorm2d(3, track_running_stats=True)(torch.zeros(0, 3, 2, 2)).shape == (0, 3, 2, 2)
    assert module.running_mean.tolist() == [0, 0, 0] and module.running_var.tolist() == [1, 1, 1]


@pytest.mark.parametrize("chosen", ["formula", "auto"])
@pytest.mark.parametrize("module", [nn.LayerNorm(4), nn.LayerNorm((2, 4), bias=False), nn.RMSNorm(4)], ids=str)
def test_an_input_that_does_not_end_in_the_shape_is_refused(module, chosen):
    for shape in ((3, 5), (2, 1), (4, 2)):  # the second would be broadcast
        with gear(chosen), pytest.raises((UserError, RuntimeError), match="shape"):
            module(torch.zeros(shape))


def test_a_wrong_number_of_axes_is_refused_as_torch_does():
    with gear("formula"), pytest.raises(ValueError, match="expected 4D input"):
        nn.BatchNorm2d(3)(torch.zeros(2, 3))


@pytest.mark.parametrize("name", ["BatchNorm2d", "InstanceNorm2d", "GroupNorm", "LayerNorm", "RMSNorm"])
def test_bfloat16_sums_in_float32(name):
    args = {"GroupNorm": (1, 3), "LayerNorm": ([3, 16, 16],), "RMSNorm": ([3, 16, 16],)}.get(name, (3,))
    module = getattr(nn, name)(*args).bfloat16()
    torch.manual_seed(0)
    x = (torch.randn(8, 3, 16, 16) + 8).bfloat16()
    with gear("formula"):
        out = module(x)
    assert out.dtype == torch.bfloat16
    exact = getattr(torch.nn, name)(*args)(x.float())
    torch.testing.assert_close(out.float(), exact, rtol=2e-2, atol=2e-2)


def test_a_large_mean_does_not_eat_the_variance():
    x = torch.randn(64, 3) + 1000
    with gear("formula"):
        out = batch_norm(x, training=True)
    torch.testing.assert_close(out.std(0, correction=0), torch.ones(3), rtol=1e-3, atol=0)


@pytest.mark.parametrize("momentum", [0.1, None])
def test_compiled_module_updates_its_statistics(momentum):
    torch._dynamo.reset()
    torch.manual_seed(0)
    ours, theirs = nn.BatchNorm2d(3, momentum=momentum), nn.BatchNorm2d(3, momentum=momentum)
    with gear("formula"):
        built = torch.compile(ours, fullgraph=True, backend="aot_eager")
        for _ in range(2):
            x = torch.randn(4, 3, 2, 2)
            torch.testing.assert_close(built(x), theirs(x))
    same_state(ours.double(), theirs.double())


@pytest.mark.parametrize("momentum", [0.1, None])
def test_running_statistics_move_in_a_compiled_graph(momentum):
    """Torch's own counting for momentum=None reads a number out of a tensor, which would break the graph."""
    torch._dynamo.reset()
    own, torchs = nn.BatchNorm2d(3, momentum=momentum), torch.nn.BatchNorm2d(3, momentum=momentum)
    compiled = torch.compile(own, backend="aot_eager", fullgraph=True)
    for _ in range(3):
        x = torch.randn(4, 3, 5, 5)
        torch.testing.assert_close(compiled(x), torchs(x))
    torch.testing.assert_close(dict(own.named_buffers()), dict(torchs.named_buffers()))
