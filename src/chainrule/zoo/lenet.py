"""LeNet-5 · LeNet-5 卷积网络

symbols  x [N, C, 32, 32]   maps of C1 and S2: 6, of C3 and S4: 16   units of C5: 120, of F6: 84   out [N, O]
note     two forms, both named (errata Z02): today's, with ReLU and max-pooling, and the paper's
"""

from .. import nn


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
