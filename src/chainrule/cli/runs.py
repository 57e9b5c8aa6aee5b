"""`chainrule runs`: what was trained here, one run, two runs side by side. · 运行记录。"""

import time
from pathlib import Path
from typing import Any

import click

from ..errors import UserError
from ..fields import DEFAULTS
from ..runfile import from_file
from ..runs.folder import RunFolder
from ..runs.listing import list_runs, summarize
from ..runs.report import metrics_of
from ..settings import NESTED
from .complete import run_names
from .data import Group
from .show import number, say, table

ROOT = click.option("--runs", "root", default="runs", show_default=True, help="Folder of all runs.")


@click.group(cls=Group, invoke_without_command=True)
@click.pass_context
def runs(ctx: click.Context) -> None:
    """List the runs, the newest first; show one, compare two. · 列出、查看、比较运行。"""
    if ctx.invoked_subcommand is None:
        _list("runs")


@runs.command("list")
@ROOT
def list_(root: str) -> None:
    """List the runs of a folder, the newest first. · 列出运行。"""
    _list(root)


def _list(root: str) -> None:
    found = list_runs(Path(root))
    if not found:
        say(f"no runs in {root}: chainrule train lenet5 digits makes one")
        return
    rows = [
        [s.name, s.model, s.data, s.state, f"{s.epoch:g}", _best(s), time.strftime("%Y-%m-%d %H:%M", _local(s.started))]
        for s in found
    ]
    table(["run", "model", "data", "state", ">epochs", ">best", "started"], rows)


def _local(seconds: float) -> time.struct_time:
    return time.localtime(seconds)


def _best(summary: Any) -> str:
    return "" if summary.best is None else f"{summary.metric} {number(summary.best, summary.metric)}"


@runs.command()
@click.argument("run", shell_complete=run_names)
@ROOT
@click.option("--all", "every", is_flag=True, help="Show the settings that have their default, too.")
def show(run: str, root: str, every: bool) -> None:
    """Show a run: what it was, how far it got, what it gave. · 查看运行。"""
    folder = RunFolder.open(run, root)
    summary = summarize(folder)
    facts = [["run", folder.path], ["state", summary.state], ["epochs", f"{summary.epoch:g}"], ["best", _best(summary)]]
    settings = settings_of(folder)
    chosen = [[k, v] for k, v in settings.items() if every or k not in DEFAULTS or v != _text(DEFAULTS[k])]
    table(["fact", "value"], [*facts, *chosen])
    figures = metrics_of(folder)
    if figures:
        say()
        table(["figure", ">value"], [[name, number(value, name)] for name, value in figures.items()])
        say(f"report  {folder.report / 'report.md'}")


def settings_of(folder: RunFolder) -> dict[str, str]:
    """Name → text of everything that defines a run. · 运行的全部设置。"""
    model, data, settings = from_file(folder.run_toml)
    values = {"model": model, "data": data}
    values |= {key: _text(value) for key, value in settings.values().items() if key not in NESTED}
    nested = {room: getattr(settings, room) for room in NESTED}
    return values | {f"{room}.{k}": repr(v) for room, inside in nested.items() for k, v in inside.items()}


def _text(value: Any) -> str:
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


@runs.command()
@click.argument("names", nargs=-1, required=True, metavar="A B...", shell_complete=run_names)
@ROOT
@click.option("--plot", type=click.Path(dir_okay=False), help="Where the picture of all goes.  [default: A/report]")
def compare(names: tuple[str, ...], root: str, plot: str | None) -> None:
    """Show the settings that differ and the results of two or more runs, with a plot. · 比较运行。"""
    if len(names) < 2:
        raise UserError(f"runs compare {' '.join(names)}: expected two runs or more")
    first, *others = [RunFolder.open(name, root) for name in names]
    target = Path(plot) if plot else first.report / f"with-{'-'.join(other.name for other in others)}.png"
    target.parent.mkdir(parents=True, exist_ok=True)
    from ..runs.compare import compare as side_by_side

    found = side_by_side([first, *others], target)
    say("settings that differ" if found.settings else "the same settings")
    if found.settings:
        table(["setting", *found.names], found.settings)
    say()
    table(["result", *[f">{name}" for name in found.names]], found.results)
    say(f"plot  {target}")
