r"""The LSTM with peepholes in few and large operations: the kernel of `lstm_peephole` · 带窥视孔 LSTM 的快速形式

symbols  as in `peephole`   z [T, N, 4H]: the gates i, f, g, o, which are kept for the way back   s [T, N, H]: tanh c₁
         a [T, N, 3H]: of δc₁ what goes to i, f, g   a_o: of δh what goes to o   b: of δh what goes to c₁
         d: of δc₁ what goes to the cell before, by the forget gate and through the peepholes
note     no slope depends on what arrives, so all are computed outside the loop, for all times at once
"""

import torch
from torch import Tensor

from .recurrence import alive, before, hide, keep, sums


def steps(x, h, c, weight_ih, weight_hh, weight_c, bias, lengths) -> tuple[tuple, tuple]:
    """Forward: states and cells; the gates and tanh of the cells are kept. · 前向。"""
    z, on, into = x @ weight_ih.mT, alive(lengths, x), weight_hh.mT
    if bias is not None:
        z += bias
    (T, N), H, near = x.shape[:2], h.shape[1], weight_c[:2]
    out, cells, s = (x.new_empty(T, N, H) for _ in range(3))
    gates = z.unflatten(2, (4, H))
    views = z, gates[:, :, :2], *gates.unbind(2), cells, s, out
    for t, (z_t, both, i, f, g, o, c1, s_t, out_t) in enumerate(zip(*(view.unbind() for view in views), strict=True)):
        torch.addmm(z_t, h, into, out=z_t)
        both.addcmul_(near, c[:, None]).sigmoid_()
        torch.mul(f, c, out=c1).addcmul_(i, g.tanh_())
        o.addcmul_(weight_c[2], c1).sigmoid_()
        h = keep(on, t, torch.mul(o, torch.tanh(c1, out=s_t), out=out_t), h)
        c = c1 if on is None else c1.copy_(keep(on, t, c1, c))
    return (hide(on, out), cells, h.clone(), c.clone()), (z, s)


def slopes(z: Tensor, s: Tensor, c_before: Tensor, weight_c: Tensor, on: Tensor | None) -> tuple[Tensor, ...]:
    """a, a_o, b, d: nothing where a sample has ended, whose cell stays. · 各时刻的斜率。"""
    i, f, g, o = z.chunk(4, -1)
    a_i, a_f = g * i * (1 - i), c_before * f * (1 - f)
    a_o = s * o * (1 - o)
    b = torch.addcmul(o * (1 - s**2), a_o, weight_c[2])
    d = (f + a_i * weight_c[0]).addcmul_(a_f, weight_c[1])
    a = torch.cat([a_i, a_f, i * (1 - g**2)], -1)
    return (a, a_o, b, d) if on is None else (a * on, a_o * on, b * on, torch.where(on, d, 1))


def back(δ: tuple, inputs: tuple, outputs: tuple, kept: tuple) -> tuple[Tensor | None, ...]:
    """Backward: the deltas of all inputs. · 反向。"""
    (x, h, c, weight_ih, weight_hh, weight_c, bias, lengths), (out, cells, *_), (z, s) = inputs, outputs, kept
    on, h_before, c_before, H = alive(lengths, x), before(h, out), before(c, cells), h.shape[1]
    a, a_o, b, d = slopes(z, s, c_before, weight_c, on)
    arrived = None if δ[0] is None else hide(on, δ[0])
    δh, δc = (torch.zeros_like(h) if end is None else end for end in δ[2:])
    δz, a = torch.empty_like(z), a.unflatten(2, (3, H))
    views = δz, δz[..., : 3 * H].unflatten(2, (3, H)), δz[..., 3 * H :], a, a_o, b, d
    along = list(zip(*(view.unbind() for view in views), strict=True))
    for t, (δz_t, δ_ifg, δo, a_t, a_o_t, b_t, d_t) in reversed(list(enumerate(along))):
        δh = δh if arrived is None else δh + arrived[t]
        δc = δc if δ[1] is None else δc + δ[1][t]
        δc1 = torch.addcmul(δc, δh, b_t)
        torch.mul(δc1[:, None], a_t, out=δ_ifg)
        torch.mul(δh, a_o_t, out=δo)
        δh = keep(on, t, δz_t @ weight_hh, δh)
        δc = δc1 * d_t
    δi, δf, _, δo = δz.chunk(4, -1)
    c1 = cells if on is None else c_before * z[..., H : 2 * H] + z[..., :H] * z[..., 2 * H : 3 * H]
    δweight_c = torch.stack([(delta * cell).sum((0, 1)) for delta, cell in ((δi, c_before), (δf, c_before), (δo, c1))])
    δx, δweight_ih, δbias = sums(δz, x, weight_ih, bias)
    return δx, δh, δc, δweight_ih, sums(δz, h_before, weight_hh, None)[1], δweight_c, δbias, None
