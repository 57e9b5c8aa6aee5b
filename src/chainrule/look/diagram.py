r"""The block diagram of a network, as SVG and as Mermaid · 网络的结构图：SVG 与 Mermaid

note     first the whole, a box for each layer or block; then each kind of block with its shortcuts, as the notes draw
         them (their pictures are lost: errata Z30), but with the norms (Z14), and read from the forward that runs
"""

from collections.abc import Sequence
from html import escape
from itertools import pairwise

import torch

from .flow import Box, Part, parts
from .placing import HEIGHT, RADIUS, WIDTH, Bypass, Placed, Plan, gap_after, lines, main_row, place, text_width

INK, GREY = "#2B2B2B", "#7A7A7A"
COLOURS = {  # fill and edge: tints of Okabe & Ito's palette, told apart by the colour-blind
    "input": ("#FFFFFF", "#2B2B2B"),
    "conv": ("#E1EFF9", "#0072B2"),
    "depthwise": ("#DDF3EA", "#009E73"),
    "linear": ("#FCE9DC", "#D55E00"),
    "pool": ("#F0F0F0", "#808080"),
    "block": ("#F8E6F0", "#B85C90"),
    "sum": ("#FFFFFF", "#2B2B2B"),
    "other": ("#FFF7DC", "#C79A00"),
}
WORDS = {
    "conv": "convolution · 卷积",
    "depthwise": "depthwise convolution · 深度卷积",
    "linear": "linear layer · 线性层",
    "pool": "pooling · 池化",
    "block": "block, drawn below · 块，见下",
    "other": "other · 其他",
}
FONT = "Helvetica, Arial, 'Noto Sans', 'Noto Sans CJK SC', 'PingFang SC', 'Microsoft YaHei', sans-serif"
MARGIN = 36.0


def diagram(model: torch.nn.Module, size: Sequence[int], title: str, subtitle: str = "") -> tuple[str, str]:
    """The diagram of a network as SVG and as Mermaid text. · 网络结构图。

    size  of one sample, without the batch; a model on the meta device is drawn without computing anything

    Raises `UserError` where the network does not take it, or its way depends on numbers.

    >>> from chainrule.zoo.resnet import resnet8
    >>> svg, mermaid = diagram(resnet8(), (3, 32, 32), "resnet8")
    >>> svg.startswith("<svg"), mermaid.splitlines()[0]
    (True, 'flowchart TB')
    """
    found = parts(model, size)
    return svg(found, title, subtitle), mermaid(found, title)


# ---- SVG ----------------------------------------------------------------------------------------------------


def svg(found: list[Part], title: str, subtitle: str) -> str:
    """All pictures below each other, with a legend; of a block alone only its own. · 依次绘出各图与图例。"""
    alone = len(found) == 2 and len(found[0].boxes) == 2
    found = found[alone:]
    body = [text(MARGIN, 46, title, 24, weight=700, anchor="start")]
    body += [text(MARGIN, 68, subtitle, 13, GREY, anchor="start")] if subtitle else []
    y, width = 96.0, WIDTH
    for number, part in enumerate(found):
        whole = number == 0 and not alone
        plan = place(part.boxes, whole)
        if number:
            often = "once" if part.times == 1 else f"{part.times} times"
            body.append(f'<line x1="{MARGIN}" y1="{y:.1f}" x2="{MARGIN + WIDTH}" y2="{y:.1f}" stroke="#E4E4E4"/>')
            body.append(text(MARGIN, y + 28, part.title, 16, weight=700, anchor="start"))
            where = f"{often}; here {part.path} · 出现 {part.times} 次，图为 {part.path}"
            body.append(text(MARGIN + text_width(part.title, 17) + 18, y + 28, where, 12, GREY, anchor="start"))
            y += 46
        body.append(f'<g transform="translate({MARGIN} {y:.1f})">{"".join(picture(plan, whole))}</g>')
        width, y = max(width, plan.width), y + plan.height + 30
    body.append(legend({box.kind for part in found for box in part.boxes}, y + 4))
    full, tall = width + 2 * MARGIN, y + 40
    sides = f'viewBox="0 0 {full:.0f} {tall:.0f}" width="{full:.0f}" height="{tall:.0f}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {sides} font-family="{FONT}">'
    marker = (
        '<defs><marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        f'<path d="M0 0.6 L7.4 4 L0 7.4 z" fill="{INK}"/></marker></defs>'
    )
    back = f'<rect width="{full:.0f}" height="{tall:.0f}" fill="#FFFFFF"/>'
    return "\n".join([head, marker, back, *body, "</svg>"]) + "\n"


def picture(plan: Plan, whole: bool) -> list[str]:
    """One picture: groups behind, then ways, then boxes. · 一幅图。"""
    drawn = frames(plan)
    for one, other in pairwise(plan.main):
        drawn.append(step(plan.places[one], plan.places[other]))
    last = plan.places[plan.main[-1]]
    if not whole:
        end = last.right + gap_after(last.box)
        drawn.append(line(f"M{last.right:.1f} {last.y:.1f} H{end:.1f}") + written(last, end))
        shape = "×".join(map(str, last.box.shape))
        drawn.append(text(end + 6, last.y + 4, shape, 11.5, GREY, anchor="start"))
    drawn += [around(way, plan) for way in plan.bypasses]
    drawn += [box(placed, whole) for placed in plan.places.values()]
    return drawn


def frames(plan: Plan) -> list[str]:
    """A frame around the boxes of a module inside, with its name. · 内部模块的边框。"""
    groups: dict[tuple[str, str], list[Placed]] = {}
    for placed in plan.places.values():
        if placed.box.group[0]:
            groups.setdefault(placed.box.group, []).append(placed)
    drawn = []
    for (_, name), members in groups.items():
        left, right = min(p.left for p in members) - 12, max(p.right for p in members) + 12
        top, bottom = min(p.y for p in members) - HEIGHT / 2 - 10, max(p.y for p in members) + HEIGHT / 2 + 24
        drawn.append(
            f'<rect x="{left:.1f}" y="{top:.1f}" width="{right - left:.1f}" height="{bottom - top:.1f}" rx="12" '
            'fill="#FBF8EE" stroke="#D9CFA8" stroke-dasharray="4 3"/>'
        )
        drawn.append(text((left + right) / 2, bottom - 8, name, 11.5, "#8A7A3C"))
    return drawn


def step(one: Placed, other: Placed) -> str:
    """The way to the next box of the row, or to the next line. · 到下一个方框的连线。"""
    label = written(one, other.left)
    if one.y == other.y:
        return line(f"M{one.right:.1f} {one.y:.1f} H{other.left - 1:.1f}") + label
    middle, out, into = (one.y + other.y) / 2, one.right + 14, other.left - 18
    bends = f"H{out - 8:.1f} q8 0 8 8 V{middle - 8:.1f} q0 8 -8 8 H{into + 8:.1f} q-8 0 -8 8"
    return line(f"M{one.right:.1f} {one.y:.1f} {bends} V{other.y - 8:.1f} q0 8 8 8 H{other.left - 1:.1f}") + label


def written(placed: Placed, end: float) -> str:
    """What follows a sum stands on the way behind it. · 求和之后的运算写在连线上。"""
    if placed.box.kind != "sum":
        return ""
    return text((placed.right + end) / 2 - 3, placed.y - 7, " · ".join(placed.box.notes), 11, COLOURS["conv"][1])


def around(way: Bypass, plan: Plan) -> str:
    """A way above the row: up behind its start, along its lane and its boxes, down into its end. · 绕行连线。"""
    start, end = plan.places[way.start], plan.places[way.end]
    x, goal = start.right + 11, end.x
    down = end.y - (RADIUS if end.box.kind == "sum" else HEIGHT / 2) - 1
    stops = [plan.places[at] for at in way.boxes]
    path = [f"M{x:.1f} {start.y:.1f} V{way.y + 9:.1f} q0 -9 9 -9"]
    drawn = [f'<circle cx="{x:.1f}" cy="{start.y:.1f}" r="2.6" fill="{INK}"/>']
    for stop in stops:
        drawn.append(line(f"{path.pop()} H{stop.left - 1:.1f}"))
        path.append(f"M{stop.right:.1f} {way.y:.1f}")
    drawn.append(line(f"{path.pop()} H{goal - 9:.1f} q9 0 9 9 V{down:.1f}"))
    return "".join(drawn)


def box(placed: Placed, whole: bool) -> str:
    """One box with its lines, or a sign in a circle. · 方框或圆圈。"""
    fill, edge = COLOURS[placed.box.kind]
    if placed.box.kind == "sum":
        sign = text(placed.x, placed.y + 5.5, placed.box.title, 18, INK)
        centre = f'cx="{placed.x:.1f}" cy="{placed.y:.1f}" r="{RADIUS}"'
        return f'<circle {centre} fill="{fill}" stroke="{edge}" stroke-width="1.4"/>{sign}'
    shape = (
        f'<rect x="{placed.left:.1f}" y="{placed.y - HEIGHT / 2:.1f}" width="{placed.width:.1f}" height="{HEIGHT}" '
        f'rx="{HEIGHT / 2 if placed.box.kind == "input" else 9}" fill="{fill}" stroke="{edge}" stroke-width="1.4"/>'
    )
    title, middle, last = lines(placed.box, whole)
    rise = 0 if last else 8
    first = text(placed.x, placed.y - 12 + rise, title, 13.5, weight=600)
    second = text(placed.x, placed.y + 5 + rise, middle, 11.5)
    return shape + first + second + (text(placed.x, placed.y + 21, last, 11, edge) if last else "")


def legend(kinds: set[str], y: float) -> str:
    drawn, x = [], MARGIN
    for kind, words in WORDS.items():
        if kind in kinds:
            fill, edge = COLOURS[kind]
            drawn.append(f'<rect x="{x:.1f}" y="{y:.1f}" width="14" height="14" rx="4" fill="{fill}" stroke="{edge}"/>')
            drawn.append(text(x + 21, y + 11.5, words, 12, GREY, anchor="start"))
            x += 21 + text_width(words, 12) + 26
    return "".join(drawn)


def line(path: str) -> str:
    return f'<path d="{path}" fill="none" stroke="{INK}" stroke-width="1.4" marker-end="url(#arrow)"/>'


def text(x: float, y: float, said: str, size: float, fill: str = INK, weight: int = 400, anchor: str = "middle") -> str:
    where = f'x="{x:.1f}" y="{y:.1f}" font-size="{size}" fill="{fill}"'
    return f'<text {where} font-weight="{weight}" text-anchor="{anchor}">{escape(said)}</text>'


# ---- Mermaid ------------------------------------------------------------------------------------------------


def mermaid(found: list[Part], title: str) -> str:
    """The same pictures as text that GitHub and editors draw. · Mermaid 文本。"""
    said = ["flowchart TB"]
    for number, part in enumerate(found):
        name = title if number == 0 else f"{part.title}, {part.times}×"
        said += [f'subgraph p{number} ["{name}"]', "direction LR"]
        row = main_row(part.boxes)
        main = set(pairwise(row))
        for i, item in enumerate(part.boxes):
            said.append(f"p{number}_{i}{mermaid_box(item, whole=number == 0)}")
            for source in item.sources:
                given = part.boxes[source]
                note = f'|"{" · ".join(given.notes)}"|' if given.kind == "sum" and given.notes else ""
                arrow = "-->" if (source, i) in main else "-.->"
                said.append(f"p{number}_{source} {arrow}{note} p{number}_{i}")
        said.append("end")
    said += [f"p{number - 1} ~~~ p{number}" for number in range(1, len(found))]
    return "\n".join(said) + "\n"


def mermaid_box(item: Box, whole: bool) -> str:
    if item.kind == "sum":
        return f'(("{item.title}"))'
    words = "<br>".join(filter(None, lines(item, whole)))
    return f'(["{words}"])' if item.kind == "input" else f'["{words}"]'
