"""Images whose classes stand in a table: each name found, each class numbered. · 由标签表定位图像。"""

from collections import defaultdict
from pathlib import Path

from ..errors import UserError, did_you_mean
from .folders import Label, Layout
from .images import SUFFIXES
from .labels import Row, Table, read_table
from .names import hidden, show


def read_tables(root: Path, tables: dict[str, Path]) -> Layout:
    """The layout that tables describe; root: their folder, or the table itself. · 由标签表得到布局。"""
    layout = Layout()
    found: list[Table] = []
    for part, path in tables.items():
        try:
            found.append(read_table(path, part))
        except UserError as error:
            layout.problems += [("table", line) for line in error.lines]
    if layout.problems:
        return layout
    layout.several = any(table.several for table in found)
    rows = [row for table in found for row in table.rows]
    if all(row.part != "train" for row in rows):
        layout.wrong("layout", root, "no row belongs to train: expected images to learn from")
        return layout
    _classes(rows, found, root, layout)
    _place(rows, _Finder(root.parent if root.is_file() else root), layout)
    return layout


def _classes(rows: list[Row], tables: list[Table], root: Path, layout: Layout) -> None:
    """The classes of the training rows; columns of 0 and 1 name them all."""
    named = tuple(dict.fromkeys(name for table in tables for name in table.classes))
    used = {label for row in rows if row.part == "train" for label in row.labels}
    layout.classes = named or tuple(sorted(used))
    if len(layout.classes) == 1:
        layout.wrong("class", root, f"only one class ({show(layout.classes[0])}): expected two or more")
    for name in named:
        if name not in used:
            layout.wrong("class", root, f"class {show(name)} has no training image: give it one or drop its column")


def _place(rows: list[Row], finder: "_Finder", layout: Layout) -> None:
    """Every row to its file and numbers."""
    number = {name: i for i, name in enumerate(layout.classes)}
    first: dict[Path, Row] = {}
    placed: dict[str, list[tuple[Path, Label]]] = defaultdict(list)
    for row in rows:
        for label in row.labels:
            if label not in number:
                hint = did_you_mean(label, layout.classes) or "; give it training images or remove it"
                layout.problems.append(
                    ("class", f"{row.where}: class {show(label)!r} of {row.part} is not in train{hint}")
                )
        try:
            path = finder.find(row.name)
        except UserError as error:
            layout.problems.append(("file", f"{row.where}: {error}"))
            continue
        if (other := first.setdefault(path, row)) is not row:
            what = "the same image as" if other.labels == row.labels else "the same image, with another label, as"
            layout.problems.append(("twin", f"{row.where}: {show(row.name)} is {what} {other.where}: keep one"))
            continue
        numbers = tuple(sorted(number[label] for label in row.labels if label in number))
        placed[row.part].append((path, numbers if layout.several else (numbers or (0,))[0]))
    for part in ("train", "val", "test"):
        if placed[part]:
            layout.parts[part] = sorted(placed[part])


class _Finder:
    """Names of a table to files: as written, else below the folder by name, with or without suffix."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.by_name: dict[str, list[Path]] = defaultdict(list)
        for path in sorted(folder.rglob("*")):
            inside = path.relative_to(folder)
            if path.suffix.lower() in SUFFIXES and not any(hidden(Path(p)) for p in inside.parts) and path.is_file():
                for key in {path.name, path.stem, str(inside), str(inside.with_suffix(""))}:
                    self.by_name[key].append(path)

    def find(self, name: str) -> Path:
        if not name:
            raise UserError("no file name: expected the name of an image")
        try:
            if (path := self.folder / name).is_file():
                return path
        except (OSError, ValueError):
            raise UserError(f"{show(name)[:60]!r}: no file name: expected the name of an image") from None
        found = self.by_name.get(name) or self.by_name.get(Path(name).name) or []
        if len(found) > 1:
            two = " and ".join(show(path.relative_to(self.folder)) for path in found[:2])
            raise UserError(f"{show(name)} could be {two}: expected a name that only one image has; write its folder")
        if not found:
            near = did_you_mean(name, self.by_name)
            raise UserError(f"{show(name)}: no such image below {show(self.folder)}{near}")
        return found[0]
