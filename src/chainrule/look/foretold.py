"""Numbers that a table foretells beside the true ones, and how far off they are. · 表格回归的预测与真值。"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..data.tables.reading import Table
from ..errors import UserError
from ..learn.tables.rivals import linear
from ..learn.tables.run import TableRun
from ..runs import fonts, style
from ..runs.style import BLUE, FAINT, INK, ORANGE

PICTURE = "foretold.png"
SHOWN = 3000  # rows: more dots hide each other
SHARE = 0.005  # of the rows at each end lie outside the picture


def pictures(run: TableRun) -> list[str]:
    """Foretold and true numbers of the test part; nothing of classes, and where the data is gone. · 预测与真值图。"""
    if run.facts.task != "regression":
        return []
    try:
        data: Table = run.read(None)
    except UserError:
        return []
    part = data.test or data.val
    if part is None:
        return []
    said = {"network": run.said(part)[:, 0]}
    if (line := linear(data, part)) is not None:
        said["linear regression"] = line
    numbers = {name: values * data.std + data.mean for name, values in said.items()}
    truth = part.targets.double().numpy() * data.std + data.mean
    draw(f"{data.target} · {data.name}", numbers, truth, run.folder.report / PICTURE)
    return [PICTURE]


def draw(title: str, said: Mapping[str, np.ndarray], truth: np.ndarray, path: Path) -> None:
    """A cloud of dots for each that foretold, the true number along it; on the line both are equal. · 预测散点图。

    said: name → numbers [N], the network's first; truth [N]. Raises `WriteFailed`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    ends = np.quantile(np.concatenate([truth, *said.values()]), [SHARE, 1 - SHARE])
    room = 0.04 * float(ends[1] - ends[0]) or 1.0
    span = float(ends[0]) - room, float(ends[1]) + room
    families = fonts.families([title])
    with style.of(families):
        wide = 1.2 + 4.4 * len(said)
        figure = Figure(figsize=(wide, 5.4), dpi=style.DPI)
        figure.subplots_adjust(left=0.95 / wide, right=1 - 0.25 / wide, top=0.83, bottom=0.11, wspace=0.08)
        panels = figure.subplots(1, len(said), squeeze=False, sharey=True)[0]
        figure.suptitle(
            fonts.drawable(fonts.shorten(title, 80), families), x=0.02, y=0.97, ha="left", va="top", fontsize=13
        )
        for axes, (name, values), colour in zip(panels, said.items(), (BLUE, ORANGE), strict=False):
            _cloud(axes, values, truth, span, colour)
            axes.set_title(f"{name}: mean error {np.abs(values - truth).mean():.4g}", loc="left", pad=6)
        panels[0].set_ylabel("foretold", color=INK)
        style.save(figure, path)


def _cloud(axes: Axes, values: np.ndarray, truth: np.ndarray, span: tuple[float, float], colour: str) -> None:
    every = -(-len(truth) // SHOWN)
    dots = truth[::every], values[::every]
    axes.plot(span, span, color=INK, linewidth=1.0)
    axes.scatter(*dots, s=max(3.0, min(22.0, 9000 / len(dots[0]))), color=colour, alpha=0.35, linewidths=0)
    axes.set(xlim=span, ylim=span)
    axes.locator_params(nbins=5)
    axes.set_xlabel("true", color=INK)
    axes.grid(True, color=FAINT, linewidth=0.7)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(length=0)
