"""Dropout: torch's numbers from torch's seed, masks from outside, expectation (E20), torchvision's stochastic depth."""

import copy
import pickle

import pytest
import torch

import chainrule.nn as nn
from chainrule.errors import UserError
from chainrule.gear import gear
from chainrule.nn.dropout import dropout

from .parity import agree, pair


@pytest.mark.parametrize("p", [0.0, 0.3, 0.9, 1.0])
@pytest.mark.parametrize(
    ("name", "shape"), [("Dropout", (50,)), ("Dropout", (4, 3, 5, 5)), ("Dropout2d", (4, 6, 5, 5))]
)
def test_same_seed_same_numbers_in_every_gear(name, shape, p):
    ours, theirs = pair(name, p)
    agree(ours, theirs, torch.randn(shape, dtype=torch.float64, requires_grad=True), seed=3)
    agree(ours.eval(), theirs.eval(), torch.randn(shape, dtype=torch.float64, requires_grad=True))


def test_float32_is_bit_equal_and_the_generator_stands_where_torchs_does():
    x = torch.randn(1000)
    for p in (0.1, 0.3, 0.5, 0.7):
        torch.manual_seed(0)
        expected, after = torch.nn.functional.dropout(x, p), torch.rand(1)
        torch.manual_seed(0)
        with gear("formula"):
            assert torch.equal(nn.Dropout(p)(x), expected) and torch.equal(torch.rand(1), after)


def test_channels_last_keeps_torchs_numbers():
    x = torch.randn(2, 3, 4, 5).to(memory_format=torch.channels_last)
    for name in ("Dropout", "Dropout2d"):
        torch.manual_seed(0)
        expected = getattr(torch.nn, name)(0.4)(x)
        torch.manual_seed(0)
        with gear("formula"):
            assert torch.equal(getattr(nn, name)(0.4)(x), expected)


def test_E20_the_mean_stays_and_evaluation_changes_nothing():
    x = torch.ones(200_000)
    torch.manual_seed(0)
    module = nn.Dropout(0.3)
    with gear("formula"):
        out = module(x)
        assert out.mean().item() == pytest.approx(1, abs=0.01)
        assert out.unique().tolist() == [0, pytest.approx(1 / 0.7)]
        assert (out == 0).float().mean().item() == pytest.approx(0.3, abs=0.01)
        assert module.eval()(x) is x


def test_E20_the_delta_passes_where_the_input_did():
    x, mask = torch.randn(6, requires_grad=True), torch.tensor([0.0, 1, 1, 0, 1, 0])
    with gear("formula"):
        dropout(x, mask, 0.2).sum().backward()
    torch.testing.assert_close(x.grad, mask / 0.8)


@pytest.mark.parametrize("chosen", ["formula", "auto", "twin"])
@pytest.mark.parametrize("module", [nn.Dropout(0.5), nn.Dropout2d(0.5), nn.StochasticDepth(0.5, "row")], ids=str)
def test_a_mask_from_outside_is_used_and_costs_no_draw(module, chosen):
    x = torch.randn(4, 3, 2, 2)
    module = copy.deepcopy(module)
    module.mask = module.draw(x, torch.Generator().manual_seed(7))
    assert "mask" not in module.state_dict() and not list(module.buffers())
    before = torch.get_rng_state()
    with gear(chosen):
        out = module(x)
    assert torch.equal(out, x * module.mask / 0.5) and torch.equal(torch.get_rng_state(), before)
    assert torch.equal(module.mask, module.draw(x, torch.Generator().manual_seed(7)))
    again = pickle.loads(pickle.dumps(module))
    assert torch.equal(again(x), out)


def test_compiled_and_eager_see_the_mask_that_is_set():
    torch._dynamo.reset()
    module = nn.Dropout(0.5)
    built = torch.compile(module, fullgraph=True, backend="aot_eager")
    x = torch.randn(4, 3)
    for seed in range(3):
        module.mask = module.draw(x, torch.Generator().manual_seed(seed))
        assert torch.equal(built(x), x * module.mask * 2)


@pytest.mark.parametrize(("mode", "shape"), [("row", (4, 1, 1)), ("batch", (1, 1, 1))])
def test_stochastic_depth_draws_as_torchvision(mode, shape):
    module, x = nn.StochasticDepth(0.4, mode), torch.randn(4, 3, 2)
    for chosen in ("formula", "auto"):
        torch.manual_seed(0)
        noise = torch.empty(shape).bernoulli_(0.6).div_(0.6)  # torchvision.ops.stochastic_depth
        torch.manual_seed(0)
        with gear(chosen):
            torch.testing.assert_close(module(x), x * noise)
            assert module.eval()(x) is x
            module.train()
    assert repr(module) == f"StochasticDepth(p=0.4, mode={mode})"


def test_dropped_together():
    torch.manual_seed(0)
    x = torch.ones(64, 8, 3, 3)
    with gear("formula"):
        for module, axes in ((nn.Dropout2d(0.5), (2, 3)), (nn.StochasticDepth(0.5, "row"), (1, 2, 3))):
            kept = (module(x) != 0).double().mean(axes)
            assert set(kept.unique().tolist()) == {0.0, 1.0}
        assert (nn.StochasticDepth(1.0, "batch")(x) == 0).all()


@pytest.mark.parametrize(
    ("make", "line"),
    [
        (lambda: nn.StochasticDepth(1.5, "row"), "p=1.5: expected a chance from 0 to 1"),
        (lambda: nn.StochasticDepth(0.5, "rows"), "did you mean row"),
    ],
)
def test_refusals(make, line):
    with pytest.raises(UserError, match=line):
        make()
    with pytest.raises(ValueError, match="between 0 and 1"):
        nn.Dropout(-0.1)
