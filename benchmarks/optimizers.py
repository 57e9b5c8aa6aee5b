"""A step of each optimizer against torch's best form of it, gradients given.

The shapes are those of ResNet-50 (161 tensors), narrowed so that a row takes milliseconds, and those of LeNet-5.
`auto` is the gear that runs by itself: torch's fused or foreach kernel without its class around it, else the text of
the update over small tensors laid side by side; `formula` is that text, tensor by tensor. For Muon the filters are laid
out as matrices, for torch's takes nothing else. Where torch has no such class the plain formula stands in its place.
"""

import inspect
from collections.abc import Callable, Iterable
from typing import Any

import torch
from harness import Row, Table, measure
from torch import Tensor

from chainrule import optim
from chainrule.gear import gear
from chainrule.optim import RULES

FORMS = {"torch for-loop": {"foreach": False}, "torch foreach": {"foreach": True}, "torch fused": {"fused": True}}
ALONE = "plain formula"
PEERS = (*FORMS, ALONE)
# Rows beside the plain defaults of every optimizer.
MORE: dict[str, dict[str, Any]] = {
    "SGD, momentum": {"momentum": 0.9, "weight_decay": 1e-4},
    "RMSprop, centered, momentum": {"momentum": 0.9, "centered": True},
    "Adam, amsgrad": {"amsgrad": True},
}
# One iteration a step, and a rate so small that its closure, a bowl, is never done.
BOWL = {"lr": 1e-4, "max_iter": 1, "history_size": 10, "tolerance_grad": 0.0, "tolerance_change": 0.0}
OPTIONS: dict[str, dict[str, Any]] = {**{name: {} for name in RULES}, **MORE, "LBFGS": BOWL, "SAM": {}, "Lookahead": {}}
LENET = [(6, 1, 5, 5), (6,), (16, 6, 5, 5), (16,), (120, 400), (120,), (84, 120), (84,), (10, 84), (10,)]


def resnet50(narrow: int) -> list[tuple[int, ...]]:
    """The shapes of ResNet-50's 161 tensors, every width divided."""
    width, shapes = 64 // narrow, [(64 // narrow, 3, 7, 7), (64 // narrow,), (64 // narrow,)]
    before = width
    for stage, depth in enumerate((3, 4, 6, 3)):
        inner, outer = width * 2**stage, 4 * width * 2**stage
        for block in range(depth):
            convolutions = [(inner, before, 1, 1), (inner, inner, 3, 3), (outer, inner, 1, 1)]
            convolutions += [(outer, before, 1, 1)] if block == 0 else []
            for shape in convolutions:
                shapes += [shape, shape[:1], shape[:1]]
            before = outer
    return [*shapes, (1000 // narrow, before), (1000 // narrow,)]


SHAPES = {"LeNet-5": LENET, "ResNet-50 / 8": resnet50(8), "ResNet-50 / 4": resnet50(4)}


def parameters(shapes: list[tuple[int, ...]]) -> list[Tensor]:
    torch.manual_seed(0)
    made = [torch.nn.Parameter(torch.randn(shape)) for shape in shapes]
    for θ in made:
        θ.grad = torch.randn_like(θ)
    return made


def shapes_of(name: str, size: str) -> list[tuple[int, ...]]:
    """All of a network's tensors; for Muon its matrices, for torch's takes nothing else."""
    shapes = SHAPES[size]
    if not name.startswith("Muon"):
        return shapes
    return [(shape[0], torch.Size(shape[1:]).numel()) for shape in shapes if len(shape) > 1]


def ours(name: str, shapes: list[tuple[int, ...]]) -> torch.optim.Optimizer:
    kind, options = name.partition(",")[0], OPTIONS[name]
    if kind in ("SAM", "Lookahead"):
        return getattr(optim, kind)(optim.SGD(parameters(shapes), lr=1e-3, momentum=0.9))
    return getattr(optim, kind)(parameters(shapes), **options)


def torchs(name: str, shapes: list[tuple[int, ...]]) -> dict[str, torch.optim.Optimizer]:
    """Every form that torch has of this optimizer; of one without switches the only one."""
    kind, options = name.partition(",")[0], OPTIONS[name]
    cls = getattr(torch.optim, kind, None)
    if cls is None:
        return {}
    takes = inspect.signature(cls).parameters
    found = {form: flags for form, flags in FORMS.items() if set(flags) <= set(takes)} or {"torch for-loop": {}}
    return {form: cls(parameters(shapes), **options, **flags) for form, flags in found.items()}


def stepping(made: torch.optim.Optimizer) -> Callable[[], Any]:
    """A step by the gradients that are there; a closure finds those of a bowl where the optimizer asks for one."""
    kind = type(made).__name__
    if kind not in ("LBFGS", "SAM"):
        return made.step
    everything = [θ for group in made.param_groups for θ in group["params"]]

    def closure() -> float:
        with torch.no_grad():
            for θ in everything:
                θ.grad = θ.detach().clone()
        return 1.0

    return lambda: made.step(closure)


def state_of(made: torch.optim.Optimizer) -> float:
    """Numbers kept for each parameter, all forms alike."""
    stepping(made)()
    count = sum(θ.numel() for group in made.param_groups for θ in group["params"])
    values = [x for state in made.state_dict()["state"].values() for x in state.values()]
    values += made.state_dict().get("lookahead", {}).get("slow", [])
    kept = [x for value in values for x in (value if isinstance(value, list) else [value]) if isinstance(x, Tensor)]
    return sum(x.numel() for x in kept) / count


def row(name: str, size: str, seconds: float) -> Row:
    shapes = shapes_of(name, size)
    own, peers = ours(name, shapes), torchs(name, shapes)
    kept = f"{state_of(own):.2f}" + (f" (torch {state_of(next(iter(peers.values()))):.2f})" if peers else "")
    text = f"{size}: {len(shapes)} tensors, {sum(torch.Size(s).numel() for s in shapes):,}; state a weight {kept}"
    calls = {form: stepping(made) for form, made in peers.items()} or {ALONE: stepping(ours(name, shapes))}
    calls["auto"] = stepping(own)
    if peers:
        calls["formula"] = stepping(ours(name, shapes))
    return measure(name, text, calls, tuple(peers) or (ALONE,), seconds, within)


def within(form: str):
    return gear("formula" if form in ("formula", ALONE) else "auto")


def run(seconds: float, only: Iterable[str] = ()) -> Table:
    """The table; `only`: names of optimizers, with all their rows."""
    title = "A step of the optimizer: time of torch's forms, speed of ours against the best one"
    table = Table("optimizers", title, {"auto": 0.97}, 50e-6)
    chosen = [name for name in OPTIONS if not only or name in only or name.partition(",")[0] in only]
    table.rows = [row(name, size, seconds) for name in chosen for size in SHAPES]
    return table
