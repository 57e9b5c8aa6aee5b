"""REINFORCE and PPO: what went better than expected is done more often. · REINFORCE 与 PPO：策略梯度。

symbols  out the policy's answer   a actions   log_p_old [N] how likely they were   A [N] advantage
         R [N] = A + v what the critic should have said
"""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from ...data import sampler
from ...nn.loss import mse_loss
from ...nn.policy import clipped_surrogate, generalized_advantage, policy_gradient
from ..step import Batches, Outcome
from . import acting
from .learner import Learner, Rollout


class PolicyLoss:
    """The loss of the policy, of the critic, and how undecided it is to stay. · 策略损失、价值损失与熵。"""

    def __init__(self, options: Any):
        self.options, self.clip = options, getattr(options, "clip", None)

    def count(self, y: Any) -> int:
        return len(y[0])

    def loss(self, out: Any, y: Any) -> Tensor:
        a, log_p_old, A, R = y
        log_p = acting.log_prob(out, a)
        if self.clip is None:
            policy = policy_gradient(log_p, A)
        else:
            policy = clipped_surrogate(log_p, log_p_old, A, self.clip)
        loss = policy.mean() + self.options.value * mse_loss(out[-1], R)
        return loss - self.options.entropy * acting.entropy(out).mean() if self.options.entropy else loss


def even(A: Tensor) -> Tensor:
    """Mean 0, deviation 1: the size of the rewards does not matter. · 标准化优势。

    >>> even(torch.tensor([1.0, 3.0])).round(decimals=3)
    tensor([-0.7070,  0.7070])
    """
    return (A - A.mean()) / (A.std() + 1e-8) if len(A) > 1 else A


class PolicyLearner(Learner):
    """What both have: a rollout, and what it was worth. · 二者的共同部分。"""

    @torch.no_grad()
    def judged(self, told: Rollout, lam: float) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Rows x [M, D] and (a, log_p_old, A, R) of all steps that were made. · 各步的优势与目标。

        A truncated episode counts on with what the critic says of its last state, a terminated one with nothing.
        """
        x, a, live = told.stacked("x"), told.stacked("a"), told.stacked("live")
        T, n = live.shape
        out = self.model(x.flatten(0, 1))
        v_next = self.model(told.stacked("after").flatten(0, 1))[-1].reshape(T, n)
        v, r = out[-1].reshape(T, n), told.stacked("reward")
        alive = (~told.stacked("terminated")).to(r.dtype)
        same = (~(told.stacked("terminated") | told.stacked("truncated"))).to(r.dtype)
        A = generalized_advantage(r, v, v_next, alive, same, self.options.gamma, lam)
        log_p = acting.log_prob(out, a.flatten(0, 1))
        rows, made = (a.flatten(0, 1), log_p, A.flatten(), (A + v).flatten()), live.flatten()
        return x.flatten(0, 1)[made], tuple(row[made] for row in rows)


class PPO(PolicyLearner):
    """horizon steps of each world, looked at passes times. · 近端策略优化。

    Source: Schulman et al. 2017, arXiv:1707.06347, algorithm 1; advantages made even in each batch: Engstrom et al.
    2020, arXiv:2005.12729.
    """

    def round(self) -> Iterator[tuple[Batches, Outcome]]:
        told, o = Rollout(), self.options
        everyone = torch.ones(self.worlds.n, dtype=torch.bool)
        for _ in range(o.horizon):
            told.x.append(self.worlds.seen)
            told.a.append(self.acted())
            told.live.append(everyone)
            told.moved.append(self.moved(told.a[-1]))
        x, (a, log_p, A, R) = self.judged(told, o.lam)
        for turn in range(self.position.rounds * o.passes, (self.position.rounds + 1) * o.passes):
            for batch in range(sampler.batches(len(x), self.batch)):
                at = sampler.indices(self.seed, turn, batch, len(x), self.batch)
                yield self.update(x[at], (a[at], log_p[at], even(A[at]), R[at]))


class Reinforce(PolicyLearner):
    """One whole episode of each world makes one update. · 带基线的 REINFORCE。

    Source: Williams 1992, doi:10.1007/BF00992696; the baseline is what the critic says: Sutton & Barto 2018, §13.4.
    """

    def round(self) -> Iterator[tuple[Batches, Outcome]]:
        told = Rollout()
        live = torch.ones(self.worlds.n, dtype=torch.bool)
        while bool(live.any()):
            told.x.append(self.worlds.seen)
            told.a.append(self.acted())
            told.live.append(live)
            told.moved.append(self.moved(told.a[-1], live))
            live = live & ~told.moved[-1].over
        x, (a, log_p, A, R) = self.judged(told, 1.0)
        yield self.update(x, (a, log_p, even(A), R))
