"""The proof of one's own module: right ones pass, wrong ones are named by delta and part, bad input is one line."""

import pytest
import torch
from torch import nn

from chainrule.cli.main import main
from chainrule.errors import UserError
from chainrule.formula import REGISTRY, R, formula
from chainrule.proof.modules import build, check_module, drawn

OWN = """
import torch

class Twice(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, w):
        ctx.save_for_backward(x, w)
        return x * w

    @staticmethod
    def backward(ctx, g):
        x, w = ctx.saved_tensors
        return g * w, 2 * (g * x).sum(0)

class Wrong(torch.nn.Module):
    def __init__(self, width, scale=1.0):
        super().__init__()
        self.w = torch.nn.Parameter(torch.full((width,), scale))

    def forward(self, x):
        return Twice.apply(x, self.w)

class Right(Wrong):
    def forward(self, x):
        return x * self.w

class Broken(Wrong):
    def forward(self, x):
        raise RuntimeError("no way")

not_a_class = 3

class NotAModule:
    pass
"""


class Times(torch.autograd.Function):
    """x·w with a delta of w that is twice too large; once differentiable only where it is asked."""

    @staticmethod
    def forward(ctx, x, w):
        ctx.save_for_backward(x, w)
        return x * w

    @staticmethod
    def backward(ctx, g):
        x, w = ctx.saved_tensors
        return g * w, 2 * (g * x).sum(0)


class Wrong(nn.Module):
    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.tensor([1.0, -2.0, 3.0]))

    def forward(self, x):
        return Times.apply(x, self.w)


def faults(module, *inputs, compiler=None) -> dict[str, str]:
    return {f.check: f.note for f in check_module(module, inputs, compiler) if not f.ok}


def measured(module, *inputs, compiler=None) -> set[str]:
    return {f.check for f in check_module(module, inputs, compiler) if f.worst is not None}


STATEFUL = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Dropout(0.4), nn.Linear(4, 2))


@pytest.mark.parametrize(
    ("module", "inputs"),
    [
        (STATEFUL, ["6x3"]),
        (nn.Conv2d(2, 3, 3, padding=1), ["2x2x4x4"]),
        (nn.LSTM(3, 4), ["5x2x3"]),
        (nn.Bilinear(3, 4, 2), ["5x3", "5x4"]),
        (nn.MultiheadAttention(4, 2), ["3x2x4"] * 3),
    ],
    ids=lambda v: type(v).__name__ if isinstance(v, nn.Module) else "",
)
def test_right_modules_pass(module, inputs):
    given = [drawn([int(n) for n in shape.split("x")], seed=k) for k, shape in enumerate(inputs)]
    assert faults(module, *given) == {}


def test_a_module_traced_by_the_compiler_passes():
    assert faults(STATEFUL, drawn((6, 3)), compiler="aot_eager") == {}
    assert "compile" in measured(STATEFUL, drawn((6, 3)), compiler="aot_eager")


def test_integer_inputs_and_targets():
    assert faults(nn.Embedding(10, 3), drawn((2, 5), "int64<10")) == {}
    assert faults(nn.CrossEntropyLoss(), drawn((5, 4)), drawn((5,), "int64<4")) == {}


def test_a_delta_withheld_on_purpose_is_told_like_a_wrong_one():
    found = faults(nn.Embedding(3, 2, padding_idx=0), drawn((2, 5), "int64<3"))
    assert (
        found["finite differences"].startswith("delta of weight: worst error")
        and " at [0, " in (found["finite differences"])
    )


def test_the_module_is_left_as_it_was():
    module = nn.Sequential(nn.BatchNorm1d(3), nn.Dropout(0.5)).eval()
    before = {n: t.clone() for n, t in module.state_dict().items()}
    state = torch.get_rng_state()
    check_module(module, [drawn((4, 3))], None)
    assert not module.training and torch.equal(state, torch.get_rng_state())
    assert all(torch.equal(t, before[n]) and t.dtype == before[n].dtype for n, t in module.state_dict().items())


def test_a_wrong_delta_is_named():
    found = faults(Wrong(), drawn((4, 3)))
    assert set(found) == {"finite differences"}
    assert found["finite differences"].startswith("delta of w: worst error")


def test_in_a_composite_the_wrong_part_is_named():
    found = faults(nn.Sequential(nn.Linear(3, 3), nn.Dropout(0.5), nn.ReLU(), Wrong(), nn.Tanh()), drawn((4, 3)))
    assert found["finite differences"].startswith("3 (Wrong): delta of w: worst error")


def test_a_wrong_delta_of_an_input_is_named():
    class Negated(torch.autograd.Function):
        @staticmethod
        def forward(ctx, a, b):
            return a - b

        @staticmethod
        def backward(ctx, g):
            return g, g

    class Difference(nn.Module):
        def forward(self, left, right):
            return Negated.apply(left, right)

    found = faults(Difference(), drawn((3,)), drawn((3,), seed=1))
    assert found["finite differences"].startswith("delta of right: worst error")
    assert "delta of left" not in found["finite differences"]


def test_a_formula_with_a_wrong_delta_inside_a_module_is_named():
    @formula(twin=lambda x, w: x * w)
    def test_scaled(x, w):
        return x * w

    test_scaled.backward("x")(lambda δ, w: δ * w)
    test_scaled.backward("w")(lambda δ, x: -(δ * x).sum(0))

    class Scaled(nn.Module):
        def __init__(self):
            super().__init__()
            self.gain = nn.Parameter(torch.ones(3))

        def forward(self, x):
            return test_scaled(x, self.gain)

    try:
        assert faults(Scaled(), drawn((4, 3)))["finite differences"].startswith("delta of gain")
    finally:
        REGISTRY.pop("test_scaled")


def test_a_silently_wrong_second_order_is_named():
    class Detached(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.y = x.exp().detach()
            return x.exp()

        @staticmethod
        def backward(ctx, g):
            return g * ctx.y

    class Exp(nn.Module):
        def forward(self, x):
            return Detached.apply(x)

    found = faults(Exp(), drawn((3,)))
    assert set(found) == {"second order"} and found["second order"].startswith("delta of x: worst error")


def test_once_differentiable_says_so_and_is_no_fault():
    class Once(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x**3

        @staticmethod
        @torch.autograd.function.once_differentiable
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return 3 * g * x**2

    class Cube(nn.Module):
        def forward(self, x):
            return Once.apply(x)

    (second,) = [f for f in check_module(Cube(), [drawn((3,))], None) if f.check == "second order"]
    assert second.ok and second.worst is None and second.note.startswith("differentiable once only")


def test_what_changes_from_call_to_call_is_named():
    class Drifting(nn.Module):
        calls = 0

        def forward(self, x):
            self.calls += 1
            return x * self.calls

    assert faults(Drifting(), drawn((3,)))["repeatable"].startswith("output 0: worst error")


def test_an_upcast_inside_is_named():
    class Upcast(nn.Module):
        def forward(self, x):
            return x.double() * 2

    assert faults(Upcast(), drawn((3,)))["dtype"] == "output 0 is float64 [3], expected float32 [3]"


def test_an_empty_batch_that_gives_nan_is_named_and_a_refusal_is_not():
    class Averaged(nn.Module):
        def __init__(self):
            super().__init__()
            self.w = nn.Parameter(torch.ones(3))

        def forward(self, x):
            return x.mean(0) * self.w

    assert faults(Averaged(), drawn((4, 3))) == {"empty batch": "delta of w is not finite for an empty batch"}
    (empty,) = [f for f in check_module(nn.LSTM(3, 4), [drawn((5, 2, 3))], None) if f.check == "empty batch"]
    assert empty.ok and empty.note.startswith("refused: RuntimeError")


def test_an_input_named_like_a_parameter_is_told_apart():
    class Clash(nn.Module):
        def __init__(self):
            super().__init__()
            self.w = nn.Parameter(torch.ones(3))

        def forward(self, w):
            return Times.apply(w, self.w)

    assert faults(Clash(), drawn((4, 3)))["finite differences"].startswith("delta of w: ")


# Bad input


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: build(nn.Linear, (3,)), r"Linear\(3\) failed: TypeError.*expected Linear\(in_features, out_features"),
        (lambda: build(nn.Conv2d, (3, 4, 3), {"groups": 2}), "Conv2d.*failed: ValueError: in_channels must be"),
        (lambda: build(dict), r"dict\(\) is a dict: expected a torch.nn.Module"),
        (lambda: drawn((2,), "int65"), "input 'int65': expected a dtype like float32, int64 or int64<10"),
        (lambda: drawn((2,), "int64<0"), "input 'int64<0': expected a dtype"),
        (lambda: drawn((2,), "complex64"), "input 'complex64': expected a dtype"),
        (
            lambda: check_module(nn.Linear(3, 4), [drawn((2, 5))]),
            "Linear failed in forward on float64 .*cannot be mult",
        ),
        (
            lambda: check_module(nn.Linear(3, 4), []),
            r"Linear failed in forward on .*expected one fitting input.*\(input\)",
        ),
        (lambda: check_module(nn.Embedding(2, 3), [drawn((2,))]), "Embedding failed in forward"),
        (lambda: check_module(nn.Identity(), [drawn((2,), "int64")]), "no floating-point output"),
    ],
)
def test_bad_input_is_one_line(call, says):
    with pytest.raises(UserError, match=says) as raised:
        call()
    assert len(raised.value.lines) == 1 and "\n" not in raised.value.lines[0]


@pytest.fixture
def own(tmp_path, monkeypatch):
    (tmp_path / "ownnet.py").write_text(OWN)
    (tmp_path / "halfnet.py").write_text("import torch\nraise ValueError('half done')\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["nonet:Net", "--input", "2x3"], "there is no module 'nonet'"),
        (["halfnet:Net", "--input", "2x3"], "importing halfnet failed: ValueError: half done"),
        (["ownnet:Wrang", "--input", "2x3"], "has no class 'Wrang'; did you mean Wrong?"),
        (["ownnet:NotAModule", "--input", "2x3"], "expected a class made from torch.nn.Module"),
        (["ownnet:not_a_class", "--input", "2x3"], "expected a class made from torch.nn.Module"),
        (["ownnet:Right", "--input", "2x3"], "Right() failed: TypeError"),
        (["ownnet:Right", "--args", "3"], "expected --input SHAPE"),
        (["ownnet:Right", "--args", "__import__('os')", "--input", "2x3"], "expected literals"),
        (["ownnet:Right", "--args", "3, *[4]", "--input", "2x3"], "expected literals"),
        (["ownnet:Right", "--args", "3", "--input", "2xx3"], "expected SHAPE[:dtype]"),
        (["ownnet:Right", "--args", "3", "--input", "2x3:float"], "unknown dtype 'float'"),
        (["ownnet:Right", "--args", "3", "--input", "2x3:int64<x"], "a bound belongs to whole numbers"),
        (["ownnet:Right", "--args", "3", "--input", "2x4"], "Right failed in forward on float64 [2, 4]"),
        (
            ["ownnet:Broken", "--args", "3", "--input", "2x3"],
            "Broken failed in forward on float64 [2, 3]: RuntimeError: no",
        ),
    ],
)
def test_bad_words_on_the_command_line_are_one_line(own, capsys, words, says):
    assert main(["check", *words]) == 2
    error = capsys.readouterr().err
    assert says in error and error.count("\n") == 1 and "Traceback" not in error


def test_the_command_names_the_wrong_delta_in_one_line(own, capsys):
    assert main(["check", "ownnet:Wrong", "--args", "3, scale=0.5", "--input", "4x3:float32", "--fast"]) == 1
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith("ownnet:Wrong: finite differences: delta of w: worst error")


def test_the_command_proves_a_right_module(own, capsys):
    assert main(["check", "ownnet:Right", "--args", "3", "--input", "4x3", "--fast"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "ownnet:Right is proven"


def test_the_command_proves_formulas(capsys):
    assert main(["check", "linear", "relu", "--fast"]) == 0
    out = capsys.readouterr().out
    assert "linear" in out and "relu" in out and "WRONG" not in out and "proven" in out


def test_drawn_inputs_are_the_same_every_time():
    assert torch.equal(drawn((3,)), drawn((3,))) and not torch.equal(drawn((3,)), drawn((3,), seed=1))
    assert R(2).dtype == drawn((2,)).dtype
