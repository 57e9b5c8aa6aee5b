"""The equations of a sheet as a picture. · 把公式画成图片。"""

from pathlib import Path
from typing import Any

from ..errors import UserError

INK, QUIET = "#16202c", "#7a8794"
LINE, MARGIN, DOTS = 0.7, 0.45, 160  # inches a line, inches around, dots an inch
KINDS = (".png", ".svg", ".pdf")


def heading(section: dict[str, Any]) -> str:
    """What stands above the equations of a section. · 小节标题。

    >>> heading({"kind": "delta", "names": ["weight", "bias"]})
    'delta of weight, bias'
    """
    names = ", ".join(section["names"])
    kind: str = section["kind"]
    return {"delta": f"delta of {names}", "helper": f"where {names}"}.get(kind, kind)


def rows(sheet: dict[str, Any]) -> list[tuple[str, str, int | None]]:
    """What the picture shows from the top down: (kind, text, line of the file). · 图中各行。"""
    found: list[tuple[str, str, int | None]] = [("title", sheet["name"], None), ("quiet", sheet["en"], None)]
    for section in sheet["sections"]:
        found.append(("heading", heading(section), None))
        found += [("equation", f"${e['mathtext']}$", e["line"]) for e in section["equations"]]
    found.append(("foot", sheet["file"], None))
    found += [("quiet", source, None) for source in sheet["source"].split("; ") if source]
    return found


STYLE: dict[str, dict[str, Any]] = {
    "title": {"fontsize": 17, "weight": "bold", "color": INK},
    "quiet": {"fontsize": 9, "color": QUIET},
    "foot": {"fontsize": 9, "color": QUIET},
    "heading": {"fontsize": 9, "color": QUIET, "style": "italic"},
    "equation": {"fontsize": 14, "color": INK},
}


def draw(sheet: dict[str, Any], path: Path) -> None:
    """Write the picture; its width is that of the longest equation. · 写出图片，宽度随最长公式。

    Raises `UserError` for a kind of file that cannot be written, or a place where nothing can be.
    """
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    if path.suffix.lower() not in KINDS:
        raise UserError(f"--png {path}: expected a file name that ends in {', '.join(KINDS)}")
    if not path.parent.is_dir():
        raise UserError(f"--png {path}: there is no folder {path.parent}; make it first")
    with rc_context({"mathtext.fontset": "cm", "text.parse_math": True}):
        figure = Figure(figsize=(6, 1), dpi=DOTS)
        renderer = FigureCanvasAgg(figure).get_renderer()
        texts = [(figure.text(0, 0, text, **STYLE[kind]), kind, line) for kind, text, line in rows(sheet)]
        boxes = [text.get_window_extent(renderer) for text, _, _ in texts]
        gap = {"heading": 0.22, "equation": 0.16, "foot": 0.36, "quiet": 0.1, "title": 0.0}
        heights = [box.height / DOTS + gap[kind] for box, (_, kind, _) in zip(boxes, texts, strict=True)]
        width = max(box.width for box in boxes) / DOTS + 2 * MARGIN + LINE
        figure.set_size_inches(width, height := sum(heights) + 2 * MARGIN)
        top = height - MARGIN
        for (text, kind, line), used in zip(texts, heights, strict=True):
            middle = top - (used + gap[kind]) / 2
            indent = MARGIN + (0.15 if kind == "equation" else 0)
            text.set(x=indent / width, y=middle / height, va="center")
            if line:
                right = 1 - MARGIN / width
                figure.text(right, middle / height, str(line), ha="right", va="center", fontsize=8, color=QUIET)
            top -= used
        try:
            figure.savefig(path, facecolor="white")
        except OSError as error:
            raise UserError(f"--png {path}: {error.strerror or error}") from error
