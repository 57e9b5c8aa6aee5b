"""What is frozen keeps every bit, opens when it is told to, and learns at the rate of its stage."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from chainrule.catalog import build_model
from chainrule.cli.main import main
from chainrule.errors import UserError
from chainrule.learn import build, start
from chainrule.learn.freezing import Freezing
from chainrule.learn.masks import Masks
from chainrule.learn.mode import to_training
from chainrule.learn.run import resume, train
from chainrule.learn.step import Step
from chainrule.look.range_test import find_lr
from chainrule.optim.groups import param_groups
from chainrule.runs import checkpoint
from chainrule.runs.log import read
from chainrule.settings import make

TWO = {"epochs": 4, "batch_size": 64, "overfit": 2, "device": "cpu", "lr": 1e-2}  # two updates an epoch


def run(tmp_path, name="a", model="resnet8", **values):
    return train(model, "digits", runs=str(tmp_path), name=name, **{**TWO, **values})


def kept(path: Path) -> dict[str, torch.Tensor]:
    tensors = checkpoint.load(path / "checkpoints").tensors
    return {k: v for k, v in tensors.items() if not k.startswith("random/")}


def first(model="resnet8", **values):
    """The weights that a run begins with."""
    return build_seeded(model, values).state_dict()


def build_seeded(model, values):
    settings = make({**TWO, **values})
    return build.network(model, settings, build.dataset(model, "digits", settings))


FROZEN = {
    "backbone": ("conv1", "bn1", "layer1", "layer2", "layer3"),
    "2": ("conv1", "bn1", "layer1", "layer2"),
    "layer1+layer2.*": ("layer1", "layer2.0"),
    "fc": ("fc",),
}


@pytest.mark.parametrize("freeze", FROZEN)
@pytest.mark.parametrize("more", [{}, {"ema": 0.9, "optimizer": "sgd", "momentum": 0.9, "weight_decay": 0.1}], ids=str)
def test_not_a_bit_of_what_is_frozen_changes_and_all_else_learns(tmp_path, freeze, more):
    before, after = first(), kept(run(tmp_path, freeze=freeze, **more).path)
    for room in ("model", "average") if "ema" in more else ("model",):
        for key, value in before.items():
            frozen = key.startswith(tuple(f"{name}." for name in FROZEN[freeze]))
            assert torch.equal(after[f"{room}/{key}"], value) == frozen, key


FORMS = {"one": {"compile": True}, "two": {"compile": True, "graph": "two"}}


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
def test_not_a_bit_changes_in_a_compiled_step_and_it_opens_there_too(tmp_path, form):
    # SGD: in front of a norm a bias has no gradient but noise, which Adam would magnify.
    common = {"model": "small:Net", "freeze": "features", "unfreeze": (2,), "ema": 0.9, "weight_decay": 0.1}
    common |= {"optimizer": "sgd", "momentum": 0.9}
    whole = run(tmp_path, "whole", **common, **FORMS[form])
    with pytest.raises(Interrupt):
        run(tmp_path, on_event=stop_at(epoch=2), save_every=0.0, **common, **FORMS[form])
    before, cut = first("small:Net"), kept(tmp_path / "a")
    changed = [key for key, value in before.items() if not torch.equal(cut[f"model/{key}"], value)]
    assert changed == ["head.1.weight", "head.1.bias"]
    again, eager = kept(resume(tmp_path / "a").path), kept(run(tmp_path, "eager", **common).path)
    assert not torch.equal(again["model/features.1.running_var"], before["features.1.running_var"])
    for key, value in kept(whole.path).items():
        assert torch.equal(again[key], value), key
        if key.startswith("model/"):
            torch.testing.assert_close(eager[key], value, rtol=1e-3, atol=1e-4, msg=key)


def test_frozen_modules_evaluate_and_take_no_masks():
    settings = make({"freeze": "3"})
    network = build_model("efficientnet_b0", {"num_classes": 3, "stem": "cifar"})
    made = Freezing(network, settings)
    to_training(network)
    training = {name for name, module in network.named_modules() if module.training and not list(module.children())}
    held = tuple(f"{name}." for part in made.parts for name in part.modules)
    assert held == tuple(f"features.{i}." for i in range(6))
    assert training
    assert not [name for name in training if name.startswith(held)]
    masks = Masks(network, 0)
    masks.lay(0, torch.zeros(2, 3, 32, 32), network)
    laid = {module for module in masks.modules if module.mask is not None}
    assert laid
    assert all(module.training for module in laid)


def test_the_optimizer_holds_only_what_learns():
    network = build_model("resnet8", {"num_classes": 3})
    settings = make({"freeze": "backbone", "unfreeze": (1,), "weight_decay": 0.1})
    Freezing(network, settings)
    groups = build.optimizer(network, settings).param_groups
    assert [[tuple(θ.shape) for θ in group["params"]] for group in groups] == [[(3, 64)], [(3,)]]


# ---- opening --------------------------------------------------------------------------------------------------------


class Interrupt(Exception):
    pass


def stop_at(step=None, epoch=None, opened=False):
    def look(event):
        text = str(event.get("text", ""))
        if (event["event"] == "step" and event["step"] == step) or (opened and text.startswith("opened")):
            raise Interrupt
        if event["event"] == "epoch" and event["epoch"] == epoch:
            raise Interrupt

    return look


def test_stages_open_from_the_head_down_and_the_last_time_opens_the_rest(tmp_path):
    seen: dict[int, set[str]] = {}
    last = first()

    def look(event):
        if event["event"] == "step" and event["step"] % 2 == 1 and event["step"] > 1:
            now = {k.removeprefix("model/"): v for k, v in kept(tmp_path / "a").items() if k.startswith("model/")}
            seen[event["step"] // 2] = {k.split(".")[0] for k, v in now.items() if not torch.equal(v, last[k])}
            last.update(now)

    made = run(tmp_path, freeze="backbone", unfreeze=(1, 3), on_event=look, epochs=5)
    everything = {"conv1", "bn1", "layer1", "layer2", "layer3", "fc"}
    assert seen == {1: {"fc"}, 2: {"fc", "layer3"}, 3: {"fc", "layer3"}, 4: everything}
    told = [(event["step"], event["text"]) for event in read(made.folder.log) if event.get("text", "").startswith("op")]
    assert told == [
        (2, "opened  layer3: 57,728 more parameters learn"),
        (6, "opened  layer2: 14,528 more parameters learn"),
        (6, "opened  conv1…layer1: 5,136 more parameters learn"),
    ]


KINDS = {
    "adam": {"ema": 0.9, "schedule": "cosine", "layer_decay": 0.5},
    "sgd": {"optimizer": "sgd", "momentum": 0.9, "schedule": "plateau", "gamma": 0.5, "plateau_epochs": 0},
    "around": {"optimizer": "sgd", "sam": 0.05, "lookahead": 3, "weight_decay": 0.1, "backbone_lr": 0.1},
}
STOPS = [{"step": 3}, {"step": 4}, {"epoch": 2}, {"opened": True}, {"step": 5}]  # before, at and behind the boundary


@pytest.mark.parametrize("kind", KINDS)
def test_a_run_that_is_cut_wherever_it_opens_goes_on_bit_for_bit(tmp_path, kind):
    common = {"freeze": "backbone", "unfreeze": (2, 3), "save_every": 0.0, **KINDS[kind]}
    whole = kept(run(tmp_path, "whole", **common).path)
    with pytest.raises(Interrupt):
        run(tmp_path, on_event=stop_at(step=1), **common)
    for stop in STOPS:
        with pytest.raises(Interrupt):
            resume(tmp_path / "a", on_event=stop_at(**stop))
    again = kept(resume(tmp_path / "a").path)
    assert again.keys() == whole.keys()
    assert not [key for key, value in whole.items() if not torch.equal(again[key], value)]


def test_what_opens_begins_with_fresh_state_and_the_others_keep_theirs():
    network = build_model("resnet8", {"num_classes": 3})
    settings = make({"freeze": "backbone", "unfreeze": (1,), "layer_decay": 0.5, "epochs": 2, "lr": 0.1})
    freezing, optimizer = Freezing(network, settings), build.optimizer(network, settings)
    step = _step(network, optimizer)
    to_training(network)
    for _ in range(2):
        step([(torch.randn(4, 3, 16, 16), torch.tensor([0, 1, 2, 0]))])
    head = network.get_submodule("fc").weight
    before = optimizer.state[head]["exp_avg"].clone()
    assert len(freezing.open(step, 1)) == 3
    assert torch.equal(optimizer.state[head]["exp_avg"], before)
    assert set(optimizer.state) == {head, network.get_submodule("fc").bias}
    assert {θ for group in optimizer.param_groups for θ in group["params"]} == set(network.parameters())
    assert [group["lr"] for group in optimizer.param_groups] == [0.1, 0.0125, 0.025, 0.05]
    assert len(step.parameters) == len(list(network.parameters()))
    assert freezing.open(step, 2) == []
    step([(torch.randn(4, 3, 16, 16), torch.tensor([0, 1, 2, 0]))])
    assert (float(optimizer.state[head]["step"]), float(optimizer.state[network.conv1.weight]["step"])) == (3.0, 1.0)


def _step(network, optimizer):
    from chainrule.learn.device import Device
    from chainrule.learn.supervised import Supervised

    return Step(network, Supervised("classification", tuple("abc")), optimizer, Device("cpu"))


# ---- rates ----------------------------------------------------------------------------------------------------------


def test_each_stage_learns_at_its_rate_and_a_schedule_keeps_their_ratios():
    settings = make({"layer_decay": 0.8, "backbone_lr": 0.5, "lr": 0.1, "schedule": "cosine", "epochs": 4, "warmup": 1})
    network = build_model("resnet20")
    optimizer = build.optimizer(network, settings)
    schedule = build.schedule(optimizer, settings, 10)
    where = {θ: name.split(".")[0] for name, θ in network.named_parameters()}
    for _ in range(30):
        rates = {where[θ]: group["lr"] for group in optimizer.param_groups for θ in group["params"]}
        head = rates["fc"]
        assert head == optimizer.param_groups[0]["lr"] == pytest.approx(0.1 * schedule.factor(schedule.count))
        assert rates["layer3"] == pytest.approx(head * 0.5 * 0.8)
        assert rates["layer2"] == pytest.approx(head * 0.5 * 0.8**2)
        assert rates["conv1"] == rates["layer1"] == pytest.approx(head * 0.5 * 0.8**3)
        schedule.step()


def test_groups_share_equal_rates_and_decays():
    network = build_model("resnet8")
    rates = {θ: 0.5 if θ.dim() == 4 else 1.0 for θ in network.parameters()}
    groups = param_groups(network, 0.1, shares=rates)
    told = [(group.get("factor", 1.0), group["weight_decay"]) for group in groups]
    assert told == [(1.0, 0.1), (0.5, 0.1), (1.0, 0.0)]
    assert sum(len(group["params"]) for group in groups) == len(rates)


def test_a_run_tells_the_stages_their_rates_and_what_is_frozen(tmp_path):
    made = run(tmp_path, freeze="layer1+layer2", unfreeze=(3,), backbone_lr=0.1, layer_decay=0.5, weight_decay=0.1)
    events = list(read(made.folder.log))
    assert events[0]["parameters"] == 78_042
    assert [event["text"] for event in events if event["event"] == "note"][:5] == [
        "stage   conv1…layer1        5,136 parameters  4,672 of them frozen until epoch 3 is done, then lr 0.000125",
        "stage   layer2             14,528 parameters  frozen until epoch 3 is done, then lr 0.00025",
        "stage   layer3             57,728 parameters  lr 0.0005",
        "stage   fc                    650 parameters  lr 0.01",
        "freeze=layer1+layer2 without weights=: what is frozen keeps its random first weights",
    ]


def test_find_lr_tries_the_head_at_its_rates_and_leaves_what_is_frozen():
    found = find_lr(
        "resnet8", "digits", freeze="2", layer_decay=0.5, batch_size=64, steps=12, low=1e-4, high=1e-1, device="cpu"
    )
    assert len(found.rates) == 12


# ---- a transfer, from end to end ------------------------------------------------------------------------------------


@pytest.fixture
def pictures(tmp_path):
    """Three classes of plain colours with noise, as a folder."""
    draw = np.random.default_rng(0)
    for label, colour in {"grass": (30, 160, 40), "sea": (20, 60, 170), "sand": (210, 190, 120)}.items():
        (tmp_path / "photos" / label).mkdir(parents=True)
        for i in range(12):
            noisy = np.clip(draw.normal(colour, 25, (32, 32, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(noisy).save(tmp_path / "photos" / label / f"{i}.png")
    return tmp_path / "photos"


def test_a_transfer_has_a_new_head_with_the_classes_of_the_pictures(tmp_path, pictures, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run("runs", "old", epochs=1)
    new = ["weights=old", "freeze=backbone", "epochs=30", "lr=0.05", "batch_size=16", "device=cpu", "name=new"]
    capsys.readouterr()
    assert main(["train", "resnet8", "photos", *new]) == 0
    out = capsys.readouterr().out
    assert "adapted fc: a new last layer for 3 classes (10 in the file)" in " ".join(out.split())
    assert "frozen" in out
    assert main(["predict", "new", "photos/sea/0.png"]) == 0
    assert "sea" in capsys.readouterr().out
    assert main(["evaluate", "new", "photos"]) == 0
    assert "sand" in capsys.readouterr().out
    old, fresh = kept(tmp_path / "runs/old"), kept(tmp_path / "runs/new")
    assert not [k for k in old if k.startswith("model/") and ".fc." not in k and k[6:8] != "fc" and k not in fresh]
    assert torch.equal(old["model/layer3.0.bn2.running_var"], fresh["model/layer3.0.bn2.running_var"])
    assert main(["export", "new", "--to", "safetensors"]) == 0
    assert "grass" in "".join(path.read_text() for path in (tmp_path / "runs/new").rglob("*.json"))


def test_slow_norms_are_told_where_they_start_anew_and_learn(tmp_path):
    slow, network = "begin with weights=", build_model("mobilenet_v3_small", {"num_classes": 3})
    assert slow in start.slow_norms(network, 60)[0]
    assert not start.slow_norms(network, 300)
    assert not start.slow_norms(build_model("resnet8"), 1)
    texts = [event.get("text", "") for event in read(run(tmp_path, epochs=1).folder.log)]
    assert not [text for text in texts if slow in text]


# ---- bad input ------------------------------------------------------------------------------------------------------

BAD = {
    "a name of no layer": (["freeze=layer9"], "layer9 names no layer of model resnet8; expected backbone, a number"),
    "a layer that holds nothing": (["freeze=relu"], "relu names no layer that learns of model resnet8"),
    "one of two names": (["freeze=layer1+layr2"], "layr2 names no layer of model resnet8"),
    "more stages than there are": (["freeze=4"], "3 stages in front of its head (conv1…layer1, layer2, layer3)"),
    "everything": (["freeze=*"], "nothing of model resnet8 is left to learn"),
    "no stage": (["freeze=0"], "expected backbone, a number of stages, or names of layers joined by +, or none"),
    "half a stage": (["freeze=1.5"], "expected backbone, a number of stages"),
    "a path": (["freeze=a/b"], "expected backbone, a number of stages"),
    "nothing frozen to open": (["unfreeze=2"], "nothing is frozen; add freeze=backbone"),
    "opened too late": (["freeze=backbone", "unfreeze=4"], "expected before the run's 4 epochs are over"),
    "times that fall": (["freeze=backbone", "unfreeze=3,1"], "expected epochs that rise"),
    "a time twice": (["freeze=backbone", "unfreeze=2,2"], "expected epochs that rise"),
    "half an epoch": (["freeze=backbone", "unfreeze=2.5"], "expected integers a,b,…, each of at least 1"),
    "at once": (["freeze=backbone", "unfreeze=0"], "expected integers a,b,…, each of at least 1"),
    "more times than stages": (["freeze=1", "unfreeze=1,2"], "2 times for 1 frozen stages (conv1…layer1)"),
    "a decay that rises": (["layer_decay=1.2"], "expected a number in (0, 1]"),
    "no rate at all": (["backbone_lr=0"], "expected a number in (0, 1]"),
    "rates for lbfgs": (["optimizer=lbfgs", "layer_decay=0.5"], "takes all parameters as one vector, at one rate"),
    "opening for lbfgs": (["optimizer=lbfgs", "freeze=1", "unfreeze=1"], "optimizer=lbfgs takes all parameters"),
    "freezing for asgd": (["optimizer=asgd", "freeze=1"], "optimizer=asgd averages the whole network"),
    "two rises": (["schedule=onecycle", "warmup=1"], "schedule=onecycle has a rise of its own; leave warmup out"),
}


@pytest.mark.parametrize("what", BAD)
def test_what_cannot_be_frozen_or_opened_is_one_line_and_leaves_no_run(what, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words, expected = BAD[what]
    assert main(["train", "resnet8", "digits", "epochs=4", "device=cpu", *words]) == 2
    err = capsys.readouterr().err
    assert expected in err
    assert err.count("\n") == 1
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


@pytest.mark.parametrize(("key", "value"), [("freeze", "backbone"), ("layer_decay", 0.5), ("backbone_lr", 0.1)])
def test_a_network_of_one_layer_has_nothing_in_front_of_its_head(key, value):
    network = build_model("mlp", {"hidden": ()})
    with pytest.raises(UserError, match=f"{key}={value}: model mlp has one layer with weights"):
        Freezing(network, make({key: value}), "mlp")
