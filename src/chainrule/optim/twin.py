"""Which of torch's forms of a step runs, and the short way to it. · 选用 torch 的哪种一步实现。

Measured on 2 cores of an AVX-512 CPU, torch 2.13, milliseconds for-loop / foreach / fused:
    161 tensors of 1,000      SGD 0.27/0.17/0.23   with momentum 0.90/0.58/0.34   Adam 3.2/2.3/0.85   RMSprop 2.2/1.4/–
    60 tensors of 64,000      SGD 0.91/0.89/0.87   with momentum 2.10/2.02/1.21   Adam 5.1/10.6/2.5   RMSprop 3.8/4.5/–
So: fused wherever torch has it and there is more than one operation to fuse; else foreach while the tensors are small.
"""

import inspect
import sys
from collections.abc import Callable
from functools import cache
from operator import attrgetter
from typing import Any

import torch
from torch import Tensor

from .card import Rule

SMALL = 2**14  # elements a tensor: above, the temporaries of foreach leave the cache before they are read again


@cache
def unwrapped(parent: type[torch.optim.Optimizer]) -> Callable[..., Any]:
    """Torch's step without its hooks and its switch of gradients: ours has both, and hooks must run once."""
    return inspect.unwrap(parent.step)


@cache
def functional(parent: type[torch.optim.Optimizer]) -> tuple[Callable[..., Any], frozenset[str]]:
    """Torch's functional form of a step (`torch.optim.adam.adam`) and the options that it takes."""
    module = sys.modules[unwrapped(parent).__module__]
    found = getattr(module, module.__name__.rpartition(".")[2])
    return found, frozenset(inspect.signature(found).parameters)


def options_of(rule: Rule, group: dict[str, Any], params: list[Tensor], grads: list[Tensor]) -> dict[str, Any]:
    """The options to run torch's step with; empty where the caller chose, or where only the plain loop is right."""
    chosen = group.get("fused") is not None or group.get("foreach") is not None
    if chosen or group.get("differentiable") or group.get("capturable"):
        return {}
    if any(map(attrgetter("is_sparse"), grads)):
        return {}
    several = bool(rule.needs(group)) or bool(group.get("weight_decay"))
    number = _number(group["lr"])
    if "fused" in group and several and fusable(params, grads):
        return {"fused": True, "foreach": False, **number}
    small = sum(θ.numel() for θ in params) < SMALL * len(params) if several else True
    simple = "foreach" in group and rule.foreach and (number or not isinstance(group["lr"], Tensor))
    return {"foreach": True, **number} if simple and small else number


def _number(lr: Any) -> dict[str, float]:
    # Torch's plain forms would do the bias correction in the precision of the tensor: 1e-8 apart in fp64.
    return {"lr": lr.item()} if isinstance(lr, Tensor) and lr.device.type == "cpu" else {}


def fusable(params: list[Tensor], grads: list[Tensor]) -> bool:
    """Torch's fused kernels on the CPU walk memory, not indices: in another order they give wrong numbers silently."""
    if not all(map(Tensor.is_floating_point, params)) or {θ.device.type for θ in params[:1]} - {"cpu", "cuda"}:
        return False
    if any(θ.dtype.itemsize < 4 and θ.device.type == "cpu" for θ in params):
        return False  # torch's fused SGD leaves most of them as they are: pytorch issue 191763
    if all(map(Tensor.is_contiguous, params)) and all(map(Tensor.is_contiguous, grads)):
        return True
    return all(_same_order(θ, g) for θ, g in zip(params, grads, strict=True))


def _same_order(θ: Tensor, g: Tensor) -> bool:
    last = torch.channels_last
    both = θ.is_contiguous() and g.is_contiguous()
    return both or (θ.dim() == 4 and θ.is_contiguous(memory_format=last) and g.is_contiguous(memory_format=last))


def call(rule: Rule, group: dict[str, Any], params: list[Tensor], grads: list[Tensor], states: list[dict]) -> None:
    """Torch's functional form on lists made here: its class spends more time on making them than its kernel runs."""
    assert rule.parent is not None
    form, takes = functional(rule.parent)
    needed = rule.needs(group)
    lists = [[state[name] for state in states] if name in needed else [] for name in rule.state]
    if rule.counts:
        lists.append([state["step"] for state in states])
    options = {name: value for name, value in group.items() if name in takes and name != "params"}
    if "betas" in group:
        options["beta1"], options["beta2"] = group["betas"]
    form(params, grads, *lists, **options)
