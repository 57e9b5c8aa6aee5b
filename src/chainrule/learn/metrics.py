"""What a network's answers are worth. · 衡量网络答案的指标。

symbols  logits [N, C]   target [N] (classes)   prediction, truth [N] or [N, D] (numbers)   counts [C, C]

Counts are summed over batches and every figure is read from the sums, so the size of the evaluation batch changes none.
"""

from dataclasses import dataclass, field

import torch
from torch import Tensor


@dataclass
class Classification:
    """Accuracy, top-k, macro precision, recall and F1, and the confusion matrix. · 分类指标。

    A class that was never predicted has precision 0, one that never occurs is left out of the macro means.

    >>> m = Classification(classes=2, topk=1)
    >>> m.add(torch.tensor([[2.0, 1.0], [0.0, 1.0]]), torch.tensor([0, 0]), loss=0.5)
    >>> m.figures()["accuracy"], m.confusion.tolist()
    (0.5, [[1, 1], [0, 0]])
    """

    classes: int
    topk: int = 5
    confusion: Tensor = field(init=False)
    hits: int = 0
    count: int = 0
    loss: float = 0.0

    better = "accuracy"

    def __post_init__(self) -> None:
        self.confusion = torch.zeros(self.classes, self.classes, dtype=torch.int64)

    def add(self, logits: Tensor, target: Tensor, loss: float) -> None:
        logits, target = logits.detach().float().cpu(), target.cpu()
        best = logits.topk(min(self.topk, self.classes), dim=-1).indices
        self.hits += int((best == target[:, None]).any(-1).sum())
        cells = target * self.classes + best[:, 0]
        self.confusion += torch.bincount(cells, minlength=self.classes**2).reshape(self.classes, self.classes)
        self.loss += loss * len(target)
        self.count += len(target)

    def figures(self) -> dict[str, float]:
        right = self.confusion.diagonal().double()
        occurs, predicted = self.confusion.sum(1).double(), self.confusion.sum(0).double()
        precision, recall = right / predicted.clamp(min=1), right / occurs.clamp(min=1)
        f1 = 2 * right / (predicted + occurs).clamp(min=1)
        seen = occurs > 0
        k = min(self.topk, self.classes)
        return {
            "loss": self.loss / max(self.count, 1),
            "accuracy": float(right.sum()) / max(self.count, 1),
            **({f"top{k}": self.hits / max(self.count, 1)} if 1 < k < self.classes else {}),
            "precision": float(precision[seen].mean()),
            "recall": float(recall[seen].mean()),
            "f1": float(f1[seen].mean()),
            "count": float(self.count),
        }


@dataclass
class Regression:
    """Mean squared and absolute error, and the share of variance explained. · 回归指标。

    >>> m = Regression()
    >>> m.add(torch.tensor([[1.0], [2.0]]), torch.tensor([[1.0], [4.0]]), loss=2.0)
    >>> m.figures()["mse"], m.figures()["mae"]
    (2.0, 1.0)
    """

    squared: float = 0.0
    absolute: float = 0.0
    total: float = 0.0
    total_squared: float = 0.0
    numbers: int = 0
    count: int = 0
    loss: float = 0.0

    better = "r2"

    def add(self, prediction: Tensor, truth: Tensor, loss: float) -> None:
        prediction, truth = prediction.detach().double().cpu(), truth.double().cpu()
        difference = prediction.reshape(truth.shape) - truth
        self.squared += float((difference**2).sum())
        self.absolute += float(difference.abs().sum())
        self.total += float(truth.sum())
        self.total_squared += float((truth**2).sum())
        self.numbers += truth.numel()
        self.loss += loss * len(truth)
        self.count += len(truth)

    def figures(self) -> dict[str, float]:
        n = max(self.numbers, 1)
        spread = self.total_squared - self.total**2 / n
        return {
            "loss": self.loss / max(self.count, 1),
            "mse": self.squared / n,
            "mae": self.absolute / n,
            "r2": 1 - self.squared / spread if spread > 0 else float("nan"),
            "count": float(self.count),
        }
