"""The picture in the report of a run that learned whole graphs: a sheet of them. · 整图学习报告中的图片。"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure

from ..data.graphs.graph import Graph
from ..learn.graphs.set_run import SetRun
from ..runs.fonts import drawable, families
from ..runs.style import BLUE, INK, ORANGE, of, save

COLUMNS, ROWS = 5, 3
MOST, ROUNDS = 120, 150  # nodes that a small panel can show; steps of its layout


def pictures(run: SetRun) -> list[str]:
    """Draw some graphs with truth and answer, into report/; the names of the files. · 绘图。"""
    data, folder = run.read(None), run.folder.report
    part = data.test or data.val or data.train
    small = part.found.ptr.diff()[part.rows] <= MOST
    if not bool(small.any()):
        return []
    folder.mkdir(parents=True, exist_ok=True)
    shares = run.shares(part)
    chosen = shown(shares, part.targets, small)
    told = []
    for i in chosen:
        share, guess = shares[i].max(0)
        graph, truth = part.found.one(int(part.rows[i])), run.classes[int(part.targets[i])]
        told.append((graph, truth, run.classes[int(guess)], float(share)))
    right = int((shares.argmax(1) == part.targets).sum())
    draw_sheet(told, folder / "graphs.png", f"{run.model} on {run.facts.name}: {right:,} of {len(part):,} right")
    return ["graphs.png"]


def shown(shares: torch.Tensor, y: torch.Tensor, small: torch.Tensor) -> list[int]:
    """The surest mistakes, at most a row of them, then the first right answers, the classes in turns. · 选出的图。

    >>> shown(torch.tensor([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]]), torch.tensor([1, 1, 0]), torch.ones(3) > 0)
    [0, 2, 1]
    """
    best = shares.max(1)
    wrong = ((best.indices != y) & small).nonzero()[:, 0]
    mistakes = wrong[best.values[wrong].argsort(descending=True, stable=True)][:COLUMNS].tolist()
    right: dict[int, list[int]] = {}
    for i in ((best.indices == y) & small).nonzero()[:, 0].tolist():
        right.setdefault(int(y[i]), []).append(i)
    turns = [of_class[k] for k in range(ROWS * COLUMNS) for _, of_class in sorted(right.items()) if k < len(of_class)]
    return (mistakes + turns)[: ROWS * COLUMNS]


def draw_sheet(told: Sequence[tuple[Graph, str, str, float]], path: Path, title: str) -> None:
    """Graphs side by side with what they are and what the network says; a wrong answer is orange. · 图的一览。

    told: (graph, truth, answer, its probability). Raises `WriteFailed`.
    """
    rows = -(-len(told) // COLUMNS)
    fonts = families([title, *(word for _, truth, guess, _ in told for word in (truth, guess))])
    with of(fonts):
        figure = Figure((2.3 * COLUMNS, 2.55 * rows + 0.4), layout="constrained")
        panels = figure.subplots(rows, COLUMNS, squeeze=False).flatten()
        for axes in panels:
            axes.axis("off")
        for axes, one in zip(panels, told, strict=False):
            _panel(axes, one, fonts)
        figure.suptitle(drawable(title, fonts))
        save(figure, path)


def stretched(graph: Graph) -> np.ndarray:
    """Places as far apart as the shortest paths are long, [N, 2]: cycles open, where springs let them fall flat.

    · 按最短路长度布局。Kamada & Kawai 1989, doi:10.1016/0020-0190(89)90102-6; their stress falls step by step as in
    Gansner et al. 2004, doi:10.1007/978-3-540-31843-9_25, eq. 4.

    >>> square = Graph("", torch.tensor([[0, 1, 2, 3, 1, 2, 3, 0], [1, 2, 3, 0, 0, 1, 2, 3]]), 4)
    >>> bool(1.4 < np.linalg.norm(stretched(square)[0] - stretched(square)[2]) < 2)
    True
    """
    n, d = graph.nodes, _paths(graph)
    weight = np.where(d > 0, np.maximum(d, 1e-9) ** -2.0, 0)
    inverse = np.linalg.pinv(np.diag(weight.sum(1)) - weight)
    centred = np.eye(n) - 1 / n
    values, axes = np.linalg.eigh(-0.5 * centred @ d**2 @ centred)  # begin where the two longest axes are right
    at = axes[:, -2:] * values[-2:].clip(min=0) ** 0.5 + 0.05 * np.random.default_rng(0).standard_normal((n, 2))
    for _ in range(ROUNDS):
        apart = np.linalg.norm(at[:, None] - at, axis=2)
        pull = weight * d / np.maximum(apart, 1e-9)
        at = inverse @ ((np.diag(pull.sum(1)) - pull) @ at)
    return at


def _paths(graph: Graph) -> np.ndarray:
    """Lengths of the shortest paths, [N, N]; parts that nothing joins lie a little farther than all others."""
    d = np.full((graph.nodes, graph.nodes), np.inf)
    np.fill_diagonal(d, 0)
    a, b = graph.edges.numpy()
    d[a, b] = d[b, a] = 1
    for k in range(graph.nodes):
        d = np.minimum(d, d[:, k, None] + d[k])
    return np.where(np.isfinite(d), d, d[np.isfinite(d)].max() + 2)


def _panel(axes: Any, one: tuple[Graph, str, str, float], fonts: list[str]) -> None:
    from matplotlib.collections import LineCollection

    graph, truth, guess, share = one
    at, right = stretched(graph), guess == truth
    colour = BLUE if right else ORANGE
    once = graph.edges[0] < graph.edges[1]
    axes.add_collection(LineCollection(list(at[graph.edges[:, once].T.numpy()]), colors="#999999", linewidths=1.1))
    axes.scatter(*at.T, s=max(8, 900 / (graph.nodes + 10)), c=colour, edgecolors="white", linewidths=0.5, zorder=2)
    axes.set_aspect("equal")
    axes.margins(0.08)
    said = drawable(truth, fonts) if right else f"{drawable(guess, fonts)}?\nit is {drawable(truth, fonts)}"
    axes.set_title(f"{said} ({share:.0%})", fontsize=8.5, color=INK if right else ORANGE)
