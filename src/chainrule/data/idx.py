"""IDX files, the format of MNIST: read strictly, plain or gzip'd. · 严格读取 MNIST 的 IDX 文件（原样或 gzip）。

Layout (LeCun, Cortes & Burges, http://yann.lecun.com/exdb/mnist/): two zero bytes, a type code, the number of
dimensions, each dimension as a big-endian uint32, then the values. Nothing may be missing and nothing may follow.
"""

import gzip
import re
import zlib
from math import prod
from pathlib import Path
from typing import IO, cast

import numpy as np

from ..errors import UserError
from .names import show

_TYPES = {8: ">u1", 9: ">i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}
_NAME = re.compile(r"(?P<prefix>.*?)(?P<part>train|t10k|test)-(?P<kind>images|labels)[-.]idx[13]-ubyte(\.gz)?", re.I)
# More than any set of this kind; a header that asks for more is damaged or hostile.
MOST_BYTES = 1 << 30


def read_idx(path: Path) -> np.ndarray:
    """The array of one IDX file, in native byte order. · 读取一个 IDX 文件为数组。

    Raises `UserError`, naming the file, if it cannot be read, is not IDX, is cut short or goes on after its end.
    """
    try:
        with path.open("rb") as raw:
            zipped = raw.read(2) == b"\x1f\x8b"
            raw.seek(0)
            return _parse(cast(IO[bytes], gzip.GzipFile(fileobj=raw)) if zipped else raw, path)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise UserError(f"{show(path)}: damaged gzip data ({error}): copy or download the file again") from error
    except OSError as error:
        raise UserError(f"{show(path)}: cannot be read ({error.strerror or error})") from error


def _parse(stream: IO[bytes], path: Path) -> np.ndarray:
    head = stream.read(4)
    if len(head) < 4:
        raise UserError(f"{show(path)}: {len(head)} bytes: expected an IDX file (at least a header of 4 bytes)")
    if head[:2] != b"\0\0":
        raise UserError(f"{show(path)}: starts with {head.hex(' ')}: expected IDX (00 00 type dimensions) or gzip")
    if head[2] not in _TYPES or head[3] == 0:
        known = ", ".join(f"{code:02x}" for code in _TYPES)
        raise UserError(f"{show(path)}: magic {head.hex(' ')}: expected a type of {known} and at least one dimension")
    sizes = stream.read(4 * head[3])
    if len(sizes) < 4 * head[3]:
        raise UserError(f"{show(path)}: ends inside its header: expected {head[3]} dimensions; copy the file again")
    shape = tuple(np.frombuffer(sizes, ">u4").tolist())
    dtype = np.dtype(_TYPES[head[2]])
    size = prod(shape) * dtype.itemsize
    if size > MOST_BYTES:
        raise UserError(f"{show(path)}: {_by(shape)} values: expected at most {MOST_BYTES >> 30} GiB")
    # One byte more than there should be: at once the check for trailing bytes and, in gzip, of the checksum.
    data = stream.read(size + 1)
    if len(data) != size:
        fault = "more follow" if len(data) > size else f"only {len(data)} are there"
        raise UserError(f"{show(path)}: {_by(shape)} values: expected {size} bytes of data, {fault}; copy it again")
    return np.frombuffer(data, dtype).reshape(shape).astype(dtype.newbyteorder("="), copy=False)


def _by(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape))


def find_pairs(folder: Path) -> dict[str, tuple[Path, Path]]:
    """The (images, labels) files of each part of a folder: "train" and perhaps "test". · 找出各部分的图像与标签文件。

    A folder without such files gives {}; a plain file is taken before its .gz twin.
    Raises `UserError` if a part has only one of the two or several sets lie together.
    """
    found: dict[tuple[str, str], Path] = {}
    prefixes = set()
    for path in sorted(folder.iterdir(), reverse=True):  # X sorts before X.gz, so it is seen last and stays
        if (match := _NAME.fullmatch(path.name)) and path.is_file():
            prefixes.add(match["prefix"])
            found["train" if match["part"].lower() == "train" else "test", match["kind"].lower()] = path
    if not found:
        return {}
    if len(prefixes) > 1:
        names = ", ".join(sorted(repr(prefix) for prefix in prefixes))
        raise UserError(f"{show(folder)}: several IDX sets ({names}): expected one; give each a folder of its own")
    for part, kind in [("train", "images"), ("train", "labels"), ("test", "images"), ("test", "labels")]:
        other = {"images": "labels", "labels": "images"}[kind]
        if (part, kind) not in found and (part == "train" or (part, other) in found):
            name = {"train": "train", "test": "t10k"}[part]
            raise UserError(
                f"{show(folder)}: the {kind} of the {part} part are missing: expected "
                f"{name}-{kind}-idx{3 if kind == 'images' else 1}-ubyte, plain or .gz"
            )
    parts = ["train", "test"] if ("test", "images") in found else ["train"]
    return {part: (found[part, "images"], found[part, "labels"]) for part in parts}


def read_pair(images: Path, labels: Path) -> tuple[np.ndarray, np.ndarray]:
    """Images, uint8 [N, 1, H, W], and their labels, int64 [N]. · 图像及其标签。

    Raises `UserError`, naming the file, if they are not 3-d bytes and 1-d integers, are empty or differ in number.
    """
    x, y = read_idx(images), read_idx(labels)
    if x.ndim != 3 or x.dtype != np.uint8:
        raise UserError(f"{show(images)}: {x.ndim} dimensions of {x.dtype}: expected images (3 dimensions of uint8)")
    if y.ndim != 1 or y.dtype.kind not in "iu":
        raise UserError(f"{show(labels)}: {y.ndim} dimensions of {y.dtype}: expected labels (1 dimension of integers)")
    if x.size == 0:
        raise UserError(f"{show(images)}: {_by(x.shape)}: expected at least one image of at least one pixel")
    if len(x) != len(y):
        raise UserError(f"{show(labels)}: {len(y)} labels for the {len(x)} images of {images.name}: expected as many")
    return x[:, None], y.astype(np.int64)


def check_labels(labels: np.ndarray, low: int, high: int, path: Path) -> None:
    """Raise `UserError` for the first label outside low…high, with its row. · 标签越界则报错。"""
    bad = np.flatnonzero((labels < low) | (labels > high))
    if bad.size:
        more = f" (and {bad.size - 1} more)" if bad.size > 1 else ""
        raise UserError(f"{show(path)}: label {labels[bad[0]]} at row {bad[0]}{more}: expected {low}…{high}")


def label_range(labels: np.ndarray, path: Path) -> tuple[int, int]:
    """The first and last class of a training part: from 0 or 1 up, without a gap. · 训练标签的范围，不得有缺口。

    Raises `UserError` if a class between has no sample (one stray label would otherwise make hundreds of classes).
    """
    present = np.unique(labels)
    low, high = min(int(present[0]), 1), int(present[-1])
    gaps = sorted(set(range(low, high + 1)) - set(present.tolist()))
    if low < 0 or gaps:
        fault = f"label {gaps[0]} never occurs" if low >= 0 else f"label {low}"
        raise UserError(f"{show(path)}: labels {low}…{high}, but {fault}: expected every class from 0 (or 1) up")
    if low == high:
        raise UserError(f"{show(path)}: every label is {low}: expected two classes or more")
    return low, high
