"""Draw the learning curve of transfer.md from benchmarks/results/transfer.json. · 绘制迁移学习的学习曲线。"""

import json
from pathlib import Path
from statistics import fmean

from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator

from chainrule.look.curves import name_ends, plain
from chainrule.runs import style
from chainrule.runs.style import BLUE, INK, ORANGE, PALETTE

RESULTS = Path(__file__).resolve().parents[2] / "benchmarks" / "results" / "transfer.json"
LOOKS = {
    "scratch": ("from scratch", ORANGE, "o"),
    "frozen": ("frozen backbone", PALETTE[2], "s"),
    "opened": ("opened on the way", BLUE, "D"),
}


def draw(folder: Path) -> None:
    """Accuracy over the pictures a class, a curve for each way. · 准确率随每类图片数的变化。"""
    told = json.loads(RESULTS.read_text(encoding="utf-8"))
    numbers = list(dict.fromkeys(run["number"] for run in told["runs"]))
    with style.of(["DejaVu Sans"]):
        figure = Figure(figsize=(8.4, 4.4), dpi=style.DPI)
        figure.subplots_adjust(left=0.09, right=0.82, top=0.9, bottom=0.13)
        axes = figure.add_subplot()
        axes.set_xscale("log")
        plain(axes)
        ends = []
        for way, (name, colour, marker) in LOOKS.items():
            seeds = [[100 * one for one in run["accuracy"]] for run in told["runs"] if run["way"] == way]
            curve = [fmean(each) for each in seeds]
            axes.vlines(numbers, list(map(min, seeds)), list(map(max, seeds)), color=colour, linewidth=5, alpha=0.3)
            axes.plot(numbers, curve, color=colour, marker=marker, markersize=6, linewidth=1.9)
            ends.append((name, curve[-1], colour))
        guess = 100 / len(told["classes"])
        axes.axhline(guess, color=INK, linewidth=0.9, linestyle=":")
        axes.set_ylim(guess - 5, None)
        axes.set_xlim(numbers[0] * 0.85, numbers[-1] * 1.12)
        axes.xaxis.set_major_locator(FixedLocator(numbers))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.set_xticklabels([*map(str, numbers[:-1]), f"{numbers[-1]} (all)"])
        axes.set_xlabel("labelled photographs a class")
        axes.set_ylabel(f"% right of {told['held_out']} others")
        axes.set_title(f"{len(told['classes'])} kinds of flowers at {told['size']} px, {told['model']}", loc="left")
        name_ends(axes, [*ends, ("guessing", guess, INK)])
        style.save(figure, folder / "transfer.png")
