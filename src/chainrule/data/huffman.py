"""Huffman's tree over the words: frequent ones have short paths. · 霍夫曼树：高频词路径短。"""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Paths:
    """The way from the root to every word. · 根到每个词的路径。

    nodes [P] inner nodes, 0…V−2; turns [P] 1 or −1; paths [V + 1] where the way of each word begins in both
    """

    nodes: np.ndarray
    turns: np.ndarray
    paths: np.ndarray

    def padded(self) -> tuple[np.ndarray, np.ndarray]:
        """nodes and turns as [V, L], zeros behind the leaf. · 补齐为矩阵。

        >>> huffman([4, 2, 1]).padded()[1].tolist()
        [[-1, 0], [1, -1], [1, 1]]
        """
        lengths = np.diff(self.paths)
        there = np.arange(lengths.max()) < lengths[:, None]
        nodes, turns = np.zeros(there.shape, np.int64), np.zeros(there.shape, np.int64)
        nodes[there], turns[there] = self.nodes, self.turns
        return nodes, turns


def huffman(counts: Sequence[int]) -> Paths:
    """The tree whose mean path is shortest (Huffman 1952, doi:10.1109/JRPROC.1952.273898). · 构造霍夫曼树。

    The rarer of two branches turns by 1, the other by −1; of equal counts the one made first is the rarer.

    >>> np.diff(huffman([8, 4, 2, 1]).paths).tolist()
    [1, 2, 3, 3]
    """
    V = len(counts)
    heap = [(int(n), i) for i, n in enumerate(counts)]
    heapq.heapify(heap)
    parent, turn = np.zeros(2 * V - 1, np.int64), np.zeros(2 * V - 1, np.int8)
    for node in range(V, 2 * V - 1):
        (rare, one), (common, other) = heapq.heappop(heap), heapq.heappop(heap)
        parent[one] = parent[other] = node
        turn[one], turn[other] = 1, -1
        heapq.heappush(heap, (rare + common, node))
    nodes: list[int] = []
    turns: list[int] = []
    begins = [0]
    for word in range(V):
        way, at = [], word
        while at != 2 * V - 2:
            way.append(at)
            at = parent[at]
        nodes += [int(parent[at]) - V for at in reversed(way)]
        turns += [int(turn[at]) for at in reversed(way)]
        begins.append(len(nodes))
    return Paths(np.array(nodes, np.int32), np.array(turns, np.int8), np.array(begins, np.int64))
