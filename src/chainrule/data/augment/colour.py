"""Colours changed: brightness, contrast, saturation, hue; and normalisation. · 颜色变换与归一化。

symbols  x [N, C, H, W] floats in 0…1, C 1 (grey) or 3   factors, turns [N]
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from .operation import Frame, Operation, within

_LUMA = (0.2989, 0.587, 0.114)


def brightness(x: Tensor, factors: Tensor) -> Tensor:
    """Times a factor. · 亮度。

    >>> brightness(torch.tensor([[[[0.25, 0.75]]]]), torch.tensor([2.0])).tolist()
    [[[[0.5, 1.0]]]]
    """
    return (x * _each(factors, x)).clamp(0, 1)


def contrast(x: Tensor, factors: Tensor) -> Tensor:
    """Towards or away from the mean grey of the image. · 对比度。

    >>> contrast(torch.tensor([[[[0.25, 0.75]]]]), torch.tensor([0.0])).tolist()
    [[[[0.5, 0.5]]]]
    """
    return _blend(x, grey(x).mean((1, 2, 3), keepdim=True), factors)


def saturation(x: Tensor, factors: Tensor) -> Tensor:
    """Towards or away from its own grey; nothing for a grey image. · 饱和度。"""
    return x if x.shape[1] == 1 else _blend(x, grey(x), factors)


def hue(x: Tensor, turns: Tensor) -> Tensor:
    """Colours turned on their circle by −½…½ of it; nothing for a grey image. · 色相。

    >>> hue(torch.tensor([[[[1.0]], [[0.0]], [[0.0]]]]), torch.tensor([1 / 3]))[0, :, 0, 0].round().tolist()
    [0.0, 1.0, 0.0]
    """
    if x.shape[1] == 1:
        return x
    r, g, b = x.unbind(1)
    value, least = x.amax(1), x.amin(1)
    spread = value - least
    safe = torch.where(spread > 0, spread, 1)
    angle = torch.where(value == r, (g - b) / safe, torch.where(value == g, 2 + (b - r) / safe, 4 + (r - g) / safe))
    angle = (angle / 6 + turns.to(x.dtype)[:, None, None]) % 1 * 6
    # Each channel falls from the value by the spread where its distance on the circle says so.
    distance = torch.stack([(angle - middle + 3) % 6 - 3 for middle in (0, 2, 4)], 1).abs()
    return value[:, None] - spread[:, None] * (distance - 1).clamp(0, 1)


def grey(x: Tensor) -> Tensor:
    """Luma, [N, 1, H, W] (ITU-R BT.601). · 灰度。"""
    if x.shape[1] == 1:
        return x
    return (x * torch.tensor(_LUMA, dtype=x.dtype, device=x.device)[:, None, None]).sum(1, keepdim=True)


def jitter(x: Tensor, factors: Tensor, fill: Tensor | None = None) -> Tensor:
    """Brightness, contrast, saturation, then hue, by factors [N, 4]. · 依次改变亮度、对比度、饱和度与色相。

    torchvision draws their order too; here it stays, so that a parameter means the same in every batch.

    >>> x = torch.rand(1, 3, 2, 2)
    >>> torch.allclose(jitter(x, torch.tensor([[1.0, 1.0, 1.0, 0.0]])), x, atol=1e-6)
    True
    """
    x = saturation(contrast(brightness(x, factors[:, 0]), factors[:, 1]), factors[:, 2])
    return hue(x, factors[:, 3])


def normalise(x: Tensor, mean: Sequence[float], std: Sequence[float]) -> Tensor:
    """(x − mean) / std of each channel; bytes count as 0…1. · 按通道归一化。

    >>> normalise(torch.tensor([[[[255]]]], dtype=torch.uint8), (0.5,), (0.25,)).tolist()
    [[[[2.0]]]]
    """
    most = 1 if x.is_floating_point() else 255
    deviation = torch.tensor(std, dtype=torch.float64)[:, None, None]
    scale = (1 / (most * deviation)).float().to(x.device)
    offset = (-torch.tensor(mean, dtype=torch.float64)[:, None, None] / deviation).float().to(x.device)
    return (x * scale).add_(offset)  # bytes times floats are floats: no copy of them is made before


def _each(factors: Tensor, x: Tensor) -> Tensor:
    return factors.to(x.dtype)[:, None, None, None]


def _blend(x: Tensor, other: Tensor, factors: Tensor) -> Tensor:
    share = _each(factors, x)
    return (x * share + other * (1 - share)).clamp(0, 1)


def _jitter(
    u: Tensor, frame: Frame, strength: float, brightness: float, contrast: float, saturation: float, hue: float
) -> Tensor:
    most = [strength if own < 0 else own for own in (brightness, contrast, saturation)]
    factors = [within(u[:, i], (1 - m, 1 + m)) for i, m in enumerate(most)]
    return torch.stack((*factors, within(u[:, 3], (-hue, hue))), 1).float()


JITTER = Operation(4, _jitter, jitter)
