"""Pictures of probabilities: ROC, precision–recall, reliability. · 概率的图：ROC、精确率–召回率、可靠性。"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import PercentFormatter

from . import fonts, style
from .style import BLUE, DPI, FAINT, INK, ORANGE, PALETTE

_NAMED = 6  # curves with a colour and a name; the others lie faint behind them
_POINTS = 2000  # of one curve: more than there are pixels
_DIAGONAL: dict[str, Any] = {"color": "#999999", "linewidth": 1, "linestyle": (0, (4, 4)), "zorder": 1}


@dataclass(frozen=True)
class Ranked:
    """The curves of one class against the rest. · 一类对其余的曲线。

    roc (false, true positive rate), pr (recall, precision), each a pair of rows of numbers; auc, ap their areas
    """

    name: str
    roc: tuple[Sequence[float], Sequence[float]]
    pr: tuple[Sequence[float], Sequence[float]]
    auc: float
    ap: float


def rankings(classes: Sequence[Ranked], path: Path, title: str = "") -> None:
    """ROC and precision–recall of each class against the rest; of many the hardest are named. · 曲线图。

    Classes that never occur, or alone, have no curve and are left out.
    """
    drawn = sorted((c for c in classes if c.auc == c.auc and c.ap == c.ap), key=lambda c: c.ap)
    named = drawn[:_NAMED] if len(drawn) > len(PALETTE) else drawn
    families = fonts.families([title, *(c.name for c in classes)])
    labels = fonts.labels([c.name for c in named], families, 14)
    with style.of(families):
        figure = Figure(figsize=(10.6, 5.6), dpi=DPI, layout=ConstrainedLayoutEngine(w_pad=0.14, h_pad=0.12))
        left, right = figure.subplots(1, 2)
        for axes in (left, right):
            _square(axes)
        left.plot([0, 1], [0, 1], **_DIAGONAL)
        for c in drawn[len(named) :]:
            left.plot(*_thin(*c.roc), color="#BBBBBB", linewidth=0.7, zorder=2)
            right.step(*_thin(*c.pr), where="pre", color="#BBBBBB", linewidth=0.7, zorder=2)
        for number, (c, label) in enumerate(zip(named, labels, strict=True)):
            look = {"color": PALETTE[number % len(PALETTE)], "linewidth": 1.8, "zorder": 3, "clip_on": False}
            left.plot(*_thin(*c.roc), label=f"{label}  {c.auc:.4f}", **look)
            right.step(*_thin(*c.pr), where="pre", label=f"{label}  {c.ap:.4f}", **look)
        _name(left, "ROC", "AUC", [c.auc for c in drawn], ("false positive rate", "true positive rate"), "lower right")
        _name(right, "precision–recall", "AP", [c.ap for c in drawn], ("recall", "precision"), "lower left")
        figure.suptitle(fonts.shorten(fonts.drawable(title, families), 90), x=0.01, ha="left", fontsize=13)
        style.save(figure, path)


def _square(axes: Axes, aspect: Any = "equal") -> None:
    axes.set(xlim=(0, 1), ylim=(0, 1), aspect=aspect)
    axes.grid(True, color=FAINT, linewidth=0.7)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(length=0)


def _name(axes: Axes, what: str, area: str, values: list[float], ends: tuple[str, str], corner: Any) -> None:
    mean = f" · mean {area} {np.mean(values):.4f}" if values else " · no class that occurs beside others"
    axes.set_title(f"{what}{mean}", loc="left", pad=8)
    axes.set_xlabel(ends[0])
    axes.set_ylabel(ends[1])
    if axes.get_legend_handles_labels()[1]:
        many: dict[str, Any] = {"title": "the hardest", "title_fontsize": 9} if len(values) > len(PALETTE) else {}
        axes.legend(loc=corner, fontsize=9, frameon=True, framealpha=0.9, edgecolor=FAINT, handlelength=1.4, **many)


def _thin(x: Sequence[float], y: Sequence[float]) -> tuple[np.ndarray, np.ndarray]:
    """Every k-th corner of a staircase and its ends. · 抽稀。"""
    across, up = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    every = -(-len(across) // _POINTS)
    kept = np.unique(np.append(np.arange(0, len(across), every), len(across) - 1))
    return across[kept], up[kept]


@dataclass(frozen=True)
class Reliability:
    """What a reliability diagram shows. · 可靠性图的内容。

    count, right, confidence [B]: sums over the answers in each bin; ece in 0…1; note a line below the title
    """

    count: Sequence[float]
    right: Sequence[float]
    confidence: Sequence[float]
    ece: float
    note: str = ""


def reliability(found: Reliability, path: Path, title: str = "") -> None:
    """How often answers are right, by how sure they are, and how sure they are, as PNG. · 可靠性图。"""
    count, right, sure = (np.asarray(row, dtype=float) for row in (found.count, found.right, found.confidence))
    bins = len(count)
    filled = count > 0
    accuracy, mean = right[filled] / count[filled], sure[filled] / count[filled]
    middles = (np.arange(bins)[filled] + 0.5) / bins
    families = fonts.families([title, found.note])
    with style.of(families):
        figure = Figure(figsize=(5.9, 7.2), dpi=DPI, layout=ConstrainedLayoutEngine(w_pad=0.12, h_pad=0.1))
        top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=(3.4, 1))
        _square(top, "auto")
        top.plot([0, 1], [0, 1], **_DIAGONAL)
        top.bar(middles, accuracy, 0.94 / bins, color=BLUE, label="right", zorder=2)
        low, high = np.minimum(accuracy, mean), np.maximum(accuracy, mean)
        look: dict[str, Any] = {"facecolor": "#D55E0033", "edgecolor": ORANGE, "linewidth": 1.0}
        top.bar(middles, high - low, 0.94 / bins, bottom=low, label="gap to what was said", zorder=3, **look)
        top.legend(loc="upper left", fontsize=9, frameon=False)
        top.set_ylabel("share that is right")
        lines = [
            fonts.shorten(fonts.drawable(title, families), 60),
            f"calibration error {100 * found.ece:.2f} %",
            found.note,
        ]
        top.set_title("\n".join(filter(None, lines)), loc="left", fontsize=11, pad=10)
        bottom.bar((np.arange(bins) + 0.5) / bins, count / max(count.sum(), 1), 0.94 / bins, color="#9DB7C8")
        bottom.spines[["top", "right"]].set_visible(False)
        bottom.tick_params(length=0)
        bottom.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        bottom.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        top.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        bottom.set(xlabel="probability of the answer", ylabel="answers")
        for axes in (top, bottom):
            axes.yaxis.label.set_color(INK)
        style.save(figure, path)
