"""A folder of graphs, a file each, with their classes: by labels.csv, or by the folder they lie in. · 图文件夹。

labels.csv   file,class, a file of the folder a line; a first line with these words may stand above
folders      one folder a class, its name the class
attributes   numbers that every node of every graph has are read as such, and a word that every node has is its kind;
             what only some nodes have, words of several attributes, and words that are names are not looked at
"""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ...errors import UserError
from ..graph_names import ALONE
from ..names import show
from .files import parsed
from .sets import GraphSet
from .tables import rows

MOST = 200  # different words that are kinds; more are names


def files_of(folder: Path) -> list[Path]:
    """The graphs that lie right in a folder. · 文件夹中的图文件。"""
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in ALONE)


def of_folder(folder: Path) -> GraphSet:
    """The set in a folder. · 读取图文件夹。

    Raises `UserError`, naming file and line, for files that cannot be read, and where classes are missing.
    """
    told = _by_table(folder) if (folder / "labels.csv").is_file() else _by_folder(folder)
    classes = tuple(sorted({word for _, word in told}))
    y = torch.tensor([classes.index(word) for _, word in told])
    return of_files(folder.name, [path for path, _ in told], y, classes)


def of_files(name: str, paths: list[Path], y: Tensor, classes: tuple[str, ...]) -> GraphSet:
    """Graphs of several files as a set; their class −1 where it is not known. · 由若干文件构成集合。

    Raises `UserError`, naming the file, for what networkx cannot read.
    """
    graphs = [parsed(path) for path in paths]
    ptr = torch.tensor([0, *(len(graph) for graph in graphs)]).cumsum(0)
    nodes = [data for graph in graphs for _, data in graph.nodes(data=True)]
    columns, words = _shared(nodes)
    x = torch.tensor([[float(data[key]) for key in columns] for data in nodes]) if columns else None
    kind, kinds = _kinds([str(data[words[0]]) for data in nodes]) if len(words) == 1 else (None, ())
    left = sorted({key for data in nodes for key in data} - {*columns, *(words if kinds else ())})
    lines = (f"not looked at: {', '.join(show(str(key)) for key in left[:8])}",) if left else ()
    edges, weights = _edges(graphs, paths, ptr.tolist())
    told_names = tuple(path.stem for path in paths)
    return GraphSet(name, ptr, edges, y, classes, weights, kind, kinds, x, columns, told_names, lines=lines)


def _shared(nodes: list[dict[str, Any]]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The attributes that every node has: numbers, words."""
    if not nodes:
        return (), ()
    shared = sorted(set.intersection(*(set(data) for data in nodes)))
    number = {key: all(isinstance(data[key], int | float) for data in nodes) for key in shared}
    return tuple(key for key in shared if number[key]), tuple(key for key in shared if not number[key])


def _kinds(told: list[str]) -> tuple[Tensor | None, tuple[str, ...]]:
    kinds = tuple(sorted(set(told)))
    if len(kinds) > MOST:
        return None, ()
    place = {word: i for i, word in enumerate(kinds)}
    return torch.tensor([place[word] for word in told]), kinds


def _edges(graphs: list[Any], paths: list[Path], firsts: list[int]) -> tuple[Tensor, Tensor | None]:
    """Edges of all, both ways where a graph has no directions, and their weights where one is not 1."""
    ends, weights = [], []
    for graph, path, first in zip(graphs, paths, firsts, strict=False):
        place = {node: first + i for i, node in enumerate(graph.nodes)}
        for a, b, weight in graph.edges(data="weight", default=1):
            ways = [(place[a], place[b])] if graph.is_directed() else [(place[a], place[b]), (place[b], place[a])]
            try:
                weights += [float(weight)] * len(ways)
            except (TypeError, ValueError):
                raise UserError(f"{show(path)}: a weight of an edge is no number: expected numbers") from None
            ends += ways
    w = torch.tensor(weights)
    return torch.tensor(ends, dtype=torch.int64).reshape(-1, 2).T, None if bool((w == 1).all()) else w


def _by_table(folder: Path) -> list[tuple[Path, str]]:
    path, told, seen = folder / "labels.csv", [], set()
    lines = rows(path)
    if lines and [cell.lower() for cell in lines[0][1]] == ["file", "class"]:
        lines = lines[1:]
    for n, cells in lines:
        if len(cells) != 2 or not cells[1]:
            raise UserError(f"{show(path)}, line {n}: {len(cells)} cells: expected file,class")
        file = folder / cells[0]
        if file.suffix.lower() not in ALONE or not file.is_file():
            raise UserError(
                f"{show(path)}, line {n}: {show(cells[0])}: expected a {' or '.join(ALONE)} file that lies here"
            )
        if file in seen:
            raise UserError(f"{show(path)}, line {n}: {show(cells[0])} stands there twice: expected each once")
        seen.add(file)
        told.append((file, cells[1]))
    if unknown := [file for file in files_of(folder) if file not in seen]:
        raise UserError(
            f"{show(folder)}: {len(unknown)} graphs have no class in labels.csv (the first: "
            f"{show(unknown[0].name)}): expected a line for each"
        )
    return told


def _by_folder(folder: Path) -> list[tuple[Path, str]]:
    if here := files_of(folder):
        raise UserError(
            f"{show(folder)}: {len(here)} graphs and no labels.csv: expected it with file,class, or a folder a class"
        )
    inner = sorted(path for path in folder.iterdir() if path.is_dir())
    return [(file, sub.name) for sub in inner for file in files_of(sub)]
