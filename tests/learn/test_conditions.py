"""What a run meets on its way: a full disk, low precision, a compiler that refuses, other settings."""

import json

import pytest
import torch

from chainrule.errors import UserError
from chainrule.learn import keeping
from chainrule.learn.device import Device, choose
from chainrule.learn.run import resume, spread, train, train_seeds
from chainrule.learn.step import Form, Step
from chainrule.runs import checkpoint
from chainrule.runs.durable import DiskFull
from chainrule.runs.log import read

SMALL = {"model": {"hidden": (16,)}, "batch_size": 256, "device": "cpu", "epochs": 2}


def run(tmp_path, **values):
    events = []
    made = train("mlp", "digits", on_event=events.append, runs=str(tmp_path), name="run", **{**SMALL, **values})
    return made, events


def test_a_full_disk_is_said_and_the_run_goes_on_from_the_generations_it_has(tmp_path, monkeypatch):
    save, calls, events = checkpoint.save, [], []

    def full(folder, step, *rest):
        calls.append(step)
        if step > 6:
            raise DiskFull("the checkpoint was not saved: no space left on the disk; what was there is intact")
        return save(folder, step, *rest)

    monkeypatch.setattr(keeping.checkpoint, "save", full)
    with pytest.raises(DiskFull, match=r"then `chainrule resume .*` makes up for what is lost"):  # at the very end
        train("mlp", "digits", on_event=events.append, runs=str(tmp_path), name="run", **SMALL)
    notes = [e["text"] for e in events if e["event"] == "note"]
    assert max(calls) == 12
    assert notes
    assert all("no space left" in note for note in notes)
    assert checkpoint.load(tmp_path / "run" / "checkpoints").step == 6
    monkeypatch.undo()
    assert resume(tmp_path / "run").metrics["val_accuracy"] > 0.3


def test_a_disk_that_is_full_at_once_begins_nothing_and_the_run_can_still_be_made(tmp_path, monkeypatch):
    def full(folder, step, *rest):
        raise DiskFull("the checkpoint was not saved: no space left on the disk")

    monkeypatch.setattr(keeping.checkpoint, "save", full)
    with pytest.raises(DiskFull):
        train("mlp", "digits", runs=str(tmp_path), name="run", **SMALL)
    assert not [e for e in read(tmp_path / "run" / "log.jsonl") if e["event"] == "step"]
    monkeypatch.undo()
    made = resume(tmp_path / "run")
    whole = train("mlp", "digits", runs=str(tmp_path), name="whole", **SMALL)
    assert made.metrics == whole.metrics


@pytest.mark.skipif(not torch.cpu._is_avx512_bf16_supported(), reason="this processor has no bfloat16 instructions")
def test_bfloat16_trains_and_keeps_float32_weights(tmp_path):
    made, _ = run(tmp_path, precision="bf16", epochs=4)
    assert made.metrics["test_accuracy"] > 0.7
    assert all(v.dtype == torch.float32 for v in made.saved.tensors.values() if v.is_floating_point())


def test_precision_auto_is_float32_on_every_processor(monkeypatch):
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: True)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True)
    assert choose("cpu", "auto") == choose("cpu", "fp32") == Device("cpu")
    assert choose("cpu", "bf16") == Device("cpu", torch.bfloat16)


@pytest.mark.skipif(torch.cpu._is_amx_fp16_supported(), reason="this processor has float16 instructions")
def test_a_precision_without_instructions_is_refused_in_one_line():
    with pytest.raises(UserError, match="this cpu has no instructions for it"):
        choose("cpu", "fp16")


@pytest.mark.parametrize("form", [Form("one"), Form("two")], ids=str)
def test_a_compiler_that_refuses_leaves_a_note_and_a_plainer_form(tmp_path, monkeypatch, form):
    def refuse(*_args, **_kwargs):
        def broken(*_):
            raise RuntimeError("no C++ compiler found")

        return broken

    monkeypatch.setattr(torch, "compile", refuse)
    made, events = run(tmp_path, compile=True, graph=form.compiled)
    notes = [e["text"] for e in events if e["event"] == "note"]
    assert notes.pop(0).startswith("compiling the step")
    assert notes[0].startswith(f"{form} does not work here (RuntimeError: no C++ compiler found)")
    assert notes[-1].endswith("going on eager")
    monkeypatch.undo()
    plain = train("mlp", "digits", runs=str(tmp_path), name="plain", **SMALL)
    for key, value in made.network.state_dict().items():
        torch.testing.assert_close(value, plain.network.state_dict()[key], rtol=0, atol=0)


def test_what_differs_on_resume_is_named_in_one_line(tmp_path):
    made, _ = run(tmp_path, threads=1)
    state = next(iter(sorted((made.path / "checkpoints").glob("step-*"))[-1].glob("*.json")))
    assert '"threads": "1"' in "".join(f.read_text() for f in state.parent.glob("*.json"))
    events = []
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        path = made.path / "run.toml"
        path.write_text(path.read_text().replace("threads = 1", "threads = 2"))
        resume(made.path, ["epochs=3"], on_event=events.append)
    finally:
        torch.set_num_threads(before)
    notes = [e["text"] for e in events if e["event"] == "note"]
    assert notes == ["the same bits as in one run are promised only where nothing differs: threads 1 → 2"]


def test_several_seeds_give_mean_and_deviation(tmp_path):
    runs = train_seeds("mlp", "digits", runs=str(tmp_path), name="many", seeds=3, **{**SMALL, "epochs": 1})
    assert [r.settings.seed for r in runs] == [0, 1, 2]
    values = torch.tensor([r.metrics["test_accuracy"] for r in runs], dtype=torch.float64)
    mean, deviation = spread(runs)["test_accuracy"]
    assert mean == pytest.approx(float(values.mean()))
    assert deviation == pytest.approx(float(values.std()))
    assert values.unique().numel() > 1
    with pytest.raises(UserError, match="train_seeds"):
        train("mlp", "digits", seeds=3)


@pytest.mark.slow
def test_tune_measures_chooses_and_keeps_the_form(tmp_path):
    made, events = run(tmp_path, tune=True, compile=True)
    note = next(e["text"] for e in events if e["event"] == "note" and e["text"].startswith("measured"))
    measured = {
        part.rsplit(" ", 2)[0]: float(part.split()[-2]) for part in note.removeprefix("measured a step: ").split("; ")
    }
    assert {"eager", "compiled as one graph"} <= measured.keys()
    chosen = next(e["form"] for e in events if e["event"] == "start")
    assert measured[chosen] == min(measured.values())
    again = []
    resume(made.path, ["epochs=3"], on_event=again.append)
    kept = checkpoint.load(made.path / "checkpoints").state["position"]["form"]
    assert str(Form(**kept)) == chosen


@pytest.mark.slow
@pytest.mark.parametrize("graph", ["one", "two"])
def test_a_compiled_run_resumes_bit_for_bit(tmp_path, graph):
    values = {**SMALL, "model": {"hidden": (16,), "dropout": 0.2}, "compile": True, "graph": graph, "save_every": 0.0}
    whole = train("mlp", "digits", runs=str(tmp_path), name="whole", **values)

    def cut(event):
        if event["event"] == "step" and event["step"] == 7:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train("mlp", "digits", runs=str(tmp_path), name="cut", on_event=cut, **values)
    again = resume(tmp_path / "cut")
    for key, value in whole.network.state_dict().items():
        assert torch.equal(value, again.network.state_dict()[key]), key


def test_the_log_is_json_a_line_and_tells_the_whole_story(tmp_path):
    made, events = run(tmp_path)
    lines = [json.loads(line) for line in made.folder.log.read_text().splitlines()]
    kinds = [line["event"] for line in lines]
    assert kinds[0] == "start"
    assert kinds[-1] == "finish"
    assert kinds.count("epoch") == 2
    assert [e["event"] for e in events] == kinds


def test_a_step_of_a_network_without_buffers_or_masks_is_plain(tmp_path):
    torch.manual_seed(0)
    from chainrule.learn.supervised import Supervised
    from chainrule.zoo.mlp import mlp

    model = mlp(num_classes=3, in_features=4, hidden=5)
    step = Step(
        model, Supervised("classification", tuple("abc")), torch.optim.SGD(model.parameters(), 0.1), Device("cpu")
    )
    before = [p.clone() for p in model.parameters()]
    assert step([(torch.randn(6, 4), torch.tensor([0, 1, 2, 0, 1, 2]))]).updated
    assert not any(torch.equal(p, q) for p, q in zip(model.parameters(), before, strict=True))
