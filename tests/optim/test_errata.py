"""Where the notes and the literature differ: the literature wins."""

import pytest
import torch

import chainrule
from chainrule.optim import SGD, Adam, AdamW

MATRIX = torch.tensor([[3.0, 1.0], [1.0, 2.0]], dtype=torch.float64)
START = torch.tensor([1.0, -2.0], dtype=torch.float64)


def slope(θ):
    """The gradient of a bowl: ½ θᵀAθ."""
    return MATRIX @ θ


@pytest.fixture(autouse=True, params=["formula", "auto"])
def in_gear(request):
    with chainrule.gear(request.param):
        yield


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
