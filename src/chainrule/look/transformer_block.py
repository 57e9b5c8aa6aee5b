"""The layers of a Transformer as a picture: what is added, and where it is normalised. · Transformer 层的结构图。"""

from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from ..runs import fonts, style

_FILL = {"attention": "#E1EFF9", "linear": "#FCE9DC", "norm": "#FFF7DC", "sum": "#FFFFFF"}
_EDGE = {"attention": style.BLUE, "linear": style.ORANGE, "norm": "#C79A00", "sum": style.INK}
_WIDE, _GAP = 3.3, 0.34
_HIGH = {"attention": 0.62, "linear": 0.62, "norm": 0.4, "sum": 0.38}
Step = tuple[str, str]  # kind, words


def parts(layer: Any) -> list[tuple[Step, ...]]:
    """The residual parts of a layer in the order they run, each its steps. · 层的各残差部分。

    layer: an encoder or decoder layer of `nn.transformer`.

    >>> from chainrule import nn
    >>> [[kind for kind, _ in part] for part in parts(nn.TransformerEncoderLayer(4, 2, 8, batch_first=True))]
    [['attention', 'sum', 'norm'], ['linear', 'sum', 'norm']]
    """
    heads, width = layer.self_attn.num_heads, layer.self_attn.embed_dim
    split = f"{heads} heads of {width // heads}"
    across = getattr(layer, "multihead_attn", None)
    own = "what was said, no later word" if across is not None else "the words to each other"
    bodies: list[Step] = [("attention", f"attention: {own}\n{split}")]
    if across is not None:
        bodies.append(("attention", f"attention: to the source\n{split}"))
    bodies.append(("linear", f"linear {width} → {layer.linear1.out_features}, activation,\nlinear → {width}"))
    norm, add = ("norm", "layer norm"), ("sum", "+")
    return [(norm, body, add) if layer.norm_first else (body, add, norm) for body in bodies]


def draw(layers: dict[str, Any], path: Path) -> None:
    """Layers side by side, from below to above, with the ways around. · 并排画出各层，自下而上。"""
    found = {name: parts(layer) for name, layer in layers.items()}
    top = 1.3 + max(sum(_HIGH[kind] + _GAP for part in each for kind, _ in part) for each in found.values())
    families = fonts.families(list(layers))
    with style.of(families):
        figure = Figure(figsize=(1.05 * 5.4 * len(layers), 0.92 * top), dpi=style.DPI)
        axes = figure.add_axes((0.01, 0.01, 0.98, 0.98))
        axes.set(xlim=(0, 5.4 * len(layers)), ylim=(0, top), aspect="equal")
        axes.axis("off")
        for number, (name, each) in enumerate(found.items()):
            _column(axes, 5.4 * number + 2.9, name, each)
        style.save(figure, path)


def _column(axes: Axes, x: float, name: str, each: list[tuple[Step, ...]]) -> None:
    y = 0.75
    axes.text(x, 0.3, "words, as vectors", ha="center", va="center", fontsize=10)
    for part in each:
        start = y - 0.5 * _GAP
        for kind, words in part:
            high = _HIGH[kind]
            _arrow(axes, (x, y - _GAP), (x, y))
            if kind == "sum":
                middle = y + 0.5 * high
                axes.scatter([x], [middle], s=440, facecolors="white", edgecolors=style.INK, linewidths=1.3, zorder=3)
                axes.text(x, middle, words, ha="center", va="center", fontsize=13, zorder=4)
                side = x - _WIDE / 2 - 0.45
                axes.plot([x, side, side], [start, start, middle], color=style.INK, linewidth=1.1, zorder=1)
                _arrow(axes, (side, middle), (x - 0.18, middle))
            else:
                _box(axes, x, y, kind, words)
            if "to the source" in words:
                right = x + _WIDE / 2
                _arrow(axes, (right + 0.55, y + high / 2), (right, y + high / 2))
                axes.text(right + 0.6, y + high / 2, "h", ha="left", va="center", fontsize=11, color=style.BLUE)
            y += high + _GAP
    _arrow(axes, (x, y - _GAP), (x, y))
    axes.text(x, y + 0.2, name, ha="center", va="center", fontsize=12, weight="bold")


def _box(axes: Axes, x: float, y: float, kind: str, words: str) -> None:
    shape = FancyBboxPatch(
        (x - _WIDE / 2, y),
        _WIDE,
        _HIGH[kind],
        boxstyle="round,pad=0,rounding_size=0.08",
        facecolor=_FILL[kind],
        edgecolor=_EDGE[kind],
        linewidth=1.2,
        zorder=2,
    )
    axes.add_patch(shape)
    axes.text(x, y + _HIGH[kind] / 2, words, ha="center", va="center", fontsize=9, zorder=3)


def _arrow(axes: Axes, start: tuple[float, float], end: tuple[float, float]) -> None:
    look: dict[str, Any] = {"arrowstyle": "-|>", "mutation_scale": 9, "color": style.INK, "linewidth": 1.1}
    axes.add_patch(FancyArrowPatch(start, end, shrinkA=0, shrinkB=0, zorder=2, **look))
