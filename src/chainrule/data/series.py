"""Time series: columns of numbers in order of time. · 时间序列：按时间排列的数值列。

No torch here. A row is a moment; nothing is shuffled, and what is learned lies before what is judged.
"""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import UserError
from .names import hidden, show
from .series_names import SERIES
from .sources import path_of
from .text.tables import columns, titles

_STRONG = 0.3  # correlation from which on a period is believed


@dataclass(frozen=True)
class Series:
    """Numbers over time. · 数值随时间的变化。

    columns: the one that is forecast, then those read beside it; values [T, C]; times: what the first other column says
    of each moment, its number where there is none.
    """

    name: str
    columns: tuple[str, ...]
    values: np.ndarray
    times: tuple[str, ...]

    @property
    def fingerprint(self) -> str:
        """sha256 of the numbers. · 数值的指纹。"""
        head = "\t".join(self.columns).encode()
        return hashlib.sha256(head + np.ascontiguousarray(self.values, "<f8").tobytes()).hexdigest()


def read(
    source: str,
    column: str | int = "",
    beside: Sequence[str | int] = (),
    encoding: str | None = None,
    delimiter: str | None = None,
) -> Series:
    """A series of a table: .csv or .tsv, or the only one in a folder. · 读取表格中的序列。

    column: what is forecast, the last one if "". Raises `UserError` with file and line for what is no finite number,
    for ragged rows, and for a source or columns that are not there.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "a.csv"
    >>> _ = path.write_text("day,rain\\nmon,1\\ntue,2.5\\n")
    >>> read(str(path)).values.tolist(), read(str(path)).times
    ([[1.0], [2.5]], ('mon', 'tue'))
    """
    path = _file(source)
    heads = [head.strip() for head in titles(path, encoding, delimiter)]
    untitled = all(map(_is_number, heads))  # then the first row is numbers, and columns have numbers for names
    chosen: list[str | int] = [column if column != "" else len(heads) - 1 if untitled else heads[-1], *beside]
    if len(set(chosen)) < len(chosen):
        raise UserError(f"data.beside: column {chosen[0]!r} is named twice: expected each once")
    named = {str(each) for each in chosen}
    free = [] if untitled else [head for head in heads if head not in named]
    other: list[str | int] = [*free[:1]]
    rows = columns(path, [*chosen, *other], encoding, delimiter)
    values = np.empty((len(rows), len(chosen)))
    for place, (line, cells) in enumerate(rows):
        for c, name in enumerate(chosen):
            values[place, c] = _number(cells[c], f"{show(path)} line {line + 1}, column {show(str(name))}")
    times = tuple(cells[-1].strip() if other else str(i + 1) for i, (_, cells) in enumerate(rows))
    return Series(path.stem, tuple(map(str, chosen)), values, times)


def _file(source: str) -> Path:
    path = path_of(source)
    if path is None and source in SERIES:
        return SERIES[source].shelf.paths(source)[0]
    if path is None:
        raise UserError(f"data {source!r}: expected the path of a table, a row for each moment, or {', '.join(SERIES)}")
    if not path.is_dir():
        return path
    files = [p for p in sorted(path.iterdir()) if p.suffix.lower() in (".csv", ".tsv") and not hidden(p)]
    if len(files) != 1:
        raise UserError(f"{show(path)}: a folder of {len(files)} tables: expected one .csv or .tsv, or its path")
    return files[0]


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _number(cell: str, where: str) -> float:
    value = float(cell) if _is_number(cell) else math.nan
    if not math.isfinite(value):
        raise UserError(f"{where}: {show(cell)[:40]!r}: expected a finite number; fill gaps or leave such rows out")
    return value


def period_of(values: np.ndarray) -> int:
    """The lag after which a series is most like itself, 0 where none is clear. · 周期，不明显则为 0。

    values [T]. Looked for in the differences, for a trend is like itself at every lag; among lags up to a third of it.

    >>> period_of(np.sin(np.arange(60) * 2 * np.pi / 12))
    12
    """
    d = np.diff(values)
    d = d - d.mean()
    most = len(d) // 3
    if most < 3 or not d.any():
        return 0
    like = np.array([d[lag:] @ d[: len(d) - lag] for lag in range(most + 2)]) / (d @ d)
    peaks = [lag for lag in range(2, most + 1) if like[lag - 1] < like[lag] >= like[lag + 1]]
    best = max(peaks, key=lambda lag: like[lag], default=0)
    return best if best and like[best] > _STRONG else 0
