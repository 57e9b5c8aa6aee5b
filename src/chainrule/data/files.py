"""The image files that words on a command line mean: files, folders, patterns. · 由文件、文件夹与通配符得到图像文件。

No torch here. A folder is walked as its files are asked for, in the order of their names, so one of any size is read in
little memory.
"""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from .names import hidden, show


def is_pattern(path: str | Path) -> bool:
    """Whether a word can only be meant as a pattern: it has `*`, `?` or `[` and no such file is there. · 是否为通配符。

    >>> is_pattern("photos/*.jpg"), is_pattern("photos/cat.jpg")
    (True, False)
    """
    return any(mark in str(path) for mark in "*?[") and not os.path.lexists(path)


def absent(paths: Iterable[str | Path]) -> list[str]:
    """A line for each word that means nothing. · 不存在的路径，每个一行。

    >>> absent(["no/such.png", "no/*.png"])
    ['no/such.png: no such file or folder; expected an image', 'no/*.png: no file matches this pattern']
    """
    lines = []
    for path in paths:
        try:
            given = Path(path).expanduser()
            pattern = is_pattern(given)
            there = bool(_matches(given)) if pattern else given.exists()
        except (OSError, ValueError, RuntimeError):  # a null byte, a name too long, a user who is not there
            pattern = there = False
        if not there:
            lines.append(
                f"{show(path)}: no file matches this pattern"
                if pattern
                else f"{show(path)}: no such file or folder; expected an image"
            )
    return lines


def images(paths: Iterable[str | Path], faults: list[str]) -> Iterator[Path]:
    """The files as given, every image below a folder, and what a pattern matches, in this order. · 逐个给出图像文件。

    A folder or pattern without an image, and a folder that cannot be read, adds a line to `faults`.
    """
    for path in paths:
        given = Path(path).expanduser()
        if is_pattern(given):
            yield from _or_fault(_matching(given, faults), f"{show(path)}: matches no image", faults)
        elif given.is_dir():
            yield from _or_fault(_below(given, faults), f"{show(path)}: no image in this folder", faults)
        else:
            yield given


def _or_fault(files: Iterator[Path], what: str, faults: list[str]) -> Iterator[Path]:
    first = next(files, None)
    if first is None:
        faults.append(f"{what}; expected .png, .jpg, .bmp, .webp, …")
        return
    yield first
    yield from files


def _matches(pattern: Path) -> list[Path]:
    """What a pattern matches, by name; unlike the shell's, `**` follows no links, which may go round in a circle."""
    anchor = Path(pattern.anchor)
    return sorted(anchor.glob(str(pattern.relative_to(anchor))))


def _matching(pattern: Path, faults: list[str]) -> Iterator[Path]:
    """Images that match; where only folders do, all that is in them, each once."""
    found = _matches(pattern)
    files = [path for path in found if not path.is_dir()]
    yield from (path for path in files if _is_image(path))
    if not files:
        outer = set(found)
        for folder in found:
            if not outer.intersection(folder.parents):
                yield from _below(folder, faults)


def _below(folder: Path, faults: list[str]) -> Iterator[Path]:
    try:
        with os.scandir(folder) as entries:
            found = sorted((entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries)
    except OSError as error:
        faults.append(f"{show(folder)}: cannot be read ({error.strerror or error})")
        return
    for name, is_folder in found:
        path = folder / name
        if is_folder:
            yield from _below(path, faults)
        elif _is_image(path):
            yield path


def _is_image(path: Path) -> bool:
    from .images import SUFFIXES  # imports Pillow, which an error line does without

    return path.suffix.lower() in SUFFIXES and not hidden(path)
