"""A table on disk to named columns of cells. · 将表格文件读成带名称的列。

No torch here. CSV and TSV need nothing; Parquet needs polars.
"""

import csv
import hashlib
import io
import re
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import UserError, unknown
from ..names import show
from ..sources import path_of
from ..table_names import TABLES, is_table
from ..text.reading import Text, decode, lines, read

Cells = list[str | None] | np.ndarray  # texts, None where there is nothing; or float64, nan where there is nothing
DELIMITERS = {"comma": ",", "semicolon": ";", "tab": "\t", "bar": "|"}
_DECIMAL, _THOUSANDS = re.compile(r"[+-]?\d+(,\d+)?(e[+-]?\d+)?"), re.compile(r"[+-]?[1-9]\d{0,2},\d{3}")
MISSING = frozenset(("", "na", "n/a", "#n/a", "nan", "null", "none", "nil", "?"))


@dataclass(frozen=True)
class Frame:
    """A table as it was read. · 读入的表格。

    name: of the file. columns: title → cells. places: of each row, for messages. dates: columns whose numbers are days
    since 1970. titled: whether the titles stood in the file.
    """

    name: str
    columns: dict[str, Cells]
    places: tuple[str, ...]
    fingerprint: str
    dates: frozenset[str] = frozenset()
    titled: bool = True

    def __len__(self) -> int:
        return len(self.places)


def read_table(source: str, options: dict[str, Any]) -> Frame:
    """Read a known table or a file. · 读取已知表格或文件。

    options: header, delimiter, encoding as `data.KEY=` has them. Raises `UserError` for whatever is wrong with it.
    """
    path = path_of(source)
    if path is None and source in TABLES:
        return _known(source, options)
    if path is None:
        raise UserError(f"data {source!r}: no such file: expected a .csv, .tsv or .parquet, or {', '.join(TABLES)}")
    if path.is_dir() or not (is_table(path) or path.suffix.lower() in (".txt", ".data")):
        what = "a folder" if path.is_dir() else f"{path.suffix or 'no ending'!r}"
        raise UserError(f"{show(path)}: {what}: expected a table, .csv, .tsv or .parquet")
    if path.suffix.lower() in (".parquet", ".pq"):
        return _parquet(path)
    return _csv(read(path, options.get("encoding")), options, path.suffix.lower() == ".tsv")


def _known(name: str, options: dict[str, Any]) -> Frame:
    known = TABLES[name]
    if given := [key for key in ("header", "delimiter", "encoding") if key in options]:
        raise UserError(*(f"data.{key}: how {name} is written is known; leave it out" for key in given))
    path = known.shelf.paths(name)[0]
    if path.suffix != ".tgz":
        return _csv(read(path), options, titles=known.columns)
    try:
        with tarfile.open(path) as archive:
            member = next(m for m in archive.getmembers() if m.isfile() and m.name.endswith(".csv"))
            file = archive.extractfile(member)
            assert file is not None  # it is a file
            text, encoding = decode(file.read(), show(path))
    except (OSError, tarfile.TarError, EOFError, StopIteration) as error:
        raise UserError(f"{show(path)}: no whole archive with a table ({error})") from error
    return _csv(Text(show(path), encoding, lines(text)), options)


# ---- CSV ------------------------------------------------------------------------------------------------------------


def _csv(text: Text, options: dict[str, Any], tabs: bool = False, titles: tuple[str, ...] = ()) -> Frame:
    delimiter = _delimiter(text, options.get("delimiter", "auto"), tabs)
    rows = _rows(text, delimiter)
    first = [cell.strip() for cell in rows[0][1]]
    if titles and len(titles) != len(first):
        raise UserError(f"{text.path}: {len(first)} columns: expected the {len(titles)} that were published")
    wrong = [
        f"{text.where(line)}: {len(cells)} cells: expected {len(first)} as in the first line"
        for line, cells in rows
        if len(cells) != len(first)
    ]
    if wrong:
        raise UserError(*wrong[:5], *([f"… and {len(wrong) - 5:,} more such lines"] if len(wrong) > 5 else []))
    titled = False if titles else _titled(first, options.get("header", "auto"))
    names = list(titles) or (first if titled else [f"column_{i + 1}" for i in range(len(first))])
    _check_titles(names, text.path)
    body = rows[1:] if titled else rows
    if not body:
        raise UserError(f"{text.path}: only a head: expected rows below it")
    digest = hashlib.sha256(repr(names).encode())
    columns: dict[str, Cells] = {}
    for name, cells in zip(names, zip(*(cells for _, cells in body), strict=True), strict=True):
        found: list[str | None] = [None if (cell := c.strip()).lower() in MISSING else cell for c in cells]
        found = found if delimiter == "," else _points(found, name, text.path)
        digest.update(repr(found).encode("utf-8", "backslashreplace"))
        columns[name] = found
    places = tuple(text.where(line) for line, _ in body)
    return Frame(Path(text.path).name, columns, places, digest.hexdigest(), titled=titled or bool(titles))


def _points(cells: list[str | None], name: str, path: str) -> list[str | None]:
    """Numbers with decimal commas, as many tables between semicolons have them, with points; other cells as they are.

    Raises `UserError` where a comma may as well stand between thousands.
    """
    there = [cell for cell in cells if cell is not None]
    broken = [cell for cell in there if "," in cell]
    if not broken or not all(_DECIMAL.fullmatch(cell) for cell in there):
        return cells
    if all(_THOUSANDS.fullmatch(cell) for cell in broken):
        raise UserError(
            f"{path}: {broken[0]!r} in column {show(name)} can be read in two ways, with a decimal comma or thousands: "
            "expected numbers with a point"
        )
    return [cell and cell.replace(",", ".") for cell in cells]


def _delimiter(text: Text, given: Any, tabs: bool) -> str:
    if given in DELIMITERS:
        return DELIMITERS[given]
    if given != "auto":
        raise unknown("data.delimiter", str(given), ("auto", *DELIMITERS))
    head = next(line for line in text.lines if line.strip())
    return "\t" if tabs else max(DELIMITERS.values(), key=head.count)


def _rows(text: Text, delimiter: str) -> list[tuple[int, list[str]]]:
    """(index of its last line, cells) of every record."""
    csv.field_size_limit(sys.maxsize)
    reader = csv.reader((line + "\n" for line in text.lines), delimiter=delimiter, strict=True)
    try:
        return [(reader.line_num - 1, cells) for cells in reader if any(cell.strip() for cell in cells)]
    except csv.Error as error:
        raise UserError(f"{text.where(reader.line_num - 1)}: {error}: check the quotation marks") from error


def _titled(first: list[str], header: Any) -> bool:
    """Whether the first line holds titles: texts that all differ, and none is a number."""
    if header in (True, "yes", False, "no"):
        return header in (True, "yes")
    if header != "auto":
        raise UserError(f"data.header={header}: expected auto, yes or no")
    return not any(number(cell) is not None or cell.lower() in MISSING - {""} for cell in first)


def _check_titles(names: list[str], path: str) -> None:
    if not names[0]:
        names[0] = "row"  # so data frames write their index
    empty = [i + 1 for i, name in enumerate(names) if not name]
    twice = [name for name in dict.fromkeys(names) if name and names.count(name) > 1]
    if empty:
        raise UserError(f"{path}: no title over column {empty[0]}: expected one over each, or data.header=no")
    if twice:
        raise UserError(f"{path}: {names.count(twice[0])} columns are called {show(twice[0])!r}: expected one")


def number(cell: str | None) -> float | None:
    """The number that a cell says, or None. · 单元格的数值。

    >>> number("1e3"), number("x"), number(None)
    (1000.0, None, None)
    """
    try:
        return None if cell is None or "_" in cell else float(cell)
    except ValueError:
        return None


# ---- Parquet --------------------------------------------------------------------------------------------------------


def _parquet(path: Path) -> Frame:
    try:
        import polars
    except ImportError as error:
        raise UserError(
            f"{show(path)}: Parquet is read by polars, which is not installed: pip install 'chainrule[tables]', or "
            "save the table as CSV"
        ) from error
    try:
        found = polars.read_parquet(io.BytesIO(path.read_bytes()))
    except OSError as error:
        raise UserError(f"{show(path)}: cannot be read ({error.strerror or error})") from error
    except Exception as error:  # polars' errors come from its own engine, some as panics of no documented class
        raise UserError(
            f"{show(path)}: no Parquet file that can be read ({' '.join(str(error).split())[:80]})"
        ) from error
    if not found.width or not found.height:
        raise UserError(f"{show(path)}: {found.height} rows of {found.width} columns: expected some")
    names = [name.strip() for name in found.columns]
    _check_titles(names, show(path))
    columns: dict[str, Cells] = {}
    dates: set[str] = set()
    digest = hashlib.sha256(repr(names).encode())
    for name, series in zip(names, found.iter_columns(), strict=True):
        columns[name] = _series(series, name, show(path), polars)
        if series.dtype.is_temporal():
            dates.add(name)
        cells = columns[name]
        digest.update(
            cells.tobytes() if isinstance(cells, np.ndarray) else repr(cells).encode("utf-8", "backslashreplace")
        )
    places = tuple(f"{show(path)} row {i + 1}" for i in range(found.height))
    return Frame(path.name, columns, places, digest.hexdigest(), frozenset(dates))


def _series(series: Any, name: str, path: str, polars: Any) -> Cells:
    """The cells of one column; polars' types are many, of which these are a number or a text."""
    dtype = series.dtype
    if dtype in (polars.Date, polars.Datetime):
        return (series.cast(polars.Datetime("us")).cast(polars.Int64).cast(polars.Float64) / 86_400e6).to_numpy().copy()
    if dtype.is_numeric() or dtype == polars.Null:
        return series.cast(polars.Float64).to_numpy().astype(np.float64)
    if dtype == polars.Boolean or dtype in (polars.String, polars.Categorical, polars.Enum):
        texts = series.cast(polars.String).to_list()
        return [None if t is None or t.strip().lower() in MISSING else t.strip() for t in texts]
    raise UserError(f"{path}: column {show(name)!r} holds {dtype}: expected numbers, texts, booleans or dates")
