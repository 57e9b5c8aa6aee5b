"""House values of California, foretold and true. · 加州房价的预测与真值。"""

from pathlib import Path
from tempfile import TemporaryDirectory

from chainrule import train

from .unsupervised import shrunk


def draw(folder: Path) -> None:
    """By the command of tables.md. · 按表格页的命令训练并绘制。"""
    with TemporaryDirectory() as place:
        settings = {"epochs": 20, "batch_size": 256, "lr": 3e-3, "schedule": "cosine", "threads": 1}
        run = train("tabular", "california", runs=place, name="california", **settings)
        shrunk(run, {"foretold.png": ("california.png", 860)}, folder)
