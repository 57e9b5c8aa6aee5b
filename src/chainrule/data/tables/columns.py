"""What each column of a table is, and how a network takes it. · 各列的类型，以及网络如何接收它们。

symbols  N rows   F numbers a row, standardised, an indicator of 1 behind each that has gaps   K categories a row, as
         places in a table: 0 never seen, 1 nothing there, from 2 on the names
"""

import datetime
import re
from dataclasses import dataclass, field

import numpy as np

from ...errors import UserError
from ..names import show
from .files import Cells, Frame, number

UNSEEN, ABSENT, FIRST = 0, 1, 2
MANY = 0.5  # of the rows have a text of their own: names and free text, of which nothing can be learned
LARGEST = 1e30  # beyond it squares and sums leave what numbers of 32 bits hold
FEW = 20  # different texts are always categories
TRUE, FALSE = ("true", "yes", "t", "y"), ("false", "no", "f", "n")
_ISO = re.compile(
    r"(\d{4})([-/.])(\d{1,2})\2(\d{1,2})(?:[ T](\d{1,2}):(\d{2})(?::(\d{2})(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?"
)
_TWO_WAYS = re.compile(r"\d{1,2}([-/.])\d{1,2}\1(?:\d{4}|\d{2})")


@dataclass(frozen=True)
class Column:
    """One column that a network sees, with what was measured on the training rows. · 一列及其训练集统计量。

    kind: "number", "boolean", "date" or "category". mean, std: of a number; median stands where there is none; gaps: an
    indicator tells where. categories: names, the first is place 2.

    >>> Column("age", "number").width, Column("sex", "category", categories=("f", "m")).places
    (1, 4)
    """

    name: str
    kind: str
    mean: float = 0.0
    std: float = 1.0
    median: float = 0.0
    gaps: bool = False
    categories: tuple[str, ...] = ()

    @property
    def width(self) -> int:
        """Numbers that it gives to a row. · 数值个数。"""
        return 0 if self.kind == "category" else 1 + self.gaps

    @property
    def places(self) -> int:
        """Rows of its table of embeddings. · 嵌入表行数。"""
        return len(self.categories) + FIRST if self.kind == "category" else 0


@dataclass
class Kinds:
    """What was found out about the columns of a table. · 列类型的判定结果。

    values: name → numbers, or texts of categories. kinds: name → kind. lines: what a user should know.
    """

    values: dict[str, Cells] = field(default_factory=dict)
    kinds: dict[str, str] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)


def look_at(frame: Frame, names: list[str], categories: list[str]) -> Kinds:
    """The kind of each of these columns; what tells nothing is left out with a line. · 判定各列类型。

    categories: columns to take as categories whatever they hold. Raises `UserError` with a line for each that is wrong.
    """
    found, wrong = Kinds(), []
    for name in names:
        try:
            kind, values = _kind(frame, name, name in categories)
        except UserError as error:
            wrong += error.lines
            continue
        if line := _useless(name, kind, values, name in categories):
            found.lines.append(line)
            continue
        if kind == "date":
            found.lines.append(f"column {show(name)}: dates, taken as days since 1970-01-01")
        found.values[name], found.kinds[name] = values, kind
    if wrong:
        raise UserError(*wrong)
    return found


def are_dates(cells: Cells) -> bool:
    """Whether texts are dates, year-month-day or such as can be read in two ways. · 是否为日期列。

    >>> are_dates(["2024-02-01", None]), are_dates(["1/2/2024"]), are_dates(["a"])
    (True, True, False)
    """
    there = [] if isinstance(cells, np.ndarray) else [cell for cell in cells if cell is not None]
    return bool(there) and any(all(map(form.fullmatch, there)) for form in (_ISO, _TWO_WAYS))


def _kind(frame: Frame, name: str, as_category: bool) -> tuple[str, Cells]:
    cells = frame.columns[name]
    if as_category:
        return "category", texts(cells)
    if isinstance(cells, np.ndarray):
        _refuse_infinite(frame, name, cells)
        return ("date" if name in frame.dates else "number"), cells
    there = [cell for cell in cells if cell is not None]
    if there and all(cell.lower() in TRUE + FALSE for cell in there):
        values = [np.nan if cell is None else float(cell.lower() in TRUE) for cell in cells]
        return "boolean", np.array(values)
    if there and all(_ISO.fullmatch(cell) for cell in there):
        return "date", np.array([np.nan if c is None else _days(c, frame.places[i], name) for i, c in enumerate(cells)])
    if there and all(_TWO_WAYS.fullmatch(cell) for cell in there):
        raise UserError(
            f"column {show(name)}: dates like {there[0]} can be read in two ways: expected year-month-day, or without "
            f"the column: data.skip={show(name)}"
        )
    values = numbers(frame, name)
    return ("category", cells) if values is None else ("number", values)


def numbers(frame: Frame, name: str) -> np.ndarray | None:
    """A column as numbers, nan where there is none; None for a column of texts. · 数值列，文本列为 None。

    Raises `UserError` naming the row, where a few texts stand among numbers, and for infinity.
    """
    cells = frame.columns[name]
    if isinstance(cells, np.ndarray):
        _refuse_infinite(frame, name, cells)
        return cells
    values = [number(cell) for cell in cells]
    odd = [i for i, (cell, value) in enumerate(zip(cells, values, strict=True)) if cell is not None and value is None]
    there = sum(cell is not None for cell in cells)
    if odd and 2 * len(odd) < there:
        raise UserError(
            f"{frame.places[odd[0]]}: {show(str(cells[odd[0]]))[:40]!r} in column {show(name)}, where "
            f"{there - len(odd):,} of {there:,} are numbers: expected a number or an empty cell, or "
            f"data.categories={show(name)}"
        )
    if odd:
        return None
    out = np.array([np.nan if value is None else value for value in values])
    _refuse_infinite(frame, name, out)
    return out


def _refuse_infinite(frame: Frame, name: str, values: np.ndarray) -> None:
    if (large := np.abs(values) > LARGEST).any():
        row = int(np.flatnonzero(large)[0])
        raise UserError(
            f"{frame.places[row]}: {values[row]:g} in column {show(name)}: expected a finite number of at most "
            f"{LARGEST:g} or an empty cell"
        )


def _days(cell: str, place: str, name: str) -> float:
    match = _ISO.fullmatch(cell)
    assert match is not None  # it was looked at
    year, month, day, hour, minute, second = (int(match[i] or 0) for i in (1, 3, 4, 5, 6, 7))
    try:
        found = datetime.datetime(year, month, day, hour, minute, second)
    except ValueError as error:
        raise UserError(f"{place}: {cell!r} in column {show(name)} is no date ({error})") from None
    return (found - datetime.datetime(1970, 1, 1)).total_seconds() / 86_400


def texts(cells: Cells) -> list[str | None]:
    """Cells as texts; a whole number without its point. · 单元格文本。

    >>> texts(np.array([1.0, 2.5, np.nan]))
    ['1', '2.5', None]
    """
    if isinstance(cells, np.ndarray):
        return [None if np.isnan(v) else str(int(v)) if float(v).is_integer() else repr(float(v)) for v in cells]
    return cells


def _useless(name: str, kind: str, values: Cells, asked: bool) -> str:
    """Why a column tells nothing, or nothing."""
    if isinstance(values, np.ndarray):
        there = values[~np.isnan(values)]
        different, empty = len(np.unique(there)), not len(there)
        gaps = len(there) < len(values)
    else:
        there = [cell for cell in values if cell is not None]
        different, empty, gaps = len(set(there)), not there, len(there) < len(values)
    if empty:
        return f"column {show(name)}: nothing in any row: left out"
    if kind == "number" and isinstance(values, np.ndarray) and not gaps and _counts(values):
        return f"column {show(name)}: counts the rows: left out"
    if different == 1 and not gaps:
        return f"column {show(name)}: the same in every row: left out"
    if kind == "category" and not asked and different > max(FEW, MANY * len(values)):
        return (
            f"column {show(name)}: {different:,} different texts in {len(values):,} rows, as names have: left out; "
            f"data.categories={show(name)} keeps it"
        )
    return ""


def _counts(values: np.ndarray) -> bool:
    """Whether a column is nothing but the number of the row, as data frames write it."""
    return len(values) > FEW and values[0] in (0, 1) and bool((np.diff(values) == 1).all())


def as_known(frame: Frame, columns: tuple[Column, ...]) -> dict[str, Cells]:
    """The columns that a network knows, of a table that it does not. · 按已知列读取新的表格。

    Raises `UserError` with a line for each column that is not there or holds something else.
    """
    missing = [column.name for column in columns if column.name not in frame.columns]
    if missing:
        raise UserError(
            f"{show(frame.name)}: no column {', '.join(map(show, missing[:8]))}{' …' if len(missing) > 8 else ''}: "
            f"expected those that were learned from; it has {', '.join(map(show, list(frame.columns)[:8]))}"
        )
    out: dict[str, Cells] = {}
    wrong: list[str] = []
    for column in columns:
        try:
            out[column.name] = _as(frame, column)
        except UserError as error:
            wrong += error.lines
    if wrong:
        raise UserError(*wrong)
    return out


def _as(frame: Frame, column: Column) -> Cells:
    name, cells = column.name, frame.columns[column.name]
    if column.kind == "category":
        return texts(cells)
    if not isinstance(cells, np.ndarray) and column.kind in ("boolean", "date"):
        kind, values = _kind(frame, name, False)
        if kind == column.kind:
            return values
    values = numbers(frame, name)
    if values is None:
        first = next(cell for cell in cells if cell is not None)
        raise UserError(
            f"column {show(name)} holds {show(str(first))[:40]!r}: expected a {column.kind}, as in training"
        )
    return values


# ---- as a network takes them ----------------------------------------------------------------------------------------


def measure(found: Kinds, rows: np.ndarray) -> tuple[Column, ...]:
    """Mean, deviation, median and categories of the training rows. · 训练行上的统计量。"""
    columns = []
    for name, kind in found.kinds.items():
        values = found.values[name]
        if isinstance(values, np.ndarray):
            part = values[rows]
            there = part[~np.isnan(part)]
            median = float(np.median(there)) if len(there) else 0.0
            filled = np.where(np.isnan(part), median, part)
            std = float(filled.std())
            gaps = len(there) < len(part)
            columns.append(Column(name, kind, float(filled.mean()), std if std > 0 else 1.0, median, gaps))
        else:
            seen = sorted({cell for i in rows.tolist() if (cell := values[i]) is not None})
            columns.append(
                Column(name, kind, gaps=any(values[i] is None for i in rows.tolist()), categories=tuple(seen))
            )
    return tuple(columns)


@dataclass(frozen=True)
class Encoded:
    """A table as a network takes it: numbers float32 [N, F], categories int64 [N, K]; lines say what was odd."""

    numbers: np.ndarray
    categories: np.ndarray
    lines: tuple[str, ...] = ()


def encode(values: dict[str, Cells], columns: tuple[Column, ...]) -> Encoded:
    """Rows as a network takes them, by what was measured before. · 按已测得的统计量编码。"""
    rows = len(next(iter(values.values())))
    numeric, places, lines = [], [], []
    for column in columns:
        cells = values[column.name]
        if isinstance(cells, np.ndarray):
            absent = np.isnan(cells)
            numeric.append((np.where(absent, column.median, cells) - column.mean) / column.std)
            if column.gaps:
                numeric.append(absent.astype(np.float64))
            continue
        known = {name: FIRST + i for i, name in enumerate(column.categories)}
        nothing = ABSENT if column.gaps else UNSEEN
        places.append(np.array([nothing if c is None else known.get(c, UNSEEN) for c in cells], dtype=np.int64))
        new = sorted({c for c in cells if c is not None and c not in known})
        if new:
            count = sum(c is not None and c not in known for c in cells)
            named = ", ".join(show(c)[:30] for c in new[:3]) + (", …" if len(new) > 3 else "")
            lines.append(
                f"column {show(column.name)}: {count:,} rows with categories that training never saw ({named}): "
                "taken as none of those it knows"
            )
    numbers_ = np.stack(numeric, 1) if numeric else np.zeros((rows, 0))
    categories = np.stack(places, 1) if places else np.zeros((rows, 0), dtype=np.int64)
    return Encoded(numbers_.astype(np.float32), categories, tuple(lines))
