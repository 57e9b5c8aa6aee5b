"""Small mistakes put into a function, one at a time: in signs, factors, transposes, sums, constants, branches.

A mutant is the function compiled again from its changed syntax tree, in a copy of its own globals. The helpers of the
library that a rule calls are mutated too; then everything between the rule and the helper is bound anew.
"""

import ast
import copy
import inspect
import textwrap
from collections import Counter
from collections.abc import Callable, Iterator
from types import CodeType, FunctionType

import torch
from torch import Tensor

from chainrule.formula import Card
from chainrule.proof.differences import cotangents
from chainrule.proof.formulas import Case, floats, tensors

from .registry import EDGES

SWAPS = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.And: ast.Or, ast.Or: ast.And}
NEGATED = {ast.Lt: ast.GtE, ast.LtE: ast.Gt, ast.Gt: ast.LtE, ast.GtE: ast.Lt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq}
BOUNDARY = {ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt}  # told apart only at the kink itself
NEGATED |= {ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In}
# float64 values are the same without these: the proof judges what they are for (dtype, memory, second order)
NEUTRAL = {"contiguous", "detach", "clone", "to", "type_as", "double", "float", "promote_types"}


def of_operator(node: ast.BinOp) -> list[ast.expr]:
    found: list[ast.expr] = []
    if type(node.op) in SWAPS:
        found = [ast.BinOp(node.left, SWAPS[type(node.op)](), node.right), node.left]
        if isinstance(node.op, ast.Add | ast.Mult):
            found.append(node.right)
    if isinstance(node.op, ast.MatMult):
        found = [ast.BinOp(node.right, node.op, node.left)]
    if isinstance(node.op, ast.Pow | ast.FloorDiv | ast.Mod):
        found = [node.left]
    return found


def of_call(node: ast.Call) -> list[ast.expr]:
    """Without the call: what it was called on, or its first argument; a sum is a mean; branches change places."""
    name = getattr(node.func, "attr", getattr(node.func, "id", ""))
    if name in NEUTRAL:
        return []
    module = isinstance(node.func, ast.Attribute) and getattr(node.func.value, "id", "") in ("torch", "F", "math")
    found: list[ast.expr] = []
    if isinstance(node.func, ast.Attribute) and not module:
        found = [node.func.value]
    elif node.args and not isinstance(node.args[0], ast.Starred):
        found = [node.args[0]]
    if isinstance(node.func, ast.Attribute) and name in ("sum", "mean"):
        other = ast.Attribute(node.func.value, "mean" if name == "sum" else "sum", ast.Load())
        found.append(ast.Call(other, node.args, node.keywords))
    if name == "where" and len(node.args) == 3:
        condition, yes, no = node.args
        found.append(ast.Call(node.func, [condition, no, yes], node.keywords))
    return found


def alternatives(node: ast.AST) -> list[ast.AST]:
    """What a slip of the pen could have made of one node."""
    match node:
        case ast.BinOp():
            return of_operator(node)
        case ast.Call():
            return of_call(node)
        case ast.UnaryOp(op=ast.USub() | ast.Not() | ast.Invert()):
            return [node.operand]
        case ast.Constant(value=bool()):
            return [ast.Constant(not node.value)]
        case ast.Constant(value=int() | float()):
            return [ast.Constant(node.value + 1), ast.Constant(node.value - 1)]
        case ast.Compare(ops=[op]) if type(op) in NEGATED:
            others = [table[type(op)]() for table in (NEGATED, BOUNDARY) if type(op) in table]
            return [ast.Compare(node.left, [other], node.comparators) for other in others]
        case ast.IfExp():
            return [ast.IfExp(node.test, node.orelse, node.body)]
        case ast.If() if not isinstance(node.test, ast.Compare):
            return [ast.If(ast.UnaryOp(ast.Not(), node.test), node.body, node.orelse)]
        case ast.BoolOp():
            return [ast.BoolOp(SWAPS[type(node.op)](), node.values)]
        case ast.Attribute(attr="mT" | "T" | "H"):
            return [node.value]
        case ast.Return(value=ast.Tuple() as whole):
            parts = whole.elts
            turned = [(k, p) for k, p in enumerate(parts) if not isinstance(p, ast.Constant)]
            signs = [[*parts[:k], ast.UnaryOp(ast.USub(), p), *parts[k + 1 :]] for k, p in turned]
            return [ast.Return(ast.Tuple(changed, ast.Load())) for changed in signs]
        case ast.Return(value=ast.expr() as value):
            return [ast.Return(ast.UnaryOp(ast.USub(), value))]
    return []


def places(body: list[ast.stmt]) -> Iterator[ast.AST]:
    """Every node of a body in a fixed order, except refusals: tests of bad input judge those."""
    todo: list[ast.AST] = list(reversed(body))
    while todo:
        node = todo.pop()
        refusal = isinstance(node, ast.Raise) or (isinstance(node, ast.If) and isinstance(node.body[0], ast.Raise))
        if not refusal and not (isinstance(node, ast.keyword) and node.arg == "strict"):
            yield node
            todo.extend(reversed(list(ast.iter_child_nodes(node))))


class Put(ast.NodeTransformer):
    def __init__(self, old: ast.AST, new: ast.AST):
        self.old, self.new = old, new

    def visit(self, node: ast.AST) -> ast.AST:
        return self.new if node is self.old else self.generic_visit(node)


def definition(fn: Callable) -> ast.FunctionDef:
    tree = ast.parse(textwrap.dedent(inspect.getsource(fn))).body[0]
    assert isinstance(tree, ast.FunctionDef), f"{fn}: a rule is written with def, so that it can be read and mutated"
    tree.decorator_list = []
    return tree


def mutants(fn: Callable) -> Iterator[tuple[str, FunctionType]]:
    """Every mutant of a function, with what was changed; the same change at a second place is called #2."""
    whole, seen = definition(fn), Counter()
    scope = fn.__globals__ | inspect.getclosurevars(fn).nonlocals
    for n, original in enumerate(places(whole.body)):
        for k in range(len(alternatives(original))):
            tree = copy.deepcopy(whole)
            node = list(places(tree.body))[n]
            before = ast.unparse(node)
            new = alternatives(node)[k]
            what = f"{before} → {ast.unparse(new)}".replace("\n", "; ")
            changed = ast.fix_missing_locations(Put(node, new).visit(tree))
            space = dict(scope)
            try:
                exec(compile(ast.Module([changed], []), f"<mutant of {fn.__name__}>", "exec"), space)
            except SyntaxError:  # a list without its brackets around a star is no program
                continue
            seen[what] += 1
            yield what + (f" #{seen[what]}" if seen[what] > 1 else ""), space[whole.name]


def names_in(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from names_in(constant)


def helpers(fn: Callable) -> dict[str, FunctionType]:
    """The library's own plain functions that a function calls by name; formulas are proven for themselves."""
    scope = {name: fn.__globals__.get(name) for name in names_in(fn.__code__)}
    return {
        name: f
        for name, f in scope.items()
        if isinstance(f, FunctionType) and f.__module__.startswith("chainrule.") and not hasattr(f, "card")
    }


def reach(fn: Callable) -> set[FunctionType]:
    """All helpers, and the helpers of helpers."""
    found, todo = set(), [fn]
    while todo:
        for helper in helpers(todo.pop()).values():
            if helper not in found:
                found.add(helper)
                todo.append(helper)
    return found


def rebound(fn: Callable, old: FunctionType, new: FunctionType) -> Callable:
    """The function as it would be if it, and all that it calls, called `new` in place of `old`."""
    if fn is old:
        return new
    if old not in reach(fn):
        return fn
    space = dict(fn.__globals__) | {name: rebound(helper, old, new) for name, helper in helpers(fn).items()}
    twin = FunctionType(fn.__code__, space, fn.__name__, fn.__defaults__, fn.__closure__)
    twin.__kwdefaults__ = fn.__kwdefaults__
    return twin


World = tuple[list, list[tuple[int, Tensor]]]  # what a function is given, and by position what it has to return


class Judge:
    """A function of a formula at all its samples and edges: does a changed one give itself away?"""

    def __init__(self, fn: Callable, worlds: list[World]):
        self.fn, self.worlds = fn, worlds

    def notices(self, changed: Callable) -> bool:
        return any(not self.same(changed, given, right) for given, right in self.worlds)

    @staticmethod
    def same(changed: Callable, given: list, right: list[tuple[int, Tensor]]) -> bool:
        try:
            got = tensors(changed(*given))
            return all(
                isinstance(got[k], Tensor)
                and got[k].shape == r.shape
                and torch.allclose(got[k].to(r), r, rtol=1e-9, atol=1e-12)
                for k, r in right
            )
        except Exception:  # a mutant that cannot run is noticed by whoever calls it
            return False


def cases_of(card: Card) -> list[Case]:
    torch.manual_seed(0)
    drawn = list(card.samples()) if card.samples else []
    return [Case(card, args) for args in (*drawn, *EDGES.get(card.name, []))]


def of_forward(card: Card) -> Judge:
    worlds: list[World] = []
    for case in cases_of(card):
        given = [a.detach() if isinstance(a, Tensor) else a for a in case.args]
        worlds.append((given, list(enumerate(tensors(card.fn(*given))))))
    return Judge(card.fn, worlds)


def of_rule(card: Card, at: int) -> Judge:
    (wrt, rule), (_, _, reads) = card.rules[at], card.plans[at]
    worlds: list[World] = []
    for case in cases_of(card):
        inputs = case.fresh()
        outs = tuple(o.detach() for o in tensors(card.fn(*inputs)))
        drawn = iter(cotangents(floats(outs)))
        δ = [next(drawn) if o.is_floating_point() else torch.zeros_like(o) for o in outs]
        every = [a.detach() if isinstance(a, Tensor) else a for a in (*inputs, *outs)]
        given = [δ[i] if is_delta else every[i] for is_delta, i in reads]
        asked = [k for k, w in enumerate(wrt) if card.inputs.index(w) in case.wanted]
        if asked:
            right = tensors(rule(*given))
            worlds.append((given, [(k, right[k]) for k in asked]))
    return Judge(rule, worlds)


def callers(helper: FunctionType, cards: list[Card]) -> list[Judge]:
    """Every rule and every forward text that calls a helper."""
    found = [of_rule(card, at) for card in cards for at, (_, rule) in enumerate(card.rules) if helper in reach(rule)]
    return found + [of_forward(card) for card in cards if helper in reach(card.fn)]


def owner(card: Card, wrt: tuple[str, ...]) -> str:
    return f"{card.name}: {', '.join(wrt)}"


def survivors_of_rules(card: Card) -> tuple[set[tuple[str, str]], int]:
    """The mutants of a formula's own rules that no sample notices, and how many mutants there were."""
    alive, count = set(), 0
    for at, (wrt, rule) in enumerate(card.rules):
        judge = of_rule(card, at)
        for what, mutant in mutants(rule):
            count += 1
            if not judge.notices(mutant):
                alive.add((owner(card, wrt), what))
    return alive, count


def survivors_of_helper(helper: FunctionType, judges: list[Judge]) -> tuple[set[tuple[str, str]], int]:
    """The mutants of a helper that none of its callers notices, on no sample."""
    alive, count = set(), 0
    for what, mutant in mutants(helper):
        count += 1
        if not any(judge.notices(rebound(judge.fn, helper, mutant)) for judge in judges):
            alive.add((helper.__name__, what))
    return alive, count
