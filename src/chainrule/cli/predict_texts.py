"""`chainrule predict` for runs that learned from texts. · 文本预测。"""

import csv
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from ..data.text.reading import read
from ..errors import UserError
from .answers import columns, opened
from .judge import open_checked
from .show import as_json, clean, number, say, table

BROAD = 60  # characters of a text that a row shows


def predict(run: str, what: tuple[str, ...], asked: dict[str, Any]) -> None:
    """Answer texts given as words, and each line of files. · 预测文本。

    asked the options of the command. Raises `UserError` for no text at all, and at the end with a line for each text
    that could not be read, when the others are answered.
    """
    if asked["tta"] != "none" or asked["sheet"]:
        raise UserError("--tta and --sheet: for images; texts are answered as they are")
    texts = [*what, *lines(asked["files"])]
    if not texts:
        raise UserError('no text given: expected some, like "a fine film", or --file LINES.txt')
    broken: list[str] = []
    made = open_checked(run, asked["weights"], "predict")
    found = made.stream(texts, asked["topk"], broken)
    show = {"classification": _classes, "regression": _numbers, "tags": _tags}[made.facts.task]
    if asked["json_"]:
        as_json([told(one) for one in found])
    elif asked["csv_"]:
        _csv(found, asked["csv_"])
    else:
        show(found)
    if broken:
        raise UserError(*broken)


def lines(files: Iterable[str]) -> Iterator[str]:
    """The lines of files that hold more than white space. · 文件的非空行。"""
    for file in files:
        yield from (line for _, line in read(Path(file).expanduser()).filled())


def told(one: Any) -> dict[str, Any]:
    """An answer as JSON has it. · 回答转为 JSON。"""
    if one.value is not None:
        return {"text": one.text, "value": one.value}
    if one.tags:
        tags = [{"token": token, "tag": tag, "probability": p} for token, tag, p in one.tags]
        return {"text": one.text, "tags": tags}
    return {"text": one.text, "label": one.label, "probability": one.probability, "top": one.top}


def _classes(found: Iterable[Any]) -> None:
    rows = [[_short(one.text), one.label, number(one.probability, "top"), _then(one.top)] for one in found]
    table(["text", "class", ">probability", "then"], rows)


def _then(top: tuple[tuple[str, float], ...]) -> str:
    return ", ".join(f"{label} {number(share, 'top')}" for label, share in top[1:])


def _numbers(found: Iterable[Any]) -> None:
    table(["text", ">number"], [[_short(one.text), f"{one.value:.4g}"] for one in found])


def _tags(found: Iterable[Any]) -> None:
    for one in found:
        table(["token", "tag", ">probability"], [[t, tag, number(p, "top")] for t, tag, p in one.tags])
        say()


def _short(text: str) -> str:
    line = clean(" ".join(text.split()))
    return line if len(line) <= BROAD else line[: BROAD - 1] + "…"


def _csv(found: Iterable[Any], target: str) -> None:
    """A row a text, or a row a token where tags were learned. · 每段文本或每个词一行。"""
    with opened(target) as file:
        writer, count = csv.writer(file), 0
        for count, one in enumerate(found, 1):
            if one.value is not None:
                head, rows = ["text", "number"], [[one.text, one.value]]
            elif one.tags:
                head, rows = ["text", "token", "tag", "probability"], [[count, *each] for each in one.tags]
            else:
                head = ["text", *(name for k in range(len(one.top)) for name in columns(k + 1))]
                rows = [[one.text, *(cell for pair in one.top for cell in pair)]]
            if count == 1:
                writer.writerow(head)
            writer.writerows(rows)
    if target != "-":
        say(f"{count} texts in {target}")
