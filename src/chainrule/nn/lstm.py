r"""Long short-term memory · 长短期记忆网络

symbols  x [T, N, I]   h [N, P]   c [N, H]   out [T, N, P]   weight_ih [4H, I]   weight_hh [4H, P]
         bias_ih, bias_hh [4H]   h1 [N, P], c1 [N, H]: the states at the end
         weight_hr [P, H]: a projection of the state, else P = H   lengths [N]: where each sample ends
         gates i (input), f (forget), g (candidate), o (output), in torch's order (errata E82)
note     weights and biases are the same at every time (E68), each gate has its own (E80), c ← f ⊙ c + i ⊙ g is one line
         (E81, E82), and the cell enters through h = o ⊙ tanh(c), not the gates (E79: those are `lstm_peephole`)
"""

import torch

from ..formula import R, formula
from .opaque_recurrence import Opaque, sequence_of_torch
from .recurrence import affine, alive, before, hide, keep, sums


def gates(z):
    """Input, forget, candidate and output of what comes in, [*, 4H]. · 四个门。"""
    i, f, g, o = z.chunk(4, -1)
    return i.sigmoid(), f.sigmoid(), g.tanh(), o.sigmoid()


def slopes(i, f, g, o, c, s):
    """What the delta of c does to the gates i, f, g, and the delta of o ⊙ s to o and c; s = tanh of the new c."""
    return g * i * (1 - i), c * f * (1 - f), i * (1 - g**2), s * o * (1 - o), o * (1 - s**2)


def lstm_cell_of_torch(x, h, c, weight_ih, weight_hh, bias_ih=None, bias_hh=None):
    return torch.lstm_cell(x, (h, c), weight_ih, weight_hh, bias_ih, bias_hh)


@formula(
    twin=lstm_cell_of_torch,
    outputs=("h1", "c1"),
    batch=("x", "h", "c"),
    source="Hochreiter & Schmidhuber 1997, doi:10.1162/neco.1997.9.8.1735; the forget gate: Gers, Schmidhuber & "
    "Cummins 2000, doi:10.1162/089976600300015015",
)
def lstm_cell(x, h, c, weight_ih, weight_hh, bias_ih=None, bias_hh=None):
    """One step of an LSTM: forget, write, show. · LSTM 的一步：遗忘、写入、输出。

    >>> h, c = lstm_cell(*[torch.zeros(2, 3)] * 3, *[torch.zeros(12, 3)] * 2)
    >>> h.shape, c.shape
    (torch.Size([2, 3]), torch.Size([2, 3]))
    """
    i, f, g, o = gates(affine(x, weight_ih, bias_ih) + affine(h, weight_hh, bias_hh))
    c1 = f * c + i * g
    return o * c1.tanh(), c1


@lstm_cell.backward("x", "h", "c", "weight_ih", "weight_hh", "bias_ih", "bias_hh")
def _(δh1, δc1, x, h, c, weight_ih, weight_hh, bias_ih, bias_hh, c1):
    i, f, g, o = gates(affine(x, weight_ih, bias_ih) + affine(h, weight_hh, bias_hh))
    a_i, a_f, a_g, a_o, a_c = slopes(i, f, g, o, c, c1.tanh())
    δc1 = δc1 + δh1 * a_c
    δz = torch.cat([δc1 * a_i, δc1 * a_f, δc1 * a_g, δh1 * a_o], 1)
    δx, δweight_ih, δbias_ih = sums(δz, x, weight_ih, bias_ih)
    δh, δweight_hh, δbias_hh = sums(δz, h, weight_hh, bias_hh)
    return δx, δh, δc1 * f, δweight_ih, δweight_hh, δbias_ih, δbias_hh


@lstm_cell.samples
def _():
    yield R(3, 2), R(3, 4), R(3, 4), R(16, 2), R(16, 4), R(16), R(16)
    yield R(2, 2), R(2, 5), R(2, 5), R(20, 2), R(20, 5), None, None


def lstm_of_torch(x, h, c, weight_ih, weight_hh, bias_ih=None, bias_hh=None, weight_hr=None, lengths=None):
    return sequence_of_torch(torch.lstm, x, (h, c), (weight_ih, weight_hh, bias_ih, bias_hh, weight_hr), lengths)


def shown(m, weight_hr):
    """The state that is shown: m, or its projection. · 输出的状态。"""
    return m if weight_hr is None else m @ weight_hr.mT


def memory(c, f, new, on):
    """The cell at each time, what it began with first, [T + 1, N, H]. · 各时刻的记忆单元。"""
    cells = [c]
    for t in range(len(f)):
        c = keep(on, t, f[t] * c + new[t], c)
        cells.append(c)
    return torch.stack(cells)


@formula(
    twin=lstm_of_torch,
    outputs=("out", "h1", "c1"),
    autocast="low",
    batch=(),
    source="Hochreiter & Schmidhuber 1997, doi:10.1162/neco.1997.9.8.1735; Gers, Schmidhuber & Cummins 2000, "
    "doi:10.1162/089976600300015015; the projection: Sak, Senior & Beaufays 2014, arXiv:1402.1128, section 2",
)
def lstm(x, h, c, weight_ih, weight_hh, bias_ih=None, bias_hh=None, weight_hr=None, lengths=None):
    """An LSTM over a whole sequence. · 整条序列上的 LSTM。

    >>> out, h, c = lstm(torch.zeros(5, 2, 3), *[torch.zeros(2, 4)] * 2, torch.zeros(16, 3), torch.zeros(16, 4))
    >>> out.shape, h.shape
    (torch.Size([5, 2, 4]), torch.Size([2, 4]))
    """
    z, on, out = affine(x, weight_ih, bias_ih), alive(lengths, x), []
    for t in range(len(z)):
        i, f, g, o = gates(z[t] + affine(h, weight_hh, bias_hh))
        c = keep(on, t, f * c + i * g, c)
        h = keep(on, t, shown(o * c.tanh(), weight_hr), h)
        out.append(h)
    return hide(on, torch.stack(out)), h, c


def lstm_through_time(δ, δh, δc, f, a, weight_hh, weight_hr, on):
    """Backwards through time: what arrives at the gates and at the shown states, at h and at c. · 沿时间反向传播。"""
    a_i, a_f, a_g, a_o, a_c = a
    gate, state = [], []
    for t in reversed(range(len(δ))):
        δh = keep(on, t, δh + δ[t], δh)
        δm = δh if weight_hr is None else δh @ weight_hr
        δc1 = δc + δm * a_c[t]
        δz = torch.cat([δc1 * a_i[t], δc1 * a_f[t], δc1 * a_g[t], δm * a_o[t]], 1)
        gate.append(δz)
        state.append(δh)
        δh, δc = keep(on, t, δz @ weight_hh, δh), keep(on, t, δc1 * f[t], δc)
    return hide(on, torch.stack(gate).flip(0)), hide(on, torch.stack(state).flip(0)), δh, δc


@lstm.backward("x", "h", "c", "weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_hr")
def _(δ, δh1, δc1, x, h, c, weight_ih, weight_hh, bias_ih, bias_hh, weight_hr, lengths, out):
    on, h_before = alive(lengths, x), before(h, out)
    i, f, g, o = gates(affine(x, weight_ih, bias_ih) + affine(h_before, weight_hh, bias_hh))
    cells = memory(c, f, i * g, on)
    s = cells[1:].tanh()
    a = slopes(i, f, g, o, cells[:-1], s)
    δz, δr, δh, δc = lstm_through_time(δ, δh1, δc1, f, a, weight_hh, weight_hr, on)
    δx, δweight_ih, δbias_ih = sums(δz, x, weight_ih, bias_ih)
    _, δweight_hh, δbias_hh = sums(δz, h_before, weight_hh, bias_hh)
    δweight_hr = None if weight_hr is None else (δr.flatten(0, 1).mT @ (o * s).flatten(0, 1))
    return δx, δh, δc, δweight_ih, δweight_hh, δbias_ih, δbias_hh, δweight_hr


@lstm.samples
def _():
    yield R(3, 2, 2), R(2, 3), R(2, 3), R(12, 2), R(12, 3), R(12), R(12), None, None
    yield R(4, 3, 2), R(3, 2), R(3, 2), R(8, 2), R(8, 2), None, None, None, torch.tensor([1, 4, 2])
    yield R(3, 2, 2), R(2, 1), R(2, 3), R(12, 2), R(12, 1), R(12), R(12), R(1, 3), None


lstm.card.opaque = Opaque(lstm.card)
