"""Schedules: the learning rate as a pure function of the step, without importing torch. · 学习率调度：步数的纯函数。

    t    how many updates are done, from 0; `total` how many there will be

Each function returns the factor by which the base rate is multiplied in update t + 1. Only `plateau` is moved by
something else: a figure, which makes a new state of the old one. `optim.Schedule` puts the factor into an optimizer.
"""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import cos, inf, pi, sqrt
from typing import TYPE_CHECKING, Any, NamedTuple

from .errors import UserError, did_you_mean, unknown

if TYPE_CHECKING:
    from .settings import Settings


def constant(t: float, total: float) -> float:
    """The base rate, always. · 始终为基础学习率。

    >>> constant(7, 10)
    1.0
    """
    return 1.0


def step(t: float, total: float, every: float = 30, gamma: float = 0.1) -> float:
    """Multiplied by γ every so many steps. · 每隔若干步乘以 γ。

    source  He et al. 2016, section 3.4, arXiv:1512.03385 (divided by 10 at plateaus); torch's StepLR

    >>> step(65, 90, every=30, gamma=0.5)
    0.25
    """
    return gamma ** (t // every)


def multistep(t: float, total: float, milestones: tuple[float, ...] = (30, 80), gamma: float = 0.1) -> float:
    """Multiplied by γ at each milestone. · 在每个里程碑处乘以 γ。

    source  He et al. 2016, section 4.2, arXiv:1512.03385; torch's MultiStepLR

    >>> [multistep(t, 90, milestones=(30, 60), gamma=0.5) for t in (29, 30, 60)]
    [1.0, 0.5, 0.25]
    """
    return gamma ** sum(t >= at for at in milestones)


def exponential(t: float, total: float, every: float = 1, gamma: float = 0.95) -> float:
    """Multiplied by γ over every so many steps, a little in each. · 指数衰减：每隔若干步累计乘以 γ。

    source  torch's ExponentialLR, whose `every` is 1

    >>> exponential(4, 90, every=2, gamma=0.5)
    0.25
    """
    return gamma ** (t / every)


def linear(t: float, total: float, floor: float = 0.0) -> float:
    """A straight line from 1 down to `floor`. · 由 1 线性降到 floor。

    source  Devlin et al. 2019, appendix A.2, arXiv:1810.04805; torch's LinearLR from 1 to floor

    >>> linear(5, 10)
    0.5
    """
    return 1 + (floor - 1) * min(t / total, 1)


def polynomial(t: float, total: float, power: float = 1.0) -> float:
    """A power of what is left of the run. · 剩余比例的幂。

    source  Chen et al. 2017, section 4.1 (“poly”), arXiv:1606.00915; torch's PolynomialLR

    >>> polynomial(5, 10, power=2.0)
    0.25
    """
    return (1 - min(t / total, 1)) ** power


def noam(t: float, total: float, rise: float = 4000) -> float:
    """Up along a line for `rise` steps, then down as 1/√t. · 先线性升，后按 1/√t 降。

    source  Vaswani et al. 2017, equation 3, arXiv:1706.03762. The paper's rate is this one's where the base rate is
            1/√(d_model · rise): there 1 is the top.

    >>> noam(1, 90, rise=4), noam(3, 90, rise=4), noam(15, 90, rise=4)
    (0.5, 1.0, 0.5)
    """
    return min((t + 1) / rise, sqrt(rise / (t + 1)))


def cosine(t: float, total: float, floor: float = 0.0) -> float:
    """Half a cosine from 1 down to `floor`. · 由 1 沿半个余弦降到 floor。

    source  Loshchilov & Hutter 2017, equation 5, arXiv:1608.03983; torch's CosineAnnealingLR

    >>> cosine(5, 10)
    0.5
    """
    return _anneal(1.0, floor, min(t / total, 1.0))


def cosine_restarts(t: float, total: float, first: float = 10, mult: int = 1, floor: float = 0.0) -> float:
    """Half a cosine again and again, each `mult` times as long as the one before. · 带热重启的余弦退火。

    source  Loshchilov & Hutter 2017, equation 5 and section 3, arXiv:1608.03983; torch's CosineAnnealingWarmRestarts
            (its T_0 and T_mult)

    >>> [cosine_restarts(t, 90, first=2, mult=2) for t in (0, 1, 2, 4, 6)]
    [1.0, 0.5, 1.0, 0.5, 1.0]
    """
    if mult == 1:
        return _anneal(1.0, floor, t % first / first)
    if t < first:
        return _anneal(1.0, floor, t / first)
    return cosine_restarts(t - first, total, first * mult, mult, floor)


def onecycle(
    t: float, total: float, pct_start: float = 0.3, div_factor: float = 25.0, final_div_factor: float = 1e4
) -> float:
    """Up from 1/div_factor to 1, then down to almost nothing, both along a cosine. · 先升后降的一个周期。

    source  Smith & Topin 2019, arXiv:1708.07120; torch's OneCycleLR with cosine annealing (the peak is the base rate)

    >>> onecycle(29, 100)
    1.0
    """
    low, peak, last = 1 / div_factor, pct_start * total - 1, total - 1
    t = min(t, last)
    if t <= peak:
        return _anneal(low, 1.0, t / peak if peak > 0 else 1.0)
    return _anneal(1.0, low / final_div_factor, (t - peak) / (last - peak))


def warm_up(t: float, steps: float, start: float | None = None) -> float:
    """A straight line from `start` up to 1; from 1/(steps + 1) unless said. · 由 start 线性升至 1。

    source  Goyal et al. 2017, section 2.2, arXiv:1706.02677; torch's LinearLR

    >>> [warm_up(t, 3) for t in range(5)]
    [0.25, 0.5, 0.75, 1.0, 1.0]
    """
    low = 1 / (steps + 1) if start is None else start
    return low + (1 - low) * t / steps if t < steps else 1.0


class Plateau(NamedTuple):
    """What `plateau` remembers. · 平台期调度的状态。

    scale  the factor now   best  the best figure so far   waited  epochs since it   resting  epochs of cooldown left
    """

    scale: float = 1.0
    best: float = inf
    waited: int = 0
    resting: int = 0


def plateau(
    state: Plateau,
    metric: float,
    factor: float = 0.1,
    patience: int = 10,
    threshold: float = 1e-4,
    threshold_mode: str = "rel",
    cooldown: int = 0,
    floor: float = 0.0,
    mode: str = "min",
) -> Plateau:
    """Multiplied by `factor` when a figure was no better for more than `patience` epochs. · 指标停滞时降低学习率。

    state    what is remembered (start with best = inf, or −inf for mode="max")   metric  the figure of this epoch
    note     as torch's ReduceLROnPlateau; floor stands for its min_lr, as a part of the base rate; it has no eps
    source   torch's ReduceLROnPlateau

    >>> state = Plateau()
    >>> for loss in (1.0, 2.0, 2.0): state = plateau(state, loss, factor=0.5, patience=1)
    >>> state
    Plateau(scale=0.5, best=1.0, waited=0, resting=0)
    """
    scale, best, waited, resting = state
    sign = 1 if mode == "min" else -1
    bar = best * (1 - sign * threshold) if threshold_mode == "rel" else best - sign * threshold
    better = sign * metric < sign * bar
    best = metric if better else best
    waited = 0 if better or resting > 0 else waited + 1
    resting = max(resting - 1, 0)
    if waited > patience:
        return Plateau(max(scale * factor, floor), best, 0, cooldown)
    return Plateau(scale, best, waited, resting)


def _anneal(start: float, end: float, part: float) -> float:
    return end + (start - end) * (1 + cos(pi * part)) / 2


SCHEDULES: dict[str, Callable[..., Any]] = {
    "constant": constant,
    "step": step,
    "multistep": multistep,
    "exponential": exponential,
    "linear": linear,
    "polynomial": polynomial,
    "cosine": cosine,
    "cosine_restarts": cosine_restarts,
    "onecycle": onecycle,
    "noam": noam,
    "plateau": plateau,
}

# Options of the schedules by name: what fits, and what is said of it.
RANGES: dict[str, tuple[Callable[[Any], bool], str]] = {
    "total": (lambda x: x >= 1, "at least 1 step"),
    "warmup": (lambda x: x >= 0, "at least 0 steps"),
    "warmup_start": (lambda x: 0 <= x <= 1, "a number from 0 to 1"),
    "warmup_shape": (lambda x: x in ("linear", "constant"), "linear or constant"),
    "every": (lambda x: x > 0, "a number of steps above 0"),
    "gamma": (lambda x: x >= 0, "a number of at least 0"),
    "floor": (lambda x: x >= 0, "a number of at least 0"),
    "milestones": (lambda xs: all(x > 0 for x in xs), "numbers of steps above 0"),
    "power": (lambda x: x > 0, "a number above 0"),
    "first": (lambda x: x > 0, "a number of steps above 0"),
    "mult": (lambda x: x >= 1 and x == int(x), "a whole number of at least 1"),
    "rise": (lambda x: x > 0, "a number of steps above 0"),
    "factor": (lambda x: 0 <= x < 1, "a number from 0 to below 1"),
    "patience": (lambda x: x >= 0, "at least 0 epochs"),
    "threshold": (lambda x: x >= 0, "a number of at least 0"),
    "threshold_mode": (lambda x: x in ("rel", "abs"), "rel or abs"),
    "cooldown": (lambda x: x >= 0, "at least 0 epochs"),
    "mode": (lambda x: x in ("min", "max"), "min or max"),
    "pct_start": (lambda x: 0 <= x <= 1, "a number from 0 to 1"),
    "div_factor": (lambda x: x > 0, "a number above 0"),
    "final_div_factor": (lambda x: x > 0, "a number above 0"),
}


@dataclass(frozen=True)
class Curve:
    """A schedule with its length and its options: t → factor. · 调度及其长度与选项。

    `name` is one of `SCHEDULES` and `total` its length in steps, the `warmup` steps in front of it included; `options`
    are its own. The warm-up is "linear", or "constant": it stays where it begins. Raises `UserError` for an unknown
    name or option and for a value out of range.

    >>> Curve("cosine", 10).factor(5), Curve("linear", 12, warmup=4).factor(1)
    (0.5, 0.4)
    """

    name: str = "constant"
    total: float = 1
    warmup: float = 0
    warmup_start: float | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    warmup_shape: str = field(default="linear", repr=False)

    def __post_init__(self) -> None:
        if self.name not in SCHEDULES:
            raise unknown("schedule", self.name, list(SCHEDULES))
        known = list(inspect.signature(SCHEDULES[self.name]).parameters)[2:]
        for option in self.options:
            if option not in known:
                takes = f"one of {', '.join(known)}" if known else "none"
                hint = did_you_mean(option, known)
                raise UserError(f"schedule {self.name} takes no option {option!r}: expected {takes}{hint}")
        own = {
            "warmup_shape": self.warmup_shape,
            "total": self.total,
            "warmup": self.warmup,
            "warmup_start": self.warmup_start,
        }
        for option, value in {**own, **self.options}.items():
            fits, expected = RANGES[option]
            if value is not None and not fits(value):
                raise UserError(f"schedule {self.name}: {option}={value!r}: expected {expected}")

    @property
    def start(self) -> Plateau:
        """What a plateau remembers before the first figure. · 平台期的初始状态。"""
        return Plateau(best=-inf if self.options.get("mode") == "max" else inf)

    def factor(self, t: float, state: Plateau | None = None) -> float:
        """The factor after t steps; `state` is a plateau's. · 第 t 步之后的系数。"""
        if t < self.warmup:
            held = self.warmup_shape == "constant"
            return warm_up(0 if held else t, self.warmup, self.warmup_start)
        if self.name == "plateau":
            return (state or self.start).scale
        # What lies behind the warm-up may be nothing at all; a length of 1 keeps its last step defined.
        return SCHEDULES[self.name](t - self.warmup, max(self.total - self.warmup, 1), **self.options)

    def told(self, t: float, state: Plateau, metric: float) -> Plateau:
        """The state after the figure of an epoch: only a plateau heeds it, and only after the warm-up. · 告知指标。"""
        heeds = self.name == "plateau" and t >= self.warmup
        return plateau(state, float(metric), **self.options) if heeds else state


def of_run(s: "Settings", updates: int) -> Curve:
    """The schedule of a run whose epochs make `updates` updates each. · 由运行设置得到调度。

    >>> from chainrule.settings import parse
    >>> of_run(parse(["schedule=step", "step_epochs=3", "epochs=10", "warmup=0.5"]), 100)
    Curve(name='step', total=1000, warmup=50, warmup_start=None, options={'every': 300})
    """
    halves = (s.epochs / 2, s.epochs * 3 / 4)
    own: dict[str, dict[str, Any]] = {
        "step": {"every": s.step_epochs * updates, "gamma": s.gamma},
        "multistep": {"milestones": tuple(at * updates for at in s.milestones or halves), "gamma": s.gamma},
        "exponential": {"every": updates, "gamma": s.gamma},
        "linear": {"floor": s.floor},
        "polynomial": {"power": s.power},
        "cosine": {"floor": s.floor},
        "cosine_restarts": {"first": (s.restart_epochs or 10) * updates, "mult": s.restart_mult, "floor": s.floor},
        "noam": {"rise": s.warmup * updates},  # the rise is its own
        "plateau": {"factor": s.gamma, "patience": s.plateau_epochs, "floor": s.floor},
    }
    given = {key: value for key, value in own.get(s.schedule, {}).items() if value is not None}
    warmup = 0 if s.schedule == "noam" else round(s.warmup * updates)
    return Curve(s.schedule, s.epochs * updates, warmup, s.warmup_start, given, s.warmup_shape)
