"""`chainrule evaluate` and `chainrule predict`: what a run is worth, and its use. · 评估与预测。"""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from shlex import quote
from typing import Any

import click

from ..catalog import KINDS, VIEWS, check_data, kind
from ..data.files import absent
from ..errors import UserError
from ..runfile import from_file
from ..runs.folder import RunFolder
from .answers import as_csv, as_table, check_target
from .answers import as_json as json_lines
from .complete import data_names, run_names
from .show import as_json, clean, number, say, table

LOOK = ("images", "unsupervised")  # kinds whose runs answer images
BRIEF = 30  # classes told on the terminal; the report has the rest


def open_checked(run: str, weights: str = "best", can: str = "evaluate") -> Any:
    """The run of that path or name; refused before torch is imported. · 打开运行。

    can  what it is to be asked: not every kind of learning answers everything
    """
    folder = RunFolder.open(run)
    from ..learn.run import open_run

    opened = open_run(folder.path, weights)
    if not hasattr(opened, can):
        why, verb, takes = opened.instead.get(can, ("", *opened.use_it))
        what, why = KINDS[kind(opened.model)].en, f"{why}; " * bool(why)
        raise UserError(f"run {folder.name!r} ({what}) cannot {can}: {why}use `chainrule {verb} {quote(run)} {takes}`")
    return opened


weights_option = click.option(
    "--weights",
    type=click.Choice(["best", "last", "average"]),
    default="best",
    show_default=True,
    help="Of the best epoch, of the last, or their average: ema= or asgd's own · 最佳、最后或平均的权重.",
)


def using(command: Callable) -> Callable:
    """The options with which weights and views are chosen. · 选择权重与视图的选项。"""
    tta = click.option(
        "--tta",
        type=click.Choice(list(VIEWS)),
        default="none",
        show_default=True,
        help="See each image in several ways and average · 测试时增强.",
    )
    return weights_option(tta(command))


@click.command()
@click.argument("run", shell_complete=run_names)
@click.argument("data", required=False, shell_complete=data_names)
@click.option("--split", type=click.Choice(["train", "val", "test"]), default="test", help="Which part of the data.")
@using
@click.option("--out", type=click.Path(), help="Folder of the report; else below RUN/report · 报告文件夹.")
@click.option("--no-report", is_flag=True, help="Only print · 不写报告.")
@click.option("--json", "json_", is_flag=True, help="Print JSON.")
def evaluate(
    run: str, data: str | None, split: str, weights: str, tta: str, out: str | None, no_report: bool, json_: bool
) -> None:
    """Judge RUN on a part of its data, or on other DATA of the same classes. · 评估。

    Tells the figures and a row for each class, and writes a report: confusion matrix, ROC and precision–recall curves,
    calibration, and the worst mistakes as pictures.
    """
    if data is not None:
        check_data(data)
    _check_folder(out, no_report)
    opened = open_checked(run, weights)
    if kind(opened.model) != "images":
        _figures(opened, data, split, json_)
        return
    found = opened.judge(data, split=split, tta=tta)
    from ..look import evaluation

    told = evaluation.figures(found, _warmth(opened, found, data, split))
    if json_:
        as_json(_without_nan(told))
    else:
        _show(told, split, tta)
    if not no_report:
        folder = Path(out) if out else opened.folder.report / _room(data, split, weights, tta)
        title = f"{opened.model} · {data or opened.facts.name} · {split}"
        files = evaluation.write(found, told, folder, title)
        if not json_:
            say(f"report   {files[0]}")


def _figures(opened: Any, data: str | None, split: str, json_: bool) -> None:
    """Of a run that learned from something else than images."""
    told = opened.evaluate(data, split=split)
    seen = opened.seen.get(split)
    kinds = seen.by_kind() if hasattr(seen, "by_kind") else {}
    if json_:
        as_json(_without_nan(told | ({"spans": kinds} if kinds else {})))
        return
    table(["figure", f">{split}"], [[key, number(value, key)] for key, value in told.items()])
    for line in getattr(seen, "remarks", ()):
        say(line)
    if kinds:
        say()
        shares = ("precision", "recall", "f1")
        rows = [[kind, found["spans"], *(number(found[key], key) for key in shares)] for kind, found in kinds.items()]
        table(["kind", ">spans", *(f">{key}" for key in shares)], rows)


def _check_folder(out: str | None, no_report: bool) -> None:
    if out is None:
        return
    if no_report:
        raise UserError(f"--out {clean(out)} and --no-report: expected one of them")
    if Path(out).exists() and not Path(out).is_dir():
        raise UserError(f"--out {clean(out)}: a file: expected the name of a folder for the report")


def _room(data: str | None, split: str, weights: str, tta: str) -> str:
    """The folder of this evaluation below RUN/report: no other kind of evaluation overwrites it."""
    parts = [Path(data).resolve().name if data else "", split, weights if weights != "best" else ""]
    return "-".join(part for part in [*parts, tta if tta != "none" else ""] if part)


def _warmth(opened: Any, found: Any, data: str | None, split: str) -> Any:
    """The temperature is fitted on the validation part where there is one: what is judged must not choose it."""
    from ..look.evaluation import Warmth

    if data is None and split == "test" and opened.settings.val and found.kind == "classification":
        return Warmth(opened.judge(split="val").warmth(), "val")
    return Warmth(found.warmth(), split)


def _without_nan(told: Any) -> Any:
    """JSON knows no nan: null stands for what cannot be said."""
    if isinstance(told, dict):
        return {key: _without_nan(value) for key, value in told.items()}
    if isinstance(told, list | tuple):
        return [_without_nan(value) for value in told]
    return None if isinstance(told, float) and told != told else told


def _show(told: dict[str, Any], split: str, tta: str) -> None:
    plain = told.get("plain", {})
    single = {key: value for key, value in told.items() if isinstance(value, int | float)}
    if plain:
        rows = [[key, number(v, key), number(plain[key], key) if key in plain else ""] for key, v in single.items()]
        table(["figure", f">{split}, tta={tta}", ">without"], rows)
    else:
        table(["figure", f">{split}"], [[key, number(value, key)] for key, value in single.items()])
    if "classes" in told:
        from ..look.evaluation import class_rows

        say()
        heads = ["class", ">samples", ">precision", ">recall", ">f1", ">auc", ">ap"]
        table(heads, class_rows(told["classes"]))
        if len(told["classes"]) > BRIEF:
            say(f"the {BRIEF} worst of {len(told['classes'])} classes")
    say()


# Kinds of learning whose `predict` stands in a file of its own: (run, what, the options).
PREDICTS = {
    "graphs": "predict_nodes:predict",
    "links": "predict_nodes:predict",
    "nodes": "predict_nodes:predict",
    "series": "predict_series:predict",
    "tables": "predict_table:predict",
    "texts": "predict_texts:predict",
    "unsupervised": "predict_codes:predict",
}


@click.command()
@click.argument("run", shell_complete=run_names)
@click.argument("what", nargs=-1, metavar="FILE|FOLDER|GLOB|TEXT|NODE...", type=click.Path())
@click.option("--topk", type=click.IntRange(1), default=3, show_default=True, help="Likeliest classes shown.")
@click.option(
    "--threshold",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.5,
    show_default=True,
    help="Probability from which on a label is named, where an image may have several · 多标签阈值.",
)
@using
@click.option("--file", "files", multiple=True, metavar="FILE", help="Texts: a file with one a line · 每行一段文本.")
@click.option("--csv", "csv_", metavar="FILE|-", help="Write CSV · 写成 CSV.")
@click.option("--sheet", metavar="FILE", help="Draw the most and least certain as PNG · 画出把握最大与最小的图像.")
@click.option("--json", "json_", is_flag=True, help="Print JSON.")
def predict(run: str, what: tuple[str, ...], **asked: Any) -> None:
    """Answer image files, folders of them, patterns like 'photos/*.jpg'; texts; a table. · 预测图片、文本或表格。

    Of a run that learned a graph: [GRAPH] [NODE]…, its nodes or those of another graph; of many:
    [SET|FILE] [GRAPH]…; a table: FILE.csv or .parquet.

    Files that are no images are named at the end, and the others are answered.
    """
    if asked["json_"] and asked["csv_"]:
        raise UserError("--json and --csv: expected one of them")
    check_target("--csv", asked["csv_"])
    check_target("--sheet", asked["sheet"])
    learned = kind(from_file(RunFolder.open(run).run_toml)[0])
    if learned in PREDICTS:
        module, _, function = PREDICTS[learned].partition(":")
        getattr(import_module(f"chainrule.cli.{module}"), function)(run, what, asked)
    else:
        if learned not in LOOK:
            open_checked(run, can="predict")  # refuses, before images are looked for
        _images(run, what, asked)


def _images(run: str, paths: tuple[str, ...], asked: dict[str, Any]) -> None:
    if asked.pop("files"):
        raise UserError("--file: for texts; name images, folders of them or patterns without it")
    if not paths:
        raise UserError("no image given: expected files, folders of them or patterns like 'photos/*.jpg'")
    if missing := absent(paths):
        raise UserError(*map(clean, missing))
    opened = open_checked(run, asked.pop("weights"), "predict")
    csv_, sheet, json_ = (asked.pop(key) for key in ("csv_", "sheet", "json_"))
    from ..learn.predict import Asked
    from ..look.certainty import Certainty

    broken: list[str] = []
    kept = Certainty()
    found = kept.watch(opened.stream(paths, Asked(**asked), broken))
    several = opened.facts.task == "multilabel"
    if csv_:
        as_csv(found, several, csv_)
    elif json_:
        json_lines(found, several)
    else:
        as_table(found, several)
    if sheet and kept.surest:
        kept.draw(Path(sheet), f"{opened.model} · {opened.facts.name}")
    if broken:
        raise UserError(*broken)
