"""How far to go along a direction: the strong Wolfe conditions. · 线搜索：强 Wolfe 条件。"""

from collections.abc import Callable
from math import isfinite, sqrt
from typing import NamedTuple

from torch import Tensor


class Point(NamedTuple):
    """A place on a line: how far, the value there, its gradient, its slope along the line. · 线上一点。"""

    t: float
    f: float
    g: Tensor
    slope: float

    @property
    def finite(self) -> bool:
        return isfinite(self.f) and isfinite(self.slope)


def cubic_minimum(a: Point, b: Point, low: float, high: float) -> float:
    """Where the cubic through two points with their slopes is least, between low and high. · 三次插值极小点。

    source  Nocedal & Wright 2006, equation 3.59

    >>> import torch
    >>> g = torch.zeros(1)
    >>> cubic_minimum(Point(0.0, 1.0, g, -2.0), Point(3.0, 4.0, g, 4.0), 0.0, 3.0)  # (t − 1)²
    1.0
    """
    d1 = a.slope + b.slope - 3 * (a.f - b.f) / (a.t - b.t)
    square = d1**2 - a.slope * b.slope
    if not 0 <= square < float("inf"):
        return (low + high) / 2
    d2 = sqrt(square)
    a, b = (a, b) if a.t <= b.t else (b, a)
    bend = b.slope - a.slope + 2 * d2
    if not bend:  # a straight line: the losses differ by less than a float can tell
        return (low + high) / 2
    best = b.t - (b.t - a.t) * (b.slope + d2 - d1) / bend
    return min(max(best, low), high)


class Line:
    """The search for a step that satisfies the strong Wolfe conditions. · 强 Wolfe 条件的线搜索。

    evaluate  t → Point   start  the point at t = 0   most  evaluations after the first
    width     largest element of the direction: a bracket narrower than `tolerance` in every weight ends the search
    A point where the loss or its slope is not finite counts as too high: the search comes back from it.
    source    Nocedal & Wright 2006, algorithms 3.5 and 3.6; torch's (from minFunc) with c1 = 1e-4, c2 = 0.9
    """

    c1, c2, tolerance = 1e-4, 0.9, 1e-9

    def __init__(self, evaluate: Callable[[float], Point], start: Point, most: int, width: float):
        self.evaluate, self.start, self.most, self.width = evaluate, start, most, width
        self.done = 0

    def too_high(self, p: Point) -> bool:
        return not p.finite or p.f > self.start.f + self.c1 * p.t * self.start.slope

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
        return now if now.finite and now.f < self.start.f else self.start

    def zoom(self, a: Point, b: Point) -> Point:
        """Narrow a bracket down to a point that satisfies both conditions. · 缩小区间。"""
        low, high = (b, a) if b.finite and b.f < a.f else (a, b)
        stuck = False
        while self.done < self.most and abs(high.t - low.t) * self.width >= self.tolerance:
            t, stuck = self.between(low, high, stuck)
            now = self.evaluate(t)
            self.done += 1
            if self.too_high(now) or now.f >= low.f:
                low, high = (now, low) if now.finite and now.f < low.f else (low, now)
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
