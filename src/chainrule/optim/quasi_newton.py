"""L-BFGS: Newton's direction from the last few steps, no Hessian. · L-BFGS：由最近几步近似牛顿方向，无需海森矩阵。"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from math import isfinite, sqrt
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor

from ..errors import UserError
from ..gear import current
from .card import Steps, check, evaluated, real
from .optimizer import light
from .rule import OPTIMIZERS

PAIRS = ("old_stps", "old_dirs", "ro")  # torch's names of s, y, ρ in its state


def pair(d: Tensor, g: Tensor, g_prev: Tensor, t: float) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """What one step teaches: how far it went, how the gradient changed, and the bend between them. · 一步所得的曲率。

    d  direction, g  gradient behind the step, g_prev  before it, each [n]   t  how far along d
    source  Nocedal & Wright 2006, equations 7.17 to 7.20, doi:10.1007/978-0-387-40065-5

    >>> s, y, ρ, γ = pair(torch.tensor([2.0]), torch.tensor([3.0]), torch.tensor([-1.0]), 0.5)
    >>> s.item(), y.item(), ρ.item(), γ.item()
    (1.0, 4.0, 0.25, 0.25)
    """
    s = t * d
    y = g - g_prev
    ρ = 1 / y.dot(s)
    γ = y.dot(s) / y.dot(y)
    return s, y, ρ, γ


def moved(θ: Tensor, d: Tensor, t: float) -> Tensor:
    """The point t along the direction d. · 沿方向 d 走 t 后的点。

    >>> moved(torch.tensor([1.0]), torch.tensor([-2.0]), 0.25).item()
    0.5
    """
    θ = θ + t * d
    return θ


def two_loop(g: Tensor, s: Sequence[Tensor], y: Sequence[Tensor], ρ: Sequence[Any], γ: Any) -> Tensor:
    """The direction −H g, where H is made of the pairs (s, y) and never written down. · 双循环递推求方向。

    g  gradient [n]   s  steps, y  changes of the gradient, oldest first, each [n]
    ρ  1/(yᵀs) of each pair   γ  H before the first pair
    source  Nocedal & Wright 2006, algorithm 7.4, doi:10.1007/978-0-387-40065-5

    >>> s, y = torch.tensor([1.0, 0.0]), torch.tensor([4.0, 0.0])
    >>> two_loop(torch.tensor([4.0, 1.0]), [s], [y], [0.25], 1.0).tolist()
    [-1.0, -1.0]
    """
    α = {}
    d = -g
    for i in reversed(range(len(s))):
        α[i] = ρ[i] * s[i].dot(d)
        d = d - α[i] * y[i]
    d = γ * d
    for i in range(len(s)):
        β = ρ[i] * y[i].dot(d)
        d = d + (α[i] - β) * s[i]
    return d


def two_loop_(g: Tensor, s: Sequence[Tensor], y: Sequence[Tensor], ρ: Sequence[Any], γ: Any) -> Tensor:
    """The twin of `two_loop`: the same in place, in half of the passes over memory. · 双循环递推的就地形式。

    >>> s, y = torch.tensor([1.0, 0.0]), torch.tensor([4.0, 0.0])
    >>> two_loop_(torch.tensor([4.0, 1.0]), [s], [y], [0.25], 1.0).tolist()
    [-1.0, -1.0]
    """
    α = {}
    d = g.neg()
    for i in reversed(range(len(s))):
        α[i] = float(ρ[i] * s[i].dot(d))
        d.add_(y[i], alpha=-α[i])
    d.mul_(γ)
    for i in range(len(s)):
        d.add_(s[i], alpha=α[i] - float(ρ[i] * y[i].dot(d)))
    return d


def value_of(loss: Any) -> float:
    """What a closure returned, as a number. Raises `UserError` for what is none. · 闭包返回值。

    >>> value_of(torch.ones((), requires_grad=True)), value_of(2)
    (1.0, 2.0)
    """
    try:
        return float(loss.detach() if isinstance(loss, Tensor) else loss)
    except (TypeError, ValueError, RuntimeError):
        raise UserError(f"LBFGS: the closure returned {type(loss).__name__}: expected the loss, one number") from None


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
    best = b.t - (b.t - a.t) * (b.slope + d2 - d1) / (b.slope - a.slope + 2 * d2)
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


class LBFGS(torch.optim.LBFGS):
    """Quasi-Newton steps over the whole data, by a closure that is evaluated several times. · 有限内存拟牛顿法。

    symbols  θ all parameters as one vector [n]   g gradient [n]   g_prev the gradient one step ago   d direction [n]
             t how far along d: lr, or by the search   s steps: the last history_size ones, oldest first
             y changes of the gradient along s   ρ 1/(yᵀs) of each pair   γ H before the first pair
    note     errata E45: quasi-Newton, no Hessian is formed. E46: its memory is 2·history_size times the parameters,
             where BFGS takes their square; what limits it is noise: give it the whole data, and the line search.
             Where the closure raises, parameters and state are as they were before the step.
    raises   `UserError` for a step without a closure, NaN and a wrong option; ValueError for a negative rate or
             several groups, as torch.
    source   Liu & Nocedal 1989, doi:10.1007/BF01589116; Nocedal & Wright 2006, chapters 3 and 7

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

    card: ClassVar[Steps]
    needs_closure = True

    zero_grad = light("zero_grad")
    state_dict = light("state_dict")
    load_state_dict = light("load_state_dict")

    @property
    def searches(self) -> bool:
        """Whether a step comes back from points where the loss is not finite. · 是否能从非有限点退回。"""
        return self.param_groups[0]["line_search_fn"] is not None

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Torch's, and every option is checked as the other optimizers' are."""
        if isinstance(param_group, dict):
            check({**self.defaults, **param_group}, type(self).__name__)
        _add_param_group(self, param_group)

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        """Up to `max_iter` iterations; returns the closure's first loss. · 至多 max_iter 次迭代。"""
        evaluate = evaluated(closure, "LBFGS", needed=True)
        with self._undone_by_an_error():
            return self._iterate(evaluate)

    @contextmanager
    def _undone_by_an_error(self) -> Iterator[None]:
        """What the state holds is never written in place, so that a shallow copy of it is enough."""
        state, here = dict(self.state[self._params[0]]), self._flat()
        try:
            yield
        except BaseException:
            self._place(here)
            self.state[self._params[0]] = state
            raise

    def _iterate(self, closure: Any) -> Any:
        group, state = self.param_groups[0], self.state[self._params[0]]
        first = closure()
        state.setdefault("func_evals", 0)
        state.setdefault("n_iter", 0)
        state["func_evals"] += 1
        f, g, evals = value_of(first), self._gather_flat_grad(), 1
        if g.abs().max() <= group["tolerance_grad"]:
            return first
        for iteration in range(1, group["max_iter"] + 1):
            state["n_iter"] += 1
            f_before = f
            self._remember(state, g, group["history_size"])
            direction = two_loop_ if current() in ("auto", "twin") else two_loop
            d = state["d"] = direction(g, *(state[name] for name in PAIRS), state["H_diag"])
            state["prev_flat_grad"], state["prev_loss"] = g.clone(), f
            t = float(group["lr"]) * (min(1.0, 1 / float(g.abs().sum())) if state["n_iter"] == 1 else 1)
            state["t"], slope = t, float(g.dot(d))
            if slope > -group["tolerance_change"]:
                break
            last = iteration == group["max_iter"]
            found, tried = self._move(closure, Point(0.0, f, g, slope), d, group["max_eval"] - evals, last)
            state["t"], f, g = found.t, found.f, found.g
            evals += tried
            state["func_evals"] += tried
            if last or evals >= group["max_eval"] or g.abs().max() <= group["tolerance_grad"]:
                break
            small = group["tolerance_change"]
            if (d * found.t).abs().max() <= small or abs(f - f_before) < small:
                break
        return first

    def _remember(self, state: dict[str, Any], g: Tensor, most: int) -> None:
        """Take up the last step and the change of the gradient along it, where that bends upwards."""
        if state["n_iter"] == 1:
            state.update(old_dirs=[], old_stps=[], ro=[], H_diag=1)
            return
        s, y, ρ, γ = pair(state["d"], g, state["prev_flat_grad"], state["t"])
        if y.dot(s) <= 1e-10:
            return
        for name, value in zip(PAIRS, (s, y, ρ), strict=True):
            state[name] = [*state[name], value][-most:]
        state["H_diag"] = γ

    def _move(self, closure: Any, start: Point, d: Tensor, most: int, last: bool) -> tuple[Point, int]:
        """Go along d: where the line search says, or by the rate. Also how often the closure was evaluated."""
        here, t = self._flat(), self.state[self._params[0]]["t"]

        def look(t: float) -> Point:
            self._place(moved(here, d, t))
            f, g = value_of(closure()), self._gather_flat_grad()
            return Point(t, f, g, float(g.dot(d)))

        if self.param_groups[0]["line_search_fn"] is None:
            if not last:  # at the end the next step evaluates anyway
                return look(t), 1
            self._place(moved(here, d, t))
            return start._replace(t=t), 0
        line = Line(look, start, most, float(d.abs().max()))
        found = line.search(t)
        self._place(moved(here, d, found.t) if found.t else here)
        return found, line.done + 1

    def _flat(self) -> Tensor:
        """All parameters as one vector, in torch's order. · 全部参数拼成一个向量。"""
        return torch.cat([real(θ).reshape(-1) for θ in self._params])

    def _gather_flat_grad(self) -> Tensor:
        """Torch's, for gradients in any memory order too. · 全部梯度拼成一个向量。"""
        grads = [torch.zeros_like(θ) if θ.grad is None else θ.grad for θ in self._params]
        return torch.cat([real(g.to_dense() if g.is_sparse else g).reshape(-1) for g in grads])

    def _place(self, flat: Tensor) -> None:
        """A vector back into the parameters. · 由向量写回参数。"""
        θs = [real(θ) for θ in self._params]
        parts = [part.view(θ.shape) for part, θ in zip(flat.split([θ.numel() for θ in θs]), θs, strict=True)]
        torch._foreach_copy_(θs, parts)  # pyright: ignore[reportPrivateImportUsage]


_add_param_group = light("add_param_group")
OPTIMIZERS["lbfgs"] = LBFGS
LBFGS.card = Steps("LBFGS", LBFGS, (pair, two_loop, moved), torch.optim.LBFGS)
