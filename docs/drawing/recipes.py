"""How the recipes for a processor learn: what recipes/results.json recorded of each epoch. · 处理器配方的学习曲线。"""

from pathlib import Path

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from chainrule.cli.recipes import load
from chainrule.cli.recorded import load as recorded
from chainrule.runs.style import FAINT, INK, PALETTE, of, save

RESULTS = Path(__file__).resolve().parents[2] / "recipes" / "results.json"


def draw(folder: Path) -> None:
    """One panel a recipe: accuracy after each epoch, and the bar it must reach. · 每个配方一格。"""
    rows = [one for one in recorded(RESULTS) if one["recipe"].endswith("-cpu")]
    with of(["DejaVu Sans"]):
        figure = Figure(figsize=(4.6 * len(rows), 3.2), layout="constrained")
        for place, one in enumerate(rows):
            axes = figure.add_subplot(1, len(rows), place + 1)
            curve, wanted = one["curve"], load(one["recipe"]).expect["test_accuracy"]
            axes.axhline(wanted, color=INK, linewidth=0.8, linestyle=":")
            axes.plot(curve["epoch"], curve["val_accuracy"], color=PALETTE[0], marker="o", markersize=4)
            test = one["figures"]["test_accuracy"]
            axes.plot(curve["epoch"][-1], test, color=PALETTE[1], marker="D", markersize=6, linestyle="")
            axes.annotate(
                f"test {test:.1%}",
                (curve["epoch"][-1], test),
                (9, -4),
                textcoords="offset points",
                color=PALETTE[1],
            )
            axes.set_title(one["recipe"], loc="left")
            axes.set_xlabel("epoch")
            axes.set_ylabel("val accuracy" if not place else "")
            axes.set_xlim(0.7, curve["epoch"][-1] * 1.25)
            axes.grid(color=FAINT, linewidth=0.6)
            marks = MaxNLocator(8, integer=True).tick_values(1, curve["epoch"][-1])
            axes.set_xticks([mark for mark in marks if 1 <= mark <= curve["epoch"][-1]])
            axes.yaxis.set_major_formatter(PercentFormatter(1.0, 0))
            axes.spines[["top", "right"]].set_visible(False)
        save(figure, folder / "recipes-cpu.png")
