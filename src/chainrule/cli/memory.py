"""`chainrule memory`: how far back recurrent cells remember, measured. · 循环单元能记住多远。"""

from pathlib import Path
from typing import Any

import click

from ..errors import UserError, unknown
from .show import as_json, clean, on_terminal, say, table

NAMES = ("rnn", "gru", "lstm", "lstm-open")
USUAL = ("rnn", "lstm", "lstm-open")


@click.command(context_settings={"max_content_width": 120})
@click.argument("cells", nargs=-1, metavar="[rnn|gru|lstm|lstm-open]...")
@click.option("--steps", type=click.IntRange(2, 2000), default=200, show_default=True, help="Length T · 序列长度.")
@click.option("--width", type=click.IntRange(1, 1024), default=64, show_default=True, help="Numbers of a state · 宽度.")
@click.option("--updates", type=click.IntRange(0), default=0, show_default=True, help="Learn so long first · 先训练.")
@click.option("--lr", type=float, default=2e-3, show_default=True, help="Of these updates · 学习率.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of weights and samples · 随机种子.")
@click.option("--png", type=click.Path(path_type=Path), metavar="FILE", help="Draw it · 画图.")
@click.option("--json", "json_", is_flag=True, help="All numbers as JSON.")
def memory(cells: tuple[str, ...], png: Path | None, json_: bool, **trial: Any) -> None:
    """Gradient and state over time of recurrent cells on the adding problem. · 加法问题上梯度与状态随时间的变化。

    The loss is at the last step; how much of its gradient comes back to the states before it says how far back a cell
    can learn to look. lstm-open begins with forget gates that remember up to T steps.

    \b
    chainrule memory --png memory.png
    chainrule memory rnn lstm-open --updates 1500 --png learned.png
    """
    chosen = cells or USUAL
    for cell in chosen:
        if cell not in NAMES:
            raise unknown("cell", cell, NAMES)
    if twice := next((cell for cell in chosen if chosen.count(cell) > 1), None):
        raise UserError(f"{twice}: given twice; expected each cell once")
    if png and not png.parent.is_dir():
        raise UserError(f"--png {clean(png)}: there is no folder {clean(png.parent)}; make it first")
    from ..look.memory import Trial, tried

    asked = Trial(**trial)
    found = [tried(cell, asked, _telling(cell, asked.updates, json_)) for cell in chosen]
    if png:
        from ..look.memory_picture import picture

        when = f"after {asked.updates:,} updates" if asked.updates else "first weights"
        picture(found, png, f"Adding problem over {asked.steps} steps, {when}")
    if json_:
        from dataclasses import asdict

        as_json({"schema": 1, **asdict(asked), "cells": [asdict(memory) | {"reach": memory.reach} for memory in found]})
        return
    _show(found)
    if png:
        say(f"wrote {png}")


def _telling(cell: str, updates: int, quiet: bool) -> Any:
    every = max(1, updates // 10)

    def told(update: int, loss: float) -> None:
        if update % every == 0 and not quiet and on_terminal():
            say(f"{cell}: update {update:,} of {updates:,}, squared error {loss:.4f}")

    return told


def _show(found: list[Any]) -> None:
    from ..look.memory import NAIVE

    steps = len(found[0].gradients)
    back = [t for t in (10, 50, 100, 200, 500, 1000) if t < steps]
    head = ["cell", *[f">{t} back" for t in back], f">{steps - 1} back", ">reach", ">state at T"]
    rows = [
        [m.cell, *[_sci(m.gradients[-1 - t]) for t in (*back, steps - 1)], m.reach, f"{m.states[-1]:.3g}"]
        for m in found
    ]
    learned = bool(found[0].losses)
    if learned:
        head.append(">squared error")
        rows = [[*row, f"{_late(m.losses):.4f}"] for row, m in zip(rows, found, strict=True)]
    table(head, rows)
    say("back: what is left of the gradient so many steps before the end; reach: steps until a hundredth is left")
    if learned:
        say(f"squared error: of the last tenth of the updates; always saying 1 has {NAIVE:.4f}")


def _late(losses: tuple[float, ...]) -> float:
    late = losses[-max(1, len(losses) // 10) :]
    return sum(late) / len(late)


def _sci(value: float) -> str:
    return f"{value:.2g}" if value == 0 or value >= 1e-3 else f"{value:.0e}"
