"""The native kernel is the formula: the same windows, one after the other, give the same tables."""

from dataclasses import fields

import numpy as np
import pytest
import torch

from chainrule.data.corpus import LINE
from chainrule.data.counter import key
from chainrule.data.huffman import huffman
from chainrule.data.windows import Sampler, Windows
from chainrule.kernels import native, word2vec
from chainrule.zoo.word2vec import arrays, step, tables

LENGTH, WORDS, DIM, WINDOW = 600, 50, 20, 4
FORMS = [(False, False, 5), (False, True, 5), (True, False, 5), (True, True, 5), (False, False, 11), (True, False, 1)]


@pytest.fixture(autouse=True)
def compiled():
    try:
        native.load("word2vec")
    except native.Unavailable as error:
        pytest.skip(str(error))


class Text:
    """A text of a few lines with frequent words left out, and tables that are far from zero."""

    def __init__(self, cbow, hs, negative):
        rng = np.random.default_rng(0)
        counts = np.sort(rng.integers(5, 500, WORDS))[::-1].tolist()
        self.ids = rng.choice(WORDS, LENGTH, p=np.array(counts) / sum(counts)).astype(np.int32)
        self.ids[[0, 40, 41, 300, LENGTH - 1]] = LINE
        self.cbow, self.sampler = cbow, Sampler.of(counts, 1e-3, WINDOW, negative)
        self.tree = huffman(counts) if hs else None
        torch.manual_seed(0)
        self.E, self.O = tables(WORDS, DIM, 0, WORDS - 1 if hs else WORDS)
        self.E *= DIM
        self.O[:, :DIM] = torch.randn(len(self.O), DIM) * 0.3
        self.key = key(1, 0)

    def by_kernel(self, begin=0, end=LENGTH, threads=1):
        return word2vec.train(
            self.E,
            self.O,
            arrays(self.sampler, self.tree) | {"ids": self.ids},
            threads,
            begin=begin,
            end=end,
            window=WINDOW,
            negative=self.sampler.negative,
            cbow=self.cbow,
            key=self.key,
            lr=0.05,
            least=1e-4,
            done=0,
            total=LENGTH,
        )

    def by_formula(self):
        E, O = self.E.double(), self.O.double()
        windows = self.sampler.draw(self.ids, 0, LENGTH, self.key)
        tree = None if self.tree is None else tuple(map(torch.from_numpy, self.tree.padded()))
        losses = []
        for i in range(len(windows.word)):
            one = Windows(*[getattr(windows, f.name)[i : i + 1] for f in fields(windows)])
            loss = step(E, O, one, 0.05 * np.maximum(1e-4, 1 - one.place / LENGTH), self.cbow, tree)
            losses.append((int(one.place[0]), loss, 1 if self.cbow else int(one.near.sum())))
        return E, O, losses


@pytest.mark.parametrize(("cbow", "hs", "negative"), FORMS)
def test_the_kernel_is_the_formula(cbow, hs, negative):
    text = Text(cbow, hs, negative)
    before = text.E.clone(), text.O.clone()
    E, O, losses = text.by_formula()
    assert 100 < len(losses) < 400  # frequent words are left out
    done = text.by_kernel()
    torch.testing.assert_close(text.E.double(), E, rtol=1e-5, atol=2e-6)
    torch.testing.assert_close(text.O.double(), O, rtol=1e-5, atol=2e-6)
    assert (text.E - before[0]).abs().max() > 0.02
    assert (text.O - before[1]).abs().max() > 0.02
    assert not text.E[:, DIM:].any()
    looked = [(loss * pairs, pairs) for place, loss, pairs in losses if place % 64 == 0]
    assert done.pairs == sum(pairs for _, pairs in looked)
    assert done.loss == pytest.approx(sum(loss for loss, _ in looked), rel=1e-4)


@pytest.mark.parametrize(("cbow", "hs", "negative"), FORMS[:4])
def test_one_thread_is_the_same_bit_for_bit_wherever_it_is_cut(cbow, hs, negative):
    whole, cut = Text(cbow, hs, negative), Text(cbow, hs, negative)
    whole.by_kernel()
    for begin in range(0, LENGTH, 37):
        cut.by_kernel(begin, min(LENGTH, begin + 37))
    assert torch.equal(whole.E, cut.E)
    assert torch.equal(whole.O, cut.O)


def test_threads_train_the_same_words():
    one, two = Text(False, False, 5), Text(False, False, 5)
    alone, together = one.by_kernel(), two.by_kernel(threads=2)
    assert alone.trained == together.trained
    assert alone.pairs == together.pairs


def test_tables_of_another_shape_are_refused():
    text = Text(False, False, 5)
    text.E = text.E[:, :DIM]
    with pytest.raises(ValueError, match="multiple of 16"):
        text.by_kernel()


def test_without_a_compiler_there_is_a_reason(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setattr(native.shutil, "which", lambda name: None)
    with pytest.raises(native.Unavailable, match=r"no C\+\+ compiler"):
        native._made("word2vec")
    monkeypatch.setenv("CXX", "false")
    with pytest.raises(native.Unavailable, match=r"false refused the kernel word2vec\.cpp"):
        native._made("word2vec")
    assert not list((tmp_path / "chainrule" / "kernels").iterdir())
