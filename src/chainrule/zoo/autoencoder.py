"""Autoencoders: plain, denoising, variational; dense and convolutional · 自编码器：普通、去噪、变分；全连接与卷积

symbols  x [N, C, H, W] pixels in 0…1   z [N, D] code, D = latent   x̂ [N, C, H, W] logits or means of pixels
         variational: μ, log σ² [N, D] = encoder(x), z = μ + σ ε
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from .. import nn
from ..errors import UserError, unknown
from ..nn.variational import LIKELIHOODS, GaussianNoise, MaskingNoise, Reparameterise
from .coders import convolutional, dense

CORRUPTIONS = {"gaussian": GaussianNoise, "mask": MaskingNoise}
LOWEST, HIGHEST = -10.0, 10.0  # of log σ²: beyond, exp leaves what float16 and a first step can bear


class Coded(NamedTuple):
    """What a network says of images: pixels, and mean and log σ² of their codes; None where nothing is drawn."""

    x_hat: Tensor
    mean: Tensor | None
    log_var: Tensor | None


class Autoencoder(torch.nn.Module):
    """An encoder, a code, a decoder. · 编码器、编码与解码器。

    encoder [N, C, H, W] → [N, D], or [N, 2D] where variational; decoder [N, D] → [N, C, H, W]; corrupt changes what the
    encoder sees while it trains. `likelihood` says what the decoder's answers are: logits or means.
    Source: Hinton & Salakhutdinov 2006, doi:10.1126/science.1127647; Vincent et al. 2010, JMLR 11:3371–3408;
    Kingma & Welling 2014, arXiv:1312.6114.

    >>> autoencoder(shape=(1, 4, 4), latent=2, hidden=8).encode(torch.zeros(3, 1, 4, 4)).shape
    torch.Size([3, 2])
    """

    def __init__(
        self,
        encoder: torch.nn.Module,
        decoder: torch.nn.Module,
        variational: bool = False,
        likelihood: str = "bernoulli",
        corrupt: torch.nn.Module | None = None,
    ):
        super().__init__()
        if likelihood not in LIKELIHOODS:
            raise unknown("likelihood", likelihood, LIKELIHOODS)
        self.encoder, self.decoder, self.likelihood = encoder, decoder, likelihood
        self.corrupt = corrupt or nn.Identity()
        self.code = Reparameterise() if variational else None

    @property
    def variational(self) -> bool:
        """Whether codes are drawn. · 编码是否随机。"""
        return self.code is not None

    @property
    def denoises(self) -> bool:
        """Whether it has to see through noise. · 是否去噪。"""
        return hasattr(self.corrupt, "draw")

    @torch.no_grad()
    def seen(self, x: Tensor, seed: int) -> Tensor:
        """Images as the encoder sees them while it trains, by noise that a seed says. · 训练时编码器所见的图像。

        >>> made = autoencoder((1, 2, 2), 1, 4, noise=0.5).eval()
        >>> x = torch.ones(1, 1, 2, 2)
        >>> torch.equal(made.seen(x, 3), made.seen(x, 3)), float(made.seen(torch.ones(99, 1, 2, 2), 0).mean()) < 0.6
        (True, True)
        """
        if not self.denoises:
            return x
        corrupt: Any = self.corrupt
        kept = corrupt.training, corrupt.mask
        corrupt.mask = corrupt.draw(torch.empty(x.shape), torch.Generator().manual_seed(seed)).to(x)
        try:
            return corrupt.train()(x)
        finally:
            corrupt.training, corrupt.mask = kept

    def posterior(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log σ² of the codes of images. · 编码的均值与对数方差。"""
        mean, log_var = self.encoder(x).chunk(2, 1)
        return mean, log_var.clamp(LOWEST, HIGHEST)

    def encode(self, x: Tensor) -> Tensor:
        """The codes of images, [N, D]; their means where they are drawn. · 编码，随机时取均值。"""
        return self.posterior(x)[0] if self.variational else self.encoder(x)

    def decode(self, z: Tensor) -> Tensor:
        """Pixels in 0…1 of codes, [N, C, H, W]. · 由编码得到像素。"""
        x_hat = self.decoder(z)
        return nn.functional.sigmoid(x_hat) if self.likelihood == "bernoulli" else x_hat.clamp(0, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor | None, Tensor | None]:
        x = self.corrupt(x)
        if self.code is None:
            return Coded(self.decoder(self.encoder(x)), None, None)
        mean, log_var = self.posterior(x)
        return Coded(self.decoder(self.code(mean, log_var)), mean, log_var)


def _corrupting(noise: float, corruption: str) -> torch.nn.Module | None:
    if corruption not in CORRUPTIONS:
        raise unknown("corruption", corruption, list(CORRUPTIONS))
    return CORRUPTIONS[corruption](noise) if noise else None


def autoencoder(
    shape: Sequence[int] = (1, 32, 32),
    latent: int = 16,
    hidden: int | Sequence[int] = (512, 256),
    activation: str = "relu",
    likelihood: str = "bernoulli",
    noise: float = 0.0,
    corruption: str = "mask",
) -> Autoencoder:
    """Linear layers down to a code and back. · 全连接自编码器。

    shape of an image (C, H, W); noise > 0 makes it denoising: "mask" drops pixels with that chance, "gaussian" adds
    noise of that deviation. Raises `UserError` for unknown names and sizes below 1.

    >>> autoencoder(latent=2)(torch.zeros(1, 1, 32, 32))[0].shape
    torch.Size([1, 1, 32, 32])
    """
    made = dense(shape, latent, hidden, activation, False)
    return Autoencoder(*made, likelihood=likelihood, corrupt=_corrupting(noise, corruption))


def denoising_autoencoder(
    shape: Sequence[int] = (1, 32, 32),
    latent: int = 16,
    hidden: int | Sequence[int] = (512, 256),
    activation: str = "relu",
    likelihood: str = "bernoulli",
    noise: float = 0.3,
    corruption: str = "mask",
) -> Autoencoder:
    """The same, which has to see through noise. · 去噪自编码器。

    >>> denoising_autoencoder().corrupt
    MaskingNoise(p=0.3)
    """
    return autoencoder(shape, latent, hidden, activation, likelihood, noise, corruption)


def vae(
    shape: Sequence[int] = (1, 32, 32),
    latent: int = 16,
    hidden: int | Sequence[int] = (512, 256),
    activation: str = "relu",
    likelihood: str = "bernoulli",
    beta: float = 1.0,
    std: float = 0.1,
) -> Autoencoder:
    """Codes drawn from N(μ, σ²), held near N(0, 1) by β times their divergence. · 变分自编码器。

    beta and std (of Gaussian pixels) belong to the loss, and are read there.

    >>> x_hat, mean, log_var = vae(latent=2)(torch.zeros(3, 1, 32, 32))
    >>> x_hat.shape, mean.shape, log_var.shape
    (torch.Size([3, 1, 32, 32]), torch.Size([3, 2]), torch.Size([3, 2]))
    """
    _of_loss(beta, std)
    return Autoencoder(*dense(shape, latent, hidden, activation, True), True, likelihood)


def _of_loss(beta: float, std: float) -> None:
    if beta < 0 or std <= 0:
        raise UserError(f"beta={beta}, std={std}: expected beta of at least 0 and std above 0")


def conv_autoencoder(
    shape: Sequence[int] = (1, 32, 32),
    latent: int = 16,
    channels: int | Sequence[int] = (32, 64),
    activation: str = "relu",
    likelihood: str = "bernoulli",
    noise: float = 0.0,
    corruption: str = "mask",
) -> Autoencoder:
    """Convolutions of stride 2 down to a code, transposed ones back. · 卷积自编码器。

    channels after each halving. Raises `UserError` for sides that cannot be halved so often.

    >>> conv_autoencoder(latent=2)(torch.zeros(1, 1, 32, 32))[0].shape
    torch.Size([1, 1, 32, 32])
    """
    made = convolutional(shape, latent, channels, activation, False)
    return Autoencoder(*made, likelihood=likelihood, corrupt=_corrupting(noise, corruption))


def conv_vae(
    shape: Sequence[int] = (1, 32, 32),
    latent: int = 16,
    channels: int | Sequence[int] = (32, 64),
    activation: str = "relu",
    likelihood: str = "bernoulli",
    beta: float = 1.0,
    std: float = 0.1,
) -> Autoencoder:
    """The variational one, of convolutions. · 卷积变分自编码器。

    >>> conv_vae(shape=(3, 8, 8), latent=4).encode(torch.zeros(1, 3, 8, 8)).shape
    torch.Size([1, 4])
    """
    _of_loss(beta, std)
    return Autoencoder(*convolutional(shape, latent, channels, activation, True), True, likelihood)
