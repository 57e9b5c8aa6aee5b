"""Python expressions read as mathematics. · 把 Python 表达式读作数学。

Whatever is not understood raises `NotMathematics`: nothing is drawn half right.
"""

import ast
import builtins
import math
from collections.abc import Collection
from types import FunctionType, ModuleType
from typing import Any, Literal

from .calls import meaning, over, piecewise, times
from .tree import (
    Apply,
    Bind,
    Call,
    Cases,
    Const,
    Each,
    Family,
    Fence,
    Field,
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
    Slice,
    Span,
    Str,
    Sum,
    Sym,
    Table,
    Transpose,
    is_scalar,
)

_MODULES = frozenset({"torch", "F", "math", "nn", "np", "functional", "special", "linalg"})
_COMPARE = {
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Is: "==",
    ast.IsNot: "!=",
    ast.In: "in",
    ast.NotIn: "not in",
}
_BITS: dict[type, Literal["and", "or", "xor"]] = {ast.BitAnd: "and", ast.BitOr: "or", ast.BitXor: "xor"}
_NUMBERS = {"inf": Const("∞"), "pi": Const("π"), "e": Const("e")}


def shifted(node: Node, by: int) -> Node:
    """node + by, where it can be added up. · 整数平移。"""
    if isinstance(node, Num):
        return Num(node.value + by)
    if isinstance(node, Neg) and isinstance(node.of, Num):
        return Num(by - node.of.value)
    if isinstance(node, Sum) and isinstance(node.right, Num):
        by += int(node.right.value) * (1 if node.op == "+" else -1)
        return shifted(node.left, by)
    return node if by == 0 else Sum(node, "+" if by > 0 else "-", Num(abs(by)))


def negative(node: Node) -> Node:
    return Neg(Num(-node.value)) if isinstance(node, Num) and node.value < 0 else node


def stored(target: ast.AST) -> set[str]:
    return {n.id for n in ast.walk(target) if isinstance(n, ast.Name)}


def holds(node: Node) -> bool:
    """Whether a value is a condition. · 是否为条件。"""
    return isinstance(node, Rel | Logic | Not) or (isinstance(node, Call) and node.name in ("any", "all"))


def sizes(node: Node) -> bool:
    """Whether a sequence surely holds numbers only: shapes, ranges and their combinations. · 是否只含数。"""
    match node:
        case Call(name="shape" | "range"):
            return True
        case Call(name="zip" | "enumerate" | "reversed", args=args):
            return all(map(sizes, args))
        case Index(base=base, items=(Slice(),)):
            return sizes(base)
        case Group(items=items):
            return all(map(is_scalar, items))
        case Family(body=body):
            return is_scalar(body) or sizes(body)
    return is_scalar(node)


def _is_torch(fn: FunctionType) -> bool:
    return (fn.__module__ or "").partition(".")[0] == "torch"


class Reader:
    """Reads expressions; it knows which names are numbers and what the globals are. · 表达式阅读器。"""

    def __init__(self, scalars: Collection[str] = (), scope: dict[str, Any] | None = None, known: Collection[str] = ()):
        self.scalars = set(scalars)
        self.known = set(known)  # parameters and locals: they hide functions of the same name
        self.scope = scope or {}
        self.fields = {f for v in self.scope.values() if isinstance(v, type) for f in getattr(v, "_fields", ())}

    def fail(self, node: ast.AST, why: str) -> NotMathematics:
        code = ast.unparse(node)
        return NotMathematics(f"line {getattr(node, 'lineno', '?')}: {why}: {code}")

    def read(self, node: ast.AST) -> Node:
        match node:
            case ast.Name(id=name):
                imported = name in _NUMBERS and self.scope.get(name) == getattr(math, name)
                function = name not in self.known and callable(self.scope.get(name, vars(builtins).get(name)))
                return _NUMBERS[name] if imported else Const(name) if function else Sym(name, name in self.scalars)
            case ast.Constant(value=value):
                return self.constant(node, value)
            case ast.UnaryOp(op=op, operand=operand):
                return self.unary(op, self.test(operand) if isinstance(op, ast.Not) else self.read(operand))
            case ast.BinOp(left=left, op=op, right=right):
                return self.binary(node, op, self.read(left), self.read(right))
            case ast.Compare(left=left, ops=ops, comparators=others):
                rest = tuple((_COMPARE[type(op)], self.read(n)) for op, n in zip(ops, others, strict=True))
                return Rel(self.read(left), rest)
            case ast.BoolOp(op=op, values=values):
                return self.either(op, [self.read(v) for v in values])
            case ast.IfExp(test=test, body=body, orelse=orelse):
                return piecewise(self.test(test), self.read(body), self.read(orelse))
            case ast.Attribute():
                return self.attribute(node)
            case ast.Call():
                return self.call(node)
            case ast.Subscript(value=ast.Dict(keys=keys, values=values), slice=key) if None not in keys:
                which = self.read(key)
                tests = [Rel(which, (("==", self.read(k)),)) for k in keys if k]
                return Cases(tuple(zip(map(self.read, values), tests, strict=True)), None)
            case ast.Subscript(value=value, slice=items):
                parts = items.elts if isinstance(items, ast.Tuple) else [items]
                return self.subscript(self.read(value), tuple(self.item(p) for p in parts))
            case _:
                return self.collection(node)

    def test(self, node: ast.AST) -> Node:
        """A condition: only whether it holds is asked for. · 条件。"""
        match node:
            case ast.BoolOp(op=op, values=values):
                return Logic("and" if isinstance(op, ast.And) else "or", tuple(map(self.test, values)))
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return Not(self.test(operand))
        return self.read(node)

    def either(self, op: ast.boolop, parts: list[Node]) -> Node:
        """`a or b` is a where a holds (or is not 0), else b; of conditions it is their ∨. · 逻辑运算的值。"""
        if all(map(holds, parts)):
            return Logic("and" if isinstance(op, ast.And) else "or", tuple(parts))
        value = parts.pop()
        for part in reversed(parts):
            value = piecewise(part, part, value) if isinstance(op, ast.Or) else piecewise(part, value, part)
        return value

    def collection(self, node: ast.AST) -> Node:
        match node:
            case ast.Tuple(elts=elts):
                return Group("tuple", tuple(map(self.read, elts)))
            case ast.List(elts=elts):
                return Group("list", tuple(map(self.read, elts)))
            case ast.Dict(keys=keys, values=values) if None not in keys:
                return Table(tuple((self.read(k), self.read(v)) for k, v in zip(keys, values, strict=True) if k))
            case ast.Starred(value=value):
                return Each(self.read(value))
            case ast.ListComp(elt=elt, generators=generators) | ast.GeneratorExp(elt=elt, generators=generators):
                before = set(self.scalars)
                binders = [b for g in generators for b in (self.bind(g.target, g.iter), *map(self.test, g.ifs))]
                family = Family(self.read(elt), tuple(binders))
                self.scalars = before
                return family
            case ast.Slice():
                return self.item(node)
        raise self.fail(node, f"{type(node).__name__} has no mathematical reading")

    def constant(self, node: ast.AST, value: Any) -> Node:
        if value is None or isinstance(value, bool):
            return Const(str(value).lower())
        if value is Ellipsis:
            return Const("…")
        if isinstance(value, str):
            return Str(value)
        if isinstance(value, int | float):
            return Const("∞") if value == math.inf else Num(value)
        raise self.fail(node, "no such constant")

    def unary(self, op: ast.unaryop, of: Node) -> Node:
        match op:
            case ast.USub():
                return Neg(of)
            case ast.UAdd():
                return of
            case _:
                return Not(of)

    def binary(self, node: ast.AST, op: ast.operator, a: Node, b: Node) -> Node:
        match op:
            case ast.Add():
                return Sum(a, "+", b)
            case ast.Sub():
                return Sum(a, "-", b)
            case ast.Mult():
                return times(a, b)
            case ast.MatMult():
                return Neg(Prod(a.of, "matrix", b)) if isinstance(a, Neg) else Prod(a, "matrix", b)
            case ast.Div():
                return over(a, b)
            case ast.FloorDiv():
                return Fence("floor", over(a, b))
            case ast.Pow():
                return Pow(a, b)
            case ast.Mod():
                return Call("mod", (a, b))
            case ast.BitAnd() | ast.BitOr() | ast.BitXor():
                return Logic(_BITS[type(op)], (a, b))
        raise self.fail(node, f"{type(op).__name__} has no mathematical reading")

    def attribute(self, node: ast.Attribute) -> Node:
        if self.is_module(node.value):
            return _NUMBERS.get(node.attr) or Const(node.attr)
        value = self.read(node.value)
        match node.attr:
            case "mT" | "T":
                return Transpose(value)
            case "shape" | "dtype" | "device":
                return Call(node.attr, (value,))
            case "ndim":
                return Call("dim", (value,))
            case "values":
                return value
            case "indices" if isinstance(value, Call) and value.name in ("max", "min"):
                return Call("arg" + value.name, value.args, value.axes)
        if node.attr in self.fields or (isinstance(value, Call) and value.name in ("finfo", "iinfo")):
            return Field(value, node.attr)
        raise self.fail(node, f"the attribute {node.attr!r} has no mathematical reading")

    def is_module(self, node: ast.AST) -> bool:
        match node:
            case ast.Name(id=name):
                return isinstance(self.scope.get(name), ModuleType) or (name not in self.scope and name in _MODULES)
            case ast.Attribute(value=value, attr=attr):
                return attr in _MODULES and self.is_module(value)
        return False

    def call(self, node: ast.Call) -> Node:
        if isinstance(node.func, ast.Name) and node.func.id == "isinstance":
            kind = Const(ast.unparse(node.args[1]).replace(" | ", " or "))
            return Rel(self.read(node.args[0]), (("in", kind),))
        args = tuple(map(self.read, node.args))
        named = {k.arg: self.read(k.value) for k in node.keywords if k.arg}
        if len(named) < len(node.keywords):
            raise self.fail(node, "** arguments have no mathematical reading")
        match node.func:
            case ast.Name(id=name) if self.is_own(name):
                return Call(name, (*args, *(Named(k, v) for k, v in named.items())), own=True)
            case ast.Name(id=name):
                return meaning(name, args, named, "torch" if name in self.scope else "builtin")
            case ast.Attribute(value=value, attr=attr) if self.is_module(value):
                return meaning(attr, args, named)
            case ast.Attribute(value=value, attr=attr):
                return meaning(attr, (self.read(value), *args), named, "method")
        return Apply(self.read(node.func), (*args, *(Named(k, v) for k, v in named.items())))

    def is_own(self, name: str) -> bool:
        """A helper of the project: it may share its name with one of torch's functions, and means something else."""
        found = self.scope.get(name)
        return isinstance(found, FunctionType) and not hasattr(found, "card") and not _is_torch(found)

    def subscript(self, base: Node, items: tuple[Node, ...]) -> Node:
        if isinstance(base, Call) and base.name == "shape" and len(items) == 1 and not isinstance(items[0], Slice):
            return Call("size", base.args, items)
        if isinstance(base, Group) and len(items) == 1 and isinstance(items[0], Num):
            return base.items[int(items[0].value)]
        return Index(base, items)

    def item(self, node: ast.AST) -> Node:
        match node:
            case ast.Slice(lower=lower, upper=upper, step=step):
                start, stop, step = (self.read(e) if e else None for e in (lower, upper, step))
                return Slice(start, stop, step)
            case ast.Constant(value=None):
                return Const("∗")
        return self.read(node)

    def bind(self, target: ast.AST, source: ast.AST) -> Node:
        """A loop variable and what it runs through; its range is written out. · 循环变量及其范围。"""
        backwards = isinstance(source, ast.Call) and isinstance(source.func, ast.Name) and source.func.id == "reversed"
        inner = source.args[0] if backwards and isinstance(source, ast.Call) else source
        if isinstance(inner, ast.Call) and isinstance(inner.func, ast.Name) and inner.func.id == "range":
            self.scalars |= stored(target)
            span = self.span([self.read(a) for a in inner.args])
            if span:
                return Bind(self.read(target), Span(span.last, span.first) if backwards else span)
        read = self.read(source)
        if sizes(read):
            self.scalars |= stored(target)
        return Bind(self.read(target), read)

    def span(self, args: list[Node]) -> Span | None:
        if len(args) < 3:
            first, last = ([Num(0), *args])[-2:]
            return Span(first, negative(shifted(last, -1)))
        if args[2] in (Neg(Num(1)), Num(-1)):
            return Span(args[0], negative(shifted(args[1], 1)))
        return None
