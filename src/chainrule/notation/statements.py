"""A function's statements as lines of mathematics. · 把函数的语句读作一行行数学。"""

import ast
import inspect
import textwrap
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from types import FunctionType
from typing import Any, Literal

from .calls import piecewise
from .reading import Reader, sizes, stored
from .symbols import SCALARS
from .tree import Call, Group, Node, Not, NotMathematics, Num, Rel, Str, Sym, is_scalar


@dataclass(frozen=True)
class Equation:
    """left sign right: = for a new name, ← for one given anew, ∋ for what a generator yields. · 一条等式。"""

    lineno: int
    code: str
    left: Node | None
    right: Node
    sign: Literal["=", "←", "∋"] = "="
    conditions: tuple[Node, ...] = ()
    depth: int = 0


def source(fn: Callable) -> tuple[ast.FunctionDef, int]:
    """The function's definition and its line in the file. · 函数定义及其行号。"""
    fn = inspect.unwrap(fn)
    lines, start = inspect.getsourcelines(fn)
    tree = ast.parse(textwrap.dedent("".join(lines))).body[0]
    if not isinstance(tree, ast.FunctionDef):
        raise NotMathematics(f"{fn.__qualname__} is not written with def: only such functions have equations")
    return tree, max(start, 1)


def parameters(tree: ast.FunctionDef) -> list[str]:
    a = tree.args
    return [p.arg for p in (*a.posonlyargs, *a.args, *a.kwonlyargs, *filter(None, (a.vararg, a.kwarg)))]


def numeric(fn: Callable) -> set[str]:
    """Parameters that are numbers by their default or their annotation. · 由默认值或标注可知为数的参数。"""

    def number(p: inspect.Parameter) -> bool:
        told = p.annotation if isinstance(p.annotation, str) else getattr(p.annotation, "__name__", str(p.annotation))
        by_default = isinstance(p.default, int | float) and not isinstance(p.default, bool)
        return by_default or told.removesuffix(" | None") in ("float", "int")

    return {p.name for p in inspect.signature(fn).parameters.values() if number(p)}


def returned(fn: Callable) -> tuple[str, ...]:
    """The names a function returns in its last line; "" for what is no plain name. · 函数最后一行返回的名字。

    >>> returned(returned)
    ('',)
    """
    last = source(fn)[0].body[-1]
    value = last.value if isinstance(last, ast.Return) else None
    parts = value.elts if isinstance(value, ast.Tuple) else [value]
    return tuple(part.id if isinstance(part, ast.Name) else "" for part in parts)


def names(fn: Callable) -> list[str]:
    """Every parameter, local and constant that a function's text names. · 函数中出现的变量名。"""
    tree, _ = source(fn)
    stored = [n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)]
    scope = inspect.unwrap(fn).__globals__
    read = [n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(scope.get(n.id), int | float)]
    return list(dict.fromkeys([*parameters(tree), *stored, *read]))


def called(fns: Iterable[Callable]) -> list[Callable]:
    """The project's own functions that these call by name, and those that they call in turn. · 所调用的自有函数。"""
    found: dict[str, Callable] = {}
    todo = [inspect.unwrap(fn) for fn in fns]
    known = set(todo)
    while todo:
        fn = todo.pop(0)
        for n in (n for s in source(fn)[0].body for n in ast.walk(s)):  # decorators aside
            helper = fn.__globals__.get(n.func.id) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name) else None
            home = getattr(helper, "__module__", "").partition(".")[0] == fn.__module__.partition(".")[0]
            if isinstance(helper, FunctionType) and home and not hasattr(helper, "card") and helper not in known:
                known.add(helper)
                found[helper.__name__] = helper
                todo.append(helper)
    return list(found.values())


def _returns(body: list[ast.stmt]) -> ast.expr | None:
    """The value of a body that does nothing but return one. · 只返回一个值的语句块。"""
    body = [s for s in body if not _silent(s)]
    if len(body) == 1 and isinstance(body[0], ast.Return):
        return body[0].value
    if len(body) in (1, 2) and isinstance(body[0], ast.If):
        value, other = _returns(body[0].body), _returns(body[0].orelse or body[1:])
        if value is not None and other is not None:
            return ast.copy_location(ast.IfExp(body[0].test, value, other), body[0])
    return None


def _silent(s: ast.stmt) -> bool:
    """Docstrings, checks of arguments and imports hold no mathematics. · 不含数学的语句。"""
    match s:
        case ast.Expr(value=ast.Constant()) | ast.Pass() | ast.Raise() | ast.Assert() | ast.Import() | ast.ImportFrom():
            return True
        case ast.If(body=body, orelse=orelse):
            return all(map(_silent, body)) and all(map(_silent, orelse))
    return False


def needed(conditions: tuple[Node, ...]) -> tuple[Node, ...]:
    """Without what another condition implies: where a = 2 it need not be said that a ≠ 1. · 去掉多余的条件。

    >>> a, (one, two) = Sym("a"), (Num(1), Num(2))
    >>> needed((Not(Rel(a, (("==", one),))), Rel(a, (("==", two),)))) == (Rel(a, (("==", two),)),)
    True
    """
    values = {c.first: c.rest[0][1] for c in conditions if isinstance(c, Rel) and c.rest[0][0] == "=="}

    def implied(c: Node) -> bool:
        match c:
            case Not(of=Rel(first=a, rest=(("==", Str() | Num() as other),))):
                return isinstance(values.get(a), Str | Num) and values[a] != other
        return False

    return tuple(c for c in conditions if not implied(c))


class Lines:
    """Walks through a function's body. · 遍历函数体。"""

    def __init__(self, fn: Callable, scalars: Collection[str], result: tuple[str, ...]):
        self.tree, self.start = source(fn)
        known = parameters(self.tree)
        scope = inspect.unwrap(fn).__globals__
        numbers = {n for n, v in scope.items() if isinstance(v, int | float)}
        self.reader = Reader((SCALARS & set(known)) | numeric(fn) | set(scalars) | numbers, scope, names(fn))
        self.given, self.result = set(known), result
        self.name = fn.__name__

    def equation(self, s: ast.AST, left: Node | None, right: Node, sign: Any = "=", **where: Any) -> Equation:
        code = ast.unparse(s).splitlines()[0]
        where["conditions"] = needed(where.get("conditions", ()))
        return Equation(self.start + getattr(s, "lineno", 1) - 1, code, left, right, sign, **where)

    def body(self, body: list[ast.stmt], **where: Any) -> Iterator[Equation]:
        body = [s for s in body if not _silent(s)]
        for i, s in enumerate(body):
            whole = _returns(body[i:])
            if whole is not None:
                yield from self.returned(s, whole, **where)
                return
            before = set(self.given)
            yield from self.statement(s, **where)
            if isinstance(s, ast.If) and not s.orelse and isinstance(s.body[-1], ast.Return):
                self.given = before  # what follows has not seen that branch
                where["conditions"] = (*where.get("conditions", ()), Not(self.reader.test(s.test)))

    def statement(self, s: ast.stmt, **where: Any) -> Iterator[Equation]:
        match s:
            case ast.Assign(targets=[target], value=value):
                yield from self.assigned(s, target, self.reader.read(value), **where)
            case ast.AnnAssign(target=target, value=ast.expr() as value):
                yield from self.assigned(s, target, self.reader.read(value), **where)
            case ast.AugAssign(target=target, op=op, value=value):
                whole = ast.copy_location(ast.BinOp(target, op, value), s)
                yield from self.assigned(s, target, self.reader.read(whole), **where)
            case ast.Return(value=ast.expr() as value):
                yield from self.returned(s, value, **where)
            case ast.If():
                yield from self.guarded(s, **where)
            case ast.For(target=target, iter=source, body=body, orelse=[]):
                bound = self.reader.bind(target, source)
                yield self.equation(s, None, bound, **where)
                self.given |= stored(target)
                yield from self.body(body, **{**where, "depth": where.get("depth", 0) + 1})
            case ast.With(body=body):
                yield from self.body(body, **where)
            case ast.Expr(value=ast.Call() as call):
                yield self.equation(s, None, self.reader.read(call), **where)
            case ast.Expr(value=ast.Yield(value=ast.expr() as value)):
                yield self.equation(s, self.itself(), self.reader.read(value), "∋", **where)
            case ast.FunctionDef():
                inner = Lines.__new__(Lines)
                inner.tree, inner.start, inner.reader, inner.name = s, self.start, self.reader, s.name
                inner.given, inner.result = self.given | set(parameters(s)), ()
                yield from inner.body(s.body, **{**where, "depth": where.get("depth", 0) + 1})
            case _:
                raise self.reader.fail(s, f"{type(s).__name__} has no mathematical reading")

    def guarded(self, s: ast.If, **where: Any) -> Iterator[Equation]:
        """Both branches give one name: cases. Otherwise each line under its condition. · 条件语句。"""
        match s:
            case ast.If(
                body=[ast.Assign(targets=[ast.Name(id=a) as target], value=x)],
                orelse=[ast.Assign(targets=[ast.Name(id=b)], value=y)],
            ) if a == b:
                value = piecewise(self.reader.test(s.test), self.reader.read(x), self.reader.read(y))
                yield from self.assigned(s, target, value, **where)
                return
        test, outer = self.reader.test(s.test), where.get("conditions", ())
        before = set(self.given)
        yield from self.body(s.body, **{**where, "conditions": (*outer, test)})
        after, self.given = self.given, before
        yield from self.body(s.orelse, **{**where, "conditions": (*outer, Not(test))})
        self.given |= after

    def assigned(self, s: ast.AST, target: ast.expr, value: Node, **where: Any) -> Iterator[Equation]:
        names = stored(target)
        left = self.reader.read(target)  # before the target's kind may change
        anew = bool(names & self.given) or isinstance(target, ast.Subscript)
        self.given |= names
        pairs = [(left, value)]
        if isinstance(left, Group) and isinstance(value, Group) and len(left.items) == len(value.items):
            pairs = list(zip(left.items, value.items, strict=True))
        for name, part in pairs:
            number = sizes(part) if isinstance(name, Group) else is_scalar(part)
            for sym in name.items if isinstance(name, Group) else (name,):
                if isinstance(sym, Sym):
                    (self.reader.scalars.add if number else self.reader.scalars.discard)(sym.name)
        if left != value:  # a change of number format alone is no mathematics
            yield self.equation(s, left, value, "←" if anew else "=", **where)

    def returned(self, s: ast.AST, value: ast.expr, **where: Any) -> Iterator[Equation]:
        node = self.reader.read(value)
        parts = node.items if isinstance(node, Group) and node.kind == "tuple" else (node,)
        if self.result and len(parts) == len(self.result):
            for name, part in zip(self.result, parts, strict=True):
                if part != Sym(name, name in self.reader.scalars) or where.get("conditions"):
                    yield self.equation(s, Sym(name), part, "←" if name in self.given else "=", **where)
        elif self.result:
            yield self.equation(s, Group("tuple", tuple(map(Sym, self.result))), node, **where)
        else:
            yield self.equation(s, self.itself(), node, **where)

    def itself(self) -> Node | None:
        """The function applied to its parameters; a rule has no name. · 函数自身。"""
        return Call(self.name, tuple(Sym(p) for p in parameters(self.tree))) if self.name != "_" else None


def lines(fn: Callable, scalars: Collection[str] = (), result: tuple[str, ...] = ()) -> list[Equation]:
    """The equations of a function, in order. · 函数的全部等式。"""
    walk = Lines(fn, scalars, result)
    return list(walk.body(walk.tree.body))
