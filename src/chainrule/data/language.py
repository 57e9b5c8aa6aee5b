"""A text to be continued: read, cut in parts, numbered. · 用于语言模型的文本：读取、划分、编号。

No torch here. The parts follow each other in the text and nothing is shuffled: the last share is the test part, the
share before it the validation part. Vocabulary and merges come from the training part alone. With characters the end of
a line is one of them; with every other scheme it is `<EOS>`, which no text can write itself.
"""

import hashlib
from array import array
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import UserError
from .names import show
from .text.bpe import BPE
from .text.normal import Normal
from .text.reading import read
from .text.tokens import Tokenizer, tokenizer
from .text.vocabulary import EOS, NUL, SPECIALS, Vocabulary
from .text_names import text_path

SHORT = {"chars": "characters", "char": "characters", "word": "words"}
_PIECE = 1 << 16  # characters of a long line that are cut into tokens at a time, up to the next blank


@dataclass(frozen=True)
class Ways:
    """How a text is read. · 文本的读取方式。

    tokens    characters, words, bpe (learned from the training part), or another scheme of `tokenizer`
    steps     tokens that are read at a time: how far back-propagation goes, and how far a Transformer sees
    min_count what stands less often is unknown; max_words entries of the vocabulary at most, 0 for all
    merges    of bpe; encoding: detected if empty; test: the last share of the text
    normalise lines are brought to, as "nfkc+lower"; see `text.normal`

    >>> Ways.of({"tokens": "chars"}).tokens
    'characters'
    """

    tokens: str = "characters"
    steps: int = 128
    normalise: str = "none"
    min_count: int = 1
    max_words: int = 0
    merges: int = 4000
    encoding: str = ""
    test: float = 0.1

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> "Ways":
        """Checked values; raises one `UserError` with a line for each that is wrong. · 检查后的读取方式。"""
        usual, lines = {f.name: f.default for f in fields(cls)}, []
        values: dict[str, Any] = {**usual, **given}
        for key, least in (("steps", 1), ("min_count", 1), ("max_words", 0), ("merges", 1)):
            if type(values[key]) is not int or values[key] < least:
                lines.append(f"data.{key}={values[key]}: expected a whole number of at least {least}")
        if 0 < (values["max_words"] if type(values["max_words"]) is int else 0) <= len(SPECIALS):
            lines.append(f"data.max_words={values['max_words']}: expected more than {len(SPECIALS)}, or 0 for all")
        if type(values["test"]) not in (int, float) or not 0 <= values["test"] < 1:
            lines.append(f"data.test={values['test']}: expected a share of at least 0 and below 1")
        for key, example in (
            ("tokens", "characters, words, bpe"),
            ("normalise", "lower, nfkc"),
            ("encoding", "utf-8, gbk"),
        ):
            if not isinstance(values[key], str) or (key == "tokens" and not values[key]):
                lines.append(f"data.{key}={values[key]}: expected a name, as {example}, …")
        if "merges" in given and values["tokens"] != "bpe":
            lines.append(
                f"data.merges={values['merges']}: only data.tokens=bpe takes it, and data.tokens={values['tokens']}"
            )
        if lines:
            raise UserError(*lines)
        Normal.parse(values["normalise"])
        return cls(**{**values, "tokens": SHORT.get(values["tokens"], values["tokens"])})


@dataclass(frozen=True)
class Part:
    """A stretch of text as ids. · 一段文本的编号。

    ids int64 [L]; characters: of the text, line ends too; unknown: the share of tokens that are `<NUL>`.
    """

    ids: np.ndarray
    characters: int

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def unknown(self) -> float:
        return float((self.ids == NUL).mean())


class Reader:
    """Text to ids and back, as one run does it. · 文本与编号互转。

    >>> reader = Reader("characters", Vocabulary.build(["ab\\n"]))
    >>> reader.ids("ba\\n").tolist(), reader.text([5, 6])
    ([6, 5, 4], 'ab')
    """

    def __init__(self, tokens: str, vocabulary: Vocabulary, merges: tuple[tuple[str, str], ...] = ()) -> None:
        self.vocabulary = vocabulary
        self.cut: Tokenizer = BPE(merges, "bpe") if tokens == "bpe" else tokenizer(tokens)
        self.whole = tokens == "characters"

    def ids(self, text: str) -> np.ndarray:
        """int64 [L]; a line's end is a character, or `<EOS>`. · 文本转编号。"""
        if self.whole:
            codes = _codes(text)
            known = {ord(t): i for i, t in enumerate(self.vocabulary.tokens) if len(t) == 1}
            table = np.full(max(int(codes.max(initial=0)), *known) + 1, NUL)
            table[list(known)] = list(known.values())
            return table[codes]
        found, encode = array("q"), self.vocabulary.encode
        for piece, ends in pieces(text):
            found.extend(encode(self.cut.tokenize(piece), eos=ends))
        return np.frombuffer(found, dtype=np.int64) if found else np.zeros(0, np.int64)

    def text(self, ids: Any) -> str:
        """Ids as text again; `<EOS>` is a line's end. · 编号转文本。"""
        lines: list[list[str]] = [[]]
        for i in ids:
            if i == EOS:
                lines.append([])
            else:
                lines[-1].append(self.vocabulary.token(int(i)))
        return "\n".join(map(self.cut.detokenize, lines))


@dataclass(frozen=True)
class Language:
    """A text in its parts, and what its tokens are. · 划分后的文本与词表。

    val and test are None where their shares are 0. fingerprint: sha256 of the text and of how it is read.
    shuffled: whether it is learned from stretches in random order, as a model that carries nothing on wants it.
    """

    source: str
    fingerprint: str
    ways: Ways
    vocabulary: Vocabulary
    merges: tuple[tuple[str, str], ...]
    train: Part
    val: Part | None
    test: Part | None
    shuffled: bool = False

    @property
    def name(self) -> str:
        return Path(self.source).stem or self.source

    @property
    def reader(self) -> Reader:
        return Reader(self.ways.tokens, self.vocabulary, self.merges)


def load(source: str, ways: Ways, val: float = 0.1) -> Language:
    """A text by name or path, as it is learned from. · 读取用于学习的文本。

    val: share of what is left beside the test part. Raises `UserError` for what cannot be read and parts that are
    empty.
    """
    text = text_of(source, ways)
    parts = cut(text, ways, val)
    merges = _merges(ways, parts[0])
    vocabulary = _vocabulary(ways, parts[0], merges)
    reader = Reader("bpe" if merges else ways.tokens, vocabulary, merges)
    made = [None if part is None else Part(reader.ids(part), len(part)) for part in parts]
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass"))
    digest.update(repr((ways, val)).encode())
    assert made[0] is not None
    told = ways if not merges else Ways(**{**vars(ways), "tokens": "bpe"})
    return Language(source, digest.hexdigest(), told, vocabulary, merges, made[0], made[1], made[2])


def text_of(source: str, ways: Ways) -> str:
    """The whole text of a file, or of all .txt files of a folder in order of their names. · 读出全文。"""
    path = text_path(source)
    if path is None:
        raise UserError(f"data {source!r}: no such file; expected a text, or a folder of .txt files")
    files = sorted(p for p in path.iterdir() if p.suffix == ".txt") if path.is_dir() else [path]
    if not files:
        raise UserError(f"{show(path)}: no .txt file in this folder; expected a text, or a folder of them")
    lines = (line for file in files for line in read(file, ways.encoding or None).lines)
    return "".join(f"{line}\n" for line in map(Normal.parse(ways.normalise), lines))


def cut(text: str, ways: Ways, val: float) -> tuple[str, str | None, str | None]:
    """Training, validation and test part, in the order of the text. · 按顺序划分。

    Characters are cut where the share says, all else behind the next line's end, or the next blank of a long line.

    >>> cut("abcdefghij", Ways(test=0.2), 0.25)
    ('abcdef', 'gh', 'ij')
    """
    ends = [int(len(text) * (1 - ways.test) * (1 - val)), int(len(text) * (1 - ways.test))]
    if ways.tokens != "characters":
        ends = [_behind(text, end) for end in ends]
    first, second = ends
    parts = text[:first], text[first:second] if val else None, text[second:] if ways.test else None
    for part, share in zip(parts, ("", f"val={val:g}", f"data.test={ways.test:g}"), strict=True):
        if part is not None and not part.strip():
            what = f"the part of {share}" if share else "the training part"
            raise UserError(
                f"a text of {len(text):,} characters: {what} is empty; expected a longer text or other shares"
            )
    return parts[0], parts[1], parts[2]


def pieces(text: str) -> Iterator[tuple[str, bool]]:
    """The lines of a text, long ones in pieces, and whether a line ends there. · 逐行（长行分段）。

    >>> list(pieces("a b\\n\\nc"))
    [('a b', True), ('', True), ('c', False)]
    """
    start = 0
    while start < len(text):
        end = text.find("\n", start, start + _PIECE)
        if end >= 0:
            yield text[start:end], True
            start = end + 1
            continue
        stop = text.find(" ", start + _PIECE) if start + _PIECE < len(text) else len(text)
        line = text.find("\n", start + _PIECE, stop if stop >= 0 else len(text))
        stop = line if line >= 0 else stop if stop >= 0 else len(text)
        yield text[start:stop], line >= 0
        start = stop + (line >= 0)


def _behind(text: str, place: int) -> int:
    if place in (0, len(text)):
        return place
    line, blank = text.find("\n", place), text.find(" ", place)
    far = line < 0 or line + 1 == len(text) or line - place > _PIECE  # a line that would take the next part with it
    return (blank if far and blank >= 0 else line) + 1 or len(text)


def _merges(ways: Ways, text: str) -> tuple[tuple[str, str], ...]:
    if ways.tokens == "bpe":
        return tuple(BPE.learn((piece for piece, _ in pieces(text)), ways.merges).merges)
    made = tokenizer(ways.tokens)
    return tuple(made.merges) if isinstance(made, BPE) else ()


def _vocabulary(ways: Ways, text: str, merges: tuple[tuple[str, str], ...]) -> Vocabulary:
    most = ways.max_words or None
    if ways.tokens == "characters":
        codes, counts = np.unique(_codes(text), return_counts=True)
        told = {chr(code): int(n) for code, n in zip(codes, counts, strict=True)}
        return Vocabulary.of_counts(Counter(told), ways.min_count, most)
    cutter: Tokenizer = BPE(merges) if merges else tokenizer(ways.tokens)
    found: Counter[str] = Counter()
    for piece, _ in pieces(text):
        found.update(cutter.tokenize(piece))
    return Vocabulary.of_counts(found, ways.min_count, most)


def _codes(text: str) -> np.ndarray:
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
