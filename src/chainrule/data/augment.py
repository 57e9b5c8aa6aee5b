"""Augmentation: parameters drawn outside, images changed by pure functions of them. · 增强：参数外抽，变换为纯函数。

The parameters are a function of (seed, step, sample), so eager and compiled runs, CPU and GPU, and a resumed run see
the same ones, and a compiled step takes them as plain tensors.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from ..errors import UserError, did_you_mean
from . import sampler

DEGREES, ZOOM, DRIFT = 10.0, 0.1, 2.0


@dataclass(frozen=True)
class Augmentation:
    """One kind of augmentation. · 一种数据增强。

    columns: numbers it needs a sample. draw: uniform [N, columns] float64 → parameters [N, …].
    apply: (x [N, C, H, W], parameters, fill [C, 1, 1]) → x of the same shape.
    """

    columns: int
    draw: Callable[[Tensor], Tensor]
    apply: Callable[[Tensor, Tensor, Tensor], Tensor]
    en: str
    zh: str


def translate(x: Tensor, offsets: Tensor, fill: Tensor) -> Tensor:
    """Move each image by whole pixels, the rim filled. · 整像素平移，边缘填充。

    x [N, C, H, W]   offsets [N, 2] integers (down, right)   fill [C, 1, 1]

    >>> x = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]])
    >>> translate(x, torch.tensor([[1, 0]]), torch.zeros(1, 1, 1)).tolist()
    [[[[0.0, 0.0], [1.0, 2.0]]]]
    """
    n, c, h, w = x.shape
    rows = torch.arange(h, device=x.device) - offsets[:, :1]
    columns = torch.arange(w, device=x.device) - offsets[:, 1:]
    inside = ((rows >= 0) & (rows < h))[:, :, None] & ((columns >= 0) & (columns < w))[:, None, :]
    places = rows.clamp(0, h - 1)[:, :, None] * w + columns.clamp(0, w - 1)[:, None, :]
    moved = x.reshape(n, c, h * w).gather(2, places.reshape(n, 1, h * w).expand(n, c, h * w)).reshape(n, c, h, w)
    return torch.where(inside[:, None], moved, fill)


def flip(x: Tensor, turn: Tensor, fill: Tensor) -> Tensor:
    """Mirror left and right where turn [N] is true. · 按 turn 左右翻转。

    >>> flip(torch.tensor([[[[1.0, 2.0]]]]), torch.tensor([True]), torch.zeros(1, 1, 1)).tolist()
    [[[[2.0, 1.0]]]]
    """
    return torch.where(turn[:, None, None, None], x.flip(-1), x)


def affine(x: Tensor, matrices: Tensor, fill: Tensor) -> Tensor:
    """Turn, zoom and move each image, bilinear. · 旋转、缩放、平移，双线性插值。

    x [N, C, H, W]   matrices [N, 2, 3]: new place → old place, in pixels from the middle (right, down)
    fill [C, 1, 1]: what lies outside

    >>> x = torch.arange(4.0).reshape(1, 1, 2, 2)
    >>> affine(x, torch.tensor([[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]]), torch.zeros(1, 1, 1)).equal(x)
    True
    """
    n, _, h, w = x.shape
    right = torch.arange(w, device=x.device, dtype=x.dtype) - (w - 1) / 2
    down = torch.arange(h, device=x.device, dtype=x.dtype) - (h - 1) / 2
    m = matrices.to(x.dtype)[:, :, :, None, None]
    old = m[:, :, 0] * right + m[:, :, 1] * down[:, None] + m[:, :, 2]
    grid = torch.stack((old[:, 0] * (2 / w), old[:, 1] * (2 / h)), -1)
    # Zeros come from outside, so the fill has to be the zero of what is sampled.
    return F.grid_sample(x - fill, grid.reshape(n, h, w, 2), "bilinear", "zeros", align_corners=False) + fill


def _offsets(most: int) -> Callable[[Tensor], Tensor]:
    return lambda u: (u * (2 * most + 1)).long() - most


def _matrices(u: Tensor) -> Tensor:
    """Four uniform numbers → rotation ±DEGREES, zoom 1±ZOOM, and a move of ±DRIFT pixels each way."""
    v = 2 * u - 1
    turn, zoom = torch.deg2rad(v[:, 0] * DEGREES), 1 + v[:, 1] * ZOOM
    cos, sin = turn.cos() / zoom, turn.sin() / zoom
    return torch.stack((cos, -sin, v[:, 2] * DRIFT, sin, cos, v[:, 3] * DRIFT), 1).reshape(-1, 2, 3).float()


AUGMENTATIONS = {
    "shift": Augmentation(2, _offsets(2), translate, "moved by up to 2 pixels", "平移至多 2 像素"),
    "crop": Augmentation(2, _offsets(4), translate, "padded by 4 and cropped back", "填充 4 像素后随机裁剪"),
    "flip": Augmentation(1, lambda u: u[:, 0] < 0.5, flip, "mirrored, every second time", "一半概率左右翻转"),
    "affine": Augmentation(4, _matrices, affine, "turned, zoomed and moved a little", "小幅旋转、缩放与平移"),
}


def parse(text: str) -> tuple[str, ...]:
    """The kinds in "none", "flip" or "crop+flip", in that order. · 解析增强名称。

    Raises `UserError` for a kind that is not in AUGMENTATIONS.

    >>> parse("crop+flip"), parse("none")
    (('crop', 'flip'), ())
    """
    kinds = () if text == "none" else tuple(text.split("+"))
    for kind in kinds:
        if kind not in AUGMENTATIONS:
            known = ", ".join(["none", *AUGMENTATIONS])
            hint = did_you_mean(kind, ["none", *AUGMENTATIONS])
            raise UserError(f"augment={text!r}: {kind!r} is unknown: expected {known}, joined by +{hint}")
    return kinds


def draw(text: str, seed: int, step: int, samples: Tensor) -> tuple[Tensor, ...]:
    """The parameters of each kind in text, for each sample at a step. · 抽取各增强的参数。

    samples: int64 [N], the samples' indices → one tensor [N, …] a kind.

    >>> draw("shift", seed=0, step=0, samples=torch.arange(3))[0].shape
    torch.Size([3, 2])
    """
    kinds = [AUGMENTATIONS[kind] for kind in parse(text)]
    numbers = sampler.uniform(seed, step, samples, sum(kind.columns for kind in kinds))
    return tuple(
        kind.draw(u) for kind, u in zip(kinds, numbers.split([kind.columns for kind in kinds], 1), strict=True)
    )


def augment(text: str, x: Tensor, parameters: tuple[Tensor, ...], fill: Tensor | float = 0.0) -> Tensor:
    """The images changed as text says, by parameters from `draw`. · 按参数变换图像。

    x [N, C, H, W]. fill: the value of what comes in from outside, [C, 1, 1] or one number (`DataSet.fill` is black).

    >>> augment("none", torch.ones(1, 1, 2, 2), ()).sum()
    tensor(4.)
    """
    paint = torch.as_tensor(fill, dtype=x.dtype, device=x.device)
    for kind, values in zip(parse(text), parameters, strict=True):
        x = AUGMENTATIONS[kind].apply(x, values, paint)
    return x
