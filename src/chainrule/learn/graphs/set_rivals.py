"""Without a graph network: the commonest class, and logistic regression on what can be counted. · 整图分类的基线。"""

from typing import Any

import torch
from torch import Tensor

from ..metrics import Classification
from .node_rivals import logistic
from .set_data import Graphs

DEGREES = 16  # degrees that are counted each by itself; what is larger counts as one


def baselines(train: Graphs, parts: dict[str, Any], classes: int) -> dict[str, dict[str, float]]:
    """Name → figures of the parts. · 各基线在各部分的指标。"""
    commonest = torch.bincount(train.targets, minlength=classes).float()
    seen = counts(train)
    mean, std = seen.mean(0), seen.std(0, correction=0)
    std = torch.where(std > 0, std, 1.0)
    lin = logistic((seen - mean) / std, torch.arange(len(train)), train.targets, classes)
    told: dict[str, dict[str, float]] = {"majority": {}, "counts": {}}
    for name, part in parts.items():
        if part is not None:
            with torch.no_grad():
                scores = lin((counts(part) - mean) / std)
            told["majority"] |= _figures(name, commonest.expand(len(part), classes), part.targets)
            told["counts"] |= _figures(name, scores, part.targets)
    return told


def _figures(part: str, scores: Tensor, y: Tensor) -> dict[str, float]:
    metrics = Classification(scores.shape[1], 1)
    metrics.add(scores, y, float("nan"))
    return {f"{part}_{k}": v for k, v in metrics.figures().items() if k != "loss"}


def counts(part: Graphs) -> Tensor:
    """Of each graph: nodes, edges, how many nodes have each degree, the sum of each feature, [n, …]. · 计数特征。"""
    found, n = part.found, len(part.found)
    owner = found.owner
    degree = torch.bincount(found.edges[1], minlength=found.nodes).clamp(max=DEGREES)
    degrees = torch.bincount(owner * (DEGREES + 1) + degree, minlength=n * (DEGREES + 1)).reshape(n, -1)
    edges = torch.bincount(owner[found.edges[1]], minlength=n)
    features = torch.zeros(n, part.x.shape[1]).index_add(0, owner, part.x)
    return torch.cat([found.ptr.diff()[:, None], edges[:, None], degrees, features], 1)[part.rows]
