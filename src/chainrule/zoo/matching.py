"""Which tensor of a file is which of a network. · 文件中的张量与网络中的张量如何对应。"""

import functools
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import prod

import torch
from torch import Tensor

from .. import catalog
from .naming import COUNTER, NAMINGS, Names, Shapes, names_of

OUTER = ("model.", "net.", "network.", "backbone.", "encoder.")  # what a wrapper may call the network inside
ALIKE = 0.5  # of the tensors: below this no model is called near
Shape = Sequence[int]


@dataclass(frozen=True)
class Match:
    """Our key → theirs, by which naming, and what fits not. · 键的对应关系。

    missing ours that the file has not; wrong ours that have another shape there; deeper theirs that lie in a part we
    have too, so that the file is of a larger network; extra theirs beside all our parts, such as an auxiliary head.
    """

    naming: str
    names: Names
    missing: tuple[str, ...] = ()
    wrong: tuple[str, ...] = ()
    deeper: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()

    @property
    def faults(self) -> int:
        """How many tensors say that the file is of another network. · 不符的张量个数。"""
        return len(self.missing) + len(self.wrong) + len(self.deeper)


@dataclass(frozen=True)
class Ends:
    """The two layers that may differ: the first convolution and the last linear layer. · 可调整的首尾两层。"""

    first: str
    head: str

    @classmethod
    def of(cls, shapes: Shapes) -> "Ends":
        """By the shapes alone: the first weight with four axes, the last weight if it has two. · 由形状得出。

        >>> Ends.of({"0.weight": [8, 3, 3, 3], "4.weight": [10, 8], "4.bias": [10]})
        Ends(first='0', head='4')
        """
        weights = [key for key in shapes if key == "weight" or key.endswith(".weight")]
        first = next((key for key in weights if len(shapes[key]) == 4), "")
        head = weights[-1] if weights and len(shapes[weights[-1]]) == 2 else ""
        return cls(first.removesuffix("weight").rstrip("."), head.removesuffix("weight").rstrip("."))

    def may_differ(self, key: str, ours: Shape, theirs: Shape) -> bool:
        """Whether a tensor of another shape can be adapted or made anew. · 形状不同时能否调整。"""
        path = key.rpartition(".")[0]
        if path == self.head and key.endswith((".weight", ".bias")):
            return len(ours) == 1 or prod(ours[1:]) == prod(theirs[1:])
        return path == self.first and len(ours) == len(theirs) == 4 and ours[0] == theirs[0]


def alike(ours: Shape, theirs: Shape) -> bool:
    """The same numbers for the same outputs: a 1×1 convolution is a linear layer. · 形状是否等价。

    >>> alike([10, 8], [10, 8, 1, 1]), alike([10, 8], [8, 10])
    (True, False)
    """
    return prod(ours) == prod(theirs) and list(ours[:1]) == list(theirs[:1])


def match(shapes: Shapes, theirs: Mapping[str, Tensor]) -> Match:
    """The naming under which most of the file fits; by order where no naming fits at all. · 选出最合适的命名。

    shapes our key → shape; theirs key → tensor, in the order of the file
    """
    ends = Ends.of(shapes)
    tries = [_under(naming, names, shapes, theirs, ends) for naming, names in _candidates(shapes, theirs)]
    best = min(tries, key=lambda found: (found.faults, len(found.extra)))
    return (_by_order(shapes, theirs, ends) or best) if best.faults else best


def _candidates(shapes: Shapes, theirs: Iterable[str]) -> list[tuple[str, Names]]:
    out = [(naming, names) for naming in NAMINGS if (names := names_of(naming, shapes)) is not None]
    for outer in OUTER:
        if any(key.startswith(outer) for key in theirs):
            out += [(naming, {k: outer + v for k, v in names.items()}) for naming, names in out[: len(NAMINGS)]]
            break
    return out


def _under(naming: str, names: Names, shapes: Shapes, theirs: Mapping[str, Tensor], ends: Ends) -> Match:
    missing, wrong = [], []
    for key, shape in shapes.items():
        if key.endswith(COUNTER):
            continue
        if names[key] not in theirs:
            missing += [key] if key.rpartition(".")[0] != ends.head else []
        elif not alike(shape, found := theirs[names[key]].shape) and not ends.may_differ(key, shape, found):
            wrong.append(key)
    asked, parts = set(names.values()), {name.partition(".")[0] for name in (*names, *names.values())}
    deeper, extra = [], []
    for key in theirs:
        if key not in asked and not key.endswith(COUNTER):
            (deeper if key.partition(".")[0] in parts else extra).append(key)
    return Match(naming, names, tuple(missing), tuple(wrong), tuple(deeper), tuple(extra))


def _by_order(shapes: Shapes, theirs: Mapping[str, Tensor], ends: Ends) -> Match | None:
    """Position by position, counters left out; None unless kind and shape agree at every place."""
    ours = [key for key in shapes if not key.endswith(COUNTER)]
    others = [key for key in theirs if not key.endswith(COUNTER)]
    if len(ours) != len(others):
        return None
    for a, b in zip(ours, others, strict=True):
        shape, found = shapes[a], theirs[b].shape
        if a.rpartition(".")[2] != b.rpartition(".")[2] or not (
            alike(shape, found) or ends.may_differ(a, shape, found)
        ):
            return None
    names = dict(zip(ours, others, strict=True))
    return Match("order", names | {key: key for key in shapes if key.endswith(COUNTER)})


def nearest(theirs: Mapping[str, Tensor]) -> str:
    """Which of our models a file looks like, or nothing. · 文件最像哪个模型。"""
    found = _census(tuple(t.shape) for k, t in theirs.items() if not k.endswith(COUNTER))
    scores = {}
    for name in catalog.MODELS:
        own = model_census(name)
        union = (own | found).total()
        scores[name] = (own & found).total() / union if union else 0.0
    best = max(scores, key=lambda name: scores[name])
    return best if scores[best] > ALIKE else ""


def _census(shapes: Iterable[Shape]) -> Counter[tuple[int, int]]:
    return Counter((shape[0] if len(shape) else 1, prod(shape)) for shape in shapes)


@functools.cache
def model_census(name: str) -> Counter[tuple[int, int]]:
    """How often each shape occurs in a model, made without memory. · 各形状在模型中出现的次数。"""
    try:
        with torch.device("meta"):
            made = catalog.build_model(name)
    except Exception:  # a model that cannot be made without memory is no candidate
        return Counter()
    return _census(tuple(t.shape) for k, t in made.state_dict().items() if not k.endswith(COUNTER))
