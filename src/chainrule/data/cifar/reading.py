"""CIFAR-10 and CIFAR-100: the published binary files, loose or in their archive, or lossless mosaics. · CIFAR 数据集。

A record is one label byte (CIFAR-100: two, coarse then fine) and 3,072 bytes, red, green and blue planes of 32×32
(Krizhevsky 2009, https://www.cs.toronto.edu/~kriz/cifar.html). The archive is read as it is and never unpacked.
"""

import hashlib
import tarfile
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from ...errors import UserError
from ..images import decode, probe
from ..names import show
from ..sources import Source
from .files import PIXELS, SETS, SIDE, Batches, find, refuse_pickle


def read(source: Source, place: Path) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Part → images, uint8 [N, 3, 32, 32], and classes, int64 [N]. · 各部分的图像与类别。

    Raises `UserError`, naming the file, for what is missing or damaged, of a wrong length or class.
    """
    batches, most = SETS[source.name], len(source.classes)
    tables = dict(records(source.name, place))
    parts = {}
    for part, names in (("train", batches.train), ("test", batches.test)):
        rows = sum(count for name, count in batches.files if name in names)
        images, classes = np.empty((rows, PIXELS), np.uint8), np.empty(rows, np.int64)
        start = 0
        for name in names:
            table, path = tables.pop(name)
            images[start : start + len(table)] = table[:, batches.labels :]
            classes[start : start + len(table)] = table[:, batches.which]
            _classes_exist(table[:, batches.which], most, path)
            start += len(table)
        parts[part] = (images.reshape(rows, 3, SIDE, SIDE), classes)
    return parts


def records(name: str, place: Path) -> Iterator[tuple[str, tuple[np.ndarray, str]]]:
    """(file, (its records, uint8 [rows, labels + 3072], what a message calls it)) in order. · 逐文件的记录。"""
    batches = SETS[name]
    found = find(name, place)
    if found is None:
        refuse_pickle(place)
        raise UserError(f"{show(place)}: not a complete {name}: expected {batches.archive} or the .bin files in it")
    form, where = found
    if form == "archive":
        yield from _from_archive(batches, where)
    elif form == "bin":
        for file, rows in batches.files:
            path = where / f"{file}.bin"
            yield file, (_table(_bytes(path), rows, batches.record, show(path)), show(path))
    else:
        yield from _from_mosaics(batches, where)


def digests(name: str, place: Path) -> Iterator[tuple[str, bool | None]]:
    """(file, whether its records are the published ones, None where that is not on record). · 与发布的是否一致。"""
    known = dict(zip((file for file, _ in SETS[name].files), SETS[name].digests, strict=False))
    for file, (table, path) in records(name, place):
        right = hashlib.sha256(table.tobytes()).hexdigest() == known[file] if file in known else None
        yield path, right


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"{show(path)}: cannot be read ({error.strerror or error})") from error


def _table(data: bytes, rows: int, record: int, path: str) -> np.ndarray:
    if len(data) != rows * record:
        raise UserError(
            f"{path}: {len(data)} bytes: expected {rows * record} ({rows} records of {record}); copy the file again"
        )
    return np.frombuffer(data, np.uint8).reshape(rows, record)


def _classes_exist(classes: np.ndarray, count: int, path: str) -> None:
    wrong = np.flatnonzero(classes >= count)
    if wrong.size:
        raise UserError(f"{path}: label {classes[wrong[0]]} at record {wrong[0]}: expected 0…{count - 1}")


def _from_archive(batches: Batches, path: Path) -> Iterator[tuple[str, tuple[np.ndarray, str]]]:
    """Only members of the right name and size are read, into memory: nothing of it reaches the disk."""
    wanted = {f"{batches.folder}/{file}.bin": (file, rows) for file, rows in batches.files}
    try:
        with tarfile.open(path) as archive:
            for member in archive:
                if (name := member.name.removeprefix("./")) not in wanted:
                    continue
                file, rows = wanted.pop(name)
                stream = archive.extractfile(member) if member.isreg() else None
                data = b"" if stream is None else stream.read(rows * batches.record + 1)
                inside = f"{show(path)}: {show(name)}"
                yield file, (_table(data, rows, batches.record, inside), inside)
    except (tarfile.TarError, EOFError, zlib.error, OSError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError(
            f"{show(path)}: a damaged archive ({reason}): expected {batches.archive}; copy it again"
        ) from error
    if wanted:
        raise UserError(f"{show(path)}: {show(next(iter(wanted)))} is not inside: expected the archive as published")


def _from_mosaics(batches: Batches, folder: Path) -> Iterator[tuple[str, tuple[np.ndarray, str]]]:
    """Squares of √rows × √rows tiles in row-major order, and labels.u8 with a byte for each image of all files."""
    total = sum(rows for _, rows in batches.files)
    labels = np.frombuffer(_bytes(folder / "labels.u8"), np.uint8)
    if labels.size != total * batches.labels:
        raise UserError(f"{show(folder / 'labels.u8')}: {labels.size} bytes: expected {total * batches.labels}")
    labels = labels.reshape(total, batches.labels)
    with ThreadPoolExecutor(2) as pool:
        tiles = pool.map(lambda file: _tiles(folder / f"{file[0]}.webp", file[1]), batches.files)
        start = 0
        for (file, rows), images in zip(batches.files, tiles, strict=True):
            table = np.concatenate((labels[start : start + rows], images), 1)
            yield file, (table, show(folder / f"{file}.webp"))
            start += rows


def _tiles(path: Path, rows: int) -> np.ndarray:
    """The tiles of one mosaic as planes, uint8 [rows, 3072]."""
    side = round(rows**0.5)
    size = (side * SIDE, side * SIDE)
    if (found := probe(path)[1:]) != size:
        raise UserError(f"{show(path)}: a mosaic of {found[0]}×{found[1]}: expected {size[0]}×{size[1]}")
    mosaic = decode(path, (3, *size))
    return mosaic.reshape(3, side, SIDE, side, SIDE).transpose(1, 3, 0, 2, 4).reshape(rows, PIXELS)
