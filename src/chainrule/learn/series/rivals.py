"""Forecasts without a network: the last number, that of a season ago, a linear regression. · 不用网络的预测。"""

import numpy as np
import torch

from ..metrics.forecast import Forecasts
from .data import Part, SeriesData


def persistence(data: SeriesData, part: Part) -> np.ndarray:
    """The last number, over and over, [n, F]. · 持续性预测。"""
    last = data.series.values[part.at - 1, 0]
    return np.repeat(last[:, None], data.facts.horizon, 1)


def seasonal(data: SeriesData, part: Part) -> np.ndarray:
    """What it was a period ago, or several where the horizon is longer, [n, F]. · 季节性朴素预测。"""
    ahead = np.arange(data.facts.horizon)
    back = data.facts.period * (ahead // data.facts.period + 1)
    return data.series.values[part.at[:, None] + ahead - back, 0]


def autoregression(data: SeriesData, part: Part) -> np.ndarray:
    """A linear regression on the window, by least squares over all before the test part, [n, F]. · 线性自回归。

    One regression for each step ahead. It sees the validation part too, for it chooses nothing by it. Source: Box &
    Jenkins 1970, Time series analysis: forecasting and control, chapter 3.
    """
    x, y = _past(data)
    slope = np.linalg.lstsq(x, y, rcond=None)[0]
    z = _with_one(part.x.double().numpy()) @ slope
    return data.facts.units(torch.from_numpy(z)).numpy()


def _past(data: SeriesData) -> tuple[np.ndarray, np.ndarray]:
    parts = [part for part in (data.train, data.val) if part is not None]
    x, y = (np.concatenate([getattr(p, k).double().numpy() for p in parts]) for k in ("x", "y"))
    return _with_one(x), y


def _with_one(x: np.ndarray) -> np.ndarray:
    return np.hstack([np.ones((len(x), 1)), x.reshape(len(x), -1)])


def forecasts(data: SeriesData, part: Part) -> dict[str, np.ndarray]:
    """Name → forecasts of a part in its own units, [n, F]. · 各基线的预测。"""
    found = {"persistence": persistence(data, part)}
    m = data.facts.period
    if m > 1 and part.at[0] >= m:
        found[f"season of {m}"] = seasonal(data, part)
    return found | {f"AR({data.facts.window})": autoregression(data, part)}


def truth(data: SeriesData, part: Part) -> np.ndarray:
    """What came, [n, F]. · 真值。"""
    return data.series.values[part.at[:, None] + np.arange(data.facts.horizon), 0]


def rivals(data: SeriesData) -> dict[str, dict[str, float]]:
    """Name → figures of the validation and the test part. · 各基线的指标。"""
    found: dict[str, dict[str, float]] = {}
    for name, part in (("val", data.val), ("test", data.test)):
        if part is None:
            continue
        for rival, said in forecasts(data, part).items():
            metrics = Forecasts(scale=data.facts.scale)
            metrics.add(torch.from_numpy(said), torch.from_numpy(truth(data, part)), 0.0)
            told = {f"{name}_{k}": v for k, v in metrics.figures().items() if k not in ("loss", "count")}
            found[rival] = found.get(rival, {}) | told
    return found
