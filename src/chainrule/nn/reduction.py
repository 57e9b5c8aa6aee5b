r"""Reductions: from one loss a value to one number · 归约：从逐项损失到一个数

symbols  losses [*]   total the number to divide by: how many losses, or the sum of their class weights   out []
note     each loss shows its own equation only; mean and sum are composed outside, here, once (errata E55)
"""

import functools
from collections.abc import Callable
from typing import Any

import torch

from ..errors import unknown
from ..formula import R, formula


def torch_reduce(losses, total):
    return losses.sum() if total is None else losses.sum().div(total)


@formula(twin=torch_reduce, autocast="fp32", source="Goodfellow, Bengio & Courville 2016, Deep learning, §8.1.1")
def reduce(losses, total=None):
    """Sum of the losses, or their mean where a total is given. · 损失之和；给出总数时为均值。

    >>> reduce(torch.tensor([1.0, 3.0]), 2)
    tensor(2.)
    """
    return losses.sum() if total is None else losses.sum() / total


@reduce.backward("losses")
def _(δ, losses, total):
    return (δ if total is None else δ / total).expand(losses.shape)


@reduce.samples
def _():
    yield R(3, 4), None
    yield R(3, 4), 12
    yield R(5), torch.tensor(1.7, dtype=torch.float64)


def count(losses: Any, args: tuple) -> int:
    """The mean divides by how many losses there are. · 平均时除以损失的个数。

    >>> count(torch.zeros(2, 3), ())
    6
    """
    return losses.numel()


def reducible(
    whole: Callable,
    before: Callable[..., tuple] | None = None,
    total: Callable[[Any, tuple], Any] = count,
    modes: tuple[str, ...] = ("none", "mean", "sum"),
) -> Callable[[Callable], Any]:
    """Give a formula of single losses torch's keyword `reduction`. · 为逐项损失加上 reduction 参数。

    whole   torch's function with the same positional arguments: where the twin runs, the loss is one call of it
    before  looks at the arguments of the formula, complains, and returns them
    total   what the mean divides by, from the losses and the arguments

    Raises `UserError` for a reduction that is none of `modes`.
    """

    def wrap(each: Callable) -> Any:
        card = each.card  # pyright: ignore[reportFunctionMemberAccess]

        @functools.wraps(each)  # carries card, backward, samples and kernel along
        def call(*args, reduction="mean", **named):
            if named or len(args) != len(card.inputs):
                args = card.bind(args, named)
            if card.runs_twin():
                return whole(*args, reduction=reduction)
            if reduction not in modes:
                raise unknown("reduction", reduction, modes)
            args = args if before is None else before(*args)
            losses = each(*args)
            if reduction == "none":
                return losses
            if reduction == "batchmean":
                return reduce(losses, len(losses) if losses.dim() else 1)
            return reduce(losses, None if reduction == "sum" else total(losses, args))

        return call

    return wrap
