"""What one has of a table without a network: the commonest answer, and a linear model. · 表格任务的基线。

majority  every row is as likely as its class is common; mean  every row is the mean
logistic, linear  regression by scikit-learn on the same standardised numbers, categories one of K
"""

import warnings
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...data.tables.columns import FIRST
from ...data.tables.reading import Rows, Table
from ..supervised import Supervised

MOST = 200_000  # rows that the linear model is fitted on


def baselines(data: Table, task: Supervised, parts: dict[str, Any]) -> dict[str, dict[str, float]]:
    """Name → the figures of the parts, as the network has them. · 各基线在各部分上的指标。

    Without scikit-learn only the commonest answer is told.
    """
    makers = {"majority": _majority} if task.kind == "classification" else {"mean": _mean}
    linear = "logistic" if task.kind == "classification" else "linear"
    answers = {name: make(data) for name, make in makers.items()}
    if (fitted := _linear(data, task.kind)) is not None:
        answers[linear] = fitted
    return {name: _figures(answer, task, parts) for name, answer in answers.items()}


def linear(data: Table, part: Rows) -> np.ndarray | None:
    """What linear regression foretells of a part, [N] in standard units; None without scikit-learn. · 线性回归。"""
    line = _linear(data, "regression")
    return None if line is None else line(part)[:, 0].numpy()


def _figures(answer: Any, task: Supervised, parts: dict[str, Any]) -> dict[str, float]:
    figures: dict[str, float] = {}
    for name, part in parts.items():
        if part is not None:
            metrics, out = task.metrics(), answer(part)
            metrics.add(
                task.units(out),
                task.units(part.targets),
                float(Supervised(task.kind, task.classes).loss(out, part.targets)),
            )
            figures |= {f"{name}_{key}": value for key, value in metrics.figures().items()}
    return figures


def _majority(data: Table) -> Any:
    shares = data.train.targets.bincount(minlength=len(data.classes)).double() / len(data.train)
    logits = shares.clamp(min=1e-12).log()
    return lambda part: logits.expand(len(part), -1)


def _mean(data: Table) -> Any:
    return lambda part: torch.zeros(len(part), 1, dtype=torch.float64)  # in standard units


def features(part: Rows, data: Table) -> np.ndarray:
    """Numbers as they are, categories one of K without those never seen, float64 [N, …]. · 线性模型的特征。"""
    columns = [part.numbers.double()]
    sizes = [column.places for column in data.columns if column.places]
    for k, places in enumerate(sizes):
        columns.append((part.categories[:, k, None] == torch.arange(1, max(places, FIRST))).double())
    return torch.cat(columns, 1).numpy()


def _linear(data: Table, kind: str) -> Any:
    try:
        from sklearn.linear_model import LinearRegression, LogisticRegression
    except ImportError:
        return None
    train = data.train.subset(torch.arange(min(MOST, len(data.train))))
    x, y = features(train, data), train.targets.numpy()
    if kind == "regression":
        line = LinearRegression().fit(x, y.astype(np.float64))
        return lambda part: torch.from_numpy(line.predict(features(part, data)))[:, None]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it could be fitted a little better still
        fitted = LogisticRegression(max_iter=1000).fit(x, y)
    return lambda part: _spread(fitted.predict_log_proba(features(part, data)), fitted.classes_, len(data.classes))


def _spread(logs: np.ndarray, seen: np.ndarray, classes: int) -> Tensor:
    """Log-probabilities of all classes; one that training lacks has next to none."""
    out = torch.full((len(logs), classes), -30.0, dtype=torch.float64)
    out[:, torch.from_numpy(seen)] = torch.from_numpy(logs)
    return out
