"""Which part of an image speaks for a class. · 图像的哪一部分支持某个类别。

symbols  A [N, K, u, v] the K maps of one layer   δ the gradient of the score of a class: of the maps, ∂y/∂A, or of the
         image, ∂y/∂x [N, C, H, W]   out [N, u, v] or [N, H, W], the larger the more it speaks for the class
"""

from collections.abc import Callable

from torch import Tensor

from ..nn.piecewise import relu


def grad_cam(A: Tensor, δ: Tensor) -> Tensor:
    """Maps weighed by how much each speaks for the class, and what is left above zero. · Grad-CAM。

    Source: Selvaraju et al. 2017, equations 1 and 2, arXiv:1610.02391.

    >>> import torch
    >>> grad_cam(torch.ones(1, 2, 3, 3), torch.tensor([2.0, -1.0])[None, :, None, None].expand(1, 2, 3, 3))[0, 0]
    tensor([1., 1., 1.])
    """
    α = δ.mean((-2, -1), keepdim=True)
    return relu((α * A).sum(-3))


def saliency(δ: Tensor) -> Tensor:
    """How much the score changes with each pixel, in the channel where it changes most. · 显著图。

    Source: Simonyan, Vedaldi & Zisserman 2014, section 3.1, arXiv:1312.6034.

    >>> import torch
    >>> saliency(torch.tensor([[[[1.0]], [[-3.0]]]])).tolist()
    [[[3.0]]]
    """
    return δ.abs().amax(-3)


def occlusion(score: Callable[[Tensor], Tensor], x: Tensor, side: int, stride: int, batch: int = 64) -> Tensor:
    """How much the score falls when a square of the image is made grey, as a mean over all squares there. · 遮挡图。

    score [N, C, H, W] → [N]; x [1, C, H, W] normalised, so that grey is 0; side, stride of the square in pixels.
    Source: Zeiler & Fergus 2014, section 4.2, arXiv:1311.2901.

    >>> import torch
    >>> x = torch.zeros(1, 1, 4, 4)
    >>> x[..., :2, :2] = 1
    >>> occlusion(lambda x: x.sum((1, 2, 3)), x, side=2, stride=2)[0].tolist()
    [[4.0, 4.0, 0.0, 0.0], [4.0, 4.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0]]
    """
    height, width = x.shape[-2:]
    places = [(top, left) for top in _steps(height, side, stride) for left in _steps(width, side, stride)]
    fallen, seen = x.new_zeros(height, width), x.new_zeros(height, width)
    whole = score(x)
    for first in range(0, len(places), batch):
        chosen = places[first : first + batch]
        covered = x.repeat(len(chosen), 1, 1, 1)
        for row, (top, left) in zip(covered, chosen, strict=True):
            row[:, top : top + side, left : left + side] = 0
        for (top, left), drop in zip(chosen, whole - score(covered), strict=True):
            fallen[top : top + side, left : left + side] += drop
            seen[top : top + side, left : left + side] += 1
    return (fallen / seen)[None]


def _steps(length: int, side: int, stride: int) -> list[int]:
    """Where squares begin: every `stride`, and one that ends at the edge."""
    last = max(length - side, 0)
    return sorted({*range(0, last + 1, stride), last})
