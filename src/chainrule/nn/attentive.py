r"""A GRU that looks at the source before each word, over the whole sentence · 每步先看源句的 GRU（整句）

symbols  x [T, N, E] words read   s [N, H] the state to begin with   h [N, S, K] the encoder's states   keys [N, S, A]
         what the attention makes of them, U h + b   mask [N, S]: true where a source word stands, or None (errata E63)
         query [A, H]   energy [A]   weight_ih [3H, E + K]   weight_hh [3H, H]   bias_ih, bias_hh [3H]
         out [T, N, H] states   context [T, N, K]   shares [T, N, S]   u [N, S, A] of one step
note     a_t from s_{t−1} and all h, c_t = Σ a h, s_t = GRU([x_t | c_t], s_{t−1}): the state of before looks
         (errata E73); shares sum to 1 over the source (E72)
note     the [T, N, S, A] of all pairs is never held: u is computed again, step by step, on the way back
"""

import math

import torch
import torch.nn.functional as F

from ..formula import R, formula
from .attention import masked_shares, masked_softmax_of_torch, of_scores
from .attentive_steps import back, steps
from .gru import gru_gates, gru_slopes
from .opaque_recurrence import low
from .recurrence import affine, before, sums
from .swift import swift


def pairs(s, keys, query):
    """How one step meets each source word, tanh(W s + U h + b). · 一步与各源词的匹配。"""
    return ((s @ query.mT)[:, None] + keys).tanh()


def look(s, h, keys, mask, query, energy):
    """Shares and context of one step. · 一步的份额与上下文。"""
    e = pairs(s, keys, query) @ energy
    a = masked_shares(e if mask is None else torch.where(mask, e, -math.inf))
    return a, (a[:, None] @ h)[:, 0]


def of_look(δa, a, s, keys, query, energy):
    """From the shares of one step down to what is inside the tanh, and to the energy. · 由份额向下的 δ。"""
    u, δe = pairs(s, keys, query), of_scores(δa, a)[..., None]
    return δe * energy * (1 - u**2), (δe * u).sum((0, 1))


def attention_gru_of_torch(x, s, h, keys, mask, query, energy, weight_ih, weight_hh, bias_ih=None, bias_hh=None):
    x, s, h, keys, query, energy, *weights = low(x, s, h, keys, query, energy, weight_ih, weight_hh, bias_ih, bias_hh)
    told = []
    with torch.autocast(x.device.type, enabled=False):
        for word in x:
            a = masked_softmax_of_torch((F.linear(s, query)[:, None] + keys).tanh() @ energy, mask)
            c = torch.bmm(a[:, None], h)[:, 0]
            s = torch.gru_cell(torch.cat([word, c], 1), s, *weights)
            told.append((s, c, a))
    return tuple(torch.stack(parts) for parts in zip(*told, strict=True))


@formula(
    twin=attention_gru_of_torch,
    outputs=("out", "context", "shares"),
    autocast="low",
    batch=(),
    source="Bahdanau, Cho & Bengio 2015, arXiv:1409.0473, appendix A.2.2, the GRU with torch's place of the reset gate",
)
def attention_gru(x, s, h, keys, mask, query, energy, weight_ih, weight_hh, bias_ih=None, bias_hh=None):
    """A decoder over a whole sentence: look at the source, then take a step. · 注意力解码器：先看源句，再走一步。

    >>> h, keys, weights = torch.zeros(2, 5, 6), torch.zeros(2, 5, 3), (torch.zeros(3, 4), torch.zeros(3))
    >>> cell = torch.zeros(12, 8), torch.zeros(12, 4)
    >>> out, context, shares = attention_gru(torch.zeros(7, 2, 2), torch.zeros(2, 4), h, keys, None, *weights, *cell)
    >>> out.shape, context.shape, shares.shape
    (torch.Size([7, 2, 4]), torch.Size([7, 2, 6]), torch.Size([7, 2, 5]))
    """
    out, contexts, shares = [], [], []
    for t in range(len(x)):
        a, c = look(s, h, keys, mask, query, energy)
        _, z, n, _ = gru_gates(affine(torch.cat([x[t], c], 1), weight_ih, bias_ih), affine(s, weight_hh, bias_hh))
        s = (1 - z) * n + z * s
        out.append(s)
        contexts.append(c)
        shares.append(a)
    return torch.stack(out), torch.stack(contexts), torch.stack(shares)


def attention_gru_through_time(δ, δs, gates, a, s_before, source, weights):
    """Backwards through time: what arrives at p, q, queries and contexts; keys, energy and s. · 沿时间反向传播。"""
    (δout, δcontext, δshares), (r, z), (a_r, a_z, a_n) = δ, gates, a
    (h, keys, shares), (query, energy, weight_c, weight_hh) = source, weights
    kept, δkeys, δenergy = [], torch.zeros_like(keys), torch.zeros_like(energy)
    for t in reversed(range(len(δout))):
        δs = δs + δout[t]
        δr, δz, δn = δs * a_r[t], δs * a_z[t], δs * a_n[t]
        δp, δq = torch.cat([δr, δz, δn], 1), torch.cat([δr, δz, δn * r[t]], 1)
        δc = δcontext[t] + δp @ weight_c
        δa = δshares[t] + torch.einsum("nsk,nk->ns", h, δc)
        δu, δv = of_look(δa, shares[t], s_before[t], keys, query, energy)
        δkeys, δenergy, δl = δkeys + δu, δenergy + δv, δu.sum(1)
        kept.append((δp, δq, δl, δc))
        δs = δs * z[t] + δq @ weight_hh + δl @ query
    return *(torch.stack(parts).flip(0) for parts in zip(*kept, strict=True)), δkeys, δenergy, δs


@attention_gru.backward("x", "s", "h", "keys", "query", "energy", "weight_ih", "weight_hh", "bias_ih", "bias_hh")
def _(δ, δcontext, δshares, x, s, h, keys, query, energy, weight_ih, weight_hh, bias_ih, bias_hh, out, context, shares):
    words, s_before = torch.cat([x, context], 2), before(s, out)
    r, z, n, q_n = gru_gates(affine(words, weight_ih, bias_ih), affine(s_before, weight_hh, bias_hh))
    weights = query, energy, weight_ih[:, x.shape[2] :], weight_hh
    δs, a = torch.zeros_like(s), gru_slopes(r, z, n, q_n, s_before)
    δp, δq, δl, δc, δkeys, δenergy, δs = attention_gru_through_time(
        (δ, δcontext, δshares), δs, (r, z), a, s_before, (h, keys, shares), weights
    )
    δwords, δweight_ih, δbias_ih = sums(δp, words, weight_ih, bias_ih)
    _, δweight_hh, δbias_hh = sums(δq, s_before, weight_hh, bias_hh)
    δquery, δh = sums(δl, s_before, query, None)[1], shares.permute(1, 2, 0) @ δc.transpose(0, 1)
    return δwords[..., : x.shape[2]], δs, δh, δkeys, δquery, δenergy, δweight_ih, δweight_hh, δbias_ih, δbias_hh


@attention_gru.samples
def _():
    cell = R(6, 4), R(6, 2)
    mask = torch.tensor([[True, False, True], [True, True, True]])
    yield R(2, 2, 2), R(2, 2), R(2, 3, 2), R(2, 3, 4), None, R(4, 2), R(4), *cell, R(6), R(6)
    yield R(2, 2, 1), R(2, 2), R(2, 3, 3), R(2, 3, 2), mask, R(2, 2), R(2), *cell, None, None


_kernel = swift(attention_gru.card, steps, back)
attention_gru.kernel("cpu", torch.float32, torch.float64)(_kernel)
attention_gru.kernel("cuda", torch.float32, torch.float64)(_kernel)
