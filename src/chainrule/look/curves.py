"""Pictures of curves: learning rates, range tests, losses of a race. · 曲线图：学习率、范围测试、竞赛损失。"""

from collections.abc import Sequence
from math import log10
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from ..runs import fonts, style
from ..runs.plots import spread
from ..runs.style import BLUE, FAINT, INK, ORANGE, PALETTE


def look_of(number: int) -> dict[str, Any]:
    """Colour and dash of the curve of that number: seven colours, then the same dashed. · 第几条曲线的样式。"""
    dashes = ("-", "--", ":")
    return {
        "color": PALETTE[number % len(PALETTE)],
        "linestyle": dashes[number // len(PALETTE) % len(dashes)],
        "linewidth": 1.9,
    }


def plain(axes: Axes) -> None:
    """Axes as in the other pictures: a faint grid, no box. · 统一的坐标轴样式。"""
    axes.grid(True, color=FAINT, linewidth=0.7)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(which="both", length=0)


def name_ends(axes: Axes, ends: Sequence[tuple[str, float, Any]]) -> None:
    """The name of each curve beside its end, (name, y, colour), none on top of another. · 在曲线末端标名称。"""
    to_axes = axes.transData + axes.transAxes.inverted()
    x = axes.get_xlim()[1]
    heights = [float(to_axes.transform((x, y))[1]) for _, y, _ in ends]
    order = sorted(range(len(ends)), key=heights.__getitem__)
    gap = 0.17 * style.DPI / axes.get_window_extent().height
    for number, place in zip(order, spread([heights[i] for i in order], gap), strict=True):
        name, _, colour = ends[number]
        axes.text(1.012, place, name, transform=axes.transAxes, color=colour, va="center", fontsize=9.5)


def rates(
    found: Sequence[Any], path: Path, lr: float | None = None, logarithmic: bool = False, made_up: bool = True
) -> None:
    """Learning rates over the epochs; below them the figures that moved a plateau. · 学习率曲线。

    found  what has name, epochs, rates and metric   lr  the base rate, if the curves are rates and not shares of it
    """
    told = [one for one in found if one.metric]
    with style.of(["DejaVu Sans"]):
        height = 4.6 if told else 3.4
        figure = Figure(figsize=(8.4, height), dpi=style.DPI)
        figure.subplots_adjust(left=0.085, right=0.84, top=1 - 0.4 / height, bottom=0.55 / height, hspace=0.45)
        grid = figure.add_gridspec(2 if told else 1, 1, height_ratios=[2.4, 1] if told else [1])
        axes = figure.add_subplot(grid[0])
        axes.set_title("learning rate" if lr else "share of the learning rate", loc="left", pad=6)
        plain(axes)
        for number, one in enumerate(found):
            axes.plot(one.epochs, one.rates, clip_on=False, **look_of(number))
        axes.set_xlim(0, found[0].epochs[-1])
        if logarithmic:
            axes.set_yscale("log")
        else:
            axes.set_ylim(0, 1.04 * max(max(one.rates) for one in found))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        name_ends(axes, [(one.name, one.rates[-1], look_of(i)["color"]) for i, one in enumerate(found)])
        if told:
            _metric(figure.add_subplot(grid[1], sharex=axes), told[0].metric, made_up)
            axes.tick_params(labelbottom=False)
        figure.axes[-1].set_xlabel("epoch")
        figure.axes[-1].xaxis.set_major_locator(MaxNLocator(nbins=10, integer=True))
        style.save(figure, path)


def _metric(axes: Axes, metric: Sequence[float], made_up: bool) -> None:
    axes.set_title(f"the {'made-up ' if made_up else ''}loss that plateau is told", loc="left", pad=6)
    plain(axes)
    axes.plot(range(1, len(metric) + 1), metric, color=INK, linewidth=1.2, marker="o", markersize=3, clip_on=False)
    axes.set_ylim(min(0.0, *metric), None)


def range_test(found: Any, path: Path, title: str = "") -> None:
    """Loss over the learning rate, with the suggestion marked. · 学习率范围测试的曲线，标出建议值。

    found  a `RangeTest`
    """
    families = fonts.families([title])
    smooth = found.smooth
    with style.of(families):
        figure = Figure(figsize=(8.4, 4.2), dpi=style.DPI)
        figure.subplots_adjust(left=0.085, right=0.96, top=0.86, bottom=0.135)
        axes = figure.add_subplot()
        axes.set_title(fonts.shorten(fonts.drawable(title, families), 90), loc="left", pad=10, fontsize=12)
        plain(axes)
        axes.plot(found.rates, found.losses, color=BLUE, linewidth=0.9, alpha=0.35)
        axes.plot(found.rates, smooth, color=BLUE, linewidth=2.0)
        axes.set_xscale("log")
        axes.set_xlim(found.rates[0], found.rates[-1])
        low, high = min(smooth), found.ceiling
        axes.set_ylim(max(0.0, low - 0.1 * (high - low)), high)
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.set_xlabel("learning rate")
        axes.set_ylabel("loss")
        if found.falls:
            first = found.steepest < found.tenth
            _mark(axes, found.steepest, found, f"steepest descent\n{found.steepest:.1e}", ORANGE, first)
            _mark(axes, found.tenth, found, f"a tenth of the lowest\n{found.tenth:.1e}", "#777777", not first)
        style.save(figure, path)


def _mark(axes: Axes, rate: float, found: Any, text: str, colour: str, left: bool) -> None:
    """A rate, marked on the curve and named at the top, to the left or to the right of its line."""
    nearest = min(range(len(found.rates)), key=lambda i: abs(log10(found.rates[i] / rate)))
    axes.axvline(rate, color=colour, linewidth=1.0, linestyle=(0, (3, 3)))
    axes.plot([rate], [found.smooth[nearest]], "o", color=colour, markersize=7, markeredgecolor="white", zorder=5)
    axes.annotate(
        text,
        (rate, 1),
        (-6 if left else 6, -6),
        xycoords=("data", "axes fraction"),
        textcoords="offset points",
        ha="right" if left else "left",
        va="top",
        color=colour,
        fontsize=9.5,
        bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 1.0},
    )
