r"""Losses of a distance: a prediction and a target of the same shape · 距离损失

symbols  x, target [*] any values of one shape   delta, beta where the square ends   out [*]
note     each is the loss of one value; reduction = mean, sum or none is composed outside (reduction.py)
note     Huber is not smooth L1 (errata E58): huber_δ = δ · smooth_l1 with β = δ
"""

import warnings
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

from ..errors import UserError
from ..formula import R, formula
from .piecewise import at
from .reduction import reducible

PAIR = ("x", "target")


def paired(x, target, *rest):
    """Prediction and target of one shape, by broadcasting and with torch's warning. · 广播为同一形状，并给出警告。"""
    if x.shape != target.shape:
        warnings.warn(
            f"a target of {tuple(target.shape)} is broadcast to {tuple(x.shape)}: use one shape", stacklevel=3
        )
        x, target = torch.broadcast_tensors(x, target)
    return x, target, *rest


@reducible(F.mse_loss, paired)
@formula(
    twin=partial(F.mse_loss, reduction="none"),
    autocast="fp32",
    batch=PAIR,
    source="Legendre 1805, Nouvelles méthodes pour la détermination des orbites des comètes, appendix",
)
def mse_loss(x, target):
    """Squared error, without a half (E55). · 平方误差，不带二分之一。

    >>> mse_loss(torch.tensor([1.0, 5.0]), torch.tensor([1.0, 2.0]))
    tensor(4.5000)
    """
    return (x - target) ** 2


@mse_loss.backward("x")
def _(δ, x, target):
    return 2 * δ * (x - target)


@mse_loss.backward("target")
def _(δ, x, target):
    return 2 * δ * (target - x)


@mse_loss.samples
def _():
    yield R(3, 4), R(3, 4)


@reducible(F.l1_loss, paired)
@formula(
    twin=partial(F.l1_loss, reduction="none"),
    autocast="fp32",
    batch=PAIR,
    source="Laplace 1793; Goodfellow, Bengio & Courville 2016, Deep learning, §6.2.1.2",
)
def l1_loss(x, target):
    """Absolute error. · 绝对误差。

    >>> l1_loss(torch.tensor([1.0, 5.0]), torch.tensor([1.0, 2.0]))
    tensor(1.5000)
    """
    return (x - target).abs()


@l1_loss.backward("x")
def _(δ, x, target):
    return δ * (x - target).sign()


@l1_loss.backward("target")
def _(δ, x, target):
    return δ * (target - x).sign()


@l1_loss.samples
def _():
    yield at(-2.1, -0.3, 0.4, 1.9), at(0.3, -0.5, -0.6, 2.0)


def huber_whole(x, target, delta, reduction="none"):
    return F.huber_loss(x, target, reduction, delta)


def positive(x, target, delta):
    """Raises `UserError` for a delta of 0 or below: the loss would fall as the error grows. · 检查 δ。"""
    if not delta > 0:
        raise UserError(f"huber_loss got delta={delta}: expected a number above 0")
    return paired(x, target, delta)


@reducible(huber_whole, positive)
@formula(twin=huber_whole, autocast="fp32", batch=PAIR, source="Huber 1964, doi:10.1214/aoms/1177703732, §1")
def huber_loss(x, target, delta=1.0):
    """Squared near the target, straight beyond delta. · 近处平方，远处线性。

    >>> huber_loss(torch.tensor([0.0, 5.0]), torch.tensor([1.0, 2.0]), delta=2.0)
    tensor(2.2500)
    """
    e = (x - target).abs()
    return torch.where(e < delta, e**2 / 2, delta * (e - delta / 2))


@huber_loss.backward("x")
def _(δ, x, target, delta):
    return δ * (x - target).clamp(-delta, delta)


@huber_loss.backward("target")
def _(δ, x, target, delta):
    return δ * (target - x).clamp(-delta, delta)


@huber_loss.samples
def _():
    yield at(-2.1, -0.3, 0.4, 1.9), at(0.3, -0.5, -0.7, 2.0), 1.0
    yield at(-2.1, -0.3, 0.4, 1.9), at(0.3, -0.5, -0.6, 2.0), 0.5


def smooth_l1_whole(x, target, beta, reduction="none"):
    return F.smooth_l1_loss(x, target, reduction=reduction, beta=beta)


def not_negative(x, target, beta):
    """Raises `UserError` for a beta below 0. · 检查 β。"""
    if not beta >= 0:
        raise UserError(f"smooth_l1_loss got beta={beta}: expected a number of at least 0")
    return paired(x, target, beta)


@reducible(smooth_l1_whole, not_negative)
@formula(twin=smooth_l1_whole, autocast="fp32", batch=PAIR, source="Girshick 2015, arXiv:1504.08083, eq. 3")
def smooth_l1_loss(x, target, beta=1.0):
    """Absolute error, rounded off within beta of the target. · 在目标附近磨圆的绝对误差。

    >>> smooth_l1_loss(torch.tensor([0.0, 5.0]), torch.tensor([1.0, 2.0]), beta=2.0)
    tensor(1.1250)
    """
    e = (x - target).abs()
    return torch.where(e < beta, e**2 / (2 * max(beta, 1e-30)), e - beta / 2)  # at beta = 0 never taken


@smooth_l1_loss.backward("x")
def _(δ, x, target, beta):
    e = x - target
    return δ * (e.sign() if beta == 0 else (e / beta).clamp(-1, 1))


@smooth_l1_loss.backward("target")
def _(δ, x, target, beta):
    e = target - x
    return δ * (e.sign() if beta == 0 else (e / beta).clamp(-1, 1))


@smooth_l1_loss.samples
def _():
    yield at(-2.1, -0.3, 0.4, 1.9), at(0.3, -0.5, -0.7, 2.0), 1.0
    yield at(-2.1, -0.3, 0.4, 1.9), at(0.3, -0.5, -0.6, 2.0), 0.5
    yield at(-2.1, -0.3, 0.4, 1.9), at(0.3, -0.5, -0.6, 2.0), 0.0


class MSELoss(torch.nn.MSELoss):
    """Mean squared error. · 均方误差。

    input, target [*], out [], or [*] unreduced. The formula and its source: `mse_loss`.

    >>> MSELoss()(torch.tensor([1.0, 5.0]), torch.tensor([1.0, 2.0]))
    tensor(4.5000)
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return mse_loss(input, target, reduction=self.reduction)


class L1Loss(torch.nn.L1Loss):
    """Mean absolute error. · 平均绝对误差。

    input, target [*], out [], or [*] unreduced. The formula and its source: `l1_loss`.

    >>> L1Loss()(torch.tensor([1.0, 5.0]), torch.tensor([1.0, 2.0]))
    tensor(1.5000)
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return l1_loss(input, target, reduction=self.reduction)


class HuberLoss(torch.nn.HuberLoss):
    """Squared near the target, straight beyond delta. · 近处平方，远处线性。

    input, target [*], out [], or [*] unreduced. Raises `UserError`, RuntimeError from torch's operator, for a delta of
    0 or below. The formula and its source: `huber_loss`.

    >>> HuberLoss(delta=2.0)(torch.tensor([0.0, 5.0]), torch.tensor([1.0, 2.0]))
    tensor(2.2500)
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return huber_loss(input, target, self.delta, reduction=self.reduction)


class SmoothL1Loss(torch.nn.SmoothL1Loss):
    """Absolute error, rounded off within beta of the target. · 在目标附近磨圆的绝对误差。

    input, target [*], out [], or [*] unreduced. Raises `UserError`, RuntimeError from torch's operator, for a beta
    below 0. The formula and its source: `smooth_l1_loss`.

    >>> SmoothL1Loss(beta=2.0)(torch.tensor([0.0, 5.0]), torch.tensor([1.0, 2.0]))
    tensor(1.1250)
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return smooth_l1_loss(input, target, self.beta, reduction=self.reduction)
