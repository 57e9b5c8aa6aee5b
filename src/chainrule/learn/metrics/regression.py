"""Numbers: how far off. · 数值预测的误差。

symbols  prediction, truth [N] or [N, D]
"""

from dataclasses import dataclass

from torch import Tensor


@dataclass
class Regression:
    """Mean squared and absolute error, and the share of variance explained. · 回归指标。

    >>> import torch
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
