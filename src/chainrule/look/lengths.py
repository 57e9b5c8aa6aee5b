"""BLEU by the length of the sentence: where a translator without attention forgets. · 按句长的 BLEU。"""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.text import Annotation
from matplotlib.ticker import MaxNLocator

from ..learn.translation.bleu import Bucket
from ..runs import fonts, style

LINE = 13  # points from a label to the next


def draw(found: Mapping[str, Sequence[Bucket]], path: Path, title: str = "") -> None:
    """One line a run, as PNG: BLEU of sentences of like length over the words of the source. · 画出按句长的 BLEU。

    found: name → its buckets.
    """
    families = fonts.families([title, *found])
    with style.of(families):
        figure = Figure(figsize=(7.4, 4.4), dpi=style.DPI, layout=ConstrainedLayoutEngine(w_pad=0.12, h_pad=0.1))
        axes = figure.add_subplot()
        labels: list[Annotation] = []
        for number, (name, buckets) in enumerate(found.items()):
            x = [(bucket.shortest + bucket.longest) / 2 for bucket in buckets]
            y = [bucket.bleu for bucket in buckets]
            colour = style.PALETTE[number % len(style.PALETTE)]
            axes.plot(x, y, "o-", color=colour, linewidth=1.9, markersize=4.5, clip_on=False)
            if len(found) > 1:
                label = fonts.shorten(fonts.drawable(name, families), 32)
                look = {"color": colour, "va": "center", "xytext": (8, 0), "textcoords": "offset points"}
                labels.append(axes.annotate(label, (x[-1], y[-1]), annotation_clip=False, **look))
        axes.set_title(fonts.shorten(fonts.drawable(title, families), 80), loc="left", pad=12)
        axes.set_xlabel("words of the source sentence")
        axes.set_ylabel("BLEU")
        axes.set_ylim(bottom=0)
        axes.margins(x=0.03)
        axes.grid(True, color=style.FAINT, linewidth=0.7)
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(length=0)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        figure.draw_without_rendering()  # before that nothing has its place
        _apart(labels, figure.dpi / 72)
        style.save(figure, path)


def _apart(labels: Sequence[Annotation], pixels: float) -> None:
    """Each stands at the end of its curve, or as far above as it takes to be read; pixels: of a point."""
    below = -math.inf
    for label in sorted(labels, key=lambda label: label.xy[1]):
        assert label.axes is not None
        end = label.axes.transData.transform(label.xy)[1] / pixels
        place = max(end, below + LINE)
        label.set_position((8, place - end))
        below = place
