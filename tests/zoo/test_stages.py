"""Stages: every network's parameters lie in them once, and the last is the head."""

import pytest
import torch

from chainrule import nn
from chainrule.catalog import MODELS, build_model
from chainrule.zoo.stages import depths, stages
from chainrule.zoo.vision import Vision

SHOWN = {
    "resnet18": ["conv1…bn1", "layer1", "layer2", "layer3", "layer4", "fc"],
    "mobilenet_v3_small": [
        *("features.0", "features.1", "features.2…features.3"),
        *("features.4…features.8", "features.9…features.12", "classifier"),
    ],
    "vgg11": [
        *("features.0", "features.3", "features.6…features.8", "features.11…features.13"),
        *("features.16…features.18", "classifier"),
    ],
    "lenet5": ["0", "3", "7", "9", "11"],
}


@pytest.mark.parametrize("name", SHOWN)
def test_a_stage_begins_where_the_map_becomes_smaller(name):
    assert [stage.name for stage in stages(build_model(name))] == SHOWN[name]


@pytest.mark.parametrize("name", [name for name, entry in MODELS.items() if entry.kind == "images"])
def test_every_parameter_lies_in_one_stage_and_every_module_of_the_trunk_in_one_too(name):
    with torch.device("cpu" if name == "lenet1998" else "meta"):  # it counts the maps that are joined
        network = build_model(name, {})
    row = stages(network)
    own = [θ for stage in row for θ in stage.parameters(network)]
    assert len(own) == len(set(own)) == len(list(network.parameters()))
    assert sorted(set(depths(network).values())) == list(range(len(row)))
    if isinstance(network, Vision):
        assert network.head.startswith(row[-1].name)
        below = {name for stage in row for top in stage.modules for name in _below(network, top)}
        names = {module: name for name, module in network.named_modules()}
        assert {names[layer] for layer in network.trunk()} <= below


def _below(network, top):
    return [f"{top}.{name}".strip(".") for name, _ in network.get_submodule(top).named_modules()]


def test_a_network_of_ones_own_goes_layer_by_layer_and_dropout_with_what_follows_it():
    class Own(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.places = torch.nn.Parameter(torch.zeros(4))
            self.body = nn.Sequential(nn.Linear(4, 4), nn.ReLU())
            self.drop = nn.Dropout()
            self.head = nn.Linear(4, 2)
            self.end = nn.Identity()

    network = Own()
    assert [stage.modules for stage in stages(network)] == [("body",), ("drop", "head", "end")]
    assert depths(network)[network.places] == 1
    wrapped = nn.Sequential(nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 2)))
    assert [stage.name for stage in stages(wrapped)] == ["0.0", "0.1"]
    assert [stage.name for stage in stages(nn.Linear(4, 2))] == [""]
