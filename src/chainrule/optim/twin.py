"""Which of torch's forms of a step runs. · 选用 torch 的哪种一步实现。

Measured on 2 cores of an AVX-512 CPU, torch 2.13, milliseconds for-loop / foreach / fused:
    161 tensors of 1,000      SGD 0.27/0.17/0.23   with momentum 0.90/0.58/0.34   Adam 3.2/2.3/0.85   RMSprop 2.2/1.4/–
    60 tensors of 64,000      SGD 0.91/0.89/0.87   with momentum 2.10/2.02/1.21   Adam 5.1/10.6/2.5   RMSprop 3.8/4.5/–
So: fused wherever torch has it and there is more than one operation to fuse; else foreach while the tensors are small.
"""

import inspect
from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from torch import Tensor

SMALL = 2**14  # elements a tensor: above, the temporaries of foreach leave the cache before they are read again


@cache
def unwrapped(parent: type[torch.optim.Optimizer]) -> Callable[..., Any]:
    """Torch's step without its hooks and its switch of gradients: ours has both, and hooks must run once."""
    return inspect.unwrap(parent.step)


def options_of(group: dict[str, Any], stateful: bool, in_step: bool) -> dict[str, Any]:
    """The options to run torch's step with; empty where the caller chose, or where only the plain loop is right.

    `in_step`: all parameters are at their first update, or none: torch's fused SGD fails on a mixture.
    """
    chosen = group.get("fused") is not None or group.get("foreach") is not None
    if chosen or group.get("differentiable") or group.get("capturable"):
        return {}
    params = [θ for θ in group["params"] if θ.grad is not None]
    if not all(θ.grad.layout is torch.strided for θ in params):
        return {}
    several = stateful or bool(group.get("weight_decay"))
    if "fused" in group and several and in_step and all(map(_fusable, params)):
        return {"fused": True, "foreach": False, **_number(group["lr"])}
    small = sum(θ.numel() for θ in params) < SMALL * len(params)
    simple = "foreach" in group and (_number(group["lr"]) or not isinstance(group["lr"], Tensor))
    return {"foreach": True, **_number(group["lr"])} if simple and (small or not several) else _number(group["lr"])


def _number(lr: Any) -> dict[str, float]:
    # Torch's plain forms would do the bias correction in the precision of the tensor: 1e-8 apart in fp64.
    return {"lr": lr.item()} if isinstance(lr, Tensor) and lr.device.type == "cpu" else {}


def _fusable(θ: Tensor) -> bool:
    """Torch's fused kernels on the CPU walk memory, not indices: in another order they give wrong numbers silently."""
    g = θ.grad
    if g is None or θ.device.type not in ("cpu", "cuda") or not θ.is_floating_point():
        return False
    if θ.is_contiguous() and g.is_contiguous():
        return True
    last = torch.channels_last
    return θ.dim() == 4 and θ.is_contiguous(memory_format=last) and g.is_contiguous(memory_format=last)
