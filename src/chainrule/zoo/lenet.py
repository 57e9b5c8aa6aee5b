"""LeNet-5 · LeNet-5 卷积网络

symbols  x [N, C, 32, 32]   maps of C1 and S2: 6, of C3 and S4: 16   units of C5: 120, of F6: 84   out [N, O]
note     two forms, both named (errata Z02): today's, with ReLU and max-pooling, and the paper's
"""

import torch
from torch import Tensor

from .. import nn
from ..nn.historic import PartialConv2d, RadialBasis, ScaledTanh, Subsample2d


def lenet5(num_classes: int = 10, in_channels: int = 1) -> nn.Sequential:
    """LeNet-5 as it is built today: 61,706 parameters at 1×32×32. · 现代形式的 LeNet-5。

    in_channels C, num_classes O. Source: LeCun, Bottou, Bengio & Haffner 1998, section II.B, doi:10.1109/5.726791,
    with ReLU for the scaled tanh, max-pooling for the trainable sub-sampling, all maps joined in C3, a linear output.

    >>> sum(p.numel() for p in lenet5().parameters())
    61706
    """
    return nn.Sequential(
        nn.Conv2d(in_channels, 6, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(16 * 5 * 5, 120),
        nn.ReLU(),
        nn.Linear(120, 84),
        nn.ReLU(),
        nn.Linear(84, num_classes),
    )


TABLE_I = [  # LeCun et al. 1998, table I: which maps of S2 each map of C3 sees
    *[(i, (i + 1) % 6, (i + 2) % 6) for i in range(6)],
    *[(i, (i + 1) % 6, (i + 2) % 6, (i + 3) % 6) for i in range(6)],
    *[(i, (i + 1) % 6, (i + 3) % 6, (i + 4) % 6) for i in range(3)],
    tuple(range(6)),
]

# The strokes of a 7-segment display: rows and columns of a 12×7 bitmap.
STROKES = {
    "a": (slice(0, 2), slice(1, 6)),
    "b": (slice(1, 6), slice(5, 7)),
    "c": (slice(6, 11), slice(5, 7)),
    "d": (slice(10, 12), slice(1, 6)),
    "e": (slice(6, 11), slice(0, 2)),
    "f": (slice(1, 6), slice(0, 2)),
    "g": (slice(5, 7), slice(1, 6)),
}
DIGITS = ("abcdef", "bc", "abged", "abgcd", "fgbc", "afgcd", "afgedc", "abc", "abcdefg", "abcdfg")


def codes(num_classes: int) -> Tensor:
    """±1 codes [O, 84]: drawn digits for ten classes, random ones else, as the paper allows. · 各类别的 ±1 编码。

    >>> codes(10).shape, codes(3).unique().tolist()
    (torch.Size([10, 84]), [-1.0, 1.0])
    """
    if num_classes != len(DIGITS):
        coins = torch.rand(num_classes, 84, generator=torch.Generator().manual_seed(1998))
        return torch.where(coins < 0.5, -1.0, 1.0)
    pictures = torch.full((10, 12, 7), -1.0)
    for picture, strokes in zip(pictures, DIGITS, strict=True):
        for stroke in strokes:
            picture[STROKES[stroke]] = 1.0
    return pictures.reshape(10, 84)


def lenet1998(num_classes: int = 10, in_channels: int = 1) -> nn.Sequential:
    """LeNet-5 as published: 60,000 trainable parameters and fixed codes of the classes. · 1998 年原版 LeNet-5。

    Scaled tanh, trainable sub-sampling, partial connections in C3, radial basis outputs (minus the distance, so the
    largest output is the answer). Weights start uniform in ±2.4/fan_in, as in the paper's appendix A.
    Source: LeCun, Bottou, Bengio & Haffner 1998, section II.B, doi:10.1109/5.726791.

    >>> sum(p.numel() for p in lenet1998().parameters())
    60000
    """
    network = nn.Sequential(
        nn.Conv2d(in_channels, 6, 5),
        ScaledTanh(),
        Subsample2d(6),
        ScaledTanh(),
        PartialConv2d(TABLE_I, 5),
        ScaledTanh(),
        Subsample2d(16),
        ScaledTanh(),
        nn.Conv2d(16, 120, 5),
        ScaledTanh(),
        nn.Flatten(),
        nn.Linear(120, 84),
        ScaledTanh(),
        RadialBasis(codes(num_classes)),
    )
    for layer in network:
        if isinstance(layer, nn.Conv2d | nn.Linear):
            torch.nn.init.uniform_(layer.weight, -2.4 / layer.weight[0].numel(), 2.4 / layer.weight[0].numel())
        elif isinstance(layer, PartialConv2d):
            with torch.no_grad():
                fan_in = layer.target.bincount()[layer.target] * layer.kernels[0].numel()
                layer.kernels.uniform_(-2.4, 2.4).div_(fan_in[:, None, None])
    return network
