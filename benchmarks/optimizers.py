"""A step of each optimizer against torch's fastest form of it, gradients given.

The shapes are those of ResNet-50 (161 tensors), narrowed so that a row takes milliseconds, and those of LeNet-5. `auto`
is torch's fused or foreach kernel without its class around it, `formula` the text of the update, eager.
"""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from harness import Row, Table, measure
from torch import Tensor

from chainrule import optim
from chainrule.gear import gear

PEERS = ("torch foreach", "torch fused")
OPTIONS: dict[str, dict[str, Any]] = {
    "SGD": {"lr": 1e-3},
    "SGD, momentum": {"lr": 1e-3, "momentum": 0.9, "weight_decay": 1e-4},
    "Adam": {"lr": 1e-3},
    "AdamW": {"lr": 1e-3},
}
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


def calls(name: str, shapes: list[tuple[int, ...]]) -> dict[str, Callable[[], Any]]:
    """Torch's two fast forms, and each gear, on parameters of their own."""
    kind, options = name.partition(",")[0], OPTIONS[name]
    out: dict[str, Callable[[], Any]] = {}
    for peer in PEERS:
        chosen = {peer.removeprefix("torch "): True}
        out[peer] = getattr(torch.optim, kind)(parameters(shapes), **options, **chosen).step
    for form in ("auto", "formula"):
        out[form] = getattr(optim, kind)(parameters(shapes), **options).step
    return out


def within(form: str):
    return gear("formula" if form == "formula" else "auto")


def row(name: str, size: str, seconds: float) -> Row:
    text = f"{size}: {len(SHAPES[size])} tensors, {sum(torch.Size(s).numel() for s in SHAPES[size]):,}"
    return measure(name, text, calls(name, SHAPES[size]), PEERS, seconds, within)


def run(seconds: float, only: Iterable[str] = ()) -> Table:
    """The table; `only`: names of optimizers."""
    title = "A step of the optimizer: time of torch's two fast forms, speed of ours against the better one"
    table = Table("optimizers", title, {"auto": 0.97}, 50e-6)
    chosen = [name for name in OPTIONS if not only or name in only]
    table.rows = [row(name, size, seconds) for name in chosen for size in SHAPES]
    return table
