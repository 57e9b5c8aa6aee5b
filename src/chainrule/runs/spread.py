"""Several runs that differ by their seed alone, in one picture: each line, their mean, their spread. · 多种子曲线。"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from . import fonts, style

Line = tuple[Sequence[float], Sequence[float]]  # x and y of a run, x rising


def together(lines: Sequence[Line]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """x at which all are known, mean and standard deviation (n − 1) there. · 公共横轴上的均值与标准差。

    >>> x, mean, deviation = together([([0, 2], [0, 2]), ([0, 1, 2], [2, 2, 2])])
    >>> x.tolist(), mean.tolist()
    ([0.0, 1.0, 2.0], [1.0, 1.5, 2.0])
    """
    low, high = max(x[0] for x, _ in lines), min(x[-1] for x, _ in lines)
    x = np.unique([place for xs, _ in lines for place in xs if low <= place <= high]).astype(float)
    rows = np.stack([np.interp(x, xs, ys) for xs, ys in lines])
    return x, rows.mean(0), rows.std(0, ddof=1) if len(rows) > 1 else np.zeros(len(x))


def draw(lines: Sequence[Line], path: Path, title: str, goal: float | None = None) -> None:
    """The return over the steps, as PNG; `goal` is what counts as solved. · 画出回报曲线。"""
    x, mean, deviation = together(lines)
    families = fonts.families([title])
    with style.of(families):
        figure = Figure(figsize=(8.4, 4.2), dpi=style.DPI)
        axes = figure.add_axes((0.085, 0.14, 0.885, 0.72))
        figure.suptitle(
            fonts.shorten(fonts.drawable(title, families), 90), x=0.02, y=0.975, ha="left", va="top", fontsize=13
        )
        axes.set_title("return of the judging episodes · mean and deviation", loc="left", pad=6)
        axes.grid(True, color=style.FAINT, linewidth=0.7)
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(length=0)
        for xs, ys in lines:
            axes.plot(xs, ys, color=style.BLUE, linewidth=0.9, alpha=0.35)
        highest = max(max(ys) for _, ys in lines)
        axes.fill_between(x, mean - deviation, np.minimum(mean + deviation, highest), color=style.BLUE, alpha=0.15)
        axes.plot(x, mean, color=style.BLUE, linewidth=2.2)
        if goal is not None:
            axes.axhline(goal, color=style.ORANGE, linewidth=1.0, linestyle="--")
            axes.annotate(
                f"solved {goal:g}", (1, goal), (-2, -4), xycoords=("axes fraction", "data"),
                textcoords="offset points", ha="right", va="top", color=style.ORANGE, fontsize=9.5,
            )  # fmt: skip
        axes.set_xlabel("steps of the environment")
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        axes.margins(x=0.01)
        style.save(figure, path)
