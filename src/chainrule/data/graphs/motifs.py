"""Trees with one of four motifs in each: counting nodes, edges and degrees tells nothing. · 含四种模体之一的树。

The motifs are all the connected graphs that there are with two nodes of degree 3 and four of degree 2. One of them and
a random tree are joined by an edge, from any node of the tree to any node of degree 2, so sizes and degrees of the
graphs are drawn alike for the four classes.
"""

import numpy as np
import torch

from .graph import Graph
from .sets import GraphSet, joined

EACH, SMALLEST, LARGEST = 300, 8, 16  # graphs of a class; nodes of a tree
# Nodes 0 and 1 have degree 3, the others 2: two cycles that share an edge, share two edges, or are joined by one.
MOTIFS = {
    "two triangles": ((0, 1), (0, 2), (2, 3), (3, 0), (1, 4), (4, 5), (5, 1)),
    "two squares": ((0, 1), (0, 2), (2, 3), (3, 1), (0, 4), (4, 5), (5, 1)),
    "triangle and pentagon": ((0, 1), (0, 2), (2, 1), (0, 3), (3, 4), (4, 5), (5, 1)),
    "square and pentagon": ((0, 2), (2, 1), (0, 3), (3, 1), (0, 4), (4, 5), (5, 1)),
}
SIZE = 6  # nodes of a motif


def motifs(each: int = EACH, seed: int = 0) -> GraphSet:
    """The set: `each` graphs of every class, in an order drawn by seed. · 生成数据集。

    >>> len(motifs()), motifs().classes[0]
    (1200, 'two triangles')
    """
    draw = np.random.default_rng(seed)
    y = draw.permutation(np.repeat(np.arange(len(MOTIFS)), each))
    graphs = [_with(list(MOTIFS.values())[c], draw) for c in y]
    return joined("motifs", graphs, torch.from_numpy(y), tuple(MOTIFS))


def _with(motif: tuple[tuple[int, int], ...], draw: np.random.Generator) -> Graph:
    """A tree that grew node by node, a motif, an edge between them; the nodes numbered at random."""
    size = int(draw.integers(SMALLEST, LARGEST + 1))
    tree = [(SIZE + int(draw.integers(i)), SIZE + i) for i in range(1, size)]
    bridge = (int(draw.integers(2, SIZE)), SIZE + int(draw.integers(size)))
    number = draw.permutation(SIZE + size)
    ends = torch.from_numpy(number[np.array([*motif, *tree, bridge]).T])
    return Graph("", torch.cat([ends, ends.flip(0)], 1), SIZE + size)
