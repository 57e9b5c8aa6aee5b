"""A data set ready for training: parts, classes, shape, statistics, fingerprint. · 可供训练的数据集。"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from ..errors import UserError
from .images import decode
from .names import show
from .store import Store


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
        return self.normalise(self.images(indices)), self.targets.index_select(0, indices)

    def images(self, indices: Tensor) -> Tensor:
        """The images of these samples as they were read, uint8 [B, C, H, W]. · 未归一化的一批图像。"""
        return self._store.take(self._rows.index_select(0, indices))

    def normalise(self, images: Tensor) -> Tensor:
        """Images, bytes or floats in 0…1, as a network takes them: (x − mean) / std, float32. · 归一化。"""
        scale, shift = self._scale.to(images.device), self._shift.to(images.device)
        return (images * (scale if images.dtype == torch.uint8 else 255 * scale)).add_(shift)

    def raw(self, index: int) -> Tensor:
        """One image as it was read, uint8 [C, H, W]. · 未归一化的图像。"""
        return self.raws(torch.tensor([index]))[0]

    def raws(self, indices: Tensor) -> Tensor:
        """Images as they were read, uint8 [B, C, H, W]. · 未归一化的一批图像。"""
        return self._store.take(self._rows.index_select(0, indices))

    def names(self, index: int) -> str:
        """The path of a sample, or its row number in the file. · 样本的路径或行号。"""
        return self._store.name(int(self._rows[index]))

    def normalised(self, mean: Sequence[float], std: Sequence[float]) -> "Split":
        """The same samples by the statistics a network was trained with. · 换用给定的均值与标准差。"""
        return Split(self._store, self._rows, self.targets, mean, std)

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
    shape: tuple[int, int, int]
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
