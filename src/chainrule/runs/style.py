"""How every picture looks: colours, fonts, and a file that is whole or not there. · 所有图片的样式与写出。"""

import io
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from .durable import replace

# Okabe & Ito's palette, told apart by the colour-blind; blue is train or right, orange is val or wrong.
BLUE, ORANGE = "#0072B2", "#D55E00"
PALETTE = (BLUE, ORANGE, "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
INK, FAINT = "#333333", "#DDDDDD"
DPI = 120
_STYLE: dict[Any, Any] = {
    "font.size": 10,
    "text.color": INK,
    "axes.edgecolor": "#999999",
    "axes.labelcolor": INK,
    "axes.linewidth": 0.8,
    "axes.titlesize": 11,
    "axes.unicode_minus": True,
    "xtick.color": INK,
    "ytick.color": INK,
    "text.parse_math": False,  # a `$` in a name is a dollar
    "text.usetex": False,
}


def of(families: list[str]) -> Any:
    """The block within which a picture is drawn, with these fonts. · 绘图所用的样式。"""
    return matplotlib.rc_context({**_STYLE, "font.family": families})


def save(figure: Figure, path: Path) -> None:
    """Write a PNG whole or not at all; raises `WriteFailed`. · 写出 PNG。"""
    buffer = io.BytesIO()
    FigureCanvasAgg(figure).print_png(buffer)
    replace(path, buffer.getvalue())
