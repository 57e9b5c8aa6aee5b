"""Cross-validation: one run for each fold, and what they say together. · 交叉验证：每折一次运行及其汇总。"""

from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Any

from ..errors import UserError
from ..runs import plots
from ..runs.durable import replace as rewrite
from ..runs.log import dumps
from ..settings import Settings, make, usual
from .kind import OnEvent
from .run import spread, train


def train_folds(
    model: str,
    data: str | PathLike[str],
    /,
    settings: Settings | None = None,
    on_event: OnEvent | None = None,
    **values: Any,
) -> list[Any]:
    """One run for each of `folds` folds; the `test_…` figures of a run are those of the fold it never saw. · 交叉验证。

    What may be learned from, training and validation part, is dealt into folds by seed, every class evenly; the test
    part of the data stays aside. See `spread` for mean and deviation, `pooled` for all held-out answers together.
    Raises `UserError` as `train` does, and for fewer than two folds.
    """
    settings = make(values, settings or usual(model, values))
    if settings.folds < 2 or settings.fold:
        raise UserError(f"folds={settings.folds}, fold={settings.fold}: expected folds of at least 2 and no fold")
    runs = []
    for fold in range(1, settings.folds + 1):
        name = f"{settings.name}-fold{fold}" if settings.name else None
        runs.append(train(model, data, replace(settings, fold=fold, name=name), on_event))
    return runs


def pooled(runs: list[Any]) -> list[list[int]]:
    """The confusion matrix of all held-out answers: each sample is in it once. · 折外预测的混淆矩阵。"""
    found = [run.finished.get("confusion") for run in runs]
    tables = [table for table in found if table]
    return [[sum(cells) for cells in zip(*rows, strict=True)] for rows in zip(*tables, strict=True)]


def write(runs: list[Any]) -> list[Path]:
    """folds.json with all figures and folds.png with the pooled confusion matrix, in the last run's report. · 汇总。

    Raises `WriteFailed` where the disk refuses.
    """
    last, matrix = runs[-1], pooled(runs)
    figures = {key: {"mean": mean, "deviation": off} for key, (mean, off) in spread(runs).items()}
    told = {"runs": [str(run.path) for run in runs], "figures": figures, "confusion": matrix}
    rewrite(last.folder.report / "folds.json", dumps(told).encode("utf-8", "backslashreplace"))
    if not matrix:
        return [last.folder.report / "folds.json"]
    title = f"{last.model} · {last.facts.name} · {len(runs)} folds"
    plots.confusion(matrix, last.classes, last.folder.report / "folds.png", title)
    return [last.folder.report / "folds.json", last.folder.report / "folds.png"]
