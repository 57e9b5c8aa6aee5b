"""First weights: torch's numbers, the variances of E49–E52, and normal numbers from uniform ones (E53, E54)."""

import math

import pytest
import torch
from scipy import stats

import chainrule.nn as nn
from chainrule.catalog import INITS
from chainrule.errors import UserError
from chainrule.nn import init
from chainrule.nn.normal_numbers import box_muller, disc, marsaglia_polar

SHAPES = [(8, 5), (5, 8), (6, 3, 3, 3), (4, 1, 5)]
CALLS = [
    ("uniform_", (-2.0, 3.0)),
    ("normal_", (1.0, 2.0)),
    ("xavier_uniform_", ()),
    ("xavier_uniform_", (5 / 3,)),
    ("xavier_normal_", (0.5,)),
    ("kaiming_uniform_", ()),
    ("kaiming_uniform_", (math.sqrt(5),)),
    ("kaiming_uniform_", (0.2, "fan_out")),
    ("kaiming_normal_", (0.0, "fan_out", "relu")),
    ("kaiming_normal_", (0.0, "fan_in", "tanh")),
    ("orthogonal_", ()),
    ("orthogonal_", (2.0,)),
    ("trunc_normal_", ()),
    ("trunc_normal_", (0.5, 2.0, -1.0, 3.0)),
]


@pytest.mark.parametrize(("name", "args"), CALLS, ids=str)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_same_seed_gives_torchs_numbers(name, args, shape, dtype):
    results = []
    for home in (init, torch.nn.init):
        weight = torch.nn.Parameter(torch.empty(shape, dtype=dtype))
        back = getattr(home, name)(weight, *args, generator=torch.Generator().manual_seed(3))
        assert back is weight and weight.requires_grad
        results.append(weight.detach())
    torch.testing.assert_close(
        *results, rtol=1e-6 if dtype == torch.float32 else 1e-14, atol=1e-7 if name == "orthogonal_" else 0
    )


def test_modules_start_as_torchs():
    for name, args in (("Linear", (5, 3)), ("Conv2d", (4, 6, 3)), ("Embedding", (5, 3))):
        torch.manual_seed(0)
        ours = getattr(nn, name)(*args)
        torch.manual_seed(0)
        theirs = getattr(torch.nn, name)(*args)
        assert all(torch.equal(a, b) for a, b in zip(ours.parameters(), theirs.parameters(), strict=True))


def drawn(call, shape=(400, 500), **options):
    return call(torch.empty(shape, dtype=torch.float64), **options, generator=torch.Generator().manual_seed(0))


def test_E49_fans_of_linear_and_grouped_convolution():
    assert init.fans(nn.Linear(5, 3).weight) == (5, 3)
    assert init.fans(nn.Conv2d(8, 6, 3, groups=2).weight) == (8 // 2 * 9, 6 * 9)
    with pytest.raises(UserError, match="has no fans"):
        init.fans(torch.empty(3))


def test_E49_a_group_is_a_layer_of_its_own():
    depthwise = nn.Conv2d(64, 128, 5, groups=64)
    assert [init.fans(part) for part in init.parts(depthwise)] == [(25, 50)] * 64
    up = nn.ConvTranspose2d(6, 4, 3, groups=2)
    assert [init.fans(part) for part in init.parts(up)] == [(3 * 9, 2 * 9)] * 2
    assert [init.fans(part) for part in init.parts(nn.Linear(5, 3))] == [(5, 3)]
    # what is drawn has the variance of the group's fan_out, not that of the whole weight: 2 / 50, not 2 / 3200
    for name, options, variance in [
        ("kaiming", {"mode": "fan_out"}, 2 / 50),
        ("kaiming", {}, 2 / 25),
        ("xavier", {}, 2 / 75),
        ("orthogonal", {}, 1 / 25),
    ]:
        init.initialize(depthwise, name, 0, **options)
        assert depthwise.weight.var().item() == pytest.approx(variance, rel=0.06), name


def test_E49_variance_stays_through_a_depthwise_convolution():
    x = torch.randn(4, 64, 24, 24, generator=torch.Generator().manual_seed(0)).requires_grad_()
    conv = init.initialize(nn.Conv2d(64, 64, 3, groups=64), "kaiming", 0, gain="linear", mode="fan_out")
    out = conv(x)
    (δx,) = torch.autograd.grad(out, x, torch.randn(out.shape, generator=torch.Generator().manual_seed(1)))
    assert δx[..., 2:-2, 2:-2].var().item() == pytest.approx(1, rel=0.1)


def test_E50_xavier_is_glorot_and_its_variance():
    assert init.glorot_uniform_ is init.xavier_uniform_ and init.glorot_normal_ is init.xavier_normal_
    for call in (init.xavier_uniform_, init.xavier_normal_):
        w = drawn(call)
        assert w.var().item() == pytest.approx(2 / 900, rel=0.02) and w.mean().abs() < 1e-3
        assert drawn(call, gain=4.0).var().item() == pytest.approx(16 * 2 / 900, rel=0.02)
    assert drawn(init.xavier_uniform_).abs().max().item() == pytest.approx(math.sqrt(6 / 900), rel=1e-3)


def test_E51_kaiming_is_he_and_its_variance():
    assert init.he_uniform_ is init.kaiming_uniform_ and init.he_normal_ is init.kaiming_normal_
    for call in (init.kaiming_uniform_, init.kaiming_normal_):
        assert drawn(call).var().item() == pytest.approx(2 / 500, rel=0.02)
        assert drawn(call, mode="fan_out").var().item() == pytest.approx(2 / 400, rel=0.02)
        assert drawn(call, a=0.5).var().item() == pytest.approx(2 / (1.25 * 500), rel=0.02)
    grouped = drawn(init.kaiming_normal_, (512, 8, 5, 5))
    assert grouped.var().item() == pytest.approx(2 / (8 * 25), rel=0.02)


def test_E52_bound_std_and_torchs_default():
    w = drawn(init.kaiming_uniform_)
    assert w.abs().max().item() == pytest.approx(math.sqrt(3) * math.sqrt(2 / 500), rel=1e-3)
    default = nn.Linear(500, 400).weight
    assert default.abs().max().item() == pytest.approx(1 / math.sqrt(500), rel=1e-3)
    assert drawn(init.kaiming_uniform_, a=math.sqrt(5)).abs().max().item() == pytest.approx(
        1 / math.sqrt(500), rel=1e-3
    )


def test_gains_are_torchs():
    for name in (*init.GAINS, "leaky_relu"):
        assert init.gain_of(name, 0.2) == pytest.approx(torch.nn.init.calculate_gain(name, 0.2))


def test_orthogonal_rows_and_columns():
    tall, wide = drawn(init.orthogonal_, (9, 4)), drawn(init.orthogonal_, (4, 3, 3), gain=3.0).flatten(1)
    torch.testing.assert_close(tall.T @ tall, torch.eye(4, dtype=torch.float64))
    torch.testing.assert_close(wide @ wide.T, 9 * torch.eye(4, dtype=torch.float64))


def test_truncated_normal_is_the_normal_inside():
    w = drawn(init.trunc_normal_, (100_000,), mean=0.5, std=2.0, a=-1.0, b=2.0)
    assert w.min() >= -1 and w.max() <= 2
    law = stats.truncnorm((-1 - 0.5) / 2, (2 - 0.5) / 2, loc=0.5, scale=2)
    assert stats.kstest(w.numpy(), law.cdf).pvalue > 1e-3
    with pytest.raises(UserError, match="nearer the mean"):
        init.trunc_normal_(torch.empty(3), a=5.0, b=6.0)


NORMAL = [box_muller, marsaglia_polar]


@pytest.mark.parametrize("make", NORMAL, ids=lambda f: f.__name__)
def test_E53_E54_numbers_are_normal(make):
    n = 400_000
    z = make(n, torch.Generator().manual_seed(0))
    assert len(z) == n and z.isfinite().all()
    assert abs(z.mean()) < 3 / math.sqrt(n) and abs(z.var() - 1) < 3 * math.sqrt(2 / n)
    assert abs(z.pow(3).mean()) < 3 * math.sqrt(15 / n) and abs(z.pow(4).mean() - 3) < 3 * math.sqrt(96 / n)
    assert stats.kstest(z.numpy(), "norm").pvalue > 1e-3


@pytest.mark.parametrize("make", NORMAL, ids=lambda f: f.__name__)
def test_E53_E54_numbers_do_not_know_each_other(make):
    z = make(400_000, torch.Generator().manual_seed(1))
    for a, b in ((z[::2], z[1::2]), (z[:-1], z[1:]), (z[::2].abs(), z[1::2].abs()), (z[::2] ** 2, z[1::2] ** 2)):
        assert abs(torch.corrcoef(torch.stack([a, b]))[0, 1]) < 4 / math.sqrt(len(a))
    radius = z[::2] ** 2 + z[1::2] ** 2
    assert stats.kstest(radius.numpy(), "chi2", args=(2,)).pvalue > 1e-3


@pytest.mark.parametrize("make", NORMAL, ids=lambda f: f.__name__)
def test_the_generator_decides(make):
    first, again, other = (make(7, torch.Generator().manual_seed(s)) for s in (0, 0, 1))
    assert torch.equal(first, again) and not torch.equal(first, other) and len(make(0)) == 0


def test_E53_points_of_a_disc_are_not_normal():
    u, v = disc(400_000, torch.Generator().manual_seed(0))
    x = u / u.std()
    assert x.pow(4).mean().item() == pytest.approx(2, abs=0.02) and stats.kstest(x.numpy(), "norm").pvalue < 1e-6
    assert abs(torch.corrcoef(torch.stack([u**2, v**2]))[0, 1]) > 0.3  # nor independent


def test_E54_acceptance_is_a_quarter_of_pi():
    n = 400_000
    u, v = disc(n, torch.Generator().manual_seed(0))
    assert abs(len(u) / n - math.pi / 4) < 3 * math.sqrt(math.pi / 4 * (1 - math.pi / 4) / n)
    assert (u**2 + v**2).max() < 1


def small():
    return nn.Sequential(nn.Conv2d(4, 6, 3, groups=2), nn.BatchNorm2d(6), nn.Flatten(), nn.Linear(6, 2))


OF_A_NAME = {
    **dict.fromkeys(("xavier", "xavier_uniform", "glorot", "glorot_uniform"), init.xavier_uniform_),
    **dict.fromkeys(("xavier_normal", "glorot_normal"), init.xavier_normal_),
    **dict.fromkeys(("kaiming", "kaiming_normal", "he", "he_normal"), init.kaiming_normal_),
    **dict.fromkeys(("kaiming_uniform", "he_uniform"), init.kaiming_uniform_),
    "orthogonal": init.orthogonal_,
    "standard": init.standard_uniform_,
    "normal": lambda w, generator: init.normal_(w, 0.0, 0.01, generator),
    "uniform": init.spread_uniform_,
    "trunc_normal": init.cut_normal_,
}


@pytest.mark.parametrize("name", INITS)
def test_initialize_draws_all_weights_by_name(name):
    model, again = (init.initialize(small(), name, seed=4) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), again.parameters(), strict=True))
    generator = torch.Generator().manual_seed(4)
    groups = [OF_A_NAME[name](torch.empty(3, 2, 3, 3), generator=generator) for _ in range(2)]
    assert torch.equal(model[0].weight, torch.cat(groups))
    assert model[0].bias.tolist() == [0] * 6 and model[3].bias.tolist() == [0] * 2
    assert model[1].weight.tolist() == [1] * 6 and all(p.requires_grad for p in model.parameters())
    other = init.initialize(small(), name, seed=5)
    assert not torch.equal(model[3].weight, other[3].weight)


@pytest.mark.parametrize(
    ("name", "options", "std"),
    [
        ("xavier", {"gain": "tanh"}, 5 / 3 * math.sqrt(2 / 900)),
        ("glorot_normal", {"gain": 4.0}, 4 * math.sqrt(2 / 900)),
        ("he", {"gain": "linear", "mode": "fan_out"}, math.sqrt(1 / 400)),
        ("kaiming_uniform", {"gain": "tanh"}, 5 / 3 / math.sqrt(500)),
        ("kaiming", {"gain": 3}, 3 / math.sqrt(500)),
        ("standard", {"gain": 2}, 2 / math.sqrt(3 * 500)),
        ("orthogonal", {"gain": "relu"}, math.sqrt(2 / 500)),
        ("normal", {"std": 0.3}, 0.3),
        ("uniform", {"std": 0.3}, 0.3),
        ("trunc_normal", {"std": 0.3}, 0.3 * 0.8796),  # of what lies within two deviations
    ],
)
def test_options_of_a_method_set_the_deviation(name, options, std):
    model = init.initialize(nn.Linear(500, 400), name, 0, **options)
    assert model.weight.std().item() == pytest.approx(std, rel=0.01)


def test_a_run_draws_with_its_options():
    from chainrule.learn.build import network
    from chainrule.learn.facts import Facts
    from chainrule.settings import parse

    facts = Facts("x", "classification", ("a", "b"), (1, 20, 20), (0.0,), (1.0,), "resize", "00")
    made = network("mlp", parse(["init=kaiming", "init_gain=tanh", "init_mode=fan_out"]), facts)
    assert made[1].weight.std().item() == pytest.approx(5 / 3 / math.sqrt(128), rel=0.02)
    made = network("mlp", parse(["init=normal", "init_std=0.5"]), facts)
    assert made[1].weight.std().item() == pytest.approx(0.5, rel=0.02)


def test_initialize_by_default_leaves_torchs_weights():
    torch.manual_seed(0)
    model = small()
    before = {k: v.clone() for k, v in model.state_dict().items()}
    assert init.initialize(model, "default") is model
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())


@pytest.mark.parametrize(
    ("call", "line"),
    [
        (lambda: init.initialize(small(), "kaimin_uniform"), "did you mean kaiming_uniform"),
        (lambda: init.initialize(small(), "normal", gain=2.0), "gain=2.0: init=normal does not take it"),
        (lambda: init.initialize(small(), "default", std=2.0), "std=2.0: init=default does not take it"),
        (lambda: init.gain_of("relux"), "did you mean relu"),
        (lambda: init.kaiming_normal_(torch.empty(2, 2), mode="fan"), "expected one of fan_in, fan_out"),
    ],
)
def test_refusals(call, line):
    with pytest.raises(UserError, match=line):
        call()
