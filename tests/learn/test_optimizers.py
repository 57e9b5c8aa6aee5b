"""Every optimizer and schedule by its name in a run: it learns, and an interruption changes no bit."""

import math

import pytest
import torch
from PIL import Image

from chainrule.catalog import OPTIMIZERS, SCHEDULES
from chainrule.cli.main import main
from chainrule.data import load
from chainrule.errors import UserError
from chainrule.learn.feed import Feed
from chainrule.learn.loop import NonFinite
from chainrule.learn.run import open_run, resume, train
from chainrule.runs import checkpoint
from chainrule.runs.log import history, read

SMALL = {"model": {"hidden": (16,)}, "batch_size": 256, "device": "cpu", "save_every": 0.0}
# What a schedule needs beside its name, so that it moves within two epochs of six updates.
SHAPES = {
    "noam": {"warmup": 0.5},
    "step": {"step_epochs": 1, "gamma": 0.5},
    "multistep": {"milestones": (0.5, 1.5)},
    "cosine_restarts": {"restart_epochs": 0.5, "restart_mult": 2},
}


class Interrupt(Exception):
    pass


def stop(event):
    if event["event"] == "step" and event["step"] >= 9:
        raise Interrupt


def cut_and_whole(tmp_path, **settings):
    """The same run twice, once interrupted in its second epoch."""
    settings = {**SMALL, "epochs": 2, **settings}
    whole = train("mlp", "digits", runs=str(tmp_path), name="whole", **settings)
    with pytest.raises(Interrupt):
        train("mlp", "digits", runs=str(tmp_path), name="cut", on_event=stop, **settings)
    return whole, resume(tmp_path / "cut")


def kept(run):
    tensors = checkpoint.load(run.path / "checkpoints").tensors
    return {k: v for k, v in tensors.items() if not k.startswith("random/")}


def rates(run):
    return [e["lr"] for e in history(read(run.folder.log)) if e["event"] == "step"]


def equal(a, b):
    return a.keys() == b.keys() and all(torch.equal(v, b[k]) and v.dtype == b[k].dtype for k, v in a.items())


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_an_optimizer_in_a_run(tmp_path, name):
    whole, cut = cut_and_whole(tmp_path, optimizer=name)
    assert equal(kept(whole), kept(cut))
    losses = [e["loss"] for e in history(read(whole.folder.log)) if e["event"] == "step"]
    assert losses[-1] < losses[0]


AROUND = {
    "lookahead": {"lookahead": 4, "lookahead_alpha": 0.7},
    "sam": {"sam": 0.05},
    "adaptive sam in lookahead": {"optimizer": "sgd", "lr": 0.1, "sam": 0.5, "sam_adaptive": True, "lookahead": 3},
    "sam around lbfgs": {"optimizer": "lbfgs", "max_iter": 4, "sam": 0.01, "ema": 0.9},
    # on the whole data: without a search, curvature from differing batches makes it diverge on some processors
    "lbfgs without search": {
        "optimizer": "lbfgs",
        "lr": 0.03,
        "line_search_fn": "none",
        "history_size": 3,
        "accumulate": 6,
        "epochs": 12,
    },
    "all of it": {"optimizer": "lbfgs", "max_iter": 3, "lookahead": 2, "sam": 0.01, "accumulate": 2, "epochs": 4},
}


@pytest.mark.parametrize("name", AROUND)
def test_what_is_around_an_optimizer_in_a_run(tmp_path, name):
    """Dropout too: its masks are the same in all evaluations of a step, and after an interruption."""
    whole, cut = cut_and_whole(tmp_path, **AROUND[name], clip=1.0, model={"hidden": (16,), "dropout": 0.1})
    assert equal(kept(whole), kept(cut))
    losses = [e["loss"] for e in history(read(whole.folder.log)) if e["event"] == "step"]
    assert losses[-1] < losses[0]
    assert not any(path.suffix in (".pt", ".pkl", ".pth") for path in whole.path.rglob("*"))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["sam", "sam around lbfgs"])
def test_compiled_forward_and_backward_with_a_step_of_its_own(tmp_path, name):
    plain = train("mlp", "digits", runs=str(tmp_path), name="plain", epochs=1, **SMALL, **AROUND[name])
    made = train("mlp", "digits", runs=str(tmp_path), name="made", epochs=1, compile=True, **SMALL, **AROUND[name])
    notes = [e["text"] for e in read(made.folder.log) if e["event"] == "note"]
    assert notes[-2:] == [
        "SAM steps by itself: forward and backward are compiled",
        "compiling the step: it may take a minute",
    ]
    assert made.metrics["val_loss"] == pytest.approx(plain.metrics["val_loss"], rel=1e-2)


# -- losses that are no numbers ---------------------------------------------------------------------------------------


def poisoned(monkeypatch, steps):
    """The batches of these steps hold an infinite number."""
    read_batches = Feed.at

    def at(self, step):
        found = read_batches(self, step)
        return [(x * float("inf"), y) for x, y in found] if step in steps else found

    monkeypatch.setattr(Feed, "at", at)


FORMS = [{}, *(pytest.param({"compile": True, "graph": g}, marks=pytest.mark.slow, id=g) for g in ("one", "two"))]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("optimizer", [{}, {"sam": 0.05}, {"optimizer": "lbfgs"}], ids=str)
def test_a_batch_that_is_no_number_is_skipped_counted_and_said(tmp_path, monkeypatch, form, optimizer):
    poisoned(monkeypatch, {2, 3, 8})
    settings = {"nonfinite": "skip", "ema": 0.9, **form, **optimizer}
    whole, cut = cut_and_whole(tmp_path, **settings)
    assert equal(kept(whole), kept(cut))
    told = [e for e in history(read(whole.folder.log)) if e["event"] == "skip"]
    assert [e["step"] for e in told] == [2, 3, 8]
    assert told[0]["text"].startswith("skipped: loss nan at step 2 (epoch 1, batch 3 of 6), first in the input")
    position = checkpoint.load(whole.path / "checkpoints").state["position"]
    assert (position["skipped"], position["in_a_row"], position["step"]) == (3, 0, 12)
    losses = [e["train_loss"] for e in history(read(whole.folder.log)) if e["event"] == "epoch"]
    assert all(map(math.isfinite, losses))
    with pytest.raises(NonFinite, match=r"^loss nan at step 2 .*first in the input: nothing was changed"):
        train("mlp", "digits", runs=str(tmp_path), name="stop", **SMALL, **form, **optimizer)
    again = resume(tmp_path / "stop", ["nonfinite=skip", "epochs=2"])  # what stopped it can be skipped afterwards
    assert again.finished["step"] == 12 and again.metrics["val_accuracy"] > 0.1


def test_too_many_skips_in_a_row_stop_with_one_line(tmp_path, monkeypatch):
    poisoned(monkeypatch, range(3, 100))
    with pytest.raises(
        NonFinite, match=r"at step 5 \(epoch 1, batch 6 of 6\), the last of 3 in a row, first in the in"
    ):
        train("mlp", "digits", runs=str(tmp_path), name="run", nonfinite="skip", skips=3, **SMALL)
    kept_state = checkpoint.load(tmp_path / "run" / "checkpoints").state["position"]
    assert (kept_state["step"], kept_state["in_a_row"]) == (5, 2)
    with pytest.raises(NonFinite, match="the last of 3 in a row"):  # a resumed run has not forgotten them
        resume(tmp_path / "run")


def test_an_epoch_of_nothing_but_skips_has_no_loss_and_is_not_the_best(tmp_path, monkeypatch):
    poisoned(monkeypatch, range(6))
    run = train(
        "mlp", "digits", runs=str(tmp_path), nonfinite="skip", epochs=2, val=0.0, **{**SMALL, "batch_size": 270}
    )
    epochs = [e for e in history(read(run.folder.log)) if e["event"] == "epoch"]
    assert math.isnan(epochs[0]["train_loss"]) and math.isfinite(epochs[1]["train_loss"])
    assert run.saved.state["epoch"] == 2


# -- averages ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("around", [{}, {"lookahead": 4}], ids=str)
def test_the_average_of_asgd_judges_and_predicts(tmp_path, around):
    settings = {"optimizer": "asgd", "lr": 0.1, "t0": 4, "lambd": 0.0, "epochs": 3, **SMALL, **around}
    run = open_run(train("mlp", "digits", runs=str(tmp_path), **settings).path)
    last = checkpoint.load(run.path / "checkpoints").tensors
    run, plain = run.use("average"), run
    averages = [v for k, v in sorted(last.items()) if k.startswith("optimizer/") and k.endswith("/ax")]
    assert all(torch.equal(a, b) for a, b in zip(run.network.parameters(), averages, strict=True))
    assert run.weights == "step 18 (average)"
    assert run.evaluate()["loss"] != plain.evaluate()["loss"]
    picture = tmp_path / "one.png"
    Image.fromarray(load("digits").test.raw(0)[0].numpy()).save(picture)
    assert run.predict(picture)[0].probability != plain.predict(picture)[0].probability
    assert main(["evaluate", str(run.path), "--weights", "average", "--no-report"]) == 0
    assert main(["predict", str(run.path), str(picture), "--weights", "average"]) == 0


def test_the_moving_average_of_a_run_is_what_it_judges_by(tmp_path):
    run = train("mlp", "digits", runs=str(tmp_path), epochs=1, ema=0.9, **SMALL)
    assert run.use("average").evaluate() == run.evaluate()


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({}, r"run 'run' keeps no average of its weights: expected one trained with ema=0.999 or with optimizer=asgd"),
        (
            {"optimizer": "asgd"},
            r"run 'run' made 6 updates, and optimizer=asgd averages after t0=1e\+06: expected a run",
        ),
    ],
    ids=str,
)
def test_a_run_without_an_average_says_so(tmp_path, settings, says):
    run = train("mlp", "digits", runs=str(tmp_path), name="run", epochs=1, **SMALL, **settings)
    with pytest.raises(UserError, match=f"^{says}"):
        run.use("average").evaluate()


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_schedule_in_a_run(tmp_path, name):
    run = train("mlp", "digits", runs=str(tmp_path), epochs=2, schedule=name, **SMALL, **SHAPES.get(name, {}))
    assert (len(set(rates(run))) > 1) == (name not in ("constant", "plateau"))


def test_a_plateau_goes_on_from_its_state(tmp_path):
    """At a rate of nothing the loss never falls: from the second epoch on the rate is halved each time."""
    settings = {"schedule": "plateau", "plateau_epochs": 0, "gamma": 0.5, "lr": 1e-30, **SMALL}
    long = train("mlp", "digits", runs=str(tmp_path), name="long", epochs=4, **settings)
    train("mlp", "digits", runs=str(tmp_path), name="short", epochs=2, **settings)
    again = resume(tmp_path / "short", ["epochs=4"])
    assert rates(again) == rates(long)
    assert rates(long)[0] == 1e-30 and rates(long)[-1] == pytest.approx(1e-30 / 4)
