"""The gears of one formula against the clock. · 公式各档位计时。"""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from .formula import REGISTRY
from .proof.differences import cotangents
from .proof.findings import Skip
from .proof.formulas import Case, floats, has_compiler, single
from .timing import interleave, medians

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


def both(call: Callable, case: Case, args: tuple, v: list[Tensor]) -> None:
    """Forward and backward once. · 一次前向加反向。"""
    live = [(o, c) for o, c in zip(floats(call(*args)), v, strict=True) if o.requires_grad]
    if live:
        torch.autograd.grad(
            [o for o, _ in live], [args[i] for i in case.wanted], [c for _, c in live], allow_unused=True
        )


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
        turns: dict[tuple[str, str], Callable] = {}
        for gear, call in calls.items():
            turns[gear, "forward"] = partial(call, *given)
            turns[gear, "both"] = partial(both, call, case, given, v)
        middle = {turn: each * 1e6 for turn, each in medians(interleave(turns, seconds)).items()}
        shape = " ".join("×".join(map(str, a.shape)) or "·" for a in given if isinstance(a, Tensor))
        base = middle.get(("twin", "both"))
        for gear in calls:
            forward, total = middle[gear, "forward"], middle[gear, "both"]
            share = f"{base / total:.2f}" if base else ""
            rows.append((name, shape, gear, f"{forward:.1f}", f"{total:.1f}", share))
    return rows
