"""chainrule.nn.functional beside torch.nn.functional: the same names, the same order, the same numbers."""

import inspect

import pytest
import torch
import torch.nn.functional as T

import chainrule.nn.functional as F
from chainrule.errors import UserError
from chainrule.formula import REGISTRY
from chainrule.gear import gear

DEPRECATED = {"size_average", "reduce"}
LEFT_OUT = {  # name -> torch's option, and why ours has it not
    **dict.fromkeys(("mse_loss", "l1_loss", "huber_loss"), "weight"),  # of each entry: new in torch, nobody's formula
    **dict.fromkeys((n for n in F.__all__ if n.endswith("_with_indices")), "return_indices"),  # they always do
}


def r(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(sum(shape)), dtype=torch.float64)


def p(*shape):
    return r(*shape).softmax(-1)


Y, TWO = torch.tensor([1, 0, 3]), (r(3).exp(), r(3).exp())
CALLS = {  # a call of every name with torch's arguments in torch's order
    "adaptive_avg_pool2d": [(r(2, 3, 5, 7), (3, 2))],
    "adaptive_max_pool2d": [(r(2, 3, 5, 7), 2), (r(2, 3, 5, 7), 2, True)],
    "adaptive_max_pool2d_with_indices": [(r(2, 3, 5, 7), 2)],
    "avg_pool1d": [(r(2, 3, 7), 3, 2, 1, True, False)],
    "avg_pool2d": [(r(2, 3, 7, 6), 3, 2, 1, True, False, 5)],
    "batch_norm": [(r(4, 3, 2), *TWO, r(3), r(3), False, 0.3, 0.1), (r(4, 3), None, None, None, None, True)],
    "binary_cross_entropy": [(p(3, 4), p(3, 4), r(4).exp()), (p(3, 4), p(3, 4), {"reduction": "sum"})],
    "binary_cross_entropy_with_logits": [(r(3, 4), p(3, 4), None, {"pos_weight": r(4).exp(), "reduction": "none"})],
    "conv1d": [(r(2, 4, 9), r(6, 2, 3), r(6), 2, 1, 2, 2)],
    "conv2d": [(r(2, 4, 7, 9), r(6, 2, 3, 2), r(6), 2, 1, 2, 2)],
    "conv_transpose2d": [(r(2, 4, 3, 4), r(4, 3, 3, 2), r(6), 2, 1, 1, 2, 2)],
    "cross_entropy": [(r(3, 4), Y, r(4).exp(), {"ignore_index": 0, "label_smoothing": 0.1}), (r(3, 4), p(3, 4))],
    "dropout": [(r(3, 4), 0.4), (r(3, 4), 0.4, False)],
    "dropout2d": [(r(3, 4, 2, 2), 0.4), (r(3, 4, 2, 2), 0.4, False)],
    "elu": [(r(7), 1.7)],
    "embedding": [(Y, r(5, 2)), (Y, r(5, 2), 3), (Y, r(5, 2), -2)],
    "gelu": [(r(7),), (r(7), {"approximate": "tanh"})],
    "group_norm": [(r(2, 6, 2), 3, r(6), r(6), 0.1)],
    "hardsigmoid": [(r(7).float(),)],
    "hardswish": [(r(7),)],
    "hardtanh": [(r(7), -0.5, 0.5)],
    "huber_loss": [(r(3, 4), p(3, 4), "sum", 0.5)],
    "instance_norm": [(r(4, 3, 2), *TWO, r(3), r(3), False, 0.3, 0.1), (r(4, 3, 2), None, None, None, None, True, 0.1)],
    "kl_div": [(r(3, 4), p(3, 4), {"reduction": "batchmean"}), (r(3, 4), r(4, 3).mT, {"log_target": True})],
    "l1_loss": [(r(3, 4), p(3, 4), {"reduction": "sum"})],
    "layer_norm": [(r(3, 4), (4,), r(4), r(4), 0.1)],
    "leaky_relu": [(r(7), 0.3)],
    "linear": [(r(3, 4), r(5, 4), r(5))],
    "local_response_norm": [(r(2, 6, 3), 3, 1.0, 0.5, 2.0)],
    "log_softmax": [(r(3, 4), -1), (r(3, 4), 1, 3, torch.float32)],
    "max_pool1d": [(r(2, 3, 9), 3, 2, 1, 1, True), (r(2, 3, 9), 3, 2, 1, 1, True, True)],
    "max_pool1d_with_indices": [(r(2, 3, 9), 3, 2, 1, 1, True)],
    "max_pool2d": [(r(2, 3, 9, 8), 3, 2, 1, 1, True), (r(2, 3, 9, 8), 3, 2, 1, 1, True, True)],
    "max_pool2d_with_indices": [(r(2, 3, 9, 8), 3, 2, 1, 1, True)],
    "mish": [(r(7),)],
    "mse_loss": [(r(3, 4), p(3, 4)), (r(3, 4), p(3, 4), {"reduction": "none"})],
    "nll_loss": [(r(3, 4), Y, r(4).exp(), {"ignore_index": 0})],
    "prelu": [(r(2, 3, 2), r(3))],
    "relu": [(r(7),)],
    "relu6": [(r(7),)],
    "rms_norm": [(r(3, 4), (4,), r(4), 0.1)],
    "scaled_dot_product_attention": [
        (r(2, 3, 4), r(2, 5, 4), r(2, 5, 2), r(3, 5)),
        (r(2, 3, 4), r(2, 5, 4), r(2, 5, 2), torch.ones(3, 5).tril().bool()),
        (r(2, 3, 4), r(2, 3, 4), r(2, 3, 2), None, 0.0, True, {"scale": 0.5}),
        (r(1, 4, 3, 2), r(1, 2, 3, 2), r(1, 2, 3, 2), {"enable_gqa": True}),
    ],
    "sigmoid": [(r(7),)],
    "silu": [(r(7),)],
    "smooth_l1_loss": [(r(3, 4), p(3, 4), {"beta": 0.5})],
    "softmax": [(r(3, 4), -1), (r(3, 4), 1, 3, torch.float32)],
    "softplus": [(r(7), 2.0, 5.0)],
    "tanh": [(r(7),)],
}


def test_every_formula_that_torch_has_is_here_by_torchs_name():
    wanted = {n for n, card in REGISTRY.items() if hasattr(T, n) and card.room.startswith("chainrule.")}
    assert wanted <= set(F.__all__) and all(hasattr(T, n) for n in F.__all__)
    assert set(CALLS) == set(F.__all__)


@pytest.mark.parametrize("name", [n for n in F.__all__ if inspect.isfunction(getattr(T, n))])
def test_options_stand_where_torch_has_them(name):
    """By position as far as ours go by position, and by name with torch's defaults everywhere."""
    theirs = {n: v for n, v in inspect.signature(getattr(T, name)).parameters.items() if n not in ("args", "kwargs")}
    ours = inspect.signature(getattr(F, name)).parameters
    by_place = [n for n, v in ours.items() if v.kind is not v.KEYWORD_ONLY]
    for n, o in zip(by_place, theirs, strict=False):
        assert n == o or theirs[o].default is inspect.Parameter.empty, f"{n} stands where torch has {o}"
    left = set(theirs) - DEPRECATED - {LEFT_OUT.get(name)}
    tensors = {n for n in left if theirs[n].default is inspect.Parameter.empty}  # formulas give these their own letter
    assert left - tensors <= set(ours)
    assert all(ours[n].default == theirs[n].default for n in left - tensors)


def outcome(call, row):
    """What a call returns, and the delta of its first tensor of real numbers."""
    named = row[-1] if isinstance(row[-1], dict) else {}
    args = [a.clone() if isinstance(a, torch.Tensor) else a for a in row[: len(row) - bool(named)]]
    leaf = next(a for a in args if isinstance(a, torch.Tensor) and a.is_floating_point()).requires_grad_()
    torch.manual_seed(0)
    out = call(*args, **named)
    first = out[0] if isinstance(out, tuple) else out
    return out, torch.autograd.grad(first.sin().sum(), leaf)


@pytest.mark.parametrize("chosen", ["formula", "auto"])
@pytest.mark.parametrize("name", sorted(CALLS))
@pytest.mark.filterwarnings("ignore:reduction. 'mean' divides")  # torch's own remark on its kl_div
def test_calls_are_torchs(name, chosen):
    for row in CALLS[name]:
        with gear(chosen):
            got = outcome(getattr(F, name), row)
        torch.testing.assert_close(got, outcome(getattr(T, name), row))


@pytest.mark.parametrize("name", [n for n in F.__all__ if "inplace" in inspect.signature(getattr(F, n)).parameters])
def test_inplace_is_accepted_and_the_input_kept(name):
    x = r(2, 3, 4, 4)
    getattr(F, name)(x, inplace=True)
    assert torch.equal(x, r(2, 3, 4, 4))


@pytest.mark.parametrize("chosen", ["formula", "auto"])
def test_a_longest_norm_shortens_the_table(chosen):
    ours, theirs = r(5, 2), r(5, 2)
    with gear(chosen):
        got = F.embedding(Y, ours, None, 0.5, 1.0)
    torch.testing.assert_close(got, T.embedding(Y, theirs, None, 0.5, 1.0))
    torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("chosen", ["formula", "auto"])
@pytest.mark.parametrize(("name", "shape"), [("batch_norm", (4, 3)), ("instance_norm", (4, 3, 2))])
def test_running_statistics_move(name, shape, chosen):
    ours, theirs = ([torch.zeros(3).double(), torch.ones(3).double()] for _ in range(2))
    with gear(chosen):
        getattr(F, name)(r(*shape), *ours, None, None, True, 0.3)
    getattr(T, name)(r(*shape), *theirs, None, None, True, 0.3)
    torch.testing.assert_close(ours, theirs)


def test_a_table_refuses_what_is_no_dense_delta():
    for option in ("sparse", "scale_grad_by_freq"):
        with pytest.raises(UserError, match=f"{option}=True: expected False"):
            F.embedding(Y, r(5, 2), **{option: True})
