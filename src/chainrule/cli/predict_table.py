"""`chainrule predict RUN FILE.csv`: the answer for each row of a table. · 预测表格的每一行。"""

import csv
import json
from collections.abc import Sequence
from itertools import islice
from typing import Any

from ..errors import UserError
from .answers import opened
from .judge import open_checked
from .show import clean, number, say, table

BRIEF = 20  # rows told on a terminal; --csv and --json have all


def predict(run: str, what: Sequence[str], asked: dict[str, Any]) -> None:
    """Answer one table: on the terminal, as CSV with its own columns before the answers, or as JSON. · 预测表格。

    asked the options of the command. Raises `UserError` for several tables or none, and options for other kinds of run.
    """
    if asked["tta"] != "none" or asked["sheet"] or asked["files"]:
        raise UserError(f"--tta, --sheet and --file: for images and texts, and run {clean(run)} learned from a table")
    if len(what) != 1:
        raise UserError(f"{len(what)} files: expected one table at a time, such as FILE.csv")
    csv_ = asked["csv_"]
    found = open_checked(run, asked["weights"], "predict").predict(what[0])
    if csv_:
        as_csv(found, csv_)
    elif asked["json_"]:
        print(json.dumps(list(found.rows()), ensure_ascii=False, indent=1))
        return
    else:
        as_table(found)
    if csv_ != "-":
        for line in found.lines:
            say(clean(line))
        if found.figures:
            told = ", ".join(f"{key} {number(value, key)}" for key, value in found.figures.items())
            say(f"the table holds {clean(found.target)}: {told}")


def as_csv(found: Any, target: str) -> None:
    """The table with its answers. · 写成 CSV。"""
    with opened(target) as file:
        writer = None
        for row in found.rows():
            if writer is None:
                writer = csv.DictWriter(file, list(row))
                writer.writeheader()
            writer.writerow(row)
    if target != "-":
        say(f"{len(found)} rows in {target}")


def as_table(found: Any) -> None:
    """The first rows: place, answer, probability, and what the table itself says. · 前若干行。"""
    truth = found.target in found.frame.columns
    heads = [
        "row",
        f">{clean(found.target)}",
        *([">probability"] if found.shares is not None else []),
        *([">told"] if truth else []),
    ]
    rows = []
    for i, row in enumerate(islice(found.rows(), BRIEF), 1):
        answer = row[f"predicted {found.target}"]
        cells = [i, answer if isinstance(answer, str) else f"{answer:.6g}"]
        cells += [number(row["probability"], "top")] if found.shares is not None else []
        rows.append([*cells, *([row[found.target] or "–"] if truth else [])])
    table(heads, rows)
    if len(found) > BRIEF:
        say(f"… and {len(found) - BRIEF:,} more rows: --csv FILE writes all of them")
