"""One class a sample: which was taken for which. · 单标签分类：混淆矩阵与由它读出的指标。

symbols  logits [N, C]   target [N] (classes)   counts [C, C]
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
