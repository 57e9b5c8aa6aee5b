"""Encoders and decoders of images, by linear layers or by convolutions · 图像的编码器与解码器：全连接或卷积

symbols  shape (C, H, W) of an image   D = latent, numbers of a code
         an encoder gives 2D numbers where codes are drawn: μ and log σ²
"""

from collections.abc import Sequence
from itertools import pairwise
from math import prod

import torch

from .. import nn
from ..errors import UserError, unknown
from .mlp import ACTIVATIONS

Pair = tuple[torch.nn.Module, torch.nn.Module]


def _layers(widths: Sequence[int], activation: str) -> list[torch.nn.Module]:
    """Linear layers with an activation between them."""
    if activation not in ACTIVATIONS:
        raise unknown("activation", activation, list(ACTIVATIONS))
    layers: list[torch.nn.Module] = []
    for before, after in pairwise(widths):
        layers += [nn.Linear(before, after), ACTIVATIONS[activation]()]
    return layers[:-1]


def dense(shape: Sequence[int], latent: int, hidden: int | Sequence[int], activation: str, drawn: bool) -> Pair:
    """Linear layers of these widths down to a code, and of the same ones back. · 全连接的编码器与解码器。

    Raises `UserError` for an unknown activation and sizes below 1.

    >>> encoder, decoder = dense((1, 4, 4), 2, (8,), "relu", drawn=False)
    >>> decoder(encoder(torch.zeros(3, 1, 4, 4))).shape
    torch.Size([3, 1, 4, 4])
    """
    row = (hidden,) if isinstance(hidden, int) else tuple(hidden)
    _check(shape, latent, row)
    encoder = nn.Sequential(nn.Flatten(), *_layers((prod(shape), *row, latent * (1 + drawn)), activation))
    decoder = nn.Sequential(*_layers((latent, *row[::-1], prod(shape)), activation), nn.Unflatten(1, tuple(shape)))
    return encoder, decoder


def convolutional(
    shape: Sequence[int], latent: int, channels: int | Sequence[int], activation: str, drawn: bool
) -> Pair:
    """Each layer halves the side on the way down, and doubles it on the way up: kernels of 4, stride 2. · 卷积。

    Raises `UserError` for an unknown activation, sizes below 1, and sides that cannot be halved so often.

    >>> encoder, decoder = convolutional((1, 8, 8), 2, (4,), "relu", drawn=True)
    >>> encoder(torch.zeros(3, 1, 8, 8)).shape
    torch.Size([3, 4])
    """
    row = (channels,) if isinstance(channels, int) else tuple(channels)
    _check(shape, latent, row)
    if activation not in ACTIVATIONS:
        raise unknown("activation", activation, list(ACTIVATIONS))
    of, shrink = ACTIVATIONS[activation], 2 ** len(row)
    if shape[1] % shrink or shape[2] % shrink:
        raise UserError(
            f"images of {shape[1]}×{shape[2]} with {len(row)} layers that halve them: expected multiples "
            f"of {shrink}; give size={max(1, round(shape[1] / shrink)) * shrink} or fewer channels"
        )
    small = (row[-1], shape[1] // shrink, shape[2] // shrink)
    down: list[torch.nn.Module] = []
    for before, after in pairwise((shape[0], *row)):
        down += [nn.Conv2d(before, after, 4, stride=2, padding=1), of()]
    up: list[torch.nn.Module] = []
    for before, after in pairwise((*row[::-1], shape[0])):
        up += [of(), nn.ConvTranspose2d(before, after, 4, stride=2, padding=1)]
    encoder = nn.Sequential(*down, nn.Flatten(), nn.Linear(prod(small), latent * (1 + drawn)))
    return encoder, nn.Sequential(nn.Linear(latent, prod(small)), nn.Unflatten(1, small), *up)


def _check(shape: Sequence[int], latent: int, widths: Sequence[int]) -> None:
    if len(shape) != 3 or min(shape) < 1:
        raise UserError(f"shape={tuple(shape)}: expected channels, height, width")
    if latent < 1 or min(widths, default=1) < 1:
        raise UserError(f"latent={latent}, widths {tuple(widths)}: expected numbers of at least 1")
