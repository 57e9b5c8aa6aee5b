"""Graphs as tables: a list of edges, and a CSV of the nodes. · 表格形式的图：边表与节点表。

edges.csv    source,target[,weight], one edge a line from speaker to hearer; a first line of names may stand above
nodes.csv    id,FEATURES…,class[,part]: columns `class` and `part` by name (part: train, val, test or empty), every
             other column a number
"""

import csv
import re
from pathlib import Path

import numpy as np
import torch

from ...errors import UserError
from ..names import show
from .graph import PARTS, Features, Graph

_LINES = 5  # of one kind


def rows(path: Path) -> list[tuple[int, list[str]]]:
    """(line number, cells) of each line that is not empty; comma, tab or space stand between. · 逐行读取。"""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{show(path)}: cannot be read as text ({error})") from None
    lines = [(n, line) for n, line in enumerate(text.splitlines(), 1) if line.strip() and line[0] not in "#%"]
    if any("," in line for _, line in lines[:1]):
        return [(n, [cell.strip() for cell in next(csv.reader([line]))]) for n, line in lines]
    return [(n, re.split(r"\s+", line.strip())) for n, line in lines]


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def capped(faults: list[str], where: str) -> tuple[str, ...]:
    """The first lines of many, and how many more. · 截断过多的说明。"""
    more = len(faults) - _LINES
    return tuple(faults[:_LINES] + ([f"{where}: … and {more} more of this kind"] if more > 0 else []))


def of_edges(path: Path, names: tuple[str, ...] | None = None) -> Graph:
    """A list of edges; without `names` the nodes are those that it mentions. · 读取边表。

    Raises `UserError`, naming file and line, for what is no edge.
    """
    lines = rows(path)
    if lines and lines[0][1][0].lower() in ("source", "src", "from", "u"):
        lines = lines[1:]
    pairs, weights, faults = [], [], []
    for n, cells in lines:
        if len(cells) not in (2, 3):
            raise UserError(f"{show(path)}, line {n}: {len(cells)} cells: expected source, target and perhaps a weight")
        weight = _number(cells[2]) if len(cells) == 3 else 1.0
        if weight is None:
            raise UserError(f"{show(path)}, line {n}: weight {cells[2]!r}: expected a number")
        negative = next((cell for cell in cells[:2] if re.fullmatch(r"-\d+", cell)), None)
        if negative is not None:
            faults.append(f"{show(path)}, line {n}: node {negative}: expected no negative number")
            continue
        pairs.append((cells[0], cells[1], n))
        weights.append(weight)
    if names is None:
        seen = {name for a, b, _ in pairs for name in (a, b)}
        names = tuple(sorted(seen, key=lambda s: (0, int(s), s) if s.isdigit() else (1, 0, s)))
    place = {name: i for i, name in enumerate(names)}
    dangling = [
        f"{show(path)}, line {n}: node {name!r} is not in nodes.csv: add it there or take the edge out"
        for a, b, n in pairs
        for name in (a, b)
        if name not in place
    ]
    kept = [i for i, (a, b, _) in enumerate(pairs) if a in place and b in place]
    edges = torch.tensor([(place[pairs[i][0]], place[pairs[i][1]]) for i in kept], dtype=torch.int64)
    w = torch.tensor([weights[i] for i in kept])
    all_faults = (*capped(faults, show(path)), *capped(dangling, show(path)))
    uniform = bool((w == 1).all())
    return Graph(path.stem, edges.reshape(-1, 2).T, len(names), None if uniform else w, names=names, faults=all_faults)


def of_folder(folder: Path) -> Graph:
    """edges.csv with nodes.csv beside it. · 读取 edges.csv 与 nodes.csv。

    Raises `UserError`, naming file and line, for what is no table of nodes.
    """
    path = folder / "nodes.csv"
    if not path.is_file():
        graph = of_edges(folder / "edges.csv")
        return Graph(**{**vars(graph), "name": folder.name})
    lines = rows(path)
    if not lines or lines[0][1][0].lower() not in ("id", "node", "name"):
        raise UserError(f"{show(path)}: expected a first line id,…,class with the names of its columns")
    (_, head), *body = lines
    again = next((title for title in head if head.count(title) > 1), None)
    if again is not None:
        raise UserError(f"{show(path)}: {head.count(again)} columns are called {show(again)!r}: expected one")
    if not body:
        raise UserError(f"{show(path)}: no node below its first line: expected one a line")
    names = tuple(cells[0] for _, cells in body)
    twice = next((name for name in names if names.count(name) > 1), None) if len(set(names)) < len(names) else None
    if twice is not None:
        raise UserError(f"{show(path)}: node {twice!r} stands there twice: expected each once")
    for n, cells in body:
        if len(cells) != len(head):
            raise UserError(f"{show(path)}, line {n}: {len(cells)} cells: expected {len(head)}, as above")
    graph = of_edges(folder / "edges.csv", names)
    columns = {word: head.index(word) for word in ("class", "part") if word in head}
    x = _features(path, head, body, columns)
    y, classes = _classes(body, columns.get("class"))
    masks = _masks(path, body, columns.get("part"))
    kept = {**vars(graph), "name": folder.name}
    return Graph(**(kept | {"x": x, "y": y, "classes": classes, "masks": masks}))


def _features(path: Path, head: list[str], body: list[tuple[int, list[str]]], columns: dict[str, int]):
    wanted = [i for i in range(1, len(head)) if i not in columns.values()]
    table = np.zeros((len(body), len(wanted)), np.float32)
    for row, (n, cells) in enumerate(body):
        for column, i in enumerate(wanted):
            value = float("nan") if cells[i] == "" else _number(cells[i])
            if value is None:
                raise UserError(f"{show(path)}, line {n}: {head[i]} is {cells[i]!r}: expected a number")
            table[row, column] = value
    return Features.of(torch.from_numpy(table)) if wanted else None


def _classes(body: list[tuple[int, list[str]]], at: int | None) -> tuple[torch.Tensor | None, tuple[str, ...]]:
    if at is None:
        return None, ()
    classes = tuple(sorted({cells[at] for _, cells in body if cells[at]}))
    return torch.tensor([classes.index(cells[at]) if cells[at] else -1 for _, cells in body]), classes


def _masks(path: Path, body: list[tuple[int, list[str]]], at: int | None) -> dict[str, torch.Tensor]:
    if at is None:
        return {}
    for n, cells in body:
        wrong = [word for word in cells[at].split("+") if word and word not in PARTS]
        if wrong:
            raise UserError(f"{show(path)}, line {n}: part {wrong[0]!r}: expected {', '.join(PARTS)} or nothing")
    return {part: torch.tensor([part in cells[at].split("+") for _, cells in body]) for part in PARTS}
