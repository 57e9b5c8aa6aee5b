"""s looks at every h: one step of a decoder, with a line to each word of the source. · 解码器的一步：s 看每个 h。"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..runs import fonts, style
from .alignment import plain

MOST = 24  # words of a source that a picture has room for
_STEP, _RADIUS = 1.0, 0.3


def draw(source: Sequence[str], said: Sequence[str], shares: Sequence[Sequence[float]], step: int, path: Path) -> None:
    """The state before word `step` of what was said, and a line to each source word as wide as its share. · 画出一步。

    source, said: tokens; shares: [said, source], as `TranslationRun.translate(…, align=True)` gives them.
    """
    words = [plain(token) for token in source][:MOST]
    row = list(shares[step])[: len(words)]
    families = fonts.families([*words, *map(plain, said)])
    labels = fonts.labels(words, families, 12)
    with style.of(families):
        figure = Figure(figsize=(max(5.5, 0.95 * len(words) + 1), 4.6), dpi=style.DPI)
        axes = figure.add_axes((0.02, 0.02, 0.96, 0.96))
        axes.set(xlim=(-0.8, len(words) - 0.2), ylim=(-1.15, 3.35), aspect="equal")
        axes.axis("off")
        middle = (len(words) - 1) / 2
        _chain(axes, words, row)
        for i, share in enumerate(row):
            look = {"color": style.ORANGE, "linewidth": 0.5 + 8 * share, "alpha": 0.25 + 0.75 * share, "zorder": 1}
            axes.plot([middle, i], [2.3 - _RADIUS, _RADIUS], solid_capstyle="round", **look)
            place = 0.68  # of the way down, where the lines are apart
            x, y = middle + place * (i - middle), 2.3 - _RADIUS - place * (2.3 - 2 * _RADIUS)
            if share >= 0.02:
                box = {"facecolor": "white", "edgecolor": "none", "pad": 0.8, "alpha": 0.85}
                axes.text(x, y, f"{share:.2f}", fontsize=8.5, ha="center", va="center", bbox=box, zorder=4)
        for i, label in enumerate(labels):
            axes.text(i, -0.75, label, ha="center", va="center", fontsize=10.5)
        before = plain(said[step - 1]) if step else "⟨begin⟩"
        _state(axes, middle, 2.3, f"s{_low(step)}", style.ORANGE)
        text = fonts.drawable(f"read: {before}    says next: {plain(said[step])}", families)
        axes.text(middle, 2.95, text, ha="center", va="center", fontsize=11.5)
        style.save(figure, path)


def _chain(axes: Axes, words: Sequence[str], row: Sequence[float]) -> None:
    """The states of the encoder, linked from word to word in both directions."""
    for i in range(len(words)):
        _state(axes, i, 0.0, f"h{_low(i + 1)}", style.BLUE)
        if i:
            ends: dict[str, Any] = {"xy": (i - _RADIUS, 0), "xytext": (i - 1 + _RADIUS, 0)}
            axes.annotate("", arrowprops={"arrowstyle": "<->", "color": "#999999", "shrinkA": 1, "shrinkB": 1}, **ends)


def _state(axes: Axes, x: float, y: float, name: str, colour: str) -> None:
    axes.scatter([x], [y], s=[900], facecolors="white", edgecolors=colour, linewidths=1.8, zorder=3)
    axes.text(x, y, name, ha="center", va="center", fontsize=10.5, color=colour, zorder=4)


def _low(number: int) -> str:
    """A number as an index. · 下标数字。

    >>> _low(12)
    '₁₂'
    """
    return "".join("₀₁₂₃₄₅₆₇₈₉"[int(digit)] for digit in str(number))
