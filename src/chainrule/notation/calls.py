"""What torch's functions and methods mean. · torch 的函数与方法的数学含义。

`x.sum(0)`, `torch.sum(x, 0)` and `sum(x, dim=0)` are one thing: a name, the tensor first, the axes set apart.
"""

from collections.abc import Callable
from functools import partial

from .tree import (
    Big,
    Call,
    Cases,
    Const,
    Each,
    Family,
    Fence,
    Frac,
    Group,
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
    Str,
    Sum,
    Sym,
    Transpose,
    is_scalar,
    walk,
)

Args = tuple[Node, ...]
ONE = Num(1)


def times(left: Node, right: Node) -> Node:
    """A product by `*`: ⊙ unless one factor is surely a number; a leading minus moves to the front. · 乘法。"""
    if isinstance(left, Neg):
        return Neg(times(left.of, right))
    if isinstance(left, Group):  # a list, again and again
        return Call("repeat", (left, right))
    return Prod(left, "scale" if is_scalar(left) or is_scalar(right) else "hadamard", right)


def over(left: Node, right: Node) -> Node:
    """A quotient; a leading minus moves to the front. · 除法。"""
    return Neg(over(left.of, right)) if isinstance(left, Neg) else Frac(left, right)


def piecewise(test: Node, body: Node, otherwise: Node) -> Node:
    """if / else as cases; what follows an `else` joins the list. · 分段定义。"""
    rest = otherwise.pieces if isinstance(otherwise, Cases) else ()
    return Cases(((body, test), *rest), otherwise.otherwise if isinstance(otherwise, Cases) else otherwise)


# Where the dimension stands among the arguments, the tensor being number 0.
_FIRST = """sum mean prod amax amin max min argmax argmin softmax log_softmax logsumexp cumsum cumprod gather
scatter_add scatter index_add index_select index_copy flatten unsqueeze squeeze cat stack concat std var all any flip
sort unbind count_nonzero take_along_dim"""
_SHORT: dict[str, str] = {"amax": "max", "amin": "min"}
REDUCTIONS = frozenset({"sum", "mean", "prod", "amax", "amin", "max", "min"})
_SECOND = "chunk split topk roll vector_norm repeat_interleave"
AXIS: dict[str, int] = {**dict.fromkeys(_FIRST.split(), 1), **dict.fromkeys(_SECOND.split(), 2)}
# Number formats, memory and broadcasting: not mathematics.
_QUIET = "to float double half bfloat16 long int bool type type_as contiguous clone expand_as"
QUIET = frozenset(_QUIET.split())
QUIET_OPTIONS = frozenset(
    {"keepdim", "dtype", "device", "memory_format", "non_blocking", "copy", "strict", "enable_gqa"}
)
SHAPERS = frozenset({"reshape", "view", "permute", "expand", "repeat", "unflatten", "transpose", "swapaxes", "movedim"})


def _exp(x: Node) -> Node:
    """e to the power where the exponent is short, exp(…) where it is not. · 短指数写作幂。"""
    tall = any(isinstance(n, Frac | Cases | Call | Big | Root) for n in walk(x)) or len(walk(x)) > 8
    return Call("exp", (x,)) if tall else Pow(Const("e"), x)


def _clamp(x: Node, low: Node | None = None, high: Node | None = None) -> Node:
    x = Call("max", (x, low)) if low not in (None, Const("none")) else x
    return Call("min", (x, high)) if high not in (None, Const("none")) else x


def _sizes(x: Node, k: Node | None = None) -> Node:
    return Call("size", (x,), (k,)) if k is not None else Call("shape", (x,))


def _transpose(x: Node, *axes: Node) -> Node:
    if axes in ((Neg(ONE), Neg(Num(2))), (Neg(Num(2)), Neg(ONE)), ()):
        return Transpose(x)
    return Call("transpose", (x,), axes)


def _norm(x: Node, *rest: Node) -> Node:
    return Call("norm", (x, *rest)) if rest else Fence("norm", x)


_COMPARE = {"eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}


def _compare(op: str, a: Node, b: Node) -> Node:
    return Rel(a, ((op, b),))


# Fixed arity: the arguments in, the meaning out.
MEANINGS: dict[str, Callable[..., Node]] = {
    "sqrt": Root,
    "rsqrt": lambda x: Frac(ONE, Root(x)),
    "exp": _exp,
    "expm1": lambda x: Sum(_exp(x), "-", ONE),
    "log1p": lambda x: Call("log", (Sum(ONE, "-", x.of) if isinstance(x, Neg) else Sum(ONE, "+", x),)),
    "abs": lambda x: Fence("abs", x),
    "len": lambda x: Fence("len", x),
    "floor": lambda x: Fence("floor", x),
    "ceil": lambda x: Fence("ceil", x),
    "square": lambda x: Pow(x, Num(2)),
    "reciprocal": lambda x: Frac(ONE, x),
    "pow": Pow,
    "neg": Neg,
    "negative": Neg,
    "add": lambda a, b: Sum(a, "+", b),
    "sub": lambda a, b: Sum(a, "-", b),
    "mul": times,
    "div": over,
    "matmul": lambda a, b: Prod(a, "matrix", b),
    "mm": lambda a, b: Prod(a, "matrix", b),
    "bmm": lambda a, b: Prod(a, "matrix", b),
    "t": Transpose,
    "transpose": _transpose,
    "swapaxes": _transpose,
    "clamp": _clamp,
    "clamp_min": _clamp,
    "clamp_max": lambda x, high: _clamp(x, None, high),
    "maximum": lambda a, b: Call("max", (a, b)),
    "minimum": lambda a, b: Call("min", (a, b)),
    "where": piecewise,
    "masked_fill": lambda x, mask, value: piecewise(mask, value, x),
    "size": _sizes,
    "norm": _norm,
    "zeros_like": lambda x: Const("0"),
    "ones_like": lambda x: Const("1"),
    "full_like": lambda x, v: v,
    "tensor": lambda v: v,
    "as_tensor": lambda v: v,
    "new_tensor": lambda x, v: v,
    "new_zeros": lambda x, *shape: Call("zeros", shape),
    "new_ones": lambda x, *shape: Call("ones", shape),
    "logical_not": Not,
    "logical_and": lambda a, b: Logic("and", (a, b)),
    "logical_or": lambda a, b: Logic("or", (a, b)),
}
MEANINGS |= {name: partial(_compare, op) for name, op in _COMPARE.items()}
_OPTIONS = {"min": "low", "max": "high", "low": "low", "high": "high"}


def _axes(args: Args) -> Args:
    return tuple(i for a in args for i in (a.items if isinstance(a, Group) else (a,)))


def _is_axis(node: Node) -> bool:
    """What stands where an axis may stand, but also a second tensor may: max(x, 0), max(x, y). · 轴还是张量。"""
    node = node.of if isinstance(node, Neg) else node
    return isinstance(node, Num | Group) or (isinstance(node, Sym) and (node.scalar or node.name.startswith("dim")))


def _along(name: str, args: Args, named: dict[str, Node]) -> Node:
    """An operator that works along axes: they become its subscript. · 沿轴的算子。"""
    at, named = AXIS[name], dict(named)
    axis = named.pop("dim", named.pop("axis", None))
    axes, rest = (() if axis is None else (axis,)), args[1:]
    if axis is None and len(args) > at and (name not in ("max", "min") or _is_axis(args[at])):
        axes, after = (args[at:], ()) if name == "flatten" else (args[at : at + 1], args[at + 1 :])
        rest = (*args[1:at], *(() if name in REDUCTIONS else after))  # what follows there is keepdim
    extra, axes = (*rest, *(Named(k, v) for k, v in named.items())), _axes(axes)
    if name in ("sum", "prod") and not extra:
        family = args[0] if isinstance(args[0], Family) and not axes else None
        return Big(name, family.binders, family.body) if family else Big(name, axes, args[0])
    return Call(_SHORT.get(name, name), (args[0], *extra), axes)


def _fixed(name: str, args: Args) -> Node:
    try:
        return MEANINGS[name](*args)
    except TypeError:
        raise NotMathematics(f"{name} with {len(args)} arguments has no mathematical reading") from None


def meaning(name: str, args: Args, named: dict[str, Node], origin: str = "torch") -> Node:
    """The meaning of one call, the tensor first among the arguments. · 一次调用的含义。

    origin  "torch" (a function), "method" or "builtin" (Python's max and min know no axes)

    >>> meaning("rsqrt", (Sym("x"),), {}, "method")
    Frac(top=Num(value=1), bottom=Root(of=Sym(name='x', scalar=False)))
    """
    named = {k: v for k, v in named.items() if k not in QUIET_OPTIONS}
    if origin == "method" and name in QUIET:
        return args[0]
    if origin == "method" and name == "where":
        args = (args[1], args[0], *args[2:])
    if name == "float" and args in ((Str("inf"),), (Str("-inf"),)):
        return Const("∞") if args == (Str("inf"),) else Neg(Const("∞"))
    if name in ("clamp", "clip") and args:
        return _clamp(*args, **{_OPTIONS[k]: v for k, v in named.items() if k in _OPTIONS})
    if name in MEANINGS and not named and not any(isinstance(a, Each) for a in args):
        return _fixed(name, args)
    if origin == "builtin" and name == "slice" and len(args) == 1:
        return Slice(None, None if args[0] == Const("none") else args[0], None)
    if origin == "builtin" and name in ("max", "min"):
        return Call(name, args)
    if name in AXIS and args:
        return _along(name, args, named)
    if name in SHAPERS and args:
        args = (args[0], *_axes(args[1:]))
    return Call(name, (*args, *(Named(k, v) for k, v in named.items())))
