"""The positions of a Transformer: the table of waves, and how alike two places are. · 位置编码的图。"""

from pathlib import Path

from matplotlib.figure import Figure

from chainrule.nn.positions import sinusoids
from chainrule.runs import fonts, style
from chainrule.runs.style import BLUE, FAINT, ORANGE

PLACES, WIDTH, LOOKED = 64, 64, 20


def draw(folder: Path) -> None:
    table = sinusoids(PLACES, WIDTH).numpy()
    alike = table @ table[LOOKED] / (WIDTH / 2)
    with style.of(fonts.families([])):
        figure = Figure(figsize=(9, 3.4), layout="constrained")
        waves, near = figure.subplots(1, 2, width_ratios=(1.25, 1))
        shown = waves.imshow(table.T, cmap="RdBu_r", vmin=-1, vmax=1, aspect="auto", origin="lower")
        waves.set(title="PE: a column is what is added at a place", xlabel="place t", ylabel="number i of the vector")
        figure.colorbar(shown, ax=waves, ticks=(-1, 0, 1))
        near.plot(alike, color=BLUE, lw=1.6)
        near.axvline(LOOKED, color=ORANGE, lw=1)
        near.set(title=f"PE(t)·PE({LOOKED}), of its largest value", xlabel="place t", xlim=(0, PLACES - 1))
        near.grid(color=FAINT, lw=0.6)
        near.spines[["top", "right"]].set_visible(False)
        style.save(figure, folder / "positions.png")
