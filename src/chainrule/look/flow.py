r"""What flows where in a network, read from the forward that runs · 由前向计算得到的数据流图

note     torch.fx follows the forward once; norms, activations and dropout are written into the box before them, changes
         of shape are left out. A block (a module with layers of its own) is one box in the picture of the whole,
         and has a picture of its own
"""

import operator
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import fx

from ..errors import UserError

FOLDED = {  # written into the box that they follow
    "BatchNorm2d": "BN",
    "LayerNorm": "LN",
    "ReLU": "ReLU",
    "ReLU6": "ReLU6",
    "Hardswish": "h-swish",
    "Hardsigmoid": "h-sigmoid",
    "Sigmoid": "sigmoid",
    "SiLU": "SiLU",
    "Tanh": "tanh",
    "ScaledTanh": "scaled tanh",
    "GELU": "GELU",
    "Dropout": "dropout",
    "StochasticDepth": "drop path",
    "LocalResponseNorm": "LRN",
    "TowerNorm": "LRN",
}
SILENT = ("Identity", "Flatten", "Unflatten", "flatten", "reshape", "view", "unflatten")  # shapes alone
SIGNS = {operator.add: "+", torch.add: "+", "add": "+", operator.mul: "×", torch.mul: "×", "mul": "×"}


@dataclass
class Box:
    """One box of a picture. · 图中的一个方框。

    kind     "input", "conv", "depthwise", "linear", "pool", "block", "sum" (+ or ×) or "other"
    title    what it is; detail its stride and groups; notes what follows it inside the box
    takes    the shape that it is given, and shape the one that it gives, without the batch
    sources  the boxes it reads, by number
    group    path and class of a module inside the picture that it belongs to
    times    how many boxes like this one follow each other here
    """

    kind: str
    title: str
    detail: str = ""
    takes: tuple[int, ...] = ()
    shape: tuple[int, ...] = ()
    sources: tuple[int, ...] = ()
    notes: list[str] = field(default_factory=list)
    path: str = ""
    group: tuple[str, str] = ("", "")
    times: int = 1


@dataclass(frozen=True)
class Part:
    """A picture of the whole or of one kind of block: how often it stands in the whole, and where first. · 一幅图。"""

    title: str
    boxes: list[Box]
    times: int = 1
    path: str = ""


class _Tracer(fx.Tracer):
    def __init__(self, boxed: set[torch.nn.Module]):
        super().__init__()
        self.boxed = boxed

    def is_leaf_module(self, m: torch.nn.Module, module_qualified_name: str) -> bool:
        return m in self.boxed


class _Shapes(fx.Interpreter):
    """Runs a graph, and leaves at each node the shape of what it gave."""

    def run_node(self, n: fx.Node) -> Any:
        out = super().run_node(n)
        n.meta["gives"] = tuple(out.shape) if isinstance(out, torch.Tensor) else ()
        return out


def is_block(module: torch.nn.Module) -> bool:
    """Whether a module has layers with weights and a way of its own through them. · 是否为由若干层组成的块。

    >>> is_block(torch.nn.Linear(2, 2)), is_block(torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Linear(2, 2)))
    (False, False)
    """
    weighted = [path for path, p in module.named_parameters() if p.dim() > 1 and "." in path]
    if isinstance(module, torch.nn.Sequential):  # a row of one weighted layer and what follows it is that layer's box
        return type(module) is not torch.nn.Sequential and len(weighted) > 1
    return len(weighted) > 0


def parts(model: torch.nn.Module, size: Sequence[int]) -> list[Part]:
    """The picture of the whole, then one of each kind of block in it. · 整体图与各类块的图。

    size  of one sample, without the batch

    Raises `UserError` where the network does not take it, or its way depends on numbers.

    >>> from chainrule.zoo.resnet import resnet8
    >>> [(part.title, part.times, len(part.boxes)) for part in parts(resnet8(), (3, 32, 32))]
    [('ResNet', 1, 7), ('BasicBlock', 1, 4), ('BasicBlock', 2, 5)]
    """
    where = next((p.device for p in model.parameters()), torch.device("cpu"))
    whole = trace(model, torch.zeros(1, *size, device=where), blocks=True)
    kinds: dict[Any, list[tuple[str, list[Box]]]] = {}
    for block in (box for box in whole if box.kind == "block"):
        sample = torch.zeros(1, *block.takes, device=where)
        inside = trace(model.get_submodule(block.path), sample, blocks=False)
        form = tuple((box.kind, box.title if box.kind == "sum" else "", box.sources) for box in inside)
        kinds.setdefault((block.title, form), []).append((block.path, inside))
    found = [Part(type(model).__name__, gathered(whole))]
    for (title, _), alike in kinds.items():
        path, boxes = next((one for one in alike if any("stride" in box.detail for box in one[1])), alike[0])
        found.append(Part(title, boxes, len(alike), path))
    return found


def trace(module: torch.nn.Module, sample: torch.Tensor, blocks: bool) -> list[Box]:
    """The boxes of one module in the order in which they run; a block inside is one of them. · 按运行顺序的方框。"""
    was, name = module.training, type(module).__name__
    boxed = {m for m in module.modules() if (blocks and is_block(m)) or not any(True for _ in m.children())}
    try:
        graph = _Tracer(boxed).trace(module.eval())
        with torch.no_grad():
            _Shapes(fx.GraphModule(module, graph)).run(sample)
    except Exception as error:
        said = " ".join(str(error).split())[:200]
        raise UserError(f"{name} cannot be drawn for input of {list(sample.shape[1:])}: {said}") from error
    finally:
        module.train(was)
    boxes: list[Box] = []
    at: dict[fx.Node, int] = {}
    for node in graph.nodes:
        sources = tuple(dict.fromkeys(at[source] for source in node.all_input_nodes if source in at))
        if node.op in ("get_attr", "output") or (node.op != "placeholder" and not sources):
            continue
        layer = module.get_submodule(node.target) if node.op == "call_module" else None
        called = type(layer).__name__ if layer is not None else str(getattr(node.target, "__name__", node.target))
        before = boxes[sources[0]] if sources else None
        alone = before is not None and before.kind != "input" and len(node.all_input_nodes[0].users) == 1
        same = "Adaptive" in called and node.meta["gives"] == node.all_input_nodes[0].meta["gives"]  # a mean of one
        if before is not None and (same or called in SILENT or (called in FOLDED and alone)):
            at[node] = sources[0]
            before.notes += [FOLDED[called]] if called in FOLDED else []
            continue
        at[node] = len(boxes)
        takes = node.all_input_nodes[0].meta["gives"][1:] if sources else ()
        kind, title, detail = described(node, layer, called)
        shape, path = node.meta["gives"][1:], str(node.target) if layer is not None else ""
        boxes.append(Box(kind, title, detail, takes, shape, sources, path=path, group=group_of(module, node)))
    return boxes


def described(node: fx.Node, layer: Any, called: str) -> tuple[str, str, str]:
    """Kind, title and detail of a box. · 方框的种类、标题与细节。"""
    if node.op == "placeholder":
        return "input", "x", ""
    if layer is None:
        sign = SIGNS.get(node.target)
        return ("sum", sign, "") if sign else ("other", called, "")
    if is_block(layer):
        return "block", called, ""
    if isinstance(layer, torch.nn.Conv1d | torch.nn.Conv2d):
        kernel, depthwise = "×".join(map(str, layer.kernel_size)), layer.groups == layer.in_channels > 1
        groups = f"{layer.groups} groups" if layer.groups > 1 and not depthwise else ""
        stride = f"stride {layer.stride[0]}" if layer.stride[0] > 1 else ""
        kind, word = ("depthwise", "depthwise") if depthwise else ("conv", "conv")
        return kind, f"{kernel} {word}", ", ".join(filter(None, (groups, stride)))
    if isinstance(layer, torch.nn.Linear):
        return "linear", "linear", ""
    if "Pool" in called:
        title = "max pool" if "Max" in called else "avg pool"
        if "Adaptive" in called:
            return "pool", title, ""
        kernel, stride = layer.kernel_size, layer.stride
        return "pool", f"{each(kernel)} {title}", f"stride {stride if isinstance(stride, int) else stride[0]}"
    return "other", called, ""


def each(kernel: Any) -> str:
    return "×".join(map(str, (kernel, kernel) if isinstance(kernel, int) else kernel))


def group_of(root: torch.nn.Module, node: fx.Node) -> tuple[str, str]:
    """The block inside the picture that a box belongs to, such as squeeze-and-excitation. · 方框所属的内部块。"""
    for path, _ in (node.meta.get("nn_module_stack") or {}).values():
        inner = root.get_submodule(path)
        if is_block(inner) and path != node.target:
            return path, type(inner).__name__
    return "", ""


def gathered(boxes: list[Box]) -> list[Box]:
    """Boxes alike that follow each other become one, with a count. · 合并相同的相邻方框。"""
    readers = [sum(i in box.sources for box in boxes) for i in range(len(boxes))]
    found: list[Box] = []
    at: dict[int, int] = {}
    for i, box in enumerate(boxes):
        last = found[-1] if found else None
        follows = box.sources == (i - 1,) and readers[i - 1] == 1
        if last and follows and box.kind in ("conv", "block") and alike(last, box):
            last.times += 1
        else:
            found.append(replace(box, sources=tuple(at[source] for source in box.sources)))
        at[i] = len(found) - 1
    return found


def alike(one: Box, other: Box) -> bool:
    looks = [(box.kind, box.title, box.detail, box.shape, box.notes) for box in (one, other)]
    return looks[0] == looks[1]
