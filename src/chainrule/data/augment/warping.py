"""Images looked at between their pixels: rotation, affine maps, parts enlarged. · 插值变换：旋转、仿射、裁剪放大。"""

import torch
import torch.nn.functional as F
from torch import Tensor

from .operation import Frame, Operation, within


def affine(x: Tensor, matrices: Tensor, fill: Tensor | None = None) -> Tensor:
    """Turn, zoom, shear and move each image, bilinear; zeros lie outside. · 旋转、缩放、剪切、平移，双线性插值。

    x [N, C, H, W] floats   matrices [N, 2, 3]: new place → old place, in pixels from the middle (right, down)

    >>> x = torch.arange(4.0).reshape(1, 1, 2, 2)
    >>> affine(x, torch.tensor([[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]])).equal(x)
    True
    """
    h, w = x.shape[2:]
    right = torch.arange(w, device=x.device, dtype=x.dtype) - (w - 1) / 2
    down = torch.arange(h, device=x.device, dtype=x.dtype) - (h - 1) / 2
    m = matrices.to(x.dtype)[:, :, :, None, None]
    old = m[:, :, 0] * right + m[:, :, 1] * down[:, None] + m[:, :, 2]
    return _look(x, old[:, 0], old[:, 1])


def resized_crop(x: Tensor, boxes: Tensor, fill: Tensor | None = None) -> Tensor:
    """A box of each image enlarged to the whole, bilinear, nothing from outside the box. · 裁剪框放大到整幅。

    x [N, C, H, W] floats   boxes [N, 4] (top, left, height, width) in pixels

    >>> resized_crop(torch.arange(4.0).reshape(1, 1, 2, 2), torch.tensor([[0.0, 1.0, 1.0, 1.0]])).tolist()
    [[[[1.0, 1.0], [1.0, 1.0]]]]
    """
    h, w = x.shape[2:]
    top, left, height, width = boxes.to(x.dtype)[:, :, None].unbind(1)
    down = top + ((torch.arange(h, device=x.device, dtype=x.dtype) + 0.5) * height / h - 0.5).clamp(min=0)
    right = left + ((torch.arange(w, device=x.device, dtype=x.dtype) + 0.5) * width / w - 0.5).clamp(min=0)
    down, right = torch.minimum(down, top + height - 1), torch.minimum(right, left + width - 1)
    n = len(x)
    middle = ((right - (w - 1) / 2)[:, None, :].expand(n, h, w), (down - (h - 1) / 2)[:, :, None].expand(n, h, w))
    return _look(x, *middle)


def _look(x: Tensor, right: Tensor, down: Tensor) -> Tensor:
    """x at places [N, H, W], in pixels from the middle."""
    h, w = x.shape[2:]
    grid = torch.stack((right * (2 / w), down * (2 / h)), -1)
    return F.grid_sample(x, grid, "bilinear", "zeros", align_corners=False)


def matrix(degrees: Tensor, zoom: Tensor, shift: Tensor, shear: Tensor) -> Tensor:
    """The map new → old place of a picture sheared, turned, zoomed and then moved. · 由角度等得到仿射矩阵。

    degrees (clockwise), zoom, shear (degrees, along the rows) [N]   shift [N, 2] pixels (right, down) → [N, 2, 3]

    >>> matrix(torch.zeros(1), torch.ones(1), torch.tensor([[3.0, 4.0]]), torch.zeros(1))[0].tolist()
    [[1.0, 0.0, -3.0], [-0.0, 1.0, -4.0]]
    """
    turn, slope = torch.deg2rad(degrees), torch.tan(torch.deg2rad(shear))
    cos, sin = turn.cos() / zoom, turn.sin() / zoom
    # Forward: zoom · rotation · [[1, slope], [0, 1]]; so back: [[1, −slope], [0, 1]] · rotationᵀ / zoom.
    back = torch.stack((cos + slope * sin, sin - slope * cos, -sin, cos), 1).reshape(-1, 2, 2)
    return torch.cat((back, -(back @ shift[:, :, None])), 2)


def _affine(u: Tensor, frame: Frame, degrees: float, zoom: float, pixels: float, shear: float) -> Tensor:
    v = 2 * u - 1
    return matrix(v[:, 0] * degrees, 1 + v[:, 1] * zoom, v[:, 2:4] * pixels, v[:, 4] * shear).float()


def _rotate(u: Tensor, frame: Frame, degrees: float) -> Tensor:
    still = torch.zeros(len(u), 2, dtype=u.dtype)
    return matrix((2 * u[:, 0] - 1) * degrees, still[:, 0] + 1, still, still[:, 0]).float()


def _boxes(u: Tensor, frame: Frame, scale: tuple[float, float], ratio: tuple[float, float]) -> Tensor:
    """Area uniform, ratio log-uniform (Szegedy et al. 2015, arXiv:1409.4842, section 6), then cut to the picture.

    torchvision draws again where a box does not fit, which takes numbers without end; here it is made to fit.
    """
    h, w = frame.height, frame.width
    area = h * w * within(u[:, 0], scale)
    shape = within(u[:, 1], (torch.tensor(ratio[0]).log().item(), torch.tensor(ratio[1]).log().item())).exp()
    width = (area * shape).sqrt().round().clamp(1, w)
    height = (area / shape).sqrt().round().clamp(1, h)
    top, left = (u[:, 2] * (h - height + 1)).floor(), (u[:, 3] * (w - width + 1)).floor()
    return torch.stack((top, left, height, width), 1).float()


AFFINE = Operation(5, _affine, affine)
ROTATE = Operation(1, _rotate, affine)
RESIZED_CROP = Operation(4, _boxes, resized_crop)
