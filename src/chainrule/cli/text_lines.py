"""What became of a few lines of text: tokens, ids, lengths. · 几行文本的切词、编号与长度。"""

from collections.abc import Sequence
from pathlib import Path

from ..data.text.labelled import TABLES
from ..data.text.normal import Normal
from ..data.text.reading import Text, read
from ..data.text.tables import columns, parallel, titles
from ..data.text.tokens import Tokenizer, tokenizer
from ..data.text.vocabulary import Vocabulary
from ..errors import UserError, unknown
from .show import clean, say, table

ENDINGS = (".txt", ".text", ".txt.gz", ".txt.xz")
USUAL = {
    "tokens": "words",
    "normalise": "none",
    "encoding": "",
    "columns": "",
    "min_freq": "1",
    "max_size": "0",
    "lines": "5",
}
ALSO = {"min_count": "min_freq", "max_words": "max_size"}  # as `train` has them
_WIDE = 60  # characters of tokens and of ids that are shown


def is_text(words: Sequence[str]) -> bool:
    """Whether `data show` was asked about text: by the name of the file, by a second file, tokens= or columns=.

    · 是否为文本。

    >>> is_text(["a.txt"]), is_text(["a.csv", "tokens=words"]), is_text(["pictures"])
    (True, True, False)
    """
    named = words[0].lower().endswith(ENDINGS) and not Path(words[0]).is_dir()
    asked = (word.removeprefix("data.") for word in words[1:])
    return named or any(word.startswith(("tokens=", "columns=")) or Path(word).is_file() for word in asked)


def show_text(words: Sequence[str]) -> None:
    """Print what became of the first lines of a file, of parallel files, or of columns of a table. · 展示文本处理结果。

    Raises `UserError` for unknown options and for whatever is wrong with the files.
    """
    paths = [word for i, word in enumerate(words) if i == 0 or "=" not in word]
    options = _options([word for i, word in enumerate(words) if i and "=" in word])
    cut, normal = tokenizer(options["tokens"]), Normal.parse(options["normalise"])
    for name, lines in _texts(paths, options).items():
        _show(name, [(number, normal(line)) for number, line in lines], cut, options)


def _options(words: Sequence[str]) -> dict[str, str]:
    split = (word.removeprefix("data.").split("=", 1) for word in words)
    given = {ALSO.get(key, key): value for key, value in split}
    for key in given:
        if key not in USUAL:
            raise unknown("option of text", key, list(USUAL))
    options = {**USUAL, **given}
    for key in ("min_freq", "max_size", "lines"):
        if not options[key].isdecimal():
            raise UserError(f"{key}={options[key]}: expected a whole number")
    return options


def _texts(paths: Sequence[str], options: dict[str, str]) -> dict[str, list[tuple[int, str]]]:
    """A title for each text that is shown, and its lines with their numbers."""
    encoding = options["encoding"] or None
    if options["columns"]:
        if len(paths) > 1:
            raise UserError(f"{len(paths)} files with columns=: expected one table")
        names = [int(name) if name.isdecimal() else name for name in options["columns"].split(",")]
        rows = columns(paths[0], names, encoding)
        return {f"{paths[0]} column {n}": [(i, row[k]) for i, row in rows] for k, n in enumerate(names)}
    if len(paths) > 1:
        rows = parallel(*paths, encoding=encoding)
        return {path: [(i, row[k]) for i, row in rows] for k, path in enumerate(paths)}
    text = read(paths[0], encoding)
    filled = text.filled()
    empty = len(text.lines) - len(filled)
    if paths[0].lower().endswith(TABLES):
        say(f"{clean(paths[0])}: read line by line; for its columns: columns={clean(_titles(text))}")
    return {f"{paths[0]} ({text.encoding}{f', {empty:,} empty lines' if empty else ''})": filled}


def _titles(text: Text) -> str:
    """What to write behind columns=: the first line's cells, or a word for them where quotation marks are amiss."""
    try:
        return ",".join(titles(text))
    except UserError:
        return "TITLE"


def _show(title: str, lines: list[tuple[int, str]], cut: Tokenizer, options: dict[str, str]) -> None:
    sentences = [cut.tokenize(line) for _, line in lines]
    words = Vocabulary.build(sentences, int(options["min_freq"]), int(options["max_size"]) or None)
    tokens = sum(map(len, sentences))
    longest = max(range(len(sentences)), key=lambda i: len(sentences[i]))
    unknown_ones = sum(token not in words for sentence in sentences for token in sentence)
    say(
        f"{clean(title)}: {len(lines):,} lines, {tokens:,} tokens ({cut.name}), {tokens / len(lines):.1f} a line, "
        f"at most {len(sentences[longest]):,} (line {lines[longest][0] + 1:,}); vocabulary {len(words):,}, "
        f"unknown {unknown_ones / max(tokens, 1):.1%}"
    )
    rows = [
        [number + 1, len(sentence), _short("│".join(sentence)), _short(" ".join(map(str, words.encode(sentence))))]
        for (number, _), sentence in list(zip(lines, sentences, strict=True))[: int(options["lines"])]
    ]
    table([">line", ">tokens", "tokens", "ids"], rows)


def _short(text: str) -> str:
    return text if len(text) <= _WIDE else text[: _WIDE - 1] + "…"
