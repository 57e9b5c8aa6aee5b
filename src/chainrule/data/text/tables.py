"""Several texts side by side: parallel files, and the named columns of a CSV or TSV table. · 平行文本与表格列。

No torch here.
"""

import csv
import sys
from collections.abc import Sequence
from pathlib import Path

from ...errors import UserError, unknown
from ..names import show
from .reading import Text, read

_DELIMITERS = "\t,;"


def parallel(*paths: str | Path, encoding: str | None = None) -> list[tuple[int, tuple[str, ...]]]:
    """(index, the same line of every file), without the lines that are empty in all of them. · 平行文件逐行配对。

    Raises `UserError` where one file ends before another, and where a line is empty in one file only.

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> for name in "ab":
    ...     _ = (folder / name).write_text(f"{name}1\\n\\n{name}3\\n")
    >>> parallel(folder / "a", folder / "b")
    [(0, ('a1', 'b1')), (2, ('a3', 'b3'))]
    """
    texts = [read(path, encoding) for path in paths]
    shortest, longest = (pick(texts, key=lambda text: len(text.lines)) for pick in (min, max))
    if len(shortest.lines) != len(longest.lines):
        raise UserError(
            f"{shortest.path} has {len(shortest.lines):,} lines and {longest.path} {len(longest.lines):,}: expected "
            f"one translation a line; the first without one is {longest.where(len(shortest.lines))}"
        )
    rows = []
    for i, row in enumerate(zip(*(text.lines for text in texts), strict=True)):
        empty = [not line.strip() for line in row]
        if any(empty) and not all(empty):
            raise UserError(f"{texts[empty.index(True)].where(i)}: empty, but {texts[empty.index(False)].path} is not")
        if not any(empty):
            rows.append((i, row))
    return rows


def columns(
    path: str | Path, names: Sequence[str | int], encoding: str | None = None, delimiter: str | None = None
) -> list[tuple[int, tuple[str, ...]]]:
    """(index of the line, its cells) of a CSV or TSV table; empty lines are left out. · 读取表格中的若干列。

    names: titles of the first line, or numbers from 0 where it has none. delimiter: comma, semicolon or tab; if None, a
    tab in a .tsv or where the first line has one, else what its first line has most of.
    Raises `UserError` for unknown columns, lines with another number of cells, empty cells, open quotation marks.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "a.csv"
    >>> _ = path.write_text('text,label\\n"good, very",1\\n')
    >>> columns(path, ["label", "text"])
    [(1, ('1', 'good, very'))]
    """
    text = read(path, encoding)
    rows = _rows(text, delimiter)
    first = rows[0][1]
    places = [_place(name, first, text.path) for name in names]
    titled = any(isinstance(name, str) for name in names)
    out = []
    for line, cells in rows[titled:]:
        if len(cells) != len(first):
            raise UserError(f"{text.where(line)}: {len(cells)} columns: expected {len(first)} as in the first line")
        for place in places:
            if not cells[place].strip():
                raise UserError(f"{text.where(line)}: nothing in column {show(first[place]) if titled else place}")
        out.append((line, tuple(cells[place] for place in places)))
    if not out:
        raise UserError(f"{text.path}: only a head: expected lines below it")
    return out


def titles(source: str | Path | Text, encoding: str | None = None, delimiter: str | None = None) -> list[str]:
    """The cells of the first line of a table, which may be read already. · 表格首行。

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "a.csv"
    >>> _ = path.write_text("text,label\\n")
    >>> titles(path)
    ['text', 'label']
    """
    return _rows(source if isinstance(source, Text) else read(source, encoding), delimiter)[0][1]


def _rows(text: Text, delimiter: str | None) -> list[tuple[int, list[str]]]:
    """(index of its last line, cells) of every record."""
    if delimiter is None:
        head = next(line for line in text.lines if line.strip())
        tabs = "\t" in head or Path(text.path).suffix.lower() == ".tsv"
        delimiter = "\t" if tabs else max(_DELIMITERS, key=head.count)
    elif delimiter not in _DELIMITERS or len(delimiter) != 1:
        raise UserError(f"delimiter={delimiter!r}: expected a comma, a semicolon or a tab")
    csv.field_size_limit(sys.maxsize)
    # a tab cannot stand inside a cell, so a quotation mark of a TSV is one of the text
    quoting = csv.QUOTE_NONE if delimiter == "\t" else csv.QUOTE_MINIMAL
    reader = csv.reader((line + "\n" for line in text.lines), delimiter=delimiter, strict=True, quoting=quoting)
    rows = []
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                rows.append((reader.line_num - 1, cells))
    except csv.Error as error:
        raise UserError(f"{text.where(reader.line_num - 1)}: {error}: check the quotation marks") from error
    return rows


def _place(name: str | int, first: list[str], path: str) -> int:
    if isinstance(name, int):
        if not 0 <= name < len(first):
            raise UserError(f"{path}: no column {name}: expected 0…{len(first) - 1}")
        return name
    titles = [title.strip() for title in first]
    if name not in titles:
        raise unknown(f"column of {path}", name, [show(title)[:40] for title in titles])
    if titles.count(name) > 1:
        raise UserError(f"{path}: {titles.count(name)} columns are called {name}: expected one")
    return titles.index(name)
