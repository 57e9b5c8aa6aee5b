"""Formulas, all or one, and the equations of any function. · 全部公式、单个公式，以及任意函数的公式。"""

import ast
import inspect
import linecache
import re
from collections.abc import Callable
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from chainrule.cli import sheet
from chainrule.latex import equations

from .markdown import link, math, plain, table
from .pages import text_of

HEADS = {
    "forward": "**forward · 前向**",
    "update": "**update · 更新**",
    "function": "**function · 函数**",
    "delta": "**delta of {names} · {names} 的 δ**",
    "helper": "{names}",
}


@cache
def by_room() -> dict[str, list[dict[str, Any]]]:
    rooms: dict[str, list[dict[str, Any]]] = {}
    for name in (name for names in sheet.listing().values() for name in names):
        told = sheet.describe(sheet.find(name))
        rooms.setdefault(told["room"], []).append(told)
    return rooms


def title_of(room: str) -> str:
    """The two names of a room, from the first line of its file. · 由文件首行得到中英文标题。"""
    first = (import_module(room).__doc__ or "").partition("\n")[0].replace("。", "")
    return " · ".join(half.strip().rstrip(".") for half in first.split(" · "))


def source(page: str, room: str, start: str, stop: str) -> str:
    """The text of a room from the formula `start` up to the line before `stop`. · 源码片段。"""
    text = Path(inspect.getfile(import_module(room))).read_text(encoding="utf-8")
    begin, end = text.index(f"@formula(twin=F.{start}"), text.index(stop)
    return f"```python\n{text[begin:end].strip()}\n```"


def contents(page: str, *_: str) -> str:
    """Every formula by room, each a link to its equations. · 按房间列出公式。"""
    up, chinese = ("docs/" if "README" in page else ""), "zh" in page
    heads = ["房间", "公式"] if chinese else ["room", "formulas"] if up else ["room · 房间", "formulas · 公式"]
    rows = []
    for room, sheets in by_room().items():
        halves = [re.split("[:：]", half)[0] for half in title_of(room).split(" · ")]
        name = halves[-1] if chinese else halves[0] if up else " · ".join(halves)
        rows.append([name, " ".join(f"[`{s['name']}`]({up}formulas.md#{s['name'].lower()})" for s in sheets)])
    return table(heads, rows)


def formulas(page: str, *_: str) -> str:
    """All equations of all formulas. · 全部公式。"""
    parts = []
    for room, sheets in by_room().items():
        about = (import_module(room).__doc__ or "").partition("\n")[2].strip()
        parts += [
            f"## {title_of(room)}",
            *([f"```text\n{about}\n```"] if about else []),
            *(one for told in sheets for one in formula(told)),
        ]
    return "\n\n".join(parts)


def formula(told: dict[str, Any]) -> list[str]:
    """One formula: what it is, its equations, its letters. · 一个公式。"""
    auto = told["auto"]
    facts = f"{plain(told['en'])} · {plain(told['zh'])}"
    gears = f"{', '.join(told['gears'])} (auto: {auto['eager']} eager, {auto['compiled']} compiled)"
    parts = [f"### `{told['name']}`", facts]
    parts.append(f"Source · 出处: {plain(told['source'])}<br>\nGears · 档位: {gears}")
    helpers = [s for s in told["sections"] if s["kind"] == "helper"]
    for section in told["sections"]:
        if section["kind"] != "helper":
            parts += equations_of(section)
    if helpers:
        parts.append(f"<details><summary>where · 其中：{', '.join(s['names'][0] for s in helpers)}</summary>")
        parts += [part for section in helpers for part in equations_of(section)]
        parts.append("</details>")
    letters = [[f"`{entry['symbol']}`", plain(entry["meaning"])] for entry in told["legend"]]
    return [*parts, table(["symbol · 符号", "meaning · 含义"], letters)]


def equations_of(section: dict[str, Any]) -> list[str]:
    names = ", ".join(f"`{name}`" for name in section["names"])
    head = HEADS[section["kind"]].format(names=names)
    return [f"{head} {link(section['file'], section['line'])}", math(e["latex"] for e in section["equations"])]


def rule(page: str, name: str) -> str:
    """One optimizer: what it is, its source, its equations with links to their lines, its letters. · 一个优化器。"""
    return "\n\n".join(formula(sheet.describe(sheet.find(name)))[1:])


def functions(page: str, room: str, *words: str) -> str:
    """The equations of functions of a room, as FUNCTION=RESULT,…, with links to their lines. · 函数的公式。"""
    module, rows, links = import_module(room), [], []
    for name, _, results in (word.partition("=") for word in words):
        fn = getattr(module, name)
        rows += [line.latex for line in equations(fn, result=tuple(results.split(",")))]
        links.append(f"`{name}` {link(sheet.file_of(fn), sheet.code(fn)[0][0])}")
    return f"{math(rows)}\n\n{', '.join(links)}"


def equations_here(page: str, *words: str) -> str:
    """The equations of functions of the page's own Python blocks, as FUNCTION=RESULT. · 本页代码块中函数的公式。"""
    text = text_of(page)
    blocks = [b for b in re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL) if ">>>" not in b]
    code = "\n".join(blocks)
    file = f"<{page}>"
    linecache.cache[file] = (len(code), None, code.splitlines(keepends=True), file)
    space: dict[str, Any] = {}
    exec(compile(ast.parse(code), file, "exec"), space)
    shown = [word.split("=") for word in words]
    return math(line.latex for name, result in shown for line in equations(space[name], result=(result,)))


PARTS: dict[str, Callable[..., str]] = {
    "source": source,
    "contents": contents,
    "formulas": formulas,
    "rule": rule,
    "functions": functions,
    "equations": equations_here,
}
