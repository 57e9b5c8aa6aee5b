"""What word2vec draws from a text: which words stay, how far a window reaches, the negatives. · word2vec 的采样。

In this order, as the authors' program does: frequent words are left out *first*, so that a window reaches over them;
then its reach is drawn from 1…w; then K words, by count to the power 3/4, of which the word itself is struck out. Every
number is a hash of (seed, epoch, position): nothing is stored, and any position of any epoch can be reached at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .corpus import LINE
from .counter import uniform

POWER = 0.75  # Mikolov et al. 2013, arXiv:1310.4546, section 2.2


def kept(counts: Sequence[int], sample: float) -> np.ndarray:
    """The share of each word's occurrences that stay: √(t/f) + t/f, at most 1; all of them for t = 0. · 保留比例。

    The paper has √(t/f) (arXiv:1310.4546, section 2.3), the authors' program and gensim this.

    >>> kept([90, 10], 0.1).round(3).tolist()
    [0.444, 1.0]
    """
    share = np.asarray(counts, np.float64) / np.sum(counts)
    return np.minimum(1.0, np.sqrt(sample / share) + sample / share) if sample else np.ones(len(share))


def alias_table(weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Draw from any distribution with one number: thresholds and aliases (Vose 1991, doi:10.1109/32.92917). · 别名表。

    With x uniform in [0, V): the word ⌊x⌋ where x < threshold[⌊x⌋], else alias[⌊x⌋].

    >>> threshold, alias = alias_table(np.array([3.0, 1.0]))
    >>> threshold.tolist(), alias.tolist()
    ([1.0, 1.5], [0, 0])
    """
    scaled = np.asarray(weights, np.float64) * len(weights) / np.sum(weights)
    share, alias = np.ones(len(scaled)), np.arange(len(scaled), dtype=np.int32)
    small, large = [list(np.flatnonzero(scaled < 1)), list(np.flatnonzero(scaled >= 1))]
    while small and large:
        one, other = small.pop(), large[-1]
        share[one], alias[one] = scaled[one], other
        scaled[other] -= 1 - scaled[one]
        if scaled[other] < 1:
            small.append(large.pop())
    return share + np.arange(len(share)), alias


@dataclass(frozen=True)
class Windows:
    """Words with their neighbours and what they are told from. · 窗口。

    word [N], neighbours [N, 2w] and near [N, 2w] (true where one stands), drawn [N, K], place [N] in the text
    """

    word: np.ndarray
    neighbours: np.ndarray
    near: np.ndarray
    drawn: np.ndarray
    place: np.ndarray


@dataclass(frozen=True)
class Sampler:
    """Draws windows: keep [V], threshold and alias [V], reach at most window, so many negatives. · 窗口采样器。

    >>> sampler = Sampler.of([5, 5], sample=0.0, window=1, negative=2)
    >>> windows = sampler.draw(np.array([0, 1, 0, LINE], np.int32), 0, 4, key=7)
    >>> windows.word.tolist(), windows.near.sum(1).tolist()
    ([0, 1, 0], [1, 2, 1])
    """

    keep: np.ndarray
    threshold: np.ndarray
    alias: np.ndarray
    window: int
    negative: int

    @classmethod
    def of(cls, counts: Sequence[int], sample: float, window: int, negative: int) -> "Sampler":
        threshold, alias = alias_table(np.asarray(counts, np.float64) ** POWER)
        return cls(kept(counts, sample), threshold, alias, window, negative)

    def draw(self, ids: np.ndarray, begin: int, end: int, key: int) -> Windows:
        """The windows of the words at begin…end that stay, neighbours outside too; those without one left out."""
        words, places = self._stay(ids, begin, end, key)
        inside = np.flatnonzero((places >= begin) & (places < end) & (words != LINE))
        chosen = words[inside]
        numbers = uniform(key, places[inside], 2 + self.negative)
        reach = 1 + (numbers[:, 1] * self.window).astype(np.int64)
        steps = np.concatenate([-np.arange(1, self.window + 1), np.arange(1, self.window + 1)])
        at = inside[:, None] + steps
        line = np.cumsum(words == LINE)
        real = (at >= 0) & (at < len(words))
        at = np.where(real, at, 0)
        near = real & (words[at] != LINE) & (line[at] == line[inside][:, None]) & (np.abs(steps) <= reach[:, None])
        x = numbers[:, 2:] * len(self.keep)
        drawn = x.astype(np.int64)
        drawn = np.where(x < self.threshold[drawn], drawn, self.alias[drawn])
        some = near.any(1)
        neighbours = np.where(near, words[at], 0)
        return Windows(chosen[some], neighbours[some], near[some], drawn[some], places[inside][some])

    def _stay(self, ids: np.ndarray, begin: int, end: int, key: int) -> tuple[np.ndarray, np.ndarray]:
        """Words that stay and their places, with as many beyond both ends as a window may reach."""
        margin = self.window
        while True:
            low, high = max(0, begin - margin), min(len(ids), end + margin)
            places = np.arange(low, high)
            words = np.asarray(ids[low:high], np.int64)
            stay = (words == LINE) | (uniform(key, places, 1)[:, 0] < self.keep[np.maximum(words, 0)])
            words, places = words[stay], places[stay]
            enough = [_enough(words[places < begin], self.window), _enough(words[places >= end], self.window)]
            if (low == 0 or enough[0]) and (high == len(ids) or enough[1]):
                return words, places
            margin *= 4


def _enough(words: np.ndarray, window: int) -> bool:
    return len(words) >= window or bool((words == LINE).any())
