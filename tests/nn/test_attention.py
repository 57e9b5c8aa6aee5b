"""Attention and Transformer layers beside torch's; masks, memory, positions; errata E71, E72, E76, E78, E83-E87."""

import itertools
import math
import warnings

import pytest
import torch

import chainrule.nn as nn
from chainrule.errors import UserError
from chainrule.gear import gear
from chainrule.nn.additive import additive_scores, additive_scores_at_once
from chainrule.nn.attention import masked_softmax, scaled_dot_product_attention
from chainrule.nn.positions import sinusoids

from .parity import EXACT, pair

NEAR = {"rtol": 1e-9, "atol": 1e-11}


def deltas(out, points):
    torch.manual_seed(7)
    return torch.autograd.grad((out * torch.randn(out.shape, dtype=out.dtype)).sum(), points)


OPTIONS = [
    {"batch_first": True},
    {"bias": False},
    {"kdim": 6, "vdim": 5, "batch_first": True},
    {"add_bias_kv": True, "add_zero_attn": True, "batch_first": True},
]


@pytest.mark.parametrize("chosen", ["formula", "auto"])
@pytest.mark.parametrize("need_weights", [True, False])
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_multihead_attention_is_torchs(options, need_weights, chosen):
    ours, theirs = pair("MultiheadAttention", 8, 2, **options)
    q = torch.randn(2, 3, 8).double()
    k, v = torch.randn(2, 4, options.get("kdim", 8)).double(), torch.randn(2, 4, options.get("vdim", 8)).double()
    padding = torch.tensor([[False, False, True, True], [False, True, False, False]])
    looks = torch.tensor([[False, True, False, False], [True, False, False, False], [False, False, True, False]])
    given = [t if options.get("batch_first") else t.transpose(0, 1) for t in (q, k, v)]
    points = [g.clone().requires_grad_() for g in given]
    for padded, masked in itertools.product((None, padding, torch.where(padding, -1.5, 0.5).double()), (None, looks)):
        mixed = padded is not None and masked is not None and padded.dtype != masked.dtype
        options_ = {"key_padding_mask": padded, "attn_mask": masked, "need_weights": need_weights}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch's note on masks of two types
            expected, shares = theirs(*points, **options_)
        with gear(chosen):
            got, own = ours(*points, **options_)
        torch.testing.assert_close(got, expected, **NEAR)
        if need_weights:
            torch.testing.assert_close(own, shares, **NEAR)
        if not mixed:
            torch.testing.assert_close(
                deltas(got, [*points, *ours.parameters()]), deltas(expected, [*points, *theirs.parameters()]), **NEAR
            )


def test_a_mask_a_head_one_sample_and_unaveraged_weights():
    ours, theirs = pair("MultiheadAttention", 8, 2, batch_first=True)
    x = torch.randn(3, 4, 8).double()
    heads = torch.randn(6, 4, 4).double()
    for args, options in [
        ((x, x, x), {"attn_mask": heads, "average_attn_weights": False}),
        ((x[0], x[0], x[0]), {"key_padding_mask": torch.tensor([False, True, False, False])}),
    ]:
        with gear("formula"):
            torch.testing.assert_close(ours(*args, **options), theirs(*args, **options), **NEAR)
    with pytest.raises(RuntimeError, match="is_causal"):
        ours(x, x, x, is_causal=True)
    with pytest.raises(RuntimeError, match="mask for 3 keys, expected 4"):
        ours(x, x, x, key_padding_mask=torch.zeros(3, 3, dtype=torch.bool))


@pytest.mark.parametrize("chosen", ["formula", "auto"])
@pytest.mark.parametrize("need_weights", [True, False])
def test_trap_06_a_query_that_may_look_nowhere_gets_zeros_and_finite_deltas(need_weights, chosen):
    module, x = nn.MultiheadAttention(4, 2, batch_first=True, bias=False), torch.randn(2, 3, 4, requires_grad=True)
    padding = torch.tensor([[True, True, True], [False, False, True]])
    with gear(chosen):
        out, _ = module(x, x, x, key_padding_mask=padding, need_weights=need_weights)
        out.square().sum().backward()
    assert not out[0].any() and out[1].all()
    assert x.grad.isfinite().all() and module.in_proj_weight.grad.isfinite().all()


def test_E72_shares_sum_to_one_over_the_source_and_padding_has_none():
    z = torch.randn(2, 3, 5).double()
    mask = torch.tensor([[True] * 5, [True, True, False, False, True]])[:, None]
    shares = masked_softmax(z, mask)
    torch.testing.assert_close(shares.sum(-1), torch.ones(2, 3).double())
    assert not shares[1, :, 2:4].any()


def test_E76_trap_05_the_causal_mask_hides_only_what_comes_later():
    q, k, v = (torch.randn(1, 4, 2).double() for _ in range(3))
    with gear("formula"):
        first = scaled_dot_product_attention(q, k, v, is_causal=True)
        later = v.clone()
        later[:, 2:] += 5
        second = scaled_dot_product_attention(q, k, later, is_causal=True)
    assert torch.equal(first[:, :2], second[:, :2]) and not torch.equal(first[:, 2], second[:, 2])
    torch.testing.assert_close(first[:, 0], v[:, 0])
    by_module = nn.Transformer.generate_square_subsequent_mask(4)
    assert torch.equal(by_module == -math.inf, torch.ones(4, 4, dtype=torch.bool).triu(1))


def test_trap_05_a_word_is_hidden_that_comes_later_or_is_padding_and_the_two_marks_are_opposite():
    """True hides in the Transformer's masks and shows in those of the plain product."""
    module, x = nn.MultiheadAttention(4, 1, batch_first=True), torch.randn(1, 3, 4)
    later = torch.ones(3, 3, dtype=torch.bool).triu(1)
    padding = torch.tensor([[False, True, False]])
    weights = module(x, x, x, key_padding_mask=padding, attn_mask=later)[1]
    assert torch.equal(weights[0] > 0, ~(later | padding[0]))
    q, k, v = (torch.randn(1, 3, 2) for _ in range(3))
    shown = scaled_dot_product_attention(q, k, v, ~later)
    torch.testing.assert_close(shown, scaled_dot_product_attention(q, k, v, is_causal=True))
    torch.testing.assert_close(shown[:, 0], v[:, 0])


@pytest.mark.parametrize("chosen", ["formula", "auto"])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_trap_06_in_half_precision_what_is_hidden_has_no_share_and_no_row_is_nan(dtype, chosen):
    z = torch.tensor([[6e4, 1.0, -6e4], [0.0, 0.0, 0.0]], dtype=dtype).requires_grad_()
    with gear(chosen):
        shares = masked_softmax(z, torch.tensor([[False, True, True], [False] * 3]))
        shares.sum().backward()
    assert shares.dtype == dtype and shares.tolist() == [[0, 1, 0], [0, 0, 0]]
    assert z.grad is not None and z.grad.isfinite().all()


def test_E84_E85_heads_see_all_of_x_and_meet_in_one_more_matrix():
    """Written out head by head; splitting x instead gives something else."""
    module, x = nn.MultiheadAttention(6, 3, batch_first=True).double(), torch.randn(1, 4, 6).double()
    q, k, v = module.in_proj_weight.chunk(3)
    heads, split = [], []
    for i in range(3):
        own = [w[2 * i : 2 * i + 2] for w in (q, k, v)]
        heads.append(scaled_dot_product_attention(*[x @ w.mT for w in own]))
        part = x[..., 2 * i : 2 * i + 2]
        split.append(scaled_dot_product_attention(*[part @ w[:, :2].mT for w in own]))
    expected = torch.cat(heads, -1) @ module.out_proj.weight.mT + module.out_proj.bias
    torch.testing.assert_close(module(x, x, x)[0], expected, **EXACT)
    assert not torch.allclose(torch.cat(split, -1), torch.cat(heads, -1))


def test_E86_the_mask_is_added_before_the_softmax():
    q, k, v = (torch.randn(3, 2).double() for _ in range(3))
    M = torch.tensor([[0.0, -math.inf, 0.0]] * 3).double()
    expected = torch.softmax(q @ k.mT / math.sqrt(2) + M, -1) @ v
    with gear("formula"):
        torch.testing.assert_close(scaled_dot_product_attention(q, k, v, bias=M), expected, **EXACT)


# ---- Bahdanau and Luong ---------------------------------------------------------------------------------------------


def test_E71_E78_additive_scores_are_target_by_source():
    module = nn.AdditiveAttention(4, 6, 5)
    s, h, mask = torch.randn(2, 3, 4), torch.randn(2, 7, 6), torch.ones(2, 7, dtype=torch.bool)
    mask[1, 4:] = False
    context, shares = module(s, h, mask)
    e = torch.einsum("a,ntsa->nts", module.energy, (module.query(s)[:, :, None] + module.key(h)[:, None]).tanh())
    a = torch.softmax(e.masked_fill(~mask[:, None], -math.inf), -1)
    torch.testing.assert_close((context, shares), (a @ h, a))
    one, own = module(s[:, 1], h, mask, module.project(h))
    torch.testing.assert_close((one, own), (context[:, 1], shares[:, 1]))


@pytest.mark.parametrize("score", ["dot", "general", "concat"])
def test_luongs_scores(score):
    module, s, h = nn.LuongAttention(4, 4, score), torch.randn(2, 3, 4), torch.randn(2, 5, 4)
    context, shares = module(s, h)
    e = {
        "dot": lambda: s @ h.mT,
        "general": lambda: s @ module.weight.weight.mT @ h.mT,
        "concat": lambda: additive_scores_at_once(module.concat.query(s), module.concat.key(h), module.concat.energy),
    }[score]()
    torch.testing.assert_close(shares, e.softmax(-1))
    torch.testing.assert_close(context, shares @ h)
    with pytest.raises(UserError, match="score of Luong's attention"):
        nn.LuongAttention(4, 4, "sum")


def test_additive_scores_never_hold_all_pairs():
    """The largest tensor kept or made is that of one target step."""
    q, k, v = (torch.randn(1, 40, 16, requires_grad=True), torch.randn(1, 30, 16, requires_grad=True), torch.randn(16))
    sizes = []

    class Watch(torch.utils._python_dispatch.TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            out = func(*args, **(kwargs or {}))
            sizes.extend(
                o.untyped_storage().nbytes()
                for o in (out if isinstance(out, tuple | list) else [out])
                if isinstance(o, torch.Tensor)
            )
            return out

    with Watch():
        additive_scores(q, k, v.requires_grad_()).sum().backward()
    assert max(sizes) <= 4 * max(40 * 30, 40 * 16, 30 * 16)


# ---- layers ---------------------------------------------------------------------------------------------------------


LAYERS = [{}, {"norm_first": True, "batch_first": True}, {"activation": "gelu", "bias": False, "batch_first": True}]


@pytest.mark.parametrize("chosen", ["formula", "auto"])
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("options", LAYERS, ids=str)
@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors:UserWarning")
@pytest.mark.filterwarnings("ignore:enable_nested_tensor is True:UserWarning")
def test_E87_layers_and_the_whole_are_torchs(options, training, chosen):
    src, tgt = torch.randn(2, 5, 8).double(), torch.randn(2, 3, 8).double()
    flip = (lambda t: t) if options.get("batch_first") else (lambda t: t.transpose(0, 1))
    causal = torch.ones(3, 3, dtype=torch.bool).triu(1)
    padding = torch.tensor([[False] * 5, [False, False, False, True, True]])
    net = pair("Transformer", 8, 2, 2, 2, 16, 0.0, **options)
    encoder = pair("TransformerEncoderLayer", 8, 2, 16, 0.0, **options)
    decoder = pair("TransformerDecoderLayer", 8, 2, 16, 0.0, **options)
    memory = {"memory_key_padding_mask": padding}
    calls = [
        (net, (src, tgt), {"tgt_mask": causal, "src_key_padding_mask": padding, **memory}),
        (encoder, (src,), {"src_key_padding_mask": padding}),
        (decoder, (tgt, src), {"tgt_mask": causal, **memory}),
    ]
    for (ours, theirs), given, masks in calls:
        points = [flip(g).clone().requires_grad_() for g in given]
        with gear(chosen):
            got = ours.train(training)(*points, **masks)
        expected = theirs.train(training)(*points, **masks)
        torch.testing.assert_close(got, expected, **NEAR)
        torch.testing.assert_close(
            deltas(got, [*points, *ours.parameters()]), deltas(expected, [*points, *theirs.parameters()]), **NEAR
        )


def test_every_part_of_a_transformer_is_ours_and_dropout_takes_masks():
    net = nn.Transformer(8, 2, 1, 1, 16, 0.5, batch_first=True)
    leaves = [m for m in net.modules() if not any(True for _ in m.children())]
    assert all(type(m).__module__.startswith("chainrule.") for m in leaves)
    masked = [m for m in net.modules() if isinstance(m, nn.Dropout)]
    assert len(masked) == 10
    x = torch.randn(2, 3, 8)
    attention = net.encoder.layers[0].self_attn
    attention.drop.mask = torch.zeros(2, 2, 3, 3)
    assert torch.equal(attention(x, x, x, need_weights=False)[0], attention.out_proj.bias.expand(2, 3, 8))


def test_E83_trap_09_embeddings_are_scaled_then_positions_added_then_dropped():
    module, x = nn.SinusoidalPositions(6, dropout=0.0, batch_first=True), torch.randn(2, 4, 6)
    torch.testing.assert_close(module(x), x * math.sqrt(6) + sinusoids(4, 6))
    assert torch.equal(module(x)[:, 2:], module(x[:, 2:], start=2))
    assert sinusoids(700, 5).shape == (700, 5) and module(torch.zeros(1, 1500, 6)).shape == (1, 1500, 6)
    dropped = nn.SinusoidalPositions(6, dropout=0.5, batch_first=True).train()(x)
    kept = dropped != 0
    assert 0 < kept.sum() < kept.numel()
    torch.testing.assert_close(dropped[kept], 2 * module(x)[kept])  # the sum is dropped, not the embedding alone
    angle = 3 / 10000 ** (2 / 6)
    torch.testing.assert_close(sinusoids(4, 6)[3, 2:4], torch.tensor([math.sin(angle), math.cos(angle)]))
