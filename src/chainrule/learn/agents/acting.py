"""How a policy acts: what it draws, how likely that was, and what it would do at its best. · 策略如何行动。

Whatever is drawn is a hash of (seed, purpose, step, world), so an agent draws the same wherever it was interrupted.

symbols  out (z [N, K], v [N]) of a discrete policy, (mean [N, A], log_std [A], v [N]) of a Gaussian one
         a [N] integers or [N, A] numbers
"""

import torch
from torch import Tensor

from ...data import sampler
from ...data.counter import key
from ...nn.normal_numbers import on_a_circle
from ...nn.policy import categorical_entropy, categorical_log_prob, gaussian_log_prob

ACT, EXPLORE, REPLAY, EPISODE, JUDGE, TEST, RANDOM = range(1, 8)  # what a number is drawn for


def uniform(purpose: int, seed: int, step: int, n: int, k: int) -> Tensor:
    """k numbers in [0, 1) for each of n worlds, float64. · 均匀随机数。

    >>> uniform(ACT, 0, 5, 3, 2).shape
    torch.Size([3, 2])
    """
    return sampler.uniform(key(purpose, seed), step, torch.arange(n), k)


def seed_of(purpose: int, seed: int, world: int, episode: int) -> int:
    """The seed of an episode, as large as any library takes. · 回合的种子。

    >>> seed_of(TEST, 0, 0, 3) < 2**31
    True
    """
    return key(EPISODE, purpose, seed, world, episode) >> 33


def draw(out: tuple[Tensor, ...], seed: int, step: int) -> Tensor:
    """An action of each world, as likely as the policy says. · 按策略抽取动作。"""
    if len(out) == 3:
        mean, log_std, _ = out
        u = uniform(ACT, seed, step, len(mean), 2 * mean.shape[1])
        normal, _ = on_a_circle(*u.chunk(2, 1))
        return mean + log_std.exp() * normal.to(mean.dtype)
    z, _ = out
    u = uniform(ACT, seed, step, len(z), 1)
    below = z.double().softmax(1).cumsum(1) <= u
    return below.sum(1).clamp(max=z.shape[1] - 1)


def best(out: tuple[Tensor, ...] | Tensor) -> Tensor:
    """What the policy holds best: no chance in it. · 确定性动作。

    >>> best((torch.tensor([[0.1, 0.7]]), torch.zeros(1)))
    tensor([1])
    """
    if isinstance(out, Tensor):
        return out.argmax(1)
    return out[0].argmax(1) if len(out) == 2 else out[0]


def log_prob(out: tuple[Tensor, ...], a: Tensor) -> Tensor:
    """How likely the actions are, [N]. · 动作的对数概率。"""
    return categorical_log_prob(out[0], a) if len(out) == 2 else gaussian_log_prob(out[0], out[1], a)


def entropy(out: tuple[Tensor, ...]) -> Tensor:
    """How undecided the policy is, [N]; a Gaussian one by what its deviation adds. · 策略的熵。"""
    return categorical_entropy(out[0]) if len(out) == 2 else out[1].sum().expand(len(out[0]))
