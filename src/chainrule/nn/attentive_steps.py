r"""The decoder with attention in few and large operations: the kernel of `attention_gru` · 注意力解码器的快速形式

symbols  as in `attentive`   σ [N, S, A]: (1 + u)/2   g [T, N, A + 3H]: what the state says to query and gates
         rz [T, N, 2H], n [T, N, H]: the gates
         D [T, N, 4H + A]: the deltas of n by the words, of r and z, of n by the state, of the query
note     tanh z = 2 σ(2z) − 1: torch takes a tenth of the time for the sigmoid, and softmax does not see the constant
note     what is the same at all steps is one product outside the loop; the state goes to query and gates in one, and
         the gates, which are small, are kept for the way back; the σ of all pairs are not
"""

import math

import torch
from torch import Tensor

from .recurrence import affine, before

sigmoid_backward, tanh_backward = torch.ops.aten.sigmoid_backward, torch.ops.aten.tanh_backward
softmax_backward = torch.ops.aten._softmax_backward_data


def visible(mask: Tensor | None, keys: Tensor) -> tuple[Tensor | None, Tensor | None]:
    """What is added to the scores, and by what shares are multiplied where some sentence has nothing to look at."""
    if mask is None:
        return None, None
    some = mask.any(1, keepdim=True)
    hidden = keys.new_zeros(mask.shape).masked_fill(~mask & some, -math.inf)
    return hidden, None if some.all() else some.to(keys.dtype)


def steps(x, s, h, keys, mask, query, energy, weight_ih, weight_hh, bias_ih, bias_hh) -> tuple[tuple, tuple]:
    """Forward: states, contexts, shares; and what the way back wants to know. · 前向。"""
    (T, N, E), H, A = x.shape, s.shape[1], len(query)
    p_x, into = affine(x, weight_ih[:, :E], bias_ih), weight_ih[:, E:].mT
    both = torch.cat([2 * query, weight_hh]).mT
    bias = both.new_zeros(1) if bias_hh is None else torch.cat([bias_hh.new_zeros(A), bias_hh])
    k, v, (hidden, alive) = 2 * keys, 2 * energy, visible(mask, keys)
    out, contexts, shares = x.new_empty(T, N, H), x.new_empty(T, N, 1, h.shape[2]), x.new_empty(T, N, keys.shape[1])
    g, rz, n = x.new_empty(T, N, A + 3 * H), x.new_empty(T, N, 2 * H), x.new_empty(T, N, H)
    for t in range(T):
        q, g_rz, g_n = torch.addmm(bias, s, both, out=g[t]).split([A, 2 * H, H], 1)
        e = (q[:, None] + k).sigmoid_() @ v
        a = torch.softmax(e if hidden is None else e + hidden, -1, out=shares[t])
        a = a if alive is None else a.mul_(alive)
        c = torch.bmm(a[:, None], h, out=contexts[t])[:, 0]
        p_rz, p_n = torch.addmm(p_x[t], c, into).split([2 * H, H], 1)
        r, z = torch.add(p_rz, g_rz, out=rz[t]).sigmoid_().chunk(2, 1)
        torch.addcmul(p_n, r, g_n, out=n[t]).tanh_()
        s = torch.lerp(n[t], s, z, out=out[t])
    return (out, contexts[:, :, 0], shares), (g, rz, n)


def of_gates(δs: Tensor, s: Tensor, rz: Tensor, n: Tensor, g_n: Tensor, D: Tensor) -> Tensor:
    """From a state down to its gates, into D; what goes straight to the state before is returned. · 由状态到各门。"""
    (r, z), H = rz.chunk(2, 1), n.shape[1]
    straight = δs * z
    δn = tanh_backward(δs - straight, n)
    D[:, :H] = δn
    D[:, H : 2 * H] = sigmoid_backward(δn * g_n, r)
    D[:, 2 * H : 3 * H] = sigmoid_backward(δs * (s - n), z)
    torch.mul(δn, r, out=D[:, 3 * H : 4 * H])
    return straight


def back(δ: tuple, inputs: tuple, outputs: tuple, kept: tuple) -> tuple[Tensor | None, ...]:
    """Backward: the deltas of all inputs. · 反向。"""
    (x, s, h, keys, _, query, energy, weight_ih, weight_hh, bias_ih, bias_hh), (out, context, shares) = inputs, outputs
    (T, N, H), E, A, (g, rz, n) = out.shape, x.shape[2], len(query), kept
    D, δc, s_before = x.new_empty(T, N, 4 * H + A), torch.empty_like(context), before(s, out)
    to_words, to_state = weight_ih.roll(H, 0), torch.cat([weight_hh, query])  # D has n before r and z
    looks, δs = Looks(keys, energy), torch.zeros_like(s)
    for t in reversed(range(T)):
        δs = δs if δ[0] is None else δs + δ[0][t]
        straight = of_gates(δs, s_before[t], rz[t], n[t], g[t, :, A + 2 * H :], D[t])
        c = torch.mm(D[t, :, : 3 * H], to_words[:, E:], out=δc[t])
        c = c if δ[1] is None else c.add_(δ[1][t])
        δa = torch.bmm(h, c[..., None])[..., 0]
        δa = δa if δ[2] is None else δa + δ[2][t]
        looks.back(softmax_backward(δa, shares[t], -1, δa.dtype), g[t, :, :A], D[t, :, 4 * H :])
        δs = torch.addmm(straight, D[t, :, H:], to_state)
    δp, δg = D[..., : 3 * H].flatten(0, 1), D[..., H:].flatten(0, 1)
    δwords = torch.cat([δp.mT @ x.flatten(0, 1), δp.mT @ context.flatten(0, 1)], 1).roll(-H, 0)
    δstate, δb = δg.mT @ s_before.flatten(0, 1), D.sum((0, 1))
    δbias_ih = None if bias_ih is None else δb[: 3 * H].roll(-H)
    δbias_hh = None if bias_hh is None else δb[H : 4 * H]
    δx, δh = (δp @ to_words[:, :E]).view_as(x), torch.bmm(shares.permute(1, 2, 0), δc.transpose(0, 1))
    δquery, δweight_hh = δstate[3 * H :], δstate[: 3 * H]
    return δx, δs, δh, looks.δkeys, None, δquery, looks.δenergy, δwords, δweight_hh, δbias_ih, δbias_hh


def scores(q: Tensor, k: Tensor, v: Tensor) -> tuple[tuple, tuple]:
    """Forward of `additive_scores`, one target step after the other. · 加性得分的前向。"""
    q2, k2, v2 = 2 * q, 2 * k, 2 * v
    told = [(q2[:, t, None] + k2).sigmoid_() @ v2 for t in range(q.shape[1])]
    return (torch.stack(told, 1) - v.sum(),), (q2,)


def scores_back(δ: tuple, inputs: tuple, outputs: tuple, kept: tuple) -> tuple[Tensor | None, ...]:
    """Backward of `additive_scores`. · 加性得分的反向。"""
    (q, k, v), (q2,) = inputs, kept
    looks, δq = Looks(k, v), torch.empty_like(q)
    for t in range(q.shape[1]):
        looks.back(δ[0][:, t], q2[:, t], δq[:, t])
    return δq, looks.δkeys, looks.δenergy


class Looks:
    """The way back through the attention, step by step; the deltas of keys and energy grow. · 注意力的逐步反向。"""

    def __init__(self, keys: Tensor, energy: Tensor):
        self.k, self.v = 2 * keys, 4 * energy
        self.δkeys, self.δenergy = torch.zeros_like(keys), torch.zeros_like(energy)

    def back(self, δe: Tensor, q: Tensor, out: Tensor) -> None:
        """From the scores [N, S] of a step down to its query [N, A], twice which is q, into `out`. · 由得分向下。"""
        σ = (q[:, None] + self.k).sigmoid_()
        self.δenergy.add_(δe.flatten() @ σ.flatten(0, 1), alpha=2).sub_(δe.sum())
        δu = sigmoid_backward(δe[..., None] * self.v, σ)
        self.δkeys += δu
        torch.sum(δu, 1, out=out)
