"""Runs side by side: the settings that differ, what came out, the curves together. · 多次运行并排比较。"""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import report
from .folder import RunFolder
from .listing import summarize
from .log import history, read

_NONE = "–"


@dataclass(frozen=True)
class Comparison:
    """What differs between runs and what came out. · 比较结果。

    names     of the runs, one a column
    settings  rows (setting, value of each run), only those that differ
    results   rows (figure, value of each run)
    plot      the picture, when one was asked for
    """

    names: list[str]
    settings: list[tuple[str, ...]]
    results: list[tuple[str, ...]]
    plot: Path | None


def compare(runs: Sequence[RunFolder], plot: Path | None = None) -> Comparison:
    """Compare any number of runs; with `plot` also draw their curves into that PNG. · 比较多次运行。

    Raises `WriteFailed` when the picture cannot be written.
    """
    names = _names(runs)
    if plot is not None:
        from . import plots

        plots.comparison({name: history(read(run.log)) for name, run in zip(names, runs, strict=True)}, Path(plot))
    settings = sorted(_rows([_settings(run) for run in runs]))
    differing = [row for row in settings if len(set(row[1:])) > 1 and row[0] != "name"]
    return Comparison(names, differing, _rows([_results(run) for run in runs]), plot and Path(plot))


def _names(runs: Sequence[RunFolder]) -> list[str]:
    names = [run.name for run in runs]
    return names if len(set(names)) == len(names) else [str(run.path) for run in runs]


def _rows(columns: Sequence[dict[str, str]]) -> list[tuple[str, ...]]:
    keys = dict.fromkeys(key for column in columns for key in column)
    return [(key, *(column.get(key, _NONE) for column in columns)) for key in keys]


def _settings(run: RunFolder) -> dict[str, str]:
    try:
        return _flat(tomllib.loads(run.run_toml.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return {}


def _flat(table: dict[str, Any], prefix: str = "") -> dict[str, str]:
    """Settings by their names on the command line: no prefix for [settings], `model.` for the model's [options]."""
    spelt = {"settings": prefix, "options": "model."}
    flat: dict[str, str] = {}
    for key, value in table.items():
        if isinstance(value, dict):
            flat |= _flat(value, spelt.get(key, f"{prefix}{key}."))
        else:
            flat[prefix + key] = str(value).lower() if isinstance(value, bool) else str(value)
    return flat


def _results(run: RunFolder) -> dict[str, str]:
    about = summarize(run)
    results = {"state": about.state, "epochs": f"{about.epoch:g}", "steps": str(about.step)}
    if about.best is not None:
        results[f"best {about.metric}"] = report.show(about.metric, about.best)
    return results | {name: report.show(name, value) for name, value in report.metrics_of(run).items()}
