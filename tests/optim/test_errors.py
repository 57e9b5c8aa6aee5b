"""Bad values: torch's ValueError, or one clear line where torch says nothing."""

import pytest
import torch
from cases import params, some

import chainrule
from chainrule.errors import UserError
from chainrule.optim import OPTIMIZERS, RULES, by_name, pure

WITH_PARENT = [name for name, card in RULES.items() if card.parent]
INHERITED = [name for name in WITH_PARENT if RULES[name].inherits]
NAN = float("nan")
DECAY = {"weight_decay": 0.1}
BAD = [
    ("SGD", {"lr": -0.1}),
    ("SGD", {"momentum": -0.1}),
    ("SGD", {"weight_decay": -0.1}),
    ("SGD", {"nesterov": True}),
    ("SGD", {"nesterov": True, "momentum": 0.9, "dampening": 0.1}),
    ("SGD", {"lr": torch.tensor([0.1, 0.2])}),
] + [
    (name, bad)
    for name in ("Adam", "AdamW")
    for bad in (
        {"lr": -0.1},
        {"lr": NAN},
        {"eps": -1e-8},
        {"eps": NAN},
        {"betas": (1.0, 0.9)},
        {"betas": (0.9, -0.1)},
        {"betas": (0.9, NAN)},
        {"weight_decay": -0.1},
        {"weight_decay": NAN},
        {"lr": torch.tensor(0.1), "foreach": True},
        {"betas": (0.9, torch.tensor(0.9))},
    )
]


BAD += [
    ("Adagrad", {"lr": -0.1}),
    ("Adagrad", {"lr_decay": -0.1}),
    ("Adagrad", {"initial_accumulator_value": -1}),
    ("Adagrad", {"eps": NAN}),
    ("Adadelta", {"rho": 1.5}),
    ("Adadelta", {"eps": -1}),
    ("RMSprop", {"alpha": -1}),
    ("RMSprop", {"momentum": -1}),
    ("Adamax", {"betas": (1.0, 0.9)}),
    ("NAdam", {"momentum_decay": -1}),
    ("NAdam", {"weight_decay": -1}),
    ("RAdam", {"betas": (0.9, NAN)}),
    ("Rprop", {"etas": (0.5, 0.9)}),
    ("ASGD", {"weight_decay": -1}),
    ("Adafactor", {"beta2_decay": 0.1}),
    ("Adafactor", {"eps": (-1, 1e-3)}),
    ("Adafactor", {"d": 0.5}),
]


@pytest.mark.parametrize(("name", "bad"), BAD, ids=str)
def test_a_bad_value_is_torchs_error(name, bad):
    with pytest.raises(ValueError) as theirs:
        RULES[name].parent(params(), **bad)
    with pytest.raises(ValueError) as ours:
        OPTIMIZERS[name.lower()](params(), **bad)
    assert str(ours.value) == str(theirs.value)


@pytest.mark.parametrize("bad", [{"lr": NAN}, {"momentum": NAN}, {"weight_decay": NAN}], ids=str)
def test_nan_is_refused_where_torch_takes_it(bad):
    torch.optim.SGD(params(), **bad)
    with pytest.raises(UserError, match=r"^SGD: \w+=nan: expected a number of at least 0$"):
        OPTIMIZERS["sgd"](params(), **bad)


@pytest.mark.parametrize(
    ("name", "bad", "expected"),
    [
        ("Lion", {"betas": (0.9,)}, r"betas=\(0.9,\): expected two numbers from 0 to below 1"),
        ("Lion", {"betas": 0.9}, "betas=0.9: expected two numbers from 0 to below 1"),
        ("Lion", {"lr": -1}, "lr=-1: expected a number of at least 0"),
        ("HeavyBall", {"momentum": NAN}, "momentum=nan: expected a number of at least 0"),
        ("Rprop", {"step_sizes": (50, 1e-6)}, r"step_sizes=\(50, 1e-06\): expected two numbers of at least 0, the .*"),
        ("ASGD", {"lambd": -1}, "lambd=-1: expected a number of at least 0"),
        ("ASGD", {"t0": NAN}, "t0=nan: expected a number of at least 0"),
        ("Muon", {"adjust_lr_fn": "other"}, "adjust_lr_fn='other': expected original or match_rms_adamw"),
        ("Muon", {"ns_steps": 100}, "ns_steps=100: expected a whole number from 1 to 99"),
        ("Muon", {"ns_coefficients": (1, 2)}, r"ns_coefficients=\(1, 2\): expected three numbers"),
        ("Adamax", {"weight_decay": NAN}, None),
    ],
    ids=str,
)
def test_a_bad_value_is_one_line(name, bad, expected):
    with pytest.raises(ValueError, match=f"^{name}: {expected}$" if expected else "nan"):
        OPTIMIZERS[name.lower()](params(name), **bad)


@pytest.mark.parametrize("name", ["Muon", "Adafactor"])
def test_complex_numbers_are_refused_where_torch_refuses_them(name):
    numbers = torch.nn.Parameter(torch.zeros(3, 2, dtype=torch.complex64))
    with pytest.raises(UserError, match=f"^{name}: a parameter is torch.complex64: expected real numbers$"):
        OPTIMIZERS[name.lower()]([numbers])
    made = OPTIMIZERS[name.lower()](params(name))
    with pytest.raises(UserError, match="complex64"):
        made.add_param_group({"params": [numbers]})
    assert len(made.param_groups) == 1


@pytest.mark.parametrize("name", WITH_PARENT)
def test_a_bad_value_in_one_group_is_refused_where_torch_takes_it(name):
    with pytest.raises(UserError, match=rf"^{name}: lr=-1.0: expected a number of at least 0$"):
        OPTIMIZERS[name.lower()]([{"params": params(name), "lr": -1.0}])
    made = OPTIMIZERS[name.lower()](params(name))
    with pytest.raises(UserError, match=rf"^{name}: weight_decay=-1: expected"):
        made.add_param_group({"params": [torch.nn.Parameter(torch.zeros(1))], "weight_decay": -1})
    assert len(made.param_groups) == 1


@pytest.mark.parametrize("name", INHERITED)
@pytest.mark.parametrize(
    ("given", "error"),
    [
        ([], ValueError),
        (torch.zeros(2), TypeError),
        ([1.0], TypeError),
        ([torch.zeros(2, requires_grad=True) * 2], ValueError),
        ([{"params": [torch.zeros(2)], "lr": 0.1}, {"params": {torch.zeros(1)}}], TypeError),
    ],
    ids=["empty", "tensor", "number", "non-leaf", "set"],
)
def test_bad_parameters_are_torchs_errors(name, given, error):
    with pytest.raises(error) as theirs:
        RULES[name].parent(given)
    with pytest.raises(error) as ours:
        OPTIMIZERS[name.lower()](given)
    assert str(ours.value) == str(theirs.value)


@pytest.mark.parametrize("name", INHERITED)
def test_twice_the_same_parameter(name):
    θ = torch.nn.Parameter(torch.zeros(2))
    with pytest.raises(ValueError, match="some parameters appear in more than one parameter group"):
        OPTIMIZERS[name.lower()]([{"params": [θ]}, {"params": [θ]}])
    with pytest.warns(UserWarning, match="duplicate parameters"):
        OPTIMIZERS[name.lower()]([θ, θ])


def sparse(name, **settings):
    table = torch.nn.Embedding(5, 3, sparse=True, dtype=torch.float64)
    with torch.no_grad():
        table.weight.copy_(torch.arange(15.0).view(5, 3))
    table(torch.tensor([1, 3, 1])).sum().backward()
    made = OPTIMIZERS[name.lower()](table.parameters(), **settings)
    return made, table.weight


@pytest.mark.parametrize("name", list(RULES))
def test_sparse_gradients_are_refused_in_one_line(name):
    made, weight = sparse(name)
    before = weight.detach().clone()
    with (
        chainrule.gear("formula"),
        pytest.raises(UserError, match=rf"^{name}: the gradient of parameter 0 \(5, 3\) is"),
    ):
        made.step()
    assert torch.equal(weight, before)
    assert all(float(state["step"]) == 0 for state in made.state.values())  # Adagrad's is there from the beginning


def test_sparse_gradients_go_where_torch_supports_them():
    made, weight = sparse("SGD", lr=0.5)
    before, dense = weight.detach().clone(), weight.grad.to_dense()
    made.step()
    assert torch.equal(weight, before - 0.5 * dense)
    made, weight = sparse("Adagrad", lr=0.5)
    with torch.sparse.check_sparse_tensor_invariants():  # else torch warns of what it builds itself
        made.step()
    assert not torch.equal(weight, before)


@pytest.mark.parametrize(
    ("name", "settings"),
    [*((name, {}) for name in RULES if name not in ("SGD", "Adagrad")), ("SGD", DECAY), ("Adagrad", DECAY)],
    ids=str,
)
def test_elsewhere_they_are_refused_in_one_line_in_every_gear(name, settings):
    made, weight = sparse(name, **settings)
    before = weight.detach().clone()
    with pytest.raises(
        UserError, match=rf"^{name}: the gradient of parameter 0 \(5, 3\) is sparse: expected a dense one"
    ):
        made.step()
    assert torch.equal(weight, before)


@pytest.mark.parametrize("name", list(RULES))
def test_a_wrong_closure_is_one_line(name):
    with pytest.raises(
        UserError, match=rf"^{name}: step\(0.5\): expected a function that computes the loss and gradients$"
    ):
        OPTIMIZERS[name.lower()](params(name)).step(0.5)


@pytest.mark.parametrize("name", [name for name in RULES if name not in INHERITED])
def test_parameters_of_what_torch_has_not(name):
    cls, θ = OPTIMIZERS[name.lower()], torch.nn.Parameter(torch.zeros(2, 2))
    with pytest.raises(ValueError, match=r"^optimizer got an empty parameter list$"):
        cls([])
    with pytest.raises(ValueError, match=r"^some parameters appear in more than one parameter group$"):
        cls([{"params": [θ]}, {"params": [θ]}])
    with pytest.warns(UserWarning, match="duplicate parameters"):
        cls([θ, θ])
    for bad in (float("nan"), "fast", None):
        with pytest.raises(UserError, match=f"^{name}: lr={bad!r}: expected a number of at least 0$"):
            cls([θ], lr=bad)


def test_unknown_names():
    with pytest.raises(UserError, match=r"^unknown optimizer 'adamm': expected one of .*; did you mean adam\?$"):
        by_name("adamm")
    with pytest.raises(UserError, match=r"^SGD has no rule to compile: expected an optimizer of chainrule.optim$"):
        pure(torch.optim.SGD(params()))
    with pytest.raises(TypeError, match="unexpected keyword argument 'beta'"):
        OPTIMIZERS["adam"](params(), beta=0.9)


@pytest.mark.parametrize("name", WITH_PARENT)
def test_a_state_of_another_model_is_torchs_error(name):
    made = OPTIMIZERS[name.lower()](params(name), **some(name)[1])
    foreign = OPTIMIZERS[name.lower()](params(name)[:2]).state_dict()
    with pytest.raises(ValueError, match="doesn't match the size of optimizer's group"):
        made.load_state_dict(foreign)
