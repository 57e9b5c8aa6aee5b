"""Curves in a terminal: braille dots, axes, a letter on each curve; plain characters where dots cannot be shown.

· 终端中的曲线图：盲文点阵、坐标轴、曲线上的字母；无法显示点阵时用普通字符。
"""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil, floor, log10
from shutil import get_terminal_size
from typing import NamedTuple

from .show import console, on_terminal

LETTERS = "abcdefghijklmnopqrstuvwxyz"
COLOURS = ("bright_blue", "dark_orange", "green", "magenta", "cyan", "yellow", "white")
BITS = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))  # of a braille cell, by column and row
RAMP = "▁▂▃▄▅▆▇█"


class Look(NamedTuple):
    """The characters of a drawing: dots a cell has across and down, axes. · 绘图字符。"""

    across: int
    down: int
    side: str
    tick: str
    corner: str
    floor: str
    foot: str
    upright: str


FINE = Look(2, 4, "│", "┤", "└", "─", "┬", "┊")
PLAIN = Look(1, 1, "|", "+", "+", "-", "+", ":")


@dataclass(frozen=True)
class Trace:
    """One curve. · 一条曲线。"""

    name: str
    x: Sequence[float]
    y: Sequence[float]


@dataclass(frozen=True)
class Axis:
    """One direction of a drawing: from low to high, evenly or by powers of ten. · 一个坐标方向。

    >>> Axis(0.0, 10.0).place(2.5), Axis(0.01, 1.0, logarithmic=True).place(0.1)
    (0.25, 0.5)
    """

    low: float
    high: float
    logarithmic: bool = False

    @classmethod
    def around(cls, values: Sequence[float], logarithmic: bool = False) -> "Axis":
        """From the least value to the largest; a flat curve gets room below. · 由数据定范围。"""
        kept = [v for v in values if v > 0] if logarithmic else list(values)
        low, high = min(kept, default=1.0), max(kept, default=1.0)
        if logarithmic:
            return cls(low if low < high else high / 10, high, True)
        low = min(low, 0.0) if low < 0.5 * high else low
        return cls(low if low < high else min(0.0, high - 1.0), high)

    def place(self, value: float) -> float:
        """From 0 at low to 1 at high. · 归一化位置。"""
        if self.logarithmic:
            value = max(value, self.low)
            return log10(value / self.low) / log10(self.high / self.low)
        return (value - self.low) / (self.high - self.low)

    def ticks(self, most: int) -> list[float]:
        """Round numbers within, no more than `most`. · 整齐的刻度。

        >>> Axis(0.0, 30.0).ticks(5), Axis(1e-4, 1.0, logarithmic=True).ticks(3)
        ([0.0, 10.0, 20.0, 30.0], [0.0001, 0.01, 1.0])
        """
        if self.logarithmic:
            powers = range(ceil(log10(self.low) - 1e-9), floor(log10(self.high) + 1e-9) + 1)
            return [10.0**p for p in powers[:: max(1, -(-len(powers) // most))]]
        rough = (self.high - self.low) / most
        scale = 10.0 ** floor(log10(rough))
        size = next(m * scale for m in (1, 2, 5, 10) if m * scale >= rough * (1 - 1e-9))
        return [round(k * size, 12) for k in range(ceil(self.low / size - 1e-9), floor(self.high / size + 1e-9) + 1)]


class Canvas:
    """A field of cells on which curves are drawn. · 画布。"""

    def __init__(self, columns: int, rows: int, x: Axis, y: Axis, look: Look):
        self.columns, self.rows, self.x, self.y, self.look = columns, rows, x, y, look
        self.bits = [[0] * columns for _ in range(rows)]
        self.owner: list[list[int | None]] = [[None] * columns for _ in range(rows)]
        self.text: dict[tuple[int, int], str] = {}

    def dot(self, x: float, y: float) -> tuple[int, int]:
        across, down = self.columns * self.look.across, self.rows * self.look.down
        right, up = (min(max(part, 0.0), 1.0) for part in (self.x.place(x), self.y.place(y)))
        return round(right * (across - 1)), round((1 - up) * (down - 1))

    def put(self, x: int, y: int, number: int) -> None:
        column, row = x // self.look.across, y // self.look.down
        self.bits[row][column] |= BITS[x % self.look.across][y % self.look.down]
        self.owner[row][column] = number

    def curve(self, trace: Trace, number: int) -> None:
        """Dots along the lines between the points. · 沿线段画点。"""
        before = None
        for x, y in zip(trace.x, trace.y, strict=True):
            now = self.dot(x, y)
            old = before or now
            far = max(abs(now[0] - old[0]), abs(now[1] - old[1]), 1)
            for k in range(far + 1):
                across, down = (round(a + (b - a) * k / far) for a, b in zip(old, now, strict=True))
                self.put(across, down, number)
            before = now

    def letters(self, trace: Trace, number: int, count: int) -> None:
        """Its letter at three places on a curve, apart from those of the others. · 在曲线上标字母。"""
        for part in range(3):
            at = (part + (number + 0.5) / count) / 3
            index = min(range(len(trace.x)), key=lambda i: abs(self.x.place(trace.x[i]) - at))
            x, y = self.dot(trace.x[index], trace.y[index])
            row, column = y // self.look.down, x // self.look.across
            self.text[row, column], self.owner[row][column] = LETTERS[number % 26], number

    def upright(self, x: float) -> None:
        """A line from top to bottom where nothing is drawn. · 竖线。"""
        column = self.dot(x, self.y.low)[0] // self.look.across
        for row in range(self.rows):
            if not self.bits[row][column]:
                self.text.setdefault((row, column), self.look.upright)

    def row(self, row: int) -> Iterator[tuple[str, int | None]]:
        """The cells of one row: a character and the curve that it belongs to. · 一行的字符。"""
        for column in range(self.columns):
            bits = self.bits[row][column]
            mark = "*" if self.look is PLAIN else chr(0x2800 + bits)
            yield self.text.get((row, column), mark if bits else " "), self.owner[row][column]


def draw(
    traces: Sequence[Trace],
    x_name: str,
    *,
    log_x: bool = False,
    log_y: bool = False,
    mark: float | None = None,
    rows: int = 14,
) -> None:
    """Print curves with axes; several get a letter each, `mark` a line from top to bottom. · 打印曲线图。"""
    look = FINE if shows("⣿┤") else PLAIN
    x = Axis.around([v for t in traces for v in t.x], log_x)
    y = Axis.around([v for t in traces for v in t.y], log_y)
    ticks = {Canvas(1, rows, x, y, look).dot(x.low, v)[1] // look.down: f"{v:g}" for v in y.ticks(max(rows // 3, 2))}
    margin = max(map(len, ticks.values()), default=0)
    columns = max(20, min(get_terminal_size((80, 24)).columns, 100) - margin - 6)
    canvas = Canvas(columns, rows, x, y, look)
    for number, trace in enumerate(traces):
        canvas.curve(trace, number)
    for number, trace in enumerate(traces if len(traces) > 1 else ()):
        canvas.letters(trace, number, len(traces))
    if mark is not None:
        canvas.upright(mark)
    for row in range(rows):
        side = look.tick if row in ticks else look.side
        _line(f"{ticks.get(row, ''):>{margin}} {side}", list(canvas.row(row)))
    for line in _foot(canvas, x, margin, x_name):
        print(line)
    if len(traces) > 1:
        _line(" " * (margin + 2), [*_names(traces)])
    sys.stdout.flush()


def _foot(canvas: Canvas, x: Axis, margin: int, name: str) -> list[str]:
    line, labels = [canvas.look.floor] * canvas.columns, [" "] * (canvas.columns + 8)
    for value in x.ticks(canvas.columns // 10):
        at, text = canvas.dot(value, canvas.y.low)[0] // canvas.look.across, f"{value:g}"
        line[at] = canvas.look.foot
        start = max(at - len(text) // 2, 0)
        if all(c == " " for c in labels[max(start - 1, 0) : start + len(text) + 1]):
            labels[start : start + len(text)] = text
    under = " " * (margin + 2)
    return [
        f"{' ' * margin} {canvas.look.corner}{''.join(line)}",
        (under + "".join(labels)).rstrip(),
        under + name.rjust(canvas.columns),
    ]


def _names(traces: Sequence[Trace]) -> Iterator[tuple[str, int]]:
    for number, trace in enumerate(traces):
        yield f"{LETTERS[number % 26]} {trace.name}   ", number


def _line(head: str, cells: Sequence[tuple[str, int | None]]) -> None:
    if not on_terminal():
        print((head + "".join(text for text, _ in cells)).rstrip())
        return
    from rich.text import Text

    line = Text(head)
    for text, number in cells:
        line.append(text, style="" if number is None else COLOURS[number % len(COLOURS)])
    console().print(line)


def spark(values: Sequence[float], columns: int = 24) -> str:
    """A curve in one line of blocks. · 一行的小图。

    >>> spark([0.0, 0.5, 1.0], 3)
    '▁▅█'
    """
    ramp = RAMP if shows(RAMP) else ".:-=+*#@"
    top = max(values, default=1.0) or 1.0
    picked = [values[i * (len(values) - 1) // max(columns - 1, 1)] for i in range(columns)]
    return "".join(ramp[round(max(v, 0.0) / top * (len(ramp) - 1))] for v in picked)


def shows(letters: str) -> bool:
    """Whether the output can show these. · 输出能否显示。"""
    try:
        letters.encode(sys.stdout.encoding or "utf-8")
    except (UnicodeEncodeError, LookupError):
        return False
    return True
