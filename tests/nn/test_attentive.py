"""The decoder with attention as one formula: step by step the same, in every gear, and its kernels; errata E73."""

import torch

from chainrule.formula import R
from chainrule.gear import gear
from chainrule.nn.additive import additive_scores
from chainrule.nn.attention import masked_softmax
from chainrule.nn.attentive import attention_gru


def near(got, wanted):
    torch.testing.assert_close(got, wanted, rtol=1e-9, atol=1e-11)


def deltas(out, points):
    torch.manual_seed(7)
    return torch.autograd.grad((out * torch.randn(out.shape, dtype=out.dtype)).sum(), points)


def decoder(mask, words=3, seen=4):
    source = R(2, seen, 3), R(2, seen, 4), mask
    return R(words, 2, 2), R(2, 2), *source, R(4, 2), R(4), R(6, 5), R(6, 2), R(6), R(6)


def test_E73_the_decoder_of_a_whole_sentence_is_attention_and_cell_step_by_step():
    x, s, h, keys, mask, query, energy, *weights = decoder(torch.tensor([[True, True, True, False], [True] * 4]))
    for chosen in ("auto", "formula", "twin"):
        with gear(chosen):
            out, context, shares = attention_gru(x, s, h, keys, mask, query, energy, *weights)
        now = s
        for t in range(len(x)):
            e = additive_scores(now[:, None] @ query.T, keys, energy)[:, 0]
            a = masked_softmax(e, mask)
            c = (a[..., None] * h).sum(1)
            now = torch.gru_cell(torch.cat([x[t], c], 1), now, *weights)
            for found, wanted in ((shares[t], a), (context[t], c), (out[t], now)):
                near(found, wanted)


def test_trap_06_a_source_without_a_word_has_no_share_and_finite_deltas_in_every_gear():
    args = decoder(torch.tensor([[True, True, False, False], [False] * 4]))
    points, found = [a for a in args if a is not None and a.requires_grad], {}
    for chosen in ("auto", "formula", "twin"):
        with gear(chosen):
            outs = attention_gru(*args)
        assert (outs[2][:, 1] == 0).all() and (outs[1][:, 1] == 0).all()
        found[chosen] = deltas(torch.cat([o.flatten() for o in outs]), points)
    for chosen in ("auto", "twin"):
        for got, wanted in zip(found[chosen], found["formula"], strict=True):
            near(got, wanted)


def test_kernels_in_torch_have_second_derivatives_and_take_what_arrives_alone():
    args = decoder(None, 2, 2)
    assert torch.autograd.gradgradcheck(lambda *a: attention_gru(*a)[1:], args)  # pyright: ignore[reportArgumentType]
    assert torch.autograd.gradgradcheck(additive_scores, (R(1, 2, 2), R(1, 3, 2), R(2)))
    wanted = [a for a in args if a is not None]
    for place in range(3):  # a delta of one output only
        got = deltas(attention_gru(*args)[place], wanted)
        for one, other in zip(got, deltas(attention_gru.card.apply(*args)[place], wanted), strict=True):
            near(one, other)
