"""Without a graph network: the commonest class, labels passed along edges, features alone. · 节点分类的基线。"""

import torch
from torch import Tensor

from ... import nn
from ...nn.cross_entropy import cross_entropy
from ...nn.graph import normalised
from ...nn.graph_convolution import mapped
from ...nn.sparse import Sparse
from ...optim import Adam
from ..metrics import Classification
from .node_data import Part

STEPS, α = 50, 0.9  # of label propagation: how far a label reaches, how much of it is passed on
UPDATES, LR, PENALTY = 300, 0.05, 1e-4  # of the logistic regression


def baselines(train: Part, test: Part, classes: int) -> dict[str, dict[str, float]]:
    """Name → figures on the test part. · 各基线在测试部分的指标。"""
    told = {
        "majority": majority(train, classes).expand(train.A.shape[0], classes),
        "label propagation": propagated(train, classes),
        "features alone": regression(train, classes),
    }
    return {name: figures(scores, test, classes) for name, scores in told.items()}


def figures(scores: Tensor, test: Part, classes: int) -> dict[str, float]:
    """Accuracy and f1 of scores [N, C]: their loss would say nothing, for they are no logits. · 指标。"""
    metrics = Classification(classes, 1)
    metrics.add(scores[test.nodes], test.y, float("nan"))
    return {f"test_{k}": v for k, v in metrics.figures().items() if k != "loss"}


def majority(train: Part, classes: int) -> Tensor:
    """How often each class is told, [1, C]. · 各类出现次数。"""
    return torch.bincount(train.y, minlength=classes)[None].float()


def propagated(train: Part, classes: int) -> Tensor:
    """Labels passed along edges again and again, [N, C]; a node that none reaches gets the commonest. · 标签传播。

    F ← α D^{−½} A D^{−½} F + (1 − α) Y. Zhou et al. 2004, Learning with local and global consistency, section 2.
    """
    S = normalised(train.A)
    Y = torch.zeros(train.A.shape[0], classes).index_put((train.nodes, train.y), torch.ones(()))
    F = Y
    for _ in range(STEPS):
        F = α * (S @ F) + (1 - α) * Y
    return F + 1e-9 * majority(train, classes)


def regression(train: Part, classes: int) -> Tensor:
    """Logistic regression on the features of a node alone, [N, C]. · 仅用特征的逻辑回归。"""
    scaled = _unit(train.x)
    lin = logistic(scaled, train.nodes, train.y, classes)
    with torch.no_grad():
        return mapped(lin, scaled)


def logistic(x: Tensor | Sparse, rows: Tensor, y: Tensor, classes: int) -> torch.nn.Linear:
    """A linear map of rows of x [N, F] fitted to their classes y. · 逻辑回归。"""
    lin = nn.Linear(x.shape[1], classes)
    for θ in lin.parameters():
        torch.nn.init.zeros_(θ)
    optimizer = Adam(lin.parameters(), lr=LR, weight_decay=PENALTY)
    for _ in range(UPDATES):
        optimizer.zero_grad()
        cross_entropy(mapped(lin, x)[rows], y).backward()
        optimizer.step()
    return lin


def _unit(x: Tensor | Sparse) -> Tensor | Sparse:
    """To root mean square 1 over all entries that are not zero: rows that sum to 1 are tiny where features are many."""
    value = x.value if isinstance(x, Sparse) else x[x != 0]
    size = float(value.square().mean().sqrt()) if value.numel() else 1.0
    return x.valued(x.value / (size or 1.0)) if isinstance(x, Sparse) else x / (size or 1.0)
