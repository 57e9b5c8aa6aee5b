"""Where the brackets go, decided once for every picture. · 括号的位置，一次定好。

Products follow one reading: juxtaposition (matrix products, numbers) binds tighter than ⊙, and the two are never mixed
without brackets; − and / group to the left, ^ to the right, as in the code.
"""

from collections.abc import Callable

from .symbols import Naming
from .tree import (
    Apply,
    Big,
    Bind,
    Call,
    Cases,
    Const,
    Each,
    Family,
    Fence,
    Field,
    Frac,
    Group,
    Index,
    Logic,
    Named,
    Neg,
    Node,
    Not,
    NotMathematics,
    Num,
    Pow,
    Prod,
    Rel,
    Root,
    Slice,
    Span,
    Str,
    Sum,
    Sym,
    Table,
    Transpose,
    is_scalar,
)

# How tightly each form holds together; an operand that is looser than its place asks gets brackets.
OPEN, SUM, BIG, HADAMARD, MATRIX, SCALE, FRACTION, PREFIX, POWER, ATOM = range(10)

_OPPOSITES = (("==", "!="), ("<", ">="), (">", "<="), ("in", "not in"))
OPPOSITE = {a: b for pair in _OPPOSITES for a, b in (pair, pair[::-1])}


class Renderer:
    """Draws a tree; a subclass says what each form looks like. · 画出语法树，子类决定样式。"""

    NEG = MINUS = PLUS = HADAMARD_SIGN = AND = OR = XOR = NOT = MAPS = ELLIPSIS = ""
    RELATIONS: dict[str, str] = {}
    FRACTION_LEVEL = FRACTION
    ROOT_LEVEL = PREFIX
    BIG_LEVEL = ATOM
    CASES_LEVEL = ATOM

    def __init__(self, naming: Naming | None = None):
        self.naming = naming or Naming()

    # what a subclass draws
    def paren(self, s: str) -> str:
        raise NotImplementedError

    name: Callable[[str], str]
    number: Callable[[float], tuple[str, int]]
    const: Callable[[str], str]
    string: Callable[[str], str]
    juxtapose: Callable[[str, str, str], str]
    fraction: Callable[[Frac], str]
    power: Callable[[Pow], str]
    root: Callable[[Node], str]
    transpose: Callable[[str], str]
    fence: Callable[[str, str], str]
    operator: Callable[[str, str, str], str]
    big: Callable[[Big], str]
    index: Callable[[str, str], str]
    field: Callable[[str, str], str]
    bracket: Callable[[str], str]
    cases: Callable[[Cases], str]
    group: Callable[[str, str], str]
    table: Callable[[str], str]
    named: Callable[[str, str], str]
    span: Callable[[str, str], str]
    family: Callable[[str, str], str]

    def go(self, node: Node, need: int = OPEN) -> str:
        """The node as it stands in a place that asks for at least this tightness. · 按位置要求画出节点。"""
        s, level = self.draw(node)
        return s if level >= need else self.paren(s)

    def list(self, nodes: tuple[Node, ...]) -> str:
        return ", ".join(self.go(n) for n in nodes)

    def condition(self, node: Node) -> str:
        """A relation without Iverson's brackets, as it stands after "if". · 条件，不加艾弗森括号。"""
        match node:
            case Rel(first=first, rest=rest):
                return self.go(first, SUM) + "".join(f" {self.RELATIONS[op]} {self.go(n, SUM)}" for op, n in rest)
            case Logic(op=op, parts=parts):
                sign = {"and": self.AND, "or": self.OR, "xor": self.XOR}[op]
                return f" {sign} ".join(
                    self.paren(self.condition(p)) if isinstance(p, Logic) else self.condition(p) for p in parts
                )
            case Not(of=Rel(first=first, rest=((op, second),))):
                return self.condition(Rel(first, ((OPPOSITE[op], second),)))
            case Not(of=Not(of=of)):
                return self.condition(of)
            case Not(of=of) if is_scalar(of):
                return self.condition(Rel(of, (("==", Num(0)),)))
            case Not(of=of):
                inner = self.condition(of)
                return self.NOT + (self.paren(inner) if isinstance(of, Rel | Logic) else inner)
            case _ if is_scalar(node):  # a number as a condition: whether it is there at all
                return self.condition(Rel(node, (("!=", Num(0)),)))
            case _:
                return self.go(node, SUM)

    def draw(self, node: Node) -> tuple[str, int]:
        match node:
            case Pow(base=Const(name="e"), exponent=x) if "e" in self.naming.letters():
                return self.draw(Call("exp", (x,)))
            case Sum() | Neg() | Prod() | Frac() | Pow() | Root() | Transpose():
                return self.draw_arithmetic(node)
            case Sym(name=name):
                return self.name(name), POWER if self.naming[name].squared else ATOM
            case Num(value=value):
                return self.number(value)
            case Const(name=name):
                return self.const(name), ATOM
            case Str(value=value):
                return self.string(value), ATOM
            case Fence(kind=kind, of=of):
                return self.fence(kind, self.go(of)), ATOM
            case Call(name=name, args=args, axes=axes):
                return self.operator(name, self.list(axes), self.list(args)), ATOM
            case Apply(function=function, args=args):
                return f"{self.go(function, ATOM)}{self.paren(self.list(args))}", ATOM
            case Big():
                return self.big(node), self.BIG_LEVEL
            case Index(base=base, items=items):
                return self.index(self.go(base, ATOM), self.list(items)), ATOM
            case Field(base=base, name=name):
                return self.field(self.go(base, ATOM), name), ATOM
            case Rel() | Logic() | Not():
                return self.bracket(self.condition(node)), ATOM
            case Cases():
                return self.cases(node), self.CASES_LEVEL
            case _:
                return self.draw_collection(node), ATOM

    def draw_arithmetic(self, node: Node) -> tuple[str, int]:
        match node:
            case Sum(left=left, op=op, right=right):
                sign = self.PLUS if op == "+" else self.MINUS
                return f"{self.go(left, SUM)} {sign} {self.go(right, SUM + 1)}", SUM
            case Neg(of=of):
                return f"{self.NEG}{self.go(of, BIG)}", SUM
            case Prod(left=left, kind=kind, right=right):
                return self.draw_product(left, kind, right)
            case Frac():
                return self.fraction(node), self.FRACTION_LEVEL
            case Pow():
                return self.power(node), POWER
            case Root(of=of):
                return self.root(of), self.ROOT_LEVEL
            case Transpose(of=of):
                return self.transpose(self.go(of, ATOM)), POWER
        raise NotMathematics(f"no arithmetic: {node}")

    def draw_product(self, left: Node, kind: str, right: Node) -> tuple[str, int]:
        if kind == "hadamard":
            chain = isinstance(left, Prod) and left.kind == "hadamard"
            return (
                f"{self.go(left, HADAMARD if chain else SCALE)} {self.HADAMARD_SIGN} {self.go(right, SCALE)}",
                HADAMARD,
            )
        level = MATRIX if kind == "matrix" else SCALE
        a = self.go(left, PREFIX if isinstance(left, Frac) else level)
        return self.juxtapose(a, self.go(right, PREFIX), kind), level

    def draw_collection(self, node: Node) -> str:
        match node:
            case Group(kind=kind, items=items):
                return self.group(kind, self.list(items) + "," * (kind == "tuple" and len(items) == 1))
            case Table(pairs=pairs):
                return self.table(", ".join(f"{self.go(k)} {self.MAPS} {self.go(v)}" for k, v in pairs))
            case Named(key=key, value=value):
                return self.named(key, self.go(value))
            case Each(of=of):
                return f"{self.go(of, ATOM)}{self.ELLIPSIS}"
            case Span(first=first, last=last):
                return self.span(self.go(first), self.go(last))
            case Bind(target=target, source=Span() as span):
                return f"{self.go(target)} = {self.go(span)}"
            case Bind(target=target, source=source):
                return f"{self.go(target)} {self.RELATIONS['in']} {self.go(source)}"
            case Family(body=body, binders=binders):
                bound = [self.condition(b) if not isinstance(b, Bind) else self.go(b) for b in binders]
                return self.family(self.go(body), ", ".join(bound))
            case Slice(start=start, stop=stop, step=step):
                ends = [self.go(e) if e else "" for e in (start, stop)]
                return ":".join([*ends, self.go(step)] if step else ends)
        raise NotMathematics(f"nothing draws {type(node).__name__}")
