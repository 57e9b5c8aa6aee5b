"""Mathematics as a tree, between the code and its pictures. · 代码与公式图之间的数学语法树。

The tree holds what is meant (a product of matrices, a case, a sum over an axis) and no brackets; drawing puts them in.
"""

from dataclasses import dataclass
from typing import Any, Literal


class NotMathematics(ValueError):
    """A construct that has no mathematical reading here: the code must be rewritten or the reader extended.

    · 无法读作数学的语句：须改写代码或扩充读法。
    """


class Node:
    """Anything that can be drawn. · 一切可画之物。"""


@dataclass(frozen=True)
class Sym(Node):
    name: str
    scalar: bool = False


@dataclass(frozen=True)
class Num(Node):
    value: int | float


@dataclass(frozen=True)
class Const(Node):
    """∞, π, e, …, ∗ (a new axis), a tensor of zeros or ones, none, true, false. · 常量。"""

    name: str


@dataclass(frozen=True)
class Str(Node):
    value: str


@dataclass(frozen=True)
class Neg(Node):
    of: Node


@dataclass(frozen=True)
class Sum(Node):
    left: Node
    op: Literal["+", "-"]
    right: Node


@dataclass(frozen=True)
class Prod(Node):
    """hadamard: element by element; matrix: rows by columns; scale: one factor is a number. · 三种乘积。"""

    left: Node
    kind: Literal["hadamard", "matrix", "scale"]
    right: Node


@dataclass(frozen=True)
class Frac(Node):
    top: Node
    bottom: Node


@dataclass(frozen=True)
class Pow(Node):
    base: Node
    exponent: Node


@dataclass(frozen=True)
class Root(Node):
    of: Node


@dataclass(frozen=True)
class Transpose(Node):
    of: Node


@dataclass(frozen=True)
class Fence(Node):
    kind: Literal["abs", "len", "norm", "floor", "ceil"]
    of: Node


@dataclass(frozen=True)
class Call(Node):
    """An operator by name; `axes` are the dimensions it works along, drawn as a subscript. · 具名算子。

    `own`: a function of this project, of whose value nothing is known.
    """

    name: str
    args: tuple[Node, ...]
    axes: tuple[Node, ...] = ()
    own: bool = False


@dataclass(frozen=True)
class Apply(Node):
    """A function that is itself the value of an expression, applied. · 应用一个由表达式给出的函数。"""

    function: Node
    args: tuple[Node, ...]


@dataclass(frozen=True)
class Big(Node):
    kind: Literal["sum", "prod"]
    axes: tuple[Node, ...]
    body: Node


@dataclass(frozen=True)
class Index(Node):
    base: Node
    items: tuple[Node, ...]


@dataclass(frozen=True)
class Field(Node):
    """A named part of a record. · 记录的字段。"""

    base: Node
    name: str


@dataclass(frozen=True)
class Slice(Node):
    start: Node | None
    stop: Node | None
    step: Node | None


@dataclass(frozen=True)
class Rel(Node):
    """a < b ≤ c; as a value it is 1 where it holds and 0 elsewhere (Iverson's bracket). · 关系式。"""

    first: Node
    rest: tuple[tuple[str, Node], ...]


@dataclass(frozen=True)
class Logic(Node):
    op: Literal["and", "or", "xor"]
    parts: tuple[Node, ...]


@dataclass(frozen=True)
class Not(Node):
    of: Node


@dataclass(frozen=True)
class Cases(Node):
    """The first condition that holds decides. · 取第一个成立的条件。"""

    pieces: tuple[tuple[Node, Node], ...]
    otherwise: Node | None


@dataclass(frozen=True)
class Group(Node):
    kind: Literal["tuple", "list"]
    items: tuple[Node, ...]


@dataclass(frozen=True)
class Table(Node):
    """Values by key. · 键值表。"""

    pairs: tuple[tuple[Node, Node], ...]


@dataclass(frozen=True)
class Named(Node):
    key: str
    value: Node


@dataclass(frozen=True)
class Each(Node):
    """The items of a sequence, spread out. · 展开的序列。"""

    of: Node


@dataclass(frozen=True)
class Span(Node):
    first: Node
    last: Node


@dataclass(frozen=True)
class Bind(Node):
    """target ∈ source, or target = first, …, last. · 约束变量。"""

    target: Node
    source: Node


@dataclass(frozen=True)
class Family(Node):
    """body for every binding that meets the conditions. · 满足条件的一族。"""

    body: Node
    binders: tuple[Node, ...]


# Operators whose value is a number whatever they are given.
_NUMBERS = frozenset({"size", "numel", "dim", "len", "float", "int", "bool", "round"})


def is_scalar(node: Node) -> bool:
    """Whether a value is surely a number, so that a product with it needs no ⊙. · 是否必为标量。

    >>> is_scalar(Sum(Num(1), "-", Sym("β1", scalar=True))), is_scalar(Sym("x"))
    (True, False)
    """
    match node:
        case Sym(scalar=scalar):
            return scalar
        case Num() | Str():
            return True
        case Const(name=name):
            return name in ("∞", "π", "e")
        case Fence(kind="norm" | "len") | Field(base=Call(name="finfo" | "iinfo")):
            return True
        case Call(own=True, args=args):
            return bool(args) and all(map(is_scalar, args))
        case Call(name=name, args=args, axes=axes):
            whole = name in ("mean", "max", "min") and len(args) == 1 and not axes
            return name in _NUMBERS or whole or (bool(args) and all(map(is_scalar, args)))
        case Big(axes=axes, body=body):
            return not axes or is_scalar(body)
        case Index(base=Call(name="shape"), items=(item,)):
            return not isinstance(item, Slice)
        case Index(base=base, items=items):
            return is_scalar(base) and not any(isinstance(i, Slice) for i in items)
        case Cases(pieces=pieces, otherwise=otherwise):
            return all(is_scalar(v) for v in (otherwise, *(v for v, _ in pieces)) if v is not None)
        case Neg() | Sum() | Prod() | Frac() | Pow() | Root() | Fence():
            return all(is_scalar(v) for v in vars(node).values() if isinstance(v, Node))
        case _:
            return False


def walk(node: Any) -> list[Node]:
    """Every node of a tree, outer ones first. · 先外后内遍历。

    >>> [type(n).__name__ for n in walk(Neg(Num(1)))]
    ['Neg', 'Num']
    """
    if isinstance(node, tuple):
        return [n for part in node for n in walk(part)]
    if not isinstance(node, Node):
        return []
    return [node, *(n for part in vars(node).values() for n in walk(part))]
