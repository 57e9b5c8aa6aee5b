"""The whole step as one compiled graph: forward, loss, backward, clip and update together. · 整步编译成一张图。

A compiled step cannot stop in the middle, so the graph itself chooses: where the loss or the norm of the gradient is
not finite, every parameter, buffer and state keeps its old value.
"""

from collections.abc import Callable
from types import FunctionType, MethodType
from typing import Any

import torch
from torch import Tensor

from ..optim.pure import pure
from .inductor import options


def own_code(method: Any) -> MethodType:
    """The method with a code object of its own. The compiler keeps what it makes with the code, eight at most: without
    this the ninth network of a process would not be compiled. · 拥有独立代码对象的方法。

    >>> a = WholeStep._whole
    >>> own_code(a.__get__(1)).__func__.__code__ is a.__code__
    False
    """
    f = method.__func__
    return MethodType(FunctionType(f.__code__.replace(), f.__globals__, f.__name__), method.__self__)


def allowing_recurrence(compiled: Callable[..., Any]) -> Callable[..., Any]:
    """A compiled call that may trace recurrent modules, which the compiler else refuses. · 允许追踪循环模块。"""
    import torch._dynamo as dynamo

    tracing = dynamo.config.patch(allow_rnn=True)

    def call(*args: Any) -> Any:
        with tracing:
            return compiled(*args)

    return call


class WholeStep:
    """(x, y) → (loss, norm of the gradient), with the update made in between. · 整体编译的训练步。

    loss(x, y) runs the network and gives the mean loss. Make it anew after a state is loaded into the optimizer.
    """

    def __init__(self, model: torch.nn.Module, loss: Callable[..., Tensor], optimizer: Any, clip: float | None):
        import torch._dynamo as dynamo  # 1.7 s: only where something is compiled

        self.loss, self.clip, self.pure = loss, clip, pure(optimizer)
        # Made once: 31 µs, entered 9. Recurrent modules are refused unless allowed; ours are operators, never unrolled.
        self.tracing = dynamo.config.patch(trace_autograd_ops=True, allow_rnn=True)
        self.buffers = list(model.buffers())
        told = options(self.pure.params[0].device.type)
        self.compiled: Any = torch.compile(own_code(self._whole), fullgraph=True, dynamic=False, options=told)

    def _whole(self, x: Any, y: Any) -> Tensor:
        before = [b.clone() for b in self.buffers]
        loss = self.loss(x, y)
        grads = torch.autograd.grad(loss, self.pure.params, allow_unused=True)
        norm = torch.stack([g.square().sum() for g in grads if g is not None]).sum().sqrt()
        ok = torch.isfinite(loss.detach()) & torch.isfinite(norm)
        if self.clip is not None:
            shrink = (self.clip / (norm + 1e-6)).clamp(max=1)  # torch's clip_grad_norm_ has this 1e-6 too
            grads = [None if g is None else g * shrink for g in grads]
        self.pure.write(grads, ok)
        with torch.no_grad():
            for now, then in zip(self.buffers, before, strict=True):
                now.copy_(torch.where(ok, now, then))
            return torch.stack([loss.detach(), norm])

    def __call__(self, x: Any, y: Any) -> tuple[float, float]:
        self.pure.read_lr()
        with self.tracing:
            loss, norm = self.compiled(x, y).tolist()
        return loss, norm
