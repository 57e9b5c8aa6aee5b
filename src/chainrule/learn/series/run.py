"""What one can ask of a run that forecasts a series. · 可以问一次序列预测运行的问题。"""

from os import PathLike, fspath
from typing import Any

import numpy as np
import torch

from ...data import series as room
from ...errors import UserError
from ..parcel import Exported
from ..trained import Run
from .data import Reading


class SeriesRun(Run):
    """A run that learned to forecast a series. · 一次序列预测的运行。"""

    use_it = ("predict", "TABLE.csv")
    decides = "rmse"

    def predict(self, series: str | PathLike[str] | np.ndarray) -> list[float]:
        """The numbers that come behind the end of a series. · 预测序列之后的数值。

        series the path of a table with the columns of the run, or numbers [T] or [T, C]; the last window of them is
        read. Raises `UserError` for fewer rows than a window has, other columns and numbers that are not finite.
        """
        facts = self.facts
        values = self.of_table(series) if isinstance(series, str | PathLike) else np.asarray(series, np.float64)
        values = values[:, None] if values.ndim == 1 else values
        if values.ndim != 2 or values.shape[1] != len(facts.columns):
            raise UserError(f"a series of shape {values.shape}: expected [rows, {len(facts.columns)}]: {facts.columns}")
        if len(values) < facts.window:
            raise UserError(f"a series of {len(values)} rows: expected at least {facts.window}, the window of the run")
        last = values[-facts.window :]
        if not np.isfinite(last).all():
            raise UserError("a series that holds nan or inf: expected finite numbers")
        with torch.no_grad():
            return facts.units(self.network(facts.standardised(last)[None])[0]).tolist()

    def of_table(self, path: str | PathLike[str]) -> np.ndarray:
        """The columns of this run in another table. · 读取另一表格中的同名列。"""
        reading = Reading(**self.settings.data)
        column = self.facts.columns[0] if reading.column == "" else reading.column
        how = reading.encoding or None, reading.delimiter or None
        return room.read(fspath(path), column, reading.further, *how).values

    def export(self, to: str = "onnx", fold_bn: bool = False, out: str | PathLike[str] | None = None) -> Exported:
        """Write it for use elsewhere: "onnx", "torch" or "safetensors"; see `shipping.export` here. · 导出。"""
        from .shipping import export

        return export(self, to, fold_bn, out)

    @torch.no_grad()
    def said(self, part: Any) -> np.ndarray:
        """What the network forecasts of a part, in its own units, [n, F]. · 网络的预测。"""
        return self.facts.units(torch.cat([self.network(x) for x in part.x.split(512)])).numpy()
