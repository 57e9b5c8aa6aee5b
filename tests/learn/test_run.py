"""Runs from beginning to end: the same bits after any interruption, one line for whatever is wrong."""

import json
import os
import signal
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import pytest
import torch

import chainrule
from chainrule.errors import UserError
from chainrule.learn.loop import NonFinite
from chainrule.learn.run import open_run, resume, train
from chainrule.runs import checkpoint
from chainrule.runs.log import history, read

SMALL = {"model": {"hidden": (16,), "dropout": 0.2}, "batch_size": 256, "device": "cpu"}


def run(tmp_path, name, kind="mlp", **values):
    return train(kind, "digits", runs=str(tmp_path), name=name, **{**SMALL, **values})


def weights(path: Path) -> dict[str, torch.Tensor]:
    kept = checkpoint.load(path / "checkpoints").tensors
    return {k: v for k, v in kept.items() if not k.startswith("random/")}


def same(a: Path, b: Path) -> bool:
    first, second = weights(a), weights(b)
    return first.keys() == second.keys() and all(torch.equal(v, second[k]) for k, v in first.items())


class Interrupt(Exception):
    pass


def stop_at(step):
    def look(event):
        if event["event"] == "step" and event["step"] >= step:
            raise Interrupt

    return look


@pytest.mark.parametrize("stops", [[1], [6], [7], [3, 3], [2, 5, 8, 11]])
def test_a_chain_of_interruptions_changes_no_bit(tmp_path, stops):
    settings = {"epochs": 2, "ema": 0.9, "schedule": "cosine", "warmup": 0.5, "save_every": 0.0, "augment": "shift"}
    whole = run(tmp_path, "whole", **settings)
    with pytest.raises(Interrupt):
        run(tmp_path, "cut", on_event=stop_at(stops[0]), **settings)
    for step in stops[1:]:
        with pytest.raises(Interrupt):
            resume(tmp_path / "cut", on_event=stop_at(step))
    again = resume(tmp_path / "cut")
    assert same(whole.path, again.path)
    assert again.metrics == whole.metrics

    def told(run):  # the same story, but for the clock
        kept = [e for e in history(read(run.folder.log)) if e["event"] in ("step", "epoch")]
        return [{k: v for k, v in e.items() if k not in ("time", "seconds")} for e in kept]

    assert told(again) == told(whole)


def test_a_finished_run_can_be_extended(tmp_path):
    long = run(tmp_path, "long", epochs=3)
    run(tmp_path, "short", epochs=1)
    extended = resume(tmp_path / "short", ["epochs=3"])
    assert same(long.path, extended.path)
    assert extended.settings.epochs == 3
    with pytest.raises(UserError, match="lr: cannot change on resume"):
        resume(tmp_path / "short", ["lr=0.5"])


def test_every_accumulated_batch_has_masks_of_its_own_size_and_draw(tmp_path):
    drawn = []

    def look(module, inputs):
        drawn.append(module.mask.clone())

    from chainrule.nn import Dropout

    hook = torch.nn.modules.module.register_module_forward_pre_hook(
        lambda m, x: look(m, x) if isinstance(m, Dropout) and m.training and m.mask is not None else None
    )
    try:
        run(tmp_path, "parts", epochs=1, batch_size=100, accumulate=4)
    finally:
        hook.remove()
    assert [len(mask) for mask in drawn] == [100] * 12 + [93]  # 1,293 samples: the last batch is smaller
    assert not any(torch.equal(a, b) for a, b in pairwise(drawn))


def test_workers_change_no_bit(tmp_path):
    assert same(run(tmp_path, "none", epochs=1).path, run(tmp_path, "two", epochs=1, workers=2).path)


def test_a_damaged_newest_generation_is_named_and_the_one_before_is_used(tmp_path):
    whole = run(tmp_path, "whole", epochs=2)
    damaged = run(tmp_path, "damaged", epochs=2)
    newest = sorted((damaged.path / "checkpoints").glob("step-*"))[-1]
    file = next(newest.glob("*.safetensors"))
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    events = []
    again = resume(damaged.path, on_event=events.append)
    notes = [e["text"] for e in events if e["event"] == "note"]
    assert len(notes) == 1
    assert newest.name in notes[0]
    assert same(whole.path, again.path)


def test_a_checkpoint_of_another_model_is_refused(tmp_path):
    a = run(tmp_path, "a", epochs=1)
    b = run(tmp_path, "b", "lenet5", epochs=1, model={})
    for old in (b.path / "checkpoints").glob("step-*"):
        for file in old.iterdir():
            file.unlink()
        old.rmdir()
    for kept in (a.path / "checkpoints").glob("step-*"):
        kept.rename(b.path / "checkpoints" / kept.name)
    with pytest.raises(UserError, match="this checkpoint is of another model"):
        resume(b.path)


def test_a_loss_that_is_not_finite_stops_before_anything_changes(tmp_path):
    with pytest.raises(NonFinite) as error:
        run(tmp_path, "burst", epochs=3, optimizer="sgd", lr=1e30)
    line = str(error.value)
    assert "\n" not in line
    assert "at step 1 (epoch 1, batch 2 of 6), first in" in line
    kept = checkpoint.load(tmp_path / "burst" / "checkpoints")
    assert kept.step == 1
    assert all(v.isfinite().all() for k, v in kept.tensors.items() if k.startswith("model/"))


def test_early_stopping_keeps_the_best_weights(tmp_path):
    stopped = run(tmp_path, "patient", epochs=50, patience=2, lr=0.05)
    epochs = [e for e in read(stopped.folder.log) if e["event"] == "epoch"]
    assert len(epochs) < 50
    best = max(e["val_accuracy"] for e in epochs)
    assert epochs[-3]["val_accuracy"] == best
    assert stopped.metrics["val_accuracy"] == best


def test_overfit_learns_one_batch_by_heart(tmp_path):
    learned = run(tmp_path, "heart", epochs=60, overfit=1, batch_size=32, lr=0.01, model={"hidden": (64,)})
    assert learned.metrics["train_accuracy"] == 1.0
    assert learned.metrics["train_count"] == 32


def test_evaluate_and_predict_need_no_training(tmp_path):
    from PIL import Image

    from chainrule.data import load

    trained = run(tmp_path, "used", "lenet5", epochs=6, model={}, batch_size=64)
    again = open_run(trained.path)
    figures = again.evaluate()
    assert figures["accuracy"] == pytest.approx(trained.metrics["test_accuracy"])
    test = load("digits", size=(32, 32), channels=1).test
    for i in range(5):
        Image.fromarray(test.raw(i)[0].numpy()).save(tmp_path / f"{i}.png")
    predictions = again.predict([tmp_path / f"{i}.png" for i in range(5)], topk=3)
    right = sum(p.label == str(int(test.targets[i])) for i, p in enumerate(predictions))
    assert right >= 4
    assert all(len(p.top) == 3 and p.probability == p.top[0][1] for p in predictions)
    with pytest.raises(UserError, match="no such file"):
        again.predict([tmp_path / "missing.png"])


def test_python_gives_the_same_run_object(tmp_path):
    trained = chainrule.train("mlp", "digits", epochs=1, runs=str(tmp_path), **SMALL)
    assert isinstance(trained, type(open_run(trained.path)))


@pytest.mark.skipif(
    torch.backends.mps.is_available(), reason="this machine has the device that the test asks for in vain"
)
def test_errors_come_together_and_leave_no_folder(tmp_path):
    with pytest.raises(UserError) as error:
        train("lenet", "nowhere", runs=str(tmp_path))
    assert len(error.value.lines) == 2
    with pytest.raises(UserError, match="sees no such device"):
        train("mlp", "digits", runs=str(tmp_path), device="mps")
    assert not list(tmp_path.iterdir())


PROGRAM = """
import sys
from chainrule.cli.main import main
sys.exit(main(["train", "mlp", "digits", "runs=" + sys.argv[1], "name=long", "epochs=100000"]))
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_saves_and_leaves_within_five_seconds(tmp_path, number):
    child = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(tmp_path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    log = tmp_path / "long" / "log.jsonl"
    end = time.monotonic() + 60
    while time.monotonic() < end and not (log.exists() and '"epoch"' in log.read_text()):
        time.sleep(0.05)
    began = time.monotonic()
    os.kill(child.pid, number)
    _, err = child.communicate(timeout=30)
    assert time.monotonic() - began < 5
    assert child.returncode == 128 + number
    assert "Traceback" not in err
    last = [json.loads(line) for line in log.read_text().splitlines()][-1]
    assert last["event"] == "stop"
    assert checkpoint.load(tmp_path / "long" / "checkpoints").step == last["step"]
