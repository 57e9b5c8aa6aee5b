"""What demanding users do to a run: peculiar networks, edited and moved files, changed plans."""

import shutil

import pytest
import torch
from PIL import Image

from chainrule.data import load
from chainrule.errors import UserError
from chainrule.learn.run import open_run, resume, train
from chainrule.runs.log import read

SMALL = {"model": {"hidden": (16,)}, "batch_size": 256, "device": "cpu", "epochs": 2}
OWN = {**SMALL, "model": {}}


@pytest.fixture(autouse=True)
def _here(monkeypatch):
    monkeypatch.syspath_prepend(__file__.rpartition("/")[0])


def run(tmp_path, name="run", **values):
    return train("mlp", "digits", runs=tmp_path, name=name, **{**SMALL, **values})


def notes(run):
    return [e["text"] for e in read(run.folder.log) if e["event"] == "note"]


def folder_of(tmp_path, count=60, parts=("",)):
    """Some digits as a folder of images, 10 classes."""
    data = load("digits")
    order = torch.argsort(data.test.targets, stable=True)[:: 360 // count][:count]
    for part in parts:
        for index in order.tolist():
            home = tmp_path / "images" / part / data.classes[int(data.test.targets[index])]
            home.mkdir(parents=True, exist_ok=True)
            Image.fromarray(data.test.raw(index)[0].numpy()).save(home / f"{index}.png")
    return tmp_path / "images"


# -- networks ---------------------------------------------------------------------------------------------------------


def test_a_network_with_two_answers_is_refused_in_one_line(tmp_path):
    with pytest.raises(UserError, match="peculiar:Pair answers with a tuple: expected one tensor"):
        train("peculiar:Pair", "digits", runs=tmp_path, **OWN)


@pytest.mark.filterwarnings("ignore:Lazy modules are a new feature")
def test_a_lazy_network_is_initialised_trained_resumed_and_used(tmp_path):
    made = train("peculiar:Lazy", "digits", runs=tmp_path, init="xavier_normal", **OWN)
    extended = resume(made.path, epochs=3)
    assert open_run(made.path).evaluate()["accuracy"] == extended.metrics["test_accuracy"]


def test_a_batch_norm_that_would_meet_one_sample_alone_is_refused_before_the_run(tmp_path):
    with pytest.raises(UserError, match=r"leaves one of 1293 samples alone in a batch.*such as 1293"):
        train("peculiar:Normed", "digits", runs=tmp_path, **{**OWN, "batch_size": 1292})
    assert not list(tmp_path.iterdir())
    assert train("peculiar:Normed", "digits", runs=tmp_path, **OWN).metrics["test_accuracy"] > 0.5


def test_a_batch_that_cannot_be_compiled_later_runs_in_a_plainer_form(tmp_path):
    compiled = train("peculiar:Counting", "digits", runs=tmp_path, compile=True, **OWN)
    plain = train("peculiar:Counting", "digits", runs=tmp_path, **OWN)
    assert any("going on compiled as two graphs" in note for note in notes(compiled))
    assert abs(compiled.metrics["test_loss"] - plain.metrics["test_loss"]) < 1e-4


# -- plans that change ------------------------------------------------------------------------------------------------


def test_fewer_epochs_than_are_trained_are_refused_and_nothing_is_written(tmp_path):
    made = run(tmp_path)
    before = (made.path / "run.toml").read_text()
    with pytest.raises(UserError, match="epochs=1: run 'run' has trained 2 already"):
        resume(made.path, epochs=1)
    assert (made.path / "run.toml").read_text() == before


def test_a_run_without_anything_left_says_so(tmp_path):
    made = run(tmp_path)
    assert "all 2 epochs are trained; a larger epochs= goes on" in notes(resume(made.path))


def test_a_run_that_stopped_early_says_why_and_goes_on_with_more_patience(tmp_path):
    made = run(tmp_path, epochs=40, patience=1, lr=0.05)
    assert any(line.startswith("stopped early after epoch") for line in notes(made))
    trained = open_run(made.path).finished["epoch"]
    assert resume(made.path, epochs=50).finished["epoch"] == trained  # patience is still over
    assert resume(made.path, epochs=trained + 1, patience=0).finished["epoch"] == trained + 1


def test_a_schedule_that_is_laid_anew_over_more_epochs_is_said(tmp_path):
    made = run(tmp_path, schedule="cosine")
    assert any(
        "schedule=cosine now spans 4 epochs instead of 2: lr goes on at" in n
        for n in notes(resume(made.path, epochs=4))
    )


def test_a_run_toml_edited_by_hand_cannot_change_the_past(tmp_path):
    made = run(tmp_path)
    text = (made.path / "run.toml").read_text()
    (made.path / "run.toml").write_text(text.replace("seed = 0", "seed = 1").replace('"adam"', '"adamw"'))
    with pytest.raises(
        UserError, match=r"was changed since the last checkpoint \(seed 0 → 1, optimizer 'adam' → 'adamw'"
    ):
        resume(made.path, epochs=3)
    (made.path / "run.toml").write_text(text.replace("workers = 0", "workers = 2"))
    assert resume(made.path, epochs=3).settings.workers == 2


def test_a_run_that_was_stopped_before_its_first_checkpoint_begins_anew(tmp_path):
    whole = run(tmp_path, "whole")

    def quit(event):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, "cut", on_event=quit)
    assert resume(tmp_path / "cut").metrics == whole.metrics
    for old in (tmp_path / "cut" / "checkpoints").glob("step-*"):
        shutil.rmtree(old)
    with pytest.raises(UserError, match="no checkpoint in"):  # it has a past, which is lost: nothing to begin anew
        resume(tmp_path / "cut")


# -- files that move --------------------------------------------------------------------------------------------------


def test_moved_data_is_given_anew_and_other_data_refused(tmp_path):
    images = folder_of(tmp_path)
    made = train("mlp", images, runs=tmp_path, name="run", size=8, **SMALL)
    images.rename(tmp_path / "moved")
    with pytest.raises(UserError, match="there is no such path"):
        resume(made.path, epochs=3)
    assert resume(made.path, epochs=3, data=tmp_path / "moved").data == str(tmp_path / "moved")
    next((tmp_path / "moved" / "3").iterdir()).unlink()
    with pytest.raises(UserError, match="is not what run 'run' was trained on"):
        resume(made.path, epochs=4)


def test_damaged_best_weights_give_way_to_the_last_ones(tmp_path, capsys):
    made = run(tmp_path)
    for file in (made.path / "checkpoints" / "best").glob("*/*.safetensors"):
        file.write_bytes(file.read_bytes()[:100])
    assert open_run(made.path).evaluate()["accuracy"] > 0.3
    assert "using the last weights (step-000000012) instead" in capsys.readouterr().err


def test_a_batch_is_learned_by_heart_whatever_parts_the_folder_has(tmp_path):
    made = train("mlp", folder_of(tmp_path, parts=("train", "val")), runs=tmp_path, size=8, overfit=1, **SMALL)
    assert set(made.metrics) >= {"train_loss", "train_accuracy"}
    epochs = [e for e in read(made.folder.log) if e["event"] == "epoch"]
    assert not any("val_loss" in e for e in epochs)


def test_other_data_is_brought_to_size_as_the_network_learned_it(tmp_path):
    """28×28 files are padded for a network that learned from padded 28×28 images, in evaluate as in predict."""
    made = run(tmp_path)
    images = folder_of(tmp_path)
    for path in images.rglob("*.png"):
        Image.open(path).resize((28, 28)).save(path)
    made.facts = type(made.facts)(**{**made.facts.to_json(), "fit": "pad", "classes": made.facts.classes})
    found = load(images, size=(32, 32), channels=1, fit="pad")
    right = [p.label == p.path.parent.name for p in made.predict(found.test.names(i) for i in range(len(found.test)))]
    assert made.evaluate(images)["accuracy"] == pytest.approx(sum(right) / len(right))
    assert found.test.raw(0)[0, 0].sum() == 0
