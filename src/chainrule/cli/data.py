"""`chainrule data`: known sets, what a folder lacks, fetching when asked to. · 数据集。"""

from pathlib import Path
from typing import Any

import click

from ..catalog import KINDS, check_data
from ..data.augment.plan import parse as plans
from ..data.graph_names import is_graph, is_graph_set, lists_edges
from ..data.sources import SOURCES, get, locate, path_of, places
from ..data.table_names import holds_values
from ..data.text_names import holds_pairs, holds_texts
from ..datasets import DATASETS, GYM, grouped, here, inside, named
from ..errors import UserError, did_you_mean, unknown
from ..settings import parse
from .complete import data_names
from .show import clean, say, table
from .text_lines import is_text, show_text

_HELD = (  # kinds of learning and what tells their data from images, the surest sign first
    *(("nodes", is_graph), ("graphs", is_graph_set), ("texts", holds_texts), ("translation", holds_pairs)),
    *(("nodes", lists_edges), ("tables", holds_values)),
)
UNEVEN = 1.5  # largest class over smallest from which it is worth a word


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
    rows = []
    for kinds, names in grouped().items():
        titles = [", ".join(kinds), *[""] * (len(names) - 1)]
        rows += [[title, name, _where(name), DATASETS[name].en] for title, name in zip(titles, names, strict=True)]
    table(["read by", "data", "where", "what"], rows)
    say()
    for source in SOURCES.values():
        if source.urls:
            say(f"{source.name} would be fetched from {source.urls[0]}")
            for file in source.files:
                say(f"  {file.name:28} {file.size:>10} bytes  sha256 {file.sha256}")
    say("Your own folder, archive or table is data too: chainrule data show PATH")
    say(f"For agents, {GYM}NAME is any environment of gymnasium")


def _where(name: str) -> str:
    return "inside" if inside(name) else str(here(name) or "not here")


def _kind_of(source: str) -> str:
    """The kind of learning by which a source that is no images is shown; "" for images."""
    path = path_of(source)
    if source.startswith(GYM):
        return "agents"
    if known := named(source):
        return "" if source in SOURCES else known.kinds[0]
    if path is None:
        return ""
    return next((kind for kind, holds in _HELD if holds(path)), "")


@data.command(context_settings={"ignore_unknown_options": True})
@click.argument("words", nargs=-1, required=True, metavar="PATH|NAME [augment=…] [size=H,W]", shell_complete=data_names)
@click.option("--png", type=click.Path(dir_okay=False), help="write a sheet of its pictures there · 写出图片表")
def show(words: tuple[str, ...], png: str | None) -> None:
    """Show what a folder, archive or known set holds: classes, counts, sizes, pictures. · 查看数据。

    With augment=… the sheet shows what training would see below the originals. A file of text, parallel files or a
    table with tokens=words|characters|chinese|bpe:CODES shows what became of its first lines: tokens, ids, lengths.
    """
    source = words[0]
    if is_text(words) and not lists_edges(Path(source)):
        show_text(words)
        return
    asked = parse(words[1:])
    if kind := _kind_of(source):
        from .data_kinds import show_kind

        if png or words[1:]:
            raise UserError(
                f"{clean(source)} is for {kind} ({KINDS[kind].en}): augment=, size= and --png are of images"
            )
        _about(source)
        show_kind(kind, source)
        return
    if source in SOURCES:
        _facts(source)
        if _where(source) == "not here":
            if png:
                locate(source)  # which says what to put where
            return
    else:
        check_data(source)
    from ..data.describe import describe

    told = describe(source, asked.size)
    _counts(told)
    plan = plans(asked.augment)
    if png or plan:
        from ..look.augmented import draw

        path = Path(png or f"{told.found.name}-augment.png")
        draw(told, plan, asked.augment, path, asked.seed)
        say(f"pictures {path}")


def _about(source: str) -> None:
    """What a known set is; refuses one that is not on this machine."""
    check_data(source)
    if known := DATASETS.get(source):
        origin = [["source", known.shelf.origin]] if known.shelf else []
        facts = [["data", f"{known.en} · {known.zh}"], ["read by", ", ".join(known.kinds)], *origin]
        table(["fact", "value"], [*facts, ["here", _where(source)]])


def _counts(told: Any) -> None:
    """How many samples each class has in each part."""
    parts, classes = list(told.counts), told.found.classes
    low, high = ("×".join(map(str, side)) for side in (told.low, told.high))
    channels = told.found.parts["train"][0].shape[0]
    say(
        f"{told.found.name}: {', '.join(f'{part} {told.samples[part]:,}' for part in parts)}; "
        f"{low if low == high else f'{low} to {high}'} pixels, {'grey' if channels == 1 else 'colour'}"
    )
    most = max(int(told.counts["train"].max()), 1)
    rows = [
        [name, *[int(told.counts[part][c]) for part in parts], "█" * round(24 * int(told.counts["train"][c]) / most)]
        for c, name in enumerate(classes)
    ]
    table(["class", *[f">{part}" for part in parts], ""], rows)
    if told.found.task == "multilabel":
        say("several classes a picture")
    if told.uneven >= UNEVEN:
        say(f"the largest class is {told.uneven:.1f} times the smallest; balance=loss or sampler makes up for it")
    if set(parts) == {"train"}:
        say("no part set aside: training keeps 20 % of each class for testing, the same ones every time")


def _facts(name: str) -> None:
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
    """List everything wrong with a folder, a graph or any known set, in one pass. · 一次列出数据的所有问题。"""
    if kind := _kind_of(path):
        from .data_kinds import check_kind

        check_data(path)
        check_kind(kind, path)
        return
    if path not in SOURCES and path_of(path) is None:
        raise UserError(
            f"{clean(path)}: no such folder; expected a folder, archive or table of images, IDX files, a table of "
            f"values or a graph"
            f"{did_you_mean(path, DATASETS)}"
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

    if name not in SOURCES and name in DATASETS:
        raise UserError(f"{name}: only sets of images are fetched; {_by_hand(name)}")
    if name not in SOURCES:
        raise unknown("data set", name, list(DATASETS))
    say(f"{name} is in {get_it(name, report=say)}")


def _by_hand(name: str) -> str:
    """What is to be done instead."""
    shelf = DATASETS[name].shelf
    return "it is here already" if shelf is None or shelf.here() else shelf.wanted
