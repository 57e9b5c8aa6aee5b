r"""Cross-entropy: one class out of C · 交叉熵：C 类取一

symbols  z [N, C, …] scores   log_p [N, C, …] log-probabilities (both [C] without a batch)   weight [C] of the classes
         y [N, …] the class, an integer, or [N, C, …] a probability for each class   out [N, …]
note     cross_entropy holds the softmax, nll_loss takes log-probabilities (errata E55); the mean divides by the class
         weights of the targets that count, and by the number of losses where y is probabilities
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from ..errors import UserError
from ..formula import R, formula
from .axes import by_channel
from .entropy import looking
from .reduction import reducible


def axis_of(z: Tensor) -> int:
    """The class axis: the second, or the only one. · 类别所在的轴。"""
    return min(1, z.ndim - 1)


def share(z, y, weight, ignore_index, label_smoothing):
    """What each class should get: weight · ((1 − ε) · one-hot(y) + ε / C), nothing where y is ignored. · 目标份额。

    >>> share(torch.zeros(1, 2), torch.tensor([1]), None, -100, 0.1)
    tensor([[0.0500, 0.9500]])
    """
    axis, ε = axis_of(z), label_smoothing
    if y.shape == z.shape:
        s = (1 - ε) * y + ε / z.shape[axis]
    else:
        y = y.unsqueeze(axis)
        hot = (by_channel(torch.arange(z.shape[axis], device=z.device), z) == y).to(
            z.dtype
        )  # F.one_hot cannot be mapped
        s = ((1 - ε) * hot + ε / z.shape[axis]) * (y != ignore_index)
    return s if weight is None else s * by_channel(weight, z)


def inner(s, u):
    """Σ s·u over the classes, 0 · −∞ = 0: a class without a share may be impossible. · 按类别求内积。"""
    return torch.where(s != 0, s * u, 0).sum(axis_of(u))


def classes(z, y, weight, ignore_index):
    """Raises `UserError` for target classes of a wrong shape, and on the CPU for one that is not there. · 检查类别。"""
    axis = axis_of(z)
    C, shape = z.shape[axis], (*z.shape[:axis], *z.shape[axis + 1 :])
    if y.is_floating_point():
        raise UserError(f"targets of {y.dtype}: nll_loss expects classes, integers from 0 to {C - 1}")
    if y.shape != shape:
        raise UserError(f"target classes of shape {tuple(y.shape)} for scores {tuple(z.shape)}: expected {shape}")
    if looking(y):
        wrong = y[((y < 0) | (y >= C)) & (y != ignore_index)]
        if len(wrong):
            raise UserError(f"target class {wrong[0].item()}: expected 0 to {C - 1}, or ignore_index={ignore_index}")
    return z, y, weight, ignore_index


def classes_or_shares(z, y, weight, ignore_index, label_smoothing):
    """Raises `UserError` as `classes`, and for options that the targets cannot have. · 检查类别或概率。"""
    if not 0 <= label_smoothing <= 1:
        raise UserError(f"label_smoothing={label_smoothing}: expected a number from 0 to 1")
    if not y.is_floating_point():
        classes(z, y, weight, ignore_index)
    elif y.shape != z.shape:
        raise UserError(
            f"target probabilities of shape {tuple(y.shape)} for scores {tuple(z.shape)}: expected one shape"
        )
    elif ignore_index >= 0:
        raise UserError(f"ignore_index={ignore_index}: target probabilities name no class to ignore; leave it out")
    return z, y, weight, ignore_index, label_smoothing


def weights_that_count(losses, args):
    """What the mean divides by: the class weights of the targets, without the ignored. · 均值的除数。"""
    z, y, weight, ignore_index = args[:4]
    if y.shape == z.shape:
        return losses.numel()
    counts = y != ignore_index
    return counts.sum() if weight is None else (weight[torch.where(counts, y, 0).long()] * counts).sum()


def cross_entropy_whole(z, y, weight, ignore_index, label_smoothing, reduction="none"):
    return F.cross_entropy(
        z, y, weight, ignore_index=ignore_index, reduction=reduction, label_smoothing=label_smoothing
    )


@reducible(cross_entropy_whole, classes_or_shares, weights_that_count)
@formula(
    twin=cross_entropy_whole,
    autocast="fp32",
    batch=("z", "y"),
    compiled="twin",  # forward and backward on a CPU: as fast at 10 classes, the text 1.5 times as long at 5,000
    source="Bridle 1990, doi:10.1007/978-3-642-76153-9_28; label smoothing: Szegedy et al. 2016, arXiv:1512.00567, §7",
)
def cross_entropy(z, y, weight=None, ignore_index=-100, label_smoothing=0.0):
    """−log of the share that softmax gives to the target class. · 目标类别的 softmax 份额的负对数。

    >>> cross_entropy(torch.tensor([[1e6, 0.0], [0.0, 0.0]]), torch.tensor([0, 1]))
    tensor(0.3466)
    """
    s = share(z, y, weight, ignore_index, label_smoothing)
    u = z - z.amax(axis_of(z), keepdim=True)  # softmax does not change, exp cannot overflow
    return s.sum(axis_of(z)) * u.exp().sum(axis_of(z)).log() - inner(s, u)


@cross_entropy.backward("z")
def _(δ, z, y, weight, ignore_index, label_smoothing):
    """p − y, the reason that softmax and cross-entropy are one. · p − y：二者合一的理由。"""
    s = share(z, y, weight, ignore_index, label_smoothing)
    p = z.softmax(axis_of(z))
    return δ.unsqueeze(axis_of(z)) * (p * s.sum(axis_of(z), keepdim=True) - s)


@cross_entropy.backward("y")
def _(δ, z, weight, label_smoothing):
    δs = -δ.unsqueeze(axis_of(z)) * z.log_softmax(axis_of(z))
    return (1 - label_smoothing) * (δs if weight is None else δs * by_channel(weight, z))


@cross_entropy.samples
def _():
    y, w = torch.tensor([1, 0, 2]), torch.tensor([0.5, 2.0, 1.5, 0.7], dtype=torch.float64)
    yield R(3, 4), y, None, -100, 0.0
    yield R(3, 4), y, w, 2, 0.1
    yield R(3, 4), R(3, 4).detach().softmax(1).requires_grad_(), w, -100, 0.1
    yield R(3, 4), R(3, 4).detach().softmax(1).requires_grad_(), None, -100, 0.0
    yield R(2, 4, 3), torch.tensor([[1, 0, 3], [2, -100, 0]]), w, -100, 0.2
    yield R(2, 4, 3), R(2, 4, 3).detach().softmax(1).requires_grad_(), w, -100, 0.1
    yield R(4), torch.tensor(2), None, -100, 0.0


def nll_whole(log_p, y, weight, ignore_index, reduction="none"):
    return F.nll_loss(log_p, y, weight, ignore_index=ignore_index, reduction=reduction)


@reducible(nll_whole, classes, weights_that_count)
@formula(twin=nll_whole, autocast="fp32", batch=("log_p", "y"), source="Fisher 1922, doi:10.1098/rsta.1922.0009, §6")
def nll_loss(log_p, y, weight=None, ignore_index=-100):
    """−log-probability of the target class. · 目标类别的负对数概率。

    >>> nll_loss(torch.tensor([[0.25, 0.75]]).log(), torch.tensor([1]))
    tensor(0.2877)
    """
    return -inner(share(log_p, y, weight, ignore_index, 0), log_p)


@nll_loss.backward("log_p")
def _(δ, log_p, y, weight, ignore_index):
    return -δ.unsqueeze(axis_of(log_p)) * share(log_p, y, weight, ignore_index, 0)


@nll_loss.samples
def _():
    w = torch.tensor([0.5, 2.0, 1.5, 0.7], dtype=torch.float64)
    yield R(3, 4), torch.tensor([1, 0, 2]), None, -100
    yield R(2, 4, 3), torch.tensor([[1, 0, 3], [2, -100, 0]]), w, -100
    yield R(4), torch.tensor(2), w, -100


class CrossEntropyLoss(torch.nn.CrossEntropyLoss):
    """Cross-entropy of scores, with the softmax inside. · 交叉熵，内含 softmax。

    input [N, C, …], target [N, …] classes or [N, C, …] probabilities, out [], or [N, …] unreduced. Raises `UserError`,
    or what torch's operator raises, for other targets. The formula and its source: `cross_entropy`.

    >>> CrossEntropyLoss()(torch.zeros(1, 2), torch.tensor([1]))
    tensor(0.6931)
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        options = self.weight, self.ignore_index, self.label_smoothing
        return cross_entropy(input, target, *options, reduction=self.reduction)


class NLLLoss(torch.nn.NLLLoss):
    """Negative log-likelihood of log-probabilities. · 负对数似然，输入为对数概率。

    input [N, C, …], target [N, …] classes, out [], or [N, …] unreduced. Raises `UserError`, or
    what torch's operator raises, for other targets. The formula and its source: `nll_loss`.

    >>> NLLLoss()(torch.tensor([[0.25, 0.75]]).log(), torch.tensor([1]))
    tensor(0.2877)
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return nll_loss(input, target, self.weight, self.ignore_index, reduction=self.reduction)
