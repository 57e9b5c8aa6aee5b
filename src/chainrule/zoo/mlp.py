"""Fully-connected network · 全连接网络

symbols  x [N, …] flattened to [N, I]   hidden layer t: z_t = a_{t−1} W_tᵀ + b_t, a_t = σ(z_t)   out [N, O]
"""

from collections.abc import Sequence
from itertools import pairwise

import torch

from .. import nn
from ..errors import UserError, unknown

ACTIVATIONS = {
    "relu": nn.ReLU,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "leaky_relu": nn.LeakyReLU,
    "elu": nn.ELU,
}


def mlp(
    num_classes: int = 10,
    in_features: int = 1024,
    hidden: int | Sequence[int] = (128,),
    activation: str = "relu",
    dropout: float = 0.0,
    depth: int = 1,
) -> nn.Sequential:
    """The notes' network: linear layers, an activation after each but the last. · 多层感知机（全连接网络）。

    in_features I, hidden the widths of the hidden layers, all of them depth times over, num_classes O; dropout after
    each activation. Raises `UserError` for an unknown activation and for a depth below 1.
    Source: Rumelhart, Hinton & Williams 1986, doi:10.1038/323533a0.

    >>> sum(p.numel() for p in mlp(num_classes=2, in_features=4, hidden=3).parameters())
    23
    >>> [layer.out_features for layer in mlp(hidden=64, depth=3)[1::2]]
    [64, 64, 64, 10]
    """
    if activation not in ACTIVATIONS:
        raise unknown("activation", activation, list(ACTIVATIONS))
    if depth < 1:
        raise UserError(f"depth={depth}: expected at least 1")
    row = (hidden,) if isinstance(hidden, int) else tuple(hidden)
    widths = (in_features, *row * depth)
    layers: list[torch.nn.Module] = [nn.Flatten()]
    for before, after in pairwise(widths):
        layers += [nn.Linear(before, after), ACTIVATIONS[activation]()]
        layers += [nn.Dropout(dropout)] if dropout else []
    return nn.Sequential(*layers, nn.Linear(widths[-1], num_classes))
