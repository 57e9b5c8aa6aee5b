"""Everything that is wrong with a data set, in one pass. · 一次找出数据集的全部问题。"""

import hashlib
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from os import cpu_count
from pathlib import Path

import numpy as np

from ..errors import UserError
from . import sources
from .cifar.files import SETS, recognise
from .cifar.reading import digests
from .cifar.reading import read as read_cifar
from .download import matches
from .folders import Label, Layout, scan
from .idx import check_labels, find_pairs, label_range, read_idx, read_pair
from .images import SUFFIXES, decode, probe
from .labels import ENDINGS
from .names import show
from .place import open_place

# Lines of one kind; the rest is counted.
_LINES = 20


@dataclass
class Report:
    """What a check found. · 检查结果。

    problems: one line each, at most 20 of a kind and then how many more. summary: one line on what is there.
    """

    problems: list[str] = field(default_factory=list)
    summary: str = ""

    @property
    def ok(self) -> bool:
        """Whether the data can be used as it is. · 数据是否可直接使用。"""
        return not self.problems


def check(source: str | Path) -> Report:
    """Check a known set, a folder of images or of IDX files, or a single file of either. · 检查数据集、文件夹或文件。

    Never raises for what is wrong with the data: that is what the report is for.

    >>> check("digits").summary
    'digits: 1 file, sha256 right'
    """
    if str(source) in sources.SOURCES:
        return _check_known(str(source))
    try:
        path = open_place(str(source))
        if name := recognise(path):
            return _check_cifar(name, path)
        pairs = find_pairs(path) if path.is_dir() else {}
    except UserError as error:
        return Report(error.lines, "not usable")
    except OSError as error:
        return Report([f"{show(source)}: cannot be read ({error.strerror or error})"], "not readable")
    if path.is_file() and path.suffix.lower() not in ENDINGS:
        return _check_file(path)
    return _check_idx(pairs) if pairs else _check_images(path)


def _check_known(name: str) -> Report:
    source = sources.get(name)
    try:
        folder = sources.locate(name)
    except UserError as error:
        return Report(error.lines, f"{name}: not on this machine")
    if name in SETS:
        return _check_cifar(name, folder)
    report, unknown = Report(), 0
    for file in source.files:
        path = sources.held(file, folder) or folder / file.name
        try:
            right = matches(path, file)
        except OSError as error:
            report.problems.append(f"{show(path)}: cannot be read ({error.strerror or error})")
            continue
        unknown += right is None
        if right is False:
            report.problems.append(f"{show(path)}: sha256 differs from the published file: fetch it again")
    if not source.bundled:
        report.problems += _check_idx(find_pairs(folder)).problems
    count = len(source.files)
    verdict = (
        "sha256 right" if not unknown else f"sha256 of {unknown} not on record (only that of the published .gz is)"
    )
    verdict = "damaged" if report.problems else verdict
    report.summary = f"{name}: {count} file{'s' if count > 1 else ''}, {verdict}"
    return report


def _check_cifar(name: str, place: Path) -> Report:
    """Each batch against its published sha256, then the classes."""
    report, unknown = Report(), 0
    try:
        for path, right in digests(name, place):
            unknown += right is None
            if right is False:
                report.problems.append(f"{path}: sha256 differs from the published batch: get it again")
        if not report.problems:
            read_cifar(sources.get(name), place)
    except UserError as error:
        report.problems += error.lines
    verdict = f"sha256 of {unknown} not on record" if unknown else "sha256 right"
    count = len(SETS[name].files)
    report.summary = f"{name}: {count} batches, {'damaged' if report.problems else verdict}"
    return report


def _check_file(path: Path) -> Report:
    try:
        if path.suffix.lower() in SUFFIXES:
            c, h, w = probe(path)
            decode(path, (c, h, w))
            return Report([], f"an image of {h}×{w}, {'grey' if c == 1 else 'colour'}")
        array = read_idx(path)
        return Report([], f"an IDX file of {'×'.join(map(str, array.shape))} {array.dtype}")
    except UserError as error:
        return Report(error.lines, "a file")


def _check_idx(pairs: dict[str, tuple[Path, Path]]) -> Report:
    """Each file by itself, then each pair, then the labels against those of the training part."""
    problems: list[str] = []
    counts: list[str] = []
    span: tuple[int, int] | None = None
    for part, (images, labels) in pairs.items():
        bad = [line for path in (images, labels) for line in _faults(path)]
        problems += bad
        if bad:
            continue
        try:
            x, y = read_pair(images, labels)
            counts.append(f"{part} {len(x)} of {x.shape[2]}×{x.shape[3]}")
            span = label_range(y, labels) if part == "train" else span
            if span:
                check_labels(y, *span, labels)
        except UserError as error:
            problems += error.lines
    classes = f"{span[1] - span[0] + 1} classes, " if span else ""
    return Report(problems, f"IDX: {classes}{', '.join(counts) or 'no readable part'}")


def _faults(path: Path) -> list[str]:
    try:
        read_idx(path)
    except UserError as error:
        return error.lines
    return []


@dataclass
class _Seen:
    """One image file once looked at: its shape and the sha256 of its bytes, or what is wrong with it."""

    path: Path
    part: str
    label: Label
    shape: tuple[int, int, int] = (0, 0, 0)
    digest: str = ""
    fault: str = ""


def _look(path: Path, part: str, label: Label) -> _Seen:
    try:
        shape = probe(path)
        decode(path, shape)
        return _Seen(path, part, label, shape, hashlib.sha256(path.read_bytes()).hexdigest())
    except UserError as error:
        return _Seen(path, part, label, fault=str(error))
    except OSError as error:
        return _Seen(path, part, label, fault=f"{show(path)}: cannot be read ({error.strerror or error})")


def _check_images(root: Path) -> Report:
    layout = scan(root)
    files = [(path, part, label) for part, found in layout.parts.items() for path, label in found]
    with ThreadPoolExecutor(min(8, cpu_count() or 1)) as pool:
        seen = list(pool.map(lambda file: _look(*file), files))
    problems = [
        *layout.problems,
        *(("image", image.fault) for image in seen if image.fault),
        *(("twin", line) for line in _twins([image for image in seen if not image.fault], layout.classes)),
    ]
    return Report(list(_capped(problems)), _sum_up(layout, [image for image in seen if not image.fault]))


def _twins(seen: list[_Seen], classes: tuple[str, ...]) -> Iterable[str]:
    """The same file in two parts makes a test worthless; the same file under two classes teaches nothing."""
    first: dict[str, _Seen] = {}
    for image in seen:
        other = first.setdefault(image.digest, image)
        if other.label != image.label:
            a, b = (_told(which.label, classes) for which in (other, image))
            yield f"{show(image.path)}: the same file as {show(other.path)}, but {b} and not {a}: keep the right one"
        elif other.part != image.part:
            yield f"{show(image.path)}: the same file as {show(other.path)}, in {image.part} and {other.part}: keep one"


def _told(label: Label, classes: tuple[str, ...]) -> str:
    numbers = label if isinstance(label, tuple) else (label,)
    return show(" + ".join(classes[number] for number in numbers) or "no class")


def _capped(problems: list[tuple[str, str]]) -> Iterable[str]:
    total = Counter(kind for kind, _ in problems)
    told: Counter[str] = Counter()
    words = {"layout": "faults of layout", "class": "faults of classes", "file": "files that do not belong here"}
    words |= {"table": "faults of the table"}
    words |= {"image": "images that cannot be used", "twin": "files that lie in two places"}
    for kind, line in problems:
        told[kind] += 1
        if told[kind] <= _LINES:
            yield line
        elif told[kind] == _LINES + 1:
            yield f"… and {total[kind] - _LINES} more {words[kind]}"


def _sum_up(layout: Layout, seen: list[_Seen]) -> str:
    """Classes, counts and sizes in one line."""
    parts = ", ".join(f"{part} {len(files)}" for part, files in layout.parts.items()) or "no images"
    if not seen:
        return f"images: {len(layout.classes)} classes, {parts}"
    shapes = np.array([image.shape for image in seen])
    low, high = shapes.min(0), shapes.max(0)
    size = f"{low[1]}×{low[2]}" + (f"…{high[1]}×{high[2]}" if (low != high)[1:].any() else "")
    colour = "grey" if high[0] == 1 else "colour" if low[0] == 3 else "grey and colour"
    training = [image.label for image in seen if image.part == "train"]
    sizes = Counter(n for label in training for n in (label if isinstance(label, tuple) else (label,))).values()
    smallest = f", {min(sizes)}…{max(sizes)} training images a class" if sizes else ""
    return f"images: {len(layout.classes)} classes, {parts}; {size}, {colour}{smallest}"
