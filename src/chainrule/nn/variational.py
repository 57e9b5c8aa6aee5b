r"""Variational autoencoder: a code that is drawn, and what it costs · 变分自编码器：随机编码及其代价

symbols  mean μ, log_var log σ² [N, D] of the code   noise ε [N, D] standard normal   z code   x [N, …] data
         x_hat x̂ [N, …] what the decoder says: logits of pixels (Bernoulli) or their mean (Gaussian)
         out [N, D] of a code, [N, …] of data
note     −ELBO = reconstruction + KL is an upper bound on −log p(x), in nats an image; β ≠ 1 is another aim (β-VAE)
note     noise is drawn outside the step, as masks are: `draw` from torch's generator, or set as `module.mask`
"""

import math

import torch
from torch import Tensor

from ..errors import UserError, unknown
from ..formula import R, formula
from .dropout import dropout
from .entropy import binary_cross_entropy_with_logits
from .reduction import reduce

Generator = torch.Generator | None
KINGMA = "Kingma & Welling 2014, Auto-encoding variational Bayes, arXiv:1312.6114"


def shifted(mean, log_var, noise):
    return torch.addcmul(mean, noise, torch.sqrt(log_var.exp()))


@formula(twin=shifted, batch=("mean", "log_var", "noise"), source=f"{KINGMA}, §2.4 and appendix B")
def reparameterise(mean, log_var, noise):
    """A code drawn from N(μ, σ²) as a function that μ and σ can learn through. · 重参数化：可对 μ 与 σ 求导的抽样。

    >>> reparameterise(torch.tensor([1.0]), torch.tensor([0.0]), torch.tensor([0.5]))
    tensor([1.5000])
    """
    return mean + (log_var / 2).exp() * noise


@reparameterise.backward("mean")
def _(δ):
    return δ


@reparameterise.backward("log_var")
def _(δ, log_var, noise):
    """dσ = σ/2 · d log σ². · σ 对 log σ² 的导数为 σ/2。"""
    return δ * noise * (log_var / 2).exp() / 2


@reparameterise.backward("noise")
def _(δ, log_var):
    return δ * (log_var / 2).exp()


@reparameterise.samples
def _():
    yield R(4, 3), R(4, 3), R(4, 3)


def divergence(mean, log_var):
    code = torch.distributions.Normal(mean, (log_var / 2).exp(), validate_args=False)
    prior = torch.distributions.Normal(torch.zeros_like(mean), torch.ones_like(mean), validate_args=False)
    return torch.distributions.kl_divergence(code, prior)


@formula(twin=divergence, autocast="fp32", batch=("mean", "log_var"), source=f"{KINGMA}, appendix B")
def standard_normal_kl(mean, log_var):
    """How far N(μ, σ²) is from N(0, 1), number by number. · N(μ, σ²) 与标准正态的 KL 散度。

    >>> standard_normal_kl(torch.tensor([0.0, 2.0]), torch.tensor([0.0, 0.0]))
    tensor([0., 2.])
    """
    return (mean**2 + log_var.exp() - 1 - log_var) / 2


@standard_normal_kl.backward("mean")
def _(δ, mean):
    return δ * mean


@standard_normal_kl.backward("log_var")
def _(δ, log_var):
    return δ * (log_var.exp() - 1) / 2


@standard_normal_kl.samples
def _():
    yield R(4, 3), R(4, 3)


def unlikelihood(x_hat, x, std):
    return -torch.distributions.Normal(x_hat, std, validate_args=False).log_prob(x)


@formula(twin=unlikelihood, autocast="fp32", batch=("x_hat", "x"), source=f"{KINGMA}, appendix C.2")
def gaussian_nll(x_hat, x, std=1.0):
    """−log of the density of N(x̂, std²) at x. · 高斯负对数似然，标准差固定。

    >>> gaussian_nll(torch.tensor([1.0]), torch.tensor([3.0]), 2.0)
    tensor([2.1121])
    """
    return ((x - x_hat) / std) ** 2 / 2 + math.log(std * math.sqrt(2 * math.pi))


@gaussian_nll.backward("x_hat")
def _(δ, x_hat, x, std):
    return δ * (x_hat - x) / std**2


@gaussian_nll.backward("x")
def _(δ, x_hat, x, std):
    return δ * (x - x_hat) / std**2


@gaussian_nll.samples
def _():
    yield R(4, 3), R(4, 3), 1.0
    yield R(4, 3), R(4, 3), 0.3


def added(x, noise, std):
    return torch.add(x, noise, alpha=std)


@formula(twin=added, batch=("x", "noise"), source="Vincent et al. 2010, JMLR 11:3371–3408, §3.3")
def noisy(x, noise, std=0.3):
    """What is seen through normal noise. · 加性高斯噪声。

    >>> noisy(torch.tensor([1.0]), torch.tensor([-2.0]), 0.25)
    tensor([0.5000])
    """
    return x + std * noise


@noisy.backward("x")
def _(δ):
    return δ


@noisy.backward("noise")
def _(δ, std):
    return std * δ


@noisy.samples
def _():
    yield R(4, 3), R(4, 3), 0.4


def reconstruction(x_hat: Tensor, x: Tensor, likelihood: str = "bernoulli", std: float = 1.0) -> Tensor:
    """−log p(x | x̂) of an image, summed over its pixels and averaged over the batch. · 每幅图像的重构损失。

    Raises `UserError` for an unknown likelihood.

    >>> reconstruction(torch.zeros(2, 3), torch.ones(2, 3))
    tensor(2.0794)
    """
    if likelihood not in LIKELIHOODS:
        raise unknown("likelihood", likelihood, LIKELIHOODS)
    if likelihood == "bernoulli":
        return reduce(binary_cross_entropy_with_logits(x_hat, x, reduction="none"), len(x))
    return reduce(gaussian_nll(x_hat, x, std), len(x))


def divergence_of(mean: Tensor, log_var: Tensor) -> Tensor:
    """KL of the codes of an image from the prior, averaged over the batch. · 每幅图像编码的 KL 散度。

    >>> divergence_of(torch.ones(4, 2), torch.zeros(4, 2))
    tensor(1.)
    """
    return reduce(standard_normal_kl(mean, log_var), len(mean))


LIKELIHOODS = ("bernoulli", "gaussian")


class Reparameterise(torch.nn.Module):
    """A code drawn from N(μ, σ²) while it trains, and μ itself afterwards. · 训练时抽样，使用时取均值。

    mean, log_var [*], out [*]; `mask` is the noise that is used, None draws new one. The formula: `reparameterise`.

    >>> Reparameterise().eval()(torch.ones(1), torch.zeros(1))
    tensor([1.])
    """

    mask: Tensor | None = None

    def draw(self, input: Tensor, generator: Generator = None) -> Tensor:
        """Noise for this input. · 抽取噪声。"""
        return torch.empty_like(input).detach().normal_(generator=generator)

    def forward(self, mean: Tensor, log_var: Tensor) -> Tensor:
        if not self.training:
            return mean
        return reparameterise(mean, log_var, self.draw(mean) if self.mask is None else self.mask)


class GaussianNoise(torch.nn.Module):
    """Normal noise on what is seen, while it trains. · 训练时加高斯噪声。

    input [*], out [*]. Raises `UserError` for a negative std. The formula: `noisy`.

    >>> GaussianNoise(0.5).eval()(torch.ones(1))
    tensor([1.])
    """

    mask: Tensor | None = None

    def __init__(self, std: float = 0.3) -> None:
        super().__init__()
        if std < 0:
            raise UserError(f"GaussianNoise got std={std}: expected a number of at least 0")
        self.std = std

    def draw(self, input: Tensor, generator: Generator = None) -> Tensor:
        """Noise for this input. · 抽取噪声。"""
        return torch.empty_like(input).detach().normal_(generator=generator)

    def forward(self, input: Tensor) -> Tensor:
        if not self.training or self.std == 0:
            return input
        return noisy(input, self.draw(input) if self.mask is None else self.mask, self.std)

    def extra_repr(self) -> str:
        return f"std={self.std}"


class MaskingNoise(torch.nn.Module):
    """Sets each number to 0 with chance p, while it trains, the others stay as they are. · 训练时随机置零。

    input [*], out [*]. Raises `UserError` for p outside [0, 1]. Source: Vincent et al. 2008, ICML, §2.3,
    doi:10.1145/1390156.1390294.

    >>> MaskingNoise(1.0)(torch.ones(2))
    tensor([0., 0.])
    """

    mask: Tensor | None = None

    def __init__(self, p: float = 0.3) -> None:
        super().__init__()
        if not 0 <= p <= 1:
            raise UserError(f"MaskingNoise got p={p}: expected a chance from 0 to 1")
        self.p = p

    def draw(self, input: Tensor, generator: Generator = None) -> Tensor:
        """What is kept, 0 or 1. · 保留与否。"""
        return torch.empty_like(input).detach().bernoulli_(1 - self.p, generator=generator)

    def forward(self, input: Tensor) -> Tensor:
        if not self.training or self.p == 0:
            return input
        return dropout(input, self.draw(input) if self.mask is None else self.mask, 0.0)

    def extra_repr(self) -> str:
        return f"p={self.p}"
