"""Tables and lines: rich on a terminal, plain text in a pipe. · 输出：终端用 rich，管道用纯文本。"""

import json
import os
import sys
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from shutil import which
from typing import Any

RATES = ("accuracy", "precision", "recall", "f1", "error", "top", "map", "exact")


def on_terminal() -> bool:
    """Whether a person reads along; else no colour and no moving bar. · 是否为终端。"""
    return sys.stdout.isatty() and os.environ.get("TERM") != "dumb"


def clean(value: Any) -> str:
    """One line of text without control characters: names of files may hold any. · 去除控制字符。

    >>> clean("a\\x1b[31m b")
    'a?[31m b'
    """
    return "".join(c if c.isprintable() else " " if c.isspace() else "?" for c in str(value))


def program() -> str:
    """The command as this user can paste it: `make demo` puts no `chainrule` on the PATH. · 可直接粘贴的命令。"""
    called = Path(sys.argv[0])
    if which("chainrule") or called.name != "chainrule":
        return "chainrule"
    return os.path.relpath(called)


def say(text: str = "", style: str | None = None) -> None:
    """Print a line; the style shows on a terminal only. · 打印一行。"""
    if style and on_terminal():
        console().print(text, style=style, markup=False, highlight=False)
    else:
        print(text, flush=True)


def shown(items: Sequence[str], doing: str) -> Iterator[str]:
    """The items one by one; on a terminal a line says which is at work. · 显示进行到哪一项。

    >>> list(shown(["a", "b"], "proving"))
    ['a', 'b']
    """
    if not on_terminal():
        yield from items
        return
    with console().status("") as status:
        for number_, item in enumerate(items, 1):
            status.update(f"{doing} {item}  {number_}/{len(items)}")
            yield item


def console() -> Any:
    """The terminal as rich sees it. · rich 终端。"""
    from rich.console import Console

    return Console(soft_wrap=True)


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]], title: str | None = None) -> None:
    """A table; a column whose name starts with ">" is set flush right. · 表格。

    >>> table(["name", ">size"], [["mnist", 28], ["digits", 8]])
    name    size
    mnist     28
    digits     8
    """
    cells = [[clean(cell) for cell in row] for row in rows]
    if on_terminal():
        _rich_table(columns, cells, title)
        return
    if title:
        print(title)
    lines = [[column.removeprefix(">") for column in columns], *cells]
    widths = [max(width(line[i]) for line in lines) for i in range(len(columns))]
    for line in lines:
        print("  ".join(_pad(line[i], widths[i], columns[i].startswith(">")) for i in range(len(columns))).rstrip())
    sys.stdout.flush()


def _rich_table(columns: Sequence[str], cells: list[list[str]], title: str | None) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    made = Table(box=SIMPLE_HEAD, title=title, title_justify="left", pad_edge=False)
    for column in columns:
        made.add_column(column.removeprefix(">"), justify="right" if column.startswith(">") else "left")
    for row in cells:
        made.add_row(*[Text(cell) for cell in row])
    console().print(made)


def width(text: str) -> int:
    """Columns a text takes on a terminal: Chinese characters take two. · 终端显示宽度。

    >>> width("层 a")
    4
    """
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def _pad(text: str, columns: int, right: bool) -> str:
    space = " " * (columns - width(text))
    return space + text if right else text + space


def number(value: Any, name: str = "") -> str:
    """A measured value as one reads it; rates in per cent. · 数值的可读形式。

    >>> number(0.98611, "accuracy"), number(0.0123456), number(3), number(10000.0, "count")
    ('98.61 %', '0.01235', '3', '10000')
    """
    if not isinstance(value, float):
        return str(value)
    if name.endswith(("count", "steps")):
        return f"{value:.0f}"
    if any(word in name for word in RATES):
        return f"{100 * value:.2f} %"
    return f"{value:.4g}"


def as_json(value: Any) -> None:
    """Print JSON that other programs read. · 打印 JSON。"""
    print(json.dumps(value, ensure_ascii=False, indent=2, default=str))
