"""A data set ready for training: parts, classes, shape, statistics, fingerprint. · 可供训练的数据集。"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..errors import UserError, did_you_mean
from . import sources
from .digits import digits
from .folders import read_layout
from .idx import check_labels, find_pairs, label_range, read_pair
from .images import decode, fit_array, probe
from .names import show
from .split import stratified
from .store import Memory, Store, moments, open_files, survey

# Bytes of decoded images that are kept in memory; a larger folder is decoded batch by batch.
MOST_BYTES = 2 << 30
# Where nobody set a test part aside, this one is fixed: no seed of a run may move it.
_TEST_SHARE, _TEST_SEED = 0.2, 0
_LARGEST_SIDE = 4096
Shape = tuple[int, int, int]


class Split:
    """One part of a data set: some rows of a store, with their targets. · 数据集的一部分。

    store: the images. rows: int64 [N]. targets: [N, …], integers or floats. mean, std: of each channel.
    """

    def __init__(self, store: Store, rows: Tensor, targets: Tensor, mean: Sequence[float], std: Sequence[float]):
        self._store, self._rows = store, rows
        self._mean, self._std = tuple(mean), tuple(std)
        deviation = torch.tensor(std, dtype=torch.float64)[:, None, None]
        self._scale = (1 / (255 * deviation)).float()
        self._shift = (-torch.tensor(mean, dtype=torch.float64)[:, None, None] / deviation).float()
        self.targets = targets

    def __len__(self) -> int:
        return len(self._rows)

    def batch(self, indices: Tensor) -> tuple[Tensor, Tensor]:
        """Normalised inputs, float32 [B, C, H, W], and the targets of these samples. · 归一化后的输入与目标。

        indices: int64 [B], 0…len−1. Raises IndexError outside; `UserError` if a file has become unreadable.
        """
        images = self._store.take(self._rows.index_select(0, indices))
        return images.float().mul_(self._scale).add_(self._shift), self.targets.index_select(0, indices)

    def raw(self, index: int) -> Tensor:
        """One image as it was read, uint8 [C, H, W]. · 未归一化的图像。"""
        return self._store.take(self._rows[index].reshape(1))[0]

    def names(self, index: int) -> str:
        """The path of a sample, or its row number in the file. · 样本的路径或行号。"""
        return self._store.name(int(self._rows[index]))

    def subset(self, indices: Tensor | Sequence[int]) -> "Split":
        """These samples as a split of their own, nothing copied. · 由部分样本组成的子集。"""
        chosen = torch.as_tensor(indices, dtype=torch.int64)
        rows, targets = self._rows.index_select(0, chosen), self.targets.index_select(0, chosen)
        return Split(self._store, rows, targets, self._mean, self._std)


@dataclass(frozen=True)
class DataSet:
    """Everything a run has to know of its data. · 运行所需的全部数据信息。

    shape: (C, H, W). val, test: None where there is no such part. mean, std: of the training part, a channel each, in
    units of 255. fingerprint: sha256 of images, targets and classes. fit: how images are brought to H×W.
    """

    name: str
    task: str
    classes: tuple[str, ...]
    shape: Shape
    train: Split
    val: Split | None
    test: Split | None
    mean: tuple[float, ...]
    std: tuple[float, ...]
    fingerprint: str
    source: str
    fit: str

    @property
    def fill(self) -> Tensor:
        """What a black pixel is once normalised, float32 [C, 1, 1]. · 黑色像素归一化后的值。"""
        mean, std = (torch.tensor(values, dtype=torch.float64) for values in (self.mean, self.std))
        return (-mean / std).float()[:, None, None]


def load(
    source: str | Path,
    *,
    size: tuple[int, int] | None = None,
    channels: int | None = None,
    val: float = 0.1,
    seed: int = 0,
    most_bytes: int = MOST_BYTES,
) -> DataSet:
    """A data set by name or path. · 按名称或路径读取数据集。

    source: a known name, a folder of images (CLASS/image or train/CLASS/image, …) or a folder of IDX files.
    size: (H, W), channels: 1 or 3; as the data has them if None. val: the share of the training part that is held out by
    seed, in 0 ≤ val < 1, where there is no val folder. most_bytes: images above this are decoded batch by batch.
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
    reader = _read_known if str(source) in sources.SOURCES else _read_path
    return _assemble(reader(str(source), size, channels, most_bytes), val, seed)


@dataclass
class _Found:
    """What a reader gives: parts as (store, int64 targets), before anything is held out."""

    name: str
    source: str
    classes: tuple[str, ...]
    parts: dict[str, tuple[Store, np.ndarray]]
    fit: str


def _read_known(name: str, size: tuple[int, int] | None, channels: int | None, most_bytes: int) -> _Found:
    source = sources.get(name)
    if source.bundled:
        images, labels = digits()
        shape = (channels or 1, *(size or images.shape[2:]))
        return _Found(name, name, source.classes, {"train": (_fitted(images, shape, "resize"), labels)}, "resize")
    folder = sources.locate(name)
    parts = find_pairs(folder)
    if set(parts) != {"train", "test"}:
        raise UserError(f"{show(folder)}: expected the four files of {name}: {', '.join(f.name for f in source.files)}")
    read = {}
    for (part, (images, labels)), count in zip(parts.items(), source.counts, strict=True):
        x, y = read_pair(images, labels)
        if x.shape[1:] != source.shape or len(x) != count:
            raise UserError(f"{show(images)}: {len(x)} images of {x.shape[2]}×{x.shape[3]}: expected {count} of 28×28")
        check_labels(y, 0, len(source.classes) - 1, labels)
        read[part] = (_fitted(x, (channels or 1, *(size or x.shape[2:])), "pad"), y)
    return _Found(name, show(folder), source.classes, read, "pad")


def _read_path(text: str, size: tuple[int, int] | None, channels: int | None, most_bytes: int) -> _Found:
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
    read = _read_idx(root, pairs, size, channels) if pairs else _read_images(root, size, channels, most_bytes)
    return read


def _read_idx(root: Path, pairs: dict, size: tuple[int, int] | None, channels: int | None) -> _Found:
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
        parts[part] = (_fitted(x, (channels or 1, *(size or inner)), "pad"), y - low)
    return _Found(root.resolve().name, show(root), tuple(str(c) for c in range(low, high + 1)), parts, "pad")


def _read_images(root: Path, size: tuple[int, int] | None, channels: int | None, most_bytes: int) -> _Found:
    layout = read_layout(root)
    paths = [path for files in layout.parts.values() for path, _ in files]
    if size is None or channels is None:
        shape = _common_shape(paths, root, size, channels)
    else:
        shape = (channels, *size)
    parts: dict[str, tuple[Store, np.ndarray]] = {}
    left = most_bytes
    for part, files in layout.parts.items():
        store = open_files([path for path, _ in files], shape, left)
        left -= len(store) * int(np.prod(shape)) if isinstance(store, Memory) else 0
        parts[part] = (store, np.array([label for _, label in files], dtype=np.int64))
    return _Found(root.resolve().name, show(root), layout.classes, parts, "resize")


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


def _fitted(images: np.ndarray, shape: Shape, fit: str) -> Memory:
    return Memory(fit_array(images, shape, fit))


def _assemble(found: _Found, val: float, seed: int) -> DataSet:
    """Hold out what is missing, measure the training part, take the fingerprint."""
    rows = {part: (part, np.arange(len(store))) for part, (store, _) in found.parts.items()}
    if set(rows) == {"train"}:
        kept, held = stratified(found.parts["train"][1], _TEST_SHARE, _TEST_SEED)
        rows = {"train": ("train", kept), "test": ("train", held)}
    if "val" not in rows and val:
        inner, held = stratified(found.parts["train"][1][rows["train"][1]], val, seed)
        kept = rows["train"][1]
        rows |= {"train": ("train", kept[inner]), "val": ("train", kept[held])}
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
    assert train is not None, "a class keeps one row at least"
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


def read_image(
    path: str | Path,
    shape: Sequence[int],
    channels: int,
    mean: Sequence[float],
    std: Sequence[float],
    fit: str = "resize",
) -> Tensor:
    """One image file as a network's input, float32 [1, C, H, W]. · 将一个图像文件读成网络输入。

    shape: (H, W) or (C, H, W); channels, mean, std, fit: as the `DataSet` has them that the network was trained on.
    Raises `UserError`, naming the file, if it cannot be read as an image.
    """
    file = Path(path).expanduser()
    if not file.is_file():
        fault = "a folder" if file.is_dir() else "no such file"
        raise UserError(f"{show(file)}: {fault}: expected an image file")
    height, width = shape[-2:]
    image = torch.from_numpy(decode(file, (channels, height, width), fit).copy()).float().div_(255)
    return ((image - torch.tensor(mean)[:, None, None]) / torch.tensor(std)[:, None, None])[None]
