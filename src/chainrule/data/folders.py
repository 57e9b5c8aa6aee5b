"""Folders of images: which layout, which classes, which files, and everything that is wrong. · 图像文件夹的布局与错误。

Valid: CLASS/image, or train/CLASS/image with val/ (valid/, validation/) or test/ beside it, or images with a table of
their labels (`tabled`). Order is by name.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import UserError, did_you_mean
from .images import SUFFIXES
from .labels import PARTS
from .labels import tables as tables_of
from .names import hidden, show

Label = int | tuple[int, ...]


@dataclass
class Layout:
    """What lies in a folder of images. · 图像文件夹的内容。

    classes: names, ascending. parts: "train", "val", "test" → files with their class number, or with the numbers of all
    their classes where a picture can have several. problems: (kind, one line) each; empty if the folder can be used.
    """

    classes: tuple[str, ...] = ()
    parts: dict[str, list[tuple[Path, Label]]] = field(default_factory=dict)
    problems: list[tuple[str, str]] = field(default_factory=list)
    several: bool = False

    def wrong(self, kind: str, path: Path, text: str) -> None:
        self.problems.append((kind, f"{show(path)}: {text}"))


def read_layout(root: Path) -> Layout:
    """The usable layout of a folder. · 读取可用的布局。

    Raises `UserError` with the first problem and how many more there are.
    """
    layout = scan(root)
    if layout.problems:
        others = len(layout.problems) - 1
        more = f" ({others} more: chainrule data check {show(root)})" if others else ""
        raise UserError(layout.problems[0][1] + more)
    return layout


def scan(root: Path) -> Layout:
    """Everything there is, and everything that is wrong with it, in one pass. · 一次找出全部内容与问题。"""
    layout = Layout()
    try:
        tables = {"": root} if root.is_file() else tables_of(root)
    except (UserError, OSError) as error:
        lines = error.lines if isinstance(error, UserError) else [f"{show(root)}: cannot be read ({error.strerror})"]
        layout.problems += [("layout", line) for line in lines]
        return layout
    if tables:
        from .tabled import read_tables

        return read_tables(root, tables)
    entries = _entries(root, layout)
    folders = [entry for entry in entries if entry.is_dir()]
    loose = [entry for entry in entries if not entry.is_dir() and entry.suffix.lower() in SUFFIXES]
    parts = _parts(root, folders, layout)
    if loose:
        home = f"{_spell('train', parts)}CLASS/{show(loose[0].name)}"
        layout.wrong("layout", root, f"{_count(loose)} in no class folder: nearest valid layout: {home}")
    found = {part: {child.name: _files(child, layout) for child in children} for part, (_, children) in parts.items()}
    _number(found, root, layout)
    if not loose and not layout.problems and not any(layout.parts.values()):
        layout.wrong("layout", root, "no images: expected CLASS/image.png or train/CLASS/image.png")
    return layout


def _parts(root: Path, folders: list[Path], layout: Layout) -> dict[str, tuple[Path, list[Path]]]:
    """Part → (its folder, the class folders in it)."""
    named: dict[str, Path] = {}
    for folder in folders:
        if (part := PARTS.get(folder.name.lower())) in named:
            layout.wrong("layout", folder, f"a second {part} part beside {named[part].name}/: expected one")
        elif part:
            named[part] = folder
    others = [folder for folder in folders if folder.name.lower() not in PARTS]
    if not named:
        return {"train": (root, _unnested(root, others, layout))}
    if "train" not in named:
        held = " and ".join(f"{folder.name}/" for folder in named.values())
        layout.wrong("layout", root, f"{held} but no train/: nearest valid layout: train/CLASS/image.png beside {held}")
    elif others:
        names = _list(folder.name for folder in others)
        layout.wrong(
            "layout", root, f"{names} beside {named['train'].name}/: nearest valid layout: train/{show(others[0].name)}"
        )
    ordered = [part for part in ("train", "val", "test") if part in named]
    return {part: (named[part], _folders_of(part, named[part], layout)) for part in ordered}


def _unnested(root: Path, classes: list[Path], layout: Layout) -> list[Path]:
    """The class folders, unless the data set lies one folder deeper."""
    if len(classes) == 1 and any(child.is_dir() for child in _entries(classes[0], Layout())):
        layout.wrong("layout", root, f"the classes lie one folder deeper: give {show(classes[0])}")
        return []
    return classes


def _folders_of(part: str, folder: Path, layout: Layout) -> list[Path]:
    entries = _entries(folder, layout)
    loose = [entry for entry in entries if not entry.is_dir() and entry.suffix.lower() in SUFFIXES]
    folders = [entry for entry in entries if entry.is_dir()]
    if loose:
        home = f"{folder.name}/CLASS/{show(loose[0].name)}"
        layout.wrong("layout", folder, f"{_count(loose)} in no class folder: nearest valid layout: {home}")
    elif not folders:
        layout.wrong("layout", folder, f"an empty {part} part: expected {folder.name}/CLASS/image.png")
    return folders


def _files(folder: Path, layout: Layout) -> list[Path]:
    """The images of a class, sorted; what is none is reported."""
    files = []
    for entry in _entries(folder, layout):
        if entry.is_dir():
            layout.wrong("file", entry, "a folder inside a class folder: expected images only; move it out")
        elif not entry.is_file():
            layout.wrong("file", entry, "a broken link or no plain file: expected an image; remove it")
        elif entry.suffix.lower() not in SUFFIXES:
            layout.wrong(
                "file", entry, "not an image file: expected .png, .jpg, .webp, .bmp, .tif or such; move it out"
            )
        else:
            files.append(entry)
    if not files:
        layout.wrong("class", folder, "no images in this class: expected at least one; add some or remove the folder")
    return files


def _number(found: dict[str, dict[str, list[Path]]], root: Path, layout: Layout) -> None:
    """Number the classes of the training part and give every file its number."""
    layout.classes = tuple(sorted(found.get("train", {})))
    if len(layout.classes) == 1:
        layout.wrong("class", root, f"only one class ({show(layout.classes[0])}): expected two class folders or more")
    number = {name: i for i, name in enumerate(layout.classes)}
    for part, classes in found.items():
        layout.parts[part] = []
        for name, files in sorted(classes.items()):
            if name in number:
                layout.parts[part] += [(file, number[name]) for file in files]
            elif layout.classes:
                hint = did_you_mean(name, layout.classes) or "; give it training images or remove it"
                layout.wrong("class", root, f"class {show(name)!r} of {part} is not in train{hint}")


def _entries(folder: Path, layout: Layout) -> list[Path]:
    try:
        return sorted(entry for entry in folder.iterdir() if not hidden(entry))
    except OSError as error:
        layout.wrong("file", folder, f"cannot be read ({error.strerror or error})")
        return []


def _spell(part: str, parts: dict[str, tuple[Path, list[Path]]]) -> str:
    return f"{part}/" if len(parts) > 1 else ""


def _count(images: list[Path]) -> str:
    return f"{len(images)} image{'s lie' if len(images) > 1 else ' lies'}"


def _list(names: Iterable[str]) -> str:
    shown = [f"{show(name)}/" for name in names]
    return ", ".join(shown[:3]) + (f" and {len(shown) - 3} more" if len(shown) > 3 else "")
