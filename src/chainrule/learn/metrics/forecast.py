"""Forecasts: how far off, in their own units and beside the naive one. · 预测误差，含与朴素预测之比。

symbols  prediction, truth [N, F]
"""

from dataclasses import dataclass

from torch import Tensor


@dataclass
class Forecasts:
    """MAE, RMSE, MASE and the share of variance explained. · 预测指标。

    scale: mean absolute error of the naive forecast within the training part: a MASE below 1 is better than that.
    Source: Hyndman & Koehler 2006, doi:10.1016/j.ijforecast.2006.03.001, section 3.

    >>> import torch
    >>> m = Forecasts(scale=2.0)
    >>> m.add(torch.tensor([[1.0], [2.0]]), torch.tensor([[1.0], [4.0]]), loss=2.0)
    >>> m.figures()["mae"], m.figures()["mase"], m.figures()["rmse"] ** 2
    (1.0, 0.5, 2.0000000000000004)
    """

    scale: float = 1.0
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
            "rmse": (self.squared / n) ** 0.5,
            "mae": self.absolute / n,
            "mase": self.absolute / n / self.scale if self.scale > 0 else float("nan"),
            "r2": 1 - self.squared / spread if spread > 0 else float("nan"),
            "count": float(self.count),
        }
