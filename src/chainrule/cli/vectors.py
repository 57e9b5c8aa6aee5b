"""`chainrule vectors`: neighbours, analogies, tests, a map and files of word vectors. · 词向量的查询、评估与导出。"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from ..errors import UserError, unknown
from .complete import run_names
from .show import as_json, clean, number, say, table

ACTIONS = {
    "nearest": "WORD...: the words nearest to it, or to the sum of several",
    "analogy": "A - B + C: what the sum of the vectors comes to",
    "evaluate": "[FILE]: questions-words, WordSim-353, SimLex-999 from $CHAINRULE_DATA/word-eval, or a file",
    "map": "[WORD...]: a picture of words in two dimensions",
    "export": "a file of vectors that gensim and others read",
}
FREE = {"ignore_unknown_options": True, "max_content_width": 120}


@click.command(context_settings=FREE)
@click.argument("source", metavar="RUN|FILE", shell_complete=run_names)
@click.argument("action", metavar="ACTION")
@click.argument("words", nargs=-1, metavar="[WORD]...", type=click.UNPROCESSED)
@click.option("--top", type=click.IntRange(1), help="Answers shown, 10; evaluate: words that may answer, 30000.")
@click.option("--png", is_flag=False, flag_value="", metavar="FILE", help="map: the picture; else words.png beside it.")
@click.option("--method", type=click.Choice(["pca", "tsne"]), default="pca", show_default=True, help="map: how · 方法.")
@click.option(
    "--format", "format_", type=click.Choice(["text", "binary"]), default="text", help="export: which · 格式."
)
@click.option("--out", metavar="FILE", help="export: the file; else words.txt or words.bin beside it · 输出文件.")
@click.option("--encoding", default="utf-8", show_default=True, help="Of a FILE of vectors · 编码.")
@click.option("--json", "json_", is_flag=True, help="Print JSON.")
def vectors(source: str, action: str, words: tuple[str, ...], encoding: str, json_: bool, **options: Any) -> None:
    """Ask word vectors, of a RUN or of a FILE in word2vec's formats. · 查询词向量。

    \b
    nearest WORD...    the words nearest to it, or to the sum of several
    analogy A - B + C  what the sum of the vectors comes to: king - man + woman
    evaluate [FILE]    analogies and judged pairs: from $CHAINRULE_DATA/word-eval, or of a file or folder
    map [WORD...]      a picture of words in two dimensions
    export             a file of vectors that gensim and others read
    """
    if action not in ACTIONS:
        raise unknown("action", action, tuple(ACTIONS))
    _check(action, words)
    plus, minus = signed(words) if action == "analogy" else (list(words), [])
    found, beside = _vectors(source, encoding)
    if action in ("nearest", "analogy"):
        _answers(found.most_similar(plus, minus, options["top"] or 10), json_)
    elif action == "evaluate":
        _evaluate(found, words[0] if words else None, options["top"], json_)
    elif action == "map":
        _map(found, words, Path(options["png"] or beside / "words.png"), options["method"])
    else:
        _export(found, beside, options["format_"], options["out"])


def _check(action: str, words: Sequence[str]) -> None:
    """What can be seen to be wrong before anything is read."""
    if action == "nearest" and not words:
        raise UserError("nearest: no word given; expected one, like `chainrule vectors RUN nearest king`")
    if action == "evaluate" and len(words) > 1:
        raise UserError(f"evaluate: got {len(words)} places; expected one file or folder of tests at most")
    if action == "export" and words:
        raise UserError(f"export: does not take {words[0]!r}; name the file with --out")


def signed(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """Words with a plus and words with a minus before them. · 按正负号分开的词。

    A sign stands alone or before a word; a word may hold a hyphen. Raises `UserError` where signs and words do not fit.

    >>> signed(["king", "-", "man", "+woman"])
    (['king', 'woman'], ['man'])
    """
    parts = " ".join(words).split()
    found: tuple[list[str], list[str]] = [], []
    sign: str | None = "+"
    for part in parts:
        if part in "+-−":
            if sign is not None and found != ([], []):
                raise UserError(f"analogy {' '.join(parts)!r}: two signs in a row; expected A - B + C")
            sign = part
            continue
        if len(part) > 1 and part[0] in "+-−":
            sign, part = part[0], part[1:]
        if sign is None:
            raise UserError(f"analogy {' '.join(parts)!r}: no sign before {part!r}; expected A - B + C")
        found[sign != "+"].append(part)
        sign = None
    if sign is not None or sum(map(len, found)) < 2:
        raise UserError(f"analogy {' '.join(parts)!r}: expected words with signs, like king - man + woman")
    return found


def _vectors(source: str, encoding: str) -> tuple[Any, Path]:
    """The vectors of a run or a file, and the folder beside which files are written."""
    from ..learn.words.vectors import WordVectors

    path = Path(source)
    if path.is_file() and path.name != "run.toml":
        from ..data.vector_files import read

        return WordVectors(*read(path, encoding)), path.parent
    from ..runs.folder import RunFolder

    folder = RunFolder.open(source)
    from ..catalog import kind
    from ..runfile import from_file

    model = from_file(folder.run_toml)[0]
    if kind(model) != "vectors":
        raise UserError(f"{source}: a run of {model}, which has no word vectors; expected a run of word2vec, or a file")
    from ..learn.words.kind import VectorRun

    return VectorRun(folder).vectors, folder.report if folder.report.is_dir() else folder.path


def _answers(found: list[tuple[str, float]], json_: bool) -> None:
    if json_:
        as_json([{"word": word, "cosine": round(value, 6)} for word, value in found])
        return
    table(["word", ">cosine"], [[word, f"{value:.4f}"] for word, value in found])


def _evaluate(found: Any, place: str | None, top: int | None, json_: bool) -> None:
    from ..learn.words.vectors import COMMON
    from ..learn.words.word_tests import judged, tests

    rows = list(judged(found, tests(place), top or COMMON))
    if json_:
        as_json([{k: None if v != v else v for k, v in row.items()} for row in rows])
        return
    values = ["–" if row["value"] != row["value"] else number(row["value"], row["figure"]) for row in rows]
    counts = [[f"{row['used']:,}", f"{row['skipped']:,}"] for row in rows]
    cells = [[r["test"], r["figure"], v, *n] for r, v, n in zip(rows, values, counts, strict=True)]
    table(["test", "figure", ">value", ">used", ">skipped"], cells)
    say("skipped: a word of the question is not in the vocabulary · 跳过：题中含生词")


def _map(found: Any, words: Sequence[str], path: Path, method: str) -> None:
    from ..look import word_map

    if path.suffix.lower() != ".png":
        raise UserError(f"--png {clean(path)}: expected a file name that ends in .png")
    if not path.parent.is_dir():
        raise UserError(f"--png {clean(path)}: there is no folder {clean(path.parent)}; make it first")
    shown, named = word_map.draw(found, words, path, method)
    say(f"map      {path}  {shown} words, {named} of them named")


def _export(found: Any, beside: Path, format_: str, out: str | None) -> None:
    from ..data.vector_files import write

    path = Path(out) if out else beside / ("words.bin" if format_ == "binary" else "words.txt")
    if not path.parent.is_dir():
        raise UserError(f"--out {clean(path)}: there is no folder {clean(path.parent)}; make it first")
    write(path, found.words, found.matrix, format_)
    say(f"vectors  {path}  {len(found.words):,} words of {found.matrix.shape[1]} numbers, {format_}")
