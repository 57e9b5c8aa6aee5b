"""L-BFGS against torch's and against the Newton direction it stands for."""

import copy
import io

import pytest
import torch

import chainrule
from chainrule.errors import UserError
from chainrule.optim import LBFGS, by_name, pure
from chainrule.optim.quasi_newton import two_loop


def rosenbrock(θ):
    x, y = θ[:-1], θ[1:]
    return (100 * (y - x**2) ** 2 + (1 - x) ** 2).sum()


def wavy(θ):
    """Many bends along a line, so that the search must narrow its bracket."""
    return (θ**2).sum() + 3 * (5 * θ).sin().sum()


def logistic(θ):
    source = torch.Generator().manual_seed(0)
    x = torch.randn(60, len(θ), generator=source, dtype=torch.float64)
    y = torch.randn(60, generator=source, dtype=torch.float64).sign()
    return torch.nn.functional.softplus(-y * (x @ θ)).mean() + 0.01 * (θ**2).sum()


def start(n=6):
    return torch.randn(n, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def walk(made, loss, steps):
    calls, losses = [0], []
    parts = made.param_groups[0]["params"]

    def closure():
        calls[0] += 1
        made.zero_grad()
        value = loss(torch.cat([θ.reshape(-1) for θ in parts]))
        value.backward()
        return value

    for _ in range(steps):
        losses.append(float(made.step(closure).detach()))
    return torch.cat([θ.detach().reshape(-1) for θ in parts]), losses, calls[0]


def split():
    θ = start()
    return [torch.nn.Parameter(θ[:4].reshape(2, 2).clone()), torch.nn.Parameter(θ[4:].clone())]


OPTIONS = [
    {"line_search_fn": "strong_wolfe"},
    {"line_search_fn": "strong_wolfe", "history_size": 2, "max_iter": 7},
    {"line_search_fn": "strong_wolfe", "max_eval": 3, "lr": 0.5},
    {"line_search_fn": "strong_wolfe", "tolerance_change": 1e-3, "tolerance_grad": 1e-2},
    {"lr": 0.01},
    {"lr": 0.01, "history_size": 3, "max_iter": 5, "max_eval": 4},
    {"lr": torch.tensor(0.02), "max_iter": 4},
]


@pytest.mark.parametrize("loss", [rosenbrock, wavy, logistic])
@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("gear", ["auto", "formula"])
def test_equal_to_torch(options, loss, gear):
    ours, torchs = LBFGS(split(), **options), torch.optim.LBFGS(split(), **options)
    with chainrule.gear(gear):
        a = walk(ours, loss, 5)
    b = walk(torchs, loss, 5)
    assert torch.allclose(a[0], b[0], rtol=1e-9, atol=1e-9)
    assert a[1] == pytest.approx(b[1], rel=1e-9, abs=1e-9) and a[2] == b[2]  # and as many evaluations


def test_it_finds_the_valley_of_rosenbrock():
    """From the classic start (−1.2, 1)."""
    θ = torch.nn.Parameter(torch.tensor([-1.2, 1.0], dtype=torch.float64))
    found, losses, _ = walk(LBFGS([θ], line_search_fn="strong_wolfe"), rosenbrock, 10)
    assert losses[-1] < 1e-9 and torch.allclose(found, torch.ones(2, dtype=torch.float64), atol=1e-4)
    assert losses == sorted(losses, reverse=True)


@pytest.mark.parametrize("options", OPTIONS[:2] + OPTIONS[4:5], ids=str)
def test_state_goes_to_torch_and_comes_back(options):
    def half(cls):
        made = cls(split(), **options)
        walk(made, logistic, 3)
        file = io.BytesIO()
        torch.save(made.state_dict(), file)
        file.seek(0)
        return made, torch.load(file, weights_only=True)

    for first, then in ((LBFGS, LBFGS), (LBFGS, torch.optim.LBFGS), (torch.optim.LBFGS, LBFGS)):
        whole, kept = half(first)
        resumed = then([torch.nn.Parameter(θ.detach().clone()) for θ in whole.param_groups[0]["params"]], **options)
        resumed.load_state_dict(kept)
        a, b = walk(whole, logistic, 2)[0], walk(resumed, logistic, 2)[0]
        assert torch.equal(a, b) if first is then else torch.allclose(a, b, rtol=1e-9, atol=1e-9)


def test_E45_the_direction_is_newtons_once_the_pairs_span_the_space():
    """No Hessian is formed; with n independent pairs of a bowl the direction is −A⁻¹g all the same."""
    n, source = 4, torch.Generator().manual_seed(0)
    root = torch.randn(n, n, generator=source, dtype=torch.float64)
    A = root @ root.T + torch.eye(n, dtype=torch.float64)
    g = torch.randn(n, generator=source, dtype=torch.float64)
    s: list[torch.Tensor] = []
    for e in torch.eye(n, dtype=torch.float64):  # conjugate steps: the pairs of an exact search
        for other in s:
            e = e - (e @ A @ other) / (other @ A @ other) * other
        s.append(e)
    found = two_loop(g, s, [A @ x for x in s], [1 / (x @ A @ x) for x in s], 1.0)
    assert torch.allclose(found, -torch.linalg.solve(A, g), rtol=1e-10)


def test_E46_the_memory_is_two_rows_a_pair():
    made = LBFGS(split(), history_size=3, line_search_fn="strong_wolfe")
    walk(made, rosenbrock, 3)
    state = made.state[made.param_groups[0]["params"][0]]
    assert len(state["old_dirs"]) == len(state["old_stps"]) == 3
    assert all(x.shape == (6,) for x in state["old_dirs"] + state["old_stps"])


def test_the_search_comes_back_from_where_the_loss_is_no_number():
    """log θ beyond its range: torch's search goes there and stays, this one comes back and finds the minimum at e."""

    def barrier(θ):
        return (θ * θ.log() - 2 * θ).sum()

    def found(cls):
        parts = [torch.nn.Parameter(torch.tensor([5.0, 0.3], dtype=torch.float64))]
        return walk(cls(parts, lr=50.0, line_search_fn="strong_wolfe"), barrier, 3)[0]

    assert torch.allclose(found(LBFGS), torch.full((2,), torch.e, dtype=torch.float64), atol=1e-6)
    assert not found(torch.optim.LBFGS).isfinite().all()


@pytest.mark.parametrize("options", [{"line_search_fn": "strong_wolfe"}, {"lr": 0.1}], ids=str)
@pytest.mark.parametrize("fails_at", [1, 2, 9])
def test_a_closure_that_raises_changes_nothing(options, fails_at):
    made = LBFGS(split(), **options)
    walk(made, logistic, 1)
    before = copy.deepcopy((made.state_dict(), made.param_groups[0]["params"]))
    calls = []

    def failing(θ):
        calls.append(1)
        if len(calls) == fails_at:
            raise RuntimeError("out of memory")
        return wavy(θ)

    with pytest.raises(RuntimeError, match="out of memory"):
        walk(made, failing, 1)
    state, parts = before
    assert all(torch.equal(a, b) for a, b in zip(made.param_groups[0]["params"], parts, strict=True))
    now, then = made.state_dict()["state"][0], state["state"][0]
    assert now.keys() == then.keys()
    assert all(torch.equal(a, b) for k in ("old_dirs", "ro") for a, b in zip(now[k], then[k], strict=True))
    assert all(now[k] == then[k] for k in ("n_iter", "func_evals", "t", "prev_loss"))


def test_filters_in_another_memory_order():
    """As a compiled run lays them: torch's own refuses such a gradient."""

    def run(cls, order):
        θ = torch.randn(2, 3, 2, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
        return walk(cls([torch.nn.Parameter(θ.to(memory_format=order))], lr=0.01), wavy, 3)[0]

    with pytest.raises(RuntimeError, match="view size is not compatible"):
        run(torch.optim.LBFGS, torch.channels_last)
    assert torch.allclose(run(LBFGS, torch.channels_last), run(torch.optim.LBFGS, torch.contiguous_format), atol=1e-9)


def test_complex_parameters_equal_torch():
    def run(cls):
        θ = torch.randn(4, generator=torch.Generator().manual_seed(0), dtype=torch.complex128)
        part = torch.nn.Parameter(θ)
        made = cls([part], line_search_fn="strong_wolfe")

        def closure():
            made.zero_grad()
            loss = ((part.abs() ** 2 - 2) ** 2 + part.real).sum()
            loss.backward()
            return loss

        for _ in range(3):
            made.step(closure)
        return part.detach()

    assert torch.allclose(run(LBFGS), run(torch.optim.LBFGS), rtol=1e-9, atol=1e-9)


def test_bad_use_is_one_line():
    assert by_name("lbfgs") is LBFGS
    made = LBFGS(split())
    with pytest.raises(UserError, match=r"^LBFGS: step\(\) without a closure: expected a function that computes"):
        made.step()
    with pytest.raises(UserError, match=r"^LBFGS has no rule to compile"):
        pure(made)
    for bad, expected in (
        ({"line_search_fn": "exact"}, "line_search_fn='exact': expected 'strong_wolfe' or None"),
        ({"max_iter": 0}, "max_iter=0: expected a whole number of at least 1"),
        ({"history_size": 1.5}, "history_size=1.5: expected a whole number of at least 1"),
        ({"max_eval": 0}, "max_eval=0: expected a whole number of at least 1, or None"),
        ({"tolerance_grad": -1.0}, "tolerance_grad=-1.0: expected a number of at least 0"),
    ):
        with pytest.raises(UserError, match=f"^LBFGS: {expected}$"):
            LBFGS(split(), **bad)
    with pytest.raises(UserError, match=r"^LBFGS: step\('loss'\): expected a function that computes"):
        made.step("loss")
    with pytest.raises(UserError, match=r"^LBFGS: the closure returned NoneType: expected the loss, one number$"):
        made.step(lambda: None)
    with pytest.raises(ValueError, match="Invalid learning rate: nan"):
        LBFGS(split(), lr=float("nan"))
    with pytest.raises(ValueError, match="empty parameter list"):
        LBFGS([])
    with pytest.raises(ValueError, match="doesn't support per-parameter options"):
        LBFGS([{"params": [θ]} for θ in split()])
    with pytest.raises(ValueError, match="Invalid learning rate"):
        LBFGS(split(), lr=-1)
