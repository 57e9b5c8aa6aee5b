"""`chainrule data`: known sets, what a folder lacks, fetching when asked to. · 数据集。"""

from pathlib import Path

import click

from ..data.sources import SOURCES, complete, get, places
from ..errors import UserError, did_you_mean
from .complete import data_names
from .show import clean, say, table


class Group(click.Group):
    """A group that names the nearest command. · 给出最接近命令的命令组。"""

    def resolve_command(self, ctx: click.Context, args: list[str]):
        if args and args[0] not in self.commands and not ctx.resilient_parsing:
            known = ", ".join(self.commands)
            hint = did_you_mean(args[0], self.commands)
            raise click.UsageError(f"unknown command {args[0]!r}: expected one of {known}{hint}", ctx)
        return super().resolve_command(ctx, args)


@click.group(cls=Group, invoke_without_command=True)
@click.pass_context
def data(ctx: click.Context) -> None:
    """List the known data sets; show, check or fetch one. · 列出、查看、检查、下载数据集。"""
    if ctx.invoked_subcommand is None:
        _list()


@data.command("list")
def list_() -> None:
    """List the known data sets and whether they are here. · 列出已知数据集。"""
    _list()


def _list() -> None:
    rows = [[s.name, "×".join(map(str, s.shape)), len(s.classes), _where(s.name), s.en] for s in SOURCES.values()]
    table(["data", "input", ">classes", "where", "what"], rows)
    say()
    for source in SOURCES.values():
        if source.urls:
            say(f"{source.name} would be fetched from {source.urls[0]}")
            for file in source.files:
                say(f"  {file.name:28} {file.size:>10} bytes  sha256 {file.sha256}")
    say("A folder of images (class/xxx.png) or of IDX files is data too: chainrule data check FOLDER")


def _where(name: str) -> str:
    source = get(name)
    if source.bundled:
        return "bundled"
    here = [folder for folder in places(name) if complete(source, folder)]
    return str(here[0]) if here else "not here"


@data.command()
@click.argument("name", shell_complete=data_names)
def show(name: str) -> None:
    """Show a known data set: classes, licence, files and their sha256. · 查看数据集。"""
    source = get(name)
    facts = {
        "data": f"{source.en} · {source.zh}",
        "input": "×".join(map(str, source.shape)),
        "samples": f"{source.counts[0]:,} for training, {source.counts[1]:,} for testing",
        "classes": ", ".join(source.classes),
        "licence": source.licence,
        "source": f"{source.citation}, {source.homepage}",
        "here": _where(name),
        "looked for": ", ".join(map(str, places(name))) if source.urls else "inside the package",
    }
    table(["fact", "value"], list(facts.items()))
    for url in source.urls:
        say(f"would be fetched from {url}")
    for file in source.files:
        say(f"  {file.name:28} {file.size:>10} bytes  sha256 {file.sha256}")


@data.command()
@click.argument("path", type=click.Path(), shell_complete=data_names)
def check(path: str) -> None:
    """List everything wrong with a folder or a known set, in one pass. · 一次列出数据的所有问题。"""
    if path not in SOURCES and not Path(path).exists():
        raise UserError(
            f"{clean(path)}: no such folder; expected a folder of images or IDX files{did_you_mean(path, SOURCES)}"
        )
    from ..data.check import check as look

    report = look(path)
    if report.problems:
        raise UserError(*report.problems)
    say(f"{report.summary}: nothing wrong", style="green")


@data.command()
@click.argument("name", shell_complete=data_names)
def fetch(name: str) -> None:
    """Fetch a known data set and compare its sha256. · 下载并校验数据集。"""
    from ..data.download import fetch as get_it

    get(name)
    say(f"{name} is in {get_it(name, report=say)}")
