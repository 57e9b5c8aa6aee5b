"""A name or a path to a data set: read, held out, measured. · 由名称或路径读取数据集。"""

import hashlib
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import numpy as np
import torch

from ..errors import UserError, did_you_mean
from . import sources
from .dataset import DataSet, Split
from .digits import digits
from .folders import read_layout
from .idx import check_labels, find_pairs, label_range, read_pair
from .images import fit_array, probe
from .names import show
from .split import stratified
from .store import Memory, Store, moments, open_files, survey

# Bytes of decoded images that are kept in memory; a larger folder is decoded batch by batch.
MOST_BYTES = 2 << 30
# Where nobody set a test part aside, this one is fixed: no seed of a run may move it.
_TEST_SHARE, _TEST_SEED = 0.2, 0
_LARGEST_SIDE = 4096
Shape = tuple[int, int, int]


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

    source: a known name, a folder of images (CLASS/image or train/CLASS/image, …) or a folder of IDX files.
    size: (H, W), channels: 1 or 3; as the data has them if None. val: the share of the training part that is held out
    by seed, in 0 ≤ val < 1, where there is no val folder. fit: how images come to that size, "pad" or "resize"; None:
    IDX files are padded, images resized. most_bytes: images above this are decoded batch by batch.
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
    name = str(source)
    if name in sources.SOURCES:
        return _assemble(_read_known(name, size, channels, fit), val, seed)
    return _assemble(_read_path(name, size, channels, fit, most_bytes), val, seed)


@dataclass
class _Found:
    """What a reader gives: parts as (store, int64 targets), before anything is held out."""

    name: str
    source: str
    classes: tuple[str, ...]
    parts: dict[str, tuple[Store, np.ndarray]]
    fit: str


def _read_known(name: str, size: tuple[int, int] | None, channels: int | None, fit: str | None) -> _Found:
    source = sources.get(name)
    if source.bundled:
        images, labels = digits()
        shape = _shape(images, size, channels)
        fit = fit or "resize"
        return _Found(name, name, source.classes, {"train": (_fitted(images, shape, fit), labels)}, fit)
    folder, fit = sources.locate(name), fit or "pad"
    parts = find_pairs(folder)
    if set(parts) != {"train", "test"}:
        raise UserError(f"{show(folder)}: expected the four files of {name}: {', '.join(f.name for f in source.files)}")
    read = {}
    for (part, (images, labels)), count in zip(parts.items(), source.counts, strict=True):
        x, y = read_pair(images, labels)
        if x.shape[1:] != source.shape or len(x) != count:
            raise UserError(f"{show(images)}: {len(x)} images of {x.shape[2]}×{x.shape[3]}: expected {count} of 28×28")
        check_labels(y, 0, len(source.classes) - 1, labels)
        read[part] = (_fitted(x, _shape(x, size, channels), fit), y)
    return _Found(name, show(folder), source.classes, read, fit)


def _read_path(
    text: str, size: tuple[int, int] | None, channels: int | None, fit: str | None, most_bytes: int
) -> _Found:
    root = Path(text).expanduser()
    if not root.exists():
        known = ", ".join(sources.SOURCES)
        hint = did_you_mean(text, sources.SOURCES)
        raise UserError(f"{show(text)}: no such folder or data set: expected a path or one of {known}{hint}")
    if not root.is_dir():
        raise UserError(f"{show(root)}: a file: expected a folder of images or of IDX files")
    try:
        pairs = find_pairs(root)
    except OSError as error:
        raise UserError(f"{show(root)}: cannot be read ({error.strerror or error})") from error
    if pairs:
        return _read_idx(root, pairs, size, channels, fit or "pad")
    return _read_images(root, size, channels, fit or "resize", most_bytes)


def _read_idx(root: Path, pairs: dict, size: tuple[int, int] | None, channels: int | None, fit: str) -> _Found:
    raw = {part: read_pair(*files) for part, files in pairs.items()}
    low, high = label_range(raw["train"][1], pairs["train"][1])
    check_labels(raw["train"][1], low, high, pairs["train"][1])
    inner = raw["train"][0].shape[2:]
    parts = {}
    for part, (x, y) in raw.items():
        if size is None and x.shape[2:] != inner:
            h, w = x.shape[2:]
            raise UserError(f"{show(pairs[part][0])}: images of {h}×{w}: expected {inner[0]}×{inner[1]} as in train")
        check_labels(y, low, high, pairs[part][1])
        parts[part] = (_fitted(x, _shape(x, size, channels), fit), y - low)
    return _Found(root.resolve().name, show(root), tuple(str(c) for c in range(low, high + 1)), parts, fit)


def _read_images(root: Path, size: tuple[int, int] | None, channels: int | None, fit: str, most_bytes: int) -> _Found:
    layout = read_layout(root)
    paths = [path for files in layout.parts.values() for path, _ in files]
    if size is None or channels is None:
        shape = _common_shape(paths, root, size, channels)
    else:
        shape = (channels, *size)
    parts: dict[str, tuple[Store, np.ndarray]] = {}
    left = most_bytes
    for part, files in layout.parts.items():
        store = open_files([path for path, _ in files], shape, left, fit)
        left -= len(store) * int(np.prod(shape)) if isinstance(store, Memory) else 0
        parts[part] = (store, np.array([label for _, label in files], dtype=np.int64))
    return _Found(root.resolve().name, show(root), layout.classes, parts, fit)


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


def _shape(images: np.ndarray, size: tuple[int, int] | None, channels: int | None) -> Shape:
    height, width = size or images.shape[2:]
    return channels or 1, height, width


def _fitted(images: np.ndarray, shape: Shape, fit: str) -> Memory:
    return Memory(fit_array(images, shape, fit))


def _rows(found: _Found, val: float, seed: int) -> dict[str, tuple[str, np.ndarray]]:
    """Part → (the part it was read from, its rows there), with what is missing held out of train."""
    rows = {part: (part, np.arange(len(store))) for part, (store, _) in found.parts.items()}
    targets = found.parts["train"][1]
    if set(rows) == {"train"}:
        kept, held = stratified(targets, _TEST_SHARE, _TEST_SEED)
        rows = {"train": ("train", kept), "test": ("train", held)}
    if "val" not in rows:
        kept = rows["train"][1]
        inner, held = stratified(targets[kept], val, seed)
        rows |= {"train": ("train", kept[inner]), "val": ("train", kept[held])}
    return rows


def _assemble(found: _Found, val: float, seed: int) -> DataSet:
    """Hold out what is missing, measure the training part, take the fingerprint."""
    rows = _rows(found, val, seed)
    surveys = {part: survey(store) for part, (store, _) in found.parts.items()}
    shape = found.parts["train"][0].shape
    mean, std = moments(surveys["train"], rows["train"][1], shape[1] * shape[2])
    splits: dict[str, Split | None] = {"val": None, "test": None}
    for part, (home, chosen) in rows.items():
        store, targets = found.parts[home]
        if len(chosen):
            rows_, targets_ = torch.from_numpy(chosen), torch.from_numpy(targets[chosen])
            splits[part] = Split(store, rows_, targets_, mean, std)
    train = splits.pop("train")
    assert train is not None  # a class keeps one row at least
    digest = hashlib.sha256(repr((found.classes, shape)).encode())
    for part, (_, targets) in found.parts.items():
        digest.update(f"{part} {surveys[part].digest}".encode() + targets.astype("<i8").tobytes())
    return DataSet(
        found.name,
        "classification",
        found.classes,
        shape,
        train,
        **splits,
        mean=mean,
        std=std,
        fingerprint=digest.hexdigest(),
        source=found.source,
        fit=found.fit,
    )
