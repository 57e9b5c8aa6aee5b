"""`chainrule translate`: sentences and files by a run that learned to. · 翻译。"""

import json
import sys
from collections.abc import Iterable, Iterator
from io import BufferedReader
from itertools import islice
from pathlib import Path
from typing import Any

import click

from ..errors import UserError
from .answers import check_target
from .complete import run_names
from .judge import open_checked, weights_option
from .show import clean, say

AHEAD = 64  # lines read ahead while a file streams


@click.command(context_settings={"max_content_width": 120})
@click.argument("run", shell_complete=run_names)
@click.argument("texts", nargs=-1, metavar="[TEXT]...")
@click.option("--file", "file", metavar="FILE|-", help="Translate its lines, one in one out · 逐行翻译文件.")
@click.option("--beam", type=click.IntRange(1), default=5, show_default=True, help="Hypotheses; 1: greedy · 束宽.")
@click.option(
    "--length-penalty",
    "alpha",
    type=click.FloatRange(0),
    default=1.0,
    show_default=True,
    help="Scores are divided by length to this power · 长度惩罚.",
)
@click.option("--n-best", "nbest", type=click.IntRange(1), default=1, help="So many translations of each · 候选数.")
@click.option("--attention", metavar="PNG", help="Draw where each word looked · 画出对齐热力图.")
@weights_option
@click.option("--json", "json_", is_flag=True, help="A JSON object a line, with scores and alignments.")
def translate(
    run: str, texts: tuple[str, ...], file: str | None, attention: str | None, json_: bool, weights: str, **search: Any
) -> None:
    """Translate TEXTs, or the lines of a file, by RUN. · 翻译句子或文件。

    Lines come out as they are translated, an empty one for an empty one; what cannot be translated is named at the end.
    """
    if bool(texts) == (file is not None):
        raise UserError("translate: expected sentences, or --file with lines of them; one of the two")
    if search["nbest"] > search["beam"]:
        raise UserError(f"--n-best {search['nbest']}: expected at most --beam {search['beam']}")
    check_picture(attention, len(texts))
    groups = [list(texts)] if file is None else _groups(file)
    opened = open_checked(run, weights, "translate")
    from ..learn.translation.translator import Search

    asked = Search(**search)
    align = attention is not None or (json_ and hasattr(opened.network, "align"))
    trouble = _told(opened, groups, asked, align, (json_, attention))
    if trouble:
        raise UserError(*map(clean, trouble))


def check_picture(path: str | None, sentences: int) -> None:
    """Refuse what cannot be drawn before the network is loaded. · 检查图片路径。

    >>> check_picture(None, 3)
    """
    if path is None:
        return
    if sentences != 1:
        raise UserError(f"--attention {clean(path)}: expected one sentence, got {sentences or 'a file'}")
    if not path.lower().endswith(".png"):
        raise UserError(f"--attention {clean(path)}: expected a file name that ends in .png")
    check_target("--attention", path)


def _told(opened: Any, groups: Iterable[list[str]], asked: Any, align: bool, how: tuple[bool, str | None]) -> list[str]:
    """Print what is said; the lines of what could not be translated."""
    json_, attention = how
    trouble: list[str] = []
    for one in _beside_empty(opened, groups, asked, align):
        if one is None:
            print(json.dumps({"source": "", "said": []}) if json_ else "", flush=True)
            continue
        if one.trouble:
            trouble.append(one.trouble)
        if json_:
            print(json.dumps(as_dict(one), ensure_ascii=False), flush=True)
        elif asked.nbest == 1:
            print(one.best, flush=True)
        else:
            for saying in one.said:
                print(f"{saying.score:.4f}\t{saying.text}", flush=True)
        if attention and one.said:
            from ..look.alignment import draw

            best = one.said[0]
            draw(one.tokens, best.tokens, best.alignment, Path(attention), opened.model)
            if not json_:
                say(f"attention  {attention}")
    return trouble


def as_dict(one: Any) -> dict[str, Any]:
    """What a program reads of a translation. · 供程序读取的译文。"""
    said = [
        {
            "text": s.text,
            "tokens": s.tokens,
            "score": round(s.score, 6),
            "log_prob": round(s.log_prob, 6),
            "alignment": s.alignment and [[round(share, 4) for share in row] for row in s.alignment],
        }
        for s in one.said
    ]
    return {"source": one.text, "tokens": one.tokens, "said": said, "trouble": one.trouble}


def _beside_empty(opened: Any, groups: Iterable[list[str]], asked: Any, align: bool) -> Iterator[Any]:
    """One answer a line, None for an empty one, in order, while lines are read. · 空行对空行。"""
    number = 0
    for lines in groups:
        yield from _answers(opened, lines, number, asked, align)
        number += len(lines)


def _answers(opened: Any, lines: list[str], before: int, asked: Any, align: bool) -> Iterator[Any]:
    filled = [i for i, line in enumerate(lines) if line.strip()]
    numbers = [before + i + 1 for i in filled]
    found = dict(zip(filled, opened.stream([lines[i] for i in filled], asked, align, numbers), strict=True))
    for i in range(len(lines)):
        yield found.get(i)


def _groups(file: str) -> Iterator[list[str]]:
    """The lines of a file, so many at a time; of the standard input those that have come. · 逐批读取各行。"""
    if file == "-":
        return _decoded(_arriving(sys.stdin.buffer), file)
    try:
        return _decoded(_read_ahead(Path(file).open("rb")), file)
    except FileNotFoundError as error:
        raise UserError(f"--file {clean(file)}: no such file; expected a file of sentences") from error
    except OSError as error:
        raise UserError(f"--file {clean(file)}: cannot be read ({error.strerror}); expected a file of text") from error


def _read_ahead(stream: BufferedReader) -> Iterator[list[bytes]]:
    with stream:
        while lines := list(islice(stream, AHEAD)):
            yield lines


def _arriving(stream: Any) -> Iterator[list[bytes]]:
    """Whoever writes a line into a pipe gets its translation without writing another."""
    rest = b""
    while data := stream.read1(1 << 16):
        *lines, rest = (rest + data).split(b"\n")
        yield lines
    yield [rest] if rest else []


def _decoded(groups: Iterator[list[bytes]], name: str) -> Iterator[list[str]]:
    number = 0
    for group in groups:
        lines = []
        for line in group:
            number += 1
            try:
                lines.append(line.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r\n"))
            except UnicodeDecodeError as error:
                raise UserError(f"--file {clean(name)} line {number}: not UTF-8: save the file as UTF-8") from error
        yield lines
