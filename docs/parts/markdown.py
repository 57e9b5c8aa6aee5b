"""Markdown as the pages have it: equations, tables, names, links. · 页面所用的 Markdown 写法。"""

import re
from collections.abc import Iterable
from typing import Any

GITHUB = {r"\operatorname*": r"\mathop", r"\operatorname": r"\mathrm"}  # this macro is refused there


def math(lines: Iterable[str]) -> str:
    """One fence of display mathematics. · 一段公式。"""
    rows = list(lines)
    for macro, instead in GITHUB.items():
        rows = [row.replace(macro + "{", instead + "{") for row in rows]
    body = rows[0] if len(rows) == 1 else "\\begin{aligned}\n& " + " \\\\\n& ".join(rows) + "\n\\end{aligned}"
    return f"```math\n{body}\n```"


def table(head: list[str], rows: Iterable[Iterable[Any]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell).replace("\n", " ") for cell in line) + " |" for line in lines)


def plain(text: str) -> str:
    """Text that Markdown shows as it is, code in backticks left alone. · 转义 Markdown 记号，代码除外。"""
    parts = re.split("(`[^`]+`)", text)
    return "".join(p if p.startswith("`") else re.sub(r"([\\|*_<>`])", r"\\\1", p) for p in parts)


def ticked(names: Iterable[str]) -> str:
    return " ".join(f"`{name}`" for name in names)


def link(file: str, line: int, up: str = "../") -> str:
    return f"[{file.removeprefix('chainrule/')}:{line}]({up}src/{file}#L{line})"
