"""The axes of a batch of maps: samples, channels, places. · 批、通道与位置各轴。"""

from torch import Tensor


def by_channel(c: Tensor, x: Tensor) -> Tensor:
    """One value a channel, laid along the channel axis of x [N, C, …]. · 沿通道轴摆放。

    >>> import torch
    >>> by_channel(torch.ones(3), torch.ones(2, 3, 4, 4)).shape
    torch.Size([3, 1, 1])
    """
    return c.reshape(-1, *[1] * (x.ndim - 2))


def but_channel(x: Tensor) -> tuple[int, ...]:
    """Every axis of x [N, C, …] but the channels. · 通道以外的各轴。

    >>> import torch
    >>> but_channel(torch.ones(2, 3, 4, 4))
    (0, 2, 3)
    """
    return tuple(a for a in range(x.ndim) if a != 1)
