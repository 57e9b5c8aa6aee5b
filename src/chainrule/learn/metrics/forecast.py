"""Forecasts: how far off, in their own units and beside the naive one. · 预测误差，含与朴素预测之比。

symbols  prediction, truth [N, F]
"""

from dataclasses import dataclass

from .regression import Regression


@dataclass
class Forecasts(Regression):
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

    def figures(self) -> dict[str, float]:
        told = super().figures()
        return {
            "loss": told["loss"],
            "rmse": told["mse"] ** 0.5,
            "mae": told["mae"],
            "mase": told["mae"] / self.scale if self.scale > 0 else float("nan"),
            "r2": told["r2"],
            "count": told["count"],
        }
