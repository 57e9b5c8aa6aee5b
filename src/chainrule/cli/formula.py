"""`chainrule formula`: the equations of a formula, made from its code. · 查看公式。"""

from pathlib import Path
from typing import Any

import click

from ..errors import UserError
from .picture import draw, heading
from .sheet import SCHEMA, complete, describe, find, listing
from .show import as_json, number, say, width


@click.command()
@click.argument("name", required=False, shell_complete=complete)
@click.option("--latex", is_flag=True, help="The equations as LaTeX (KaTeX), one a line.")
@click.option("--json", "json_", is_flag=True, help="Everything as JSON, for other programs.")
@click.option("--png", type=click.Path(path_type=Path), metavar="FILE", help="Draw the equations into a picture.")
def formula(name: str | None, latex: bool, json_: bool, png: Path | None) -> None:
    """Show formula, optimizer or schedule NAME: equations, code, source, gears; or list all. · 查看公式，或列出全部。

    \b
    chainrule formula linear
    chainrule formula adam --latex
    """
    if name is None:
        if latex or png:
            raise UserError(f"{'--latex' if latex else '--png'} shows one formula: expected its NAME")
        list_all(json_)
        return
    sheet = describe(find(name))
    if png:
        draw(sheet, png)
        say(f"wrote {png}")
    if json_:
        as_json(sheet)
    elif latex:
        show_latex(sheet)
    elif not png:
        show(sheet)


def list_all(json_: bool) -> None:
    """Every name with its one-liners, room by room. · 按房间列出。"""
    rooms = listing()
    if json_:
        told = {r: [{"name": n, "en": en, "zh": zh} for n, (en, zh) in names.items()] for r, names in rooms.items()}
        as_json({"schema": SCHEMA, "rooms": told})
        return
    column = max(len(name) for names in rooms.values() for name in names)
    for room, names in rooms.items():
        say(room, style="bold")
        for name, (en, zh) in names.items():
            say(f"  {name:<{column}}  {en} · {zh}")
    say()
    say("chainrule formula NAME shows one; --latex, --json and --png FILE in other forms")


def show_latex(sheet: dict[str, Any]) -> None:
    """One equation a line, under a comment that TeX skips. · 每行一条公式。"""
    for section in sheet["sections"]:
        say(f"% {sheet['name']}: {heading(section)}")
        for equation in section["equations"]:
            say(equation["latex"])


def show(sheet: dict[str, Any]) -> None:
    """The sheet for a reader at a terminal. · 终端显示。"""
    say(f"{sheet['name']}  {sheet['en']} · {sheet['zh']}", style="bold")
    for word, told in facts(sheet):
        say(f"  {word:<9}{told}", style="dim" if word == "samples" else None)
    for section in sheet["sections"]:
        say()
        say(f"{heading(section)}  {section['file']}:{section['line']}", style="bold cyan")
        for equation in section["equations"]:
            say(f"    {equation['text']}", style="bold green")
        say()
        for line in section["code"]:
            say(f"  {line['line']:>5}  {line['text']}".rstrip(), style="dim")
    say()
    say("symbols", style="bold cyan")
    column = max((width(entry["symbol"]) for entry in sheet["legend"]), default=0)
    for entry in sheet["legend"]:
        say(f"    {entry['symbol']}{' ' * (column - width(entry['symbol']))}  {entry['meaning']}")


def facts(sheet: dict[str, Any]) -> list[tuple[str, str]]:
    """Source, gears and samples, a line each. · 出处、档位与样例。"""
    auto = sheet["auto"]
    kernels = [f"kernel on {k['device']} for {', '.join(k['dtypes'])}" for k in sheet["kernels"]]
    chosen = "; ".join([*kernels, f"{auto['eager']} eager", f"{auto['compiled']} compiled"])
    found = [("source", sheet["source"]), ("gears", f"{', '.join(sheet['gears'])}  (auto: {chosen})")]
    if sheet["defaults"]:
        found.append(("defaults", ", ".join(f"{k}={v}" for k, v in sheet["defaults"].items())))
    if sheet["kind"] == "formula":
        casts = {"low": "low precision", "fp32": "float32", None: "by promotion"}
        found.append(("autocast", casts[sheet["autocast"]]))
        first = sheet["samples"][0] if sheet["samples"] else []
        shapes = ", ".join(f"{n} {_value(v)}" for n, v in zip(sheet["inputs"], first, strict=False))
        found.append(
            ("samples", f"{len(sheet['samples'])}, the first: {shapes}" if shapes else "none: it is not proven")
        )
    return found


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return "×".join(map(str, value["shape"])) or "1"
    return f"“{value}”" if isinstance(value, str) else number(value)
