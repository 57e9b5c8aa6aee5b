"""L-BFGS: Newton's direction from the last few steps, no Hessian. · L-BFGS：由最近几步近似牛顿方向，无需海森矩阵。"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar

import torch
from torch import Tensor

from ..errors import UserError
from ..gear import current
from .card import Steps, check, evaluated, real
from .line_search import Line, Point
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
    κ = y.dot(s)
    ρ = 1 / κ
    γ = κ / y.dot(y)
    return s, y, ρ, γ


def moved(θ: Tensor, d: Tensor, t: float) -> Tensor:
    """The point t along the direction d. · 沿方向 d 走 t 后的点。

    >>> moved(torch.tensor([1.0]), torch.tensor([-2.0]), 0.25).item()
    0.5
    """
    θ = θ + t * d
    return θ


def moved_(θ: Tensor, d: Tensor, t: float) -> Tensor:
    """The twin of `moved`, in one pass over memory. · 单次遍历的同一运算。

    >>> moved_(torch.tensor([1.0]), torch.tensor([-2.0]), 0.25).item()
    0.5
    """
    return torch.add(θ, d, alpha=t)


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


def in_place() -> bool:
    """Whether the twins run and not the text. · 是否用就地形式。

    >>> in_place()
    True
    """
    return current() in ("auto", "twin")


def value_of(loss: Any) -> float:
    """What a closure returned, as a number. Raises `UserError` for what is none. · 闭包返回值。

    >>> value_of(torch.ones((), requires_grad=True)), value_of(2)
    (1.0, 2.0)
    """
    try:
        return float(loss.detach() if isinstance(loss, Tensor) else loss)
    except (TypeError, ValueError, RuntimeError):
        raise UserError(f"LBFGS: the closure returned {type(loss).__name__}: expected the loss, one number") from None


class LBFGS(torch.optim.LBFGS):
    """Quasi-Newton steps over the whole data, by a closure that is evaluated several times. · 有限内存拟牛顿法。

    symbols  θ all parameters as one vector [n]   g gradient [n]   g_prev the gradient one step ago   d direction [n]
             t how far along d: lr, or by the search   s steps: the last history_size ones, oldest first
             y changes of the gradient along s   κ the bend yᵀs   ρ 1/κ of each pair   γ H before the first pair
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
    _here: Tensor | None = None  # the parameters before a step, while one could come back to them

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
        """What the state holds is never written in place, so that a shallow copy of it is enough; of the parameters
        `_move` keeps a copy before it leaves a place from which a closure could raise."""
        state, self._here = dict(self.state[self._params[0]]), None
        try:
            yield
        except BaseException:
            if self._here is not None:
                self._place(self._here)
            self.state[self._params[0]] = state
            raise
        finally:
            self._here = None

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
            d = state["d"] = (two_loop_ if in_place() else two_loop)(
                g, *(state[name] for name in PAIRS), state["H_diag"]
            )
            state["prev_flat_grad"], state["prev_loss"] = g, f
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
        if not 0 < ρ < 1e10:
            return
        for name, value in zip(PAIRS, (s, y, ρ), strict=True):
            state[name] = [*state[name], value][-most:]
        state["H_diag"] = γ

    def _move(self, closure: Any, start: Point, d: Tensor, most: int, last: bool) -> tuple[Point, int]:
        """Go along d: where the line search says, or by the rate. Also how often the closure was evaluated."""
        t, search = self.state[self._params[0]]["t"], self.param_groups[0]["line_search_fn"] is not None
        if last and not search:  # the next step evaluates anyway
            self._go(d, t)
            return start._replace(t=t), 0
        here = self._flat()
        self._here = here if self._here is None else self._here
        go = moved_ if in_place() else moved

        def look(t: float) -> Point:
            self._place(go(here, d, t))
            f, g = value_of(closure()), self._gather_flat_grad()
            return Point(t, f, g, float(g.dot(d)))

        if not search:
            return look(t), 1
        line = Line(look, start, most, float(d.abs().max()))
        found = line.search(t)
        self._place(go(here, d, found.t) if found.t else here)
        return found, line.done + 1

    def _go(self, d: Tensor, t: float) -> None:
        """The point t along d, where nothing has to come back from it. · 就地前进。"""
        if not in_place():
            self._place(moved(self._flat(), d, t))
            return
        θs, parts = self._parts(d)
        torch._foreach_add_(θs, parts, alpha=t)  # pyright: ignore[reportPrivateImportUsage]

    def _flat(self) -> Tensor:
        """All parameters as one vector, in torch's order. · 全部参数拼成一个向量。"""
        return torch.cat([real(θ).reshape(-1) for θ in self._params])

    def _gather_flat_grad(self) -> Tensor:
        """Torch's, for gradients in any memory order too. · 全部梯度拼成一个向量。"""
        grads = [torch.zeros_like(θ) if θ.grad is None else θ.grad for θ in self._params]
        return torch.cat([real(g.to_dense() if g.is_sparse else g).reshape(-1) for g in grads])

    def _place(self, flat: Tensor) -> None:
        """A vector back into the parameters. · 由向量写回参数。"""
        torch._foreach_copy_(*self._parts(flat))  # pyright: ignore[reportPrivateImportUsage]

    def _parts(self, flat: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """The parameters, and the part of a vector that is each one's. · 各参数及其在向量中的部分。"""
        θs = [real(θ) for θ in self._params]
        return θs, [part.view(θ.shape) for part, θ in zip(flat.split([θ.numel() for θ in θs]), θs, strict=True)]


_add_param_group = light("add_param_group")
OPTIMIZERS["lbfgs"] = LBFGS
LBFGS.card = Steps("LBFGS", LBFGS, (pair, two_loop, moved), torch.optim.LBFGS)
