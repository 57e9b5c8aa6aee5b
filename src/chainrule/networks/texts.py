"""Networks that read texts by name, without importing torch: a part of the catalogue. · 文本网络的目录。"""

from collections.abc import Mapping
from typing import Any

from ..entry import Entry

# How labelled texts are read, `data.KEY=`; see learn/texts/data.py.
LABELLED = {
    "text": "text",
    "label": "label",
    "task": "auto",
    "tokens": "words",
    "normalise": "none",
    "min_count": 1,
    "max_words": 0,
    "max_length": 512,
    "merges": 4000,
    "test": 0.1,
    "encoding": "",
    "delimiter": "",
}
TABLE = {"vectors": None, "tune": True}
RECURRENT = {"width": 128, "hidden": 128, "num_layers": 1, "dropout": 0.5, "bidirectional": True, "pool": "last"}


def texts(name: str, options: Mapping[str, Any], en: str, zh: str) -> dict[str, Entry]:
    """The entry of a network that reads texts. · 读文本的网络的条目。

    >>> texts("text_bag", {"width": 8}, "a bag", "词袋")["text_bag"].kind
    'texts'
    """
    made = Entry(f"chainrule.zoo.text:{name}", en, zh, {**options, **TABLE}, kind="texts", reading=LABELLED)
    return {name: made}


TEXTS = {
    **texts("text_lstm", RECURRENT, "texts by LSTM in both directions", "双向 LSTM 读文本"),
    **texts("text_gru", RECURRENT, "texts by GRU in both directions", "双向 GRU 读文本"),
    **texts(
        "text_peephole",
        RECURRENT,
        "texts by an LSTM whose gates look at the cell, in both directions",
        "带窥视孔的双向 LSTM 读文本",
    ),
    **texts("text_rnn", RECURRENT, "texts by a plain RNN in both directions", "双向 RNN 读文本"),
    **texts(
        "text_transformer",
        {"width": 128, "heads": 4, "num_layers": 2, "dropout": 0.2, "norm_first": True, "pool": "mean"},
        "texts by Transformer encoder layers",
        "Transformer 编码器读文本",
    ),
    **texts(
        "text_cnn",
        {"width": 128, "windows": (3, 4, 5), "filters": 100, "dropout": 0.5, "pool": "max"},
        "texts by filters over a few words each (Kim 2014)",
        "卷积网络读文本（Kim 2014）",
    ),
    **texts(
        "text_bag", {"width": 128, "dropout": 0.5, "pool": "mean"}, "texts by the mean of their words", "词向量平均"
    ),
}
