"""`chainrule predict` for runs that learned a graph: [GRAPH] [NODE]…. · 图学习运行的预测。"""

from typing import Any

from ..data.graph_names import NAMES
from ..data.sources import path_of
from ..errors import UserError
from .answers import as_csv, as_json, as_table
from .judge import open_checked


def predict(run: str, what: tuple[str, ...], asked: dict[str, Any]) -> None:
    """Class of every node or of those named, of the run's own graph or of another one. · 预测节点。

    asked the options of the command. Raises `UserError` for those that are for images and texts.
    """
    if asked["tta"] != "none" or asked["sheet"] or asked["files"]:
        raise UserError("--tta, --sheet and --file: for images and texts; nodes are named as words")
    graph, nodes = split(what)
    found = open_checked(run, asked["weights"], "predict").predict(nodes, graph, asked["topk"])
    if asked["csv_"]:
        as_csv(found, False, asked["csv_"], "node")
    elif asked["json_"]:
        as_json(found, False, "node")
    else:
        as_table(found, False, "node")


def split(words: tuple[str, ...]) -> tuple[str | None, tuple[str, ...]]:
    """The graph, where the first word is one, and the nodes. · 分出图与节点。

    >>> split(("karate", "3")), split(("3", "4"))
    (('karate', ('3',)), (None, ('3', '4')))
    """
    first = words[0] if words else ""
    path = path_of(first) if first else None
    there = path is not None and (path.is_dir() or "." in path.name)
    return (first, words[1:]) if first in NAMES or there or "/" in first else (None, words)
