"""The pictures of a run: curves, confusion matrix, several runs together. · 图：曲线、混淆矩阵、多次运行对比。

Drawn with matplotlib's object interface and the Agg canvas: no window, no global figure list.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from . import fonts, style
from .curves import Curve, is_share, lines_of, share
from .log import Event
from .style import BLUE, FAINT, INK, ORANGE, PALETTE


def curves(history: Sequence[Event], path: Path, title: str = "") -> None:
    """Loss, the figure that decides, and learning rate over the epochs, as PNG. · 训练曲线。"""
    loss, metric, rate, unit = lines_of(history)
    families = fonts.families([title])
    with style.of(families):
        figure, (top, middle, bottom) = _stack([bool(loss), bool(metric), bool(rate)], [2.4, 2.2, 0.6])
        figure.suptitle(
            fonts.shorten(fonts.drawable(title, families), 90), x=0.02, y=0.985, ha="left", va="top", fontsize=13
        )
        _panel(top, "loss", loss, logarithmic=True)
        if metric:
            _panel(middle, metric[-1].figure, metric)
        if rate:
            _panel(bottom, "learning rate", rate, named=False)
            highest = max(rate[0].y)
            bottom.set_yticks([0, highest], ["0", f"{highest:.3g}"])
        _finish_x(figure, unit)
        style.save(figure, path)


def comparison(histories: Mapping[str, Sequence[Event]], path: Path) -> None:
    """The loss and the deciding figure of several runs in one PNG. · 多次运行的曲线对比。

    histories  name of the run → its events
    """
    found = {name: lines_of(events) for name, events in histories.items()}
    families = fonts.families(list(histories))
    unit = "epoch" if all(lines[3] == "epoch" for lines in found.values()) else "step"
    losses, metrics = [], []
    for number, (name, (loss, metric, _, _)) in enumerate(found.items()):
        look: dict[str, Any] = {
            "colour": PALETTE[number % len(PALETTE)],
            "dash": "-" if number < len(PALETTE) else "--",
        }
        label = fonts.shorten(fonts.drawable(name, families), 20)
        losses += [line.relabelled(label, **look) for line in loss[-1:]]
        metrics += [line.relabelled(label, **look) for line in metric[-1:]]
    with style.of(families):
        figure, (top, middle, _) = _stack([bool(losses), bool(metrics), False], [2.5, 2.5, 0.7], right=0.72, head=0.4)
        _panel(top, f"{losses[0].kind} loss" if losses else "loss", losses, logarithmic=True)
        if metrics:
            _panel(middle, " ".join(filter(None, (metrics[0].kind, metrics[0].figure))), metrics)
        _finish_x(figure, unit)
        style.save(figure, path)


def confusion(matrix: Sequence[Sequence[int]], classes: Sequence[str], path: Path, title: str = "") -> None:
    """Which class was taken for which, as PNG: blue right, orange wrong, by share of the row. · 混淆矩阵。

    matrix [C, C], rows are the true classes; counts stand in the cells up to ten classes
    """
    counts = np.asarray(matrix, dtype=np.int64)
    size = len(counts)
    families = fonts.families([title, *classes])
    side = 2.2 + 0.46 * size if size <= 10 else 8.4
    with style.of(families):
        figure = Figure(figsize=(side, side), dpi=style.DPI, layout=ConstrainedLayoutEngine(w_pad=0.12, h_pad=0.12))
        axes = figure.add_subplot()
        axes.imshow(_tint(counts), interpolation="nearest", aspect="equal")
        if size <= 10:
            _write_counts(axes, counts)
        _class_ticks(axes, fonts.labels(classes, families), size)
        right, total = int(np.trace(counts)), int(counts.sum())
        heading = f"{share(right / total)} of {total:,} right" if total else "no samples"
        name = fonts.shorten(fonts.drawable(title, families), 50)
        axes.set_title("\n".join(filter(None, (name, heading))), loc="left", fontsize=12, pad=12)
        axes.set_xlabel("predicted", labelpad=8)
        axes.set_ylabel("true", labelpad=8)
        style.save(figure, path)


def _stack(
    shown: list[bool], heights: list[float], right: float = 0.87, head: float = 0.75
) -> tuple[Figure, list[Axes]]:
    """Axes one above the other with one x axis; those that have nothing to show are left out (the first stays)."""
    shown = [True, *shown[1:]]
    ratios = [height for height, wanted in zip(heights, shown, strict=True) if wanted]
    height = head + 0.55 + sum(ratios) + 0.5 * (len(ratios) - 1)
    figure = Figure(figsize=(8.4, height), dpi=style.DPI)
    gap = 0.5 * len(ratios) / sum(ratios)
    grid = figure.add_gridspec(len(ratios), 1, height_ratios=ratios, hspace=gap)
    figure.subplots_adjust(left=0.085, right=right, top=1 - head / height, bottom=0.55 / height)
    made: list[Axes] = []
    for row in range(len(ratios)):
        made.append(figure.add_subplot(grid[row], sharex=made[0] if made else None))
    rest = iter(made)
    return figure, [next(rest) if wanted else made[0] for wanted in shown]


def _panel(axes: Axes, title: str, lines: Sequence[Curve], logarithmic: bool = False, named: bool = True) -> None:
    axes.set_title(_heading(title, lines), loc="left", pad=6)
    axes.grid(True, color=FAINT, linewidth=0.7)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(length=0)
    values = [value for line in lines for value in line.y]
    # On a logarithmic axis one value next to nothing would squeeze all others.
    floor = 1e-9 * max(values) if logarithmic and values and min(values) > 0 else float("-inf")
    values = [max(value, floor) for value in values]
    for line in lines:
        marker = "o" if line.solid and len(line.x) <= 30 else ""
        weight, alpha = (1.9, 1.0) if line.solid else (0.9, 0.35)
        y = [max(value, floor) for value in line.y]
        look = {"color": line.colour, "linewidth": weight, "alpha": alpha, "marker": marker, "markersize": 3.5}
        axes.plot(line.x, y, line.dash, clip_on=False, **look)
    if not values:
        axes.text(0.5, 0.5, "nothing logged yet", transform=axes.transAxes, ha="center", va="center", color="#888888")
        axes.set(xlim=(0, 1), xticks=[], yticks=[])
        return
    _scale(axes, values, logarithmic, all(is_share(line.figure) for line in lines))
    if named:
        _name_ends(axes, [line for line in lines if line.solid])


def _heading(title: str, lines: Sequence[Curve]) -> str:
    """The title, with the best value when one curve decides."""
    deciding = [line for line in lines if line.solid and line.kind == "val"]
    if len(deciding) != 1 or len(lines) > 3:
        return title
    line = deciding[0]
    at = int(np.argmin(line.y) if line.lower else np.argmax(line.y))
    return f"{title} · best val {_show(line)(line.y[at], 0)} at {line.unit} {line.x[at]:g}"


def _show(line: Curve) -> Callable[[float, Any], str]:
    return (lambda value, _: share(value)) if is_share(line.figure) else (lambda value, _: f"{value:.3g}")


def _scale(axes: Axes, values: list[float], logarithmic: bool, shares: bool) -> None:
    low, high = min(values), max(values)
    if logarithmic and low > 0 and high / low > 20:
        axes.set_ylim(low / 1.3, high * 1.2)
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high / low < 500 else (1,)))
        axes.yaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        return
    margin = 0.06 * (high - low) or 0.05 * abs(high) or 1.0
    top = min(high + margin, max(1.0 + 0.1 * margin, high)) if shares else high + margin
    axes.set_ylim(max(low - margin, 0.0) if low >= 0 else low - margin, top)
    axes.yaxis.set_major_locator(MaxNLocator(nbins=5 if axes.get_position().height > 0.2 else 2, min_n_ticks=2))
    if shares:
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: share(value)))
    else:
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def _name_ends(axes: Axes, lines: Sequence[Curve]) -> None:
    """Each name beside the end of its line; names too close together are pushed apart."""
    to_axes = axes.transData + axes.transAxes.inverted()
    wanted = [float(to_axes.transform((line.x[-1], line.y[-1]))[1]) for line in lines]
    gap = 0.17 * style.DPI / axes.get_window_extent().height
    order = sorted(range(len(lines)), key=wanted.__getitem__)
    for number, place in zip(order, spread([wanted[i] for i in order], gap), strict=True):
        line = lines[number]
        text = f"{line.label} {_show(line)(line.y[-1], 0)}"
        axes.text(1.012, place, text, transform=axes.transAxes, color=line.colour, va="center", fontsize=9.5)


def spread(places: Sequence[float], gap: float) -> list[float]:
    """Rising places, moved as little as keeps them `gap` apart and, as far as possible, below 1. · 拉开间距。

    >>> spread([0.25, 0.25, 0.875], 0.25)
    [0.25, 0.5, 0.875]
    """
    moved: list[float] = []
    for place in places:
        moved.append(max(place, moved[-1] + gap) if moved else place)
    ceiling = 1.0
    for i in reversed(range(len(moved))):
        moved[i] = min(moved[i], ceiling)
        ceiling = moved[i] - gap
    return moved


def _finish_x(figure: Figure, unit: str) -> None:
    for axes in figure.axes[:-1]:
        axes.tick_params(labelbottom=False)
    figure.axes[-1].set_xlabel(unit)
    if figure.axes[0].lines:
        figure.axes[-1].xaxis.set_major_locator(MaxNLocator(nbins=10, integer=True))
    figure.axes[-1].margins(x=0.01)


def _tint(counts: np.ndarray) -> np.ndarray:
    """Blue on the diagonal, orange beside it; wrong shares are small, so they are drawn stronger, more so if many."""
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    diagonal = np.eye(len(counts), dtype=bool)
    least = 0.1 if len(counts) <= 10 else 0.25 if len(counts) <= 40 else 0.6
    strength = np.where(diagonal, 0.85 * shares, least * (counts > 0) + (1 - least) * np.sqrt(shares))[..., None]
    colour = np.where(diagonal[..., None], _rgb(BLUE), _rgb(ORANGE))
    return 1 - strength * (1 - colour)


def _rgb(colour: str) -> np.ndarray:
    return np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])


def _write_counts(axes: Axes, counts: np.ndarray) -> None:
    tint = _tint(counts)
    size = 10 if counts.max(initial=0) < 10_000 else 8
    for row, column in np.argwhere(counts):
        dark = float(tint[row, column] @ np.array([0.299, 0.587, 0.114])) < 0.6
        text = f"{counts[row, column]:d}"
        axes.text(column, row, text, ha="center", va="center", color="white" if dark else INK, fontsize=size)


def _class_ticks(axes: Axes, names: list[str], size: int) -> None:
    # Two hundred names do not fit: every k-th then.
    every = 1 if size <= 40 else -(-size // 40)
    places = list(range(0, size, every))
    small = 10 if size <= 10 else 9 if size <= 20 else 7
    shown = [names[i] for i in places]
    turn = 0 if max(map(len, shown), default=0) * size <= 40 else 90 if size > 10 else 45
    axes.set_xticks(places, shown, rotation=turn, fontsize=small, ha="right" if turn == 45 else "center")
    if turn == 45:
        for label in axes.get_xticklabels():
            label.set_rotation_mode("anchor")
    axes.set_yticks(places, shown, fontsize=small)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    if size <= 40:
        axes.set_xticks(np.arange(size + 1) - 0.5, minor=True)
        axes.set_yticks(np.arange(size + 1) - 0.5, minor=True)
        axes.grid(which="minor", color="#EEEEEE", linewidth=1)
        axes.tick_params(which="minor", length=0)
