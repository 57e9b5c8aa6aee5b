"""What a data set holds, class by class, without decoding it. · 数据集概览：各类数量与尺寸。"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from os import cpu_count
from pathlib import Path

import numpy as np
import torch

from ..errors import UserError
from . import sources
from .cifar.files import recognise
from .folders import read_layout
from .found import Ask, Found
from .idx import find_pairs
from .images import probe
from .known import read_known
from .names import show
from .place import open_place
from .reading import read_place

# Where pictures differ in size and none is asked for, they are shown at this one.
_SHOWN = (128, 128)


@dataclass(frozen=True)
class Picture:
    """One image of a set: uint8 [C, H, W], its row, and its classes. · 一张图及其类别。"""

    image: torch.Tensor
    row: int
    target: torch.Tensor


@dataclass
class Description:
    """What there is. · 概览。

    counts: part → samples of each class, int64 [C]. samples: part → how many. low, high: smallest and largest (H, W).
    """

    found: Found
    counts: dict[str, np.ndarray]
    samples: dict[str, int]
    low: tuple[int, int]
    high: tuple[int, int]

    @property
    def uneven(self) -> float:
        """The largest class of the training part over its smallest. · 训练集最大类与最小类之比。"""
        n = self.counts["train"]
        return float(n.max() / max(int(n.min()), 1))

    def pictures(self, count: int) -> list[Picture]:
        """So many images of the training part, of one class after the other. · 依次取自各类的若干图像。"""
        store, targets = self.found.parts["train"]
        classes = range(len(self.found.classes))
        members = [np.flatnonzero(targets == c if targets.ndim == 1 else targets[:, c]) for c in classes]
        depth = max(map(len, members))
        rows = [int(rows[turn]) for turn in range(min(depth, count)) for rows in members if turn < len(rows)]
        chosen = list(dict.fromkeys(rows))[:count]
        images = store.take(torch.tensor(chosen))
        return [Picture(x, row, torch.as_tensor(targets[row])) for x, row in zip(images, chosen, strict=True)]


def describe(source: str, size: tuple[int, int] | None = None) -> Description:
    """Look at a set by name or path; size: (H, W) at which its pictures are shown. · 查看数据集。

    Raises `UserError` for what cannot be used.

    >>> describe("digits").counts["train"].tolist()
    [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    """
    if source in sources.SOURCES:
        found, sizes = read_known(source, Ask(size)), [sources.get(source).shape[1:]]
    else:
        found, sizes = _at(open_place(source), size)
    parts = {part: targets for part, (_, targets) in found.parts.items()}
    counts = {part: _count(targets, len(found.classes)) for part, targets in parts.items()}
    samples = {part: len(targets) for part, targets in parts.items()}
    by_area = sorted(sizes, key=lambda side: side[0] * side[1])
    return Description(found, counts, samples, by_area[0], by_area[-1])


def _at(root: Path, size: tuple[int, int] | None) -> tuple[Found, list[tuple[int, int]]]:
    if recognise(root) or (root.is_dir() and find_pairs(root)):
        found = read_place(root, Ask(size))
        return found, [found.parts["train"][0].shape[1:]]
    if root.is_file() and root.suffix.lower() not in (".csv", ".tsv"):
        raise UserError(
            f"{show(root)}: a file: expected a folder, an archive or a table of images; of a text, tokens=words"
        )
    layout = read_layout(root)
    paths = [path for files in layout.parts.values() for path, _ in files]
    with ThreadPoolExecutor(min(8, cpu_count() or 1)) as pool:
        shapes = list(pool.map(probe, paths))
    sizes = sorted({shape[1:] for shape in shapes})
    wanted = size or (sizes[0] if len(sizes) == 1 else _SHOWN)
    return read_place(root, Ask(wanted, max(shape[0] for shape in shapes), most_bytes=0)), sizes


def _count(targets: np.ndarray, classes: int) -> np.ndarray:
    return np.bincount(targets, minlength=classes) if targets.ndim == 1 else targets.sum(0).astype(np.int64)
