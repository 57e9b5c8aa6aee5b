"""Heat laid over images, beside the classes that were likeliest. · 叠加热力图与最可能的类别。"""

from collections.abc import Sequence
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from ..runs import fonts, style
from ..runs.contact import fitted, narrow
from ..runs.curves import share
from ..runs.style import BLUE, DPI, INK, ORANGE
from .explain import Explanation

SIDE = 224  # pixels of an image
_GAP, _MARGIN, _HEAD, _TEXT, _BARS = 14, 26, 62, 38, 322
_GREY = "#777777"
_MAP = "inferno"


def blended(image: np.ndarray, heat: np.ndarray) -> np.ndarray:
    """An image in the light of its heat: dark where nothing speaks, glowing where most does. · 叠加。

    image uint8 [H, W, 3], heat [H, W] in 0…1 → uint8 [H, W, 3]

    >>> blended(np.full((1, 2, 3), 255, np.uint8), np.array([[0.0, 1.0]])).shape
    (1, 2, 3)
    """
    glow = matplotlib.colormaps[_MAP](heat)[..., :3]
    strength = (0.45 + 0.25 * heat)[..., None]
    return np.round(255 * ((1 - strength) * image / 255 + strength * glow)).astype(np.uint8)


def draw(found: Sequence[Explanation], path: Path, title: str) -> None:
    """A row for each image: as it is, with its heat, the likeliest classes; as PNG. · 每张图像一行。

    Raises `WriteFailed` where the disk refuses.
    """
    row = SIDE + _TEXT
    width = 2 * _MARGIN + 2 * SIDE + _GAP + _BARS
    height = _HEAD + len(found) * row + _MARGIN // 2
    texts = [title, *(text for one in found for text in (one.path.name, one.label, *(name for name, _ in one.top)))]
    families = fonts.families(texts)
    with style.of(families):
        figure = Figure(figsize=(width / DPI, height / DPI), dpi=DPI)
        shown = fonts.shorten(fonts.drawable(title, families), width // 10)
        figure.text(_MARGIN / width, 1 - 20 / height, shown, fontsize=13, va="top")
        for number, one in enumerate(found):
            _row(figure, one, _HEAD + number * row, (width, height), families)
        style.save(figure, path)


def _row(figure: Figure, one: Explanation, down: int, page: tuple[int, int], families: list[str]) -> None:
    width, height = page
    left = _MARGIN
    plain = fitted(one.image, SIDE)
    warm = blended(plain, _stretched(one.heat, plain.shape[:2]))
    for picture in (plain, warm):
        figure.figimage(picture, left, height - down - picture.shape[0], origin="upper")
        left += SIDE + _GAP
    name = narrow(fonts.drawable(one.path.name, families), 32)
    layer = f"layer {one.layer}" if one.layer.isdigit() else one.layer
    how = f"{one.method} · {layer}" if one.layer else one.method
    for text, at in ((name, _MARGIN), (narrow(f"{how} · for {one.label}", 34), _MARGIN + SIDE + _GAP)):
        shown = fonts.drawable(text, families)
        figure.text(at / width, 1 - (down + plain.shape[0] + 6) / height, shown, fontsize=8, color=_GREY, va="top")
    _bars(figure, one, (left + 96, down, _BARS - 168, plain.shape[0]), page, families)


def _stretched(heat: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    picture = Image.fromarray(heat.astype(np.float32)).resize((size[1], size[0]), Image.Resampling.BILINEAR)
    return np.asarray(picture).clip(0, 1)


def _bars(
    figure: Figure, one: Explanation, box: tuple[int, int, int, int], page: tuple[int, int], families: list[str]
) -> None:
    """The likeliest classes; the one that is explained is orange."""
    left, down, wide, tall = box
    width, height = page
    used = min(tall, 34 * len(one.top) + 8)
    bottom = height - down - used - 4
    axes = figure.add_axes((left / width, bottom / height, wide / width, used / height))
    names = [narrow(fonts.drawable(name, families), 13) for name, _ in one.top]
    shares = [value for _, value in one.top]
    places = range(len(names))
    colours = [ORANGE if name == one.label else BLUE for name, _ in one.top]
    axes.barh(places, [1] * len(names), 0.52, color="#F0F0F0")
    axes.barh(places, shares, 0.52, color=colours)
    axes.set(xlim=(0, 1), ylim=(len(names) - 0.5, -0.5), xticks=[])
    axes.set_yticks(list(places), names, fontsize=9)
    axes.tick_params(length=0, pad=6)
    axes.spines[:].set_visible(False)
    for place, value in zip(places, shares, strict=True):
        axes.text(1.04, place, share(round(value, 3)), va="center", fontsize=9, color=INK)
