r"""Gated recurrent unit · 门控循环单元

symbols  x [T, N, I]   h [N, H]   out [T, N, H]   weight_ih [3H, I]   weight_hh [3H, H]   bias_ih, bias_hh [3H]
         h1 [N, H]: the state at the end   lengths [N]: where each sample ends
         gates r (reset), z (update), n (candidate), in torch's order
note     the reset gate works behind the product, n = tanh(p_n + r ⊙ q_n), as in torch (Cho et al. have it in front)
"""

import torch

from ..formula import R, formula
from .opaque_recurrence import Opaque, sequence_of_torch
from .recurrence import affine, alive, before, hide, keep, sums


def gru_gates(p, q):
    """Reset, update and candidate of what comes from x (p) and from h (q), and q's part of the candidate."""
    (p_r, p_z, p_n), (q_r, q_z, q_n) = p.chunk(3, -1), q.chunk(3, -1)
    r = (p_r + q_r).sigmoid()
    return r, (p_z + q_z).sigmoid(), (p_n + r * q_n).tanh(), q_n


def gru_slopes(r, z, n, q_n, h):
    """What the delta of the new state does to candidate, update and reset. · 新状态的 δ 对各门的作用。"""
    a_n = (1 - z) * (1 - n**2)
    return a_n * q_n * r * (1 - r), (h - n) * z * (1 - z), a_n


@formula(
    twin=torch.gru_cell,
    outputs=("h1",),
    batch=("x", "h"),
    source="Cho et al. 2014, arXiv:1406.1078, section 2.3, with torch's place of the reset gate",
)
def gru_cell(x, h, weight_ih, weight_hh, bias_ih=None, bias_hh=None):
    """One step of a GRU: a mean of the old state and the candidate. · GRU 的一步：旧状态与候选的加权平均。

    >>> gru_cell(*[torch.zeros(2, 3)] * 2, *[torch.zeros(9, 3)] * 2).shape
    torch.Size([2, 3])
    """
    _, z, n, _ = gru_gates(affine(x, weight_ih, bias_ih), affine(h, weight_hh, bias_hh))
    return (1 - z) * n + z * h


@gru_cell.backward("x", "h", "weight_ih", "weight_hh", "bias_ih", "bias_hh")
def _(δ, x, h, weight_ih, weight_hh, bias_ih, bias_hh):
    r, z, n, q_n = gru_gates(affine(x, weight_ih, bias_ih), affine(h, weight_hh, bias_hh))
    a_r, a_z, a_n = gru_slopes(r, z, n, q_n, h)
    δp = torch.cat([δ * a_r, δ * a_z, δ * a_n], 1)
    δq = torch.cat([δ * a_r, δ * a_z, δ * a_n * r], 1)
    δx, δweight_ih, δbias_ih = sums(δp, x, weight_ih, bias_ih)
    δh, δweight_hh, δbias_hh = sums(δq, h, weight_hh, bias_hh)
    return δx, δh + δ * z, δweight_ih, δweight_hh, δbias_ih, δbias_hh


@gru_cell.samples
def _():
    yield R(3, 2), R(3, 4), R(12, 2), R(12, 4), R(12), R(12)
    yield R(2, 2), R(2, 1), R(3, 2), R(3, 1), None, None


def gru_of_torch(x, h, weight_ih, weight_hh, bias_ih=None, bias_hh=None, lengths=None):
    return sequence_of_torch(torch.gru, x, (h,), (weight_ih, weight_hh, bias_ih, bias_hh), lengths)


@formula(
    twin=gru_of_torch,
    outputs=("out", "h1"),
    autocast="low",
    batch=(),
    source="Cho et al. 2014, arXiv:1406.1078, section 2.3; through time: Werbos 1990, doi:10.1109/5.58337",
)
def gru(x, h, weight_ih, weight_hh, bias_ih=None, bias_hh=None, lengths=None):
    """A GRU over a whole sequence. · 整条序列上的 GRU。

    >>> out, h = gru(torch.zeros(5, 2, 3), torch.zeros(2, 4), torch.zeros(12, 3), torch.zeros(12, 4))
    >>> out.shape, h.shape
    (torch.Size([5, 2, 4]), torch.Size([2, 4]))
    """
    p, on, out = affine(x, weight_ih, bias_ih), alive(lengths, x), []
    for t in range(len(p)):
        _, z, n, _ = gru_gates(p[t], affine(h, weight_hh, bias_hh))
        h = keep(on, t, (1 - z) * n + z * h, h)
        out.append(h)
    return hide(on, torch.stack(out)), h


def gru_through_time(δ, δh, z, r, a, weight_hh, on):
    """Backwards through time: what arrives at p and q, and at h. · 沿时间反向传播。"""
    a_r, a_z, a_n = a
    come, gone = [], []
    for t in reversed(range(len(δ))):
        δh = keep(on, t, δh + δ[t], δh)
        δr, δz, δn = δh * a_r[t], δh * a_z[t], δh * a_n[t]
        δq = torch.cat([δr, δz, δn * r[t]], 1)
        come.append(torch.cat([δr, δz, δn], 1))
        gone.append(δq)
        δh = keep(on, t, δq @ weight_hh + δh * z[t], δh)
    return hide(on, torch.stack(come).flip(0)), hide(on, torch.stack(gone).flip(0)), δh


@gru.backward("x", "h", "weight_ih", "weight_hh", "bias_ih", "bias_hh")
def _(δ, δh1, x, h, weight_ih, weight_hh, bias_ih, bias_hh, lengths, out):
    on, h_before = alive(lengths, x), before(h, out)
    r, z, n, q_n = gru_gates(affine(x, weight_ih, bias_ih), affine(h_before, weight_hh, bias_hh))
    a = gru_slopes(r, z, n, q_n, h_before)
    δp, δq, δh = gru_through_time(δ, δh1, z, r, a, weight_hh, on)
    δx, δweight_ih, δbias_ih = sums(δp, x, weight_ih, bias_ih)
    _, δweight_hh, δbias_hh = sums(δq, h_before, weight_hh, bias_hh)
    return δx, δh, δweight_ih, δweight_hh, δbias_ih, δbias_hh


@gru.samples
def _():
    yield R(3, 2, 2), R(2, 3), R(9, 2), R(9, 3), R(9), R(9), None
    yield R(4, 3, 2), R(3, 2), R(6, 2), R(6, 2), None, None, torch.tensor([1, 4, 2])


gru.card.opaque = Opaque(gru.card)
