"""Networks that forecast by name, without importing torch: a part of the catalogue. · 预测网络的目录。"""

from collections.abc import Mapping
from typing import Any

from ..entry import Entry

# How a series is read, `data.KEY=`; see learn/series/data.py.
SERIES = {
    "column": "",
    "beside": (),
    "window": 24,
    "horizon": 1,
    "period": 0,
    "log": False,
    "test": 0.33,
    "encoding": "",
    "delimiter": "",
}
FORECAST = {"hidden": 32, "num_layers": 1, "dropout": 0.0, "residual": True}


def series(name: str, options: Mapping[str, Any], en: str, zh: str) -> dict[str, Entry]:
    """The entry of a network that forecasts. · 预测网络的条目。

    >>> series("series_mlp", {"hidden": 8}, "forecasts", "预测")["series_mlp"].kind
    'series'
    """
    return {name: Entry(f"chainrule.zoo.series:{name}", en, zh, options, kind="series", reading=SERIES)}


SERIES_MODELS = {
    **series("series_lstm", FORECAST, "forecasts a time series by LSTM", "LSTM 预测时间序列"),
    **series("series_gru", FORECAST, "forecasts a time series by GRU", "GRU 预测时间序列"),
    **series(
        "series_peephole",
        FORECAST,
        "forecasts a time series by an LSTM whose gates look at the cell",
        "带窥视孔的 LSTM 预测时间序列",
    ),
    **series("series_rnn", FORECAST, "forecasts a time series by a plain RNN", "RNN 预测时间序列"),
    **series(
        "series_transformer",
        {"width": 32, "heads": 4, "num_layers": 2, "dropout": 0.0, "residual": True},
        "forecasts a time series by Transformer encoder layers",
        "Transformer 预测时间序列",
    ),
    **series(
        "series_mlp",
        {"hidden": 64, "dropout": 0.0, "residual": True},
        "forecasts a time series by one hidden layer",
        "单隐层网络预测时间序列",
    ),
}
