"""Things that take turns against the clock. · 轮流计时。

A busy machine slows whatever runs just then, so nothing is measured alone: all things run once a round, in a new order
each time (a thing finds the caches as the one before left them), and what is compared is the times of the same round.
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from random import Random
from statistics import median, quantiles
from time import perf_counter
from typing import Any, TypeVar

BLOCK = 2e-3  # seconds: what is shorter is repeated until it takes about so long, far above the clock's own cost

K = TypeVar("K")
Call = Callable[[], Any]
Clock = Callable[[], float]
Within = Callable[[K], AbstractContextManager]


@dataclass(frozen=True)
class Ratio:
    """How many times faster a thing is than another: median of the rounds and the quartiles around it. · 比值及四分位。

    >>> Ratio.of([2.0, 4.0, 3.0], [1.0, 1.0, 1.0])
    Ratio(median=3.0, low=2.5, high=3.5)
    """

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, base: list[float], own: list[float]) -> "Ratio":
        each = [b / o for b, o in zip(base, own, strict=True)]
        low, middle, high = quantiles(each, n=4, method="inclusive") if len(each) > 1 else each * 3
        return cls(middle, low, high)


def repeats(call: Call, clock: Clock = perf_counter) -> int:
    """How often a call fits into one block, from its second run: the first may compile. · 每块重复次数。

    >>> repeats(lambda: None) > 1
    True
    """
    call()
    begin = clock()
    call()
    return max(1, round(BLOCK / max(clock() - begin, 1e-7)))


def block(call: Call, times: int, clock: Clock = perf_counter) -> float:
    """Seconds of one call, from so many of them. · 单次秒数。"""
    begin = clock()
    for _ in range(times):
        call()
    return (clock() - begin) / times


def interleave(
    calls: Mapping[K, Call],
    seconds: float = 1.0,
    rounds: int = 5,
    within: Within[K] | None = None,
    clock: Clock = perf_counter,
) -> dict[K, list[float]]:
    """Name → seconds of a call in each round; every thing has as many rounds as every other. · 轮流计时。

    At least `rounds` rounds, and more until `seconds` are over. `within(name)` is in force while that thing runs.
    `clock` may be `time.process_time` where one thread computes: it stands still while others have the processor.

    >>> times = interleave({"a": lambda: None, "b": lambda: None}, seconds=0.0, rounds=3)
    >>> {name: len(each) for name, each in times.items()}
    {'a': 3, 'b': 3}
    """
    around = within or (lambda _: nullcontext())
    counts: dict[K, int] = {}
    for name, call in calls.items():
        with around(name):
            counts[name] = repeats(call, clock)
    names: list[K] = list(calls)
    times: dict[K, list[float]] = {name: [] for name in names}
    stop, order = perf_counter() + seconds, Random(0)
    while len(times[names[0]]) < rounds or perf_counter() < stop:
        for name in order.sample(names, len(names)):
            with around(name):
                times[name].append(block(calls[name], counts[name], clock))
    return times


def medians(times: Mapping[K, list[float]]) -> dict[K, float]:
    """Name → median seconds. · 各项的中位数。

    >>> medians({"a": [3.0, 1.0, 2.0]})
    {'a': 2.0}
    """
    return {name: median(each) for name, each in times.items()}
