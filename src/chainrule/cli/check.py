"""`chainrule check`: the proof of formulas, or of a module of one's own. · 证明。"""

import ast
import warnings
from importlib import import_module
from typing import Any

import click

from ..errors import UserError
from .complete import check_formulas, formula_rooms, formulas
from .show import say, shown, table

SHOWN = ("finite differences", "second order", "twin", "kernels", "compile", "vmap")
DTYPES = ("float64", "float32", "int64", "bool")


def read_input(text: str) -> tuple[tuple[int, ...], str]:
    """SHAPE[:dtype[<bound]], like 2x3x8x8:float32 or 2,3:int64<10. · 读取输入的形状与类型。

    >>> read_input("2x3:int64<10"), read_input("4,")
    (((2, 3), 'int64<10'), ((4,), 'float64'))
    """
    shape, _, dtype = text.partition(":")
    kind, less, bound = dtype.partition("<")
    parts = [part.strip() for part in shape.replace("×", ",").replace("x", ",").split(",")]
    parts = parts[:-1] if parts[-1] == "" else parts
    if not all(part.isascii() and part.isdigit() for part in parts):
        raise UserError(f"--input {text!r}: expected SHAPE[:dtype], like 2x3x8x8 or 2,5:int64")
    if dtype and kind not in DTYPES:
        raise UserError(f"--input {text!r}: unknown dtype {kind!r}; expected one of {', '.join(DTYPES)}")
    if less and not (kind == "int64" and bound.isascii() and bound.isdigit() and int(bound)):
        raise UserError(f"--input {text!r}: a bound belongs to whole numbers and is at least 1, like 2,5:int64<10")
    return tuple(int(part) for part in parts), dtype or "float64"


def read_args(text: str) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Constructor arguments, literals only: '3, 4, bias=False'. · 构造参数（仅字面量）。

    >>> read_args("3, (4, 5), bias=False")
    ((3, (4, 5)), {'bias': False})
    """
    try:
        call = ast.parse(f"f({text})", mode="eval").body
        if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Name)):
            raise ValueError
        if any(keyword.arg is None for keyword in call.keywords):
            raise ValueError
        named = {str(keyword.arg): ast.literal_eval(keyword.value) for keyword in call.keywords}
        return tuple(ast.literal_eval(arg) for arg in call.args), named
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        raise UserError(f"--args {text!r}: expected literals, like --args '3, 4, bias=False'") from None


@click.command()
@click.argument("names", nargs=-1, metavar="[NAME]...", shell_complete=formulas)
@click.option("--fast", is_flag=True, help="Trace with a cheap backend in place of the real compiler.")
@click.option("--args", "arguments", default="", help="Constructor arguments of your own module: '3, 4, bias=False'.")
@click.option(
    "--input",
    "inputs",
    multiple=True,
    metavar="SHAPE[:dtype]",
    help="One for each forward argument, like 2x5:int64<10.",
)
def check(names: tuple[str, ...], fast: bool, arguments: str, inputs: tuple[str, ...]) -> int:
    """Prove formulas by NAME, all of them without one, or your own package.module:Class. · 证明公式或自己的模块。

    \b
    chainrule check linear conv2d
    chainrule check mynet:Net --args "10, width=4" --input 2x3x8x8
    """
    own = [name for name in names if ":" in name]
    if not own:
        if arguments or inputs:
            raise UserError("--args and --input belong to a module of your own: chainrule check package.module:Class")
        return _check_formulas(names, fast)
    if len(names) > 1:
        raise UserError(f"{own[0]}: a module of your own is checked alone, and {len(names)} names were given")
    if not inputs:
        raise UserError(f"{own[0]}: expected --input SHAPE[:dtype] for each argument of its forward, like --input 2x3")
    return _check_own(own[0], read_args(arguments), [read_input(text) for text in inputs], fast)


def _check_formulas(names: tuple[str, ...], fast: bool) -> int:
    check_formulas(names)
    rooms = formula_rooms()
    for room in {rooms[name]: None for name in names or rooms}:
        import_module(room)
    from ..formula import REGISTRY
    from ..proof import prove

    failed, rows, wanted = [], [], list(names or rooms)
    for name in shown(wanted, "proving"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # torch's notes on its own twins would stand above the table
            found = prove(REGISTRY[name], "aot_eager" if fast else "inductor")
        failed += _wrong(name, found)
        samples = len({f.sample for f in found if f.sample is not None})
        worst = [_worst(found, check) for check in SHOWN]
        rows.append([name, "WRONG" if _wrong(name, found) else "proven", samples, len(_done(found)), *worst])
    used = [i for i in range(len(rows[0])) if any(row[i] != "" for row in rows)]  # no column for kernels without one
    heads = ["formula", "proof", ">samples", ">checks", *[f">{check}" for check in SHOWN]]
    table([heads[i] for i in used], [[row[i] for i in used] for row in rows])
    return _verdict(failed, f"{len(rows)} proven: the worst error of each check stands in its column")


def _check_own(name: str, arguments: tuple[tuple[Any, ...], dict[str, Any]], inputs: list, fast: bool) -> int:
    from ..catalog import own_class
    from ..proof.modules import build, check_module, drawn

    module = build(own_class(name), *arguments)
    given = [drawn(shape, dtype, seed) for seed, (shape, dtype) in enumerate(inputs)]
    found = check_module(module, given, "aot_eager" if fast else "inductor")
    rows = [[f.check, "proven" if f.ok else "WRONG", _number(f.worst), f.note] for f in found]
    table(["check", "result", ">worst error", "note"], rows)
    return _verdict(_wrong(name, found), f"{name} is proven")


def _done(found: list[Any]) -> set[str]:
    """The checks that ran: one that does not apply has no worst error and still is fine."""
    return {f.check for f in found if f.worst is not None or not f.ok}


def _wrong(name: str, found: list[Any]) -> list[str]:
    of = {f: f" (sample {f.sample})" if f.sample is not None else "" for f in found}
    return [f"{name}: {f.check}{of[f]}: {f.note}" for f in found if not f.ok]


def _worst(found: list[Any], check: str) -> str:
    return _number(max((f.worst for f in found if f.check == check and f.worst is not None), default=None))


def _number(worst: float | None) -> str:
    return "" if worst is None else f"{worst:.0e}"


def _verdict(failed: list[str], fine: str) -> int:
    for line in failed:
        say(line, style="red")
    if not failed:
        say(fine, style="green")
    return 1 if failed else 0
