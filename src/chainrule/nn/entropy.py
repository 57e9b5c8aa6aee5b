r"""Losses of probabilities, one at a time · 概率的损失

symbols  p [*] probabilities, of the target in kl_div   log_q [*] log-probabilities of the model   z [*] logits
         y [*] targets in [0, 1]   weight, pos_weight numbers or broadcast with y   out [*]
note     binary_cross_entropy takes probabilities, …_with_logits holds the sigmoid (errata E56); kl_div takes log q and
         p, and its mathematical value is reduction = batchmean (E57)
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from ..errors import UserError
from ..formula import R, formula
from .activation import log1pexp
from .piecewise import at
from .reduction import reducible


def looking(*tensors: Tensor) -> bool:
    """Whether values may be looked at: not while a graph is traced or mapped, nor where it would stall a GPU."""
    tracing = torch.compiler.is_compiling() or torch._C._are_functorch_transforms_active()
    return not tracing and all(t.device.type == "cpu" for t in tensors)


def alike(x, y, *rest):
    """Raises `UserError` unless prediction and target have one shape. · 形状须一致。"""
    if x.shape != y.shape:
        raise UserError(f"a target of shape {tuple(y.shape)} for {tuple(x.shape)} predictions: expected one shape")
    return x, y, *rest


def probable(p, y, *rest):
    """Raises `UserError` for a probability or a target outside [0, 1]: logits, perhaps (E56). · 须在 0 与 1 之间。"""
    if looking(p) and not ((p >= 0) & (p <= 1)).all():
        low, high = p.min().item(), p.max().item()
        raise UserError(
            f"binary_cross_entropy got values from {low:g} to {high:g}: expected probabilities; "
            "for logits use binary_cross_entropy_with_logits"
        )
    if looking(y) and not ((y >= 0) & (y <= 1)).all():
        raise UserError(f"a target from {y.min().item():g} to {y.max().item():g}: expected numbers from 0 to 1")
    return alike(p, y, *rest)


def bce_whole(p, y, weight, reduction="none"):
    return F.binary_cross_entropy(p, y, weight, reduction=reduction)


@reducible(bce_whole, probable)
@formula(
    twin=bce_whole, autocast="fp32", batch=("p", "y"), source="Good 1952, Rational decisions, §8; Bishop 2006, eq. 4.90"
)
def binary_cross_entropy(p, y, weight=None):
    """−log of the probability given to what happened; logarithms end at −100. · 二元交叉熵，输入为概率。

    >>> binary_cross_entropy(torch.tensor([0.5, 1.0]), torch.tensor([1.0, 1.0]))
    tensor(0.3466)
    """
    out = -y * p.log().clamp(min=-100) - (1 - y) * (-p).log1p().clamp(min=-100)
    return out if weight is None else weight * out


@binary_cross_entropy.backward("p")
def _(δ, p, y, weight):
    δ = δ if weight is None else δ * weight
    return δ * (p - y) / (p * (1 - p)).clamp(min=1e-12)


@binary_cross_entropy.backward("y")
def _(δ, p, weight):
    δ = δ if weight is None else δ * weight
    return δ * ((-p).log1p().clamp(min=-100) - p.log().clamp(min=-100))


@binary_cross_entropy.samples
def _():
    p, y = at(0.1, 0.4, 0.7, 0.9), at(0.2, 0.0, 1.0, 0.6)
    yield p, y, None
    yield p, y, R(4).detach()


def bce_logits_whole(z, y, weight, pos_weight, reduction="none"):
    return F.binary_cross_entropy_with_logits(z, y, weight, pos_weight=pos_weight, reduction=reduction)


@reducible(bce_logits_whole, alike)
@formula(
    twin=bce_logits_whole, autocast="fp32", batch=("z", "y"), source="Bishop 2006, Pattern recognition, eq. 4.90–4.91"
)
def binary_cross_entropy_with_logits(z, y, weight=None, pos_weight=None):
    """Binary cross-entropy with the sigmoid inside, stable at any logit (errata E56). · 二元交叉熵，输入为 logits。

    >>> binary_cross_entropy_with_logits(torch.tensor([1e6, -1e6]), torch.tensor([1.0, 1.0]), reduction="none")
    tensor([      0., 1000000.])
    """
    hit, miss = y * log1pexp(-z), (1 - y) * log1pexp(z)
    out = (hit if pos_weight is None else pos_weight * hit) + miss
    return out if weight is None else weight * out


@binary_cross_entropy_with_logits.backward("z")
def _(δ, z, y, weight, pos_weight):
    """σ(z) − y, where y is not weighted. · 无权重时即 σ(z) − y。"""
    hit, miss = y * (-z).sigmoid(), (1 - y) * z.sigmoid()
    δ = δ if weight is None else δ * weight
    return δ * (miss - (hit if pos_weight is None else pos_weight * hit))


@binary_cross_entropy_with_logits.backward("y")
def _(δ, z, weight, pos_weight):
    hit, miss = log1pexp(-z), log1pexp(z)
    δ = δ if weight is None else δ * weight
    return δ * ((hit if pos_weight is None else pos_weight * hit) - miss)


@binary_cross_entropy_with_logits.samples
def _():
    yield R(3, 4), R(3, 4), None, None
    yield R(3, 4), R(3, 4), R(3, 4).detach(), R(4).detach()
    yield R(3, 4), R(3, 4), R(3, 1).detach(), None


def paired(log_q, p, *rest):
    return *torch.broadcast_tensors(log_q, p), *rest


def kl_whole(log_q, p, log_target, reduction="none"):
    return F.kl_div(log_q, p, reduction=reduction, log_target=log_target)


@reducible(kl_whole, paired, modes=("none", "mean", "sum", "batchmean"))
@formula(
    twin=kl_whole,
    autocast="fp32",
    batch=("log_q", "p"),
    source="Kullback & Leibler 1951, doi:10.1214/aoms/1177729694, eq. 2.4",
)
def kl_div(log_q, p, log_target=False):
    """How far the model's q is from p, entry by entry; with log_target, p comes as log p (errata E57). · KL 散度。

    >>> q, p = torch.tensor([[0.5, 0.5]]), torch.tensor([[1.0, 0.0]])
    >>> kl_div(q.log(), p, reduction="batchmean")
    tensor(0.6931)
    """
    return p.exp() * (p - log_q) if log_target else torch.xlogy(p, p) - p * log_q


@kl_div.backward("log_q")
def _(δ, p, log_target):
    return -δ * (p.exp() if log_target else p)


@kl_div.backward("p")
def _(δ, log_q, p, log_target):
    return δ * p.exp() * (p - log_q + 1) if log_target else δ * (p.log() + 1 - log_q)


@kl_div.samples
def _():
    yield R(2, 2), at(0.1, 0.4, 0.7, 0.9).detach().reshape(2, 2).requires_grad_(), False
    yield R(3, 4), R(3, 4), True


class BCELoss(torch.nn.BCELoss):
    """Binary cross-entropy of probabilities. · 二元交叉熵，输入为概率。

    input, target [*] from 0 to 1, out [], or [*] unreduced. Raises `UserError`, RuntimeError from torch's operator, for
    others. The formula and its source: `binary_cross_entropy`.

    >>> BCELoss()(torch.tensor([0.5, 1.0]), torch.tensor([1.0, 1.0]))
    tensor(0.3466)
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return binary_cross_entropy(input, target, self.weight, reduction=self.reduction)


class BCEWithLogitsLoss(torch.nn.BCEWithLogitsLoss):
    """Binary cross-entropy of logits. · 二元交叉熵，输入为 logits。

    input, target [*], out [], or [*] unreduced. Raises `UserError`, ValueError from torch's operator, for two shapes.
    The formula and its source: `binary_cross_entropy_with_logits`.

    >>> BCEWithLogitsLoss()(torch.tensor([0.0]), torch.tensor([1.0]))
    tensor(0.6931)
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        z, y = input, target
        return binary_cross_entropy_with_logits(z, y, self.weight, self.pos_weight, reduction=self.reduction)


class KLDivLoss(torch.nn.KLDivLoss):
    """Kullback–Leibler divergence of log q from p. · KL 散度。

    input, target [*], out [], or [*] unreduced. The formula and its source: `kl_div`.

    >>> KLDivLoss(reduction="batchmean")(torch.tensor([[0.5, 0.5]]).log(), torch.tensor([[1.0, 0.0]]))
    tensor(0.6931)
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return kl_div(input, target, self.log_target, reduction=self.reduction)
