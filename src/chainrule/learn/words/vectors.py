"""What one can ask of word vectors: neighbours, analogies, and how well they agree with people. · 词向量的查询与评估。

Words are compared by the cosine, never by the bare product: unrelated words are near 0, and opposite ones are *close*,
for they stand in the same contexts (errata E65).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ...errors import UserError, did_you_mean

_AT_ONCE = 256  # questions of one product
COMMON = 30_000  # words among which an answer is looked for


@dataclass(frozen=True)
class Section:
    """Questions of one kind: right ones, asked ones, and those skipped for an unknown word. · 一类问题的结果。"""

    name: str
    right: int
    asked: int
    skipped: int


@dataclass(frozen=True)
class Agreement:
    """Rank correlation with people's judgements of pairs, pairs used and skipped. · 与人工评分的秩相关。"""

    rho: float
    used: int
    skipped: int


@dataclass(frozen=True)
class WordVectors:
    """Words, the frequent ones first, and their vectors [V, D]. · 词与词向量。

    >>> vectors = WordVectors(("a", "b", "c"), np.array([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0]]))
    >>> vectors.most_similar(["a"], topn=1)[0][0]
    'b'
    """

    words: tuple[str, ...]
    matrix: np.ndarray
    index: dict[str, int] = field(init=False, repr=False)
    unit: np.ndarray = field(init=False, repr=False)

    def __post_init__(self) -> None:
        length = np.linalg.norm(self.matrix, axis=1, keepdims=True)
        unit = (self.matrix / np.where(length > 0, length, 1)).astype(np.float32)
        object.__setattr__(self, "unit", unit)
        object.__setattr__(self, "index", {word: i for i, word in enumerate(self.words)})

    def at(self, word: str) -> int:
        """The row of a word; capitals count only where the word as it stands is unknown. · 词的行号。

        Raises `UserError` for a word that is not in the vocabulary.
        """
        found = self.index.get(word, self.index.get(word.lower()))
        if found is None:
            hint = did_you_mean(word, self.words[:COMMON])
            raise UserError(f"the word {word!r} is not among the {len(self.words):,} words of these vectors{hint}")
        return found

    def most_similar(
        self, positive: Sequence[str], negative: Sequence[str] = (), topn: int = 10
    ) -> list[tuple[str, float]]:
        """The words nearest to a sum of unit vectors by the cosine, none of those given. · 最相近的词。

        Raises `UserError` for unknown words, all at once. Source: Mikolov, Yih & Zweig 2013, N13-1090, section 4.

        >>> WordVectors(("a", "b"), np.eye(2)).most_similar(["a"])
        [('b', 0.0)]
        """
        plus, minus = self._rows(positive, negative)
        target = self.unit[plus].sum(0) - self.unit[minus].sum(0)
        target = target / max(float(np.linalg.norm(target)), 1e-12)
        cosine = self.unit @ target
        cosine[[*plus, *minus]] = -np.inf
        best = np.argsort(-cosine, kind="stable")[: min(topn, len(self.words))]
        return [(self.words[i], float(cosine[i])) for i in best if np.isfinite(cosine[i])]

    def _rows(self, positive: Sequence[str], negative: Sequence[str]) -> tuple[list[int], list[int]]:
        errors: list[str] = []
        rows: tuple[list[int], list[int]] = [], []
        for words, into in zip((positive, negative), rows, strict=True):
            for word in words:
                try:
                    into.append(self.at(word))
                except UserError as error:
                    errors += error.lines
        if errors:
            raise UserError(*errors)
        return rows

    def evaluate_word_analogies(self, path: Path, restrict_vocab: int = COMMON) -> list[Section]:
        """Questions "a is to b as c is to ?": the nearest word to b − a + c by the cosine, but none of the three.

        Only the most frequent restrict_vocab words ask and answer; a question with another word is counted as skipped.
        · 类比题：排除题中三个词，生词题计为跳过。

        Raises `UserError` for a file that holds no such questions.
        """
        unit = self.unit[:restrict_vocab]
        index = {word.lower(): i for i, word in reversed(list(enumerate(self.words[:restrict_vocab])))}
        found = []
        for name, questions in _sections(path):
            rows = [[index.get(word.lower(), -1) for word in question] for question in questions]
            known = np.array([row for row in rows if min(row) >= 0], np.int64).reshape(-1, 4)
            right = sum(_right(unit, known[i : i + _AT_ONCE]) for i in range(0, len(known), _AT_ONCE))
            found.append(Section(name, right, len(known), len(rows) - len(known)))
        return found

    def evaluate_word_pairs(self, path: Path, restrict_vocab: int | None = None) -> Agreement:
        """Spearman's rank correlation of the cosine with people's judgements of pairs. · 与人工相似度的秩相关。

        A pair with an unknown word is skipped. Raises `UserError` for a file that holds no pairs.
        """
        cosines, judged, skipped = [], [], 0
        index = {word.lower(): i for i, word in reversed(list(enumerate(self.words[:restrict_vocab])))}
        for one, other, score in _pairs(path):
            rows = index.get(one.lower()), index.get(other.lower())
            if rows[0] is None or rows[1] is None:
                skipped += 1
                continue
            cosines.append(float(self.unit[rows[0]] @ self.unit[rows[1]]))
            judged.append(score)
        return Agreement(spearman(cosines, judged), len(judged), skipped)


def _right(unit: np.ndarray, questions: np.ndarray) -> int:
    a, b, c, d = questions.T
    cosine = (unit[b] - unit[a] + unit[c]) @ unit.T
    cosine[np.arange(len(questions))[:, None], questions[:, :3]] = -np.inf
    return int((cosine.argmax(1) == d).sum())


def ranks(values: Sequence[float]) -> np.ndarray:
    """Ranks from 1; equal values share the mean of theirs. · 秩，并列取平均。

    >>> ranks([10, 20, 20, 5]).tolist()
    [2.0, 3.5, 3.5, 1.0]
    """
    _, inverse, counts = np.unique(np.asarray(values), return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return (last - (counts - 1) / 2)[inverse]


def spearman(x: Sequence[float], y: Sequence[float]) -> float:
    """The correlation of ranks, nan where there is none. · 斯皮尔曼秩相关。

    >>> spearman([1, 2, 3], [1, 4, 9])
    1.0
    """
    if len(x) < 2:
        return float("nan")
    a, b = (r - r.mean() for r in (ranks(x), ranks(y)))
    scale = float(np.sqrt((a @ a) * (b @ b)))
    return round(float(a @ b) / scale, 12) if scale else float("nan")


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise UserError(f"{path}: not UTF-8 text; expected analogies or pairs of words") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); expected analogies or pairs of words") from None
    yield from ((number, line.strip()) for number, line in enumerate(text.splitlines(), 1) if line.strip())


def _sections(path: Path) -> list[tuple[str, list[list[str]]]]:
    found: list[tuple[str, list[list[str]]]] = []
    for number, line in _lines(path):
        if line.startswith(":"):
            found.append((line[1:].strip(), []))
            continue
        words = line.split()
        if len(words) != 4:
            raise UserError(f"{path}, line {number}: {len(words)} words; expected four, or `: name of the section`")
        if not found:
            found.append((Path(path).stem, []))
        found[-1][1].append(words)
    if not any(questions for _, questions in found):
        raise UserError(f"{path}: holds no questions; expected lines of four words")
    return found


def _pairs(path: Path) -> list[tuple[str, str, float]]:
    found = []
    for number, line in _lines(path):
        if line.startswith("#"):
            continue
        cells = line.replace(",", "\t").split("\t") if "\t" in line or "," in line else line.split()
        try:
            one, other, score = cells[0].strip(), cells[1].strip(), float(cells[2])
        except (IndexError, ValueError):
            raise UserError(f"{path}, line {number}: {line[:60]!r}; expected two words and a number") from None
        found.append((one, other, score))
    if not found:
        raise UserError(f"{path}: holds no pairs; expected lines of two words and a number")
    return found
