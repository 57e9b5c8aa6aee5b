"""Where a translator looked while it spoke, as a heat map. · 注意力对齐的热力图。"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from ..runs import fonts, style

MOST = 60  # tokens of a side that a picture has room for
_CELL, _MARGIN = 0.36, 1.7  # inches


def draw(
    source: Sequence[str], target: Sequence[str], shares: Sequence[Sequence[float]], path: Path, title: str = ""
) -> None:
    """Shares [target, source] in blue, the darker the larger; each row sums to 1. · 画出对齐矩阵。

    source, target: tokens, shown as they are; those of sub-words without the mark of their end.
    """
    rows, columns = [plain(t) for t in target][:MOST], [plain(t) for t in source][:MOST]
    found = np.asarray(shares, dtype=float)[: len(rows), : len(columns)]
    families = fonts.families([title, *rows, *columns])
    across, down = fonts.labels(columns, families, 18), fonts.labels(rows, families, 18)
    size = (_MARGIN + _CELL * max(len(columns), 7), _MARGIN + _CELL * max(len(rows), 3))
    upright = all(len(label) <= 2 for label in across)  # Chinese characters need no turning
    with style.of(families):
        figure = Figure(figsize=size, dpi=style.DPI, layout=ConstrainedLayoutEngine(w_pad=0.1, h_pad=0.1))
        axes = figure.add_subplot()
        picture = axes.imshow(found, cmap="Blues", vmin=0, vmax=1, interpolation="nearest", aspect="equal")
        axes.set_xticks(range(len(columns)), across, rotation=0 if upright else 50)
        if not upright:
            for label in axes.get_xticklabels():
                label.set(ha="left", va="bottom", rotation_mode="anchor")
        axes.set_yticks(range(len(rows)), down)
        axes.xaxis.tick_top()
        axes.tick_params(length=0, pad=4)
        axes.spines[:].set_visible(False)
        axes.set_xticks(np.arange(0.5, len(columns) - 1), minor=True)
        axes.set_yticks(np.arange(0.5, len(rows) - 1), minor=True)
        axes.grid(True, which="minor", color="white", linewidth=1.2)
        axes.tick_params(which="minor", length=0)
        bar = figure.colorbar(picture, ax=axes, shrink=0.75, aspect=18, pad=0.02, ticks=[0, 0.5, 1])
        bar.outline.set_visible(False)  # pyright: ignore[reportCallIssue]
        bar.ax.tick_params(length=0)
        if title:
            figure.suptitle(fonts.shorten(fonts.drawable(title, families), 70), fontsize=11)
        style.save(figure, path)


def plain(token: str) -> str:
    """A token as one reads it. · 便于阅读的词。

    >>> plain("man</w>"), plain("<EOS>"), plain(" ")
    ('man', '⟨end⟩', '␣')
    """
    if token == "<EOS>":
        return "⟨end⟩"
    return token.replace("</w>", "").replace("￭", "") or "·" if token.strip() else "␣"
