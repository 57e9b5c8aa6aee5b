"""What is asked of a reader, and what it gives. · 对读取器的要求与其结果。"""

from dataclasses import dataclass

import numpy as np

from .images import fit_array
from .store import Fitted, Memory, Store

Shape = tuple[int, int, int]
# Bytes of decoded images that are kept in memory; what goes beyond is decoded batch by batch.
MOST_BYTES = 2 << 30


@dataclass(frozen=True)
class Ask:
    """How images are wanted. · 期望的图像形式。

    size: (H, W), channels: 1 or 3; as the data has them if None. fit: "pad" or "resize"; None: the reader's own way.
    most_bytes: of decoded images in memory.
    """

    size: tuple[int, int] | None = None
    channels: int | None = None
    fit: str | None = None
    most_bytes: int = MOST_BYTES

    def shape(self, images: np.ndarray) -> Shape:
        """(C, H, W) of what these images [N, c, h, w] become. · 处理后的形状。

        >>> Ask(size=(8, 9)).shape(np.zeros((2, 3, 4, 4)))
        (3, 8, 9)
        """
        height, width = self.size or images.shape[2:]
        return self.channels or images.shape[1], height, width


@dataclass
class Found:
    """What a reader gives: parts as (store, targets), before anything is held out. · 读取结果。

    targets: int64 [N] classes, or float32 [N, C] of 0 and 1 where a picture has several ("multilabel").
    """

    name: str
    source: str
    classes: tuple[str, ...]
    parts: dict[str, tuple[Store, np.ndarray]]
    fit: str
    task: str = "classification"


def fitted(images: np.ndarray, ask: Ask, fit: str) -> Store:
    """Images [N, c, h, w] as a store of the wanted shape, enlarged batch by batch where they exceed memory. · 入库。"""
    shape = ask.shape(images)
    if images.shape[1:] != shape and len(images) * int(np.prod(shape)) > ask.most_bytes:
        return Fitted(images, shape, fit)
    return Memory(fit_array(images, shape, fit))
