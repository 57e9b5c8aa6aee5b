"""An epoch of a graph convolutional network against PyTorch Geometric's: Cora, and synthetic graphs of a power law.

Both train Kipf & Welling's two layers on the whole graph, dropout on both inputs, Adam. PyTorch Geometric gets its
cached normalisation and both forms that it takes edges in, a list and torch's CSR matrix. Ours is the step of a run.
"""

import os
import warnings
from collections.abc import Callable, Iterable
from typing import Any

import graph_scale
import harness
import torch
from harness import Table

from chainrule.learn.graphs.node_data import Part, prepared
from chainrule.learn.step import Step
from chainrule.nn.sparse import Sparse

HIDDEN, LR, PENALTY = 16, 0.01, 5e-4
SIZES = {"200 thousand nodes": 200_000, "2 million nodes": 2_000_000}
SHORT = 100_000
LARGEST = int(os.environ.get("CHAINRULE_NODES", "200000"))  # graphs of more nodes are left out


def ours(part: Part, classes: int) -> Callable[[], Any]:
    """The step of a run."""
    step: Step = graph_scale.stepping(part, classes, HIDDEN)
    batch = [((part.x, part.A), (part.nodes, part.y))]
    return lambda: step(batch)


def theirs(part: Part, classes: int, csr: bool) -> Callable[[], Any]:
    """PyTorch Geometric's layers with torch's own dropout, loss and Adam."""
    import torch.nn.functional as F
    from torch_geometric.nn import GCNConv  # pyright: ignore[reportMissingImports]

    class Net(torch.nn.Module):
        def __init__(self, wide: int):
            super().__init__()
            self.conv1 = GCNConv(wide, HIDDEN, cached=True, bias=False)
            self.conv2 = GCNConv(HIDDEN, classes, cached=True, bias=False)

        def forward(self, x: torch.Tensor, edges: Any) -> torch.Tensor:
            h = self.conv1(F.dropout(x, training=self.training), edges).relu()
            return self.conv2(F.dropout(h, training=self.training), edges)

    x, A = part.x.to_dense() if isinstance(part.x, Sparse) else part.x, part.A
    edges: Any = torch.stack([A.col, A.row])
    if csr:
        with warnings.catch_warnings():  # torch says once that its CSR tensors are new
            warnings.simplefilter("ignore")
            edges = torch.sparse_csr_tensor(A.ptr, A.col, A.value, A.shape, check_invariants=False)
    net = Net(x.shape[1])
    groups = [
        {"params": net.conv1.parameters(), "weight_decay": PENALTY},
        {"params": net.conv2.parameters(), "weight_decay": 0.0},
    ]
    optimizer = torch.optim.Adam(groups, lr=LR)

    def step() -> None:
        optimizer.zero_grad()
        F.cross_entropy(net(x, edges)[part.nodes], part.y).backward()
        optimizer.step()

    return step


def graphs() -> Iterable[tuple[str, str, Part, int]]:
    """(name, size, the graph, classes), one at a time."""
    data = prepared("cora", {}, 0)
    yield "Cora", f"{len(data.graph.edges[0]):,} edges, 1,433 features", data.train, len(data.graph.classes)
    for name, nodes in SIZES.items():
        if nodes <= LARGEST:
            part = graph_scale.power_law(nodes, 10 * nodes)
            yield name, f"{len(part.A.col):,} edges, {part.x.shape[1]} features", part, graph_scale.CLASSES


def run(seconds: float, only: Iterable[str] = ()) -> Table:
    chosen, rows = set(only), []
    for name, size, part, classes in graphs():
        if chosen and name not in chosen:
            continue
        calls = {
            "PyG, list of edges": theirs(part, classes, False),
            "PyG, CSR": theirs(part, classes, True),
            "ours": ours(part, classes),
        }
        few = seconds if part.A.shape[0] < SHORT else min(seconds, 0.9)  # three rounds, of seconds each
        rows.append(harness.measure(name, size, calls, ("PyG, list of edges", "PyG, CSR"), few))
    return Table("graphs", "An epoch of a graph convolutional network", {"ours": 1.5}, times=True, rows=rows)
