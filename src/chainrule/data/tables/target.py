"""What is foretold: classes or a number. · 预测目标：类别或数值。

symbols  y [N] classes (int64), or numbers (float32) less their mean, over their deviation
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ...errors import UserError, unknown
from ..names import show
from .columns import FEW, MANY, are_dates, numbers, texts
from .files import Frame

MOST_CLASSES = 10  # whole numbers of so few kinds are classes
RARE = 5  # rows: a class of fewer is not in each part
_BINS = 10  # of numbers, from each of which a share is held out


@dataclass(frozen=True)
class Target:
    """The column that is foretold. · 目标列。

    values: [N] places among the classes, or numbers. rows: those of the table that have one. line: what was found out.
    """

    name: str
    task: str
    classes: tuple[str, ...]
    values: np.ndarray
    rows: np.ndarray
    lines: tuple[str, ...] = ()

    def strata(self) -> np.ndarray:
        """What is held out in proportion: the class, or the tenth of the numbers. · 分层依据。"""
        if self.task == "classification":
            return self.values
        edges = np.quantile(self.values, np.linspace(0, 1, _BINS + 1)[1:-1])
        return np.searchsorted(edges, self.values)


def name_of(frame: Frame, given: Any) -> str:
    """The title of the target; numbers count columns from 1, or from the end where negative. · 目标列标题。

    Raises `UserError` where none is given or there is no such column.
    """
    titles = list(frame.columns)
    listed = ", ".join(show(title) for title in titles[:12]) + (" …" if len(titles) > 12 else "")
    if given is None:
        raise UserError(f"data.target: not given: expected the column of {frame.name} that is to be foretold: {listed}")
    if str(given) in titles:
        return str(given)
    if isinstance(given, int) and not isinstance(given, bool) and 0 < abs(given) <= len(titles):
        return titles[given - 1 if given > 0 else given]
    raise unknown(f"data.target of {frame.name}", str(given), [show(title) for title in titles])


def target(frame: Frame, name: str, task: str) -> Target:
    """The values of the target, and whether they are classes or numbers. · 判定目标类型。

    task: "auto", "classification" or "regression". Raises `UserError` for one that cannot be learned.
    """
    if task not in ("auto", "classification", "regression"):
        raise UserError(f"data.task={task}: expected auto, classification or regression")
    if name in frame.dates or are_dates(frame.columns[name]):
        raise UserError(f"target {show(name)} holds dates: expected classes or numbers")
    words = texts(frame.columns[name])
    rows = np.array([i for i, word in enumerate(words) if word is not None], dtype=np.int64)
    if not len(rows):
        raise UserError(f"target {show(name)}: nothing in any row: expected a class or a number in each")
    lines = []
    if len(rows) < len(words):
        lines.append(f"target {show(name)}: nothing in {len(words) - len(rows):,} of {len(words):,} rows: left out")
    values = numbers(frame, name) if task != "classification" else None
    if task == "regression" and values is None:
        raise UserError(
            f"target {show(name)} holds texts ({show(words[rows[0]] or '')[:40]!r}): expected numbers for "
            "data.task=regression"
        )
    there = None if values is None else values[rows]
    if there is not None and (task == "regression" or not _few(there)):
        if len(np.unique(there)) == 1:
            raise UserError(f"target {show(name)}: {there[0]:g} in every row: expected numbers that differ")
        return Target(name, "regression", (), there, rows, tuple(lines))
    classes = _classes([word for i in rows.tolist() if (word := words[i]) is not None], name)
    if task == "auto" and there is not None and len(classes) > 2:
        lines.append(
            f"target {show(name)}: whole numbers of {len(classes)} kinds, taken as classes; "
            "data.task=regression takes them as numbers"
        )
    place = {label: i for i, label in enumerate(classes)}
    chosen = np.array([place[words[i] or ""] for i in rows.tolist()], dtype=np.int64)
    rare = [label for label, count in zip(classes, np.bincount(chosen).tolist(), strict=True) if count < RARE]
    if rare:
        named = ", ".join(show(label)[:30] for label in rare[:5]) + (" …" if len(rare) > 5 else "")
        lines.append(f"target {show(name)}: fewer than {RARE} rows of class {named}: not in every part")
    return Target(name, "classification", classes, chosen, rows, tuple(lines))


def _few(values: np.ndarray) -> bool:
    different = np.unique(values)
    return len(different) <= MOST_CLASSES and bool((different == np.round(different)).all())


def _classes(words: list[str], name: str) -> tuple[str, ...]:
    """The classes in order: numbers by size, texts by letter."""
    found = set(words)
    if len(found) == 1:
        raise UserError(f"target {show(name)}: {show(words[0])[:40]!r} in every row: expected two classes or more")
    if len(found) > max(FEW, MANY * len(words)):
        raise UserError(
            f"target {show(name)}: {len(found):,} different texts in {len(words):,} rows: expected a column of classes "
            "or numbers"
        )
    try:
        return tuple(sorted(found, key=float))
    except ValueError:
        return tuple(sorted(found))
