"""A batch: one tensor, or a nest of several where a sample is more than one. · 批次：单个张量或其嵌套。

A nest is made of tuples, lists and dicts, and of what names its `tensors` and moves them by `to`: sparse matrices. A
network is called with the parts of a tuple as its arguments.
"""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor


def leaves(nest: Any) -> Iterator[Tensor]:
    """The tensors of a nest, in order. · 嵌套中的全部张量。

    >>> [x.shape[0] for x in leaves((torch.zeros(2), {"a": torch.zeros(3), "b": None}))]
    [2, 3]
    """
    if isinstance(nest, Tensor):
        yield nest
    elif isinstance(nest, dict):
        for part in nest.values():
            yield from leaves(part)
    elif hasattr(nest, "tensors"):
        yield from nest.tensors
    elif isinstance(nest, list | tuple):
        for part in nest:
            yield from leaves(part)


def answer(model: torch.nn.Module, x: Any) -> Any:
    """model(x), or model(*x) for a tuple. · 网络对一批输入的回答。

    >>> answer(torch.nn.Identity(), torch.ones(1))
    tensor([1.])
    """
    return model(*x) if isinstance(x, tuple) else model(x)


def shapes(nest: Any) -> tuple[Any, ...]:
    """What tells batches of one form from others. · 批次的形状。

    >>> shapes((torch.zeros(2, 3), torch.zeros(4)))
    ((2, 3), (4,))
    """
    return tuple(tuple(x.shape) for x in leaves(nest))


def finite(nest: Any) -> bool:
    """Whether all numbers of a nest are finite. · 是否全部有限。

    >>> finite((torch.ones(1), torch.tensor([float("nan")])))
    False
    """
    return all(bool(x.isfinite().all()) for x in leaves(nest) if x.is_floating_point())
