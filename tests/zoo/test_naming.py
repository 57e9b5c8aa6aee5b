"""Keys of every family as torchvision and timm have them, matched in both directions."""

import json
import os
import random
from pathlib import Path

import pytest
import torch

from chainrule.zoo.matching import match
from chainrule.zoo.naming import COUNTER, course, course_v2, names_of

FACTS = Path(os.environ.get("CHAINRULE_SHARED", Path(__file__).resolve().parents[3] / "shared")) / "facts"
if not (FACTS / "timm_models.json").is_file():
    pytest.skip(f"no published key lists at {FACTS}", allow_module_level=True)
OURS = {
    n: dict(m["state_dict"]) for n, m in json.loads((FACTS / "torchvision_models.json").read_text())["models"].items()
}
PAIRS = {
    n: dict(p["timm_state_dict"]) for n, p in json.loads((FACTS / "timm_models.json").read_text())["pairs"].items()
}


def tensors(shapes):
    return {key: torch.empty(shape, device="meta") for key, shape in shapes.items()}


@pytest.mark.parametrize("name", PAIRS)
def test_timm_names_are_timm_s_own_and_in_its_order(name):
    assert list(names_of("timm", OURS[name]).values()) == list(PAIRS[name])


@pytest.mark.parametrize("name", PAIRS)
def test_a_timm_file_is_matched_whatever_the_order_of_its_keys(name):
    keys = list(PAIRS[name])
    random.Random(0).shuffle(keys)  # safetensors files are sorted by name
    found = match(OURS[name], tensors({key: PAIRS[name][key] for key in keys}))
    assert not (found.faults or found.extra)
    assert found.naming == ("torchvision" if list(PAIRS[name]) == list(OURS[name]) else "timm")


@pytest.mark.parametrize("name", OURS)
def test_our_own_names_match_without_counters_and_with_another_head(name):
    shapes = OURS[name]
    head = list(shapes)[-1].rpartition(".")[0]
    file = {k: s for k, s in shapes.items() if not k.endswith(COUNTER)}
    file[f"{head}.weight"], file[f"{head}.bias"] = [7, file[f"{head}.weight"][1]], [7]
    found = match(shapes, tensors(file))
    assert (found.naming, found.faults, found.extra) == ("torchvision", 0, ())


@pytest.mark.parametrize("name", PAIRS)
def test_unknown_names_in_the_right_order_match_by_order(name):
    file = {f"x{place}.{key.rpartition('.')[2]}": shape for place, (key, shape) in enumerate(OURS[name].items())}
    found = match(OURS[name], tensors(file))
    assert found.naming == "order"
    kept = [key for key in OURS[name] if not key.endswith(COUNTER)]
    assert [found.names[key] for key in kept] == [key for key in file if not key.endswith(COUNTER)]


def test_unknown_names_in_another_order_do_not_match():
    file = {f"x{place}.{key.rpartition('.')[2]}": s for place, (key, s) in enumerate(reversed(OURS["vgg11"].items()))}
    assert match(OURS["vgg11"], tensors(file)).faults


@pytest.mark.parametrize("name", PAIRS)
def test_every_other_model_is_refused(name):
    other = "resnet18" if name != "resnet18" else "resnet34"
    assert match(OURS[name], tensors(OURS[other])).faults


def test_a_deeper_network_that_holds_every_tensor_of_ours_is_another():
    found = match(OURS["resnet18"], tensors(OURS["resnet34"]))
    assert not (found.missing or found.wrong)
    assert "layer4.2.conv2.weight" in found.deeper


def test_an_auxiliary_head_is_left():
    found = match(OURS["vgg11"], tensors(OURS["vgg11"] | {"aux.fc.weight": [3, 4]}))
    assert (found.faults, found.extra) == (0, ("aux.fc.weight",))


def test_the_course_s_names():
    names = course(OURS["efficientnet_b0"])
    assert names["features.0.0.weight"] == "features.stem_conv.0.weight"
    assert names["features.2.1.block.0.1.running_mean"] == "features.2b.block.expand_conv.1.running_mean"
    assert names["features.1.0.block.1.fc2.bias"] == "features.1a.block.se.fc2.bias"
    assert names["features.7.0.block.3.0.weight"] == "features.7a.block.project_conv.0.weight"
    assert names["features.8.1.bias"] == "features.top.1.bias"
    names = course_v2(OURS["efficientnet_v2_s"])
    assert names["features.0.1.bias"] == "stem.bn.bias"
    assert names["features.1.0.block.0.0.weight"] == "blocks.0.project_conv.conv.weight"
    assert names["features.2.0.block.0.0.weight"] == "blocks.2.expand_conv.conv.weight"
    assert names["features.4.0.block.2.fc1.weight"] == "blocks.10.se.conv_reduce.weight"
    assert names["classifier.1.weight"] == "head.classifier.weight"
