"""Batches of pairs of sentences, an epoch of them: against torch's DataLoader with pad_sequence.

Both shuffle anew each epoch and give the same tensors: source, mask, what the decoder reads and what it is to say. The
first peer takes sentences as they come, so short ones stand beside long ones; the second is handed our own batches, cut
by length within a budget of tokens, and pads them. Its sentences are tensors before the clock starts.
"""

from collections.abc import Iterable

import numpy as np
import torch
from harness import Table, measure
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader

from chainrule.data.text.part import PairsFeed, Part
from chainrule.data.text.vocabulary import BOS, EOS, PAD

PAIRS, WORDS, BATCH, TOKENS = 20_000, 8000, 64, 4096


def pairs() -> Part:
    """Sentences as long as in life: some fifteen words, a few of them many."""
    rng = np.random.default_rng(0)
    lengths = np.clip(rng.lognormal(2.6, 0.45, PAIRS), 1, 100).astype(int)
    others = np.clip(lengths + rng.integers(-3, 4, PAIRS), 1, 100)
    sources, targets = ([rng.integers(4, WORDS, n).tolist() for n in sizes] for sizes in (lengths, others))
    return Part([("", "")] * PAIRS, sources, targets)


def collate(rows: list[tuple[Tensor, Tensor]]) -> tuple[tuple[Tensor, ...], Tensor]:
    source = pad_sequence([source for source, _ in rows], batch_first=True)
    read = pad_sequence([target[:-1] for _, target in rows], batch_first=True)
    return (source, source != PAD, read), pad_sequence([target[1:] for _, target in rows], batch_first=True)


class Epochs:
    """Our batches, an epoch a call."""

    def __init__(self, part: Part):
        self.feed, self.epoch = PairsFeed(part, 0, TOKENS, BATCH), 0

    def rows(self, epoch: int) -> list[list[int]]:
        return [self.feed.cut.indices(epoch, number).tolist() for number in range(self.feed.batches)]

    def __call__(self) -> int:
        n, self.epoch = self.feed.updates, self.epoch + 1
        return sum(len(self.feed.at(step)[0][1]) for step in range(self.epoch * n, self.epoch * n + n))


def theirs(loader: DataLoader) -> int:
    return sum(len(y) for _, y in loader)


def run(seconds: float, only: Iterable[str] = ()) -> Table:
    """The table; `only` is there for the runner: there is one row."""
    part = pairs()
    ours = Epochs(part)
    tensors = [(torch.tensor(s), torch.tensor([BOS, *t, EOS])) for s, t in zip(part.sources, part.targets, strict=True)]
    loaders: dict[str, DataLoader] = {
        "DataLoader": DataLoader(tensors, BATCH, shuffle=True, collate_fn=collate),  # pyright: ignore
        "DataLoader, our batches": DataLoader(tensors, batch_sampler=ours.rows(0), collate_fn=collate),  # pyright: ignore
    }
    calls = {name: (lambda loader=loader: theirs(loader)) for name, loader in loaders.items()}
    made = measure("an epoch of pairs", f"{PAIRS:,} pairs", {**calls, "ours": ours}, tuple(loaders), seconds)
    tokens = int(part.lengths.sum())
    rates = ", ".join(f"{name} {tokens / took / 1e6:.2f}" for name, took in made.seconds.items())
    full = {name: filled(loader) for name, loader in loaders.items()}
    notes = [
        f"Million tokens a second, padding not counted: {rates}.",
        f"Share of a batch that is no padding: {', '.join(f'{name} {share:.0%}' for name, share in full.items())}.",
    ]
    return Table("batching", "Batches of pairs of sentences", {"ours": 0.97}, times=True, rows=[made], notes=notes)


def filled(loader: DataLoader) -> float:
    """Tokens as a share of the places."""
    places, tokens = 0, 0
    for (source, mask, _), y in loader:
        places, tokens = places + source.numel() + y.numel(), tokens + int(mask.sum()) + int((y != PAD).sum())
    return tokens / places
