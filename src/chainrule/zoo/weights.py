"""Weights from elsewhere into a network of ours: matched, adapted, and told. · 把外来权重载入本库网络并说明。"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from os import PathLike

import torch
from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm

from ..data.names import show
from ..errors import UserError
from .foreign import Foreign, read_foreign
from .matching import Ends, Match, alike, match, nearest
from .naming import COUNTER
from .vision import adapt_channels

# BN eps and momentum that weights of a naming were trained with; the others': as the network is made.
# Sources: timm 1.0.31, BatchNormAct2d's defaults; the course's Test9 and Test11 model.py.
NORMS = {"timm": (1e-5, 0.1), "course": (1e-3, 0.1), "course_v2": (1e-3, 0.1)}
TENSORFLOW = re.compile(r"(^|[._-])tf_|mobilenetv3_rw")  # in a file's name: eps 1e-3 (timm/models/efficientnet.py)
WORDS = {
    "torchvision": "torchvision's names, which are ours",
    "timm": "timm's names",
    "akamaster": "pytorch_resnet_cifar10's names",
    "course": "the course repository's names",
    "course_v2": "the course repository's names",
    "order": "unknown names, matched by order and shape",
}


@dataclass(frozen=True)
class Report:
    """What was loaded, adapted and left, a line each. · 载入、调整与遗留的说明。

    naming whose names; norm the BN eps and momentum that were set, or None; head whether the last layer is new.
    """

    file: str
    sha256: str
    naming: str
    lines: list[str] = field(default_factory=list)
    norm: tuple[float, float] | None = None
    head: bool = False

    def __str__(self) -> str:
        return "\n".join(self.lines)


def load_weights(
    model: torch.nn.Module, source: str | PathLike[str] | Foreign, name: str = "", adapt: bool = True
) -> Report:
    """Put the weights of a file into a network. · 将文件中的权重载入网络。

    source a file that `read_foreign` reads, or what it gave; name of the model, for messages; adapt: a head for other
    classes stays as the network has it, a first convolution for other channels is made from the one in the file
    Raises `UserError`, one line, for a file of another model, numbers that are not finite or not floating-point, and,
    without adapt, for another number of classes or channels. The network is then as it was.

    >>> import tempfile; from pathlib import Path
    >>> a, b = torch.nn.Linear(3, 2), torch.nn.Linear(3, 2)
    >>> file = Path(tempfile.mkdtemp(), "a.pth")
    >>> torch.save(a.state_dict(), file)
    >>> print(load_weights(b, file).lines[1])
    loaded  2 tensors, 8 parameters
    >>> torch.equal(a.weight, b.weight)
    True
    """
    foreign = source if isinstance(source, Foreign) else read_foreign(source)
    own = model.state_dict()
    shapes = {key: tuple(value.shape) for key, value in own.items()}
    found = match(shapes, foreign.tensors)
    if found.faults:
        raise UserError(_another(foreign, found, shapes, name or type(model).__name__))
    loading = _Loading(foreign, found, own, adapt)
    new = {key: value for key in shapes if (value := loading.tensor(key)) is not None}
    model.load_state_dict({**own, **new})
    norm = set_norm(model, foreign.norm or _norm(found.naming, foreign.path.name))
    lines = [_first_line(foreign, found), loading.loaded(new, dict(model.named_parameters())), *loading.lines]
    if norm:
        lines.append(f"set     batch norm eps {norm[0]:g}, momentum {norm[1]:g}, which these weights need")
    if TENSORFLOW.search(foreign.path.name):
        lines.append("note    tf_ weights were trained with one-sided padding, and this network pads both sides alike")
    extra = (*found.extra, *foreign.left)
    lines += [f"left    {len(extra)} in the file that the network has not: {some(extra)}"] if extra else []
    return Report(str(foreign.path), foreign.sha256, found.naming, lines, norm, loading.head)


def some(names: Sequence[str], most: int = 3) -> str:
    """The first few of many names. · 前几个名称。

    >>> some(["a", "b", "c", "d"])
    'a, b, c, …'
    """
    return ", ".join(show(name[:80]) for name in names[:most]) + (", …" if len(names) > most else "")


def _first_line(foreign: Foreign, found: Match) -> str:
    return f"weights {'; '.join([show(foreign.path.name), WORDS[found.naming], *foreign.notes])}"


def _another(foreign: Foreign, found: Match, shapes: dict, name: str) -> str:
    """One line for a file of another model."""
    faults, whole = [], sum(not key.endswith(COUNTER) for key in shapes)
    if found.missing:
        faults.append(f"{len(found.missing)} of {whole} tensors are missing ({some(found.missing, 2)})")
    if found.wrong:
        key = found.wrong[0]
        there = list(foreign.tensors[found.names[key]].shape)
        faults.append(f"{len(found.wrong)} have another shape ({key} {there} instead of {list(shapes[key])})")
    if strange := found.deeper + found.extra:
        faults.append(f"{len(strange)} are not of it ({some(strange, 2)})")
    near = nearest(foreign.tensors)
    looks = f"; it looks like {near}" if near and near != name else ""
    return f"{show(foreign.path)}: not weights of {name}: {', '.join(faults)}{looks}"


class _Loading:
    """One tensor after the other, and what has to be said of them."""

    def __init__(self, foreign: Foreign, found: Match, own: dict[str, Tensor], adapt: bool):
        self.foreign, self.found, self.own, self.adapt = foreign, found, own, adapt
        self.ends = Ends.of({key: tuple(value.shape) for key, value in own.items()})
        self.lines: list[str] = []
        self.head = False
        self.kinds: dict[torch.dtype, int] = {}

    def tensor(self, key: str) -> Tensor | None:
        """What our key gets, or None where it stays as it is."""
        ours, theirs = self.own[key], self.foreign.tensors.get(self.found.names[key])
        path = key.rpartition(".")[0]
        if theirs is None:
            if path == self.ends.head and key.endswith("weight"):
                self._new_head(ours, "none in the file")
            return None
        value = self._number(key, theirs, ours)
        if alike(ours.shape, value.shape):
            return value.reshape(ours.shape)
        if path == self.ends.head:
            return self._of_head(key, ours, value)
        return self._of_first(ours, value)

    def _number(self, key: str, theirs: Tensor, ours: Tensor) -> Tensor:
        if ours.is_floating_point() != theirs.is_floating_point():
            want = "floating-point" if ours.is_floating_point() else "whole"
            raise UserError(f"{show(self.foreign.path)}: {key} is {_kind(theirs)}; expected {want} numbers")
        if theirs.is_floating_point():
            self.kinds[theirs.dtype] = self.kinds.get(theirs.dtype, 0) + 1
            bad = theirs.numel() - int(theirs.float().isfinite().sum())
            if bad:
                raise UserError(
                    f"{show(self.foreign.path)}: {key} has {bad:,} of {theirs.numel():,} numbers that are nan or "
                    "infinite; expected weights of a run that went well"
                )
        return theirs.to(ours.dtype)

    def _of_head(self, key: str, ours: Tensor, value: Tensor) -> Tensor | None:
        if len(value) == len(ours) + 1 == 1001:  # class 0 of these heads is "background"
            if key.endswith("weight"):
                self.lines.append(
                    f"adapted {self.ends.head}: 1001 classes in the file, without the first, 'background'"
                )
            return value[1:].reshape(ours.shape)
        if key.endswith("weight"):
            self._new_head(ours, f"{len(value)} in the file")
        return None

    def _new_head(self, ours: Tensor, there: str) -> None:
        if not self.adapt:
            raise UserError(
                f"{show(self.foreign.path)}: its answers do not fit: {len(ours)} classes here, {there}; expected as "
                "many, or train a new head: chainrule train MODEL DATA weights=FILE"
            )
        self.head = True
        self.lines.append(f"adapted {self.ends.head}: a new last layer for {len(ours)} classes ({there})")

    def _of_first(self, ours: Tensor, value: Tensor) -> Tensor | None:
        kernel, there = "×".join(map(str, ours.shape[2:])), "×".join(map(str, value.shape[2:]))
        if kernel != there:
            self._only_when_adapting(f"its first convolution is {there}, here {kernel}")
            self.lines.append(f"adapted {self.ends.first}: new, {kernel} here and {there} in the file")
            return None
        channels, found = ours.shape[1], value.shape[1]
        self._only_when_adapting(f"it takes {found} channels, here {channels}")
        how = "summed" if channels == 1 else f"repeated, ×{found}/{channels}"
        self.lines.append(f"adapted {self.ends.first}: {found} → {channels} input channels, kernels {how}")
        return adapt_channels(value, channels)

    def _only_when_adapting(self, fault: str) -> None:
        if not self.adapt:
            raise UserError(f"{show(self.foreign.path)}: {fault}; expected the same, or train with weights=FILE")

    def loaded(self, new: dict[str, Tensor], parameters: dict[str, Tensor]) -> str:
        counted = sum(value.numel() for key, value in new.items() if key in parameters)
        tensors = sum(not key.endswith(COUNTER) for key in new)
        other = [_kind(torch.empty(0, dtype=kind)) for kind in self.kinds if kind != torch.float32]
        return f"loaded  {tensors} tensors, {counted:,} parameters" + (f", from {', '.join(other)}" if other else "")


def _kind(tensor: Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")


def _norm(naming: str, file: str) -> tuple[float, float] | None:
    return (1e-3, 0.1) if naming == "timm" and TENSORFLOW.search(file) else NORMS.get(naming)


def set_norm(model: torch.nn.Module, norm: tuple[float, float] | None) -> tuple[float, float] | None:
    """Set eps and momentum of every batch norm; gives them if any was otherwise. · 设置批归一化的 eps 与 momentum。

    >>> bn = torch.nn.BatchNorm2d(3)
    >>> set_norm(bn, (1e-3, 0.01)), bn.eps
    ((0.001, 0.01), 0.001)
    """
    changed = False
    for layer in model.modules():
        if norm and isinstance(layer, _BatchNorm) and (layer.eps, layer.momentum) != norm:
            layer.eps, layer.momentum = norm
            changed = True
    return norm if changed else None
