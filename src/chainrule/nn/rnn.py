r"""Recurrent network of Elman · 循环神经网络

symbols  x [T, N, I]   h [N, H]   out [T, N, H]   weight_ih [H, I]   weight_hh [H, H]   bias_ih, bias_hh [H]
         σ tanh or ReLU   h1 [N, H]: the state at the end
         lengths [N]: where each sample ends
note     the activation is inside (errata E69); time steps share the weights and biases (E67, E68)
"""

import torch

from ..formula import R, formula
from .opaque_recurrence import Opaque, low, sequence_of_torch
from .recurrence import affine, alive, before, hide, keep, sums


def activation(z, nonlinearity):
    return z.tanh() if nonlinearity == "tanh" else z.relu()


def slope(a, nonlinearity):
    """σ′ by the value a = σ(z). · 由激活值求导数。"""
    return 1 - a**2 if nonlinearity == "tanh" else (a > 0).to(a.dtype)


def rnn_cell_of_torch(x, h, weight_ih, weight_hh, bias_ih=None, bias_hh=None, nonlinearity="tanh"):
    call = torch.rnn_tanh_cell if nonlinearity == "tanh" else torch.rnn_relu_cell
    given = low(x, h, weight_ih, weight_hh, bias_ih, bias_hh)
    with torch.autocast(x.device.type, enabled=False):
        return call(*given)


@formula(
    twin=rnn_cell_of_torch,
    outputs=("h1",),
    autocast="low",
    batch=("x", "h"),
    source="Elman 1990, doi:10.1207/s15516709cog1402_1",
)
def rnn_cell(x, h, weight_ih, weight_hh, bias_ih=None, bias_hh=None, nonlinearity="tanh"):
    """One step of a recurrent network. · 循环网络的一步。

    >>> rnn_cell(*[torch.zeros(2, 3)] * 2, *[torch.zeros(3, 3)] * 2).shape
    torch.Size([2, 3])
    """
    return activation(affine(x, weight_ih, bias_ih) + affine(h, weight_hh, bias_hh), nonlinearity)


@rnn_cell.backward("x", "h", "weight_ih", "weight_hh", "bias_ih", "bias_hh")
def _(δ, x, h, weight_ih, weight_hh, bias_ih, bias_hh, nonlinearity, h1):
    δz = δ * slope(h1, nonlinearity)
    δx, δweight_ih, δbias_ih = sums(δz, x, weight_ih, bias_ih)
    δh, δweight_hh, δbias_hh = sums(δz, h, weight_hh, bias_hh)
    return δx, δh, δweight_ih, δweight_hh, δbias_ih, δbias_hh


@rnn_cell.samples
def _():
    yield R(3, 2), R(3, 4), R(4, 2), R(4, 4), R(4), R(4), "tanh"
    yield R(3, 2), R(3, 4), R(4, 2), R(4, 4), None, None, "relu"


def rnn_of_torch(x, h, weight_ih, weight_hh, bias_ih=None, bias_hh=None, nonlinearity="tanh", lengths=None):
    operator = torch.rnn_tanh if nonlinearity == "tanh" else torch.rnn_relu
    return sequence_of_torch(operator, x, (h,), (weight_ih, weight_hh, bias_ih, bias_hh), lengths)


@formula(
    twin=rnn_of_torch,
    outputs=("out", "h1"),
    autocast="low",
    batch=(),
    source="Elman 1990, doi:10.1207/s15516709cog1402_1; through time: Werbos 1990, doi:10.1109/5.58337",
)
def rnn(x, h, weight_ih, weight_hh, bias_ih=None, bias_hh=None, nonlinearity="tanh", lengths=None):
    """A recurrent network over a whole sequence. · 整条序列上的循环网络。

    >>> out, h = rnn(torch.zeros(5, 2, 3), torch.zeros(2, 4), torch.zeros(4, 3), torch.zeros(4, 4))
    >>> out.shape, h.shape
    (torch.Size([5, 2, 4]), torch.Size([2, 4]))
    """
    z, on, out = affine(x, weight_ih, bias_ih), alive(lengths, x), []
    for t in range(len(z)):
        h = keep(on, t, activation(z[t] + affine(h, weight_hh, bias_hh), nonlinearity), h)
        out.append(h)
    return hide(on, torch.stack(out)), h


def rnn_through_time(δ, δh, a, weight_hh, on):
    """Backwards through time: what arrives at z, and at h. · 沿时间反向传播。"""
    come = []
    for t in reversed(range(len(δ))):
        δh = keep(on, t, δh + δ[t], δh)
        δz = δh * a[t]
        come.append(δz)
        δh = keep(on, t, δz @ weight_hh, δh)
    return hide(on, torch.stack(come).flip(0)), δh


@rnn.backward("x", "h", "weight_ih", "weight_hh", "bias_ih", "bias_hh")
def _(δ, δh1, x, h, weight_ih, weight_hh, bias_ih, bias_hh, nonlinearity, lengths, out):
    δz, δh = rnn_through_time(δ, δh1, slope(out, nonlinearity), weight_hh, alive(lengths, x))
    δx, δweight_ih, δbias_ih = sums(δz, x, weight_ih, bias_ih)
    _, δweight_hh, δbias_hh = sums(δz, before(h, out), weight_hh, bias_hh)
    return δx, δh, δweight_ih, δweight_hh, δbias_ih, δbias_hh


@rnn.samples
def _():
    yield R(3, 2, 2), R(2, 3), R(3, 2), R(3, 3), R(3), R(3), "tanh", None
    yield R(4, 3, 2), R(3, 2), R(2, 2), R(2, 2), None, None, "relu", torch.tensor([1, 4, 2])


rnn.card.opaque = Opaque(rnn.card)
