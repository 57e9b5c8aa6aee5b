r"""Where the boxes of a picture stand · 方框的摆放

note     the longest way from the input is the main row, left to right; what goes around it (a shortcut, the way past an
         attention) runs above, the shorter way nearer. A plain row that is too wide goes on in the next line
"""

from dataclasses import dataclass, field
from math import ceil

from .flow import Box

HEIGHT, GAP, RADIUS, LANE, BELOW = 62.0, 30.0, 13.0, 42.0, 26.0
WIDTH = 1160.0  # of a line


@dataclass
class Placed:
    """A box with its centre and size. · 已摆放的方框。"""

    box: Box
    x: float
    y: float
    width: float
    height: float

    @property
    def left(self) -> float:
        return self.x - self.width / 2

    @property
    def right(self) -> float:
        return self.x + self.width / 2


@dataclass
class Bypass:
    """A way around the main row from one of its boxes to another, with boxes of its own. · 绕行的路径。"""

    start: int
    end: int
    boxes: list[int] = field(default_factory=list)
    lane: int = 0
    y: float = 0.0


@dataclass
class Plan:
    """The places of all boxes, which of them are the main row, the ways around, and the size. · 摆放结果。"""

    places: dict[int, Placed]
    main: list[int]
    bypasses: list[Bypass]
    width: float
    height: float


def text_width(text: str, size: float = 12.0) -> float:
    """About how wide a text is drawn: a Chinese sign is a square. · 文字的大致宽度。

    >>> text_width("ab", 10), text_width("卷", 10)
    (11.6, 10.0)
    """
    return sum(float(size) if ord(sign) > 0x2E80 else 0.58 * size for sign in text)


def lines(box: Box, whole: bool) -> tuple[str, str, str]:
    """The three lines of a box: what it is, its widths or what it gives, what follows in it. · 方框中的三行文字。"""
    title = f"{box.title} × {box.times}" if box.times > 1 else box.title
    shape = "×".join(map(str, box.shape))
    if box.kind == "input":
        return "input", shape, ""
    widths = f"{box.takes[0]} → {box.shape[0]}" if box.takes and box.shape else shape
    if box.kind == "depthwise" and box.takes[0] == box.shape[0]:
        widths = f"{box.shape[0]}"
    middle = shape if whole or box.kind == "pool" else ", ".join(filter(None, (widths, box.detail)))
    last = " · ".join([box.detail, *box.notes] if whole and box.detail else box.notes)
    return title, middle, last


def box_size(box: Box, whole: bool) -> tuple[float, float]:
    if box.kind == "sum":
        return 2 * RADIUS, 2 * RADIUS
    title, middle, last = lines(box, whole)
    wide = max(text_width(title, 13.5), text_width(middle, 11.5), text_width(last, 11))
    return max(wide + 24, 64), HEIGHT


def main_row(boxes: list[Box]) -> list[int]:
    """The longest way to the last box. · 最长的主路径。"""
    length: list[int] = []
    before: list[int] = []
    for box in boxes:
        longest = max(box.sources, key=lambda i: (length[i], i), default=-1)
        length.append(1 + (length[longest] if longest >= 0 else 0))
        before.append(longest)
    row, at = [], len(boxes) - 1
    while at >= 0:
        row.append(at)
        at = before[at]
    return row[::-1]


def bypasses(boxes: list[Box], main: list[int]) -> list[Bypass]:
    """The other ways between boxes of the main row, each on the lowest lane that is free. · 主路径之外的路径。"""
    found: list[Bypass] = []
    for before, end in zip([-1, *main], main, strict=False):
        for source in boxes[end].sources:
            if source == before:
                continue
            way: list[int] = []
            while source not in main and boxes[source].sources:
                way.insert(0, source)
                source = boxes[source].sources[0]
            if source in main:
                found.append(Bypass(source, end, way))
    found.sort(key=lambda b: main.index(b.end) - main.index(b.start))
    for i, one in enumerate(found):
        crossed = [b.lane for b in found[:i] if b.start < one.end and one.start < b.end]
        one.lane = 1 + max(crossed, default=0)
    return found


def gap_after(box: Box) -> float:
    """A sum's activation is written on the way behind it. · 求和之后的激活写在连线上。"""
    written = text_width(" · ".join(box.notes), 11) + 22 if box.kind == "sum" and box.notes else 0
    return max(GAP, written)


def place(boxes: list[Box], whole: bool) -> Plan:
    """Lay out one picture. · 为一幅图排版。"""
    main = main_row(boxes)
    around = bypasses(boxes, main)
    lanes = {
        b.lane: max([LANE, *(HEIGHT + 28 for other in around if other.lane == b.lane and other.boxes)]) for b in around
    }
    top = sum(lanes.values()) + HEIGHT / 2
    places: dict[int, Placed] = {}
    steps = [box_size(boxes[at], whole)[0] + gap_after(boxes[at]) for at in main]
    rows = 1 if around else ceil(sum(steps) / WIDTH)
    x, y, widest, passed, row = 0.0, top, 0.0, 0.0, 0
    for at, span in zip(main, steps, strict=True):
        if int((passed + span / 2) * rows / sum(steps)) > row:  # lines of about one length
            x, y, row = 0.0, y + HEIGHT + 34, row + 1
        width, height = box_size(boxes[at], whole)
        places[at] = Placed(boxes[at], x + width / 2, y, width, height)
        x, passed = x + span, passed + span
        widest = max(widest, x)
    for one in around:
        one.y = top - HEIGHT / 2 - sum(h for lane, h in lanes.items() if lane < one.lane) - lanes[one.lane] / 2
        spread(one, boxes, places, whole)
    below = BELOW if any(box.group[0] for box in boxes) else 0  # the name of a frame
    return Plan(places, main, around, widest, y + HEIGHT / 2 + below)


def spread(way: Bypass, boxes: list[Box], places: dict[int, Placed], whole: bool) -> None:
    """The boxes of a way around, centred above what it passes. · 绕行路径上的方框居中摆放。"""
    sizes = [box_size(boxes[at], whole) for at in way.boxes]
    total = sum(width for width, _ in sizes) + GAP * max(len(sizes) - 1, 0)
    x = (places[way.start].right + places[way.end].left - total) / 2
    for at, (width, height) in zip(way.boxes, sizes, strict=True):
        places[at] = Placed(boxes[at], x + width / 2, way.y, width, height)
        x += width + GAP
