"""Words in two dimensions, as a picture. · 词向量的二维地图。"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from ..errors import UserError
from ..learn.words.vectors import WordVectors
from ..runs import fonts, style

AROUND, ALONE = 5, 150  # neighbours shown of each word asked for; words shown where none is
RARE = 100  # the most frequent words ("the", "of") say little and are not shown


def chosen(vectors: WordVectors, words: Sequence[str]) -> list[list[int]]:
    """Groups of rows: each word asked for with its neighbours, or the frequent words as one. · 所画的词，按组。

    Raises `UserError` for unknown words, all at once.

    >>> chosen(WordVectors(("a", "b", "c"), np.eye(3)), ["b"])
    [[1, 0, 2]]
    """
    if not words:
        first = RARE if len(vectors.words) > RARE + ALONE else 0
        return [list(range(first, min(first + ALONE, len(vectors.words))))]
    errors: list[str] = []
    around: dict[int, list[int]] = {}
    for word in words:
        try:
            around[vectors.at(word)] = [vectors.at(other) for other, _ in vectors.most_similar([word], topn=AROUND)]
        except UserError as error:
            errors += error.lines
    if errors:
        raise UserError(*errors)
    taken, groups = set(around), []  # a word asked for heads its own group, whoever it is near
    for head, near in around.items():
        rows = [row for row in near if row not in taken]
        taken.update(rows)
        groups.append([head, *rows])
    return groups


def plane(rows: np.ndarray, method: str) -> np.ndarray:
    """Vectors [N, D] as points [N, 2]: the two widest directions, or t-SNE's picture of who is near. · 降到二维。

    Raises `UserError` where t-SNE is asked for and scikit-learn is not installed.

    >>> plane(np.eye(3), "pca").shape
    (3, 2)
    """
    if method == "tsne":
        try:
            from sklearn.manifold import TSNE
        except ImportError:
            raise UserError("--method tsne needs scikit-learn: pip install 'chainrule[tables]', or use pca") from None
        spread = min(30.0, (len(rows) - 1) / 3)
        return TSNE(2, perplexity=spread, init="pca", metric="cosine", random_state=0).fit_transform(rows)
    centred = rows - rows.mean(0)
    _, _, directions = np.linalg.svd(centred, full_matrices=False)
    axes = directions[:2]
    signs = np.sign(axes[np.arange(len(axes)), np.abs(axes).argmax(1)])  # a direction has no sign of its own
    return centred @ (axes * signs[:, None]).T


def draw(vectors: WordVectors, words: Sequence[str], path: Path, method: str = "pca") -> tuple[int, int]:
    """Write the map as PNG; the number of words on it, and of names there was room for. · 画出地图，返回词数与标注数。

    Raises `UserError` for unknown words and for fewer than four words, `WriteFailed` where the disk refuses.
    """
    groups = chosen(vectors, words)
    rows = [row for group in groups for row in group]
    if len(rows) < 4:
        raise UserError(f"a map of {len(rows)} words: expected at least four")
    points = plane(vectors.unit[rows], method)
    names = [vectors.words[row] for row in rows]
    families = fonts.families(names)
    with style.of(families):
        figure = Figure(figsize=(9, 7), dpi=style.DPI)
        axes = figure.add_axes((0.03, 0.03, 0.94, 0.9))
        title = "principal components" if method == "pca" else "t-SNE"
        figure.text(0.03, 0.955, f"{len(rows)} words · {title}", fontsize=13)
        axes.set_xticks([])
        axes.set_yticks([])
        for side in axes.spines.values():
            side.set_color(style.FAINT)
        axes.margins(0.08)
        named = _put(axes, points, names, groups, bool(words), families)
        style.save(figure, path)
    return len(rows), named


def _put(
    axes: Axes, points: np.ndarray, names: list[str], groups: list[list[int]], asked: bool, families: list[str]
) -> int:
    """Points and names; the words asked for in bold, a colour for each group."""
    colours = [style.PALETTE[i % 6] for i, group in enumerate(groups) for _ in group]
    heads = {sum(map(len, groups[:i])) for i in range(len(groups))} if asked else set()
    axes.scatter(points[:, 0], points[:, 1], s=[34 if i in heads else 12 for i in range(len(names))], c=colours)
    labels = fonts.labels(names, families, 24)
    order = sorted(range(len(names)), key=lambda i: i not in heads)
    texts = [
        axes.annotate(
            labels[i],
            (points[i, 0], points[i, 1]),
            fontsize=11 if i in heads else 8.5,
            weight="bold" if i in heads else "normal",
            color=colours[i] if asked else style.INK,
            annotation_clip=True,
            xytext=(7, 0),
            textcoords="offset points",
            va="center",
        )
        for i in order
    ]
    return _apart(axes, texts)


PLACES = ((7, 0), (-7, 0), (0, 9), (0, -9), (6, 8), (6, -8), (-6, 8), (-6, -8), (0, 18), (0, -18))  # points


def _apart(axes: Axes, texts: Sequence[Text]) -> int:
    """Each name takes the first place around its point that is free; where none is, the point stands without one."""
    figure = axes.get_figure(root=True)
    canvas = FigureCanvasAgg(figure)  # pyright: ignore[reportArgumentType]
    canvas.draw()  # before that the points have no places
    renderer = canvas.get_renderer()
    places = {text: axes.transData.transform(text.xy) for text in texts}  # pyright: ignore[reportAttributeAccessIssue]
    taken = [Bbox.from_bounds(x - 3, y - 3, 6, 6) for x, y in places.values()]  # no name hides a point
    named, frame = 0, axes.get_window_extent()
    for text in texts:
        for x, y in PLACES:
            text.set_position((x, y))
            text.set_horizontalalignment("left" if x > 0 else "right" if x < 0 else "center")
            box = text.get_window_extent(renderer)
            inside = frame.x0 < box.x0 and box.x1 < frame.x1
            if inside and not any(box.overlaps(other) for other in taken):
                break
        else:
            text.set_visible(False)
            continue
        taken.append(box)
        named += 1
    return named
