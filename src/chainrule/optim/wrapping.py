"""Optimizers around an optimizer: Lookahead, SAM and Guard. · 包裹优化器的优化器：Lookahead、SAM 与 Guard。

All share groups and state with the one inside, so that a schedule reaches it; `step` is their own. The pure update of
the one inside is unchanged, but they cannot be compiled into a step: they remember, evaluate twice, or stop.
"""

from typing import Any, ClassVar

import torch
from torch import Tensor

from ..errors import UserError, unknown
from .card import Steps, evaluated, numbers
from .optimizer import light

NONFINITE = ("stop", "skip")


class Wrapper(torch.optim.Optimizer):
    """What they have in common. · 共有的部分。"""

    inner: torch.optim.Optimizer

    def __init__(self, optimizer: torch.optim.Optimizer):
        if not isinstance(optimizer, torch.optim.Optimizer):
            raise UserError(f"{type(self).__name__}: {optimizer!r}: expected an optimizer to wrap")
        super().__init__([θ for group in optimizer.param_groups for θ in group["params"]], optimizer.defaults)
        self.inner = optimizer
        self.param_groups, self.state = optimizer.param_groups, optimizer.state  # the very same

    @property
    def needs_closure(self) -> bool:
        """Whether a step evaluates the loss itself. · 一步是否自行计算损失。"""
        return getattr(self.inner, "needs_closure", False)

    @property
    def searches(self) -> bool:
        """Whether a step comes back from points where the loss is not finite. · 是否能从非有限点退回。"""
        return getattr(self.inner, "searches", False)

    def everything(self) -> list[Tensor]:
        return [θ for group in self.param_groups for θ in group["params"]]

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Torch's constructor calls this for its own groups; later ones go to the one inside."""
        if hasattr(self, "inner"):
            self.inner.add_param_group(param_group)
        else:
            _add_param_group(self, param_group)

    def zero_grad(self, set_to_none: bool = True) -> None:
        """As the one inside does."""
        self.inner.zero_grad(set_to_none)

    def state_dict(self) -> dict[str, Any]:
        """That of the one inside."""
        return self.inner.state_dict()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Into the one inside, which makes its groups and state anew."""
        self.inner.load_state_dict(state_dict)
        self.param_groups, self.state = self.inner.param_groups, self.inner.state


def innermost(optimizer: Any) -> Any:
    """The optimizer within all wrappers. · 最里层的优化器。

    >>> from chainrule.optim import SGD
    >>> type(innermost(SAM(Lookahead(SGD([torch.nn.Parameter(torch.zeros(1))]))))).__name__
    'SGD'
    """
    return innermost(optimizer.inner) if isinstance(optimizer, Wrapper) else optimizer


def met(θ: Tensor, φ: Tensor, alpha: float) -> tuple[Tensor, Tensor]:
    """Every k steps: the slow weights go a part of the way to the fast ones, which go on from there. · 慢权重更新。

    >>> met(torch.tensor(3.0), torch.tensor(1.0), 0.5)[1].item()
    2.0
    """
    φ = φ + alpha * (θ - φ)
    θ = φ
    return θ, φ


class Lookahead(Wrapper):
    """After k steps ahead, go back part of the way, and on from there. · 快走 k 步，再退回一部分。

    symbols  θ the fast weights   φ the slow weights   alpha share of the way that is kept
    optimizer  makes the fast steps   k  how many, at least 1   alpha  share of the way that is kept, from 0 to 1
    raises   `UserError` for another k or alpha.
    source   Zhang et al. 2019, Algorithm 1, arXiv:1907.08610

    >>> from chainrule.optim import SGD
    >>> w = torch.nn.Parameter(torch.tensor([1.0]))
    >>> made = Lookahead(SGD([w], lr=0.25), k=2, alpha=0.5)
    >>> for _ in range(2): w.grad = torch.tensor([2.0]); made.step()
    >>> w.tolist()
    [0.5]
    """

    card: ClassVar[Steps]

    def __init__(self, optimizer: torch.optim.Optimizer, k: int = 5, alpha: float = 0.5):
        if not (1 <= k < float("inf") and k == int(k)):
            raise UserError(f"Lookahead: k={k!r}: expected a whole number of at least 1")
        if not 0 <= alpha <= 1:
            raise UserError(f"Lookahead: alpha={alpha!r}: expected a number from 0 to 1")
        super().__init__(optimizer)
        self.k, self.alpha, self.ahead = k, alpha, 0
        self.slow = [θ.detach().clone() for θ in self.everything()]

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """The slow weights of a new group begin where it is."""
        super().add_param_group(param_group)
        if hasattr(self, "slow"):
            self.slow += [θ.detach().clone() for θ in self.everything()[len(self.slow) :]]

    def step(self, closure: Any = None) -> Any:  # type: ignore[override]
        """A step of the one inside; every k-th also moves the slow weights and puts the fast ones there. · 走一步。"""
        loss = self.inner.step(closure)
        self.ahead = (self.ahead + 1) % self.k
        if self.ahead == 0:
            with torch.no_grad():
                for θ, slow in zip(self.everything(), self.slow, strict=True):
                    fast, kept = met(θ, slow, self.alpha)
                    θ.copy_(fast)
                    slow.copy_(kept)
        return loss

    def state_dict(self) -> dict[str, Any]:
        """That of the one inside, with the slow weights and how far ahead the fast ones are."""
        return {**self.inner.state_dict(), "lookahead": {"ahead": self.ahead, "slow": [x.clone() for x in self.slow]}}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Raises `UserError` for a state of the one inside alone."""
        if "lookahead" not in state_dict:
            raise UserError("Lookahead: this state has no slow weights: expected one that Lookahead made")
        kept = state_dict["lookahead"]
        super().load_state_dict({key: value for key, value in state_dict.items() if key != "lookahead"})
        self.ahead = kept["ahead"]
        self.slow = [x.to(θ).clone() for x, θ in zip(kept["slow"], self.everything(), strict=True)]


def reach(θ: Tensor, g: Tensor, adaptive: bool) -> tuple[Tensor, Tensor]:
    """The direction uphill and its length, both in the units of each weight if adaptive. · 上攀方向及其长度。

    >>> ε, length = reach(torch.tensor([2.0]), torch.tensor([3.0]), True)
    >>> ε.item(), length.item()
    (12.0, 6.0)
    """
    T = θ.abs() if adaptive else torch.ones_like(θ)
    ε = T**2 * g
    length = (T * g).norm()
    return ε, length


def climbed(θ: Tensor, ε: Tensor, length: Tensor, rho: float) -> Tensor:
    """The worst point within ρ, to first order. · 半径 ρ 内一阶近似的最差点。

    >>> climbed(torch.tensor([2.0]), torch.tensor([3.0]), torch.tensor(3.0), 0.5).item()
    2.5
    """
    θ = θ + rho * ε / (length + 1e-12)
    return θ


class SAM(Wrapper):
    """Step by the gradient at the worst point nearby: towards flat minima. · 锐度感知最小化：用邻域最差点的梯度更新。

    symbols  θ each parameter   g its gradient   ε direction uphill, like θ   T the unit of each weight, like θ
             length of T g, over all parameters together   rho how far   adaptive whether the unit is |θ|
    optimizer  makes the step   rho  how far the point is, at least 0   adaptive  relative to each weight (ASAM)
    note     each evaluation of the loss becomes two, and the one inside takes its usual step by the second gradient.
             What is returned is the loss where the parameters are; L-BFGS inside, whose search needs a loss and a
             gradient that belong together, is told the loss at the worst point, and that is returned.
    raises   `UserError` for a negative rho, and for a step without a closure.
    source   Foret et al. 2021, Algorithm 1, arXiv:2010.01412; adaptive: Kwon et al. 2021, arXiv:2102.11600

    >>> from chainrule.optim import SGD
    >>> w = torch.nn.Parameter(torch.tensor([1.0]))
    >>> made = SAM(SGD([w], lr=0.25), rho=0.5)
    >>> def closure():
    ...     made.zero_grad()
    ...     loss = (w ** 2).sum()
    ...     loss.backward()
    ...     return loss.detach()
    >>> made.step(closure), w.tolist()
    (tensor(1.), [0.25])
    """

    card: ClassVar[Steps]
    needs_closure = True  # pyright: ignore[reportAssignmentType]

    def __init__(self, optimizer: torch.optim.Optimizer, rho: float = 0.05, adaptive: bool = False):
        if not 0 <= rho < float("inf"):
            raise UserError(f"SAM: rho={rho!r}: expected a number of at least 0")
        super().__init__(optimizer)
        self.rho, self.adaptive = rho, adaptive

    def step(self, closure: Any = None) -> Any:  # type: ignore[override]
        """A step of the one inside, by gradients at the worst point nearby. · 以最差点的梯度走一步。"""
        evaluate = evaluated(closure, "SAM", needed=True)
        return self.inner.step(lambda: self._worst(evaluate))

    @torch.no_grad()
    def _worst(self, evaluate: Any) -> Any:
        """Climb by ρ along the gradient, take the gradient there, come back. · 上攀、求梯度、返回。"""
        loss = evaluate()
        here = [
            (θ, θ.clone(), *reach(θ, -θ.grad if group.get("maximize") else θ.grad, self.adaptive))
            for group in self.param_groups
            for θ in group["params"]
            if θ.grad is not None
        ]
        if not here:
            raise UserError("SAM: the closure left no gradient: expected one that calls backward() on the loss")
        length = torch.stack([part for *_, part in here]).norm()
        try:
            for θ, start, ε, _ in here:
                θ.copy_(climbed(start, ε, length, self.rho))
            worst = evaluate()
        finally:  # whatever happens above, the parameters are where they were
            for θ, start, *_ in here:
                θ.copy_(start)
        return worst if getattr(self.inner, "needs_closure", False) else loss


class Guard(Wrapper):
    """Look at the gradients before each step: one that is not finite changes nothing. · 更新前检查梯度是否有限。

    optimizer  makes the step   nonfinite  "stop" raises, "skip" leaves the step out and counts it in `skipped`
    limit      so many skips in a row stop all the same
    raises   `UserError` that names the first parameter whose gradient is not finite; for another choice or limit; for
             an optimizer that evaluates the loss itself (LBFGS, SAM): guard the one inside.

    >>> from chainrule.optim import SGD
    >>> w = torch.nn.Parameter(torch.tensor([1.0]))
    >>> made = Guard(SGD([w], lr=0.25), nonfinite="skip")
    >>> for g in (2.0, float("nan")): w.grad = torch.tensor([g]); made.step()
    >>> w.tolist(), made.skipped
    ([0.5], 1)
    """

    def __init__(self, optimizer: torch.optim.Optimizer, nonfinite: str = "stop", limit: int = 10):
        if nonfinite not in NONFINITE:
            raise unknown("choice of nonfinite", nonfinite, NONFINITE)
        if not (limit >= 1 and limit == int(limit)):
            raise UserError(f"Guard: limit={limit!r}: expected a whole number of at least 1")
        super().__init__(optimizer)
        if self.needs_closure:
            raise UserError(
                f"Guard: {type(optimizer).__name__} evaluates the loss itself: expected one that takes the gradients "
                "it is given; put Guard inside SAM"
            )
        self.nonfinite, self.limit = nonfinite, limit
        self.skipped = self.in_a_row = 0

    def step(self, closure: Any = None) -> Any:  # type: ignore[override]
        """A step of the one inside, if all gradients are finite. · 梯度全部有限时才走一步。"""
        evaluate = evaluated(closure, "Guard")
        loss = evaluate() if evaluate is not None else None
        wrong = self._wrong()
        if not wrong:
            self.in_a_row = 0
            self.inner.step()
            return loss
        if self.nonfinite == "stop":
            raise UserError(f"{wrong}: nothing was changed; try a smaller lr, or nonfinite='skip'")
        if self.in_a_row + 1 >= self.limit:
            raise UserError(f"{wrong}, as in {self.in_a_row} steps before it: nothing was changed; try a smaller lr")
        self.skipped += 1
        self.in_a_row += 1
        return loss

    def _wrong(self) -> str:
        for index, θ in enumerate(self.everything()):
            if θ.grad is not None and not bool(numbers(θ.grad).isfinite().all()):
                return f"{type(self.inner).__name__}: the gradient of parameter {index} {tuple(θ.shape)} is not finite"
        return ""


_add_param_group = light("add_param_group")
Lookahead.card = Steps("Lookahead", Lookahead, (met,))
SAM.card = Steps("SAM", SAM, (reach, climbed))
