"""A recurrence as exporters keep it: a scan of its cell, for sequences of any length. · 供导出器使用的循环：扫描单元。

Torch's operators are unrolled by `torch.export`, into a graph for one length only.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from .recurrence import alive, hide


def scanned(cell: Callable, x: Tensor, states: tuple[Tensor, ...], lengths: Tensor | None) -> tuple[Tensor, ...]:
    """A cell along [T, N, I]: out, then each state at its end. · 沿时间扫描一个单元：输出与各末状态。

    >>> scanned(lambda x, h: h + x, torch.ones(3, 1, 1), (torch.zeros(1, 1),), None)[0].flatten().tolist()
    [1.0, 2.0, 3.0]
    """
    from torch._higher_order_ops.scan import scan  # torch has no public name for it yet, and ours is written for one

    on = alive(lengths, x)

    def step(before: tuple[Tensor, ...], read: tuple[Tensor, ...]) -> tuple[tuple[Tensor, ...], Tensor]:
        word, *goes = read
        new = cell(word, *before)
        new = new if isinstance(new, tuple) else (new,)
        new = tuple(torch.where(goes[0], a, b) for a, b in zip(new, before, strict=True)) if goes else new
        return new, new[0].clone()  # what is told may not be the state itself

    if isinstance(x.shape[0], int) and x.shape[0] == 1:  # one step, as of a decoder, needs none
        last, out = step(states, (x[0],) if on is None else (x[0], on[0]))
        return hide(on, out[None]), *last
    last, out = scan(step, states, (x,) if on is None else (x, on))
    return hide(on, out), *last
