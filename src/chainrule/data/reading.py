"""A name or a path to a data set: read, held out, measured. · 由名称或路径读取数据集。"""

from os import PathLike
from pathlib import Path

import numpy as np

from ..errors import UserError
from . import sources
from .assemble import assemble
from .cifar.files import recognise
from .cifar.reading import read as read_cifar
from .dataset import DataSet
from .folders import Label, Layout, read_layout
from .found import MOST_BYTES, Ask, Found, Shape, fitted
from .idx import check_labels, find_pairs, label_range, read_pair
from .images import probe
from .known import read_known
from .labels import ENDINGS
from .names import show
from .place import open_place
from .store import Store, open_files

_LARGEST_SIDE = 4096


def load(
    source: str | PathLike[str],
    *,
    size: tuple[int, int] | None = None,
    channels: int | None = None,
    val: float = 0.1,
    seed: int = 0,
    fit: str | None = None,
    most_bytes: int = MOST_BYTES,
) -> DataSet:
    """A data set by name or path. · 按名称或路径读取数据集。

    source: a known name, a folder of images (CLASS/image or train/CLASS/image, …, or images with a table of labels),
    the table itself, an archive of such a folder, or a folder of IDX or CIFAR files.
    size: (H, W), channels: 1 or 3; as the data has them if None. val: the share of the training part that is held out
    by seed, in 0 ≤ val < 1, where there is no val folder. fit: how images come to that size, "pad" or "resize"; None:
    IDX files are padded, images resized. most_bytes: of decoded images that are kept.
    A set without val and test parts of its own gives 20 % of each class, the same for ever, as its test part.
    Raises `UserError` for anything wrong with the arguments or the data.

    >>> data = load("digits")
    >>> len(data.train), len(data.val), len(data.test), data.shape
    (1293, 144, 360, (1, 32, 32))
    """
    if not 0 <= val < 1:
        raise UserError(f"val={val}: expected a share in 0 ≤ val < 1")
    if channels not in (None, 1, 3):
        raise UserError(f"channels={channels}: expected 1 (grey) or 3 (colour)")
    if size is not None and not (len(size) == 2 and all(1 <= side <= _LARGEST_SIDE for side in size)):
        raise UserError(f"size={size}: expected height and width of 1…{_LARGEST_SIDE} pixels")
    name, ask = str(source), Ask(size, channels, fit, most_bytes)
    return assemble(read_known(name, ask) if name in sources.SOURCES else read_place(open_place(name), ask), val, seed)


def read_place(root: Path, ask: Ask) -> Found:
    """What lies in a folder or a file, as its reader gives it. · 读取某处的数据。

    Raises `UserError` for anything wrong with it.
    """
    if name := recognise(root):
        source = sources.get(name)
        fit = ask.fit or "resize"
        parts = {part: (fitted(x, ask, fit), y) for part, (x, y) in read_cifar(source, root).items()}
        return Found(name, show(root), source.classes, parts, fit)
    if root.is_file():
        if root.suffix.lower() not in ENDINGS:
            raise UserError(f"{show(root)}: a file: expected a folder, an archive or a table of images, or IDX files")
        return _read_images(root, ask, ask.fit or "resize")
    try:
        pairs = find_pairs(root)
    except OSError as error:
        raise UserError(f"{show(root)}: cannot be read ({error.strerror or error})") from error
    return _read_idx(root, pairs, ask, ask.fit or "pad") if pairs else _read_images(root, ask, ask.fit or "resize")


def _read_idx(root: Path, pairs: dict, ask: Ask, fit: str) -> Found:
    raw = {part: read_pair(*files) for part, files in pairs.items()}
    low, high = label_range(raw["train"][1], pairs["train"][1])
    check_labels(raw["train"][1], low, high, pairs["train"][1])
    inner = raw["train"][0].shape[2:]
    parts = {}
    for part, (x, y) in raw.items():
        if ask.size is None and x.shape[2:] != inner:
            h, w = x.shape[2:]
            raise UserError(f"{show(pairs[part][0])}: images of {h}×{w}: expected {inner[0]}×{inner[1]} as in train")
        check_labels(y, low, high, pairs[part][1])
        parts[part] = (fitted(x, ask, fit), y - low)
    return Found(root.resolve().name, show(root), tuple(str(c) for c in range(low, high + 1)), parts, fit)


def _read_images(root: Path, ask: Ask, fit: str) -> Found:
    layout = read_layout(root)
    paths = [path for files in layout.parts.values() for path, _ in files]
    if ask.size is None or ask.channels is None:
        shape = _common_shape(paths, root, ask.size, ask.channels)
    else:
        shape = (ask.channels, *ask.size)
    parts: dict[str, tuple[Store, np.ndarray]] = {}
    left = ask.most_bytes
    for part, files in layout.parts.items():
        store = open_files([path for path, _ in files], shape, left, fit)
        left = max(0, left - len(store) * int(np.prod(shape)))
        parts[part] = (store, _targets([label for _, label in files], layout))
    name = root.resolve().stem if root.is_file() else root.resolve().name
    task = "multilabel" if layout.several else "classification"
    return Found(name, show(root), layout.classes, parts, fit, task)


def _targets(labels: list[Label], layout: Layout) -> np.ndarray:
    """int64 [N], or float32 [N, C] with a 1 for each class of a picture."""
    if not layout.several:
        return np.array(labels, dtype=np.int64)
    out = np.zeros((len(labels), len(layout.classes)), np.float32)
    for row, numbers in zip(out, labels, strict=True):
        row[list(numbers) if isinstance(numbers, tuple) else numbers] = 1
    return out


def _common_shape(paths: list[Path], root: Path, size: tuple[int, int] | None, channels: int | None) -> Shape:
    """What all images have in common, from their headers; colour if any of them has colour."""
    seen: dict[tuple[int, int], Path] = {}
    colour = 1
    for path in paths:
        c, h, w = probe(path)
        colour = max(colour, c)
        seen.setdefault((h, w), path)
    if size is None and len(seen) > 1:
        (a, first), (b, second), *_ = seen.items()
        raise UserError(
            f"{show(root)}: images differ in size ({a[0]}×{a[1]} {show(first.name)}, {b[0]}×{b[1]} "
            f"{show(second.name)}): expected one size, or say to which to bring them (size=H,W)"
        )
    return (channels or colour, *(size or next(iter(seen))))
