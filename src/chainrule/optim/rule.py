"""One optimizer is one pure update. · 一个优化器就是一个纯更新。

    θ, g, t, state…, options… → θ, state…

The names of the parameters say what the update reads, the names it returns say what it writes. State has torch's names,
so a `state_dict` goes to `torch.optim` and comes back. What the names mean:

    θ        the parameter                      g      its gradient (negated by the rule under `maximize`)
    t        how many updates θ has had, this one included: an fp64 scalar tensor, kept as torch's `step`
    first    whether this is the first update of θ: a boolean scalar tensor (for rules whose state holds no `step`)
    lr       the learning rate: a number, or a scalar tensor in the compiled form, so that a schedule never recompiles
    state    every name that is both read and returned; options: every other name, constants of the compiled form

`@rule(torch.optim.X)` takes constructor, checks and state_dict from torch's class; `@rule(lr=…, …)` makes an optimizer
that torch has not. Adding one is the update and this line.
"""

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from ..errors import unknown
from .card import Rule, written
from .optimizer import make

RULES: dict[str, Rule] = {}
OPTIMIZERS: dict[str, Any] = {}


def rule(
    parent: type[torch.optim.Optimizer] | None = None,
    /,
    *,
    source: str,
    when: Mapping[str, str | Callable[[Tensor], bool]] | None = None,
    init: Mapping[str, Callable[[Tensor, dict], Tensor]] | None = None,
    clock: bool = False,
    foreach: bool = True,
    inherits: bool = True,
    elementwise: bool = False,
    mixin: type | None = None,
    lends: Callable[[Tensor], Tensor | None] | None = None,
    takes: Callable[[Tensor], str] | None = None,
    **defaults: Any,
) -> Callable[[Callable[..., Any]], Any]:
    """Make a `torch.optim.Optimizer` class of one pure update. · 由一个纯更新生成优化器类。

    `parent`: torch's class of that name, whose constructor, checks and state_dict are inherited and whose fused or
    foreach step is the twin; without one, `defaults` are the constructor's arguments, in this order. `when`: state →
    the option that it needs to exist, or a function of θ. `init`: state → function (θ, group) → its first value, zeros
    otherwise. `clock`, `foreach`, `inherits`, `elementwise`, `mixin`, `lends`, `takes`: what is particular, see `Rule`.

    >>> @rule(source="Robbins & Monro 1951, doi:10.1214/aoms/1177729586", lr=0.5)
    ... def Descent(θ, g, lr):
    ...     return θ - lr * g
    Traceback (most recent call last):
    TypeError: Descent: expected the last line to be `return θ, state…`, each a plain name
    """

    def build(update: Callable[..., Any]) -> Any:
        card = Rule(
            name=update.__name__,
            fn=update,
            source=source,
            doc=inspect.getdoc(update) or "",
            reads=tuple(inspect.signature(update).parameters),
            writes=written(update),
            defaults=_defaults_of(parent) if parent else defaults,
            parent=parent,
            when=when or {},
            init=init or {},
            clock=clock,
            foreach=foreach,
            inherits=inherits,
            elementwise=elementwise,
            mixin=mixin,
            lends=lends,
            takes=takes,
        )
        unread = [name for name in card.options if name not in card.defaults]
        if unread:
            raise TypeError(f"{card.name} reads {', '.join(unread)}: expected a default for each")
        cls = make(card)
        RULES[card.name], OPTIMIZERS[card.name.lower()] = card, cls
        return cls

    return build


def _defaults_of(parent: type) -> dict[str, Any]:
    parameters = inspect.signature(parent).parameters.values()
    return {p.name: p.default for p in parameters if p.default is not p.empty}


def by_name(name: str) -> Any:
    """The optimizer class of that name, in any case of letters. · 按名称取优化器类（不分大小写）。

    Raises `UserError` for an unknown name.

    >>> from chainrule.optim import by_name
    >>> by_name("adam").__name__
    'Adam'
    """
    if name.lower() not in OPTIMIZERS:
        raise unknown("optimizer", name, sorted(OPTIMIZERS))
    return OPTIMIZERS[name.lower()]
