"""Gradient and state over time as one picture. · 梯度与状态随时间变化的图。"""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullLocator

from ..runs import fonts, style
from ..runs.style import DPI, FAINT, PALETTE
from .memory import NAIVE, Memory
from .signal_picture import power

FLOOR = 1e-30  # what is smaller is drawn no lower
SMOOTH = 25  # updates whose mean loss is drawn
_NAMES = {
    "rnn": "RNN",
    "gru": "GRU",
    "lstm": "LSTM, first weights as torch's",
    "lstm-open": "LSTM, forget gates open at first",
}


def picture(found: Sequence[Memory], path: Path, title: str = "") -> None:
    """Gradients and states over the steps, and the losses where something was learned, as PNG. · 画图。

    Raises `WriteFailed` where the file cannot be written.
    """
    learned = any(memory.losses for memory in found)
    labels = [_NAMES[memory.cell] for memory in found]
    families = fonts.families([title, *labels])
    with style.of(families):
        size = (12.2 if learned else 8.6, 4.4)
        figure = Figure(figsize=size, dpi=DPI, layout=ConstrainedLayoutEngine(w_pad=0.1, h_pad=0.08, wspace=0.06))
        axes = figure.subplots(1, 3 if learned else 2)
        _gradients(axes[0], found)
        _lines(axes[1], "forward →   state  ‖hₜ‖", "step t", [memory.states for memory in found])
        axes[1].set_ylim(bottom=0)
        if learned:
            _losses(axes[2], found)
        handles = axes[0].get_legend_handles_labels()[0][: len(found)]
        shown = [fonts.drawable(label, families) for label in labels]
        figure.legend(handles, shown, loc="outside lower center", ncols=min(len(shown), 2 + 2 * learned), frameon=False)
        if title:
            figure.suptitle(fonts.shorten(fonts.drawable(title, families), 110), x=0.015, ha="left", fontsize=12)
        style.save(figure, path)


def _lines(axes: Axes, title: str, below: str, rows: Sequence[Sequence[float]], first: int = 1) -> None:
    for number, values in enumerate(rows):
        axes.plot(range(first, first + len(values)), values, color=PALETTE[number % len(PALETTE)], linewidth=1.6)
    axes.set_title(title, loc="left")
    axes.set_xlabel(below)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
    axes.grid(axis="y", color=FAINT, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def _gradients(axes: Axes, found: Sequence[Memory]) -> None:
    rows = [[g if g >= FLOOR else math.nan for g in memory.gradients] for memory in found]
    _lines(axes, "← backward   gradient  ‖∂L/∂sₜ‖ / ‖∂L/∂s_T‖", "step t", rows)
    for line, memory in zip(axes.lines, found, strict=True):
        line.set_label(memory.cell)
    axes.set_yscale("log")
    axes.set_ylim(FLOOR, max(10.0, *(10 * max(memory.gradients) for memory in found)))
    axes.yaxis.set_major_formatter(FuncFormatter(power))
    axes.yaxis.set_minor_locator(NullLocator())


def _losses(axes: Axes, found: Sequence[Memory]) -> None:
    rows = [memory.losses for memory in found]
    width = max(1, min(SMOOTH, *(len(row) for row in rows)))
    means = [np.convolve(row, np.full(width, 1 / width), "valid").tolist() for row in rows]
    _lines(axes, f"learning   squared error, mean of {width} updates", "update", means, width)
    axes.axhline(NAIVE, color="#999999", linewidth=1, linestyle="--")
    place = {"xycoords": ("axes fraction", "data"), "textcoords": "offset points", "ha": "right"}
    axes.annotate("always 1", (1, NAIVE), (0, -4), va="top", **place)
    axes.set_ylim(bottom=0)
