"""Pictures of a race: contours with the paths, an animation of them, losses of a network. · 竞赛的图片。"""

import io
from collections.abc import Iterator, Sequence
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LinearSegmentedColormap, LogNorm, to_rgb
from matplotlib.figure import Figure
from matplotlib.patheffects import Normal, Stroke
from matplotlib.ticker import FuncFormatter, NullLocator
from PIL import Image

from ..runs import style
from ..runs.durable import replace
from ..runs.style import INK
from .curves import look_of, name_ends, plain
from .race import Lap
from .surfaces import Surface

LOW = LinearSegmentedColormap.from_list("height", ["#FFFFFF", "#EEF2F6", "#D3DDE7", "#B4C3D2"])
HALO = [Stroke(linewidth=3.6, foreground="white", alpha=0.85), Normal()]
FRAMES, HOLD = 50, 1800  # of an animation, and milliseconds that the last one stays
FONT = ["DejaVu Sans"]


def ground(axes: Axes, surface: Surface) -> None:
    """The contours of a surface by powers of ten, its start and its minima. · 等高线、起点与极小点。"""
    left, right, bottom, top = surface.view
    xs, ys = np.linspace(left, right, 241), np.linspace(bottom, top, 241)
    x, y = (torch.from_numpy(part) for part in np.meshgrid(xs, ys))
    height = surface.mean(x, y).numpy()
    least = max(surface.target, float(height[height > 0].min()))
    levels = np.geomspace(least, float(height.max()), 15)
    height = np.maximum(height, least)
    axes.contourf(xs, ys, height, levels=levels, norm=LogNorm(levels[0], levels[-1]), cmap=LOW)
    axes.contour(xs, ys, height, levels=levels[1:], colors="#9FB1C2", linewidths=0.5)
    axes.set(xlim=(left, right), ylim=(bottom, top))
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    axes.plot(*zip(*surface.minima, strict=True), "*", color=INK, markersize=13, markeredgecolor="white", zorder=6)
    axes.plot(*surface.start, "o", color="white", markersize=9, markeredgecolor=INK, markeredgewidth=1.6, zorder=6)


def shown(lap: Lap) -> int:
    """How many points of a path are drawn: up to the target, for what follows lies there. · 画到达标为止。"""
    return (len(lap.path) - 1 if lap.reached is None else max(lap.reached, 1)) + 1


def contours(surface: Surface, laps: Sequence[Lap], path: Path, title: str) -> None:
    """The paths over the contours; beside them the values over the evaluations. · 等高线上的路径，以及数值曲线。"""
    with style.of(FONT):
        figure = Figure(figsize=(11.0, 5.4), dpi=style.DPI)
        axes = figure.add_axes((0.045, 0.13, 0.44, 0.78))
        axes.set_title(title, loc="left", pad=8, fontsize=12)
        ground(axes, surface)
        for number, lap in sorted(enumerate(laps), key=lambda pair: -shown(pair[1])):  # tangles lie below
            x, y = zip(*lap.path[: shown(lap)], strict=True)
            look = look_of(number)
            dots = {"marker": ".", "markersize": 3.5} if len(x) <= 60 else {}
            axes.plot(x, y, **look, **dots, path_effects=HALO, solid_joinstyle="round", zorder=3)
            axes.plot(x[-1], y[-1], "o", color=look["color"], markersize=6.5, markeredgecolor="white", zorder=5)
        figure.text(0.045, 0.035, surface.text, fontsize=9.5)
        values = figure.add_axes((0.55, 0.13, 0.29, 0.78))
        _values(values, laps, surface.target, f"value above the minimum{', running mean' if surface.noise else ''}")
        style.save(figure, path)


def losses(laps: Sequence[Lap], target: float, path: Path, title: str) -> None:
    """The running loss of a network over the evaluations. · 网络竞赛的损失曲线。"""
    with style.of(FONT):
        figure = Figure(figsize=(8.4, 4.6), dpi=style.DPI)
        axes = figure.add_axes((0.085, 0.125, 0.7, 0.76))
        _values(axes, laps, target, title)
        style.save(figure, path)


def _values(axes: Axes, laps: Sequence[Lap], target: float, title: str) -> None:
    """Values by powers of ten; what lies far below the target is cut off."""
    axes.set_title(title, loc="left", pad=8, fontsize=11)
    plain(axes)
    ends, floor = [], target / 30
    ceiling = 3 * max(lap.values[0] for lap in laps)
    longest = max(lap.evaluations[-1] for lap in laps)
    for number, lap in enumerate(laps):
        points = [(e, min(max(v, floor), ceiling)) for e, v in zip(lap.evaluations, lap.values, strict=True)]
        low = next((i for i, (_, v) in enumerate(points) if v <= floor), len(points) - 1)
        x, y = zip(*points[: low + 1], strict=True)
        look = look_of(number)
        axes.plot(np.add(x, 1), y, **look)
        if lap.reached is not None:
            at = min(lap.reached, low)
            axes.plot(x[at] + 1, y[at], "o", color=look["color"], markersize=6.5, markeredgecolor="white", zorder=5)
        ends.append((named(lap), y[-1], look["color"]))
    axes.axhline(target, color=INK, linewidth=1.0, linestyle=(0, (3, 3)))
    axes.set(xscale="log", yscale="log", xlim=(1, longest + 1), ylim=(floor, ceiling), xlabel="evaluations")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axis.set_minor_locator(NullLocator())
    axes.text(1.012, 1.02, "rate: evaluations to it", transform=axes.transAxes, color="#888888", fontsize=8.5)
    axes.annotate("target", (1, target), (4, 3), textcoords="offset points", fontsize=9)
    name_ends(axes, ends)


def named(lap: Lap) -> str:
    """The racer, its rate and its evaluations to the target. · 图例文字。"""
    when = "lost" if lap.lost else "–" if lap.reached is None else f"{lap.evaluations[lap.reached]}"
    return f"{lap.racer} {lap.lr:g}: {when}"


def animation(surface: Surface, laps: Sequence[Lap], path: Path, title: str) -> None:
    """The same paths growing, as GIF or (by the file's name) as animated PNG. · 动画：GIF 或动态 PNG。"""
    frames = list(_frames(surface, laps, title))
    palette = _palette()
    pages = [frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames]
    buffer = io.BytesIO()
    times = [60] * (len(pages) - 1) + [HOLD]
    kind: dict[str, Any] = {"format": "GIF", "optimize": False, "disposal": 1}
    if path.suffix.lower() == ".png":
        kind = {"format": "PNG", "optimize": True}
    pages[0].save(buffer, save_all=True, append_images=pages[1:], duration=times, loop=0, **kind)
    replace(path, buffer.getvalue())


def _palette() -> Image.Image:
    """Every curve's colour in four strengths, the ground and the ink: what a palette by frequency would drop."""
    curves = [to_rgb(colour) for colour in style.PALETTE]
    shades = [np.interp(part, [0, 1], [1, channel]) for c in curves for part in (1, 0.75, 0.5, 0.25) for channel in c]
    ground_ = [channel for part in np.linspace(0, 1, 24) for channel in LOW(part)[:3]]
    ink = [level for level in np.linspace(0, 1, 12) for _ in range(3)]
    made = Image.new("P", (1, 1))
    made.putpalette([round(255 * value) for value in (*shades, *ground_, *ink)])
    return made


def _frames(surface: Surface, laps: Sequence[Lap], title: str) -> Iterator[Image.Image]:
    """One picture a moment; the ground is drawn once. Early steps are the longest: they get the most frames."""
    with style.of(FONT):
        figure = Figure(figsize=(4.8, 4.8), dpi=100)
        canvas = FigureCanvasAgg(figure)
        axes = figure.add_axes((0.075, 0.06, 0.9, 0.86))
        axes.set_title(title, loc="left", pad=8, fontsize=11)
        ground(axes, surface)
        for number, lap in enumerate(laps):
            axes.plot([], [], label=str(lap.racer), **look_of(number))
        axes.legend(loc="lower right", fontsize=8, framealpha=0.9, edgecolor="none")
        canvas.draw()
        under = canvas.copy_from_bbox(figure.bbox)
        most = max(map(shown, laps)) - 1
        clock = axes.text(0.985, 0.975, "", transform=axes.transAxes, ha="right", va="top", fontsize=10)
        for moment in _moments(most):
            canvas.restore_region(under)
            for artist in _drawn(axes, laps, moment):
                axes.draw_artist(artist)
                artist.remove()
            clock.set_text(f"step {moment}")
            axes.draw_artist(clock)
            yield Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3].copy())


def _moments(most: int) -> list[int]:
    return sorted({round(most * (k / (FRAMES - 1)) ** 2) for k in range(FRAMES)})


def _drawn(axes: Axes, laps: Sequence[Lap], moment: int) -> Iterator[Any]:
    for number, lap in sorted(enumerate(laps), key=lambda pair: -shown(pair[1])):
        points = [p for p in lap.path[: min(moment + 1, shown(lap))] if all(map(isfinite, p))]
        x, y = zip(*points, strict=True)
        look = look_of(number)
        yield axes.plot(x, y, **look, path_effects=HALO, solid_joinstyle="round")[0]
        yield axes.plot(x[-1], y[-1], "o", color=look["color"], markersize=7.5, markeredgecolor="white")[0]
