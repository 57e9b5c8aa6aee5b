"""Parallel text: pairs of sentences from files side by side, or from two columns of a table. · 平行语料。

No torch here. A folder has files PART.LANGUAGE (`train.de`, `val.en.gz`, `test_2016_flickr.fr`), or tables; what it has
no part for is held out of the training part by the seed, and no source sentence stands on both sides of that cut.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import UserError
from . import counter
from .bitext_names import KNOWN, locate
from .names import show
from .text.tables import columns, parallel

PARTS = {"train": ("train",), "val": ("val", "dev"), "test": ("test",)}
TABLES = (".tsv", ".csv", ".txt")
_PACKED = (".gz", ".xz")
_HOLD = 31
Sentences = tuple[str, str]


@dataclass(frozen=True)
class Bitext:
    """Pairs of sentences by part. · 分部分的句对。

    name: to be shown; source: as asked for; sides: names of both; parts: train, val, test → pairs; held: parts that
    were taken from the training part; fingerprint: sha256 of all of it.
    """

    name: str
    source: str
    sides: tuple[str, str]
    parts: dict[str, list[Sentences]]
    held: tuple[str, ...]
    fingerprint: str


def read(
    source: str, sides: tuple[str | int | None, str | int | None], test: str | None, val: float, seed: int
) -> Bitext:
    """All pairs of a source. · 读取全部句对。

    sides: language, column or file of source and target, None for what is usual there. test: which of several test
    parts. val: share that is held out for each part that is lacking. Raises `UserError` for what is not there, unequal
    files and empty sentences.

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> _ = (folder / "train.de").write_text("ein Mann\\nein Hund\\n")
    >>> _ = (folder / "train.en").write_text("a man\\na dog\\n")
    >>> read(str(folder), ("de", "en"), None, 0.0, 0).parts["train"]
    [('ein Mann', 'a man'), ('ein Hund', 'a dog')]
    """
    path = locate(source)
    known = KNOWN.get(source)
    asked = [given if given is not None else known and known.sides[i] for i, given in enumerate(sides)]
    asked = [known.columns.get(side, side) if known and isinstance(side, str) else side for side in asked]
    if asked[0] is not None and asked[0] == asked[1]:
        raise UserError(f"data.source={asked[0]}, data.target={asked[1]}: expected two different sides")
    parts = {"train": _table(path, asked)} if path.is_file() else _folder(path, asked, test)
    held = _hold_out(parts, val, seed)
    names = _names(source, path, sides)
    shown = f"{source if known else path.name} {names[0]}→{names[1]}"
    return Bitext(shown, source, names, parts, held, _fingerprint(parts))


def _names(source: str, path: Path, sides: Sequence[str | int | None]) -> tuple[str, str]:
    """What both sides are called: as asked for, as a known set has them, or by the endings of the files."""
    usual: Sequence[str] = ("source", "target")
    if source in KNOWN:
        usual = KNOWN[source].sides
    elif path.is_dir() and len(found := _languages(path)) == 2:
        usual = found
    one, other = (str(usual[i] if side is None else side) for i, side in enumerate(sides))
    return one, other


def _fingerprint(parts: dict[str, list[Sentences]]) -> str:
    digest = hashlib.sha256()
    for part, pairs in parts.items():
        digest.update(part.encode())
        for pair in pairs:
            digest.update("\t".join(pair).encode("utf-8", "surrogatepass") + b"\n")
    return digest.hexdigest()


def bare(path: Path) -> str:
    """The name without `.gz`. · 去掉压缩后缀的文件名。

    >>> bare(Path("x/train.de.gz"))
    'train.de'
    """
    return path.stem if path.suffix in _PACKED else path.name


def _files(folder: Path) -> dict[str, Path]:
    return {bare(p): p for p in sorted(folder.iterdir()) if p.is_file() and not p.name.startswith(".")}


def _languages(folder: Path) -> list[str]:
    """The endings of the training files of a folder. · 训练文件的语言后缀。"""
    train = [name for name in _files(folder) if name.startswith(PARTS["train"]) and "." in name]
    return sorted({name.rpartition(".")[2] for name in train if f".{name.rpartition('.')[2]}" not in TABLES})


def _folder(folder: Path, asked: list[str | int | None], test: str | None) -> dict[str, list[Sentences]]:
    files = _files(folder)
    source, target = asked
    if isinstance(source, str) and isinstance(target, str) and source in files and target in files:
        return {"train": _beside(files[source], files[target])}
    languages = _languages(folder)
    if not languages:
        return _tables(folder, files, asked)
    if source is None and target is None and len(languages) == 2:
        source, target = languages
    for side, given in (("source", source), ("target", target)):
        if given not in languages:
            raise UserError(
                f"data.{side}={'' if given is None else given}: {show(folder)} has {', '.join(languages)}: "
                "expected two of them, like data.source=de data.target=en"
            )
    parts = {}
    for part in PARTS:
        both = [stem for stem in _stems(files, part, str(source)) if f"{stem}.{target}" in files]
        stem = _one(part, both, test if part == "test" else None, folder)
        if stem is not None:
            parts[part] = _beside(files[f"{stem}.{source}"], files[f"{stem}.{target}"])
    if "train" not in parts:
        raise UserError(f"{show(folder)}: no training files in both {source} and {target}: expected train.{source}, …")
    return parts


def _stems(files: dict[str, Path], part: str, language: str) -> list[str]:
    stems = [name.removesuffix(f".{language}") for name in files if name.endswith(f".{language}")]
    return [stem for stem in stems if stem.startswith(PARTS[part])]


def _one(part: str, stems: Sequence[str], wanted: str | None, folder: Path) -> str | None:
    if wanted is not None:
        if wanted not in stems:
            has = ", ".join(stems) or "none"
            raise UserError(f"data.test={wanted}: {show(folder)} has no such test part: expected one of {has}")
        return wanted
    if len(stems) > 1:
        raise UserError(
            f"{show(folder)} has several parts for {part}: {', '.join(stems)}: "
            f"{'choose one with data.test=' if part == 'test' else 'expected one'}"
        )
    return stems[0] if stems else None


def _tables(folder: Path, files: dict[str, Path], asked: list[str | int | None]) -> dict[str, list[Sentences]]:
    tables = {name: path for name, path in files.items() if Path(name).suffix in TABLES}
    parts = {}
    for part, words in PARTS.items():
        name = _one(part, [name for name in tables if name.startswith(words)], None, folder)
        if name is not None:
            parts[part] = _table(tables[name], asked)
    tables = {name: path for name, path in tables.items() if not name.lower().startswith(("readme", "license"))}
    if "train" not in parts and len(tables) == 1:
        return {"train": _table(next(iter(tables.values())), asked)}
    if "train" not in parts:
        raise UserError(
            f"{show(folder)}: no parallel text: expected train.de and train.en (or other endings), or a table train.tsv"
        )
    return parts


def _table(path: Path, asked: list[str | int | None]) -> list[Sentences]:
    names = [i if given is None else given for i, given in enumerate(asked)]
    return [(row[0].strip(), row[1].strip()) for _, row in columns(path, names)]


def _beside(source: Path, target: Path) -> list[Sentences]:
    return [(row[0].strip(), row[1].strip()) for _, row in parallel(source, target)]


def _hold_out(parts: dict[str, list[Sentences]], val: float, seed: int) -> tuple[str, ...]:
    """Move a share of the training pairs into each part that is lacking, by their source sentences."""
    lacking = [part for part in ("val", "test") if part not in parts and val]
    pairs = parts["train"]
    sources = list(dict.fromkeys(source for source, _ in pairs))
    size = round(val * len(sources))
    if not lacking or not size:
        return ()
    if len(lacking) * size >= len(sources):
        raise UserError(f"val={val:g}: leaves nothing to train on: expected a smaller share")
    order = counter.permute(counter.key(_HOLD, seed), np.arange(len(sources)), len(sources))
    where = {sources[row]: lacking[n // size] for n, row in enumerate(order[: len(lacking) * size].tolist())}
    for part in lacking:
        parts[part] = [pair for pair in pairs if where.get(pair[0]) == part]
    parts["train"] = [pair for pair in pairs if pair[0] not in where]
    return tuple(lacking)
