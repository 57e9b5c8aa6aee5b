"""The card of an update: what it reads, what it writes, and in which range its options lie. · 更新的卡片。"""

import ast
import inspect
import textwrap
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from ..errors import UserError

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
    when: Mapping[str, str] = field(default_factory=dict)  # state → the option without which it does not exist
    init: Mapping[str, Callable[[Tensor, dict], Tensor]] = field(default_factory=dict)  # state → its start; else zeros

    @property
    def state(self) -> tuple[str, ...]:
        return tuple(name for name in self.reads if name in self.writes and name != "θ")

    @property
    def options(self) -> tuple[str, ...]:
        return tuple(name for name in self.reads if name not in self.writes and name not in CLOCK)

    @property
    def symbols(self) -> dict[str, str]:
        return {name: SYMBOLS[name] for name in self.reads if name in SYMBOLS}

    def needs(self, group: Mapping[str, Any]) -> list[str]:
        """The state that exists under the options of a group."""
        return [name for name in self.state if name not in self.when or group[self.when[name]]]

    def keeps(self, group: Mapping[str, Any]) -> bool:
        """Whether anything is kept for a parameter of the group: torch leaves no entry where nothing is."""
        return "t" in self.reads or bool(self.needs(group))

    def prepare(self, θ: Tensor, state: dict[str, Tensor], group: dict[str, Any]) -> bool:
        """Create what θ's state lacks; say whether all of it was lacking: the first update of θ."""
        if "t" in self.reads and "step" not in state:
            state["step"] = torch.zeros((), dtype=torch.promote_types(torch.float32, torch.get_default_dtype()))
        needed = self.needs(group)
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
        return {name: value for name, value in zip(self.writes, out, strict=True) if value is not None}


def _is_complex(x: Any) -> bool:
    return isinstance(x, Tensor) and x.is_complex()


def real(x: Tensor) -> Tensor:
    """The tensor itself, or the real view of a complex one. · 张量本身，或复张量的实视图。"""
    return torch.view_as_real(x) if x.is_complex() else x


def scalar(option: Any) -> Any:
    """An option as a number: a tensor of one element, whatever its axes and precision, is its value in fp64."""
    return option.reshape(()).double() if isinstance(option, Tensor) and option.numel() == 1 else option


def written(update: Callable[..., Any]) -> tuple[str, ...]:
    """The names a function returns in its last line. · 函数最后一行返回的名字。"""
    last = ast.parse(textwrap.dedent(inspect.getsource(update))).body[0].body[-1]  # type: ignore[attr-defined]
    value = last.value if isinstance(last, ast.Return) else None
    names = [v.id if isinstance(v, ast.Name) else "" for v in (value.elts if isinstance(value, ast.Tuple) else [value])]
    if "" in names or names[0] != "θ":
        raise TypeError(f"{update.__name__}: expected the last line to be `return θ, state…`, each a plain name")
    return tuple(names)


def _at_least_zero(x: Any) -> bool:
    return bool(x >= 0)


def _fractions(xs: Iterable[Any]) -> bool:
    return all(bool(0 <= x < 1) for x in xs)


# The range of an option is known by its name; NaN is in none. Options that are not here take any value.
RANGES: dict[str, tuple[Callable[[Any], bool], str]] = {
    **dict.fromkeys(("lr", "momentum", "weight_decay", "eps"), (_at_least_zero, "a number of at least 0")),
    "betas": (_fractions, "two numbers from 0 to below 1"),
}


def check(options: Mapping[str, Any], where: str) -> None:
    """Raise `UserError` for the first option out of its range. · 选项越界则报错。

    >>> check({"lr": -1.0}, "Lion")
    Traceback (most recent call last):
    chainrule.errors.UserError: Lion: lr=-1.0: expected a number of at least 0
    """
    for name, (fits, expected) in RANGES.items():
        if name in options and not fits(options[name]):
            raise UserError(f"{where}: {name}={options[name]!r}: expected {expected}")
