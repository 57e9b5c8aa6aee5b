"""`chainrule predict` for runs of graphs: [GRAPH] [NODE]…, or of many [SET|FILE] [GRAPH]…. · 图学习运行的预测。"""

from typing import Any

from ..catalog import kind
from ..data.graph_names import ALONE, NAMES, SETS
from ..data.sources import path_of
from ..errors import UserError
from ..runfile import from_file
from ..runs.folder import RunFolder
from .answers import as_csv, as_json, as_table
from .judge import open_checked
from .show import number, table


def predict(run: str, what: tuple[str, ...], asked: dict[str, Any]) -> None:
    """Class of every node or of those named, of the run's own graph or another one; or their new edges. · 预测节点。

    Of a run that learned whole graphs: the class of every graph or of those named, of its own set or of another.

    asked the options of the command. Raises `UserError` for those that are for images and texts.
    """
    if asked["tta"] != "none" or asked["sheet"] or asked["files"]:
        raise UserError("--tta, --sheet and --file: for images and texts; nodes and graphs are named as words")
    graph, nodes = split(what)
    learned = kind(from_file(RunFolder.open(run).run_toml)[0])
    one = "graph" if learned == "graphs" else "node"
    found = open_checked(run, asked["weights"], "predict").predict(nodes, graph, asked["topk"])
    if asked["csv_"]:
        as_csv(found, False, asked["csv_"], one)
    elif asked["json_"]:
        as_json(found, False, one)
    elif learned == "links":
        rows = [[one.path, *(f"{name} {number(p, 'top')}" for name, p in one.top)] for one in found]
        table(["node", "likeliest new edges", *[""] * (max(map(len, rows)) - 2)], rows)
    else:
        as_table(found, False, one)


def split(words: tuple[str, ...]) -> tuple[str | None, tuple[str, ...]]:
    """The graph, where the first word is one, and the nodes. · 分出图与节点。

    >>> split(("karate", "3")), split(("3", "4"))
    (('karate', ('3',)), (None, ('3', '4')))
    """
    first = words[0] if words else ""
    path = path_of(first) if first else None
    there = path is not None and (path.is_dir() or "." in path.name)
    meant = first in (*NAMES, *SETS) or there or "/" in first or first.lower().endswith(ALONE)
    return (first, words[1:]) if meant else (None, words)
