"""The pictures in the report of a run that learned a graph. · 图学习报告中的图片。"""

import torch

from ..errors import UserError
from ..learn.batch import answer
from ..learn.graphs.node_run import NodeRun
from ..zoo.gcn import GCN
from .graph import DRAWN, MOST, draw_answers, draw_large, draw_stages, draw_weights, stages


def pictures(run: NodeRun) -> list[str]:
    """Draw what a graph of this size can show, into report/; the names of the files. · 绘图。"""
    graph, folder, made = run.graph, run.folder.report, []
    folder.mkdir(parents=True, exist_ok=True)
    part = run.read(None).train
    net = run.network
    with torch.no_grad():
        shares = answer(net, (part.x, part.A)).softmax(1)
    test = graph.masks.get("test")
    right = "" if graph.y is None or test is None else f": {_right(shares, graph.y, test)}"
    if graph.nodes <= MOST:
        draw_answers(graph, shares, folder / "graph.png", f"{graph.name} by {run.model}{right}")
    elif graph.nodes <= DRAWN:
        draw_large(graph, shares, folder / "graph.png", f"{graph.name} by {run.model}{right}")
    if graph.nodes <= DRAWN:
        made.append("graph.png")
    if isinstance(net, GCN) and graph.nodes <= MOST:
        draw_weights(graph, net.shared(part.A), folder / "weights.png", "What each edge weighs after both degrees")
        made.append("weights.png")
    if isinstance(net, GCN) and graph.nodes <= DRAWN:
        try:
            told = stages(net, part)
        except UserError:  # a row with several matrices a layer has no one propagation
            return made
        draw_stages(graph, told, folder / "stages.png", "Features before and after each propagation")
        made.append("stages.png")
    return made


def _right(shares: torch.Tensor, y: torch.Tensor, test: torch.Tensor) -> str:
    asked = test & (y >= 0)
    hits = int((shares.argmax(1)[asked] == y[asked]).sum())
    return f"{hits:,} of {int(asked.sum()):,} test nodes right"
