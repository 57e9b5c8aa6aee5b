r"""Losses of agents: what is done more often, and what an action is worth · 策略与价值的损失

symbols  z [N, K] logits of K actions   a [N] integers: the actions taken (of a Gaussian policy [N, D] numbers)
         log_p [N] log-probability of the actions now   log_p_old [N] the same when they were taken
         mean [N, D]   log_std [D] of a Gaussian policy   A [N] advantage: how much better than expected it went
         q [N, K] action values   y [N] what q should be
         r, v, v_next [T, N] reward, value of the state and of the state after   alive, same [T, N] 1 or 0, see below
         out [N], the advantages [T, N]
note     A, log_p_old and y are constants of the collected steps: no delta goes there
note     alive is 0 where an episode terminated: nothing comes after. same is 0 where it ended in any way: the next row
         is another episode. A truncated episode keeps alive = 1: its last state is worth what the critic says
"""

import math

import torch
import torch.nn.functional as F

from ..formula import R, formula
from .piecewise import at


def hot(a, z):
    """1 at the action that was taken, 0 at the others. · 独热编码。"""
    return (torch.arange(z.shape[1], device=z.device) == a[:, None]).to(z.dtype)


def chosen(x, a):
    """Of each row the entry of its action. · 每行取所选动作的一项。"""
    return (hot(a, x) * x).sum(1)


def categorical_whole(z, a):
    return -F.cross_entropy(z, a, reduction="none")


@formula(
    twin=categorical_whole,
    autocast="fp32",
    batch=("z", "a"),
    source="Bridle 1990, doi:10.1007/978-3-642-76153-9_28; as a policy: Williams 1992, doi:10.1007/BF00992696, §5",
)
def categorical_log_prob(z, a):
    """Log-probability of the action, one out of K. · 离散动作的对数概率。

    >>> categorical_log_prob(torch.zeros(1, 2), torch.tensor([1]))
    tensor([-0.6931])
    """
    u = z - z.amax(1, keepdim=True)
    return chosen(u, a) - u.exp().sum(1).log()


@categorical_log_prob.backward("z")
def _(δ, z, a):
    """What was done is lifted, all is lowered by its share. · 所做的动作升高，其余按份额降低。"""
    return δ[:, None] * (hot(a, z) - z.softmax(1))


@categorical_log_prob.samples
def _():
    yield R(4, 3), torch.tensor([0, 2, 1, 1])


def entropy_whole(z):
    return torch.special.entr(z.softmax(1)).sum(1)


@formula(twin=entropy_whole, autocast="fp32", source="Shannon 1948, doi:10.1002/j.1538-7305.1948.tb01338.x, §6")
def categorical_entropy(z):
    """How undecided a policy is. · 离散策略的熵。

    >>> categorical_entropy(torch.zeros(1, 2))
    tensor([0.6931])
    """
    log_p = z.log_softmax(1)
    return -(log_p.exp() * log_p).sum(1)


@categorical_entropy.backward("z")
def _(δ, z, out):
    log_p = z.log_softmax(1)
    return -δ[:, None] * log_p.exp() * (log_p + out[:, None])


@categorical_entropy.samples
def _():
    yield (R(4, 3),)


def gaussian_whole(mean, log_std, a):
    var = (2 * log_std).exp().expand_as(mean)
    return -F.gaussian_nll_loss(mean, a, var, full=True, eps=1e-30, reduction="none").sum(1)


@formula(
    twin=gaussian_whole,
    autocast="fp32",
    batch=("mean", "a"),
    source="Williams 1992, doi:10.1007/BF00992696, §6",
)
def gaussian_log_prob(mean, log_std, a):
    """Log-density of the action under independent normal ones. · 连续动作（独立高斯）的对数密度。

    >>> gaussian_log_prob(torch.zeros(1, 1), torch.zeros(1), torch.zeros(1, 1))
    tensor([-0.9189])
    """
    e = (a - mean) / log_std.exp()
    return -(e**2 / 2 + log_std + math.log(2 * math.pi) / 2).sum(1)


@gaussian_log_prob.backward("mean")
def _(δ, mean, log_std, a):
    return δ[:, None] * (a - mean) / (2 * log_std).exp()


@gaussian_log_prob.backward("log_std")
def _(δ, mean, log_std, a):
    """A surprise widens, what was expected narrows. · 意外使方差变大，意料之中使之变小。"""
    e = (a - mean) / log_std.exp()
    return (δ[:, None] * (e**2 - 1)).sum(0)


@gaussian_log_prob.samples
def _():
    yield R(4, 3), R(3), R(4, 3).detach()


@formula(
    twin=lambda log_p, A: -(log_p * A),
    autocast="fp32",
    batch=("log_p", "A"),
    source="Williams 1992, doi:10.1007/BF00992696, eq. 11; Sutton & Barto 2018, §13.4",
)
def policy_gradient(log_p, A):
    """Do more of what went better than expected: REINFORCE with a baseline. · 带基线的 REINFORCE 损失。

    >>> policy_gradient(torch.tensor([-0.5]), torch.tensor([2.0]))
    tensor([1.])
    """
    return -A * log_p


@policy_gradient.backward("log_p")
def _(δ, A):
    return -δ * A


@policy_gradient.samples
def _():
    yield R(4), R(4).detach()


def surrogate_whole(log_p, log_p_old, A, eps):
    ratio = (log_p - log_p_old).exp()
    return torch.maximum(-A * ratio, -A * ratio.clamp(1 - eps, 1 + eps))


@formula(
    twin=surrogate_whole,
    autocast="fp32",
    batch=("log_p", "log_p_old", "A"),
    source="Schulman et al. 2017, arXiv:1707.06347, eq. 7",
)
def clipped_surrogate(log_p, log_p_old, A, eps):
    """The same for steps taken by an older policy, with no gain beyond 1 ± ε: PPO. · PPO 的裁剪目标。

    >>> clipped_surrogate(torch.tensor([0.5]), torch.tensor([0.0]), torch.tensor([1.0]), 0.2)
    tensor([-1.2000])
    """
    ρ = (log_p - log_p_old).exp()
    return -torch.minimum(ρ * A, ρ.clamp(1 - eps, 1 + eps) * A)


@clipped_surrogate.backward("log_p")
def _(δ, log_p, log_p_old, A, eps):
    """Nothing where the policy has moved far enough already, in the direction that A asks for. · 已走够则为零。"""
    ρ = (log_p - log_p_old).exp()
    free, held = ρ * A, ρ.clamp(1 - eps, 1 + eps) * A
    return -δ * torch.where(free <= held, free, 0)


@clipped_surrogate.samples
def _():
    old, better = at(-0.4, -1.1, -0.7, -2.0, -0.9, -0.3).detach(), at(1.5, 0.7, 0.4, -1.2, -0.8, -0.3).detach()
    yield (old + at(0.5, 0.1, -0.6, 0.6, -0.1, -0.7)).detach().requires_grad_(), old, better, 0.2


def td_whole(q, a, y, delta=1.0):
    return F.huber_loss(q.gather(1, a[:, None])[:, 0], y, reduction="none", delta=delta)


@formula(
    twin=td_whole,
    autocast="fp32",
    batch=("q", "a", "y"),
    source="Mnih et al. 2015, doi:10.1038/nature14236, methods; Huber 1964, doi:10.1214/aoms/1177703732",
)
def td_loss(q, a, y, delta=1.0):
    """Huber's loss of the value of the action that was taken: DQN. · 所选动作价值的 Huber 时序差分损失。

    >>> td_loss(torch.tensor([[1.0, 5.0]]), torch.tensor([1]), torch.tensor([2.0]))
    tensor([2.5000])
    """
    e = (chosen(q, a) - y).abs()
    return torch.where(e < delta, e**2 / 2, delta * (e - delta / 2))


@td_loss.backward("q")
def _(δ, q, a, y, delta):
    e = chosen(q, a) - y
    return (δ * e.clamp(-delta, delta))[:, None] * hot(a, q)


@td_loss.samples
def _():
    a, far = torch.tensor([0, 2, 1, 1]), at(0.3, -0.4, 1.9, -2.6).detach()
    q = R(4, 3)
    yield q, a, (chosen(q, a) + far).detach(), 1.0
    yield q, a, (chosen(q, a) + far).detach(), 0.35


@formula(
    batch=(), autocast="fp32", source="Schulman et al. 2016, arXiv:1506.02438, eq. 16; truncation: Pardo et al. 2018"
)
def generalized_advantage(r, v, v_next, alive, same, gamma, lambd):
    """How much better than expected things went, surprises further off counting less: GAE. · 广义优势估计。

    Pardo et al. 2018 is arXiv:1712.00378, section 2.2. λ = 1 gives the whole return minus v, λ = 0 the next surprise.

    >>> one = torch.ones(2, 1)
    >>> generalized_advantage(one, 0 * one, 0 * one, one, one, 0.5, 1.0)[:, 0]
    tensor([1.5000, 1.0000])
    """
    e = r + gamma * alive * v_next - v
    A, out = torch.zeros_like(e[0]), []
    for t in reversed(range(len(e))):
        A = e[t] + gamma * lambd * same[t] * A
        out.append(A)
    return torch.stack(out).flip(0)


def onwards(δ, same, gamma, lambd):
    """What each surprise gets from all advantages before it in its episode. · 每个误差从此前各优势收到的量。"""
    come, out = 0, []
    for t in range(len(δ)):
        come = δ[t] + come
        out.append(come)
        come = gamma * lambd * same[t] * come
    return torch.stack(out)


@generalized_advantage.backward("r", "v", "v_next")
def _(δ, alive, same, gamma, lambd):
    δe = onwards(δ, same, gamma, lambd)
    return δe, -δe, gamma * alive * δe


@generalized_advantage.samples
def _():
    alive = torch.tensor([[1, 1], [0, 1], [1, 1], [1, 0.0]], dtype=torch.float64)
    same = torch.tensor([[1, 1], [0, 0], [1, 1], [1, 0.0]], dtype=torch.float64)
    yield R(4, 2), R(4, 2), R(4, 2), alive, same, 0.9, 0.7
    yield R(2, 1), R(2, 1), R(2, 1), torch.ones(2, 1), torch.ones(2, 1), 1.0, 0.5
