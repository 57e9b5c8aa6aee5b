"""Word vectors as files: word2vec's text and binary formats. · 词向量文件：word2vec 的文本与二进制格式。

Both begin with a line "words dimension". Text then has a line for each word, binary the word, a space and its numbers
as little-endian float32. Text without the first line, as GloVe's, is read too; .gz, .bz2 and .xz as they are.
"""

import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..errors import UserError
from ..runs.durable import replace
from .corpus import opened

FORMATS = ("text", "binary")
_LONGEST = 10_000  # bytes of a word: beyond that it is no vector file
_FIRST = 1 << 16


def write(path: Path, words: Sequence[str], matrix: np.ndarray, format: str = "text") -> None:
    """Write them whole or not at all; every number so that it is read back exactly. · 写出词向量。

    Raises `UserError` for an unknown format and for a word that holds a space, `WriteFailed` where the disk refuses.
    """
    if format not in FORMATS:
        raise UserError(f"format {format!r}: expected {' or '.join(FORMATS)}")
    spaced = next((word for word in words if not word or word.split() != [word]), None)
    if spaced is not None:
        raise UserError(f"the word {spaced!r} is empty or holds a space: word2vec's formats have no place for it")
    rows = np.ascontiguousarray(matrix, "<f4")
    parts = [f"{len(words)} {rows.shape[1]}\n".encode()]
    for word, row in zip(words, rows, strict=True):
        if format == "binary":
            parts += [word.encode(), b" ", row.tobytes(), b"\n"]
        else:
            parts.append(f"{word} {' '.join(map(str, row))}\n".encode())
    replace(Path(path), b"".join(parts))


def read(path: Path, encoding: str = "utf-8") -> tuple[tuple[str, ...], np.ndarray]:
    """Words and their vectors [V, D] float32. · 读取词向量。

    Raises `UserError`, one line that says where, for whatever is not as the formats have it.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp(), "v.bin")
    >>> write(path, ["a", "b"], np.eye(2), "binary")
    >>> read(path)[1].tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    try:
        with opened(path) as file:
            raw = file.read()
    except (OSError, EOFError, ValueError) as error:
        if isinstance(error, UserError):
            raise
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise UserError(f"{path}: cannot be read ({reason}); expected word vectors in text or binary") from None
    except Exception as error:  # lzma and bz2 have errors of their own
        raise UserError(f"{path}: cannot be unpacked ({error}); expected word vectors in text or binary") from None
    if not raw.strip():
        raise UserError(f"{path}: the file is empty; expected word vectors in text or binary")
    try:
        words, matrix = _parse(raw, path, encoding)
    except LookupError:
        raise UserError(f"encoding {encoding!r}: no such encoding; expected one like utf-8, gbk or latin-1") from None
    _sound(words, matrix, path)
    return words, matrix


def _parse(raw: bytes, path: Path, encoding: str) -> tuple[tuple[str, ...], np.ndarray]:
    first, _, rest = raw[:_FIRST].partition(b"\n")
    head = first.split()
    if len(head) != 2:
        return _text(raw, path, encoding, 0, None)
    try:
        count, dim = int(head[0]), int(head[1])
    except ValueError:
        if not _is_number(head[1]):
            raise UserError(
                f"{path}, line 1: got {_shown(first)}; expected how many words and their dimension"
            ) from None
        return _text(raw, path, encoding, 0, None)
    if count < 1 or dim < 1:
        raise UserError(f"{path}, line 1: {count} words of dimension {dim}; expected at least 1 of each")
    if 2 * count * dim > len(raw):  # a digit and a space are the least that a number takes
        raise UserError(
            f"{path}, line 1: {count:,} words of dimension {dim:,} do not fit into a file of {len(raw):,} bytes; "
            "is it cut off?"
        )
    parts = rest.partition(b"\n")[0].split()
    if len(parts) > 1 and all(map(_is_number, parts[1:])):
        return _text(raw[len(first) + 1 :], path, encoding, 1, (count, dim))
    return _binary(raw, len(first) + 1, path, encoding, count, dim)


def _text(
    raw: bytes, path: Path, encoding: str, before: int, said: tuple[int, int] | None
) -> tuple[tuple[str, ...], np.ndarray]:
    words: list[str] = []
    rows: list[np.ndarray] = []
    dim = said[1] if said else 0
    for number, line in enumerate(raw.splitlines(), before + 1):
        if not line.strip():
            continue
        word, *cells = line.split()
        dim = dim or len(cells)
        if len(cells) != dim or not dim:
            raise UserError(
                f"{path}, line {number}: {len(cells)} numbers behind {_shown(word)}; expected {dim or 'some'}"
            )
        try:
            rows.append(np.array(cells, np.float32))
        except ValueError:
            wrong = next(cell for cell in cells if not _is_number(cell))
            raise UserError(f"{path}, line {number}: {_shown(wrong)} is not a number") from None
        words.append(_decoded(word, encoding, f"{path}, line {number}"))
    if said and len(words) != said[0]:
        raise UserError(f"{path}: {len(words):,} words, and its first line says {said[0]:,}; is it cut off?")
    return tuple(words), np.stack(rows)


def _binary(raw: bytes, at: int, path: Path, encoding: str, count: int, dim: int) -> tuple[tuple[str, ...], np.ndarray]:
    words: list[str] = []
    matrix = np.empty((count, dim), np.float32)
    for row in range(count):
        space = raw.find(b" ", at, at + _LONGEST)
        if space < 0 or space + 1 + 4 * dim > len(raw):
            raise UserError(
                f"{path}: ends within word {row + 1:,} of {count:,}; is it cut off, or no binary word2vec file?"
            )
        words.append(_decoded(raw[at:space].lstrip(b"\n"), encoding, f"{path}, word {row + 1}"))
        matrix[row] = struct.unpack_from(f"<{dim}f", raw, space + 1)
        at = space + 1 + 4 * dim
    if raw[at:].strip():
        raise UserError(f"{path}: {len(raw) - at:,} bytes behind the last of {count:,} words; expected none")
    return tuple(words), matrix


def _decoded(word: bytes, encoding: str, where: str) -> str:
    try:
        return word.decode(encoding)
    except UnicodeDecodeError:
        raise UserError(f"{where}: {_shown(word)} is not {encoding}; name its encoding with --encoding") from None


def _sound(words: tuple[str, ...], matrix: np.ndarray, path: Path) -> None:
    bad = np.flatnonzero(~np.isfinite(matrix).all(1))
    if len(bad):
        raise UserError(f"{path}: the vector of {words[bad[0]]!r} holds nan or inf; expected finite numbers")
    if len(set(words)) < len(words):
        seen: set[str] = set()
        twice = next(word for word in words if word in seen or seen.add(word))
        raise UserError(f"{path}: the word {twice!r} stands there twice; expected each once")


def _is_number(cell: bytes) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _shown(raw: bytes) -> str:
    text = raw[:40].decode("utf-8", "backslashreplace")
    return repr(text) + ("…" if len(raw) > 40 else "")
