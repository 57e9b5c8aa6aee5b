"""Predictions as a table, as JSON or as CSV, written while they come. · 预测结果的表格、JSON 与 CSV。"""

import csv
import json
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, TextIO

from ..errors import UserError
from .show import clean, number, say, table

BLOCK = 500  # rows of one table: their widths must be known before the first is printed


def check_target(option: str, path: str | None) -> None:
    """Refuse a file that cannot be written, before torch is imported and long before the work is done. · 检查输出路径。

    >>> check_target("--csv", "-")
    """
    if path is None or path == "-":
        return
    target = Path(path)
    if target.is_dir():
        raise UserError(f"{option} {clean(path)}: a folder: expected the name of a file to write")
    if not target.parent.is_dir():
        raise UserError(f"{option} {clean(path)}: there is no folder {clean(target.parent)}: make it first")
    if not os.access(target if target.exists() else target.parent, os.W_OK):
        raise UserError(f"{option} {clean(path)}: permission denied: expected a place that can be written")


def as_table(found: Iterable[Any], several: bool, what: str = "file") -> None:
    """A row for each image or node: its class and the runners-up, or all its labels. · 每个样本一行。"""
    rest = iter(found)
    while block := list(islice(rest, BLOCK)):
        if several:
            rows = [[one.path, ", ".join(one.labels) or "–", _shares(one.top)] for one in block]
            table([what, "classes", "likeliest"], rows)
        else:
            rows = [[one.path, one.label, number(one.probability, "top"), _shares(one.top[1:])] for one in block]
            table([what, "class", ">probability", "then"], rows)


def _shares(top: Iterable[tuple[str, float]]) -> str:
    return ", ".join(f"{label} {number(share, 'top')}" for label, share in top)


def as_json(found: Iterable[Any], several: bool, what: str = "path") -> None:
    """A JSON list, one image a line. · JSON 列表，每张图像一行。"""
    mark = "["
    for one in found:
        told = {what: str(one.path), "label": one.label, "probability": one.probability, "top": one.top}
        told |= {"labels": one.labels} if several else {}
        print(mark, json.dumps(told, ensure_ascii=False), sep="\n", end="")
        mark = ","
    print("[]" if mark == "[" else "\n]", flush=True)


def as_csv(found: Iterable[Any], several: bool, target: str, what: str = "file") -> None:
    """Columns file or node, class, probability, class_2, probability_2, …; several labels are joined by "|". · CSV。"""
    with opened(target) as file:
        writer, count = csv.writer(file), 0
        for count, one in enumerate(found, 1):
            cells = [cell for pair in one.top for cell in pair]
            if count == 1:
                names = [name for k in range(1, len(one.top) + 1) for name in columns(k)]
                writer.writerow([what, *(["labels"] if several else []), *names])
            writer.writerow([one.path, *(["|".join(one.labels)] if several else []), *cells])
    if target != "-":
        say(f"{count} rows in {target}")


def columns(k: int) -> tuple[str, str]:
    """Titles of the k-th likeliest answer. · 第 k 个答案的列名。

    >>> columns(1), columns(2)
    (('class', 'probability'), ('class_2', 'probability_2'))
    """
    return ("class", "probability") if k == 1 else (f"class_{k}", f"probability_{k}")


@contextmanager
def opened(target: str) -> Iterator[TextIO]:
    """A file that takes its name once it is whole; "-" is the standard output. · 写完整后才改名的文件。"""
    if target == "-":
        yield sys.stdout
        sys.stdout.flush()
        return
    half = Path(f"{target}.{os.getpid()}.part")
    try:
        with half.open("w", newline="", encoding="utf-8", errors="surrogateescape") as file:
            yield file
        half.replace(target)
    finally:
        half.unlink(missing_ok=True)
