"""Counted language models: what one has without a network. · 计数语言模型：无需网络的基线。

symbols  ids [L]   V entries of the vocabulary   n order: a token is judged by the n − 1 before it   a(cw) times that
         context c stands before w   N₁₊(c·) different tokens behind c   D discount
note     interpolated Kneser–Ney: p(w given c) = max(a(cw) − D, 0)/a(c·) + D·N₁₊(c·)/a(c·) · p(w given the shorter c);
         below the highest order a(cw) counts the different tokens before cw, not how often it stands; D = n₁/(n₁ + 2n₂)
"""

from dataclasses import dataclass

import numpy as np

from ..errors import UserError

_BITS = 62  # an n-gram is one int64
MOST = 20_000_000  # tokens that are counted: the last ones of a longer text


@dataclass(frozen=True)
class _Level:
    """One order: its n-grams in order, with their counts, and the same of their contexts."""

    grams: np.ndarray
    counts: np.ndarray
    contexts: np.ndarray
    sums: np.ndarray
    kinds: np.ndarray
    discount: float

    def share(self, grams: np.ndarray, size: int, lower: np.ndarray) -> np.ndarray:
        """p of the last token of each n-gram, given p by the shorter context."""
        at, there = _find(self.contexts, grams // size)
        own, known = _find(self.grams, grams)
        a = np.where(known, self.counts[own], 0)
        total = np.where(there, self.sums[at], 1)
        seen = np.maximum(a - self.discount, 0) / total + self.discount * self.kinds[at] / total * lower
        return np.where(there, seen, lower)


class NGrams:
    """An interpolated Kneser–Ney model. · 插值 Kneser–Ney 模型。

    ids: int64 [L] of the training part; size: V; order: n, lowered where V^n does not fit 62 bits. Order 1 is the share
    of each token, smoothed by its discount. Raises `UserError` for an order below 1 and a text shorter than it.
    Source: Kneser & Ney 1995, doi:10.1109/ICASSP.1995.479394; interpolated as in Chen & Goodman 1998, TR-10-98,
    section 2.7.

    >>> model = NGrams(np.array([4, 5, 4, 5, 4, 5]), size=6, order=2)
    >>> model.log_p(np.array([4, 5])).round(2).tolist()
    [-1.1, -0.12]
    """

    def __init__(self, ids: np.ndarray, size: int, order: int) -> None:
        ids = np.asarray(ids[-MOST:], dtype=np.int64)
        self.size, self.order = size, min(order, max(1, int(_BITS / np.log2(size))))
        if order < 1 or len(ids) < self.order:
            raise UserError(f"order={order}, a text of {len(ids)} tokens: expected at least 1, and as many tokens")
        grams, counts = np.unique(self._grams(ids, self.order), return_counts=True)
        self.levels: list[_Level] = []
        for n in range(self.order, 0, -1):
            contexts, first = np.unique(grams // size, return_index=True)
            kinds = np.diff(np.append(first, len(grams)))
            once, twice = int((counts == 1).sum()), int((counts == 2).sum())
            discount = once / (once + 2 * twice) if once and twice else 0.5
            self.levels.insert(0, _Level(grams, counts, contexts, np.add.reduceat(counts, first), kinds, discount))
            grams, counts = np.unique(grams % size ** (n - 1), return_counts=True)

    def _grams(self, ids: np.ndarray, n: int) -> np.ndarray:
        """[L − n + 1]: the n tokens that begin at each place, as one number."""
        found = ids[: len(ids) - n + 1].copy()
        for k in range(1, n):
            found = found * self.size + ids[k : len(ids) - n + 1 + k]
        return found

    def log_p(self, ids: np.ndarray) -> np.ndarray:
        """Nats [L] of each token given those before it, of which the first ones have fewer; negative. · 对数概率。"""
        ids = np.asarray(ids, dtype=np.int64)
        p = np.full(len(ids), 1 / self.size)
        for n, level in enumerate(self.levels, 1):
            if len(ids) >= n:
                p[n - 1 :] = level.share(self._grams(ids, n), self.size, p[n - 1 :])
        return np.log(p)


def _find(ordered: np.ndarray, wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where each stands, and whether it does."""
    at = np.minimum(np.searchsorted(ordered, wanted), len(ordered) - 1)
    return at, ordered[at] == wanted
