"""The stages of a network, from its input to its head. · 网络的各个阶段，由输入到头部。"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from torch.nn import Module, Parameter

from .vision import Vision


@dataclass(frozen=True)
class Stage:
    """Layers in a row. · 一段连续的层。

    name  the first and the last of them that have weights   modules  the names of all of them
    """

    name: str
    modules: tuple[str, ...]

    def parameters(self, network: Module) -> list[Parameter]:
        """What the stage learns, each once. · 该阶段的参数。"""
        below = (network.get_submodule(name).parameters() for name in self.modules)
        return list(dict.fromkeys(θ for parameters in below for θ in parameters))


def stages(network: Module) -> list[Stage]:
    """The parts that learn at rates of their own; the last is the head. · 由输入到头部的阶段，末段为头部。

    A network for images: a stage begins where a layer makes the map smaller, as a level of its pyramid does, and the
    head is its classifier. Any other: a stage for each layer with weights, in the order in which they were made, and
    what has none (dropout, say) goes with the layer that follows.

    >>> from chainrule.catalog import build_model
    >>> [stage.name for stage in stages(build_model("resnet20"))]
    ['conv1…layer1', 'layer2', 'layer3', 'fc']
    >>> [stage.modules for stage in stages(build_model("mlp", {"dropout": 0.2}))]
    [('0', '1'), ('2', '3', '4')]
    """
    names = {module: name for name, module in network.named_modules()}
    if isinstance(network, Vision):
        head = network.get_submodule(network.head.partition(".")[0])
        return [_stage(row, names) for row in (*_levels(network.trunk()), [head])]
    while not list(network.parameters(recurse=False)) and len(found := _weighted(network.children())) == 1:
        network = found[0]
    rows = _layers(network.children()) or [[network]]
    return [_stage(row, names) for row in rows]


def depths(network: Module) -> dict[Parameter, int]:
    """How many stages lie between each parameter and the head, whose own are 0. · 各参数到头部的阶段数。

    A parameter of no stage, such as a table of positions, is as deep as the first.

    >>> from chainrule.catalog import build_model
    >>> sorted(set(depths(build_model("resnet20")).values()))
    [0, 1, 2, 3]
    """
    row = stages(network)
    found = dict.fromkeys(network.parameters(), len(row) - 1)
    for depth, stage in enumerate(reversed(row)):
        found |= dict.fromkeys(stage.parameters(network), depth)
    return found


def _stage(row: Sequence[Module], names: dict[Module, str]) -> Stage:
    ends = [names[layer] for layer in _weighted(row)] or [names[layer] for layer in row]
    return Stage("…".join(dict.fromkeys((ends[0], ends[-1]))), tuple(names[layer] for layer in row))


def _weighted(layers: Iterable[Module]) -> list[Module]:
    return [layer for layer in layers if any(True for _ in layer.parameters())]


def _levels(layers: Iterable[Module]) -> list[list[Module]]:
    """A row for each level of the pyramid; a last pooling goes with the level before."""
    rows: list[list[Module]] = [[]]
    for layer in layers:
        if _shrinks(layer) and _weighted(rows[-1]):
            rows.append([])
        rows[-1].append(layer)
    rest = [] if _weighted(rows[-1]) else rows.pop()
    return [*rows[:-1], rows[-1] + rest]


def _layers(layers: Iterable[Module]) -> list[list[Module]]:
    """A row for each layer with weights, and what lies in front of it."""
    rows: list[list[Module]] = []
    waiting: list[Module] = []
    for layer in layers:
        waiting.append(layer)
        if _weighted([layer]):
            rows.append(waiting)
            waiting = []
    return [*rows[:-1], rows[-1] + waiting] if rows else []


def _shrinks(layer: Module) -> bool:
    """Whether a convolution or pooling in it has a stride."""
    strides = [getattr(each, "stride", 1) for each in layer.modules()]
    return any(max(s) > 1 if isinstance(s, Sequence) else isinstance(s, int) and s > 1 for s in strides)
