"""A known set, from where it lies. · 读取已知数据集。"""

from pathlib import Path

from ..errors import UserError
from . import sources
from .cifar.files import SETS
from .cifar.reading import read as read_cifar
from .digits import digits
from .found import Ask, Found, fitted
from .idx import check_labels, find_pairs, read_pair
from .names import show


def read_known(name: str, ask: Ask) -> Found:
    """A set of `sources.SOURCES`. · 读取已知数据集。

    Raises `UserError` if it is not on this machine or not what it should be.
    """
    source = sources.get(name)
    if source.bundled:
        images, labels = digits()
        fit = ask.fit or "resize"
        return Found(name, name, source.classes, {"train": (fitted(images, ask, fit), labels)}, fit)
    folder = sources.locate(name)
    if name in SETS:
        fit = ask.fit or "resize"
        parts = {part: (fitted(x, ask, fit), y) for part, (x, y) in read_cifar(source, folder).items()}
        return Found(name, show(folder), source.classes, parts, fit)
    return _read_mnist(source, folder, ask, ask.fit or "pad")


def _read_mnist(source: sources.Source, folder: Path, ask: Ask, fit: str) -> Found:
    parts = find_pairs(folder)
    if set(parts) != {"train", "test"}:
        names = ", ".join(file.name for file in source.files)
        raise UserError(f"{show(folder)}: expected the four files of {source.name}: {names}")
    read = {}
    for (part, (images, labels)), count in zip(parts.items(), source.counts, strict=True):
        x, y = read_pair(images, labels)
        if x.shape[1:] != source.shape or len(x) != count:
            raise UserError(f"{show(images)}: {len(x)} images of {x.shape[2]}×{x.shape[3]}: expected {count} of 28×28")
        check_labels(y, 0, len(source.classes) - 1, labels)
        read[part] = (fitted(x, ask, fit), y)
    return Found(source.name, show(folder), source.classes, read, fit)
