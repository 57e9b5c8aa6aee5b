"""Plain text as numbers: words counted, the frequent kept, the text as their ids. · 语料：计数、词表与编号。

The text is read twice in pieces, .xz, .gz and .bz2 too, and its ids go to a file that has no name: neither the text nor
the ids need fit the memory. Words stand between spaces; a line is a sentence, of any length (gensim cuts sentences at
10,000 words); words that are not in the vocabulary are left out, so that their neighbours become neighbours.
"""

import bz2
import codecs
import gzip
import hashlib
import lzma
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from ..errors import UserError

LINE = -1  # ends a line in the ids
_PIECE = 1 << 20
_OPENERS = {".xz": lzma.open, ".gz": gzip.open, ".bz2": bz2.open}


@dataclass(frozen=True)
class Vocabulary:
    """The words that are kept, the frequent ones first, and how often each occurs. · 词表，按频率降序。

    >>> Vocabulary(("the", "cat"), (9, 2)).total
    11
    """

    words: tuple[str, ...]
    counts: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.words)

    @property
    def total(self) -> int:
        return sum(self.counts)


@dataclass(frozen=True)
class Corpus:
    """A text as ids. · 编号后的文本。

    ids [n] int32, `LINE` behind each line; words counts all of the text, the rare ones too; fingerprint of its bytes.
    """

    source: str
    vocabulary: Vocabulary
    ids: np.ndarray
    words: int
    fingerprint: str


def read(path: Path, min_count: int = 5, max_words: int = 0, lower: bool = False, encoding: str = "utf-8") -> Corpus:
    """Count, choose the vocabulary, number the text. · 读取语料。

    min_count  words that occur less often are left out; max_words  keep so many at most (0: all)

    Raises `UserError` for what cannot be read, is not in that encoding, or has no two words that occur often enough.

    >>> path = Path(tempfile.mkdtemp(), "text")
    >>> _ = path.write_text("a b a\\nb a c")
    >>> read(path, min_count=2).ids.tolist()
    [0, 1, 0, -1, 1, 0, -1]
    """
    counts: Counter[str] = Counter()
    digest = hashlib.sha256()
    for piece in _pieces(path, encoding, lower, digest):
        counts.update(piece.split())
    total = sum(counts.values())
    vocabulary = choose(counts, min_count, max_words)
    if len(vocabulary) < 2:
        raise UserError(
            f"{path}: of its {total:,} words {len(vocabulary)} occur {min_count} times or more; expected at least two: "
            "a longer text, or a smaller model.min_count"
        )
    index = {word: i for i, word in enumerate(vocabulary.words)}
    with tempfile.TemporaryFile() as file:
        for piece in _pieces(path, encoding, lower):
            _numbered(piece, index).tofile(file)
        if file.tell() and piece[-1:] != "\n":
            np.array([LINE], np.int32).tofile(file)
        file.flush()
        ids = np.memmap(file, np.int32, "r")
    return Corpus(str(path), vocabulary, ids, total, digest.hexdigest())


def choose(counts: Counter[str], min_count: int, max_words: int = 0) -> Vocabulary:
    """The words that occur often enough; of equal counts the one seen first. · 按频率选词。

    >>> choose(Counter("abracadabra"), 2).words
    ('a', 'b', 'r')
    """
    common = [(word, n) for word, n in counts.most_common(max_words or None) if n >= min_count]
    return Vocabulary(tuple(word for word, _ in common), tuple(n for _, n in common))


def _numbered(piece: str, index: dict[str, int]) -> np.ndarray:
    lines = piece.split("\n")
    found: list[int] = []
    for number, line in enumerate(lines):
        found += [i for i in map(index.get, line.split()) if i is not None]
        if number < len(lines) - 1:
            found.append(LINE)
    return np.array(found, np.int32)


def _pieces(path: Path, encoding: str, lower: bool, digest: "hashlib._Hash | None" = None) -> Iterator[str]:
    """The text a piece at a time, none of which ends within a word."""
    try:
        decoder = codecs.getincrementaldecoder("utf-8-sig" if encoding in ("utf-8", "utf8") else encoding)()
    except LookupError:
        raise UserError(
            f"model.encoding={encoding}: no such encoding; expected one like utf-8, gbk or latin-1"
        ) from None
    rest, at = "", 0
    try:
        with opened(path) as file:
            while True:
                raw = file.read(_PIECE)
                if digest is not None:
                    digest.update(raw)
                text = rest + decoder.decode(raw, final=not raw)
                at += len(raw)
                if not raw:
                    break
                cut = max(text.rfind(" "), text.rfind("\n"), text.rfind("\t"), text.rfind("\u3000")) + 1
                text, rest = text[:cut], text[cut:]
                if text:
                    yield text.lower() if lower else text
        if text:
            yield text.lower() if lower else text
    except UnicodeDecodeError as error:
        raise UserError(
            f"{path}: byte {at + error.start:,} or near it is not {encoding}; name its encoding with model.encoding=…, "
            "like gbk or latin-1"
        ) from None
    except (OSError, lzma.LZMAError, EOFError) as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise UserError(f"{path}: cannot be read ({reason}); expected a text file, plain, .gz, .bz2 or .xz") from None


def opened(path: Path) -> BinaryIO:
    """A file to be read, unpacked on the way where its name ends in .gz, .bz2 or .xz. · 打开文件，压缩的边读边解。

    Raises `UserError` for a folder, OSError for what cannot be opened.
    """
    if path.is_dir():
        raise UserError(f"{path} is a folder: expected a text file, plain, .gz, .bz2 or .xz")
    return _OPENERS.get(path.suffix.lower(), Path.open)(path, "rb")  # pyright: ignore[reportReturnType]
