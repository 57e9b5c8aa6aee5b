"""L-BFGS against torch's and against the Newton direction it stands for."""

import io

import pytest
import torch

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
def test_equal_to_torch(options, loss):
    ours, torchs = LBFGS(split(), **options), torch.optim.LBFGS(split(), **options)
    a, b = walk(ours, loss, 5), walk(torchs, loss, 5)
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


def test_bad_use_is_one_line():
    assert by_name("lbfgs") is LBFGS
    made = LBFGS(split())
    with pytest.raises(UserError, match=r"^LBFGS: step\(\) without a closure: expected a function that computes"):
        made.step()
    with pytest.raises(UserError, match=r"^LBFGS has no rule to compile"):
        pure(made)
    with pytest.raises(UserError, match="line_search_fn='exact': expected 'strong_wolfe' or None"):
        walk(LBFGS(split(), line_search_fn="exact"), logistic, 1)
    with pytest.raises(ValueError, match="doesn't support per-parameter options"):
        LBFGS([{"params": [θ]} for θ in split()])
    with pytest.raises(ValueError, match="Invalid learning rate"):
        LBFGS(split(), lr=-1)
