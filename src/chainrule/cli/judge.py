"""`chainrule evaluate` and `chainrule predict`: what a run is worth, and its use. · 评估与预测。"""

from pathlib import Path
from typing import Any

import click

from ..catalog import check_data
from ..errors import UserError
from ..runs.folder import RunFolder
from .complete import data_names, run_names
from .show import as_json, clean, number, table


def open_checked(run: str, split: str = "test") -> Any:
    """The run of that path or name; refused before torch is imported. · 打开运行。"""
    folder = RunFolder.open(run)
    from ..learn.run import open_run

    return open_run(folder.path)


@click.command()
@click.argument("run", shell_complete=run_names)
@click.argument("data", required=False, shell_complete=data_names)
@click.option("--split", type=click.Choice(["train", "val", "test"]), default="test", help="Which part of the data.")
@click.option("--json", "json_", is_flag=True, help="Print JSON.")
def evaluate(run: str, data: str | None, split: str, json_: bool) -> None:
    """Judge RUN on a part of its data, or on other DATA of the same classes. · 评估。"""
    if data is not None:
        check_data(data)
    figures = open_checked(run).evaluate(data, split=split)
    if json_:
        as_json(figures)
        return
    rows = [[key, number(value, key)] for key, value in figures.items() if isinstance(value, int | float)]
    table(["figure", f">{split}"], rows)


@click.command()
@click.argument("run", shell_complete=run_names)
@click.argument("paths", nargs=-1, required=True, metavar="FILE|FOLDER...", type=click.Path())
@click.option("--topk", type=click.IntRange(1), default=3, show_default=True, help="Likeliest classes shown.")
@click.option("--json", "json_", is_flag=True, help="Print JSON.")
def predict(run: str, paths: tuple[str, ...], topk: int, json_: bool) -> None:
    """Classify image files, or all images of folders, with RUN. · 预测图片类别。"""
    missing = [f"{clean(path)}: no such file or folder" for path in paths if not Path(path).exists()]
    if missing:
        raise UserError(*missing)
    broken: list[str] = []
    found = open_checked(run).predict(list(paths), topk=topk, broken=broken)
    if json_:
        as_json([{"path": str(p.path), "label": p.label, "probability": p.probability, "top": p.top} for p in found])
    else:
        show_answers(found)
    if broken:
        raise UserError(*broken)


def show_answers(found: list[Any]) -> None:
    """A row for each image: its class and the runners-up. · 每张图像一行。"""
    likeliest = [", ".join(f"{label} {number(p, 'top')}" for label, p in answer.top[1:]) for answer in found]
    rows = [
        [answer.path, answer.label, number(answer.probability, "top"), others]
        for answer, others in zip(found, likeliest, strict=True)
    ]
    if rows:
        table(["file", "class", ">probability", "then"], rows)
