"""A formula, optimizer or schedule as one dictionary: what terminal, JSON and picture show. · 公式的数据表。

schema 1: name, kind, en, zh, source, room, file, inputs, outputs, defaults, autocast, gears, auto, kernels, samples,
sections [kind, names, function, file, line, code [line, text], equations [line, code, latex, text, mathtext]],
legend [symbol, meaning].
"""

import ast
import inspect
import re
from collections.abc import Callable, Mapping
from importlib import import_module, util
from pathlib import Path
from types import ModuleType
from typing import Any

import click
from click.shell_completion import CompletionItem

from ..catalog import OPTIMIZERS, SCHEDULES, WRAPPERS
from ..errors import UserError
from .complete import formula_rooms, nearest

SCHEMA = 1
CHINESE = re.compile("[\u4e00-\u9fff]")


def split_doc(doc: str) -> tuple[str, str]:
    """The first line of a docstring: English, Chinese. · 文档首行的中英文。

    >>> split_doc("Affine map. · 仿射变换。")
    ('Affine map.', '仿射变换。')
    >>> split_doc("z · Φ(z). · 门。")
    ('z · Φ(z).', '门。')
    """
    parts = doc.strip().partition("\n")[0].split(" · ")
    # a product in the English half has the same dot: what follows the last dot before any Chinese is the other half
    at = max((i for i in range(1, len(parts)) if not CHINESE.search(" · ".join(parts[:i]))), default=len(parts))
    return " · ".join(parts[:at]).strip(), " · ".join(parts[at:]).strip()


def listing() -> dict[str, dict[str, tuple[str, str]]]:
    """Everything that has a sheet, by room, with its one-liners; read from the source text, without torch. · 目录。

    >>> listing()["nn.linear"]["linear"]
    ('Affine map.', '仿射变换。')
    """
    rooms: dict[str, dict[str, tuple[str, str]]] = {}
    for name, module in sorted(formula_rooms().items(), key=lambda pair: pair[::-1]):
        rooms.setdefault(module.removeprefix("chainrule."), {})[name] = ("", "")
    for room, names in rooms.items():
        path = Path(__file__).parents[1].joinpath(*room.split(".")).with_suffix(".py")
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef) and node.name in names:
                names[node.name] = split_doc(ast.get_docstring(node) or "")
    rooms["optim"] = {name: (entry.en, entry.zh) for name, entry in (OPTIMIZERS | WRAPPERS).items()}
    rooms["rates"] = {name: (entry.en, entry.zh) for name, entry in SCHEDULES.items()}
    return rooms


def complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The names that fit, each with its one-liner. · 名称补全。"""
    told = {name: en for names in listing().values() for name, (en, _) in names.items()}
    return [CompletionItem(name, help=en) for name, en in told.items() if name.startswith(incomplete)]


def find(name: str) -> Any:
    """The card of a name: a formula, an optimizer (in any case of letters) or a schedule. · 按名称取卡片。

    Raises `UserError` for an unknown name, before torch is imported.

    >>> find("Adam").name, find("cosine").name
    ('Adam', 'cosine')
    """
    rooms = formula_rooms()
    if name.lower() in rooms:
        return getattr(import_module(rooms[name.lower()]), name.lower()).card
    optimizers = OPTIMIZERS | WRAPPERS
    if name.lower() in optimizers:
        made = optimizers[name.lower()].load()
        return getattr(made, "rule", None) or made.card
    if name in SCHEDULES:
        from ..latex import Plain

        return Plain(SCHEDULES[name].load())
    known = [*rooms, *optimizers, *SCHEDULES]
    raise UserError(f"unknown formula {name!r}{nearest(name, known)}")


def code(fn: Callable) -> list[tuple[int, str]]:
    """The numbered lines of a function, without its docstring. · 函数源码（去文档）。"""
    lines, start = inspect.getsourcelines(inspect.unwrap(fn))
    tree = ast.parse(inspect.cleandoc("\n" + "".join(lines))).body[0]
    hidden: range = range(0)
    if isinstance(tree, ast.FunctionDef) and ast.get_docstring(tree) is not None:
        hidden = range(tree.body[0].lineno, (tree.body[0].end_lineno or 0) + 1)
    return [(start + i, line.rstrip()) for i, line in enumerate(lines) if i + 1 not in hidden]


def file_of(fn: Callable) -> str:
    """Where a function stands, seen from the folder of the package. · 相对包目录的文件路径。"""
    package = util.find_spec(fn.__module__.partition(".")[0])
    path = Path(inspect.getsourcefile(inspect.unwrap(fn)) or "")
    root = Path(package.origin).parents[1] if package and package.origin else path.parent
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.name


def _sample(args: tuple) -> list[Any]:
    import torch

    return [
        {"shape": list(a.shape), "dtype": str(a.dtype).removeprefix("torch.")} if isinstance(a, torch.Tensor) else a
        for a in args
    ]


def _gears(card: Any, kind: str) -> dict[str, Any]:
    """Which gears there are, and which one `auto` takes. · 有哪些档位，auto 取哪一个。"""
    if kind == "schedule":
        return {"gears": ["formula"], "auto": {"eager": "formula", "compiled": "formula"}, "kernels": []}
    if kind == "optimizer":
        gears = ["formula", *(["twin"] if card.parent else [])]
        return {"gears": gears, "auto": {"eager": gears[-1], "compiled": "formula"}, "kernels": []}
    kernels = [{"device": k.device, "dtypes": [str(d).removeprefix("torch.") for d in k.dtypes]} for k in card.kernels]
    eager = "twin" if card.twin else "formula"
    compiled = "formula" if card.compiled == "formula" else eager
    return {"gears": list(card.gears()), "auto": {"eager": eager, "compiled": compiled}, "kernels": kernels}


def _defaults(card: Any) -> Mapping[str, Any]:
    if isinstance(defaults := getattr(card, "defaults", None), Mapping):
        return {k: v for k, v in defaults.items() if k in card.reads or hasattr(card, "fns")}
    parameters = inspect.signature(card.fn).parameters.values()
    return {p.name: p.default for p in parameters if p.default is not p.empty}


def _source(card: Any) -> str:
    told = getattr(card, "source", "")
    if not told:
        line = next((s for s in card.doc.splitlines() if s.strip().startswith("source ")), "")
        told = line.strip().removeprefix("source").strip()
    return told


def describe(card: Any) -> dict[str, Any]:
    """The sheet of a card, ready for JSON. · 卡片的数据表。

    >>> sheet = describe(find("linear"))
    >>> sheet["kind"], sheet["auto"], sheet["sections"][1]["equations"][0]["text"]
    ('formula', {'eager': 'twin', 'compiled': 'formula'}, 'δx = δ W')
    """
    from ..latex import page

    shown = page(card)
    kind = {"forward": "formula", "update": "optimizer", "function": "schedule"}[shown.sections[0].kind]
    en, zh = split_doc(card.doc)
    draw = getattr(card, "samples", None)
    module: ModuleType = import_module(card.fn.__module__)
    return {
        "schema": SCHEMA,
        "name": card.name,
        "kind": kind,
        "en": en,
        "zh": zh,
        "source": _source(card),
        "room": module.__name__,
        "file": file_of(card.fn),
        "inputs": list(getattr(card, "inputs", None) or card.reads),
        "outputs": list(getattr(card, "outputs", None) or getattr(card, "writes", ())),
        "defaults": dict(_defaults(card)),
        "autocast": getattr(card, "autocast", None),
        **_gears(card, kind),
        "samples": [_sample(args) for args in draw()] if draw else [],
        "sections": [_section(s) for s in shown.sections],
        "legend": [{"symbol": symbol, "meaning": meaning} for symbol, meaning in shown.legend],
    }


def _section(section: Any) -> dict[str, Any]:
    numbered = code(section.fn)
    return {
        "kind": section.kind,
        "names": list(section.names),
        "function": section.fn.__name__,
        "file": file_of(section.fn),
        "line": numbered[0][0],
        "code": [{"line": line, "text": text} for line, text in numbered],
        "equations": [
            {"line": e.lineno, "code": e.code, "latex": e.latex, "text": e.text, "mathtext": e.mathtext}
            for e in section.lines
        ],
    }
