"""What weights of another task were measured to be worth. · 迁移学习的实测结果。"""

import json
from statistics import fmean
from typing import Any

from .markdown import table
from .pages import ROOT

RESULTS = ROOT / "benchmarks" / "results" / "transfer.json"
WAYS = {
    "scratch": "from scratch · 从头训练",
    "frozen": "frozen backbone · 冻结主干",
    "opened": "opened on the way · 中途解冻",
}


def measured() -> dict[str, Any]:
    return json.loads(RESULTS.read_text(encoding="utf-8"))


def transfer(page: str, *_: str) -> str:
    """Mean accuracy of each way on what was held out, and its rate, by pictures a class. · 各方式的平均测试准确率。"""
    runs = measured()["runs"]
    found = {(run["number"], run["way"]): f"{100 * fmean(run['accuracy']):.1f} % (lr {run['lr']:g})" for run in runs}
    rows = {run["number"]: run["epochs"] for run in runs}
    head = ["pictures a class · 每类图片", "epochs · 轮数", *WAYS.values()]
    return table(head, ([number, epochs, *(found[number, way] for way in WAYS)] for number, epochs in rows.items()))


PARTS = {"transfer": transfer}
