"""`chainrule signal`: the signal of a network before its first step, with one or several first weights. · 初始信号。"""

import math
from pathlib import Path
from typing import Any

import click

from ..errors import UserError
from ..settings import WORD, join
from .complete import train_words
from .show import as_json, say, table
from .words import Plan, WordsCommand, plan

SCHEMA = 1
BINS = 80
BEARABLE = 100.0  # by which the variance may change from the first hidden layer to the last, and back


@click.command(cls=WordsCommand, context_settings={"ignore_unknown_options": True, "max_content_width": 120})
@click.argument(
    "words", nargs=-1, type=click.UNPROCESSED, metavar="MODEL DATA [KEY=VALUE]...", shell_complete=train_words
)
@click.option("--all", "all_", is_flag=True, help="Every innermost layer, not only those with weights.")
@click.option("--json", "json_", is_flag=True, help="Everything as JSON, for other programs.")
@click.option("--png", type=click.Path(path_type=Path), metavar="FILE", help="Draw the variances into a picture.")
@click.option(
    "--histograms", type=click.Path(path_type=Path), metavar="FILE", help="Draw how activations and deltas are spread."
)
def signal(words: tuple[str, ...], all_: bool, json_: bool, png: Path | None, histograms: Path | None) -> None:
    """Mean and variance of what each layer gives and gets back, before the first step. · 第 0 步逐层信号。

    \b
    chainrule signal lenet5 digits init=he
    chainrule signal mlp digits model.hidden=100 model.depth=30 init=xavier,he --png signal.png

    init= takes several, which stand side by side; z is what a layer gives, δ the derivative of the loss by it.
    """
    plans = several(list(words))
    from ..look.signal import of_run

    found = {name: of_run(p.model, p.data, p.settings, bins=BINS * bool(histograms)) for name, p in plans.items()}
    if png or histograms:
        from ..look import signal_picture

        first = next(iter(plans.values()))
        for path, draw in ((png, signal_picture.picture), (histograms, signal_picture.histograms)):
            if path:
                draw(found, path, f"{first.model} on {first.data}")
                if not json_:
                    say(f"wrote {path}")
    if json_:
        as_json(told(plans, found))
    elif not (png or histograms):
        show(found, all_)


def several(words: list[str]) -> dict[str, Plan]:
    """One plan for each of the first weights that `init=` names, in their order. · 每种初始化一个计划。

    >>> [p.settings.init for p in several(["mlp", "digits", "init=he,xavier"]).values()]
    ['he', 'xavier']
    """
    words = join(words)
    places = [i for i, word in enumerate(words) if (match := WORD.match(word)) and match[1] == "init"]
    if len(places) != 1:
        made = plan(words, "signal")
        return {made.settings.init: made}
    names = [name.strip() for name in words[places[0]].partition("=")[2].strip(" ,()[]").split(",")]
    if twice := [name for name in dict.fromkeys(names) if names.count(name) > 1]:
        raise UserError(f"init={','.join(names)}: {twice[0]} is given twice")
    made = [plan([*words[: places[0]], f"init={name}", *words[places[0] + 1 :]], "signal") for name in names]
    return {p.settings.init: p for p in made}


def told(plans: dict[str, Plan], found: dict[str, Any]) -> dict[str, Any]:
    """Everything that was measured, for other programs; what is not a number is null. · JSON 形式。"""
    from dataclasses import asdict

    from ..look.signal import factors

    def finite(value: Any) -> Any:
        return None if isinstance(value, float) and not math.isfinite(value) else value

    first = next(iter(plans.values()))
    return {
        "schema": SCHEMA,
        "model": first.model,
        "data": first.data,
        "inits": {
            name: {
                "factor": dict(zip(("forward", "backward"), map(finite, factors(signals)), strict=True)),
                "layers": [{key: finite(value) for key, value in asdict(s).items()} for s in signals],
            }
            for name, signals in found.items()
        },
    }


def show(found: dict[str, Any], all_: bool) -> None:
    """One table with all four figures, or the variances of several side by side. · 表格。"""
    rows = list(zip(*found.values(), strict=True))
    kept = [row for row in rows if all_ or row[0].weighted]
    alone = len(found) == 1
    head = [c for n in found for c in ([">mean z", ">var z", ">mean δ", ">var δ"] if alone else [f">{n} z", ">δ"])]
    cells = [[row[0].layer, row[0].kind, *[_sci(v) for s in row for v in _figures(s, alone)]] for row in kept]
    table(["layer", "kind", *head], cells, None if alone else "variance of z (what a layer gives) and of δ · 方差")
    say()
    columns = ["factor of the variance · 方差倍率", ">z a layer", ">in all", "", ">δ a layer", ">in all", ""]
    table(columns, [[name, *_judged(signals)] for name, signals in found.items()])


def _figures(s: Any, alone: bool) -> tuple[float, ...]:
    return (s.mean, s.var, s.delta_mean, s.delta_var) if alone else (s.var, s.delta_var)


def _judged(signals: Any) -> list[str]:
    from ..look.signal import factors, weighted

    steps = len(weighted(signals)) - 2  # between hidden layers
    totals = [(factor, factor**steps) for factor in factors(signals)]
    return [word for factor, total in totals for word in (_times(factor), _times(total), verdict(total))]


def _times(value: float) -> str:
    return "–" if math.isnan(value) else f"×{_sci(value)}"


def verdict(total: float) -> str:
    """What becomes of the signal on its way through all hidden layers. · 信号穿过全部隐藏层后的结果。

    >>> verdict(1e-9), verdict(0.5)
    ('fades · 衰减', 'keeps · 保持')
    """
    if math.isnan(total):
        return ""
    return "fades · 衰减" if total < 1 / BEARABLE else "grows · 放大" if total > BEARABLE else "keeps · 保持"


def _sci(value: float) -> str:
    """Three figures; far from 1 with an exponent."""
    if math.isnan(value):
        return "–"
    return f"{value:.3g}" if value == 0 or 1e-3 <= abs(value) < 1e4 else f"{value:.1e}"
