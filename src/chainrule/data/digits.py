"""The digits that ship with the package: 1,797 of them, written by 13 people. · 随包附带的手写数字：1,797 张。

Source: E. Alpaydin and C. Kaynak, "Optical Recognition of Handwritten Digits" (test part), UCI Machine Learning
Repository, 1998, doi:10.24432/C50P49. Licence: Creative Commons Attribution 4.0 (CC BY 4.0); see DIGITS-LICENSE.txt.
Changed here: the 8×8 images are up-sampled to 32×32 and their values 0…16 scaled to 0…255.
"""

import gzip
from functools import cache
from importlib.resources import files

import numpy as np

SIDE, PIXELS, SCALE = 8, 64, 4


@cache
def digits() -> tuple[np.ndarray, np.ndarray]:
    """All images, uint8 [1797, 1, 32, 32], and labels, int64 [1797]. · 全部图像与标签。

    The arrays are shared and read-only.

    >>> images, labels = digits()
    >>> images.shape, labels[:4].tolist()
    ((1797, 1, 32, 32), [0, 1, 2, 3])
    """
    text = gzip.decompress(files("chainrule.data").joinpath("digits.csv.gz").read_bytes()).decode("ascii")
    table = np.array([line.split(",") for line in text.split()], dtype=np.int64)
    images = enlarge(table[:, :PIXELS].reshape(-1, SIDE, SIDE))[:, None]
    labels = table[:, PIXELS]
    images.flags.writeable = labels.flags.writeable = False
    return images, labels


def enlarge(images: np.ndarray) -> np.ndarray:
    """Bilinear up-sampling by 4 and 0…16 → 0…255, in integers so that it never changes. · 整数双线性四倍放大。

    images [N, H, W] int64 → [N, 4H, 4W] uint8. A pixel is a square: new centres lie at odd eighths between old ones.

    >>> import numpy as np
    >>> enlarge(np.array([[[0, 16]]]))[0, 0].tolist()
    [0, 0, 32, 96, 159, 223, 255, 255]
    """
    for axis in (1, 2):
        n = images.shape[axis]
        eighths = 2 * np.arange(SCALE * n) + 1 - SCALE
        low, weight = eighths // 8, eighths % 8
        shape = [-1 if a == axis else 1 for a in range(3)]
        near = images.take(low.clip(0, n - 1), axis) * (8 - weight).reshape(shape)
        images = near + images.take((low + 1).clip(0, n - 1), axis) * weight.reshape(shape)
    # Two passes of eighths: 16 is now 16·64, and + half of that before dividing rounds to the nearest.
    return ((images * 255 + 512) // 1024).astype(np.uint8)
