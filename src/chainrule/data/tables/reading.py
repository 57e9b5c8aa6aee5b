"""A table ready for training: read, its columns found out, held out in parts, measured. · 可供训练的表格。"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...errors import UserError, unknown
from ..held import Held
from ..names import show
from ..table_names import TABLES
from .columns import Column, encode, look_at, measure
from .files import Frame, read_table
from .target import Target, name_of, target

LEAST = 10  # rows


class Rows:
    """One part of a table. · 表格的一部分。

    numbers float32 [N, F], categories int64 [N, K], targets [N]; rows: which of the file they are.
    """

    def __init__(self, numbers: Tensor, categories: Tensor, targets: Tensor, rows: Tensor):
        self.numbers, self.categories, self.targets, self.rows = numbers, categories, targets, rows

    def __len__(self) -> int:
        return len(self.targets)

    def batch(self, indices: Tensor) -> tuple[tuple[Tensor, Tensor], Tensor]:
        """What the network takes of these rows, and their targets. · 一批输入与目标。"""
        x = self.numbers.index_select(0, indices), self.categories.index_select(0, indices)
        return x, self.targets.index_select(0, indices)

    def subset(self, indices: Tensor | Sequence[int]) -> "Rows":
        """These rows as a part of their own. · 子集。"""
        at = torch.as_tensor(indices, dtype=torch.int64)
        return Rows(self.numbers[at], self.categories[at], self.targets[at], self.rows[at])


@dataclass(frozen=True)
class Known:
    """What is known of a table: its columns, and what was measured on the training rows. · 表格的要点。

    titles: all of the file's. columns: those that a network sees. mean, std: of a target that is a number.
    """

    name: str
    fingerprint: str
    task: str
    target: str
    classes: tuple[str, ...]
    mean: float
    std: float
    titles: tuple[str, ...]
    columns: tuple[Column, ...]


@dataclass(frozen=True)
class Table(Known):
    """A table with its parts; val, test None where there is none. · 划分好的表格。

    lines: what was done that its user should know.
    """

    source: str
    train: Rows
    val: Rows | None
    test: Rows | None
    lines: tuple[str, ...]


def load_table(source: str, options: dict[str, Any], held: Held) -> Table:
    """Read a table, find out what its columns are, hold parts out, measure the training part. · 读取并准备表格。

    options: `data.KEY=` of a model for tables. Raises `UserError` for whatever is wrong with file, target or columns.
    """
    frame = read_table(source, options)
    if len(frame.columns) == 1:
        (title,) = frame.columns
        raise UserError(
            f"{show(frame.name)}: one column ({show(title)[:40]!r}): expected a target and something to foretell it by"
        )
    known = TABLES.get(source)
    name = name_of(frame, options.get("target") or (known and known.target))
    goal = target(frame, name, str(options.get("task", "auto")))
    if len(goal.rows) < LEAST:
        raise UserError(
            f"{show(frame.name)}: {len(goal.rows)} rows with a target: expected at least {LEAST} to learn from"
        )
    names, categories = _chosen(frame, name, options)
    found = look_at(frame, names, categories)
    if not found.values:
        raise UserError(f"{show(frame.name)}: no column but the target tells anything", *found.lines)
    parts = held.parts(goal.strata())
    columns = measure(found, goal.rows[parts["train"]])
    coded = encode(found.values, columns)
    learned = goal.values[parts["train"]]
    mean, std = (float(learned.mean()), float(learned.std()) or 1.0) if goal.task == "regression" else (0.0, 1.0)
    y = torch.from_numpy(_standard(goal, mean, std))
    numbers, places = torch.from_numpy(coded.numbers), torch.from_numpy(coded.categories)
    made = {
        part: Rows(numbers[at], places[at], y[torch.from_numpy(rows)], at) if len(rows) else None
        for part, rows in parts.items()
        for at in (torch.from_numpy(goal.rows[rows]),)
    }
    train = made.pop("train")
    assert train is not None  # every stratum keeps a row
    told = (frame.name, frame.fingerprint, goal.task, name, goal.classes, mean, std, tuple(frame.columns), columns)
    return Table(*told, source, train, made["val"], made["test"], (*goal.lines, *found.lines))


def _standard(goal: Target, mean: float, std: float) -> np.ndarray:
    return goal.values if goal.task == "classification" else ((goal.values - mean) / std).astype(np.float32)


def _chosen(frame: Frame, target: str, options: dict[str, Any]) -> tuple[list[str], list[str]]:
    """The columns to look at, and those of them that are categories by wish."""
    listed: dict[str, list[str]] = {}
    for key in ("skip", "categories"):
        listed[key] = _titles(options.get(key))
        for title in listed[key]:
            if title not in frame.columns:
                raise unknown(f"column in data.{key}", title, [show(name) for name in frame.columns])
            if title == target:
                raise UserError(f"data.{key}={show(title)}: that is the target: expected another column")
    names = [name for name in frame.columns if name != target and name not in listed["skip"]]
    if not names:
        raise UserError(f"{show(frame.name)}: no column is left beside the target: expected some to foretell it by")
    return names, listed["categories"]


def _titles(given: Any) -> list[str]:
    """Titles as a word or a tuple says them.

    >>> _titles("a, b"), _titles(("a", 3)), _titles(None)
    (['a', 'b'], ['a', '3'], [])
    """
    if given is None or given == ():
        return []
    if isinstance(given, tuple | list):
        return [str(title) for title in given]
    return [title.strip() for title in str(given).split(",") if title.strip()]
