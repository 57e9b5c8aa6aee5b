"""The card of an update: what it reads, what it writes, and in which range its options lie. · 更新的卡片。"""

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from ..errors import UserError
from ..notation.statements import returned

# The papers' letters for torch's names: what code → LaTeX writes.
SYMBOLS = {
    "lr": "η",
    "momentum": "μ",
    "dampening": "τ",
    "weight_decay": "λ",
    "eps": "ε",
    "betas": "β",
    "momentum_buffer": "v",
    "exp_avg": "m",
    "exp_avg_sq": "v",
    "max_exp_avg_sq": "v_max",
    "square_avg": "v",
    "sum": "G",
    "rho": "ρ",
    "alpha": "α",
    "lambd": "λ",
}
CLOCK = ("θ", "g", "t", "first")


@dataclass(frozen=True)
class Rule:
    """What is known of one optimizer: its update, and what the update reads and writes. · 一个优化器的卡片。"""

    name: str
    fn: Callable[..., Any]
    source: str
    doc: str
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    defaults: Mapping[str, Any]
    parent: type[torch.optim.Optimizer] | None = None
    when: Mapping[str, str | Callable[[Tensor], bool]] = field(default_factory=dict)  # state → what it needs to exist
    init: Mapping[str, Callable[[Tensor, dict], Tensor]] = field(default_factory=dict)  # state → its start; else zeros
    clock: bool = False  # torch counts the updates of θ though this one never reads their number
    foreach: bool = True  # whether torch's foreach form is as exact as its plain loop
    inherits: bool = True  # from `parent`; False where torch's class refuses what ours takes
    elementwise: bool = False  # each element by itself, without a clock: small tensors may be laid side by side
    mixin: type | None = None  # what its class can do besides stepping
    lends: Callable[[Tensor], Tensor | None] | None = None  # θ as torch's function takes it, whose class refuses it
    takes: Callable[[Tensor], str] | None = None  # what is wrong with a parameter, in words; empty: nothing

    @cached_property
    def state(self) -> tuple[str, ...]:
        return tuple(name for name in self.reads if name in self.writes and name != "θ")

    @cached_property
    def options(self) -> tuple[str, ...]:
        return tuple(name for name in self.reads if name not in self.writes and name not in CLOCK)

    @property
    def symbols(self) -> dict[str, str]:
        return {name: SYMBOLS[name] for name in self.reads if name in SYMBOLS}

    @cached_property
    def counts(self) -> bool:
        return self.clock or "t" in self.reads

    def needs(self, group: Mapping[str, Any], θ: Tensor | None = None) -> list[str]:
        """The state that exists under the options of a group, for θ or for any parameter."""

        def exists(condition: str | Callable[[Tensor], bool]) -> bool:
            return bool(group[condition]) if isinstance(condition, str) else θ is None or condition(θ)

        return [name for name in self.state if name not in self.when or exists(self.when[name])]

    def keeps(self, group: Mapping[str, Any]) -> bool:
        """Whether anything is kept for a parameter of the group: torch leaves no entry where nothing is."""
        return self.counts or bool(self.needs(group))

    def prepare(self, θ: Tensor, state: dict[str, Tensor], group: dict[str, Any]) -> bool:
        """Create what θ's state lacks; say whether all of it was lacking: the first update of θ."""
        if self.counts and "step" not in state:
            state["step"] = torch.zeros((), dtype=torch.promote_types(torch.float32, torch.get_default_dtype()))
        needed = self.needs(group, θ)
        missing = [name for name in needed if state.get(name) is None]  # None: checkpoints of older torch
        for name in missing:
            state[name] = self.init[name](θ, group) if name in self.init else torch.zeros_like(θ)
        return missing == needed

    def new(self, θ: Tensor, g: Tensor, state: Mapping[str, Tensor], options: Mapping[str, Any], **clock: Any) -> dict:
        """The update as a pure function of named values: the new θ and the new state, by name."""
        known = {**options, **dict.fromkeys(self.state), **state, **clock}
        # A complex number is two real ones: squares and maxima are taken of each part, as torch does.
        known = {name: torch.view_as_real(x) if _is_complex(x) else x for name, x in known.items()}
        known["θ"], known["g"] = real(θ), -real(g) if options.get("maximize") else real(g)
        out = self.fn(**{name: known[name] for name in self.reads})
        out = out if isinstance(out, tuple) else (out,)
        new = {name: value for name, value in zip(self.writes, out, strict=True) if value is not None}
        # What is written is written in place: an old value that goes on under another name must be a copy.
        old = {id(known[name]): name for name in self.writes}
        return {name: x.clone() if old.get(id(x), name) != name else x for name, x in new.items()}


@dataclass(frozen=True)
class Steps:
    """The card of an optimizer that is no single update: the functions that its step is made of. · 多步优化器的卡片。

    owner: its class, with docstring and constructor; fns: in the order in which a step calls them, each with a last
    line that returns plain names.
    """

    name: str
    owner: type
    fns: tuple[Callable[..., Any], ...]
    parent: type[torch.optim.Optimizer] | None = None

    @property
    def fn(self) -> Callable[..., Any]:
        return self.fns[0]

    @property
    def doc(self) -> str:
        return inspect.getdoc(self.owner) or ""

    @property
    def reads(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(name for fn in self.fns for name in inspect.signature(fn).parameters))

    @property
    def writes(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(name for fn in self.fns for name in returned(fn)))

    @property
    def defaults(self) -> Mapping[str, Any]:
        parameters = inspect.signature(self.owner).parameters.values()
        return {p.name: p.default for p in parameters if p.default is not p.empty}


def _is_complex(x: Any) -> bool:
    return isinstance(x, Tensor) and x.is_complex()


def real(x: Tensor) -> Tensor:
    """The tensor itself, or the real view of a complex one. · 张量本身，或复张量的实视图。"""
    return torch.view_as_real(x) if x.is_complex() else x


def numbers(g: Tensor) -> Tensor:
    """What a gradient holds: of a sparse one, as `torch.nn.Embedding(sparse=True)` gives, its rows. · 梯度中的数值。

    >>> numbers(torch.tensor([[0.0, 0.0], [1.0, 2.0]]).to_sparse(1)).tolist()
    [[1.0, 2.0]]
    """
    return g.coalesce().values() if g.is_sparse else g


def scalar(option: Any) -> Any:
    """An option as a number: a tensor of one element, whatever its axes and precision, is its value in fp64."""
    return option.reshape(()).double() if isinstance(option, Tensor) and option.numel() == 1 else option


def written(update: Callable[..., Any]) -> tuple[str, ...]:
    """The names an update returns, θ first. · 更新返回的名字，首个为 θ。"""
    names = returned(update)
    if "" in names or names[0] != "θ":
        raise TypeError(f"{update.__name__}: expected the last line to be `return θ, state…`, each a plain name")
    return names


def _at_least(low: float) -> tuple[Callable[[Any], bool], str]:
    return lambda x: bool(x >= low), f"a number of at least {low}"


def _small(x: Any) -> bool:
    """One number, or the two of Adafactor, whose first may be left to the precision."""
    return all(e is None or bool(e >= 0) for e in (x if isinstance(x, tuple | list) else (x,)))


def _fractions(xs: Iterable[Any]) -> bool:
    pair = tuple(xs)
    return len(pair) == 2 and all(bool(0 <= x < 1) for x in pair)


_NOT_NEGATIVE = """lr momentum weight_decay alpha lr_decay initial_accumulator_value momentum_decay lambd"""
# The range of an option is known by its name; NaN is in none. Options that are not here take any value.
RANGES: dict[str, tuple[Callable[[Any], bool], str]] = {
    **dict.fromkeys(_NOT_NEGATIVE.split(), _at_least(0)),
    "eps": (_small, "a number of at least 0"),
    "betas": (_fractions, "two numbers from 0 to below 1"),
    "rho": (lambda x: bool(0 <= x <= 1), "a number from 0 to 1"),
    "t0": _at_least(0),
    "etas": (lambda x: bool(0 < x[0] < 1 < x[1]), "two numbers, one between 0 and 1 and one above 1"),
    "step_sizes": (lambda x: bool(0 <= x[0] <= x[1]), "two numbers of at least 0, the smaller one first"),
    "beta2_decay": (lambda x: bool(x <= 0), "a number of at most 0"),
    "d": _at_least(1),
    "ns_steps": (lambda x: 1 <= x < 100, "a whole number from 1 to 99"),
    "ns_coefficients": (lambda x: len(x) == 3, "three numbers"),
    **dict.fromkeys(("max_iter", "history_size"), (lambda x: x == int(x) and x >= 1, "a whole number of at least 1")),
    "max_eval": (lambda x: x is None or (x == int(x) and x >= 1), "a whole number of at least 1, or None"),
    **dict.fromkeys(("tolerance_grad", "tolerance_change"), _at_least(0)),
    "line_search_fn": (lambda x: x in (None, "strong_wolfe"), "'strong_wolfe' or None"),
    "adjust_lr_fn": (lambda x: x in (None, "original", "match_rms_adamw"), "original or match_rms_adamw"),
}


def check(options: Mapping[str, Any], where: str) -> None:
    """Raise `UserError` for the first option out of its range. · 选项越界则报错。

    >>> check({"lr": -1.0}, "Lion")
    Traceback (most recent call last):
    chainrule.errors.UserError: Lion: lr=-1.0: expected a number of at least 0
    """
    for name, (fits, expected) in RANGES.items():
        if name in options and not _holds(fits, options[name]):
            raise UserError(f"{where}: {name}={options[name]!r}: expected {expected}")


def _holds(fits: Callable[[Any], bool], value: Any) -> bool:
    try:
        return fits(value)
    except (TypeError, ValueError, IndexError, OverflowError):  # no number at all, or not as many as there must be
        return False


def evaluated(closure: Any, who: str, needed: bool = False) -> Callable[[], Any] | None:
    """A closure that computes with gradients; None where none is given and none is needed. · 检查并包装闭包。

    Raises `UserError` for what is no function.

    >>> evaluated(lambda: 2.0, "SGD")()
    2.0
    >>> evaluated(2.0, "SGD")
    Traceback (most recent call last):
    chainrule.errors.UserError: SGD: step(2.0): expected a function that computes the loss and gradients
    """
    if closure is None and not needed:
        return None
    if not callable(closure):
        given = "step() without a closure" if closure is None else f"step({closure!r})"
        raise UserError(f"{who}: {given}: expected a function that computes the loss and gradients")
    return torch.enable_grad()(closure)
