"""The signal of several first weights as one picture: forward and backward, layer by layer. · 信号图：前向与反向。"""

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullLocator

from ..runs import fonts, style
from ..runs.style import DPI, FAINT, PALETTE
from .signal import Histogram, Signal, activations, weighted

MARKERS = "os^Dv"
RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def picture(signals: Mapping[str, Sequence[Signal]], path: Path, title: str = "") -> None:
    """Variance of z forward and of δ backward over the layers with weights, as PNG. · 方差随层变化的图。

    signals  name of the first weights → what `signal` found; a variance of 0 has no place on a logarithmic axis

    Raises `WriteFailed` where the file cannot be written.
    """
    families = fonts.families([title, *signals])
    with style.of(families):
        figure = Figure(figsize=(8.4, 4.3), dpi=DPI, layout=ConstrainedLayoutEngine(w_pad=0.1, h_pad=0.08, wspace=0.06))
        forward, backward = figure.subplots(1, 2)
        _panel(forward, "forward →   variance of z", signals, lambda s: s.var)
        _panel(backward, "← backward   variance of δ", signals, lambda s: s.delta_var)
        handles, labels = forward.get_legend_handles_labels()
        shown = [fonts.shorten(fonts.drawable(label, families), 30) for label in labels]
        figure.legend(handles, shown, loc="outside lower center", ncols=min(len(shown), 5), frameon=False)
        if title:
            figure.suptitle(fonts.shorten(fonts.drawable(title, families), 90), x=0.015, ha="left", fontsize=12)
        style.save(figure, path)


def _panel(axes: Axes, title: str, signals: Mapping[str, Sequence[Signal]], height: Callable[[Signal], float]) -> None:
    values = []
    for number, (name, found) in enumerate(signals.items()):
        layers = weighted(found)
        y = [height(s) if height(s) > 0 else math.nan for s in layers]
        values += [value for value in y if math.isfinite(value)]
        marker, every = MARKERS[number % len(MARKERS)], max(len(layers) // 15, 1)
        colour = PALETTE[number % len(PALETTE)]
        x = range(1, len(layers) + 1)
        axes.plot(x, y, color=colour, label=name, marker=marker, markersize=4, markevery=every, linewidth=1.5)
    axes.set_title(title, loc="left")
    axes.set_xlabel("layer")
    axes.xaxis.set_major_locator(MaxNLocator(nbins=8, integer=True))
    if values:
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter(FuncFormatter(power))
        axes.yaxis.set_minor_locator(NullLocator())
        low, high = min(values), max(values)
        if high / low < 100:  # a decade about the middle at least: noise does not look like a slope
            axes.set_ylim(low / 10, high * 10)
    axes.grid(axis="y", color=FAINT, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def histograms(signals: Mapping[str, Sequence[Signal]], path: Path, title: str = "") -> None:
    """How activations and deltas are spread, as PNG: a line for each layer, a row for each init. · 激活与 δ 的分布图。

    signals  name of the first weights → what `signal(…, bins=…)` found

    Raises `WriteFailed` where the file cannot be written. Source: Glorot & Bengio 2010, figures 6 and 7.
    """
    families = fonts.families([title, *signals])
    with style.of(families):
        height = 0.9 + 2.3 * len(signals)
        figure = Figure(
            figsize=(8.4, height), dpi=DPI, layout=ConstrainedLayoutEngine(w_pad=0.1, h_pad=0.1, wspace=0.06)
        )
        grid = figure.subplots(len(signals), 2, squeeze=False, sharex="col")
        for (left, right), (name, found) in zip(grid, signals.items(), strict=True):
            label = fonts.shorten(fonts.drawable(name, families), 30)
            _lines(left, f"{label}: activations →", [s.values for s in activations(found)])
            _lines(right, f"{label}: ← deltas", [s.deltas for s in weighted(found)[:-1]])
        handles, labels = grid[0][0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=8, frameon=False)
        if title:
            figure.suptitle(fonts.shorten(fonts.drawable(title, families), 90), x=0.015, ha="left", fontsize=12)
        style.save(figure, path)


def _lines(axes: Axes, title: str, found: Sequence[Histogram | None]) -> None:
    """Densities, dark for the first layer and light for the last."""
    shades = matplotlib.colormaps["viridis"](np.linspace(0, 0.92, max(len(found), 1)))
    for number, (one, shade) in enumerate(zip(found, shades, strict=False), 1):
        if one is not None:
            edges = np.linspace(one.low, one.high, len(one.counts) + 1)
            density = np.array(one.counts) / max(sum(one.counts), 1) / (edges[1] - edges[0])
            beside = np.convolve(density, [1, 1, 1], "same") > 0  # a long foot of nothing says nothing
            places, heights = ((edges[1:] + edges[:-1]) / 2)[beside], density[beside]
            axes.plot(places, heights, color=shade, linewidth=1.4, label=f"layer {number}")
    axes.set_title(title, loc="left")
    axes.xaxis.set_major_locator(MaxNLocator(nbins=5))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_locator(MaxNLocator(nbins=4))
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color=FAINT, linewidth=0.8)
    axes.set_axisbelow(True)


def power(value: float, _: object = None) -> str:
    """A power of ten as one writes it by hand; near 1 the number itself. · 十的幂的写法。

    >>> power(1e-12), power(100.0)
    ('10⁻¹²', '100')
    """
    exponent = round(math.log10(value))
    return f"{value:g}" if -2 <= exponent <= 2 else "10" + str(exponent).translate(RAISED)
