"""The gears of one formula against the clock. · 公式各档位计时。"""

from collections.abc import Callable
from statistics import median
from time import perf_counter
from typing import Any

import torch
from torch import Tensor

from .differences import cotangents
from .findings import Skip
from .formula import REGISTRY
from .proof import Case, floats, has_compiler, single

ENTRIES = 1 << 16  # a sample is repeated along its batch until its first input holds about so many numbers
Row = tuple[str, str, str, str, str, str]


def enlarged(case: Case) -> tuple:
    """The sample in float32, its batch repeated; as it is where it has no batch. · 放大批次后的样本。"""
    try:
        case.rows()
    except Skip:
        return case.fresh(single)
    times = max(1, ENTRIES // max(1, max(case.args[i].numel() for i in case.batch)))
    changed = case.fresh(lambda t: single(t).repeat(times, *[1] * (t.dim() - 1)), case.batch)
    return tuple(single(a.detach()).requires_grad_(a.requires_grad) if isinstance(a, Tensor) else a for a in changed)


def forms(case: Case, compiled: bool) -> dict[str, Callable]:
    """Every gear, eager, and compiled where a compiler is at hand. · 各档位及其编译形式。"""
    found = {name: case.in_gear(name) for name in case.card.gears()}
    if compiled and has_compiler():
        torch._dynamo.reset()
        texts = {"formula": case.card.apply, "twin": case.card.twin}
        for name, call in texts.items():
            if call is not None:
                found[f"{name}, compiled"] = torch.compile(call, dynamic=False)  # pyright: ignore[reportArgumentType]
    return found


def once(call: Callable, case: Case, args: tuple, v: list[Tensor]) -> tuple[float, float]:
    """Seconds of one forward, and of forward with backward. · 一次前向、一次前向加反向的时间。"""
    start = perf_counter()
    outs = floats(call(*args))
    middle = perf_counter()
    live = [(o, c) for o, c in zip(outs, v, strict=True) if o.requires_grad]
    if live:
        torch.autograd.grad(
            [o for o, _ in live], [args[i] for i in case.wanted], [c for _, c in live], allow_unused=True
        )
    return middle - start, perf_counter() - start


def time_formula(name: str, seconds: float = 0.5, compiled: bool = True) -> list[Row]:
    """Rows of formula, sample, gear, microseconds forward and with backward, speed as a share of torch's operator.

    The gears take turns, so that a busy machine slows all of them; each number is a median. · 交替计时，取中位数。

    >>> from chainrule.nn.linear import linear
    >>> {row[2] for row in time_formula("linear", seconds=0.0, compiled=False)} >= {"formula", "twin"}
    True
    """
    card, rows = REGISTRY[name], []
    torch.manual_seed(0)
    for args in card.samples() if card.samples else ():
        case = Case(card, args)
        given, calls = enlarged(case), forms(case, compiled)
        v = cotangents(floats(card.apply(*given)))
        times: dict[str, list[tuple[float, float]]] = {gear: [] for gear in calls}
        for call in calls.values():  # the first call compiles
            once(call, case, given, v)
        stop = perf_counter() + seconds
        while not times["formula"] or perf_counter() < stop:
            for gear, call in calls.items():
                times[gear].append(once(call, case, given, v))
        middle = {gear: [median(column) * 1e6 for column in zip(*t, strict=True)] for gear, t in times.items()}
        shape = " ".join("×".join(map(str, a.shape)) or "·" for a in given if isinstance(a, Tensor))
        base: Any = middle.get("twin")
        for gear, (forward, both) in middle.items():
            share = f"{base[1] / both:.2f}" if base else ""
            rows.append((name, shape, gear, f"{forward:.1f}", f"{both:.1f}", share))
    return rows
