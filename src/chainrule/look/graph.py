"""Pictures of a graph: who was taken for what, what propagation does, what each edge weighs. · 图的可视化。"""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.colors import LinearSegmentedColormap, to_rgb
from matplotlib.figure import Figure
from torch import Tensor

from ..data.graphs.graph import Graph
from ..errors import UserError
from ..learn.graphs.cora import Arena
from ..learn.graphs.node_data import Part
from ..nn.graph_convolution import mapped
from ..nn.sparse import Sparse
from ..runs.fonts import drawable, families, labels
from ..runs.style import FAINT, INK, PALETTE, of, save
from ..zoo.gcn import GCN

MOST = 500  # nodes that can be told apart in a picture
DRAWN = 5000  # nodes of which a picture shows at least where the classes lie
Places = np.ndarray


def places(graph: Graph, seed: int = 4) -> Places:
    """Where to draw each node, [N, 2]: neighbours near each other (networkx's springs). · 节点位置。

    Raises `UserError` for a graph of more nodes than a picture can show.
    """
    import networkx

    if graph.nodes > MOST:
        raise UserError(f"{graph.name}: {graph.nodes} nodes: expected at most {MOST}, more cannot be told apart")
    whole = networkx.Graph()
    whole.add_nodes_from(range(graph.nodes))
    whole.add_edges_from(graph.edges.T.tolist())
    at = networkx.spring_layout(whole, seed=seed, iterations=200)
    return np.array([at[i] for i in range(graph.nodes)])


@torch.no_grad()
def answers(net: GCN, arena: Arena) -> Tensor:
    """The shares of the classes for each node, [N, C]. · 各节点的类别概率。"""
    return net.eval()(arena.x, arena.A).softmax(1)


@torch.no_grad()
def stages(net: GCN, arena: Arena | Part) -> list[tuple[str, Tensor]]:
    """The features before and after each propagation. · 每次传播前后的特征。

    Raises `UserError` for a network whose layers have more than one matrix.
    """
    if not hasattr(net.conv1, "lin"):
        raise UserError(f"row {net.row}: its layers have several matrices; expected gcn, single or no_self_loops")
    S, first, second = net.eval().shared(arena.A), net.conv1, net.conv2
    before = mapped(first.lin, arena.x)  # pyright: ignore[reportArgumentType]
    hidden = net.relu(S @ before)
    last = mapped(second.lin, hidden)  # pyright: ignore[reportArgumentType]
    return [("x W₁", before), ("S x W₁", S @ before), ("h W₂, h = ReLU(S x W₁)", last), ("S h W₂", S @ last)]


def flat(x: Tensor) -> np.ndarray:
    """The two directions in which rows differ most, [N, 2]. · 前两个主成分。

    >>> flat(torch.tensor([[0.0, 0.0, 1.0], [0.0, 0.0, 3.0]])).round(3).tolist()
    [[-1.0, 0.0], [1.0, 0.0]]
    """
    centred = (x - x.mean(0)).double()
    U, s, V = torch.linalg.svd(centred, full_matrices=False)
    sign = torch.where(V.gather(1, V.abs().argmax(1, keepdim=True)) < 0, -1.0, 1.0)[:, 0]  # the same each time
    two = torch.nn.functional.pad(U * s * sign, (0, 2))[:, :2]
    return two.numpy()


def sprung(edges: Tensor, nodes: int, rounds: int = 200, seed: int = 4) -> Places:
    """Places of many nodes: an edge pulls by the logarithm of its length, all nodes push by their degrees. · 大图布局。

    Clusters stand apart more clearly than with springs. Source: Noack 2009, arXiv:0807.4052 (LinLog, edge repulsion),
    walked down with steps that shrink.

    >>> sprung(torch.tensor([[0, 1], [1, 0]]), 3).shape
    (3, 2)
    """
    at = torch.randn(nodes, 2, generator=torch.Generator().manual_seed(seed))
    degree = torch.bincount(edges[1], minlength=nodes).float() + 1
    for i in range(rounds):
        push = degree / torch.cdist(at, at).square_().clamp_(min=1e-3)
        force = (at * push.sum(1, keepdim=True) - push @ at) * (degree / degree.sum())[:, None]
        span = at[edges[0]] - at[edges[1]]
        length = span.norm(dim=1, keepdim=True).clamp(min=1e-6)
        force.index_add_(0, edges[1], span / length * length.log1p())
        force -= 0.05 * at * degree[:, None]
        size = force.norm(dim=1, keepdim=True).clamp(min=1e-9)
        at = at + force / size * (size / degree[:, None]).clamp(max=0.5) * (1 - i / rounds)
    return at.numpy()


def largest_part(edges: Tensor, nodes: int) -> Tensor:
    """The nodes of the largest connected component, bool [N]. · 最大连通分量。

    >>> largest_part(torch.tensor([[0, 1], [1, 0]]), 3)
    tensor([ True,  True, False])
    """
    name = torch.arange(nodes)
    while True:  # each node takes the smallest name around it, until none changes
        new = name.scatter_reduce(0, edges[1], name[edges[0]], "amin")
        new = new.scatter_reduce(0, edges[0], new[edges[1]], "amin")
        if torch.equal(new, name):
            return name == name.mode().values
        name = new


def colours(graph: Graph, shares: Tensor) -> list[Any]:
    """The colour of the likeliest class, paler the less sure. · 颜色表示预测类别，越淡越不确定。"""
    p, c = shares.max(1)
    sure = ((p - 1 / shares.shape[1]) / (1 - 1 / shares.shape[1])).clamp(0, 1).mul(0.75).add(0.25)
    return [
        tuple(1 - float(s) * (1 - channel) for channel in to_rgb(PALETTE[int(k) % len(PALETTE)]))
        for s, k in zip(sure, c, strict=True)
    ]


def draw_answers(graph: Graph, shares: Tensor, path: Path, title: str = "") -> None:
    """The graph coloured by prediction: taught nodes are squares, a wrong answer has a red rim. · 按预测着色的图。

    shares [N, C]. Raises `WriteFailed`, and `UserError` for a graph too large.
    """
    at, guessed, fonts = places(graph), shares.argmax(1), families([title, *graph.classes])
    with of(fonts):
        figure = Figure((7.2, 5.6), layout="constrained")
        axes = figure.add_subplot()
        _edges(axes, at, graph.edges, None)
        taught = graph.masks.get("train", torch.zeros(graph.nodes, dtype=torch.bool))
        wrong = guessed != graph.y if graph.y is not None else torch.zeros_like(taught)
        fill = colours(graph, shares)
        for i, (x, y) in enumerate(at):
            rim, wide = ("#CC0000", 2.4) if wrong[i] and not taught[i] else (INK, 0.8)
            marker = "s" if taught[i] else "o"
            axes.scatter([x], [y], s=300, c=[fill[i]], marker=marker, edgecolors=rim, linewidths=wide, zorder=2)
            bright = 0.299 * fill[i][0] + 0.587 * fill[i][1] + 0.114 * fill[i][2]
            ink = "white" if bright < 0.55 else INK
            axes.annotate(
                graph.names[i] if graph.names else str(i), (x, y), ha="center", va="center", fontsize=7, color=ink
            )
        for c, name in enumerate(labels(graph.classes, fonts)):
            axes.scatter([], [], s=80, c=PALETTE[c % len(PALETTE)], label=name)
        axes.scatter([], [], s=80, c="white", marker="s", edgecolors=INK, label="taught")
        if bool((wrong & ~taught).any()):
            axes.scatter([], [], s=80, c="white", edgecolors="#CC0000", linewidths=2, label="wrong")
        axes.legend(frameon=False, fontsize=9, loc="best")
        axes.set_title(drawable(title, fonts))
        axes.axis("off")
        save(figure, path)


def draw_large(graph: Graph, shares: Tensor, path: Path, title: str = "") -> None:
    """The largest component of a graph of thousands of nodes, coloured by prediction. · 大图最大连通分量，按预测着色。

    Taught nodes are squares, a wrong answer on a test node has a black rim. shares [N, C]. Raises `WriteFailed`.
    """
    linked = largest_part(graph.edges, graph.nodes)
    place = linked.cumsum(0) - 1
    edges = place[graph.edges[:, linked[graph.edges[0]]]]
    at, guessed, fonts = sprung(edges, int(linked.sum())), shares.argmax(1), families([title, *graph.classes])
    wrong = torch.zeros(graph.nodes, dtype=torch.bool)
    if graph.y is not None and "test" in graph.masks:
        wrong = graph.masks["test"] & (guessed != graph.y) & (graph.y >= 0)
    taught = graph.masks.get("train", torch.zeros(graph.nodes, dtype=torch.bool))[linked]
    fill, wrong = np.array(colours(graph, shares))[linked.numpy()], wrong[linked]
    with of(fonts):
        figure = Figure((9.6, 6.6), layout="constrained")
        axes = figure.add_subplot()
        _edges(axes, at, edges, None).set(linewidth=0.25, alpha=0.5)
        kinds = (
            (~wrong & ~taught, "white", 0.2, 12, "o"),
            (wrong, "#111111", 0.9, 15, "o"),
            (taught, INK, 0.8, 24, "s"),
        )
        for mask, rim, wide, size, marker in kinds:
            shown = mask.numpy()
            axes.scatter(*at[shown].T, s=size, c=fill[shown], marker=marker, edgecolors=rim, linewidths=wide, zorder=2)
        beside: Any = "outside right"
        figure.legend(handles=_marks(graph, fonts, bool(wrong.any())), frameon=False, fontsize=9, loc=beside)
        axes.set_title(drawable(title, fonts))
        axes.axis("off")
        axes.set_aspect("equal")
        save(figure, path)


def _marks(graph: Graph, fonts: list[str], wrong: bool) -> list[Any]:
    """What colours, squares and rims mean."""
    from matplotlib.lines import Line2D

    def mark(label: str, **look: Any) -> Any:
        return Line2D(
            [], [], linestyle="", markersize=7, label=label, **{"marker": "o", "markeredgecolor": "none", **look}
        )

    told = [
        mark(name, markerfacecolor=PALETTE[c % len(PALETTE)]) for c, name in enumerate(labels(graph.classes, fonts, 24))
    ]
    told.append(mark("taught", marker="s", markerfacecolor="white", markeredgecolor=INK))
    return told + ([mark("wrong (test)", markerfacecolor="white", markeredgecolor="#111111")] if wrong else [])


def _edges(axes: Any, at: Places, edges: Tensor, weights: Tensor | None) -> Any:
    """Lines between nodes, each pair once; darker and wider the heavier."""
    from matplotlib.collections import LineCollection

    low, high = edges.min(0).values.numpy(), edges.max(0).values.numpy()
    _, first = np.unique(np.stack([low, high]), axis=1, return_index=True)
    once = first[low[first] < high[first]]
    lines = at[edges[:, once].T.numpy()]
    if weights is None or not len(once):
        return axes.add_collection(LineCollection(list(lines), colors="#BBBBBB", linewidths=0.9, zorder=1))
    w = weights[once].numpy()
    ramp = LinearSegmentedColormap.from_list("weights", ["#CFE3F2", PALETTE[0], "#00263F"])
    made = LineCollection(list(lines), cmap=ramp, linewidths=0.8 + 4 * w / w.max(), zorder=1)
    made.set_array(w)
    return axes.add_collection(made)


def draw_weights(graph: Graph, S: Sparse, path: Path, title: str = "") -> None:
    """What each edge weighs once shared by degrees; the colour of a node is what it keeps of itself. · 归一化后的边权。

    S the propagation matrix. Raises `WriteFailed`, and `UserError` for a graph too large.
    """
    at, dense, fonts = places(graph), S.to_dense(), families([title])
    with of(fonts):
        figure = Figure((7.4, 5.6), layout="constrained")
        axes = figure.add_subplot()
        weights = dense[graph.edges[1], graph.edges[0]]
        lines = _edges(axes, at, graph.edges, weights)
        own = dense.diagonal().numpy()
        dots = axes.scatter(
            at[:, 0], at[:, 1], s=280, c=own, cmap="Oranges", vmin=0, edgecolors=INK, linewidths=0.8, zorder=2
        )
        for i, (x, y) in enumerate(at):
            ink = "white" if own[i] > 0.7 * own.max() and own.max() > 0 else INK
            axes.annotate(str(i), (x, y), ha="center", va="center", fontsize=7, color=ink)
        if lines.get_array() is not None:
            figure.colorbar(lines, ax=axes, shrink=0.6, label="weight of an edge")
        figure.colorbar(dots, ax=axes, shrink=0.6, label="weight of a node for itself")
        axes.set_title(drawable(title, fonts))
        axes.axis("off")
        save(figure, path)


def draw_stages(graph: Graph, told: list[tuple[str, Tensor]], path: Path, title: str = "") -> None:
    """Features before and after each propagation, in the two directions in which nodes differ most. · 传播前后的特征。

    told: from `stages`. Raises `WriteFailed`.
    """
    y = torch.zeros(graph.nodes, dtype=torch.int64) if graph.y is None else graph.y
    fonts = families([title, *graph.classes, *(name for name, _ in told)])
    classes, many = labels(graph.classes, fonts), graph.nodes > MOST
    size, rim, faint = (7, 0.15, 0.03) if many else (34, 0.6, 0.35)
    with of(fonts):
        figure = Figure((3.1 * len(told), 3.9), layout="constrained")
        panels = figure.subplots(1, len(told), squeeze=False)[0]
        for axes, (name, x) in zip(panels, told, strict=True):
            at = flat(x)
            _edges(axes, at, graph.edges, None).set(alpha=faint, linewidth=0.6)
            for c in sorted(set(y.tolist())):
                mine, colour = (y == c).numpy(), PALETTE[c % len(PALETTE)] if c >= 0 else FAINT
                axes.scatter(*at[mine].T, s=size, c=colour, edgecolors="white", linewidths=rim)
            axes.set_title(name, fontsize=10)
            axes.set_xticks([])
            axes.set_yticks([])
            axes.margins(0.1)
            for side in axes.spines.values():
                side.set_color(FAINT)
        for c, name in enumerate(classes):
            panels[0].scatter([], [], s=34, c=PALETTE[c % len(PALETTE)], label=name)
        if classes:
            below: Any = "outside lower center"
            figure.legend(frameon=False, fontsize=9, loc=below, ncols=len(classes))
        figure.suptitle(drawable(title, fonts))
        save(figure, path)
