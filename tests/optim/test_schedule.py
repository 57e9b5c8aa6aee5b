"""Schedules against torch's schedulers, step by step, and what is said of bad settings."""

import json

import pytest
import torch
from torch.optim import lr_scheduler as torchs

from chainrule.errors import UserError
from chainrule.optim import SCHEDULES, SGD, Schedule
from chainrule.optim.schedule import warm_up

PAIRS = [
    ("constant", {}, lambda o: torchs.ConstantLR(o, factor=1.0)),
    ("step", {"every": 7, "gamma": 0.3}, lambda o: torchs.StepLR(o, 7, 0.3)),
    ("step", {}, lambda o: torchs.StepLR(o, 30)),
    ("multistep", {"milestones": (7, 20, 20), "gamma": 0.3}, lambda o: torchs.MultiStepLR(o, [7, 20, 20], 0.3)),
    ("multistep", {}, lambda o: torchs.MultiStepLR(o, [30, 80])),
    ("exponential", {"gamma": 0.9}, lambda o: torchs.ExponentialLR(o, 0.9)),
    ("linear", {}, lambda o: torchs.LinearLR(o, 1.0, 0.0, 50)),
    ("linear", {"floor": 0.2}, lambda o: torchs.LinearLR(o, 1.0, 0.2, 50)),
    ("polynomial", {}, lambda o: torchs.PolynomialLR(o, 50)),
    ("polynomial", {"power": 2.5}, lambda o: torchs.PolynomialLR(o, 50, 2.5)),
    ("cosine_restarts", {}, lambda o: torchs.CosineAnnealingWarmRestarts(o, 10)),
    (
        "cosine_restarts",
        {"first": 3, "mult": 2, "floor": 0.1},
        lambda o: torchs.CosineAnnealingWarmRestarts(o, 3, 2, 0.1 * 0.4),
    ),
    ("noam", {"rise": 8}, lambda o: torchs.LambdaLR(o, lambda t: 8**0.5 * min((t + 1) ** -0.5, (t + 1) * 8**-1.5))),
    ("cosine", {}, lambda o: torchs.CosineAnnealingLR(o, 50)),
    ("cosine", {"floor": 0.1}, lambda o: torchs.CosineAnnealingLR(o, 50, eta_min=0.1 * 0.4)),
    ("onecycle", {}, lambda o: torchs.OneCycleLR(o, 0.4, total_steps=50, cycle_momentum=False)),
    (
        "onecycle",
        {"pct_start": 0.45, "div_factor": 10.0, "final_div_factor": 100.0},
        lambda o: torchs.OneCycleLR(
            o, 0.4, total_steps=50, pct_start=0.45, div_factor=10, final_div_factor=100, cycle_momentum=False
        ),
    ),
]


def optimizer(lr=0.4):
    return SGD([torch.nn.Parameter(torch.zeros(1))], lr=lr, momentum=0.9)


def rates(made, schedule, steps):
    seen = [float(made.param_groups[0]["lr"])]
    for _ in range(steps):
        made.step()
        schedule.step()
        seen.append(float(made.param_groups[0]["lr"]))
    return seen


@pytest.mark.parametrize("lr", [0.4, torch.tensor(0.4, dtype=torch.float64)], ids=["number", "tensor"])
@pytest.mark.parametrize(("name", "options", "torch_one"), PAIRS)
def test_equal_to_torch(name, options, torch_one, lr):
    mine = optimizer(lr.clone() if isinstance(lr, torch.Tensor) else lr)
    theirs = optimizer()
    ours = rates(mine, Schedule(mine, name, 50, **options), 49)
    assert ours == pytest.approx(rates(theirs, torch_one(theirs), 49), rel=1e-12, abs=1e-12)
    assert isinstance(mine.param_groups[0]["lr"], torch.Tensor) == isinstance(lr, torch.Tensor)


@pytest.mark.parametrize(("name", "options", "torch_one"), [p for p in PAIRS if p[0] in ("step", "cosine")])
def test_warm_up_in_front_is_torchs_linear_then_the_rest(name, options, torch_one):
    mine, theirs = optimizer(), optimizer()
    schedule = Schedule(mine, name, 60, warmup=10, warmup_start=0.25, **options)
    line = torchs.LinearLR(theirs, start_factor=0.25, end_factor=1.0, total_iters=10)
    both = torchs.SequentialLR(theirs, [line, torch_one(theirs)], milestones=[10])
    assert rates(mine, schedule, 59) == pytest.approx(rates(theirs, both, 59), rel=1e-12)


def test_warm_up_rises_by_equal_steps_from_above_zero_to_one():
    assert [warm_up(t, 4) for t in range(6)] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0, 1.0])


@pytest.mark.parametrize("warmup", [0, 1, 5, 20])
@pytest.mark.parametrize("total", [1, 2, 3, 20])
@pytest.mark.parametrize("name", list(SCHEDULES))
def test_every_length_and_what_lies_behind_it_is_defined(name, total, warmup):
    schedule = Schedule(optimizer(), name, total, warmup=warmup)
    factors = [schedule.factor(t) for t in range(total + warmup + 5)]
    assert all(0 <= factor <= 1 for factor in factors)
    assert factors[-1] == factors[-2] or name in ("step", "exponential", "cosine_restarts", "noam")


def test_the_step_is_all_its_state():
    first, second = optimizer(), optimizer()
    a, b = Schedule(first, "cosine", 30, warmup=5), Schedule(second, "cosine", 30, warmup=5)
    rates(first, a, 12)
    assert a.state_dict() == {"step": 12}
    second.load_state_dict(first.state_dict())
    b.load_state_dict(a.state_dict())
    assert rates(second, b, 18) == rates(first, a, 18)


def test_a_longer_run_goes_on_from_its_step():
    made = optimizer()
    rates(made, Schedule(made, "cosine", 10), 10)
    longer = Schedule(made, "cosine", 20)
    longer.load_state_dict({"step": 10})
    assert made.param_groups[0]["lr"] == pytest.approx(0.4 * 0.5)


def test_groups_keep_their_own_base_rates():
    made = SGD([{"params": [torch.zeros(1)], "lr": 1.0}, {"params": [torch.zeros(1)]}], lr=0.1)
    schedule = Schedule(made, "step", 10, every=1, gamma=0.5)
    schedule.step()
    assert [group["lr"] for group in made.param_groups] == [0.5, 0.05]
    made.add_param_group({"params": [torch.zeros(1)], "lr": 2.0})
    schedule.step()
    assert [group["lr"] for group in made.param_groups] == [0.25, 0.025, 0.5]


PLATEAUS = [
    {},
    {"patience": 0, "factor": 0.5},
    {"patience": 1, "factor": 0.5, "cooldown": 2},
    {"patience": 1, "threshold": 0.05, "threshold_mode": "abs"},
    {"patience": 2, "factor": 0.3, "mode": "max", "threshold": 0.01},
    {"patience": 0, "mode": "max", "threshold_mode": "abs", "cooldown": 1, "factor": 0.7},
]


def figures(epochs):
    source = torch.Generator().manual_seed(0)
    noise = torch.rand(epochs, generator=source)
    return [0.3 + 1 / (1 + t) + 0.2 * float(x) for t, x in enumerate(noise)]


@pytest.mark.parametrize("options", PLATEAUS, ids=str)
def test_plateau_is_torchs(options):
    mine, theirs = optimizer(), optimizer()
    ours, torch_one = Schedule(mine, "plateau", 50, **options), torchs.ReduceLROnPlateau(theirs, eps=0, **options)
    seen = []
    for metric in figures(60):
        ours.step()
        ours.epoch(metric)
        torch_one.step(metric)
        seen.append(mine.param_groups[0]["lr"])
        assert seen[-1] == pytest.approx(theirs.param_groups[0]["lr"], rel=1e-12)
    assert seen[-1] < 0.4


def test_plateau_stops_at_its_floor():
    mine, theirs = optimizer(), optimizer()
    ours = Schedule(mine, "plateau", 50, patience=0, floor=0.25)
    torch_one = torchs.ReduceLROnPlateau(theirs, patience=0, min_lr=0.1)
    for _ in range(5):
        ours.epoch(1.0)
        torch_one.step(1.0)
    assert mine.param_groups[0]["lr"] == theirs.param_groups[0]["lr"] == 0.1


@pytest.mark.parametrize("stop", [0, 1, 7])
@pytest.mark.parametrize("mode", ["min", "max"])
def test_plateau_goes_on_from_its_state(stop, mode):
    """Through JSON, as a checkpoint keeps it."""
    whole, half = (Schedule(optimizer(), "plateau", 50, patience=1, cooldown=1, mode=mode) for _ in range(2))
    metrics = figures(20)
    for metric in metrics[:stop]:
        whole.epoch(metric)
        half.epoch(metric)
    resumed = Schedule(optimizer(), "plateau", 50, patience=1, cooldown=1, mode=mode)
    resumed.load_state_dict(json.loads(json.dumps(half.state_dict(), allow_nan=False)))
    for metric in metrics[stop:]:
        whole.epoch(metric)
        resumed.epoch(metric)
    assert resumed.plateau == whole.plateau and resumed.factor(3) == whole.factor(3) < 1


def test_no_epoch_counts_before_the_warm_up_is_over():
    schedule = Schedule(optimizer(), "plateau", 50, warmup=3, patience=0)
    for _ in range(3):
        schedule.epoch(1.0)
        schedule.step()
    assert schedule.factor(3) == 1.0
    schedule.epoch(1.0)
    schedule.epoch(1.0)
    assert schedule.factor(3) == 0.1


def test_other_schedules_do_not_heed_an_epoch():
    schedule = Schedule(optimizer(), "cosine", 50)
    schedule.epoch(float("nan"))
    assert schedule.state_dict() == {"step": 0} and schedule.factor(0) == 1.0


def test_trap_08_noam_is_the_papers_rate():
    """lrate = d_model^−0.5 · min(step^−0.5, step · warmup_steps^−1.5)."""
    d, rise = 512, 4000
    base = (d * rise) ** -0.5
    for step in (1, 100, 4000, 4001, 100_000):
        expected = d**-0.5 * min(step**-0.5, step * rise**-1.5)
        assert base * SCHEDULES["noam"](step - 1, 100_000, rise=rise) == pytest.approx(expected, rel=1e-12)


def test_restarts_of_one_length_never_run_out():
    assert SCHEDULES["cosine_restarts"](10**9 + 0.5, 1, first=1) == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("cosin", {}, "unknown schedule 'cosin': expected one of .*; did you mean cosine\\?"),
        ("step", {"gama": 0.1}, "schedule step takes no option 'gama': expected one of every, gamma; .* gamma\\?"),
        ("constant", {"gamma": 0.1}, "schedule constant takes no option 'gamma': expected none"),
        ("cosine", {"total": 0}, "schedule cosine: total=0: expected at least 1 step"),
        ("cosine", {"warmup": -1}, "schedule cosine: warmup=-1: expected at least 0 steps"),
        ("cosine", {"warmup_start": 2}, "schedule cosine: warmup_start=2: expected a number from 0 to 1"),
        ("cosine", {"floor": float("nan")}, "schedule cosine: floor=nan: expected a number of at least 0"),
        ("step", {"every": 0}, "schedule step: every=0: expected a number of steps above 0"),
        ("multistep", {"milestones": (5, -1)}, "schedule multistep: milestones=.*: expected numbers of steps above 0"),
        ("cosine_restarts", {"mult": 1.5}, "schedule cosine_restarts: mult=1.5: expected a whole number of at least 1"),
        ("noam", {"rise": 0}, "schedule noam: rise=0: expected a number of steps above 0"),
        ("polynomial", {"power": 0}, "schedule polynomial: power=0: expected a number above 0"),
        ("plateau", {"factor": 1.0}, "schedule plateau: factor=1.0: expected a number from 0 to below 1"),
        ("plateau", {"mode": "up"}, "schedule plateau: mode='up': expected min or max"),
        ("onecycle", {"pct_start": 1.5}, "schedule onecycle: pct_start=1.5: expected a number from 0 to 1"),
        ("onecycle", {"div_factor": 0}, "schedule onecycle: div_factor=0: expected a number above 0"),
    ],
)
def test_bad_settings_give_one_line(name, settings, message):
    with pytest.raises(UserError, match=f"^{message}$"):
        Schedule(optimizer(), name, **settings)


def test_a_group_stands_still_behind_its_share_of_the_run():
    a, b = (torch.nn.Parameter(torch.zeros(1)) for _ in range(2))
    made = SGD([{"params": [a]}, {"params": [b], "lr": 2.0, "until": 3 / 8}], lr=1.0)
    schedule = Schedule(made, "linear", 8)
    seen = []
    for _ in range(8):
        seen.append([group["lr"] for group in made.param_groups])
        schedule.step()
    assert [first for first, _ in seen] == pytest.approx([1 - t / 8 for t in range(8)])
    assert [second for _, second in seen] == pytest.approx([2.0, 1.75, 1.5, 0, 0, 0, 0, 0])


def test_a_constant_warm_up_stays_where_it_begins():
    made = SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)
    schedule = Schedule(made, "constant", 10, warmup=3, warmup_start=0.1, warmup_shape="constant")
    assert [schedule.factor(t) for t in range(5)] == pytest.approx([0.1, 0.1, 0.1, 1, 1])
