"""Files of text to lines, whatever their encoding and their ends of lines. · 读取任意编码与换行的文本文件。

No torch here. A file is UTF-8 (with a byte order mark or without), UTF-16 with a mark, GBK or Latin-1; what it was
taken for is said in the answer, and `encoding=` overrules it. A file that is almost UTF-8 is broken, and nothing else;
one that could be several things is refused until its encoding is named: no text is read as another by a guess.
"""

import codecs
import gzip
import lzma
import re
import zlib
from dataclasses import dataclass
from pathlib import Path

from ...errors import UserError
from ..names import show

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_HIGH_RUN = re.compile(rb"[\x80-\xff]+")
_INSIDE = re.compile(rb"[A-Za-z][\x80-\xff]{2}(?![\x80-\xff])|(?<![\x80-\xff])[\x80-\xff]{2}[A-Za-z]")  # a Latin word
_ENOUGH = 0.8  # of the bytes above 127 stand in pairs, where a file is GBK: Latin-1 has them one by one
_COMMON = 0.5  # of what a GBK file says beside ASCII are marks, kana and the 3,755 commonest characters, at least
_SAMPLE = 20_000  # characters that are looked at for it
_RIGHT = 4  # wrong bytes to a right character of UTF-8, above which a file is something else


@dataclass(frozen=True)
class Text:
    """The lines of a file, the empty ones among them. · 文件的各行，保留空行。

    path: as given. encoding: what the bytes were taken for. lines: without their ends.
    """

    path: str
    encoding: str
    lines: tuple[str, ...]

    def where(self, index: int) -> str:
        """A place for a message; index counts from 0, lines from 1. · 用于消息的位置。

        >>> Text("a.txt", "utf-8", ("x",)).where(0)
        'a.txt line 1'
        """
        return f"{self.path} line {index + 1}"

    def filled(self) -> list[tuple[int, str]]:
        """(index, line) of the lines that hold more than white space. · 非空行及其下标。

        >>> Text("a.txt", "utf-8", ("x", " ", "y")).filled()
        [(0, 'x'), (2, 'y')]
        """
        return [(i, line) for i, line in enumerate(self.lines) if line.strip()]


def read(path: str | Path, encoding: str | None = None) -> Text:
    """Read a file of text, as it is or packed by gzip or xz. · 读取文本文件，可为 gzip 或 xz 压缩。

    encoding: Python's name of it, detected if None. Lines end with \\n or \\r\\n, or with \\r where there is no \\n.
    Raises `UserError` with file and line for what cannot be read: no such file, no text, another encoding, zero bytes.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "a.txt"
    >>> _ = path.write_bytes("一\\r\\n\\r\\n二".encode("gbk"))
    >>> read(path).lines, read(path).encoding
    (('一', '', '二'), 'gb18030')
    """
    data = _bytes(Path(path))
    text, encoding = decode(data, show(path), encoding)
    return Text(show(path), encoding, lines(text))


def lines(text: str) -> tuple[str, ...]:
    """The lines of a text; a mark that only typography calls a line's end stays where it is. · 按换行符切分。

    >>> lines("a\\r\\nb\\u2028c\\n"), lines("a\\rb")
    (('a', 'b\\u2028c'), ('a', 'b'))
    """
    if "\n" not in text:
        parts = text.split("\r")
    else:
        parts = [part.removesuffix("\r") for part in text.split("\n")]
    return tuple(parts if parts[-1] else parts[:-1])


def decode(data: bytes, name: str, encoding: str | None = None) -> tuple[str, str]:
    """Bytes to text, and the encoding that it was. · 字节解码为文本，并给出所用编码。

    name: of the file, for messages. Raises `UserError` with the line of the first byte that does not fit.

    >>> decode("été".encode("latin-1"), "a.txt"), decode("\\ufeffa".encode(), "a.txt")
    (('été', 'latin-1'), ('a', 'utf-8-sig'))
    """
    chosen = _named(encoding, name) if encoding else _detect(data, name)
    try:
        text = data.decode(chosen)
    except UnicodeDecodeError as error:
        wrong = data[error.start : error.start + 1].hex()
        raise UserError(
            f"{name} line {_line(data, error.start)}: byte 0x{wrong} is not {chosen}: "
            "save the file as UTF-8, or name its encoding (encoding=gbk, latin-1, …)"
        ) from error
    except UnicodeError as error:
        raise UserError(f"{name}: not {chosen} ({error}): save the file as UTF-8") from error
    if (zero := text.find("\0")) >= 0:
        raise UserError(f"{name} line {text.count(chr(10), 0, zero) + 1}: a zero byte: expected a file of text")
    if not text.strip():
        raise UserError(f"{name}: {'only empty lines' if text else 'an empty file'}: expected lines of text")
    return text, chosen


def _bytes(path: Path) -> bytes:
    opener = {".gz": gzip.open, ".xz": lzma.open}.get(path.suffix.lower(), open)
    try:
        if path.is_dir():
            raise UserError(f"{show(path)}: a folder: expected a file of text")
        with opener(path, "rb") as stream:
            return stream.read()  # pyright: ignore[reportReturnType]
    except FileNotFoundError as error:
        raise UserError(f"{show(path)}: no such file; expected a file of text") from error
    except (EOFError, lzma.LZMAError, zlib.error, gzip.BadGzipFile) as error:
        raise UserError(f"{show(path)}: a damaged archive ({error}): expected a whole {path.suffix} file") from error
    except (OSError, ValueError) as error:  # a null byte in the name is a ValueError
        if isinstance(error, UserError):
            raise
        raise UserError(f"{show(path)}: cannot be read ({getattr(error, 'strerror', None) or error})") from error


def _named(encoding: str, name: str) -> str:
    try:
        found = codecs.lookup(encoding)
        if found._is_text_encoding:
            return "utf-8-sig" if found.name == "utf-8" else found.name
    except LookupError:
        pass
    raise UserError(f"encoding={encoding}: unknown: expected utf-8, gbk, gb18030, latin-1, … for {name}")


def _detect(data: bytes, name: str) -> str:
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return encoding
    try:
        data.decode("utf-8")
        return "utf-8"
    except UnicodeDecodeError as error:
        loose = data.decode("utf-8", "replace")
        wrong, right = loose.count("\ufffd"), sum(c > "\x7f" and c != "\ufffd" for c in loose)
        found = "" if right > wrong else _other(data)
        if found and (found == "gb18030" or right * _RIGHT < wrong):
            return found
        why = "as the rest is" if right > wrong else "and the file is not surely GBK or Latin-1"
        raise UserError(
            f"{name} line {_line(data, error.start)}: byte 0x{data[error.start]:02x} is not UTF-8, {why}: "
            "mend it, or name the encoding (encoding=gbk, latin-1, big5, …)"
        ) from error


def _other(data: bytes) -> str:
    """GBK where characters stand in pairs of bytes, Latin-1 where they do not, and nothing where neither is sure."""
    runs = [len(run) for run in _HIGH_RUN.findall(data)]
    if sum(length - length % 2 for length in runs) < _ENOUGH * sum(runs):
        return "latin-1"
    if 2 * len(_INSIDE.findall(data)) > len(runs):  # accents of UTF-8, not Chinese
        return ""
    try:
        said = [c for c in data.decode("gb18030") if c > "\x7f"][:_SAMPLE]
    except UnicodeDecodeError:
        return ""
    codes = [c.encode("gb2312", "ignore") for c in said]
    common = sum(bool(code) and (code[0] < 0xAA or 0xB0 <= code[0] <= 0xD7) for code in codes)
    return "gb18030" if common >= _COMMON * len(said) else ""


def _line(data: bytes, place: int) -> int:
    return data.count(b"\n", 0, place) + 1
