"""A Transformer that translates by the native kernel says what its layers say, and no other network is given to it."""

import itertools

import pytest
import torch

from chainrule.data.text import pad
from chainrule.gear import gear
from chainrule.kernels import native
from chainrule.learn.decode import reorder
from chainrule.learn.device import Device
from chainrule.learn.translation.swift import obstacle, swift
from chainrule.learn.translation.translator import Search, translate
from chainrule.zoo.seq2seq import AttentionSeq2Seq
from chainrule.zoo.transformer_seq2seq import TransformerSeq2Seq
from chainrule.zoo.word_output import BOS

# width, layers, heads, feed: whole lanes, parts of one, a head of one number, columns that fill no panel
SIZES = [(64, 2, 2, 0), (36, 1, 3, 50), (20, 2, 20, 7), (256, 1, 4, 96)]
WORDS = 83
ROUNDED = 2e-5  # float32 of one log-probability


@pytest.fixture(autouse=True)
def compiled():
    try:
        native.load("decoder")
    except native.Unavailable as error:
        pytest.skip(str(error))


def made(width=64, layers=2, heads=2, feed=0, words=WORDS, **options):
    """Weights of a size that makes one word likelier than another, biases and norms too."""
    torch.manual_seed(width + layers)
    network = TransformerSeq2Seq(91, words, width, layers, heads, feed, **options).eval()
    with torch.no_grad():
        for p in network.parameters():
            p.add_(torch.randn_like(p) * (2.4 / width**0.5 if p.dim() > 1 else 0.1))
    return network


def sentences(count=9, longest=40):
    draw = torch.Generator().manual_seed(count)
    lengths = torch.randint(1, longest, (count,), generator=draw).tolist()
    return [torch.randint(4, 91, (n,), generator=draw).tolist() for n in [*lengths[:-1], longest]]


def said(network, sources, search, longest=12):
    return translate(network, sources, longest, Device("cpu"), search)


@pytest.mark.parametrize("norm_first", [False, True])
@pytest.mark.parametrize("size", SIZES)
def test_a_step_of_the_kernel_is_the_network_s(size, norm_first):
    network, draw = made(*size, norm_first=norm_first), torch.Generator().manual_seed(0)
    batch = pad(sentences())
    quick, many = swift(network), 6
    assert quick is not None
    with torch.no_grad():
        ours, theirs = quick.start(batch.tokens, batch.mask), network.start(batch.tokens, batch.mask)
        token, sentence = torch.full((9,), BOS), torch.arange(9)
        for _ in range(20):
            values, words, ours = quick.best(ours, token, many)
            log_p, theirs = network.step(theirs, token)
            want = log_p.topk(many)
            torch.testing.assert_close(values, want.values, rtol=ROUNDED, atol=ROUNDED)
            torch.testing.assert_close(log_p.gather(1, words), values, rtol=ROUNDED, atol=ROUNDED)
            rows = torch.randint(len(token), (len(token),), generator=draw).sort().values
            token, sentence = words[rows, rows % many], sentence[rows]
            ours, theirs = reorder(ours, rows), reorder(theirs, rows, rows)


@pytest.mark.parametrize("search", [Search(1, 0.0), Search(5, 1.0), Search(4, 0.6, nbest=3)], ids=str)
@pytest.mark.parametrize(("norm_first", "end"), [(False, 0.0), (True, 0.0), (False, 7.0), (True, 7.0)])
def test_translations_are_those_of_the_layers(norm_first, end, search):
    network, sources = made(norm_first=norm_first), sentences(20)
    with torch.no_grad():
        network.out.bias[2] = end
    found = said(network, sources, search, 25)
    with gear("twin"):
        assert swift(network) is None
        want = said(network, sources, search, 25)
    assert len({h.tokens for h in itertools.chain(*found)}) > 2 or end
    assert bool(end) in {h.finished for h in itertools.chain(*found)}
    for ours, theirs in zip(found, want, strict=True):
        assert [(h.tokens, h.finished) for h in ours] == [(h.tokens, h.finished) for h in theirs]
        assert [h.score for h in ours] == pytest.approx([h.score for h in theirs], abs=25 * ROUNDED)


@pytest.mark.parametrize("beam", [1, 5])
def test_what_is_said_depends_neither_on_the_batch_nor_on_threads(beam):
    """To the bit: every number is the same sum in the same order."""
    network, sources = made(), sentences(30)
    together = said(network, sources, Search(beam))
    assert [said(network, [source], Search(beam))[0] for source in sources] == together
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        assert said(network, sources, Search(beam)) == together
    finally:
        torch.set_num_threads(before)


def test_of_equals_the_first_and_no_more_words_than_there_are():
    network, batch = made(words=7), pad(sentences(2))
    with torch.no_grad():
        network.out.weight.zero_()
        network.out.bias.copy_(torch.tensor([0.0, 1, 1, 0, 1, 0, 1]))
    quick = swift(network)
    values, words, _ = quick.best(quick.start(batch.tokens, batch.mask), torch.tensor([BOS, BOS]), 9)
    assert words.tolist() == [[1, 2, 4, 6, 0, 3, 5]] * 2
    torch.testing.assert_close(values.exp().sum(1), torch.ones(2))


def test_longer_than_the_table_of_positions():
    network = made(8, 1, 2)
    with torch.no_grad():
        network.out.bias[2] = -1e9
    (found,) = said(network, [[5] * 600], Search(1, 0.0), 520)
    assert len(found[0].tokens) == 520
    log_p = network(torch.tensor([[5] * 600]), None, torch.tensor([[BOS, *found[0].tokens[:-1]]])).log_softmax(-1)
    total = log_p.gather(2, torch.tensor(found[0].tokens)[None, :, None]).sum().item()
    assert found[0].log_prob == pytest.approx(total, rel=1e-4)


def test_a_network_is_taken_with_the_weights_that_it_has_now():
    """An optimizer in one kernel changes weights and leaves no mark on them."""
    network, sources = made(), sentences(5)
    quick, first = swift(network), said(network, sources, Search())
    assert said(quick, sources, Search()) == first
    optimizer = torch.optim.Adam(network.parameters(), 0.1, fused=True)
    network.train()(torch.tensor([[4, 5]]), None, torch.tensor([[1, 4]])).logsumexp(-1).sum().backward()
    optimizer.step()
    changed = said(network.eval(), sources, Search())
    assert changed != first
    with gear("twin"):
        assert [h[0].tokens for h in said(network, sources, Search())] == [h[0].tokens for h in changed]


def test_a_network_of_another_kind_runs_as_it_is(monkeypatch):
    class Own(TransformerSeq2Seq):
        pass

    hooked = made()
    hooked.layers.decoder.layers[0].linear1.register_forward_hook(lambda *_: None)
    replaced = made()
    replaced.layers.encoder.layers[1].linear2 = torch.nn.Identity()
    gelu = made()
    gelu.layers.decoder.layers[1].activation = torch.nn.functional.gelu
    waits, double, trains = "a part was replaced or has a hook", made().double(), made().train()
    others = [Own(91, WORDS, 8).eval(), AttentionSeq2Seq(91, WORDS, 8).eval(), hooked, replaced, gelu]
    others += [double, trains]
    assert [swift(one) for one in others] == [None] * 7
    assert [obstacle(one) for one in others] == [
        *("there is no kernel for Own", "there is no kernel for AttentionSeq2Seq", waits, waits),
        *("the kernel has relu only", "the kernel needs weights in float32 on the CPU"),
        "the kernel translates in float32, and does not train",
    ]
    with torch.autocast("cpu", torch.bfloat16):
        assert swift(made()) is None
    with gear("formula"):
        assert swift(made()) is None and obstacle(made()) == "gear formula"
    assert swift(made()) is not None and obstacle(made()) == ""

    def missing(name):
        raise native.Unavailable("there is no C++ compiler")

    monkeypatch.setattr(native, "load", missing)
    network, sources = made(), sentences(3)
    assert swift(network) is None and obstacle(network) == "there is no C++ compiler"
    assert all(found[0].tokens for found in said(network, sources, Search(2)))
