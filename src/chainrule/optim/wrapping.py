"""Optimizers around an optimizer: Lookahead and SAM. · 包裹优化器的优化器：Lookahead 与 SAM。

Both share groups and state with the one inside, so that a schedule reaches it; `step` is their own. The pure update of
the one inside is unchanged, but the two cannot be compiled into a step: they remember, or evaluate twice.
"""

from typing import Any

import torch
from torch import Tensor

from ..errors import UserError


class Wrapper(torch.optim.Optimizer):
    """What the two have in common. · 两者共有的部分。"""

    def __init__(self, optimizer: torch.optim.Optimizer):
        if not isinstance(optimizer, torch.optim.Optimizer):
            raise UserError(f"{type(self).__name__}: {optimizer!r}: expected an optimizer to wrap")
        super().__init__([θ for group in optimizer.param_groups for θ in group["params"]], optimizer.defaults)
        self.inner = optimizer
        self.param_groups, self.state = optimizer.param_groups, optimizer.state  # the very same

    def everything(self) -> list[Tensor]:
        return [θ for group in self.param_groups for θ in group["params"]]

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Torch's constructor calls this for its own groups; later ones go to the one inside."""
        getattr(self, "inner", super()).add_param_group(param_group)

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


class Lookahead(Wrapper):
    """After k steps ahead, go back part of the way, and on from there. · 快走 k 步，再退回一部分。

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

    def __init__(self, optimizer: torch.optim.Optimizer, k: int = 5, alpha: float = 0.5):
        if not (k >= 1 and k == int(k)):
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
                    slow.add_(self.alpha * (θ - slow))
                    θ.copy_(slow)
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


class SAM(Wrapper):
    """Step by the gradient at the worst point nearby: towards flat minima. · 锐度感知最小化：用邻域最差点的梯度更新。

    optimizer  makes the step   rho  how far the point is, at least 0   adaptive  relative to each weight (ASAM)
    note     each step evaluates the closure twice; what is returned is the loss where the parameters are.
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

    def __init__(self, optimizer: torch.optim.Optimizer, rho: float = 0.05, adaptive: bool = False):
        if not rho >= 0:
            raise UserError(f"SAM: rho={rho!r}: expected a number of at least 0")
        super().__init__(optimizer)
        self.rho, self.adaptive = rho, adaptive

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:  # type: ignore[override]
        """Climb by ρ along the gradient, take the gradient there, come back, step. · 上攀、求梯度、返回、更新。"""
        if closure is None:
            raise UserError("SAM: step() without a closure: expected a function that computes the loss and gradients")
        evaluate = torch.enable_grad()(closure)
        loss = evaluate()
        here = [(θ, θ.clone(), θ.grad) for θ in self.everything() if θ.grad is not None]
        climbs = [θ.abs() ** 2 * g if self.adaptive else g for θ, _, g in here]
        lengths = [(θ.abs() * g if self.adaptive else g).norm() for θ, _, g in here]
        if lengths:
            scale = self.rho / (torch.stack(lengths).norm() + 1e-12)
            for (θ, _, _), climb in zip(here, climbs, strict=True):
                θ.add_(scale * climb)
            try:
                evaluate()
            finally:  # whatever happens above, the parameters are where they were
                for θ, start, _ in here:
                    θ.copy_(start)
        self.inner.step()
        return loss
