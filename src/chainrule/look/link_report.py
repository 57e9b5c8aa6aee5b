"""The pictures in the report of a run that learned edges. · 链接预测报告中的图片。"""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor

from ..learn.batch import answer
from ..learn.graphs.link_data import Pairs
from ..learn.graphs.link_rivals import shared
from ..learn.graphs.link_run import LinkRun
from ..learn.metrics.ranking import ranking
from ..nn.pairs import pair_products
from ..runs.fonts import drawable, families, labels
from ..runs.style import BLUE, FAINT, INK, PALETTE, of, save
from .graph import DRAWN, flat


def pictures(run: LinkRun) -> list[str]:
    """Draw what there is to see, into report/; the names of the files. · 绘图。"""
    data, folder, made = run.read(None), run.folder.report, []
    folder.mkdir(parents=True, exist_ok=True)
    with torch.no_grad():
        z = answer(run.network, (data.train.x, data.train.A))
    if data.test is not None:
        draw_order(z, data.test, folder / "roc.png", f"{data.graph.name}: hidden edges found by {run.model}")
        made.append("roc.png")
    if data.graph.nodes <= DRAWN:
        draw_places(z, data.graph, folder / "places.png", f"{data.graph.name}: where {run.model} puts the nodes")
        made.append("places.png")
    return made


def draw_order(z: Tensor, part: Pairs, path: Path, title: str) -> None:
    """The ROC curve of the embeddings beside those of shared neighbours. · 与基线并列的 ROC 曲线。"""
    degrees = part.A.ptr.diff().float()
    scores = {
        "network": pair_products(z, part.pairs[0], part.pairs[1]),
        "Adamic–Adar": shared(part.A, part.pairs, 1 / degrees.clamp(min=2).log()),
    }
    fonts = families([title])
    with of(fonts):
        figure = Figure((5.6, 5.0), layout="constrained")
        axes = figure.add_subplot()
        axes.plot([0, 1], [0, 1], color=FAINT, linewidth=1)
        for (name, score), colour, width in zip(scores.items(), (BLUE, "#777777"), (2.2, 1.4), strict=True):
            order = ranking(score, part.y > 0.5)
            x, y = order.roc
            told = f"{name}: AUC {order.auc:.3f}, AP {order.average_precision:.3f}"
            axes.plot(x.numpy(), y.numpy(), color=colour, linewidth=width, label=told)
        axes.set_xlabel("pairs without an edge that are taken for one")
        axes.set_ylabel("hidden edges that are found")
        axes.set_aspect("equal")
        axes.legend(frameon=False, loc="lower right")
        axes.set_title(drawable(title, fonts))
        save(figure, path)


def draw_places(z: Tensor, graph: Any, path: Path, title: str) -> None:
    """The two directions in which the nodes differ most, coloured by class where one is known. · 嵌入的两个主方向。"""
    at = flat(z)
    y = torch.full((graph.nodes,), -1) if graph.y is None else graph.y
    fonts = families([title, *graph.classes])
    with of(fonts):
        figure = Figure((7.6, 5.4), layout="constrained")
        axes = figure.add_subplot()
        size = 36 if graph.nodes <= 500 else 9
        for c in sorted(set(y.tolist())):
            mine, colour = (y == c).numpy(), PALETTE[c % len(PALETTE)] if c >= 0 else INK
            axes.scatter(*at[mine].T, s=size, c=colour, edgecolors="white", linewidths=0.3)
        for c, name in enumerate(labels(graph.classes, fonts, 24)):
            axes.scatter([], [], s=36, c=PALETTE[c % len(PALETTE)], label=name)
        if graph.classes:
            beside: Any = "outside right"
            figure.legend(frameon=False, fontsize=9, loc=beside)
        low, high = np.percentile(at, (0.5, 99.5), axis=0)  # a few far nodes would press all others together
        room = 0.15 * (high - low)
        axes.set_xlim(low[0] - room[0], high[0] + room[0])
        axes.set_ylim(low[1] - room[1], high[1] + room[1])
        axes.set_xticks([])
        axes.set_yticks([])
        for side in axes.spines.values():
            side.set_color(FAINT)
        axes.set_title(drawable(title, fonts))
        save(figure, path)
