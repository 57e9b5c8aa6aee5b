r"""A network layer by layer: shapes, parameters, multiply-adds, memory · 逐层统计：形状、参数、乘加次数与内存

symbols  a layer gives [N, O, H', W'] from [N, C, H, W]; of one image, a convolution makes k² · C/groups · O · H' · W'
         multiply-adds (MACs), a linear layer I · O
note     counted are the matrix products and convolutions that run, by torch's own counter: half of its operations
note     memory is what the layers give, in the numbers they compute with: what training keeps, for one image
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from ..errors import UserError

Shape = tuple[int, ...]
VIEWS = (torch.nn.Flatten, torch.nn.Identity, torch.nn.Unflatten)  # what they give is what they take


@dataclass
class Layer:
    """What one layer takes, gives and costs. · 一个层的输入、输出与代价。

    takes, gives  shapes of one sample, () where there is no tensor
    macs          multiply-adds of its own, without those of the layers inside it; memory in bytes
    """

    path: str
    kind: str
    takes: Shape = ()
    gives: Shape = ()
    parameters: int = 0
    macs: int = 0
    memory: int = 0


@dataclass(frozen=True)
class Cost:
    """The layers in the order in which they run, and their sums. · 按运行顺序的各层及其总和。"""

    size: Shape
    layers: list[Layer] = field(default_factory=list)

    @property
    def parameters(self) -> int:
        return sum(layer.parameters for layer in self.layers)

    @property
    def macs(self) -> int:
        return sum(layer.macs for layer in self.layers)

    @property
    def memory(self) -> int:
        return sum(layer.memory for layer in self.layers)


def cost(model: torch.nn.Module, size: Sequence[int]) -> Cost:
    """What each layer costs for one sample of zeros, on the model's own device. · 逐层统计代价。

    size  of a sample, without the batch axis; a model on the meta device is counted without computing anything

    Raises `UserError` where the network does not take such a sample.

    >>> found = cost(torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU()), (3,))
    >>> found.macs, found.parameters, found.memory, found.layers[0].gives
    (12, 16, 32, (4,))
    """
    first = next(iter(model.parameters()), torch.zeros(()))
    sample = torch.zeros(1, *size, device=first.device, dtype=first.dtype)
    with FlopCounterMode(display=False) as counter, torch.no_grad(), Watch(model, counter) as watch:
        try:
            model(sample)
        except Exception as error:
            said = " ".join(str(error).split())[:200]
            shape = "×".join(map(str, size))
            raise UserError(f"the network does not take input of {shape}: {type(error).__name__}: {said}") from error
    return Cost(tuple(size), watch.layers())


class Watch:
    """While it is entered, every layer of a network in evaluation is noted as it runs. · 记录各层的运行。"""

    def __init__(self, model: torch.nn.Module, counter: FlopCounterMode):
        self.model, self.counter = model, counter
        self.ran: dict[str, Layer] = {}
        self.open: list[list[int]] = []  # of each layer that runs now: operations before it, and inside its layers

    def __enter__(self) -> "Watch":
        self.modes = [(layer, layer.training) for layer in self.model.modules()]
        self.model.eval()
        self.handles = []
        for path, layer in self.model.named_modules():
            self.handles.append(layer.register_forward_pre_hook(self._begin))
            self.handles.append(layer.register_forward_hook(partial(self._end, path)))
        return self

    def __exit__(self, *_: Any) -> None:
        for handle in self.handles:
            handle.remove()
        for layer, mode in self.modes:
            layer.training = mode

    def _begin(self, layer: torch.nn.Module, args: Any) -> None:
        self.open.append([self.counter.get_total_flops(), 0])

    def _end(self, path: str, layer: torch.nn.Module, args: Any, out: Any) -> None:
        before, inside = self.open.pop()
        spent = self.counter.get_total_flops() - before
        if self.open:
            self.open[-1][1] += spent
        row = self.ran.setdefault(path, Layer(path, type(layer).__name__))
        row.takes, row.gives = _shape(args[0] if args else None), _shape(out)
        row.macs += (spent - inside) // 2
        if isinstance(out, torch.Tensor) and not isinstance(layer, VIEWS) and not any(True for _ in layer.children()):
            row.memory += out.numel() * out.element_size()

    def layers(self) -> list[Layer]:
        """Those that hold parameters or compute something themselves; what never ran stands last. · 各层。"""
        counted: set[int] = set()
        for path, layer in self.model.named_modules():
            row = self.ran.setdefault(path, Layer(path, type(layer).__name__))
            for parameter in layer.parameters(recurse=False):
                row.parameters += 0 if id(parameter) in counted else parameter.numel()  # a shared one counts once
                counted.add(id(parameter))
        inner = {path for path, layer in self.model.named_modules() if any(True for _ in layer.children())}
        return [row for row in self.ran.values() if row.path not in inner or row.parameters or row.macs]


def _shape(value: Any) -> Shape:
    return tuple(value.shape[1:]) if isinstance(value, torch.Tensor) else ()
