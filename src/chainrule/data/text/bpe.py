"""Sub-words by byte-pair encoding: learned, applied, read and written. · 字节对编码子词：学习、编码、读写。

No torch here. A word is its characters, the last one marked `</w>`; the pair that is most often side by side becomes
one symbol, again and again (Sennrich, Haddow & Birch 2016, arXiv:1508.07909, section 3.2). Files of merges are those of
subword-nmt: `#version: 0.2`, then a pair a line. Nothing is drawn: among pairs as frequent the greatest wins.
"""

import heapq
from collections import Counter, defaultdict
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path

from ...errors import UserError
from ..names import show
from .reading import read

END = "</w>"
_HEAD = "#version: 0.2"
_WORDS_KEPT = 65536  # whose pieces are remembered; a text repeats its words
Pair = tuple[str, str]


class BPE:
    """Sub-words by a list of merges; words end with `</w>`, so they can be put together again. · 子词切分。

    merges: pairs, the first ones first. Detokenized words stand one blank apart: white space is all that can be lost.
    Raises `UserError` for a pair that stands twice.

    >>> cut = BPE([("l", "o"), ("lo", "w</w>")])
    >>> cut.tokenize("low slow"), cut.detokenize(cut.tokenize("low  slow"))
    (['low</w>', 's', 'low</w>'], 'low slow')
    """

    lossless = False

    def __init__(self, merges: Iterable[Pair], name: str = "bpe") -> None:
        self.merges = list(merges)
        self.name = name
        self.rank = {pair: i for i, pair in enumerate(self.merges)}
        if len(self.rank) < len(self.merges):
            twice = next(pair for pair, n in Counter(self.merges).items() if n > 1)
            raise UserError(f"{show(name)}: the merge {twice[0]} {twice[1]} stands twice: expected each once")
        self._kept: dict[str, list[str]] = {}

    def tokenize(self, text: str) -> list[str]:
        return [piece for word in text.split() for piece in self._pieces(word)]

    def detokenize(self, tokens: list[str]) -> str:
        return "".join(tokens).replace(END, " ").strip(" ")

    def _pieces(self, word: str) -> list[str]:
        if word not in self._kept:
            if len(self._kept) >= _WORDS_KEPT:
                self._kept.clear()
            self._kept[word] = merged(symbols(word), self.rank)
        return self._kept[word]

    @classmethod
    def learn(cls, words: Iterable[str], merges: int, min_freq: int = 2) -> "BPE":
        """Learn merges from words, or from whole lines. · 学习合并规则。

        words: split at white space. merges: at most so many; fewer where no pair stands min_freq times.
        Raises `UserError` for no words or numbers out of range.

        >>> BPE.learn(["low low lower newest newest"], 2).merges
        [('w', 'e'), ('l', 'o')]
        """
        if merges < 0 or min_freq < 1:
            raise UserError(f"merges={merges}, min_freq={min_freq}: expected at least 0 and at least 1")
        counts = Counter(word for line in words for word in line.split())
        if not counts:
            raise UserError("no words to learn merges from: expected a text that is not empty")
        return cls(_learn(counts, merges, min_freq))

    @classmethod
    def read(cls, path: str | Path) -> "BPE":
        """Read a file of merges, as `write` and subword-nmt write it. · 读取合并规则文件。

        Raises `UserError` with the line that is no pair, or for the format of subword-nmt's first versions.
        """
        text = read(path)
        if not text.lines[0].startswith("#version"):
            raise UserError(f"{text.where(0)}: {show(text.lines[0])[:40]!r}: expected {_HEAD!r} and a pair a line")
        if text.lines[0].split() != _HEAD.split():
            raise UserError(f"{text.where(0)}: {show(text.lines[0])[:40]!r}: expected {_HEAD!r}, the only one known")
        merges = []
        for i, line in enumerate(text.lines[1:], 1):
            pair = line.split(" ")
            if len(pair) != 2 or not all(pair):
                raise UserError(f"{text.where(i)}: {show(line)[:40]!r}: expected two symbols with one blank between")
            merges.append((pair[0], pair[1]))
        return cls(merges, f"bpe:{path}")

    def write(self, path: str | Path) -> None:
        """Write the merges as subword-nmt does. · 写出合并规则。"""
        body = "".join(f"{a} {b}\n" for a, b in self.merges)
        Path(path).write_text(f"{_HEAD}\n{body}", encoding="utf-8")


def symbols(word: str) -> list[str]:
    """The characters, the last one marked. · 字符序列，末字符带标记。

    >>> symbols("low")
    ['l', 'o', 'w</w>']
    """
    return [*word[:-1], word[-1] + END]


def merged(pieces: list[str], rank: dict[Pair, int]) -> list[str]:
    """Apply merges to the symbols of a word: all places of the best pair, then of the next best. · 依次应用合并。

    A heap of places keeps a word of n characters at n log n steps, whatever stands in it.

    >>> merged(["a", "a", "a"], {("a", "a"): 0})
    ['aa', 'a']
    """
    parts: list[str | None] = list(pieces)
    last = len(parts)
    behind, before = list(range(1, last + 1)), list(range(-1, last - 1))
    heap: list[tuple[int, int, Pair]] = []

    def found(left: int) -> None:
        pair = (parts[left], parts[behind[left]])
        if pair in rank:
            fresh.append((rank[pair], left, pair))  # pyright: ignore[reportArgumentType, reportCallIssue]

    fresh: list[tuple[int, int, Pair]] = []
    for i in range(last - 1):
        found(i)
    while fresh or heap:
        for entry in fresh:
            heapq.heappush(heap, entry)
        fresh.clear()
        now = heap[0][0]
        while heap and heap[0][0] == now:  # what these merges make is looked at when all of them are done
            _, left, pair = heapq.heappop(heap)
            right = behind[left]
            if parts[left] != pair[0] or right >= last or parts[right] != pair[1]:
                continue
            parts[left], parts[right] = pair[0] + pair[1], None
            behind[left] = behind[right]
            if behind[left] < last:
                before[behind[left]] = left
                found(left)
            if before[left] >= 0:
                found(before[left])
    return [part for part in parts if part is not None]


def _learn(counts: Counter[str], merges: int, min_freq: int) -> list[Pair]:
    words = [(symbols(word), n) for word, n in sorted(counts.items())]
    often: Counter[Pair] = Counter()
    inside: defaultdict[Pair, set[int]] = defaultdict(set)
    for i, (parts, n) in enumerate(words):
        for pair in pairwise(parts):
            often[pair] += n
            inside[pair].add(i)
    heap = [(-n, _downwards(pair), pair) for pair, n in often.items()]
    heapq.heapify(heap)
    learned: list[Pair] = []
    while heap and len(learned) < merges:
        n, order, pair = heapq.heappop(heap)
        if -n != often[pair]:  # an old entry: what has become less is put back, what has become more is there already
            if min_freq <= often[pair] < -n:
                heapq.heappush(heap, (-often[pair], order, pair))
            continue
        if -n < min_freq:
            break
        learned.append(pair)
        for change in _merge_all(pair, words, often, inside):
            heapq.heappush(heap, (-often[change], _downwards(change), change))
    return learned


def _merge_all(
    pair: Pair, words: list[tuple[list[str], int]], often: Counter[Pair], inside: defaultdict[Pair, set[int]]
) -> set[Pair]:
    """Merge a pair in all words that hold it; the pairs that stand there more often than before."""
    more: set[Pair] = set()
    for i in sorted(inside.pop(pair)):
        parts, n = words[i]
        after = _joined(parts, pair)
        if len(after) == len(parts):
            continue
        words[i] = (after, n)
        for old in pairwise(parts):
            often[old] -= n
        for new in pairwise(after):
            often[new] += n
            inside[new].add(i)
            more.add(new)
    often[pair] = 0
    return more


def _joined(parts: list[str], pair: Pair) -> list[str]:
    out, i = [], 0
    while i < len(parts):
        both = i + 1 < len(parts) and parts[i] == pair[0] and parts[i + 1] == pair[1]
        out.append(pair[0] + pair[1] if both else parts[i])
        i += 2 if both else 1
    return out


def _downwards(pair: Pair) -> tuple[tuple[int, ...], ...]:
    """A key that sorts pairs from the greatest to the least; the end of a symbol is less than any character."""
    return tuple((*(-ord(c) for c in part), 1) for part in pair)
