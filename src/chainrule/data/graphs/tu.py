"""Sets of graphs in the files of TU Dortmund: DS_A.txt and its neighbours. · TU Dortmund 格式的图集合。

DS_A.txt                 node, node: an edge a line, nodes numbered from 1 over all graphs
DS_graph_indicator.txt   the graph of each node, from 1, rising
DS_graph_labels.txt      the class of each graph
DS_node_labels.txt       a whole number a node, its kind (may be missing)
DS_node_attributes.txt   numbers a node, commas between them (may be missing)

Labels and attributes of edges and numbers as targets are not looked at. Source: Morris et al. 2020, arXiv:2007.08663.
"""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ...errors import UserError
from ..graph_names import INDICATOR
from ..names import show
from .sets import GraphSet

UNREAD = ("edge_labels", "edge_attributes", "graph_attributes")


def of_folder(folder: Path) -> GraphSet:
    """The set in a folder. · 读取文件夹中的图集合。

    Raises `UserError`, naming file and line, for what is no such set.
    """
    indicators = sorted(folder.glob(f"*{INDICATOR}"))
    if len(indicators) != 1:
        found = ", ".join(show(path.name) for path in indicators) or "none"
        raise UserError(f"{show(folder)}: expected one file DS{INDICATOR}, found {found}")
    name = indicators[0].name.removesuffix(INDICATOR)
    path = {word: folder / f"{name}_{word}.txt" for word in ("A", "graph_labels", "node_labels", "node_attributes")}
    owner = _owner(indicators[0])
    labels = _whole(path["graph_labels"], 1)[:, 0]
    graphs = int(owner.max()) + 1
    if len(labels) != graphs:
        raise UserError(
            f"{show(path['graph_labels'])}: {len(labels):,} lines: expected {graphs:,}, one a graph that "
            f"{show(indicators[0].name)} names"
        )
    counts = torch.bincount(torch.from_numpy(owner), minlength=graphs)
    ptr = torch.nn.functional.pad(counts.cumsum(0), (1, 0))
    y, classes = _codes(labels)
    kind, kinds = _kinds(path["node_labels"], len(owner))
    x = _numbers(path["node_attributes"], len(owner))
    columns = () if x is None else tuple(f"attribute {k + 1}" for k in range(x.shape[1]))
    left = [word for word in UNREAD if (folder / f"{name}_{word}.txt").is_file()]
    lines = (f"not looked at: {', '.join(word.replace('_', ' ') for word in left)}",) if left else ()
    edges = _edges(path["A"], len(owner))
    return GraphSet(name, ptr, edges, y, classes, None, kind, kinds, x, columns, lines=lines)


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        what = "no such file" if isinstance(error, FileNotFoundError) else f"cannot be read as text ({error})"
        raise UserError(f"{show(path)}: {what}: expected it beside the others of the set") from None


def _whole(path: Path, wide: int) -> np.ndarray:
    """Whole numbers, `wide` a line, int64 [lines, wide]."""
    lines = _lines(path)
    try:
        table = np.array([[int(cell) for cell in line.split(",")] for line in lines], dtype=np.int64)
        if table.shape == (len(lines), wide) and len(lines):
            return table
    except (ValueError, OverflowError):
        pass  # the line that is to blame is looked for below
    for n, line in enumerate(lines, 1):
        cells = line.split(",")
        if len(cells) != wide or not all(cell.strip().lstrip("+-").isdecimal() for cell in cells):
            said = show(line.strip()[:30])
            raise UserError(f"{show(path)}, line {n}: {said!r}: expected {_count(wide)}")
    raise UserError(f"{show(path)}: {'too large a number' if lines else 'empty'}: expected {_count(wide)} a line")


def _count(wide: int) -> str:
    return "a whole number" if wide == 1 else f"{wide} whole numbers with commas between"


def _owner(path: Path) -> np.ndarray:
    """The graph of each node from 0."""
    owner = _whole(path, 1)[:, 0] - 1
    if owner[0] < 0 or (owner < 0).any():
        n = int(np.flatnonzero(owner < 0)[0])
        raise UserError(f"{show(path)}, line {n + 1}: graph {owner[n] + 1}: expected numbers from 1")
    falls = np.flatnonzero(np.diff(owner) < 0)
    if len(falls):
        n = int(falls[0]) + 1
        raise UserError(
            f"{show(path)}, line {n + 1}: graph {owner[n] + 1} after graph {owner[n - 1] + 1}: expected the nodes of "
            "a graph together, graphs rising"
        )
    if owner[-1] >= len(owner) + 1_000_000:
        raise UserError(
            f"{show(path)}: graph {owner[-1] + 1} for {len(owner)} nodes: expected no more graphs than nodes"
        )
    return owner


def _edges(path: Path, nodes: int) -> Tensor:
    pairs = _whole(path, 2) - 1 if path.is_file() and path.stat().st_size else np.zeros((0, 2), np.int64)
    if not path.is_file():
        _lines(path)
    wrong = np.flatnonzero(((pairs < 0) | (pairs >= nodes)).any(1))
    if len(wrong):
        n = int(wrong[0])
        raise UserError(
            f"{show(path)}, line {n + 1}: edge {pairs[n, 0] + 1}, {pairs[n, 1] + 1}: expected nodes in 1…{nodes}"
            + (f"; {len(wrong) - 1:,} more lines like it" if len(wrong) > 1 else "")
        )
    return torch.from_numpy(np.ascontiguousarray(pairs.T))


def _codes(values: np.ndarray) -> tuple[Tensor, tuple[str, ...]]:
    """Places among the values that there are, and their names."""
    known, codes = np.unique(values, return_inverse=True)
    return torch.from_numpy(codes.astype(np.int64)), tuple(map(str, known.tolist()))


def _kinds(path: Path, nodes: int) -> tuple[Tensor | None, tuple[str, ...]]:
    if not path.is_file():
        return None, ()
    values = _whole(path, 1)[:, 0]
    _one_a_node(path, len(values), nodes)
    return _codes(values)


def _numbers(path: Path, nodes: int) -> Tensor | None:
    if not path.is_file():
        return None
    lines = _lines(path)
    _one_a_node(path, len(lines), nodes)
    wide, rows = len(lines[0].split(",")), []
    for n, line in enumerate(lines, 1):
        cells = line.split(",")
        if len(cells) != wide:
            raise UserError(f"{show(path)}, line {n}: {len(cells)} numbers: expected {wide}, as above")
        try:
            rows.append([float(cell) for cell in cells])
        except ValueError:
            raise UserError(f"{show(path)}, line {n}: {show(line.strip()[:30])!r}: expected numbers") from None
    return torch.tensor(rows)


def _one_a_node(path: Path, lines: int, nodes: int) -> None:
    if lines != nodes:
        raise UserError(f"{show(path)}: {lines:,} lines: expected {nodes:,}, one a node")
