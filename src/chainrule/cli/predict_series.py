"""`chainrule predict` for runs that forecast a series. · 序列预测。"""

import csv
from typing import Any

from ..errors import UserError
from .answers import opened
from .judge import open_checked
from .show import as_json, clean, say, table


def predict(run: str, what: tuple[str, ...], asked: dict[str, Any]) -> None:
    """What comes behind the end of a table, of the run's own where none is named. · 预测表格之后的数值。"""
    if asked["tta"] != "none" or asked["sheet"]:
        raise UserError("--tta and --sheet: for images; a series is read as it is")
    tables = [*what, *asked["files"]]
    if len(tables) > 1:
        raise UserError(f"{len(tables)} tables: expected one, or none for the series that the run was trained on")
    made = open_checked(run, asked["weights"], "predict")
    source = tables[0] if tables else made.data
    said = made.predict(source)
    column = made.facts.columns[0]
    rows = list(enumerate(said, 1))
    if asked["json_"]:
        as_json({"series": source, "column": column, "forecast": said})
    elif asked["csv_"]:
        with opened(asked["csv_"]) as file:
            csv.writer(file).writerows([("step", column), *rows])
        if asked["csv_"] != "-":
            say(f"{len(rows)} rows in {asked['csv_']}")
    else:
        table([">steps ahead", f">{clean(column)}"], [[str(step), f"{value:.5g}"] for step, value in rows])
