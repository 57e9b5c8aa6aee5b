"""What images without a label were measured to teach. · 无标签图像的实测作用。"""

import json
from statistics import fmean, stdev
from typing import Any

from .markdown import table
from .pages import ROOT

RESULTS = ROOT / "benchmarks" / "results" / "labels.json"
WAYS = {
    "supervised": "labels alone · 仅用标签",
    "pseudo": "pseudo-labels · 伪标签",
    "fixmatch": "FixMatch · 弱强一致",
}


def measured(data: str) -> dict[str, Any]:
    return json.loads(RESULTS.read_text(encoding="utf-8"))[data]


def labels(page: str, data: str) -> str:
    """Mean and deviation over the seeds, by labels a class. · 各种子的均值与标准差。"""
    found: dict[tuple[int, str], list[float]] = {}
    for run in measured(data)["runs"]:
        found.setdefault((run["labels"], run["way"]), []).append(100 * run["accuracy"])
    rows = [
        [count, *(told(found.get((count, way), [])) for way in WAYS)]
        for count in dict.fromkeys(count for count, _ in found)
    ]
    return table(["labels a class · 每类标签数", *WAYS.values()], rows)


def told(shares: list[float]) -> str:
    """Mean and deviation; of one seed the figure alone, of none a dash. · 均值与标准差，单个种子只有数值。"""
    if not shares:
        return "–"
    return f"{fmean(shares):.1f} ± {stdev(shares):.1f} %" if len(shares) > 1 else f"{shares[0]:.1f} %"


PARTS = {"labels": labels}
