"""`chainrule find-lr`: which learning rate to begin with. · 学习率范围测试。"""

from pathlib import Path
from typing import Any

import click

from ..catalog import kind
from ..errors import UserError
from ..settings import WORD, join
from ..values import Spec, read
from .canvas import Trace, draw
from .complete import train_words
from .show import console, number, on_terminal, say, table
from .words import Plan, WordsCommand, plan

RATE, COUNT = Spec("float", "a rate", "学习率", "(0, inf)"), Spec("int", "rates", "个数", "[10, 1000000]")
ROWS = 12
GRAPHS = ("links", "nodes")  # kinds of learning whose update sees all of the data
UNHEEDED = ("lr", "schedule", "warmup", "epochs", "seeds")


@click.command("find-lr", cls=WordsCommand, context_settings={"ignore_unknown_options": True, "max_content_width": 120})
@click.argument(
    "words", nargs=-1, type=click.UNPROCESSED, metavar="MODEL DATA [KEY=VALUE]...", shell_complete=train_words
)
@click.option("--low", default="1e-7", help="The lowest rate.", show_default=True)
@click.option("--high", default="10", help="The highest rate, if the loss does not diverge before.", show_default=True)
@click.option("--steps", default="100", help="How many rates are tried, one a batch.", show_default=True)
@click.option("--png", type=click.Path(path_type=Path), metavar="FILE", help="Draw the curve into a picture.")
def find_lr(words: tuple[str, ...], low: str, high: str, steps: str, png: Path | None) -> None:
    """Raise the learning rate batch by batch and see where the loss falls fastest. · 找出合适的学习率。

    \b
    MODEL DATA [KEY=VALUE]…  as in `chainrule train`, or a run.toml
    chainrule find-lr lenet5 digits optimizer=sgd momentum=0.9 --png rates.png
    """
    what = wanted(words)
    limits = {"low": read("--low", low, RATE), "high": read("--high", high, RATE)}
    limits["steps"] = read("--steps", steps, COUNT)
    if limits["low"] >= limits["high"]:
        raise UserError(f"--low {low} --high {high}: expected the lower rate first")
    if png and not png.parent.is_dir():
        raise UserError(f"--png {png}: there is no folder {png.parent}; make it first")
    if kind(what.model) in GRAPHS:
        raise UserError(
            f"{what.model}: find-lr goes batch by batch, and an update of this sees a whole graph; try lr=0.01 and a "
            "tenth of it with `chainrule train`"
        )
    found = search(what, limits)
    show(found, what)
    if png:
        from ..look.curves import range_test

        range_test(found, png, f"{what.model} on {what.data}, {what.settings.optimizer}")
        say(f"wrote {png}")


def wanted(words: tuple[str, ...]) -> Plan:
    """The words of a training; a rate among them cannot be meant, for it is what is looked for. · 解析参数。"""
    given = [m[1] for m in map(WORD.match, join(list(words))) if m]
    wrong = [key for key in given if key in UNHEEDED]
    if wrong:
        raise UserError(
            f"{', '.join(wrong)}: find-lr tries rates of its own; leave it out, or see --low, --high, --steps"
        )
    return plan(list(words))


def search(what: Plan, limits: dict[str, Any]) -> Any:
    """The test, with the rate that is at work shown on a terminal. · 执行测试并显示进度。"""
    from ..look.range_test import find_lr as look

    if not on_terminal():
        return look(what.model, what.data, what.settings, **limits)
    with console().status("reading") as status:

        def on_rate(i: int, rate: float, loss: float) -> None:
            status.update(f"rate {i + 1}/{limits['steps']}  lr {rate:.2g}  loss {loss:.4g}")

        return look(what.model, what.data, what.settings, on_rate=on_rate, **limits)


def show(found: Any, what: Plan) -> None:
    """Curve, table and suggestion. · 曲线、表格与建议。"""
    smooth, count = found.smooth, len(found.rates)
    say(f"{what.model} on {what.data}, optimizer {what.settings.optimizer}: {count} rates, up to {found.end}", "bold")
    say("loss, smoothed · 平滑损失")
    draw(
        [Trace("loss", found.rates, [min(value, found.ceiling) for value in smooth])],
        "lr",
        log_x=True,
        mark=found.suggestion,
    )
    picked = sorted({round(i * (count - 1) / (ROWS - 1)) for i in range(ROWS)} | {*_told(found)})
    told = _told(found)
    rows = [[f"{found.rates[i]:.2e}", number(found.losses[i]), number(smooth[i]), told.get(i, "")] for i in picked]
    table([">lr", ">loss", ">smoothed", "what"], rows)
    say()
    if found.suggestion is None:
        say("the loss never fell by a twentieth: no suggestion; try more --steps, or another --low or --high")
        return
    say(f"suggestion  lr={found.suggestion:g}  where the smoothed loss falls fastest (steepest descent)", "bold green")
    say(f"beside it   lr={found.tenth:.1e}  a tenth of the rate with the lowest loss")


def _told(found: Any) -> dict[int, str]:
    if not found.falls:
        return {}
    return {found.rates.index(found.steepest): "steepest descent · 下降最快", found.lowest: "lowest loss · 损失最小"}
