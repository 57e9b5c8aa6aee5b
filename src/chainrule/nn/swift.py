"""Kernels written in torch: a forward and a backward of their own beside a formula's text. · 以 torch 写成的核。

The text keeps inputs and outputs only and computes the rest again; a kernel may keep what is cheap to keep, work in
place and fuse, because where a second derivative is asked for the formula's own rule answers.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch.autograd import Function

from ..formula import Card


def swift(card: Card, forward: Callable, backward: Callable) -> Callable[..., Any]:
    """The kernel of a formula with one rule. · 由自有前向与反向构成的核。

    forward(*inputs) → outputs, kept: two tuples of tensors; backward(δ, inputs, outputs, kept) → the delta of each
    input, δ holding None where nothing arrives. Under autocast the text runs, which knows what to cast.
    """
    many, outs = len(card.inputs), len(card.outputs)

    class Swift(Function):
        @staticmethod
        def forward(ctx: Any, *inputs: Any) -> Any:
            outputs, kept = forward(*inputs)
            ctx.save_for_backward(*inputs, *outputs, *kept)
            ctx.set_materialize_grads(False)
            return outputs if outs > 1 else outputs[0]

        @staticmethod
        def backward(ctx: Any, *δ: Any) -> Any:
            saved = ctx.saved_tensors
            inputs, outputs, kept = saved[:many], saved[many : many + outs], saved[many + outs :]
            if not torch.is_grad_enabled():
                return backward(δ, inputs, outputs, kept)
            return by_rule(card, δ, inputs, outputs)

    def call(*inputs: Any) -> Any:
        return card.apply(*inputs) if torch.is_autocast_enabled(inputs[0].device.type) else Swift.apply(*inputs)

    return call


def by_rule(card: Card, δ: tuple, inputs: tuple, outputs: tuple) -> tuple:
    """The deltas of all inputs by the formula's rule: another derivative can be taken of them. · 由公式规则求 δ。"""
    arrived = [torch.zeros_like(o) if d is None else d for d, o in zip(δ, outputs, strict=True)]
    wrt, rule, reads = card.plans[0]
    values = (*inputs, *outputs)
    found = dict(zip(wrt, rule(*[arrived[i] if is_delta else values[i] for is_delta, i in reads]), strict=True))
    return tuple(found.get(i) for i in range(len(inputs)))
