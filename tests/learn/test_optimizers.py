"""Every optimizer and schedule by its name in a run: it learns, and an interruption changes no bit."""

import pytest
import torch

from chainrule.catalog import OPTIMIZERS, SCHEDULES
from chainrule.learn.run import resume, train
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
    whole = train("mlp", "digits", runs=str(tmp_path), name="whole", epochs=2, **SMALL, **settings)
    with pytest.raises(Interrupt):
        train("mlp", "digits", runs=str(tmp_path), name="cut", epochs=2, on_event=stop, **SMALL, **settings)
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
