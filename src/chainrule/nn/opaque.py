"""Operators that the compiler calls as they are. · 编译器原样调用的算子。

Inductor writes max-pooling anew, for processors in scalar code: ReLU and 2×2 pooling of 64×6×28×28, forward and
backward on one core, took 6.8 ms compiled against 1.9 by torch's own operator, and a compiled step of LeNet was slower
than an eager one. What is a custom operator stays whole. The names in a signature must be ASCII here.
"""

import torch
from torch import Tensor


@torch.library.custom_op("chainrule::max_pool2d", mutates_args=())
def max_pool2d(
    x: Tensor, size: list[int], stride: list[int], padding: list[int], dilation: list[int], ceil: bool
) -> tuple[Tensor, Tensor]:
    """Torch's max-pooling: the maxima and their places. · torch 的最大池化。"""
    return torch.ops.aten.max_pool2d_with_indices(x, size, stride, padding, dilation, ceil)


@torch.library.custom_op("chainrule::max_pool2d_backward", mutates_args=())
def max_pool2d_backward(
    grad: Tensor,
    x: Tensor,
    where: Tensor,
    size: list[int],
    stride: list[int],
    padding: list[int],
    dilation: list[int],
    ceil: bool,
) -> Tensor:
    """The delta of x. · x 的 δ。"""
    return torch.ops.aten.max_pool2d_with_indices_backward(grad, x, size, stride, padding, dilation, ceil, where)


@max_pool2d.register_fake
def _(x, size, stride, padding, dilation, ceil):
    return torch.ops.aten.max_pool2d_with_indices(x, size, stride, padding, dilation, ceil)


@max_pool2d_backward.register_fake
def _(grad, x, where, size, stride, padding, dilation, ceil):
    return torch.ops.aten.max_pool2d_with_indices_backward(grad, x, size, stride, padding, dilation, ceil, where)


def _keep(ctx, inputs, output):
    x, *ctx.window = inputs
    ctx.save_for_backward(x, output[1])
    ctx.mark_non_differentiable(output[1])


def _backward(ctx, δ, _):
    x, where = ctx.saved_tensors
    return max_pool2d_backward(δ, x, where, *ctx.window), None, None, None, None, None


max_pool2d.register_autograd(_backward, setup_context=_keep)
