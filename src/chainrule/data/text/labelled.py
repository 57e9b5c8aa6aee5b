"""Texts with what is to be said of them: a label, a number, or a tag for each token. · 带标签的文本。

No torch here. What the files look like says how they are read:

    a .csv or .tsv               a row a text, with named columns
    a file for each class        its lines are the texts, its name is the label (a folder of .txt files)
    a folder for each class      its files are the texts
    .conll, .bio, .iob           a token and its tag a line, an empty line between sentences
    any other file               a text a line, the label is its first word
    two files of one part        train.TEXT and train.LABEL side by side, a tag for each word

A folder may hold a file for each part: train, val (dev, valid), test.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ...errors import UserError
from ..names import hidden, show
from ..sources import path_of
from ..text_names import TAGGED, TEXTS, is_named
from .reading import Text, read
from .tables import columns, parallel

PARTS = {"train": "train", "val": "val", "dev": "val", "valid": "val", "validation": "val", "test": "test"}
TABLES = (".csv", ".tsv")
Sample = tuple[str | tuple[str, ...], str | tuple[str, ...]]


@dataclass(frozen=True)
class How:
    """Which columns and in which encoding. · 读取方式。

    text, label: titles of columns, or their numbers from 0; in a folder of two files a part, their endings.
    """

    text: str | int = "text"
    label: str | int = "label"
    encoding: str | None = None
    delimiter: str | None = None


@dataclass(frozen=True)
class Labelled:
    """The texts of each part that the source has. · 各部分的文本。

    parts: "train", perhaps "val" and "test" → samples (text, label), or (tokens, tags) where tagged. classes: names of
    the labels "0", "1", … of a known set.
    """

    name: str
    parts: Mapping[str, list[Sample]]
    tagged: bool = False
    classes: tuple[str, ...] = ()


def labelled(source: str, how: How = How()) -> Labelled:
    """The texts that a name, a file or a folder holds. · 读取带标签的文本。

    Raises `UserError` with file and line for what is not as its form has it, and for a source that is not there.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "a.csv"
    >>> _ = path.write_text("text,label\\ngood,1\\nbad,0\\n")
    >>> labelled(str(path)).parts["train"]
    [('good', '1'), ('bad', '0')]
    """
    if is_named(source):
        return _known(source, how)
    path = path_of(source)
    if path is None:
        raise UserError(f"data {source!r}: expected one of {', '.join(TEXTS)}, or the path of labelled texts")
    name = path.resolve().name if path.is_dir() else path.stem
    if path.is_file():
        return Labelled(name, {"train": _file(path, how)}, path.suffix.lower() in TAGGED)
    return _folder(path, name, how)


def _known(name: str, how: How) -> Labelled:
    known = TEXTS[name]
    if known.parts == (".",):
        return _folder(known.shelf.find(name), name, how)
    parts = [part for part, file in zip(("train", "val", "test"), known.parts, strict=True) if file]
    files = zip(parts, known.shelf.paths(name), strict=True)
    return Labelled(name, {part: _lines(read(file)) for part, file in files}, classes=known.classes)


def _folder(path: Path, name: str, how: How) -> Labelled:
    entries = sorted(p for p in path.iterdir() if not hidden(p) and not p.name.lower().startswith(("readme", "licen")))
    files, folders = [p for p in entries if p.is_file()], [p for p in entries if p.is_dir()]
    if sides := _sides(files, how):
        return Labelled(name, {part: _side_by_side(*pair, how) for part, pair in sides.items()}, tagged=True)
    parts = {PARTS[p.name.split(".")[0].lower()]: p for p in files if p.name.split(".")[0].lower() in PARTS}
    if "train" in parts:
        tagged = {p.suffix.lower() in TAGGED for p in parts.values()}
        if len(tagged) > 1:
            raise UserError(f"{show(path)}: some parts have tags and some have not: expected files of one form")
        return Labelled(name, {part: _file(p, how) for part, p in parts.items()}, tagged.pop())
    split = {PARTS[p.name.lower()]: p for p in folders if p.name.lower() in PARTS}
    if "train" in split:
        return Labelled(name, {part: _classes(p, how) for part, p in split.items()})
    return Labelled(name, {"train": _classes(path, how)})


def _sides(files: Sequence[Path], how: How) -> dict[str, tuple[Path, Path]]:
    """Part → its two files, where a folder has train.TEXT and train.LABEL."""
    named = {p.name: p for p in files}
    found = {}
    for stem, part in PARTS.items():
        pair = (f"{stem}.{how.text}", f"{stem}.{how.label}")
        if all(name in named for name in pair):
            found[part] = (named[pair[0]], named[pair[1]])
    return found if "train" in found else {}


def _file(path: Path, how: How) -> list[Sample]:
    suffix = path.suffix.lower()
    if suffix in TABLES or path.name.lower().endswith((".csv.gz", ".tsv.gz")):
        rows = columns(path, [how.text, how.label], how.encoding, how.delimiter)
        return [(text, label.strip()) for _, (text, label) in rows]
    return _tagged(read(path, how.encoding), how) if suffix in TAGGED else _lines(read(path, how.encoding))


def _lines(text: Text) -> list[Sample]:
    """A label and a text a line; fastText's __label__ before it is no part of the label."""
    found: list[Sample] = []
    for i, line in text.filled():
        label, _, rest = line.strip().partition("\t" if "\t" in line.strip() else " ")
        if not rest.strip():
            raise UserError(f"{text.where(i)}: {show(line)[:40]!r}: expected a label and a text behind it")
        found.append((rest.strip(), label.removeprefix("__label__")))
    return found


def _tagged(text: Text, how: How) -> list[Sample]:
    """A token a line in columns, the first and the last unless others are named by number; "# a = b" is a remark."""
    places = [how.text if isinstance(how.text, int) else 0, how.label if isinstance(how.label, int) else -1]
    found: list[Sample] = []
    sentence: list[tuple[str, str]] = []
    for i, line in enumerate([*text.lines, ""]):
        cells = line.split("\t") if "\t" in line else line.split()
        if not line.strip() or cells[0] == "-DOCSTART-":
            if sentence:
                tokens, tags = zip(*sentence, strict=True)
                found.append((tokens, tags))
            sentence = []
        elif not (line.startswith("# ") and " = " in line):
            if len(cells) <= max(places[0], places[1], 1):
                raise UserError(f"{text.where(i)}: {len(cells)} columns: expected a token and its tag")
            sentence.append((cells[places[0]], cells[places[1]]))
    if not found:
        raise UserError(f"{text.path}: no sentence: expected a token and its tag a line")
    return found


def _side_by_side(words: Path, tags: Path, how: How) -> list[Sample]:
    found: list[Sample] = []
    for i, (said, told) in parallel(words, tags, encoding=how.encoding):
        one, other = tuple(said.split()), tuple(told.split())
        if len(one) != len(other):
            raise UserError(f"{show(tags)} line {i + 1}: {len(other)} tags for {len(one)} words: expected as many")
        found.append((one, other))
    return found


def _classes(path: Path, how: How) -> list[Sample]:
    """A class for each file of lines, or for each folder of files."""
    entries = sorted(p for p in path.iterdir() if not hidden(p))
    files = [p for p in entries if p.is_file() and p.suffix.lower() == ".txt" and p.stem.lower() not in ("readme",)]
    folders = [p for p in entries if p.is_dir()]
    if len(files) > 1:
        return [(line.strip(), p.stem) for p in files for _, line in read(p, how.encoding).filled()]
    found: list[Sample] = []
    for folder in folders:
        for p in sorted(folder.glob("*.txt")):
            found.append((" ".join(read(p, how.encoding).lines), folder.name))
    if not found:
        raise UserError(
            f"{show(path)}: no labelled texts: expected train.csv, train.tsv, train.conll, a .txt file for each class, "
            f"or train.{how.text} beside train.{how.label}"
        )
    return found
