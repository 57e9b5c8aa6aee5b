"""L-BFGS: Newton's direction from the last few steps, no Hessian. · L-BFGS：由最近几步近似牛顿方向，无需海森矩阵。"""

from collections.abc import Callable, Sequence
from math import sqrt
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ..errors import UserError
from .rule import OPTIMIZERS

PAIRS = ("old_stps", "old_dirs", "ro")  # torch's names of s, y, ρ in its state


def two_loop(g: Tensor, s: Sequence[Tensor], y: Sequence[Tensor], ρ: Sequence[Any], scale: Any) -> Tensor:
    """The direction −H g, where H is made of the pairs (s, y) and never written down. · 双循环递推求方向。

    g  gradient [n]   s  steps, y  changes of the gradient, oldest first, each [n]
    ρ  1/(yᵀs) of each pair   scale  H before the first pair
    source  Nocedal & Wright 2006, algorithm 7.4, doi:10.1007/978-0-387-40065-5

    >>> s, y = torch.tensor([1.0, 0.0]), torch.tensor([4.0, 0.0])
    >>> two_loop(torch.tensor([4.0, 1.0]), [s], [y], [0.25], 1.0).tolist()
    [-1.0, -1.0]
    """
    q, parts = -g, []
    for s_i, y_i, ρ_i in zip(reversed(s), reversed(y), reversed(ρ), strict=True):
        α = s_i.dot(q) * ρ_i
        q = q - α * y_i
        parts.append(α)
    d = scale * q
    for s_i, y_i, ρ_i, α in zip(s, y, ρ, reversed(parts), strict=True):
        β = y_i.dot(d) * ρ_i
        d = d + (α - β) * s_i
    return d


def value_of(loss: Any) -> float:
    """What a closure returned, as a number. · 闭包返回值。

    >>> value_of(torch.ones((), requires_grad=True)), value_of(2)
    (1.0, 2.0)
    """
    return float(loss.detach() if isinstance(loss, Tensor) else loss)


class Point(NamedTuple):
    """A place on a line: how far, the value there, its gradient, its slope along the line. · 线上一点。"""

    t: float
    f: float
    g: Tensor
    slope: float


def cubic_minimum(a: Point, b: Point, low: float, high: float) -> float:
    """Where the cubic through two points with their slopes is least, between low and high. · 三次插值极小点。

    source  Nocedal & Wright 2006, equation 3.59

    >>> g = torch.zeros(1)
    >>> cubic_minimum(Point(0.0, 1.0, g, -2.0), Point(3.0, 4.0, g, 4.0), 0.0, 3.0)  # (t − 1)²
    1.0
    """
    d1 = a.slope + b.slope - 3 * (a.f - b.f) / (a.t - b.t)
    square = d1**2 - a.slope * b.slope
    if not square >= 0:
        return (low + high) / 2
    d2 = sqrt(square)
    a, b = (a, b) if a.t <= b.t else (b, a)
    best = b.t - (b.t - a.t) * (b.slope + d2 - d1) / (b.slope - a.slope + 2 * d2)
    return min(max(best, low), high)


class Line:
    """The search for a step that satisfies the strong Wolfe conditions. · 强 Wolfe 条件的线搜索。

    evaluate  t → Point   start  the point at t = 0   most  evaluations after the first
    width     largest element of the direction: a bracket narrower than `tolerance` in every weight ends the search
    source    Nocedal & Wright 2006, algorithms 3.5 and 3.6; torch's (from minFunc) with c1 = 1e-4, c2 = 0.9
    """

    c1, c2, tolerance = 1e-4, 0.9, 1e-9

    def __init__(self, evaluate: Callable[[float], Point], start: Point, most: int, width: float):
        self.evaluate, self.start, self.most, self.width = evaluate, start, most, width
        self.done = 0

    def too_high(self, p: Point) -> bool:
        return p.f > self.start.f + self.c1 * p.t * self.start.slope

    def flat(self, p: Point) -> bool:
        return abs(p.slope) <= -self.c2 * self.start.slope

    def search(self, t: float) -> Point:
        """The first point found that satisfies both conditions, or the lowest one seen. · 搜索步长。"""
        before, now = self.start, self.evaluate(t)
        while self.done < self.most:
            if self.too_high(now) or (self.done > 1 and now.f >= before.f):
                return self.zoom(before, now)
            if self.flat(now):
                return now
            if now.slope >= 0:
                return self.zoom(before, now)
            t = cubic_minimum(before, now, now.t + 0.01 * (now.t - before.t), now.t * 10)
            before, now = now, self.evaluate(t)
            self.done += 1
        return self.start if self.start.f <= now.f else now

    def zoom(self, a: Point, b: Point) -> Point:
        """Narrow a bracket down to a point that satisfies both conditions. · 缩小区间。"""
        low, high = (a, b) if a.f <= b.f else (b, a)
        stuck = False
        while self.done < self.most and abs(high.t - low.t) * self.width >= self.tolerance:
            t, stuck = self.between(low, high, stuck)
            now = self.evaluate(t)
            self.done += 1
            if self.too_high(now) or now.f >= low.f:
                low, high = (low, now) if low.f <= now.f else (now, low)
                continue
            if self.flat(now):
                return now
            low, high = now, low if now.slope * (high.t - low.t) >= 0 else high
        return low

    def between(self, low: Point, high: Point, stuck: bool) -> tuple[float, bool]:
        """The cubic's minimum; a tenth away from an end that it comes near to twice, or lies on."""
        left, right = sorted((low.t, high.t))
        t = cubic_minimum(low, high, left, right)
        edge = 0.1 * (right - left)
        if min(right - t, t - left) >= edge:
            return t, False
        if stuck or t >= right or t <= left:
            return (right - edge if abs(t - right) < abs(t - left) else left + edge), False
        return t, True


class LBFGS(torch.optim.LBFGS):
    """Quasi-Newton steps over the whole data, by a closure that is evaluated several times. · 有限内存拟牛顿法。

    note    errata E45: quasi-Newton, no Hessian is formed. E46: its memory is 2·history_size times the parameters,
            where BFGS takes their square; what limits it is noise: give it the whole data, and the line search.
    raises  `UserError` for a step without a closure; ValueError for a negative rate or several groups, as torch.
    source  Liu & Nocedal 1989, doi:10.1007/BF01589116; Nocedal & Wright 2006, chapters 3 and 7

    >>> w = torch.nn.Parameter(torch.tensor([3.0, -2.0], dtype=torch.float64))
    >>> made = LBFGS([w], line_search_fn="strong_wolfe")
    >>> def closure():
    ...     made.zero_grad()
    ...     loss = ((w - 1) ** 2 * torch.tensor([1.0, 50.0])).sum()
    ...     loss.backward()
    ...     return loss
    >>> for _ in range(3): loss = made.step(closure)
    >>> [round(x, 6) for x in w.tolist()]
    [1.0, 1.0]
    """

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        """Up to `max_iter` iterations; returns the closure's first loss. · 至多 max_iter 次迭代。"""
        if closure is None:
            raise UserError("LBFGS: step() without a closure: expected a function that computes the loss and gradients")
        group, state = self.param_groups[0], self.state[self._params[0]]
        state.setdefault("func_evals", 0)
        state.setdefault("n_iter", 0)
        first = torch.enable_grad()(closure)()
        state["func_evals"] += 1
        f, g, evals = value_of(first), self._gather_flat_grad(), 1
        if g.abs().max() <= group["tolerance_grad"]:
            return first
        for iteration in range(1, group["max_iter"] + 1):
            state["n_iter"] += 1
            f_before = f
            self._remember(state, g, group["history_size"])
            d = state["d"] = two_loop(g, *(state[name] for name in PAIRS), state["H_diag"])
            state["prev_flat_grad"], state["prev_loss"] = g.clone(), f
            t = float(group["lr"]) * (min(1.0, 1 / float(g.abs().sum())) if state["n_iter"] == 1 else 1)
            state["t"], slope = t, float(g.dot(d))
            if slope > -group["tolerance_change"]:
                break
            last = iteration == group["max_iter"]
            moved, tried = self._move(closure, Point(0.0, f, g, slope), d, group["max_eval"] - evals, last)
            state["t"], f, g = moved.t, moved.f, moved.g
            evals += tried
            state["func_evals"] += tried
            if last or evals >= group["max_eval"] or g.abs().max() <= group["tolerance_grad"]:
                break
            small = group["tolerance_change"]
            if (d * moved.t).abs().max() <= small or abs(f - f_before) < small:
                break
        return first

    def _remember(self, state: dict[str, Any], g: Tensor, most: int) -> None:
        """Take up the last step and the change of the gradient along it, where that bends upwards."""
        if state["n_iter"] == 1:
            state.update(old_dirs=[], old_stps=[], ro=[], H_diag=1)
            return
        y, s = g - state["prev_flat_grad"], state["d"] * state["t"]
        if y.dot(s) <= 1e-10:
            return
        for name, value in zip(PAIRS, (s, y, 1.0 / y.dot(s)), strict=True):
            state[name] = [*state[name], value][-most:]
        state["H_diag"] = y.dot(s) / y.dot(y)

    def _move(self, closure: Any, start: Point, d: Tensor, most: int, last: bool) -> tuple[Point, int]:
        """Go along d: where the line search says, or by the rate. Also how often the closure was evaluated."""
        group, here = self.param_groups[0], self._clone_param()
        t = self.state[self._params[0]]["t"]

        def evaluate(t: float) -> Point:
            self._add_grad(t, d)
            f, g = value_of(torch.enable_grad()(closure)()), self._gather_flat_grad()
            return Point(t, f, g, float(g.dot(d)))

        def look(t: float) -> Point:
            point = evaluate(t)
            self._set_param(here)
            return point

        if group["line_search_fn"] is None:
            if not last:  # at the end the next step evaluates anyway
                return evaluate(t), 1
            self._add_grad(t, d)
            return start._replace(t=t), 0
        if group["line_search_fn"] != "strong_wolfe":
            raise UserError(f"LBFGS: line_search_fn={group['line_search_fn']!r}: expected 'strong_wolfe' or None")
        line = Line(look, start, most, float(d.abs().max()))
        found = line.search(t)
        self._add_grad(found.t, d)
        return found, line.done + 1


OPTIMIZERS["lbfgs"] = LBFGS
