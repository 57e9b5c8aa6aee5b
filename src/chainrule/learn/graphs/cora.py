"""Learning on one graph: every step sees all of it, the loss only the nodes whose class is told. · 在单个图上学习。

The recipe is that of Kipf & Welling 2017 (arXiv:1609.02907, section 5.2; https://github.com/tkipf/gcn): Adam, an L2
penalty on the first layer only, at most 200 epochs, stopped when the validation loss, penalty and all, is larger than
its mean over the 10 epochs before; the last weights are judged.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from ...data.graphs.graph import Features, Graph
from ...data.sampler import seed_of
from ...errors import UserError
from ...nn.cross_entropy import cross_entropy
from ...nn.graph import adjacency
from ...nn.sparse import Sparse
from ...optim import Adam
from ...zoo.gcn import GCN, largest_eigenvalue

OnEpoch = Callable[[dict[str, Any]], None]


@dataclass(frozen=True)
class Recipe:
    """How a graph is learned, the paper's values by default. · 训练配方，默认取论文之值。"""

    hidden: int = 16
    dropout: float = 0.5
    lr: float = 0.01
    l2: float = 5e-4
    epochs: int = 200
    window: int = 10

    def __post_init__(self) -> None:
        ranges = {"hidden": (1, 1 << 20), "epochs": (1, 1 << 20), "window": (1, 1 << 20), "dropout": (0, 1)}
        for name, (low, high) in (ranges | {"lr": (0, 1e6), "l2": (0, 1e6)}).items():
            value = getattr(self, name)
            if not low <= value <= high:
                raise UserError(f"{name}={value}: expected a number from {low:g} to {high:g}")


@dataclass
class Outcome:
    """What one seed gave: accuracies on the test nodes. · 一个种子的结果。

    last: of the last weights, as published. best: of the epoch with the best validation accuracy. curve: validation
    losses. seconds: of the processor for an epoch, its judgement included.
    """

    row: str
    seed: int
    epochs: int
    last: float
    best: float
    validation: float
    seconds: float
    curve: list[float] = field(default_factory=list)


@dataclass
class Arena:
    """A graph as a network takes it. · 网络所见的图。"""

    graph: Graph
    A: Sparse
    x: Sparse
    y: Tensor

    @classmethod
    def of(cls, graph: Graph, normalise: bool = True) -> "Arena":
        """Features by row summing to 1. Raises `UserError` without features, classes or a training part. · 准备。"""
        if graph.x is None or graph.y is None or not graph.classes:
            raise UserError(f"{graph.name}: a graph without features or classes: expected both to learn from")
        if "train" not in graph.masks or not graph.masks["train"].any():
            raise UserError(f"{graph.name}: no node is for training: expected a part train, or draw one with split()")
        x = sparse(graph.x.row_normalised() if normalise else graph.x)
        return cls(graph, adjacency(graph.edges, graph.weights, graph.nodes), x, graph.y)

    def accuracy(self, out: Tensor, part: str) -> float:
        """The share of right answers among the nodes of a part. · 某部分节点的准确率。"""
        mask = self.graph.masks[part] & (self.y >= 0)
        return float((out[mask].argmax(1) == self.y[mask]).double().mean())

    def loss(self, out: Tensor, part: str) -> Tensor:
        mask = self.graph.masks[part] & (self.y >= 0)
        return cross_entropy(out[mask], self.y[mask])


def sparse(x: Features) -> Sparse:
    """Features as a matrix that a layer multiplies with. · 特征的稀疏矩阵。"""
    return Sparse.of(x.row, x.col, x.value, x.shape)


def network(arena: Arena, row: str, recipe: Recipe, seed: int) -> GCN:
    """The network with its first weights, from the seed. · 由种子初始化的网络。"""
    torch.manual_seed(seed)
    λ = largest_eigenvalue(arena.A) if row.startswith("cheb") else 2.0
    return GCN(arena.x.shape[1], len(arena.graph.classes), recipe.hidden, recipe.dropout, row, λ)


def train(
    arena: Arena,
    row: str = "gcn",
    seed: int = 0,
    recipe: Recipe | None = None,
    told: OnEpoch | None = None,
) -> tuple[GCN, Outcome]:
    """One network from one seed, to the end of its recipe. · 训练一个网络。

    told: called after each epoch with its figures. Without a validation part there is no early stop.
    """
    recipe = recipe or Recipe()
    net = network(arena, row, recipe, seed)
    first = list(net.conv1.parameters())
    groups: Any = [{"params": first, "weight_decay": recipe.l2}, {"params": list(net.conv2.parameters())}]
    optimizer = Adam(groups, lr=recipe.lr)
    held, best, accuracy = "val" in arena.graph.masks, (-1.0, 0.0), 0.0
    curve: list[float] = []
    began = time.process_time()
    for epoch in range(recipe.epochs):
        torch.manual_seed(seed_of(seed, epoch, 0))
        loss = step(net, arena, optimizer)
        with torch.no_grad():
            out = net.eval()(arena.x, arena.A)
            accuracy = arena.accuracy(out, "test") if "test" in arena.graph.masks else float("nan")
            if held:
                penalty = recipe.l2 / 2 * sum(float(w.square().sum()) for w in first)
                curve.append(float(arena.loss(out, "val")) + penalty)
                best = max(best, (arena.accuracy(out, "val"), accuracy), key=lambda pair: pair[0])
        if told is not None:
            told({"epoch": epoch + 1, "loss": loss, "test": accuracy, **({"val": curve[-1]} if curve else {})})
        if stops(curve, recipe.window):
            break
    seconds = (time.process_time() - began) / (epoch + 1)
    best_test = best[1] if held else accuracy
    return net, Outcome(row, seed, epoch + 1, accuracy, best_test, best[0], seconds, curve)


def step(net: GCN, arena: Arena, optimizer: Any) -> float:
    """Forward, loss of the training nodes, backward, update; `UserError` for a loss that is no number. · 一步。"""
    net.train()
    optimizer.zero_grad()
    loss = arena.loss(net(arena.x, arena.A), "train")
    if not loss.detach().isfinite():
        raise UserError(
            f"{arena.graph.name}: the loss is {float(loss.detach())}: expected a number; a smaller lr may help"
        )
    loss.backward()
    optimizer.step()
    return float(loss.detach())


def stops(curve: list[float], window: int) -> bool:
    """Whether the newest validation loss is larger than the mean of the `window` before it. · 是否提前停止。

    >>> stops([1.0] * 11, 10), stops([1.0] * 11 + [1.1], 10), stops([1.0] * 10 + [1.1], 10)
    (False, True, False)
    """
    return len(curve) > window + 1 and curve[-1] > sum(curve[-window - 1 : -1]) / window


def summary(outcomes: list[Outcome]) -> dict[str, float]:
    """Mean and deviation over seeds. · 各种子的均值与标准差。"""
    last, best = (torch.tensor([getattr(o, which) for o in outcomes]).double() for which in ("last", "best"))
    spread = {"last_std": float(last.std()), "best_std": float(best.std())} if len(outcomes) > 1 else {}
    means = {"last": float(last.mean()), "best": float(best.mean())}
    epochs, seconds = (sum(getattr(o, which) for o in outcomes) / len(outcomes) for which in ("epochs", "seconds"))
    return means | spread | {"epochs": epochs, "seconds": seconds}
