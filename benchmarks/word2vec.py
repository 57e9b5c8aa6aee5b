"""An epoch of word2vec against gensim's: the same slice of text, window, dimension, negatives and threads.

gensim gets its sentences as lists of words, 10,000 at most; ours the numbered text: counting and numbering are outside
both. Below the table: what both have learned after five epochs, on the same tests.
"""

import logging
import lzma
import os
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import harness
import torch
from harness import Table

from chainrule.data import corpus
from chainrule.data.counter import key
from chainrule.data.windows import Sampler
from chainrule.kernels import word2vec
from chainrule.learn.words.training import LEAST, RATES
from chainrule.learn.words.vectors import WordVectors
from chainrule.learn.words.word_tests import judged, tests
from chainrule.zoo.word2vec import arrays, tables

SIZE = int(os.environ.get("CHAINRULE_SLICE", "10000000"))  # bytes of wiki8
DIM, WINDOW, NEGATIVE, EPOCHS, SENTENCE = 100, 5, 5, 5, 10_000
FORMS = {"skip-gram": (False, 1e-4), "CBOW": (True, 1e-3)}


class Ours:
    """Our tables, an epoch a call."""

    def __init__(self, text: corpus.Corpus, cbow: bool, sample: float, epochs: int = 1):
        self.text, self.cbow, self.epochs, self.epoch = text, cbow, epochs, 0
        self.sampler = Sampler.of(text.vocabulary.counts, sample, WINDOW, NEGATIVE)
        self.E, self.O = tables(len(text.vocabulary), DIM, 0)

    def __call__(self) -> None:
        n, given = len(self.text.ids), arrays(self.sampler, None) | {"ids": self.text.ids}
        self.epoch += 1
        word2vec.train(
            self.E,
            self.O,
            given,
            torch.get_num_threads(),
            begin=0,
            end=n,
            window=WINDOW,
            negative=NEGATIVE,
            cbow=self.cbow,
            key=key(0, self.epoch),
            lr=RATES[self.cbow],
            least=LEAST,
            done=(self.epoch - 1) % self.epochs * n,
            total=self.epochs * n,
        )

    def vectors(self) -> WordVectors:
        return WordVectors(self.text.vocabulary.words, self.E[:, :DIM].numpy())


def theirs(sentences: list[list[str]], cbow: bool, sample: float, epochs: int = 0) -> Any:
    """gensim's model with its vocabulary, trained for so many epochs."""
    from gensim.models import Word2Vec

    logging.getLogger("gensim").setLevel(logging.ERROR)
    options = {"vector_size": DIM, "window": WINDOW, "negative": NEGATIVE, "sample": sample, "sg": int(not cbow)}
    model = Word2Vec(workers=torch.get_num_threads(), min_count=5, seed=1, **options)
    model.build_vocab(sentences)
    if epochs:
        model.train(sentences, total_examples=len(sentences), epochs=epochs)
    return model


def slice_of_wiki8(folder: Path) -> Path:
    home = Path(os.environ.get("CHAINRULE_DATA", "../shared/data"))
    path = folder / "slice.txt"
    with lzma.open(home / "wiki8" / "wiki8.xz") as file:
        path.write_bytes(file.read(SIZE))
    return path


def learned(name: str, vectors: WordVectors) -> str:
    """What the tests say: analogies of all kinds together, and the pairs."""
    rows = {row["test"]: row for row in judged(vectors, tests())}
    told = [f"{k} {rows[k]['figure']} {rows[k]['value']:.3f}" for k in ("questions-words", "wordsim353", "simlex999")]
    return f"{name}: {', '.join(told)}"


def run(seconds: float, only: Iterable[str] = ()) -> Table:
    chosen, rows, notes = set(only), [], []
    with tempfile.TemporaryDirectory() as folder:
        path = slice_of_wiki8(Path(folder))
        text, words = corpus.read(path), path.read_text().split()
    sentences = [words[i : i + SENTENCE] for i in range(0, len(words), SENTENCE)]
    for name, (cbow, sample) in FORMS.items():
        if chosen and name not in chosen:
            continue
        peer, own = theirs(sentences, cbow, sample), Ours(text, cbow, sample)
        calls: dict[str, Callable[[], Any]] = {
            "gensim": lambda peer=peer: peer.train(sentences, total_examples=len(sentences), epochs=1),
            "ours": own,
        }
        row = harness.measure(name, f"{len(words):,} words", calls, ("gensim",), seconds)
        rows.append(row)
        rates = ", ".join(f"{form} {len(words) / took / 1e3:,.0f}" for form, took in row.seconds.items())
        notes.append(f"{name}, thousand words of text a second: {rates}.")
        fresh, other = Ours(text, cbow, sample, EPOCHS), theirs(sentences, cbow, sample, EPOCHS)
        for _ in range(EPOCHS):
            fresh()
        known = WordVectors(tuple(other.wv.index_to_key), other.wv.vectors)
        notes.append(f"{name} after {EPOCHS} epochs, {learned('gensim', known)}; {learned('ours', fresh.vectors())}.")
    return Table("word2vec", "An epoch of word2vec", {"ours": 1.5}, times=True, rows=rows, notes=notes)
