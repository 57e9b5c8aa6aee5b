"""`chainrule reproduce gcn-cora`: many seeds on one graph beside the published mean. · 图上的复现。"""

import tomllib
from dataclasses import dataclass, fields
from math import sqrt
from pathlib import Path
from typing import Any

from ..errors import UserError, did_you_mean, unknown
from .recipes import PLACES
from .show import on_terminal, say, table

PUBLISHED_SEEDS = 100  # of the paper's means
FEWEST = 5  # seeds whose spread says something
KEYS = {"seeds": "how many", "first": "the first seed", "rows": "rows of the table", "data": "where the graph lies"}
KEYS |= {"name": "of the record's folder", "runs": "the folder of that"}


@dataclass(frozen=True)
class GraphRecipe:
    """A table of means on a graph. · 图上的一张结果表。

    expect: row → the published accuracy. settings: of `learn.graphs.Recipe`.
    """

    name: str
    data: str
    title: str
    source: str
    seeds: int
    settings: dict[str, Any]
    expect: dict[str, float]


def _found() -> dict[str, Path]:
    return {p.stem: p for place in reversed(PLACES) for p in sorted((place / "graphs").glob("*.toml"))}


def names() -> list[str]:
    """All recipes of graphs by name. · 图配方名称。

    >>> names()
    ['gcn-cora']
    """
    return sorted(_found())


def load(name: str) -> GraphRecipe:
    """The recipe of that name. · 读取配方。

    >>> load("gcn-cora").expect["gcn"]
    0.815
    """
    text: dict[str, Any] = tomllib.loads(_found()[name].read_text(encoding="utf-8"))
    about, settings = text["about"], dict(text["settings"])
    return GraphRecipe(
        name, text["data"], about["title"], about["source"], settings.pop("seeds"), settings, text["expect"]
    )


def parse(words: tuple[str, ...], recipe: GraphRecipe) -> dict[str, Any]:
    """The words key=value, every mistake a line of one `UserError`. · 解析参数。

    >>> parse(("seeds=3", "rows=gcn,mlp"), load("gcn-cora"))["rows"]
    ['gcn', 'mlp']
    """
    known = {**KEYS, **recipe.settings}
    asked: dict[str, Any] = {"seeds": recipe.seeds, "first": 0, "rows": ["gcn"], "data": recipe.data}
    asked |= {"name": recipe.name, "runs": "runs", **recipe.settings}
    errors = []
    for word in words:
        key, given, value = word.partition("=")
        if not given or key not in known:
            what = f"{word!r}: expected KEY=VALUE" if not given else f"unknown setting {key!r}"
            errors.append(f"{what}, KEY one of {', '.join(known)}{did_you_mean(key, known)}")
            continue
        try:
            asked[key] = _value(key, value, asked[key], recipe)
        except UserError as error:
            errors += error.lines
    if errors:
        raise UserError(*errors)
    return asked


def _value(key: str, text: str, default: Any, recipe: GraphRecipe) -> Any:
    if key == "rows":
        rows = list(recipe.expect) if text == "all" else text.split(",")
        for row in rows:
            if row not in recipe.expect:
                raise unknown("row", row, ["all", *recipe.expect])
        return rows
    if isinstance(default, str):
        return text
    try:
        value = type(default)(text)
    except ValueError:
        raise UserError(f"{key}={text}: expected {'an integer' if isinstance(default, int) else 'a number'}") from None
    if value < (1 if key == "seeds" else 0):
        raise UserError(f"{key}={text}: expected at least {1 if key == 'seeds' else 0}")
    return value


def run(name: str, words: tuple[str, ...]) -> int:
    """Train what the record lacks, seed by seed, and print the table; 1 where a mean falls short. · 训练并对照。"""
    recipe = load(name)
    asked = parse(words, recipe)
    from ..data.graphs import read
    from ..data.graphs.check import summary
    from ..learn.graphs.cora import Arena, Recipe, train
    from ..learn.graphs.record import Record

    settings = Recipe(**{f.name: asked[f.name] for f in fields(Recipe)})
    graph = read(asked["data"])
    say(f"{recipe.title}  ({recipe.source})")
    say(summary(graph))
    arena = Arena.of(graph)
    size = {"name": graph.name, "nodes": graph.nodes, "edges": graph.edges.shape[1]}
    record = Record(Path(asked["runs"]).expanduser() / asked["name"], settings, size)
    seeds = range(asked["first"], asked["first"] + asked["seeds"])
    for row in asked["rows"]:
        for seed in seeds:
            if (row, seed) not in record.outcomes:
                record.add(train(arena, row, seed, settings)[1])
                _told(row, record.outcomes[row, seed])
    return compare(recipe, record, asked["rows"], seeds)


def _told(row: str, outcome: Any) -> None:
    if on_terminal():
        say(f"{row} seed {outcome.seed}: {100 * outcome.last:.1f} % after {outcome.epochs} epochs")


def reached(mean: float, spread: float, seeds: int, published: float) -> bool:
    """Whether a mean is no lower than the published one by more than chance explains. · 是否达到。

    Both are means of seeds: twice the deviation of their difference, and half of the last digit printed, is allowed.

    >>> reached(0.812, 0.007, 20, 0.815), reached(0.800, 0.007, 20, 0.815)
    (True, False)
    """
    return mean >= published - 2 * spread * sqrt(1 / seeds + 1 / PUBLISHED_SEEDS) - 0.0005


def compare(recipe: GraphRecipe, record: Any, rows: list[str], seeds: range) -> int:
    """The published means beside the measured ones, on the terminal and in report.md. · 已发表与实测对照。"""
    from ..zoo.gcn import ROWS

    lines, fine = [], True
    for row in rows:
        told, published = record.figures(row, seeds), recipe.expect[row]
        enough = len(seeds) >= FEWEST
        good = not enough or reached(told["last"], told["last_std"], len(seeds), published)
        fine = fine and good
        last, best = (f"{100 * told[k]:.2f} ± {100 * told.get(f'{k}_std', 0.0):.2f}" for k in ("last", "best"))
        cells = [row, ROWS[row].formula, f"{100 * published:.1f}", last, best, f"{told['epochs']:.0f}"]
        lines.append(
            [*cells, f"{1e3 * told['seconds']:.1f}", ("reached" if good else "missed") if enough else "too few seeds"]
        )
    head = ["row", "a layer", ">paper %", ">last epoch %", ">best validation %", ">epochs", ">ms an epoch", ""]
    table(head, lines)
    text = [f"# {recipe.title}", "", f"{recipe.source}; {len(seeds)} seeds from {seeds[0]}.", ""]
    text += [
        "| " + " | ".join(cell.lstrip(">") for cell in line) + " |" for line in (head, ["---"] * len(head), *lines)
    ]
    (record.folder / "report.md").write_text("\n".join(text) + "\n", encoding="utf-8")
    say(f"record  {record.folder}", style="bold")
    return 0 if fine else 1
