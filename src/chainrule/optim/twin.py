"""Which of torch's forms of a step runs, and the short way to it. · 选用 torch 的哪种一步实现。

Measured on 2 cores of an AVX-512 CPU, torch 2.13, milliseconds for-loop / foreach / fused:
    161 tensors of 1,000      SGD 0.27/0.17/0.23   with momentum 0.90/0.58/0.34   Adam 3.2/2.3/0.85   RMSprop 2.2/1.4/–
    60 tensors of 64,000      SGD 0.91/0.89/0.87   with momentum 2.10/2.02/1.21   Adam 5.1/10.6/2.5   RMSprop 3.8/4.5/–
So: fused wherever torch has it and there is more than one operation to fuse; else foreach while the tensors are small.
"""

import inspect
import sys
from collections.abc import Callable, Mapping
from functools import cache
from operator import attrgetter, is_, methodcaller
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
    """Torch's functional form of a step (`torch.optim.adam.adam`), and the options that it takes behind its lists."""
    module = sys.modules[unwrapped(parent).__module__]
    found = getattr(module, module.__name__.rpartition(".")[2].lstrip("_"))
    return found, frozenset(p.name for p in inspect.signature(found).parameters.values() if not _is_list(p))


def _is_list(parameter: inspect.Parameter) -> bool:
    return parameter.kind is parameter.POSITIONAL_OR_KEYWORD and parameter.default is parameter.empty


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


# What the list arguments of torch's functional forms hold, where it is not their name without the last letter.
_HELD = {
    "state_steps": "step",
    "momentum_buffer_list": "momentum_buffer",
    "muon_momentum_bufs": "momentum_buffer",
    "state_sums": "sum",
}
# Options that a group holds as one, and torch's functional forms take apart.
_PARTS = {
    "betas": ("beta1", "beta2"),
    "etas": ("etaminus", "etaplus"),
    "step_sizes": ("step_size_min", "step_size_max"),
    "eps": ("eps1", "eps2"),
}


@cache
def held(parent: type[torch.optim.Optimizer]) -> tuple[str, ...]:
    """The state that each list argument of torch's functional form holds, in its order. · 各列表参数所存的状态。

    >>> held(torch.optim.RMSprop)
    ('square_avg', 'grad_avg', 'momentum_buffer', 'step')
    """
    parameters = inspect.signature(functional(parent)[0]).parameters.values()
    lists = [p.name for p in parameters if _is_list(p)][2:]  # behind the parameters and their gradients
    return tuple(_HELD.get(name, name[:-1]) for name in lists)


def arguments(takes: frozenset[str], group: Mapping[str, Any]) -> dict[str, Any]:
    """The options of a group as torch's functional form takes them. · 参数组的选项。"""
    out = {name: value for name, value in group.items() if name in takes and name != "params"}
    for whole, parts in _PARTS.items():
        if whole in group and parts[0] in takes:
            out |= zip(parts, group[whole], strict=True)
    return out


class Call:
    """Torch's functional form on the lists of one group, made once and kept while all in them stays the same object.

    Torch's class makes them anew in every step, which takes longer than its kernel runs on a small network. Raises
    `ValueError` for a group that must go the long way: complex numbers, tensors among the options, state that is
    missing. · 一个参数组的列表只构造一次，内容不变时重复使用。
    """

    def __init__(self, rule: Rule, group: dict[str, Any], options: dict[str, Any], state: Mapping[Tensor, dict]):
        assert rule.parent is not None
        self.form, takes = functional(rule.parent)
        self.group, self.params = group, list(group["params"])
        self.keys = [name for name in group if name not in ("params", "lr")]
        self.options = [group[name] for name in self.keys]
        given = {**group, **options}
        if not options.get("fused"):
            given["foreach"] = bool(options.get("foreach"))
        if any(isinstance(value, Tensor) for value in given.values()) or any(map(Tensor.is_complex, self.params)):
            raise ValueError
        self.entries = [state.get(θ, {}) for θ in self.params] if rule.keeps(group) else []
        needed = [*rule.needs(group), *(["step"] if rule.counts else [])]
        unknown = set(needed) - set(held(rule.parent))
        if unknown or not self.params or not all(self.entries):
            raise ValueError
        self.lists = [
            (name, [entry.get(name) for entry in self.entries] if name in needed else []) for name in held(rule.parent)
        ]
        self.kind = _kind(self.params[0])
        self.given, self.rated = arguments(takes, given), "lr" in takes

    def gradients(self, state: Mapping[Tensor, dict]) -> list[Tensor] | None:
        """The gradients of this step; None if anything else is not as it was when the lists were made.

        state  of the optimizer now: one that was loaded is another object
        """
        group, params = self.group, self.params
        grads = [θ.grad for θ in params]
        try:
            walked = all(map(Tensor.is_contiguous, grads)) and all(map(Tensor.is_contiguous, params))  # pyright: ignore[reportArgumentType]
        except (TypeError, RuntimeError):  # none, or a sparse one
            return None
        same = (
            walked
            and len(params) == len(group["params"])
            and all(map(is_, params, group["params"]))
            and [group[name] for name in self.keys if name in group] == self.options
            and type(group["lr"]) is float
            and _kind(params[0]) == self.kind
            and all(map(is_, map(state.get, params), self.entries))
        )
        for name, values in self.lists if same and self.entries else ():
            same = same and (not values or all(map(is_, map(methodcaller("get", name), self.entries), values)))
        return grads if same else None  # pyright: ignore[reportReturnType]

    def run(self, grads: list[Tensor]) -> None:
        if self.rated:
            self.given["lr"] = self.group["lr"]
        self.form(self.params, grads, *[values for _, values in self.lists], **self.given)


def lend(
    rule: Rule,
    group: Mapping[str, Any],
    options: dict[str, Any],
    grads: Mapping[Tensor, Tensor],
    state: Mapping[Tensor, dict[str, Tensor]],
) -> set[Tensor]:
    """Torch's function on what it can see of a group that its class refuses: what is done. · 借用 torch 的函数。"""
    assert rule.lends is not None and rule.parent is not None
    seen = {θ: (rule.lends(θ), rule.lends(g)) for θ, g in grads.items()}
    seen = {θ: pair for θ, pair in seen.items() if pair[0] is not None and pair[1] is not None}
    for θ in seen:
        rule.prepare(θ, state[θ], options)
    lists = [[rule.lends(state[θ][name]) for θ in seen] for name in held(rule.parent)]
    if not seen or isinstance(group["lr"], Tensor) or any(value is None for values in lists for value in values):
        return set()  # state in another order of memory, too
    form, takes = functional(rule.parent)
    form(*map(list, zip(*seen.values(), strict=True)), *lists, **arguments(takes, group), has_complex=False)
    return set(seen)


def _kind(θ: Tensor) -> tuple[Any, ...]:
    return θ.dtype, θ.device
