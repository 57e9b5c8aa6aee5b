"""Where the pixels are: in memory, or decoded when they are asked for. · 像素的存放：内存中，或按需解码。"""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from typing import NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor

from .images import decode_all, fit_array
from .names import show

_CHUNK = 1024


class Store(Protocol):
    """A row of images of one shape. · 同一形状的一列图像。"""

    shape: tuple[int, int, int]

    def __len__(self) -> int: ...

    def take(self, rows: Tensor) -> Tensor:
        """The images of these rows, uint8 [N, C, H, W]. · 取出若干行图像。"""
        ...

    def name(self, row: int) -> str:
        """What a message calls this image. · 图像在消息中的名称。"""
        ...


class Memory:
    """Images held as bytes. · 保存在内存中的图像。

    images: uint8 [N, C, H, W]. names: one a row; without them an image is called by its number.
    """

    def __init__(self, images: np.ndarray, names: Sequence[Path] | None = None):
        # A read-only array would make torch warn; the bytes are never written to.
        self.images = torch.from_numpy(images if images.flags.writeable else images.copy())
        self.names = names
        self.shape = (images.shape[1], images.shape[2], images.shape[3])

    def __len__(self) -> int:
        return len(self.images)

    def take(self, rows: Tensor) -> Tensor:
        return self.images.index_select(0, rows)

    def name(self, row: int) -> str:
        return show(self.names[row]) if self.names else str(row)


class Fitted:
    """Images in memory that are brought to a larger shape when they are asked for. · 取用时才放大的图像。

    images: uint8 [N, c, h, w].
    """

    def __init__(self, images: np.ndarray, shape: tuple[int, int, int], fit: str):
        self.images, self.shape, self.fit = images, shape, fit

    def __len__(self) -> int:
        return len(self.images)

    def take(self, rows: Tensor) -> Tensor:
        return torch.from_numpy(fit_array(self.images[rows.numpy()], self.shape, self.fit))

    def name(self, row: int) -> str:
        return str(row)


class Files:
    """Images decoded from their files when they are asked for; as many as have room are kept. · 按需解码并有限缓存。

    most_bytes: of decoded images that are kept. What came first stays: each epoch asks for every image once, so what
    makes room for what was asked for last would be gone whenever it is wanted.
    """

    def __init__(self, paths: Sequence[Path], shape: tuple[int, int, int], fit: str = "resize", most_bytes: int = 0):
        self.paths, self.shape, self.fit = paths, shape, fit
        room = min(most_bytes // int(np.prod(shape)), len(paths))
        self._kept = np.empty((room, *shape), np.uint8)
        self._slots = np.full(len(paths), -1)  # where an image is kept
        self._used = 0
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self.paths)

    def take(self, rows: Tensor) -> Tensor:
        wanted = rows.numpy()
        slots = self._slots[wanted]
        here, absent = np.flatnonzero(slots >= 0), np.flatnonzero(slots < 0)
        out = np.empty((len(wanted), *self.shape), np.uint8)
        out[here] = self._kept[slots[here]]
        if absent.size:
            fresh = np.empty((absent.size, *self.shape), np.uint8)
            decode_all([self.paths[row] for row in wanted[absent]], self.shape, fresh, self.fit)
            out[absent] = fresh
            self._keep(wanted[absent], fresh)
        return torch.from_numpy(out)

    def _keep(self, rows: np.ndarray, images: np.ndarray) -> None:
        """As far as there is room. A slot is named only once its bytes are there: others read meanwhile."""
        with self._lock:
            for row, image in zip(rows, images, strict=True):
                if self._used < len(self._kept) and self._slots[row] < 0:
                    self._kept[self._used] = image
                    self._slots[row] = self._used
                    self._used += 1

    def name(self, row: int) -> str:
        return show(self.paths[row])


def open_files(paths: Sequence[Path], shape: tuple[int, int, int], most_bytes: int, fit: str = "resize") -> Store:
    """Files as a store: decoded once if they fit into most_bytes, else as many kept as do. · 能放入内存则一次解码。

    Raises `UserError` for the first file that cannot be decoded.
    """
    if len(paths) * int(np.prod(shape)) > most_bytes:
        return Files(paths, shape, fit, most_bytes)
    return Memory(Files(paths, shape, fit).take(torch.arange(len(paths))).numpy(), paths)


class Survey(NamedTuple):
    """What one pass over a store finds. · 一次遍历的统计。

    sums, squares: float64 [N, C], exact sums of bytes and of their squares. digest: sha256 of all bytes.
    """

    sums: np.ndarray
    squares: np.ndarray
    digest: str


def survey(store: Store) -> Survey:
    """Read every image once. · 读取全部图像一次。"""
    digest = hashlib.sha256()
    sums, squares = (np.empty((len(store), store.shape[0])) for _ in range(2))
    for start in range(0, len(store), _CHUNK):
        rows = torch.arange(start, min(start + _CHUNK, len(store)))
        images = store.take(rows).numpy()
        digest.update(images.data)
        # Bytes and their squares are integers far below 2^53: these sums are exact in any order.
        pixels = images.reshape(len(rows), store.shape[0], -1).astype(np.float64)
        sums[start : start + len(rows)] = pixels.sum(-1)
        squares[start : start + len(rows)] = np.einsum("ncp,ncp->nc", pixels, pixels)
    return Survey(sums, squares, digest.hexdigest())


def moments(found: Survey, rows: np.ndarray, pixels: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation of each channel over some rows, in units of 255. · 各通道的均值与标准差。

    pixels: of one channel of one image. A channel without any variation has deviation 1, so that nothing divides by 0.
    """
    count = max(len(rows), 1) * pixels
    mean = found.sums[rows].sum(0) / count
    deviation = np.sqrt(np.maximum(found.squares[rows].sum(0) / count - mean**2, 0))
    deviation[deviation < 1e-6] = 255
    return tuple((mean / 255).tolist()), tuple((deviation / 255).tolist())
