"""`chainrule predict` for runs that learned codes: the code of each image. · 图像的编码。"""

import csv
import json
from collections.abc import Iterable
from typing import Any

from ..errors import UserError
from .answers import opened
from .judge import open_checked
from .show import number, say, table

SHOWN = 6  # numbers of a code on the terminal


def predict(run: str, what: tuple[str, ...], asked: dict[str, Any]) -> None:
    """The codes of image files, of folders of them and of patterns. · 图像文件的编码。

    asked the options of the command. Raises `UserError` for options of other kinds of run, and at the end with a line
    for each file that is no image.
    """
    if asked["tta"] != "none" or asked["sheet"] or asked["files"]:
        raise UserError("--tta, --sheet and --file: expected none of them; a run that learned codes answers with codes")
    if not what:
        raise UserError("no image given: expected files, folders of them or patterns like 'photos/*.jpg'")
    broken: list[str] = []
    found = open_checked(run, asked["weights"], "encode").stream(what, broken)
    if asked["csv_"]:
        _csv(found, asked["csv_"])
    elif asked["json_"]:
        print(
            json.dumps(
                [{"path": str(o.path), "mse": o.mse, "code": o.code} for o in found], ensure_ascii=False, indent=1
            )
        )
    else:
        rows = [[o.path, number(o.mse), " ".join(f"{v:6.2f}" for v in o.code[:SHOWN])] for o in found]
        table(["file", ">mse", "code" if not rows else f"code, the first {SHOWN} numbers at most"], rows)
    if broken:
        raise UserError(*broken)


def _csv(found: Iterable[Any], target: str) -> None:
    """Columns file, mse, z1, z2, …"""
    count = 0
    with opened(target) as file:
        writer = csv.writer(file)
        for count, one in enumerate(found, 1):
            if count == 1:
                writer.writerow(["file", "mse", *(f"z{i + 1}" for i in range(len(one.code)))])
            writer.writerow([one.path, one.mse, *one.code])
    if target != "-":
        say(f"{count} rows in {target}")
