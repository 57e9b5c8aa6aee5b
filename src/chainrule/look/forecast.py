"""Forecasts beside what came, and how far off each is. · 预测与真值，以及各自的误差。"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..errors import UserError
from ..learn.series.data import SeriesData
from ..learn.series.rivals import forecasts, truth
from ..learn.series.run import SeriesRun
from ..runs import fonts, style
from ..runs.style import BLUE, FAINT, INK, ORANGE, PALETTE

PICTURE = "forecast.png"
SHOWN = 180  # moments of the last stretch: more are a blur


def pictures(run: SeriesRun) -> list[str]:
    """Forecast and truth of the test part; nothing where the data is gone. · 预测与真值图。"""
    try:
        data: SeriesData = run.read(None)
    except UserError:
        return []
    part = data.test or data.val
    if part is None:
        return []
    said = {"network": run.said(part), **forecasts(data, part)}
    draw(data, part, said, truth(data, part), run.folder.report / PICTURE)
    return [PICTURE]


def draw(data: Any, part: Any, said: Mapping[str, np.ndarray], truth: np.ndarray, path: Path) -> None:
    """The end of a part with the network's forecast and the best rival's; below, the error of all. · 画出预测。

    said  name → forecasts [n, F], the network's as "network"; truth [n, F]
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    off = {name: np.sqrt(((values - truth) ** 2).mean(0)) for name, values in said.items()}  # [F] of each
    rival = min((name for name in off if name != "network"), key=lambda name: off[name].mean())
    title = f"{data.facts.columns[0]} · {data.series.name}"
    with style.of(fonts.families([title, *data.series.times[:1]])):
        figure = Figure(figsize=(8.4, 6.4), dpi=style.DPI)
        top, bottom = figure.subplots(2, 1, gridspec_kw={"height_ratios": [2.6, 1]})
        figure.subplots_adjust(left=0.13, right=0.955, top=0.89, bottom=0.08, hspace=0.42)
        figure.suptitle(fonts.shorten(title, 90), x=0.02, y=0.975, ha="left", va="top", fontsize=13)
        _lines(top, data, part, {"network": said["network"], rival: said[rival]}, truth)
        _errors(bottom, off, rival)
        style.save(figure, path)


def _lines(axes: Axes, data: Any, part: Any, said: Mapping[str, np.ndarray], truth: np.ndarray) -> None:
    ahead = truth.shape[1]
    at = part.at[-SHOWN:] + ahead - 1
    axes.plot(at, truth[-SHOWN:, -1], color=INK, linewidth=1.6, label="what came")
    for (name, values), colour, dash in zip(said.items(), (BLUE, ORANGE), ("-", "--"), strict=True):
        axes.plot(at, values[-SHOWN:, -1], dash, color=colour, linewidth=1.3, label=name)
    step = "one step ahead" if ahead == 1 else f"{ahead} steps ahead"
    axes.set_title(f"forecast {step}, the last {len(at)} of {len(truth)} moments", loc="left", pad=6)
    places = np.unique(np.linspace(0, len(at) - 1, min(6, len(at))).round().astype(int))
    axes.set_xticks(at[places], [data.series.times[at[i]] for i in places])
    axes.margins(x=0.01)
    axes.legend(loc="upper left", ncols=3, frameon=False, bbox_to_anchor=(0, 1.0), fontsize=9)
    low, high = axes.get_ylim()
    axes.set_ylim(low, high + 0.14 * (high - low))  # room for the legend
    _plain(axes)


def _errors(axes: Axes, off: Mapping[str, np.ndarray], rival: str) -> None:
    """RMSE of each: a bar, or a line over the steps ahead where there are several."""
    colours = {"network": BLUE, rival: ORANGE}
    rest = iter([colour for colour in PALETTE if colour not in (BLUE, ORANGE)])
    if len(next(iter(off.values()))) > 1:
        for name, values in off.items():
            steps = np.arange(1, len(values) + 1)
            axes.plot(steps, values, "o-", color=colours.get(name) or next(rest), markersize=3, label=name)
        axes.set_title("RMSE by steps ahead", loc="left", pad=6)
        axes.set_ylim(bottom=0)
        axes.legend(frameon=False, ncols=len(off), fontsize=9, loc="lower right")
        _plain(axes)
        return
    names = sorted(off, key=lambda name: -float(off[name][0]))
    values = [float(off[name][0]) for name in names]
    bars = axes.barh(names, values, color=[colours.get(name, "#BBBBBB") for name in names], height=0.62)
    axes.bar_label(bars, [f"{value:.4g}" for value in values], padding=5)
    axes.set_title("RMSE of each", loc="left", pad=6)
    axes.set_xlim(0, 1.12 * max(values))
    axes.set_xticks([])
    axes.spines[["top", "right", "bottom"]].set_visible(False)
    axes.tick_params(length=0)


def _plain(axes: Axes) -> None:
    axes.grid(True, color=FAINT, linewidth=0.7)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(length=0)
