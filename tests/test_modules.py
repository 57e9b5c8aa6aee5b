"""One walk over all modules: torch's class, torch's signature, and nowhere a bare torch.nn layer with mathematics."""

import inspect
import pkgutil
import re
from importlib import import_module

import pytest
import torch

import chainrule.nn
from chainrule.catalog import MODELS

# what holds no mathematics is torch's own: containers and changes of shape
PLAIN = {"Flatten", "Identity", "ModuleDict", "ModuleList", "ParameterDict", "ParameterList", "Sequential", "Unflatten"}
NEW = {  # modules that torch does not have, and why they are here
    "AdditiveAttention": "Bahdanau's attention",
    "LuongAttention": "Luong's attention",
    "PeepholeLSTM": "an LSTM whose gates look at the cell (errata E79)",
    "SinusoidalPositions": "the positions of a Transformer",
    "ChebConv": "polynomials of a graph's Laplacian",
    "GATConv": "attention along the edges of a graph",
    "GCNConv": "Kipf & Welling's layer on a graph",
    "GINConv": "the layer of Xu et al. that tells most graphs apart",
    "SAGEConv": "GraphSAGE with the mean",
    "DepthwiseSeparableConv2d": "depthwise and pointwise convolution as one (errata E16)",
    "StochasticDepth": "torchvision's name: a whole branch is dropped",
    "PartialConv2d": "LeNet-5 of 1998: layer C3 sees some maps only",
    "RadialBasis": "LeNet-5 of 1998: the output layer",
    "ScaledTanh": "LeNet-5 of 1998: its squashing function",
    "Subsample2d": "LeNet-5 of 1998: trainable sub-sampling",
}


def public() -> dict[str, type]:
    """Every public module class that a room of chainrule.nn defines, and what the package exports."""
    found = {n: getattr(chainrule.nn, n) for n in chainrule.nn.__all__}
    for room in pkgutil.walk_packages(chainrule.nn.__path__, "chainrule.nn."):
        for name, value in vars(import_module(room.name)).items():
            if not name.startswith("_") and getattr(value, "__module__", "") == room.name:
                found[name] = value
    return {n: c for n, c in found.items() if inspect.isclass(c) and issubclass(c, torch.nn.Module)}


MODULES = public()
OWN = sorted(n for n, c in MODULES.items() if c.__module__.startswith("chainrule.") and n not in NEW)


def arguments(call) -> list[tuple]:
    return [(p.name, p.kind, p.default) for p in inspect.signature(call).parameters.values()]


@pytest.mark.parametrize("name", [n for n in OWN if hasattr(torch.nn, n)])
def test_module_is_torch_s_class_with_torch_s_signature(name):
    ours, theirs = MODULES[name], getattr(torch.nn, name)
    assert issubclass(ours, theirs)
    if ours.__init__ is not theirs.__init__ and arguments(ours.__init__) != arguments(theirs.__init__):
        passed_on = {p.kind for p in inspect.signature(ours).parameters.values()}
        assert passed_on == {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD}, "torch's own signature"
    assert [a[0] for a in arguments(ours.forward)] == [a[0] for a in arguments(theirs.forward)]
    mine = [c for c in ours.__mro__ if c.__module__.startswith("chainrule.")]
    assert any({"forward", "_apply_instance_norm"} & set(vars(c)) for c in mine), "it computes as torch does"


def test_modules_unknown_to_torch_are_listed_with_a_reason():
    exported = {n for n in MODULES if n in chainrule.nn.__all__}
    assert {n for n in exported if not hasattr(torch.nn, n)} == set(NEW) & exported
    assert set(NEW) <= set(MODULES)
    helpers = set(OWN) - exported
    assert not {n for n in helpers if hasattr(torch.nn, n)}, "every module with torch's name is exported"


def test_what_is_re_exported_holds_no_mathematics():
    assert {n for n, c in MODULES.items() if c.__module__.startswith("torch.")} <= PLAIN


def bare(module: torch.nn.Module) -> list[str]:
    """The paths of layers that compute with torch's own class."""
    return [
        f"{path}: {type(m).__name__}"
        for path, m in module.named_modules()
        if not type(m).__module__.startswith("chainrule.") and type(m).__name__ not in PLAIN
    ]


@pytest.mark.parametrize("name", sorted(name for name, entry in MODELS.items() if entry.kind == "images"))
def test_every_layer_of_a_model_is_chainrule_s_own(name):
    with torch.device("meta" if MODELS[name].parameters > 1_000_000 else "cpu"):
        assert bare(MODELS[name].load()()) == []


def test_a_bare_layer_would_be_noticed():
    model = torch.nn.Sequential(chainrule.nn.Linear(2, 2), torch.nn.Linear(2, 2))
    assert bare(model) == ["1: Linear"]


@pytest.mark.parametrize("name", [n for n in OWN if hasattr(torch.nn, n)])
def test_module_has_a_line_in_both_languages(name):
    line = (inspect.getdoc(MODULES[name]) or "").splitlines()[0]
    english, _, chinese = line.rpartition(" · ")
    assert english.endswith(".") and chinese.endswith("。"), f"{name}: {line!r}"


@pytest.mark.parametrize("name", [n for n in OWN if hasattr(torch.nn, n)])
def test_module_says_shapes_and_source(name):
    text = " ".join((inspect.getdoc(MODULES[name]) or "").partition(">>>")[0].split())
    assert re.search(r"\[[*NC]", text), "the shape of what goes in"
    assert "Source: " in text or re.search(r"The formula and its source: `\w+`", text), "a source, or where it stands"
    assert ">>>" in (inspect.getdoc(MODULES[name]) or ""), "one example that doctest runs"
