"""`chainrule find-lr`: it finds a rate that learns, shows it, and leaves what it looked at as it was."""

import copy
import random

import numpy as np
import pytest
import torch
from PIL import Image

import chainrule
from chainrule import nn, optim
from chainrule.cli.main import main
from chainrule.errors import UserError
from chainrule.learn.device import Device
from chainrule.learn.masks import Masks
from chainrule.learn.step import Step
from chainrule.learn.supervised import Supervised
from chainrule.look.range_test import RangeTest, find_lr, range_test

SMALL = {"device": "cpu", "model": {"hidden": (16,)}, "steps": 30, "low": 1e-5}
MAKE = {
    "sgd": lambda p: optim.SGD(p, lr=0.1, momentum=0.9),
    "adam": lambda p: optim.Adam(p, lr=1e-3, amsgrad=True),
    "nadam": lambda p: optim.NAdam([{"params": p[:2]}, {"params": p[2:], "lr": 1e-4}], lr=1e-2),
    "lookahead": lambda p: optim.Lookahead(optim.RMSprop(p, lr=1e-3), k=3),
    "muon": lambda p: optim.Muon(p, lr=torch.tensor(1e-3)),
}


def network():
    torch.manual_seed(3)
    layers = nn.Linear(8, 12), nn.BatchNorm1d(12), nn.ReLU(), nn.Dropout(0.5), nn.Linear(12, 4)
    return nn.Sequential(*layers)


def batches(i):
    own = torch.Generator().manual_seed(i)
    x = torch.randn(32, 8, generator=own)
    return [(x, x[:, :4].argmax(1))]


def made(name):
    """A step that has learned a little, so that there is state to lose."""
    model = network().train()
    optimizer = MAKE[name](list(model.parameters()))
    step = Step(model, Supervised("classification", tuple("abcd")), optimizer, Device("cpu"))
    for i in range(4):
        assert step(batches(i)).finite
    model[1].eval()
    return step


def bits(step):
    state = copy.deepcopy(step.optimizer.state_dict())
    flat, spec = torch.utils._pytree.tree_flatten((state, list(step.model.parameters()), list(step.model.buffers())))
    flat += [p.grad for p in step.model.parameters()]
    flat += [torch.get_rng_state(), torch.from_numpy(np.random.get_state()[1].astype(np.int64))]
    return [x.clone() if isinstance(x, torch.Tensor) else x for x in flat], spec


@pytest.mark.parametrize("name", MAKE)
def test_afterwards_every_bit_is_as_before(name):
    step = made(name)
    modes = [m.training for m in step.model.modules()]
    before, spec, python = *bits(step), random.getstate()
    moved = []
    range_test(step, batches, steps=20, on_rate=lambda *_: moved.append(step.model[0].weight.detach().clone()))
    after, same = bits(step)
    assert same == spec
    assert not torch.equal(moved[0], moved[-1])  # it did learn in between
    for a, b in zip(before, after, strict=True):
        assert torch.equal(a, b) if isinstance(a, torch.Tensor) else a == b
    assert [m.training for m in step.model.modules()] == modes
    assert random.getstate() == python


@pytest.mark.parametrize("name", ["adam", "lookahead"])
def test_what_is_learned_afterwards_is_what_would_have_been_learned(name):
    looked, plain = made(name), made(name)
    range_test(looked, batches, steps=15)
    for step in (looked, plain):
        torch.manual_seed(0)
        step.model.train()
        for i in range(4, 9):
            step(batches(i))
    for a, b in zip(looked.model.parameters(), plain.model.parameters(), strict=True):
        assert torch.equal(a, b)


def test_what_fails_half_way_leaves_no_trace_either():
    step = made("adam")
    before, _ = bits(step)

    def broken(i):
        if i == 5:
            raise RuntimeError("no more data")
        return batches(i)

    with pytest.raises(RuntimeError, match="no more data"):
        range_test(step, broken, steps=20)
    after, _ = bits(step)
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True) if isinstance(a, torch.Tensor))


def test_rates_rise_evenly_over_the_powers_of_ten_and_groups_keep_their_ratio():
    step, seen = made("nadam"), []
    look = lambda i, rate, loss: seen.append([g["lr"] for g in step.optimizer.param_groups])  # noqa: E731
    found = range_test(step, batches, low=1e-4, high=1e-2, steps=21, on_rate=look)
    assert found.rates[::10] == pytest.approx([1e-4, 1e-3, 1e-2])
    assert found.end == "the last of 21 rates"
    assert all(a == pytest.approx(100 * b) for a, b in seen)


def test_it_stops_where_the_loss_diverges():
    step = made("sgd")
    found = range_test(step, batches, low=1e-3, high=1e6, steps=60)
    assert found.end.startswith(("the loss diverged at", "the loss was no number at"))
    assert len(found.rates) < 60


def test_a_start_that_is_no_number_is_told_with_its_place():
    step = made("adam")
    with torch.no_grad():
        step.model[4].bias[1] = float("nan")
    with pytest.raises(UserError, match=r"the loss is nan at the lowest rate 1e-07 already, first in 4 \(Linear\)"):
        range_test(step, batches, steps=20)


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"low": 1.0, "high": 0.1}, "low=1, high=0.1: expected two rates above 0"),
        ({"low": 0.0}, "low=0, high=10"),
        ({"steps": 3}, "steps=3: expected at least 10"),
    ],
)
def test_limits_are_checked(values, told):
    with pytest.raises(UserError, match=told):
        range_test(made("adam"), batches, **values)


def test_the_suggestion_lies_on_the_steepest_part_of_a_curve():
    places = np.linspace(-6, 0, 61)
    losses = 2.0 - 1.5 / (1 + np.exp(-6 * (places + 3))) + 4.0 / (1 + np.exp(-12 * (places + 0.5)))
    found = RangeTest(tuple(10.0**places), tuple(losses), "")
    assert found.suggestion == pytest.approx(1e-3, rel=0.3)
    assert found.tenth == found.rates[found.lowest] / 10
    assert 1e-2 < found.rates[found.lowest] < 1e-1


@pytest.mark.parametrize("losses", [[2.0] * 20, [2.0 + 0.1 * i for i in range(20)], [2.0, 1.0]])
def test_where_the_loss_never_falls_nothing_is_suggested(losses):
    found = RangeTest(tuple(10.0 ** (i - 5) for i in range(len(losses))), tuple(losses), "")
    assert found.suggestion is None and found.steepest is None and found.tenth is None


def test_the_rate_it_finds_learns_and_a_hundredth_of_it_does_not(tmp_path):
    found = chainrule.find_lr("mlp", "digits", **SMALL, batch_size=256)
    rates = {"found": found.suggestion, "hundredth": found.suggestion / 100}
    own = {k: v for k, v in SMALL.items() if k not in ("steps", "low")}
    runs = {
        name: chainrule.train("mlp", "digits", epochs=2, runs=str(tmp_path), name=name, batch_size=256, lr=lr, **own)
        for name, lr in rates.items()
    }
    losses = {name: run.metrics["val_loss"] for name, run in runs.items()}
    assert losses["found"] < 0.8 * losses["hundredth"]


def test_a_network_of_ones_own_is_looked_at_and_left_alone():
    model = nn.Sequential(nn.Flatten(), nn.Linear(1024, 10), nn.Dropout(0.1)).eval()
    before = copy.deepcopy(model.state_dict())
    found = find_lr(model, "digits", optimizer="sgd", steps=20, device="cpu")
    assert found == find_lr(model, "digits", optimizer="sgd", steps=20, device="cpu")  # the same again
    assert all(torch.equal(before[k], v) for k, v in model.state_dict().items())
    assert not model.training and not model[2].training and model[2].mask is None
    with pytest.raises(UserError, match=r"expected its name or a .*, got int"):
        find_lr(3, "digits")


@pytest.mark.parametrize(
    "values",
    [{"optimizer": "lbfgs"}, {"sam": 0.05}, {"lookahead": 3, "optimizer": "sgd"}, {"accumulate": 2, "clip": 1.0}],
)
def test_any_setting_of_a_run_can_be_tested(values):
    found = find_lr("mlp", "digits", **{**SMALL, "steps": 12, "batch_size": 256}, **values)
    assert len(found.rates) > 3 and all(np.isfinite(found.losses))


def test_masks_differ_from_step_to_step(monkeypatch):
    seen = []
    lay = Masks.lay
    monkeypatch.setattr(Masks, "lay", lambda self, step, *rest: (seen.append(step), lay(self, step, *rest))[1])
    find_lr("mlp", "digits", **{**SMALL, "model": {"hidden": (8,), "dropout": 0.5}, "steps": 12})
    assert seen == list(range(12))


# ---- the command ----------------------------------------------------------------------------------------------------


def test_the_command_shows_curve_table_suggestion_and_picture(tmp_path, capsys):
    words = ["mlp", "digits", "model.hidden=(16,)", "optimizer=sgd", "momentum=0.9", "device=cpu"]
    png = tmp_path / "curve.png"
    assert main(["find-lr", *words, "--low", "1e-5", "--steps", "40", "--png", str(png)]) == 0
    shown = capsys.readouterr().out
    assert "steepest descent" in shown and "suggestion  lr=" in shown and "a tenth of the rate" in shown
    assert "┊" in shown and "smoothed" in shown
    with Image.open(png) as image:
        image.load()
        assert image.size == (1008, 504)
        assert np.asarray(image.convert("L")).std() > 5


def test_it_reads_a_run_file(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    settings = 'optimizer = "sgd"\nlr = 0.5\nbatch_size = 256\nschedule = "cosine"\nwarmup = 1'
    text = f'schema = 1\nmodel = "mlp"\ndata = "digits"\n[settings]\n{settings}\n[options]\nhidden = "(8,)"\n'
    (tmp_path / "run.toml").write_text(text)
    assert main(["find-lr", "run.toml", "--steps", "12"]) == 0
    assert "mlp on digits, optimizer sgd: 12 rates" in capsys.readouterr().out
    assert [p.name for p in tmp_path.iterdir()] == ["run.toml"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["lenet", "digits"], "unknown model 'lenet'"),
        (["mlp", "digits", "optimiser=adam"], "did you mean optimizer?"),
        (["mlp", "digits", "lr=0.1"], "lr: find-lr tries rates of its own"),
        (["mlp", "digits", "--low", "nan"], "--low=nan: expected a number above 0"),
        (["mlp", "digits", "--low", "1", "--high", "0.1"], "expected the lower rate first"),
        (["mlp", "digits", "--steps", "2"], "--steps=2: expected an integer in [10, 1000000]"),
        (["mlp", "digits", "--png", "no/such/x.png"], "there is no folder no/such"),
        (["none.toml"], "none.toml: no such file or folder"),
    ],
)
def test_a_mistake_is_one_line(words, told, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["find-lr", *words]) == 2
    shown = capsys.readouterr()
    assert shown.out == "" and shown.err.count("\n") == 1
    assert told in shown.err
