"""Where the notes and the literature differ: the literature wins."""

import pytest
import torch

import chainrule
from chainrule.errors import UserError
from chainrule.optim import (
    ASGD,
    NAG,
    SGD,
    Adadelta,
    Adagrad,
    Adam,
    Adamax,
    AdamW,
    HeavyBall,
    Momentum,
    RMSprop,
    Rprop,
    by_name,
)
from chainrule.settings import parse

MATRIX = torch.tensor([[3.0, 1.0], [1.0, 2.0]], dtype=torch.float64)
START = torch.tensor([1.0, -2.0], dtype=torch.float64)


def slope(θ):
    """The gradient of a bowl: ½ θᵀAθ."""
    return MATRIX @ θ


@pytest.fixture(autouse=True, params=["formula", "auto"])
def in_gear(request):
    with chainrule.gear(request.param):
        yield


def test_E35_sdg_is_sgd():
    assert by_name("sgd") is SGD
    with pytest.raises(UserError, match="did you mean sgd"):
        by_name("sdg")
    with pytest.raises(UserError, match=r"optimizer=sdg: .*did you mean sgd"):
        parse(["optimizer=sdg"])


def path(cls, rates, gradient=slope, **settings):
    θ = torch.nn.Parameter(START.clone())
    made = cls([θ], lr=rates[0], **settings)
    points = []
    for lr in rates:
        made.param_groups[0]["lr"] = lr
        θ.grad = gradient(θ.detach())
        made.step()
        points.append(θ.detach().clone())
    return torch.stack(points), made.state[θ]


def classic(rates, μ):
    """Sutskever's classic momentum: v ← μv − η g, θ ← θ + v."""
    θ, v, points = START.clone(), torch.zeros(2, dtype=torch.float64), []
    for lr in rates:
        v = μ * v - lr * slope(θ)
        θ = θ + v
        points.append(θ)
    return torch.stack(points)


def test_E36_momentum_equals_the_classic_form_while_the_rate_stays():
    assert torch.allclose(path(SGD, [0.05] * 30, momentum=0.9)[0], classic([0.05] * 30, 0.9), rtol=0, atol=1e-14)


def test_E36_momentum_differs_from_the_classic_form_when_the_rate_changes():
    rates = [0.05] * 5 + [0.005] * 5
    ours, theirs = path(SGD, rates, momentum=0.9)[0], classic(rates, 0.9)
    assert torch.allclose(ours[:5], theirs[:5], rtol=0, atol=1e-14)
    assert (ours[5] - theirs[5]).abs().max() > 1e-3


CHANGING = [0.05] * 5 + [0.005] * 5


def test_E36_the_papers_form_is_sutskevers_at_every_rate_and_polyaks_path_is_the_same():
    """Polyak keeps two points, Sutskever a velocity: θ − θ_prev is v."""
    expected = classic(CHANGING, 0.9)
    assert torch.allclose(path(Momentum, CHANGING, momentum=0.9)[0], expected, rtol=0, atol=1e-14)
    assert torch.allclose(path(HeavyBall, CHANGING, momentum=0.9)[0], expected, rtol=0, atol=1e-14)


def test_E36_polyaks_own_equation():
    η, μ, points = 0.05, 0.9, [START, START]
    for _ in range(10):
        points.append(points[-1] - η * slope(points[-1]) + μ * (points[-1] - points[-2]))
    assert torch.allclose(path(HeavyBall, [η] * 10, momentum=μ)[0], torch.stack(points[2:]), rtol=0, atol=1e-14)


def nesterov(rates, μ):
    """His form, which measures the slope at θ + μv: the points θ, and the look-ahead points that follow them."""
    θ, v, points, ahead = START.clone(), torch.zeros(2, dtype=torch.float64), [], []
    for lr in rates:
        v = μ * v - lr * slope(θ + μ * v)
        θ = θ + v
        points.append(θ)
        ahead.append(θ + μ * v)
    return torch.stack(points), torch.stack(ahead)


def test_E37_the_papers_nag_keeps_the_look_ahead_point_at_every_rate():
    for rates in ([0.05] * 30, CHANGING):
        points, ahead = nesterov(rates, 0.9)
        kept, state = path(NAG, rates, momentum=0.9)
        assert torch.allclose(kept, ahead, rtol=0, atol=1e-12)
        assert torch.allclose(kept[-1] - 0.9 * state["velocity"], points[-1], rtol=0, atol=1e-12)  # his own θ


def test_E37_torchs_nesterov_agrees_with_it_while_the_rate_stays_and_not_when_it_changes():
    ours = path(NAG, [0.05] * 30, momentum=0.9)[0]
    assert (ours - path(SGD, [0.05] * 30, momentum=0.9)[0]).abs().max() > 1e-3  # plain momentum is another path
    torchs = path(SGD, [0.05] * 30, momentum=0.9, nesterov=True)[0]
    assert torch.allclose(ours, torchs, rtol=0, atol=1e-12)
    ours, torchs = path(NAG, CHANGING, momentum=0.9)[0], path(SGD, CHANGING, momentum=0.9, nesterov=True)[0]
    assert torch.allclose(ours[:5], torchs[:5], rtol=0, atol=1e-12) and (ours[5] - torchs[5]).abs().max() > 1e-3


def test_E36_the_first_velocity_is_the_gradient_undamped():
    points, state = path(SGD, [0.1], momentum=0.9, dampening=0.5)
    assert torch.equal(state["momentum_buffer"], slope(START))
    points, state = path(SGD, [0.1, 0.1], momentum=0.9, dampening=0.5)
    expected = 0.9 * slope(START) + (1 - 0.5) * slope(points[0])
    assert torch.allclose(state["momentum_buffer"], expected, rtol=0, atol=1e-15)


def test_E37_nesterov_keeps_the_look_ahead_point_of_nesterovs_own_form():
    """His form measures the slope at θ + μv and keeps θ; torch keeps θ + μv as the parameter. The same path."""
    η, μ = 0.05, 0.9
    kept = path(SGD, [η] * 30, momentum=μ, nesterov=True)[0]
    θ, v, ahead = START.clone(), torch.zeros(2, dtype=torch.float64), []
    for _ in range(30):
        v = μ * v - η * slope(θ + μ * v)
        θ = θ + v
        ahead.append(θ + μ * v)
    assert torch.allclose(kept, torch.stack(ahead), rtol=0, atol=1e-14)


def test_E38_adagrad_adds_all_squares_and_epsilon_after_the_root():
    points, state = path(Adagrad, [0.1] * 3, eps=0.5)
    θ, G = START.clone(), torch.zeros(2, dtype=torch.float64)
    for t in range(3):
        g = slope(θ)
        G = G + g * g
        θ = θ - 0.1 * g / (G.sqrt() + 0.5)
        assert torch.allclose(points[t], θ, rtol=0, atol=1e-14)
    assert torch.allclose(state["sum"], G)


def test_E39_adadelta_at_the_rate_of_one_is_zeilers_rule_without_a_rate():
    half, whole = path(Adadelta, [0.5], eps=1e-3)[0][0], path(Adadelta, [1.0], eps=1e-3)[0][0]
    assert torch.allclose(START - half, 0.5 * (START - whole), rtol=1e-12)
    assert Adadelta([torch.nn.Parameter(START.clone())]).defaults["lr"] == 1.0


def test_E40_adadelta_has_the_root_of_its_own_steps_above_and_epsilon_inside_both():
    points, _ = path(Adadelta, [1.0] * 5, rho=0.8, eps=1e-2)
    θ, v, u = START.clone(), torch.zeros(2, dtype=torch.float64), torch.zeros(2, dtype=torch.float64)
    for t in range(5):
        g = slope(θ)
        v = 0.8 * v + 0.2 * g * g
        Δ = (u + 1e-2).sqrt() / (v + 1e-2).sqrt() * g
        u = 0.8 * u + 0.2 * Δ * Δ
        θ = θ - Δ
        assert torch.allclose(points[t], θ, rtol=0, atol=1e-14)


def test_E41_rmsprop_has_no_numerator_and_epsilon_outside():
    g, moved = slope(START), START - path(RMSprop, [0.1], alpha=0.75, eps=0.5)[0][0]
    assert torch.allclose(moved, 0.1 * g / ((0.25 * g * g).sqrt() + 0.5), rtol=1e-13)
    inside = 0.1 * g / (0.25 * g * g + 0.5).sqrt()
    assert (moved - inside).abs().max() > 1e-3


def test_E44_the_steps_of_adamax_are_bounded_by_the_rate():
    """Whatever the gradients do, once β₁ < β₂: the first moment never exceeds the largest gradient remembered."""
    source = torch.Generator().manual_seed(0)
    jumps = [torch.randn(2, generator=source, dtype=torch.float64) * 10.0**k for k in (0, 3, -3, 1, -2, 4, -4, 0)]
    given = iter(jumps)
    points, _ = path(Adamax, [0.1] * len(jumps), gradient=lambda θ: next(given))
    steps = torch.diff(torch.cat([START[None], points]), dim=0)
    assert steps.abs().max() <= 0.1 * (1 + 1e-12)


def test_E47_rprop_waits_one_step_after_a_flip():
    given = iter([1.0, 1.0, -1.0, -1.0, -1.0])
    points, state = path(Rprop, [0.1] * 5, gradient=lambda θ: torch.full((2,), next(given), dtype=torch.float64))
    steps = torch.diff(torch.cat([START[None], points]), dim=0)[:, 0].tolist()
    assert steps == pytest.approx([-0.1, -0.12, 0.0, 0.06, 0.072], abs=1e-12)
    assert state["step_size"].tolist() == pytest.approx([0.072, 0.072])


def test_E47_the_steps_of_rprop_stay_between_their_bounds():
    _, state = path(Rprop, [0.1] * 9, gradient=torch.ones_like, step_sizes=(1e-6, 0.15))
    assert state["step_size"].tolist() == [0.15, 0.15]


def test_E48_the_average_of_asgd_is_uniform_and_used_only_when_swapped():
    θ = torch.nn.Parameter(START.clone())
    made, seen = ASGD([θ], lr=0.1, lambd=0.0, t0=3), []
    for _ in range(10):
        θ.grad = slope(θ.detach())
        made.step()
        seen.append(θ.detach().clone())
    last = seen[-1]
    assert torch.equal(θ, last)
    made.swap_average()
    # torch's weight lags one update: 1 up to and with update t0 + 2, then 1/2, 1/3, …
    assert torch.allclose(θ, torch.stack(seen[4:]).mean(0), rtol=0, atol=1e-6)
    made.swap_average()
    assert torch.equal(θ, last)


def test_E48_the_rate_of_asgd_falls():
    _, state = path(ASGD, [0.1] * 50, lambd=0.5, alpha=0.75)
    assert float(state["eta"]) == pytest.approx(0.1 / (1 + 0.5 * 0.1 * 50) ** 0.75, rel=1e-6)


def test_E42_adam_corrects_the_bias_of_both_moments():
    """So the first step is as long as the rate whatever the gradient; uncorrected it would be (1−β₁)/√(1−β₂) of it."""
    first = START - path(Adam, [0.1], gradient=lambda θ: 1e3 * slope(θ))[0][0]
    assert torch.allclose(first.abs(), torch.full((2,), 0.1, dtype=torch.float64), rtol=1e-9)
    assert pytest.approx(3.16, abs=0.01) == (1 - 0.9) / (1 - 0.999) ** 0.5


def test_E42_epsilon_stands_outside_the_root():
    """The same ε in the paper's efficient form (end of section 2) is ε̂ = ε √(1 − β₂ᵗ)."""
    ε, (β1, β2), points = 1e-2, (0.9, 0.999), path(Adam, [0.1] * 10, eps=1e-2)[0]
    θ, m, v = START.clone(), torch.zeros(2, dtype=torch.float64), torch.zeros(2, dtype=torch.float64)
    for t in range(1, 11):
        g = slope(θ)
        m, v = β1 * m + (1 - β1) * g, β2 * v + (1 - β2) * g**2
        root = (1 - β2**t) ** 0.5
        θ = θ - 0.1 * root / (1 - β1**t) * m / (v.sqrt() + ε * root)
        assert torch.allclose(points[t - 1], θ, rtol=0, atol=1e-14)
    inside = 0.1 * slope(START) / (slope(START) ** 2 + ε).sqrt()
    assert (START - points[0] - inside).abs().max() > 1e-5


def test_E43_decay_in_adam_is_not_decay_of_the_weights():
    """Without a gradient AdamW shrinks every weight by the same part; Adam's L2 moves each by about the rate."""
    still = torch.zeros_like
    decoupled = path(AdamW, [0.1], gradient=still, weight_decay=0.5)[0][0]
    coupled = path(Adam, [0.1], gradient=still, weight_decay=0.5)[0][0]
    assert torch.allclose(decoupled, START * (1 - 0.1 * 0.5), rtol=1e-15)
    assert torch.allclose(coupled, START - 0.1 * START.sign(), rtol=1e-7)


def test_E43_decay_in_sgd_is_decay_of_the_weights():
    still = path(SGD, [0.1], gradient=torch.zeros_like, weight_decay=0.5)[0][0]
    assert torch.allclose(still, START * (1 - 0.1 * 0.5), rtol=1e-15)
