"""Labels in a table beside the images: CSV or TSV, one class a picture or several. · 图像旁的标签表。

file,label · file,label1|label2 · file and a column of 0 and 1 for each class; a column `split` says train, val or test.
With or without a head; separated by comma, semicolon or tab.
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..errors import UserError
from .images import SUFFIXES
from .names import hidden, show

ENDINGS = (".csv", ".tsv")
PARTS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev"), "val"),
    **dict.fromkeys(("test", "testing"), "test"),
}
_FILE = ("file", "filename", "file_name", "path", "filepath", "image", "image_path", "img", "name", "id", "image_id")
_LABEL = ("label", "labels", "class", "classes", "category", "categories", "target", "tag", "tags", "breed", "species")
_SPLIT = ("split", "part", "set", "subset")
_JOINTS = "|;"
_DELIMITERS = ",;\t"


@dataclass(frozen=True)
class Row:
    """One line of a table. · 标签表的一行。

    where: file and line, for messages. name: the image as written. labels: its classes. part: "train", "val", "test".
    """

    where: str
    name: str
    labels: tuple[str, ...]
    part: str


@dataclass(frozen=True)
class Table:
    """What a table says. · 标签表的内容。

    classes: the columns of a table of 0 and 1, else (). several: whether a picture can have several classes.
    """

    rows: tuple[Row, ...]
    classes: tuple[str, ...]
    several: bool


def tables(root: Path) -> dict[str, Path]:
    """Part ("" for all parts) → the table of a folder; {} where it has none. · 文件夹中的标签表。

    Raises `UserError` where several lie there and their names do not say which is what.
    """
    found = sorted(e for e in root.iterdir() if e.suffix.lower() in ENDINGS and e.is_file() and not hidden(e))
    found = [path for path in found if _names_images(path)]
    by_part = {PARTS[path.stem.lower()]: path for path in found if path.stem.lower() in PARTS}
    if "train" in by_part and len(by_part) == len(found):
        return {part: by_part[part] for part in ("train", "val", "test") if part in by_part}
    if len(found) > 1:
        names = ", ".join(show(path.name) for path in found)
        raise UserError(f"{show(root)}: several tables ({names}): expected one, or train.csv with val.csv and test.csv")
    return {"": found[0]} if found else {}


def _names_images(path: Path) -> bool:
    """Whether the first lines speak of image files: other tables may lie beside them."""
    try:
        with path.open("rb") as stream:
            start = stream.read(4096).lower()
    except OSError:
        return True  # what is wrong with it is said when it is read
    head = start.partition(b"\n")[0].decode("utf-8", "replace")
    words = [word.strip(" \"'\r\ufeff") for delimiter in _DELIMITERS for word in head.split(delimiter)]
    return any(suffix.encode() in start for suffix in SUFFIXES) or any(word in _FILE for word in words)


def read_table(path: Path, part: str = "") -> Table:
    """Read a table; part: what every row belongs to, where its file says so. · 读取标签表。

    Raises `UserError` with a line for each row that is wrong.
    """
    lines = list(_cells(path))
    if not lines:
        raise UserError(f"{show(path)}: an empty table: expected lines like cat1.png,cat")
    width = len(lines[0][1])
    if width < 2:
        raise UserError(
            f"{show(path)}: one column ({show(lines[0][1][0])[:40]!r}): expected file,label, separated by comma, "
            "semicolon or tab"
        )
    ragged = [
        f"{where}: {len(cells)} columns: expected {width} as in the first line"
        for where, cells in lines
        if len(cells) != width
    ]
    if ragged:
        raise UserError(*ragged)
    head = None if any(_is_image(cell) for cell in lines[0][1]) else [cell.lower() for cell in lines[0][1]]
    body = lines[1:] if head else lines
    if not body:
        raise UserError(f"{show(path)}: only a head: expected lines like cat1.png,cat below it")
    return _interpret(path, lines[0][1] if head else [], head or [], body, part)


def _cells(path: Path) -> Iterator[tuple[str, list[str]]]:
    """("labels.csv line 3", its cells) for every line that is not empty."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"{show(path)}: not UTF-8 text (byte {error.start}): save the table as UTF-8") from error
    except OSError as error:
        raise UserError(f"{show(path)}: cannot be read ({error.strerror or error})") from error
    if "\0" in text:
        raise UserError(f"{show(path)}: holds zero bytes: expected a text file of lines like cat1.png,cat")
    first = text.lstrip().partition("\n")[0]
    delimiter = max(_DELIMITERS, key=first.count)
    reader = csv.reader(text.splitlines(), delimiter=delimiter, strict=True)
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield f"{show(path.name)} line {reader.line_num}", [cell.strip() for cell in cells]
    except csv.Error as error:
        raise UserError(f"{show(path)} line {reader.line_num}: {error}: check the quotation marks") from error


def _is_image(cell: str) -> bool:
    return Path(cell).suffix.lower() in SUFFIXES


def _interpret(path: Path, titles: list[str], head: list[str], body: list, part: str) -> Table:
    """Find out which column is what, and read the rows."""
    width = len(body[0][1])
    file = _column(head, _FILE)
    if file is None:
        share = [sum(_is_image(cells[i]) for _, cells in body) for i in range(width)]
        file = max(range(width), key=share.__getitem__)
        if not share[file]:
            names = ", ".join(titles) or "no head"
            raise UserError(f"{show(path)}: no column of image files ({show(names)[:80]}): expected file,label")
    split = _column(head, _SPLIT)
    others = [i for i in range(width) if i not in (file, split)]
    label = _column(head, _LABEL)
    if label is None and len(others) == 1:
        label = others[0]
    if label is None:
        return _flags(path, titles, body, (file, split, others), part)
    several = any(joint in cells[label] for _, cells in body for joint in _JOINTS)
    rows, wrong = [], []
    for where, cells in body:
        labels = _split_labels(cells[label]) if several else tuple(filter(None, (cells[label],)))
        rows.append(Row(where, cells[file], labels, _part(where, cells, split, part, wrong)))
        if not several and not labels:
            wrong.append(f"{where}: no label for {show(cells[file])}: expected the name of a class")
    if wrong:
        raise UserError(*wrong)
    return Table(tuple(rows), (), several)


def _flags(path: Path, titles: list[str], body: list, columns: tuple, part: str) -> Table:
    """A column for each class: 1 where the picture has it."""
    file, split, others = columns
    classes = tuple(titles[i] for i in others) if titles else ()
    if not titles or len(set(classes)) < len(classes) or not all(classes):
        raise UserError(
            f"{show(path)}: {len(others) + 1} columns without a name each: expected file,label or a head that names "
            "the classes once each"
        )
    rows, wrong = [], []
    for where, cells in body:
        odd = next((i for i in others if cells[i] not in ("0", "1", "0.0", "1.0", "")), None)
        if odd is not None:
            wrong.append(
                f"{where}: {show(cells[odd])[:40]!r} in column {show(titles[odd])}: expected 0 or 1, or one column "
                "named label"
            )
        labels = tuple(titles[i] for i in others if cells[i] in ("1", "1.0"))
        rows.append(Row(where, cells[file], labels, _part(where, cells, split, part, wrong)))
    if wrong:
        raise UserError(*wrong)
    return Table(tuple(rows), classes, True)


def _column(head: list[str], known: tuple[str, ...]) -> int | None:
    return next((head.index(name) for name in known if name in head), None)


def _split_labels(cell: str) -> tuple[str, ...]:
    """The classes in one cell.

    >>> _split_labels("cat| dog|cat")
    ('cat', 'dog')
    """
    for joint in _JOINTS[1:]:
        cell = cell.replace(joint, _JOINTS[0])
    return tuple(dict.fromkeys(filter(None, (label.strip() for label in cell.split(_JOINTS[0])))))


def _part(where: str, cells: list[str], split: int | None, part: str, wrong: list[str]) -> str:
    if part or split is None:
        return part or "train"
    word = cells[split].lower()
    if word not in PARTS:
        wrong.append(f"{where}: split {show(cells[split])!r}: expected train, val or test")
    return PARTS.get(word, "train")
