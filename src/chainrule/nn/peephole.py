r"""LSTM whose gates look at the cell · 带窥视孔的 LSTM

symbols  x [T, N, I]   h, c [N, H]   out, cells [T, N, H]   h1, c1 [N, H]: the states at the end   weight_ih [4H, I]
         weight_hh [4H, H]   bias [4H]   lengths [N]: where each sample ends
         weight_c [3, H]: how much input, forget and output gate see of the cell, each its own unit only
note     input and forget gate see the old cell, the output gate the new one: a variant, not the LSTM of today (E79)
"""

import torch

from ..formula import R, formula
from .opaque_recurrence import Opaque
from .peephole_steps import back, steps
from .recurrence import affine, alive, before, hide, keep, sums
from .swift import swift


def peephole_gates(z, c, weight_c):
    """What the old cell has a say in: input, forget, candidate; and the new cell. · 输入门、遗忘门、候选与新单元。"""
    z_i, z_f, z_g, z_o = z.chunk(4, -1)
    i, f, g = (z_i + weight_c[0] * c).sigmoid(), (z_f + weight_c[1] * c).sigmoid(), z_g.tanh()
    c1 = f * c + i * g
    return i, f, g, (z_o + weight_c[2] * c1).sigmoid(), c1


@formula(
    outputs=("out", "cells", "h1", "c1"),
    autocast="low",
    batch=(),
    source="Gers & Schmidhuber 2000, doi:10.1109/IJCNN.2000.861302; Graves 2013, arXiv:1308.0850, eq. 7-11",
)
def lstm_peephole(x, h, c, weight_ih, weight_hh, weight_c, bias=None, lengths=None):
    """An LSTM with peepholes over a whole sequence; its cells at all times are an output too. · 带窥视孔的 LSTM。

    >>> states = [torch.zeros(2, 4)] * 2
    >>> lstm_peephole(torch.zeros(5, 2, 3), *states, torch.zeros(16, 3), torch.zeros(16, 4), torch.zeros(3, 4))[0].shape
    torch.Size([5, 2, 4])
    """
    z, on, out, cells = affine(x, weight_ih, bias), alive(lengths, x), [], []
    for t in range(len(z)):
        _, _, _, o, c1 = peephole_gates(z[t] + h @ weight_hh.mT, c, weight_c)
        c = keep(on, t, c1, c)
        h = keep(on, t, o * c1.tanh(), h)
        out.append(h)
        cells.append(c)
    return hide(on, torch.stack(out)), torch.stack(cells), h, c


def peephole_through_time(δ, δcells, δh, δc, gates, cells, weight_hh, weight_c, on):
    """Backwards through time: what arrives at the gates, at h and at c. · 沿时间反向传播。"""
    i, f, g, o, c1 = gates
    s, come = c1.tanh(), []
    for t in reversed(range(len(δ))):
        δh, δc = keep(on, t, δh + δ[t], δh), δc + δcells[t]
        δo = δh * s[t] * o[t] * (1 - o[t])
        δc1 = δc + δh * o[t] * (1 - s[t] ** 2) + δo * weight_c[2]
        δi, δf = δc1 * g[t] * i[t] * (1 - i[t]), δc1 * cells[t] * f[t] * (1 - f[t])
        δz = torch.cat([δi, δf, δc1 * i[t] * (1 - g[t] ** 2), δo], 1)
        come.append(δz)
        δh = keep(on, t, δz @ weight_hh, δh)
        δc = keep(on, t, δc1 * f[t] + δi * weight_c[0] + δf * weight_c[1], δc)
    return hide(on, torch.stack(come).flip(0)), δh, δc


@lstm_peephole.backward("x", "h", "c", "weight_ih", "weight_hh", "weight_c", "bias")
def _(δ, δcells, δh1, δc1, x, h, c, weight_ih, weight_hh, weight_c, bias, lengths, out, cells):
    on, h_before, c_before = alive(lengths, x), before(h, out), before(c, cells)
    gates = peephole_gates(affine(x, weight_ih, bias) + h_before @ weight_hh.mT, c_before, weight_c)
    δz, δh, δc = peephole_through_time(δ, δcells, δh1, δc1, gates, c_before, weight_hh, weight_c, on)
    δi, δf, _, δo = δz.chunk(4, -1)
    δweight_c = torch.stack([(δi * c_before).sum((0, 1)), (δf * c_before).sum((0, 1)), (δo * gates[4]).sum((0, 1))])
    δx, δweight_ih, δbias = sums(δz, x, weight_ih, bias)
    _, δweight_hh, _ = sums(δz, h_before, weight_hh, None)
    return δx, δh, δc, δweight_ih, δweight_hh, δweight_c, δbias


@lstm_peephole.samples
def _():
    yield R(3, 2, 2), R(2, 3), R(2, 3), R(12, 2), R(12, 3), R(3, 3), R(12), None
    yield R(4, 3, 2), R(3, 5), R(3, 5), R(20, 2), R(20, 5), R(3, 5), None, torch.tensor([1, 4, 2])


lstm_peephole.card.opaque = Opaque(lstm_peephole.card, along=("cells",))
_kernel = swift(lstm_peephole.card, steps, back)
lstm_peephole.kernel("cpu", torch.float32, torch.float64)(_kernel)
lstm_peephole.kernel("cuda", torch.float32, torch.float64)(_kernel)
