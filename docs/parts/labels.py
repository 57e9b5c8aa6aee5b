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
        [count, *(f"{fmean(found[count, way]):.1f} ± {stdev(found[count, way]):.1f} %" for way in WAYS)]
        for count in dict.fromkeys(count for count, _ in found)
    ]
    return table(["labels a class · 每类标签数", *WAYS.values()], rows)


PARTS = {"labels": labels}
