"""The update of all parameters as one function of tensors, for a compiled step. · 供编译的整步使用的纯更新。

    plan = pure(optimizer)
    def step(inputs, targets):                                   # torch.compile(step, fullgraph=True, dynamic=False)
        loss = …
        grads = torch.autograd.grad(loss, plan.params)
        plan.write(grads, ok=torch.isfinite(loss))               # in place, inside the graph
    plan.read_lr(); step(x, y)                                   # before each call: a schedule moves the groups' lr

No optimizer, no hook and no data-dependent Python is in the graph: options are constants, `lr`, `step` and the flag of
the first update are tensors. State lies in `optimizer.state`, as an eager step leaves it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..errors import UserError
from .card import Rule, real, scalar


@dataclass(frozen=True)
class Row:
    """Where the values of one parameter lie in `Pure.variables`, and the clock they share. · 一个参数的位置。"""

    group: int
    names: tuple[str, ...]  # of the values that lie at `start` and after: θ, state…, step
    start: int
    clock: int  # the row whose `step` counts for this one: equal counts are computed once
    first: int  # where the flag of the first update lies, in a rule that reads it

    def at(self, name: str) -> int:
        return self.start + self.names.index(name)


class Pure:
    """The functional form of an optimizer. · 优化器的函数形式。

    params     the parameters, in the order in which gradients are expected
    variables  every tensor that an update writes: parameters, state, counts, flags of the first update
    lr         fp64 [groups], the learning rates

    >>> from chainrule.optim import Adam, pure
    >>> w = torch.nn.Parameter(torch.tensor([1.0]))
    >>> plan = pure(Adam([w], lr=0.25))
    >>> plan.write([torch.tensor([2.0])]); w.tolist()
    [0.75]
    """

    def __init__(self, optimizer: Any):
        self.rule: Rule = optimizer.rule
        self.groups = optimizer.param_groups
        self.options = [{k: scalar(v) for k, v in g.items() if k not in ("params", "lr")} for g in self.groups]
        self.params: list[Tensor] = [θ for group in self.groups for θ in group["params"]]
        self.lr = torch.zeros(len(self.groups), dtype=torch.float64)
        self.variables: list[Tensor] = []
        self.rows: list[Row] = []
        self._lay_out(optimizer.state)
        self.read_lr()

    def _lay_out(self, states: Any) -> None:
        if "first" in self.rule.reads:  # both flags once for all; the update makes them both false
            device = self.params[0].device
            self.variables += [torch.full((), flag, device=device) for flag in (False, True)]
        clocks: dict[tuple[int, float], int] = {}
        for index, group in enumerate(self.groups):
            for θ in group["params"]:
                state = states[θ] if self.rule.keeps(group) else {}
                first = self.rule.prepare(θ, state, group)
                kept = tuple(name for name in (*self.rule.state, "step") if name in state)
                clock = clocks.setdefault((index, float(state.get("step", 0))), len(self.rows))
                self.rows.append(Row(index, ("θ", *kept), len(self.variables), clock, int(first)))
                self.variables += [θ, *(state[name] for name in kept)]

    def read_lr(self) -> None:
        """Take over the groups' learning rates; call it before a step. · 读入各组学习率。"""
        for index, group in enumerate(self.groups):
            self.lr[index] = scalar(group["lr"])

    def __call__(self, variables: Sequence[Tensor], grads: Sequence[Tensor | None], lr: Tensor) -> list[Tensor]:
        """The new value of every variable, in order; a parameter without gradient keeps what it has."""
        new = list(variables)
        clocks: dict[int, Tensor] = {}
        for row, g in zip(self.rows, grads, strict=True):
            if g is None:
                continue
            clock: dict[str, Tensor] = {}
            if "first" in self.rule.reads:
                clock["first"] = variables[row.first]
                new[row.first] = torch.zeros_like(variables[row.first])
            if "step" in row.names:
                if row.clock not in clocks:
                    clocks[row.clock] = variables[self.rows[row.clock].at("step")].double() + 1
                clock["t"] = clocks[row.clock]
                new[row.at("step")] = clock["t"].to(variables[row.at("step")].dtype)
            options = {**self.options[row.group], "lr": lr[row.group]}
            state = {name: variables[row.at(name)] for name in row.names if name in self.rule.state}
            for name, value in self.rule.new(variables[row.start], g, state, options, **clock).items():
                new[row.at(name)] = _as(value, variables[row.at(name)])
        return new

    def write(self, grads: Sequence[Tensor | None], ok: Tensor | None = None) -> None:
        """Do the update in place where `ok` holds; where not, nothing changes. · 就地更新；ok 为假则不变。"""
        with torch.no_grad():
            for old, value in zip(self.variables, self(self.variables, grads, self.lr), strict=True):
                if value is not old:
                    old.copy_(value if ok is None else torch.where(ok, value, old))


def _as(value: Tensor, old: Tensor) -> Tensor:
    """In the form of what it replaces: scalars of fp64 widen scalar parameters, and complex ones came as real."""
    value = value.to(real(old).dtype)
    return torch.view_as_complex(value) if old.is_complex() else value


def pure(optimizer: Any) -> Pure:
    """The functional form of an optimizer of this package; make it anew after `load_state_dict`. · 函数形式。

    Raises `UserError` for an optimizer without a rule.
    """
    if not hasattr(optimizer, "rule"):
        raise UserError(f"{type(optimizer).__name__} has no rule to compile: expected an optimizer of chainrule.optim")
    return Pure(optimizer)
