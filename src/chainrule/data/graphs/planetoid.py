"""Cora, Citeseer and Pubmed as published with Planetoid. · 以 Planetoid 形式发布的 Cora、Citeseer、Pubmed。

ind.NAME.x, y: the labelled training nodes; allx, ally: all nodes but those of the test; tx, ty: the test nodes in the
order of test.index; graph: node → its neighbours (Yang, Cohen & Salakhutdinov 2016, arXiv:1603.08861,
https://github.com/kimiyoung/planetoid). The first 140 (20 a class) are for training, the 500 after them for validation.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ...errors import UserError
from ..names import show
from .graph import Features, Graph, masked, sound_edges
from .pickled import Lists, Matrix, unpickle

PICKLES = ("x", "tx", "allx", "y", "ty", "ally", "graph")
VALIDATION = 500
CLASSES = {  # in the order of the files, told by how many nodes each has (Sen et al. 2008)
    "cora": (
        *("theory", "reinforcement learning", "genetic algorithms", "neural networks"),
        *("probabilistic methods", "case based", "rule learning"),
    ),
    "citeseer": ("AI", "ML", "IR", "DB", "agents", "HCI"),
    "pubmed": ("experimental diabetes", "diabetes type 1", "diabetes type 2"),
}


def read(folder: Path, name: str) -> Graph:
    """One set of a folder, test nodes in their places, edges in both directions and each once. · 读取一个数据集。

    Raises `UserError`, naming the file, for what is missing, damaged or no part of such a set.
    """
    held = {part: _part(folder / f"ind.{name}.{part}", part) for part in PICKLES}
    order = _order(folder / f"ind.{name}.test.index")
    known, test = held["allx"].shape[0], np.sort(order)
    _agree(folder, name, held, order)
    nodes = max(int(test[-1]) + 1, known)
    x, y = np.zeros((nodes, held["allx"].shape[1]), np.float32), np.full(nodes, -1)
    x[:known], y[:known] = held["allx"].dense(), _class(held["ally"])
    x[order], y[order] = held["tx"].dense(), _class(held["ty"])  # the i-th row is of the i-th node of test.index
    train = len(held["y"])
    pairs = [(a, b) for a, others in held["graph"].items() for b in others]
    edges, faults = sound_edges(np.array(pairs, np.int64).reshape(-1, 2).T, nodes, f"ind.{name}.graph")
    masks = masked(nodes, (np.arange(train), np.arange(train, train + VALIDATION), test))
    classes = CLASSES.get(name, ())
    if len(classes) != held["ally"].shape[1]:
        classes = tuple(map(str, range(held["ally"].shape[1])))
    found = Graph(name, edges, nodes, None, Features.of(torch.from_numpy(x)), torch.from_numpy(y), classes, masks)
    return replace(found.symmetric(), faults=faults)


def _part(path: Path, part: str) -> Any:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UserError(
            f"{show(path)}: cannot be read ({error.strerror or error}): expected the eight files ind.NAME.* of a set"
        ) from None
    value = unpickle(data, show(path))
    wanted: Any = Lists if part == "graph" else Matrix if part in ("x", "tx", "allx") else np.ndarray
    if not isinstance(value, wanted) or (isinstance(value, np.ndarray) and value.ndim != 2):
        what = {"Lists": "a dictionary of lists", "Matrix": "a sparse matrix"}.get(wanted.__name__, "a table")
        raise UserError(f"{show(path)}: holds a {type(value).__name__}: expected {what}")
    return value


def _order(path: Path) -> np.ndarray:
    try:
        numbers = [int(line) for line in path.read_text(encoding="ascii").split()]
    except OSError as error:
        raise UserError(f"{show(path)}: cannot be read ({error.strerror or error})") from None
    except ValueError:
        raise UserError(f"{show(path)}: expected a node's number on each line") from None
    if not numbers or len(set(numbers)) != len(numbers) or min(numbers) < 0:
        raise UserError(f"{show(path)}: {len(numbers)} lines: expected the numbers of the test nodes, each once")
    return np.array(numbers)


def _agree(folder: Path, name: str, held: dict[str, Any], order: np.ndarray) -> None:
    """The files of a set belong together."""
    where = f"{show(folder)}/ind.{name}"
    for rows, labels in (("x", "y"), ("allx", "ally"), ("tx", "ty")):
        if held[rows].shape[0] != len(held[labels]):
            raise UserError(f"{where}.{rows}: {held[rows].shape[0]} nodes, but .{labels} has {len(held[labels])}")
    if held["tx"].shape[0] != len(order):
        raise UserError(f"{where}.tx: {held['tx'].shape[0]} nodes, but test.index names {len(order)}")
    if held["tx"].shape[1] != held["allx"].shape[1] or held["ty"].shape[1] != held["ally"].shape[1]:
        raise UserError(f"{where}.tx: other features or classes than .allx: these files belong to different sets")
    if min(order) < held["allx"].shape[0] or max(order) > 2 * (held["allx"].shape[0] + len(order)):
        raise UserError(
            f"{where}.test.index: nodes {min(order)}…{max(order)}: expected numbers after the "
            f"{held['allx'].shape[0]} of .allx"
        )
    if len(held["y"]) + VALIDATION > held["allx"].shape[0]:
        raise UserError(f"{where}.allx: {held['allx'].shape[0]} nodes: too few for {len(held['y'])} + {VALIDATION}")


def _class(table: np.ndarray) -> np.ndarray:
    """The class of each one-hot row, −1 where it has none (Citeseer's isolated test nodes). · 由独热行得到类别。"""
    return np.where(table.any(1), table.argmax(1), -1)
