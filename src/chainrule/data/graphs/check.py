"""What is wrong with a graph, and what is worth knowing of it. · 图的问题与概况。"""

import torch

from .graph import PARTS, Graph


def faults(graph: Graph) -> list[str]:
    """What makes it unusable, a line each. · 使其不可用的问题。

    >>> faults(Graph("empty", torch.zeros(2, 0, dtype=torch.int64), 0))
    ['empty: no nodes: expected at least one']
    """
    name, found = graph.name, list(graph.faults)
    if not graph.nodes:
        found.append(f"{name}: no nodes: expected at least one")
    if graph.x is not None:
        bad = ~graph.x.value.isfinite()
        if bad.any():
            nodes = graph.x.row[bad].unique()
            found.append(
                f"{name}: features of {len(nodes)} node{'s' if len(nodes) > 1 else ''} are no number (the first: node "
                f"{_named(graph, int(nodes[0]))}): expected finite numbers"
            )
    if graph.weights is not None:
        bad = ~graph.weights.isfinite() | (graph.weights < 0)
        if bad.any():
            found.append(
                f"{name}: {counted(int(bad.sum()), 'edge weight')} negative or no number (the first: "
                f"{float(graph.weights[bad][0])}): expected at least 0"
            )
    return found + _of_masks(graph)


def _of_masks(graph: Graph) -> list[str]:
    found = []
    parts = [(part, graph.masks[part]) for part in PARTS if part in graph.masks]
    for i, (part, mask) in enumerate(parts):
        for other, its in parts[i + 1 :]:
            both = (mask & its).nonzero()[:, 0]
            if len(both):
                first = _named(graph, int(both[0]))
                found.append(
                    f"{graph.name}: {counted(len(both), 'node')} in {part} and {other} (the first: {first}): a test is "
                    "worth nothing where it was learned from; put each in one part"
                )
        if graph.y is not None and (unknown := mask & (graph.y < 0)).any() and part == "train":
            found.append(
                f"{graph.name}: {counted(int(unknown.sum()), 'node')} of train without a class: expected one, or "
                "another part"
            )
    return found


def counted(number: int, what: str) -> str:
    """A number of things, in the plural where it is to be. · 数量与名词。

    >>> counted(1, "edge"), counted(1200, "class")
    ('1 edge', '1,200 classes')
    """
    ending = "" if number == 1 else "es" if what.endswith("s") else "s"
    return f"{number:,} {what}{ending}"


def _named(graph: Graph, node: int) -> str:
    return graph.names[node] if graph.names else str(node)


def notes(graph: Graph) -> list[str]:
    """What is no fault but worth knowing: direction, loops, isolated nodes, classes without a teacher. · 概况。

    >>> notes(Graph("pair", torch.tensor([[0], [1]]), 3))
    ['directed: 1 of 1 edges have no way back', '1 isolated node']
    """
    speaker, hearer = graph.edges
    keys = speaker * graph.nodes + hearer
    found = []
    one_way = ~torch.isin(hearer * graph.nodes + speaker, keys)
    if one_way.any():
        found.append(f"directed: {int(one_way.sum())} of {len(keys)} edges have no way back")
    for count, what in (
        (len(keys) - len(keys.unique()), "edge{s} there twice"),
        (int((speaker == hearer).sum()), "self-loop{s}"),
        (int((~torch.isin(torch.arange(graph.nodes), graph.edges.flatten())).sum()), "isolated node{s}"),
    ):
        if count:
            found.append(f"{count} " + what.format(s="s" if count > 1 else ""))
    if graph.x is not None and (blank := int((graph.x.ptr.diff() == 0).sum())):
        found.append(f"{counted(blank, 'node')} with no feature other than 0")
    if graph.y is not None and graph.masks and not ("test" in graph.masks and graph.masks["test"].any()):
        found.append("no node set aside for testing")
    if graph.y is not None and "train" in graph.masks:
        taught = set(graph.y[graph.masks["train"]].tolist())
        alone = [name for c, name in enumerate(graph.classes) if c not in taught]
        if alone:
            found.append(f"no training node of class {', '.join(alone)}")
    return found


def summary(graph: Graph) -> str:
    """What it is, in one line. · 一行概况。"""
    parts = [f"{graph.name}: {counted(graph.nodes, 'node')}, {counted(graph.edges.shape[1], 'edge')}"]
    if graph.x is not None:
        parts.append(counted(graph.x.shape[1], "feature"))
    if graph.classes:
        parts.append(counted(len(graph.classes), "class"))
    parts += [f"{part} {int(graph.masks[part].sum()):,}" for part in PARTS if part in graph.masks]
    return ", ".join(parts) + "".join(f"; {note}" for note in notes(graph))
