"""What the vision models are held against: torchvision itself, and its published facts beside the repository."""

import json
import os
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch

from chainrule.catalog import MODELS

SHARED = Path(os.environ.get("CHAINRULE_SHARED", Path(__file__).resolve().parents[3] / "shared"))
FACTS = SHARED / "facts" / "torchvision_models.json"
DECLARED = torch.library.Library("torchvision", "FRAGMENT")  # an operator is declared as long as this lives


@cache
def all_facts() -> dict[str, Any]:
    return json.loads(FACTS.read_text(encoding="utf-8"))["models"]


def facts(name: str) -> dict[str, Any]:
    """Parameters, MACs, keys and shapes of torchvision's model; the test is skipped where they are not at hand."""
    if not FACTS.is_file():
        pytest.skip(f"no facts on torchvision's models at {FACTS}")
    return all_facts()[name]


@cache
def torchvision() -> Any:
    """torchvision.models, beside a CPU torch too: its compiled operators are declared first."""
    for name in ("nms", "qnms"):
        if not hasattr(torch.ops.torchvision, name):
            DECLARED.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    try:
        import torchvision.models
    except ImportError:
        return None
    return torchvision.models


def theirs(name: str, **options: Any) -> torch.nn.Module:
    """torchvision's network; the test is skipped where torchvision is absent."""
    models = torchvision()
    if models is None:
        pytest.skip("torchvision is not installed")
    return getattr(models, name)(weights=None, **options)


def narrowed(network: torch.nn.Module, width: int = 16) -> torch.nn.Module:
    """A network from the meta device with numbers, its linear layers narrow: AlexNet and VGG are mostly those."""
    for name, layer in list(network.named_modules()):
        if isinstance(layer, torch.nn.Linear):
            into = layer.in_features if layer.in_features > 8192 else width
            out = width if layer.out_features == 4096 else layer.out_features
            network.set_submodule(name, type(layer)(into, out, device="meta"))
    network.to_empty(device="cpu")
    for layer in network.modules():
        if hasattr(layer, "reset_parameters"):
            layer.reset_parameters()
    return network


def assert_described(model: torch.nn.Module, macs: int, name: str) -> None:
    """Parameters, MACs to three decimals of a billion, ordered keys and shapes of the facts."""
    known = facts(name)
    assert sum(p.numel() for p in model.parameters()) == known["num_params"]
    assert f"{macs / 1e9:.3f}" == f"{known['weights'][known['default_weights']]['gmacs_ops']:.3f}"
    assert [[key, list(value.shape)] for key, value in model.state_dict().items()] == known["state_dict"]


def assert_same_function(
    ours: torch.nn.Module, oracle: torch.nn.Module, x: torch.Tensor, tolerance: float = 1e-6
) -> None:
    """Outputs, gradients of weights and image, and buffers agree in evaluation and in training, relative to their size.

    What falls out at random (dropout, stochastic depth) is off in both.
    """
    ours, oracle = ours.double(), oracle.double()
    ours.load_state_dict(oracle.state_dict())
    for mode in (False, True):
        found = []
        for network in (ours, oracle):
            network.train(mode).zero_grad()
            for layer in network.modules():
                if type(layer).__name__ in ("Dropout", "StochasticDepth"):
                    layer.eval()
            image = x.double().clone().requires_grad_()
            out = network(image)
            (out * torch.linspace(-1, 1, out.numel()).double().reshape(out.shape)).sum().backward()
            grads = {name: p.grad for name, p in network.named_parameters()}
            found.append({"out": out, "image": image.grad} | grads | dict(network.named_buffers()))
        assert found[0].keys() == found[1].keys()
        largest = max(value.abs().max() for value in found[1].values())
        for key, value in found[1].items():
            # A bias whose shift a later norm takes away has a gradient of rounding errors alone.
            scale = max(value.abs().max(), 1e-9 * largest)
            assert (found[0][key] - value).abs().max() <= tolerance * scale, f"{key}, training={mode}"


def lively(network: torch.nn.Module) -> torch.nn.Module:
    """Norms that are not the identity: first weights would hide what a norm does wrong."""
    generator = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for layer in network.modules():
            if isinstance(layer, torch.nn.BatchNorm2d):
                for value in (layer.weight, layer.running_var):
                    value.uniform_(0.5, 1.5, generator=generator)
                for value in (layer.bias, layer.running_mean):
                    value.uniform_(-0.3, 0.3, generator=generator)
    return network


def meta(name: str, **options: Any) -> Any:
    """The network of that name without numbers: shapes alone."""
    with torch.device("meta"):
        return MODELS[name].load()(**options)
