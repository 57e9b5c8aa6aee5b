"""`chainrule schedule`: the learning rate over a run as a picture, before anything is trained. · 学习率曲线。"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from ..errors import UserError, unknown
from ..fields import SHAPES, SPECS
from ..methods import SCHEDULES
from ..rates import of_run
from ..settings import WORD, Settings, join, make, split
from ..values import Spec, read
from .canvas import Trace, draw, spark
from .complete import SHAPING, schedule_words
from .show import say, table

OWN = {
    "updates": Spec("int", "updates an epoch makes", "每轮更新次数", "[1, 1000000]"),
    "metric": Spec("numbers", "schedule=plateau: the loss of each epoch; an example otherwise", "各轮损失"),
}
DEFAULTS = {"epochs": 30, "updates": 100}  # long enough for every shape to be seen
MOST = 2000  # points of a curve


@dataclass(frozen=True)
class Drawn:
    """One schedule as it is drawn: the points, and of a plateau the figures that moved it. · 一条要画的调度曲线。"""

    name: str
    epochs: list[float]
    rates: list[float]
    metric: list[float]


class ScheduleCommand(click.Command):
    """A command whose help ends with its settings. · 帮助中列出设置。"""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Settings, as in a run · 设置（与训练相同）(KEY=VALUE)"):
            specs = {**{key: SPECS[key] for key in SHAPING}, **OWN}
            formatter.write_dl([(key, f"{s.en} · {s.zh}: {s.expected}") for key, s in specs.items()])


@click.command(cls=ScheduleCommand, context_settings={"ignore_unknown_options": True, "max_content_width": 120})
@click.argument(
    "words", nargs=-1, type=click.UNPROCESSED, metavar="[NAME]... [KEY=VALUE]...", shell_complete=schedule_words
)
@click.option("--png", type=click.Path(path_type=Path), metavar="FILE", help="Draw the curves into a picture.")
@click.option("--log", "logarithmic", is_flag=True, help="The rate by powers of ten.")
def schedule(words: tuple[str, ...], png: Path | None, logarithmic: bool) -> None:
    """Draw the learning rate of schedule NAME over a run; several in one picture; alone list them. · 绘制学习率曲线。

    \b
    chainrule schedule cosine epochs=20 warmup=2
    chainrule schedule step exponential gamma=0.5 --png rates.png
    """
    names, given = sort(list(words))
    found = drawn(names or list(SCHEDULES), given)
    if not names:
        if png:
            raise UserError("--png draws schedules by name: expected some, like `chainrule schedule cosine --png FILE`")
        list_all(found)
        return
    if png:
        from ..look.curves import rates

        rates(found, png, lr=given.get("lr"), logarithmic=logarithmic, made_up="metric" not in given)
        say(f"wrote {png}")
        return
    show(found, given, logarithmic)


def sort(words: Sequence[str]) -> tuple[list[str], dict[str, Any]]:
    """Names of schedules, and the settings beside them, read and checked. · 名称与设置。

    Raises one `UserError` with a line for each thing wrong.

    >>> sort(["cosine", "epochs=3", "updates=10"])
    (['cosine'], {'epochs': 3, 'updates': 10})
    """
    joined = join(list(words))
    names = [word for word in joined if not (WORD.match(word) or word.startswith("-"))]
    pairs, errors = split([word for word in joined if word not in names])
    for name in dict.fromkeys(n for n in names if n not in SCHEDULES):
        errors += unknown("schedule", name, list(SCHEDULES)).lines
    given: dict[str, Any] = {}
    for key, text in pairs.items():
        try:
            given[key] = read(key, text, _spec(key, text))
        except UserError as error:
            errors += error.lines
    known = [name for name in names if name in SCHEDULES] or list(SCHEDULES)
    for key in given.keys() & set(SHAPES):
        if not any(key in SCHEDULES[name].options for name in known):
            who = " or ".join(name for name, entry in SCHEDULES.items() if key in entry.options)
            errors.append(f"{key}={pairs[key]}: not taken by {', '.join(known)}; {key} is for {who}")
    if "metric" in given and "plateau" not in known:
        errors.append(f"metric={pairs['metric']}: only schedule plateau heeds it")
    if errors:
        raise UserError(*errors)
    return list(dict.fromkeys(names)), given


def _spec(key: str, text: Any) -> Spec:
    known = {**{k: SPECS[k] for k in SHAPING}, **OWN}
    if key not in known:
        from ..errors import did_you_mean

        other = "; it does not shape the learning rate" if key in SPECS else ""
        raise UserError(f"{key}={text}: expected one of {', '.join(known)}{other or did_you_mean(key, known)}")
    return known[key]


def drawn(names: Sequence[str], given: Mapping[str, Any]) -> list[Drawn]:
    """The points of each schedule. · 各调度的曲线。"""
    series = given.get("metric")
    epochs = given.get("epochs") or (len(series) if series else DEFAULTS["epochs"])
    if series and len(series) != epochs:
        raise UserError(f"metric: {len(series)} figures, expected one for each of the {epochs} epochs")
    updates = given.get("updates", DEFAULTS["updates"])
    found, errors = [], []
    for name in names:
        takes = ("lr", "warmup", *SCHEDULES[name].options)
        own = {key: value for key, value in given.items() if key in takes}
        if name == "noam":  # it has no shape without a rise
            own.setdefault("warmup", epochs / 10)
        try:
            settings = make({**own, "schedule": name, "epochs": epochs})
        except UserError as error:
            errors += error.lines
            continue
        found.append(_points(settings, updates, series))
    if errors:
        raise UserError(*dict.fromkeys(errors))
    return found


def _points(settings: Settings, updates: int, series: Sequence[float] | None) -> Drawn:
    curve, total = of_run(settings, updates), settings.epochs * updates
    base, top = settings.lr or 1.0, round(settings.warmup * updates)
    times = {*range(0, total, -(-total // MOST)), total - 1, *(t for t in (top - 1, top) if 0 <= t < total)}
    state, epoch, loss = curve.start, 0, 1.0
    figures, rates = [], []
    for t in sorted(times):
        while curve.name == "plateau" and epoch < t // updates:
            loss = series[epoch] if series else example(loss, state.scale)
            epoch += 1
            figures.append(loss)
            state = curve.told(epoch * updates, state, loss)
        rates.append(base * curve.factor(t, state))
    # The rate of the last update is in force until the end of the run.
    return Drawn(settings.schedule, [t / updates for t in (*sorted(times), total)], [*rates, rates[-1]], figures)


def example(loss: float, scale: float) -> float:
    """The next loss of a made-up run, which falls to a level that its learning rate allows. · 示例损失序列。

    >>> [round(loss, 3) for loss in (example(1.0, 1.0), example(0.55, 0.1))]
    [0.65, 0.232]
    """
    level = 0.05 + 0.45 * scale
    return level + 0.3 * (loss - level)


def list_all(found: Sequence[Drawn]) -> None:
    """Every schedule with its shape, options and meaning. · 列出全部调度。"""
    rows = []
    for one in found:
        entry = SCHEDULES[one.name]
        options = " ".join(key if value is None else f"{key}={value}" for key, value in entry.options.items())
        rows.append([one.name, spark(one.rates), options, f"{entry.en} · {entry.zh}"])
    table(["schedule", "shape", "options", "what"], rows)
    say()
    say("chainrule schedule NAME draws one; epochs=, warmup=, updates= and its options change it, --png FILE keeps it")


def show(found: Sequence[Drawn], given: Mapping[str, Any], logarithmic: bool) -> None:
    """The curves for a reader at a terminal. · 终端显示。"""
    for one in found:
        entry = SCHEDULES[one.name]
        say(f"{one.name}: {entry.en} · {entry.zh}", style="bold")
    say("learning rate · 学习率" if given.get("lr") else "share of lr · 学习率系数")
    draw([Trace(one.name, one.epochs, one.rates) for one in found], "epoch", log_y=logarithmic)
    for one in found:
        first, last, top = one.rates[0], one.rates[-1], max(one.rates)
        at = one.epochs[one.rates.index(top)]
        say(f"{one.name}: begins at {first:.4g}, is highest in epoch {at:.4g} with {top:.4g}, ends at {last:.4g}")
    if any(one.metric for one in found) and "metric" not in given:
        say("plateau is moved by a made-up loss that falls to a level its rate allows; metric=1,0.8,… takes your own")
