"""Networks for tables by name, without importing torch: a part of the catalogue. · 表格网络的目录。"""

from ..entry import Entry

TABULAR = {
    "num_outputs": 2,
    "numbers": 8,
    "categories": (),
    "hidden": (128, 64),
    "activation": "relu",
    "dropout": 0.1,
    "embedding_dim": 0,
}
COLUMNS = {
    "target": None,
    "task": "auto",
    "skip": (),
    "categories": (),
    "test": 0.2,
    "split": 0,
    "header": "auto",
    "delimiter": "auto",
    "encoding": None,
}

TABLES = {
    "tabular": Entry(
        "chainrule.zoo.tabular:Tabular",
        "fully-connected network for tables, with embeddings of categories",
        "表格用全连接网络，类别以嵌入表示",
        TABULAR,
        parameters=9_538,
        macs=9_344,
        kind="tables",
        reading=COLUMNS,
    ),
}
