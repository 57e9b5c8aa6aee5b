"""Draw what unlabelled images gave, from benchmarks/results/labels.json. · 绘制无标签图像的作用。"""

import json
from pathlib import Path
from statistics import fmean
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator

from chainrule.look.curves import name_ends, plain
from chainrule.runs import style
from chainrule.runs.style import BLUE, INK, ORANGE, PALETTE

RESULTS = Path(__file__).resolve().parents[2] / "benchmarks" / "results" / "labels.json"
LOOKS = {
    "supervised": ("labels alone", ORANGE, "o"),
    "pseudo": ("pseudo-labels", PALETTE[2], "s"),
    "fixmatch": ("FixMatch", BLUE, "D"),
}


def draw(folder: Path) -> None:
    """Accuracy over the labels a class: a curve for each way, a dot for each seed. · 准确率随每类标签数的变化。"""
    found = json.loads(RESULTS.read_text(encoding="utf-8"))
    with style.of(["DejaVu Sans"]):
        figure = Figure(figsize=(1.6 + 6.2 * len(found), 4.4), dpi=style.DPI)
        figure.subplots_adjust(left=0.09, right=0.84, top=0.9, bottom=0.13, wspace=0.5)
        for place, (data, told) in enumerate(found.items(), 1):
            _curves(figure.add_subplot(1, len(found), place), data, told)
        style.save(figure, folder / "labels.png")


def _curves(axes: Axes, data: str, told: dict[str, Any]) -> None:
    numbers = list(dict.fromkeys(run["labels"] for run in told["runs"]))
    axes.set_xscale("log")
    plain(axes)
    ends = []
    for way, (name, colour, marker) in LOOKS.items():
        dots = [(run["labels"], 100 * run["accuracy"]) for run in told["runs"] if run["way"] == way]
        if not dots:
            continue
        tried = [number for number in numbers if number in dict(dots)]
        means = [fmean(y for x, y in dots if x == number) for number in tried]
        axes.plot(tried, means, color=colour, marker=marker, markersize=6, linewidth=1.9)
        axes.scatter(*zip(*dots, strict=True), color=colour, s=9, alpha=0.45, linewidths=0)
        ends.append((name, means[-1], colour))
    axes.set_ylim(None, min(101, 5 + max(100 * run["accuracy"] for run in told["runs"])))
    axes.set_xlim(numbers[0] * 0.85, numbers[-1] * 1.12)
    axes.xaxis.set_major_locator(FixedLocator(numbers))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xticklabels(list(map(str, numbers)))
    axes.set_xlabel("labels a class", color=INK)
    axes.set_ylabel("% right of the test part")
    axes.set_title(f"{data}: {told['model']}, {told['updates']} updates", loc="left")
    name_ends(axes, ends)
