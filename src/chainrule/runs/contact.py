"""A sheet of small pictures, each with two lines beneath. · 缩略图联系表。"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from unicodedata import east_asian_width

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from . import fonts, style
from .style import DPI, INK

SIDE = 168  # pixels of a tile
_GAP, _TEXT, _MARGIN, _HEAD = 18, 46, 26, 58
_GREY = "#777777"
_COLUMNS = 20  # letters that fit below a tile


@dataclass(frozen=True)
class Tile:
    """One picture and what stands below it. · 一张图及其说明。

    image uint8 [H, W] or [H, W, 3]; text in `colour`, note in grey
    """

    image: np.ndarray
    text: str
    note: str = ""
    colour: str = INK


def sheet(sections: Sequence[tuple[str, Sequence[Tile]]], path: Path, title: str = "", columns: int = 6) -> None:
    """Tiles in rows under the headings of their sections, as PNG. · 分节排列的联系表。

    sections  heading → tiles; one without tiles is left out
    """
    parts = [(heading, list(tiles)) for heading, tiles in sections if tiles]
    widest = max((len(tiles) for _, tiles in parts), default=1)
    columns = max(2, min(columns, widest))
    rows = [-(-len(tiles) // columns) for _, tiles in parts]
    heads = [34 if heading else 0 for heading, _ in parts]
    width = 2 * _MARGIN + columns * SIDE + (columns - 1) * _GAP
    height = _HEAD + sum(heads) + sum(rows) * (SIDE + _TEXT + _GAP) + _MARGIN // 2
    texts = [title, *(heading for heading, _ in parts), *(t for _, ts in parts for tile in ts for t in _words(tile))]
    families = fonts.families(texts)
    with style.of(families):
        figure = Figure(figsize=(width / DPI, height / DPI), dpi=DPI)
        _write(figure, title, (_MARGIN, 20), (width, height), families, size=13, longest=int(width / 9.5))
        down = _HEAD
        for (heading, tiles), head, count in zip(parts, heads, rows, strict=True):
            if heading:
                _write(figure, heading, (_MARGIN, down), (width, height), families, size=11, longest=int(width / 8))
            down += head
            for number, tile in enumerate(tiles):
                row, column = divmod(number, columns)
                place = (_MARGIN + column * (SIDE + _GAP), down + row * (SIDE + _TEXT + _GAP))
                _lay(figure, tile, place, (width, height), families)
            down += count * (SIDE + _TEXT + _GAP)
        style.save(figure, path)


def _words(tile: Tile) -> tuple[str, str]:
    return tile.text, tile.note


def _lay(figure: Figure, tile: Tile, place: tuple[int, int], size: tuple[int, int], families: list[str]) -> None:
    left, down = place
    picture = fitted(tile.image, SIDE)
    # Pictures stand on the line of their text: those that are less tall leave room above.
    figure.figimage(picture, left, size[1] - down - SIDE, origin="upper")
    _write(figure, tile.text, (left, down + SIDE + 7), size, families, 9, _COLUMNS, tile.colour)
    _write(figure, tile.note, (left, down + SIDE + 25), size, families, 7.5, _COLUMNS + 1, _GREY)


def _write(
    figure: Figure,
    text: str,
    place: tuple[int, int],
    page: tuple[int, int],
    families: list[str],
    size: float,
    longest: int,
    colour: str = INK,
) -> None:
    shown = narrow(fonts.drawable(text, families), longest)
    figure.text(place[0] / page[0], 1 - place[1] / page[1], shown, fontsize=size, color=colour, va="top")


def narrow(text: str, columns: int) -> str:
    """A text cut in its middle to so many columns, of which a Chinese letter takes two. · 按显示宽度截短。

    >>> narrow("a-long-name.png", 9), narrow("很长的中文名称.png", 9)
    ('a-lo….png', '很长的…ng')
    """
    longest = min(len(text), columns)
    while (shown := fonts.shorten(text, longest)) and sum(1 + (east_asian_width(c) in "WF") for c in shown) > columns:
        longest -= 1
    return shown


def fitted(image: np.ndarray, side: int) -> np.ndarray:
    """An image as uint8 [h, w, 3] that just fits into side × side; small ones keep their pixels. · 缩放到方框内。

    >>> fitted(np.zeros((8, 16), np.uint8), 168).shape
    (80, 160, 3)
    """
    picture = Image.fromarray(image).convert("RGB")
    longest = max(picture.size)
    if longest * 4 <= side:
        times = side // longest
        size, how = (picture.width * times, picture.height * times), Image.Resampling.NEAREST
    else:
        size = (max(1, picture.width * side // longest), max(1, picture.height * side // longest))
        how = Image.Resampling.LANCZOS
    return np.asarray(picture.resize(size, how))
