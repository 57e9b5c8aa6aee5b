"""Pictures of what an autoencoder has learned: images made again, their map, ways between them. · 自编码器图示。"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from ..runs import fonts, style
from .word_map import plane

SHOWN, STEPS, WAYS, MAPPED = 12, 11, 6, 3000
GAP = 1 / 14  # of a side between images
TALL = 0.62  # inches of one image
COLOURS = "tab10"


def mosaic(images: Tensor, columns: int) -> np.ndarray:
    """Images [N, C, H, W] in 0…1 side by side, a white line between them, [H', W'] or [H', W', 3]. · 拼图。

    >>> mosaic(torch.zeros(5, 1, 4, 4), 3).shape
    (9, 14)
    """
    n, c, height, width = images.shape
    rows, gap = -(-n // columns), max(1, round(GAP * height))
    ink = 1 - images if c == 1 else images  # grey ones dark on white, as on paper
    out = np.ones((rows * (height + gap) - gap, columns * (width + gap) - gap, c), dtype=np.float32)
    for i, image in enumerate(ink.clamp(0, 1).permute(0, 2, 3, 1).numpy()):
        top, left = i // columns * (height + gap), i % columns * (width + gap)
        out[top : top + height, left : left + width] = image
    return out[..., 0] if c == 1 else out


def sheet(images: Tensor, path: Path, columns: int = 8, title: str = "") -> None:
    """A picture of images alone. · 图像网格。

    Raises `WriteFailed` where the disk refuses.
    """
    with style.of(fonts.families([title])):
        rows = -(-len(images) // columns)
        figure = _figure(columns, rows, images, top=0.42 if title else 0.08)
        _tiles(figure.axes[0], mosaic(images, columns))
        if title:
            figure.text(0.5, 1 - 0.17 / figure.get_figheight(), title, ha="center", va="center", size=11)
        style.save(figure, path)


def _figure(columns: int, rows: int, images: Tensor, left: float = 0.08, top: float = 0.08) -> Figure:
    """A figure whose only axes hold so many images, each of the same size in inches."""
    height, width = images.shape[2:]
    wide, tall = columns * TALL * width / height, rows * TALL
    size = (wide + left + 0.08, tall + top + 0.08)
    figure = Figure(figsize=size, dpi=2 * style.DPI, facecolor="white")
    figure.add_axes((left / size[0], 0.08 / size[1], wide / size[0], tall / size[1]))
    return figure


def _tiles(axes: Axes, picture: np.ndarray) -> None:
    axes.imshow(picture, cmap="gray", vmin=0, vmax=1, interpolation="nearest", aspect="auto")
    axes.set_axis_off()


def rows(groups: Sequence[tuple[str, Tensor]], path: Path, title: str) -> None:
    """Rows of images with a name before each. · 带行名的图像行。

    Raises `WriteFailed` where the disk refuses.
    """
    names = [name for name, _ in groups]
    columns = len(groups[0][1])
    with style.of(fonts.families([title, *names])):
        figure = _figure(columns, len(groups), groups[0][1], left=1.5, top=0.42)
        _tiles(figure.axes[0], mosaic(torch.cat([images for _, images in groups]), columns))
        for i, name in enumerate(names):
            y = 1 - (0.42 + (i + 0.5) * TALL) / figure.get_figheight()
            figure.text(1.4 / figure.get_figwidth(), y, name, ha="right", va="center", size=9)
        figure.text(0.5, 1 - 0.19 / figure.get_figheight(), title, ha="center", va="center", size=11)
        style.save(figure, path)


def code_map(codes: Tensor, labels: Tensor, classes: Sequence[str], path: Path, title: str) -> None:
    """Codes in two dimensions, their widest directions where they have more, coloured by class. · 编码的二维地图。

    Raises `WriteFailed` where the disk refuses.
    """
    points = (
        codes.numpy() if codes.shape[1] == 2 else plane(codes.double().numpy(), "pca") if codes.shape[1] > 2 else None
    )
    if points is None:
        points = np.stack([codes[:, 0].numpy(), np.random.default_rng(0).uniform(-1, 1, len(codes))], 1)
    names = [fonts.clean(name) for name in classes]
    with style.of(fonts.families([title, *names])):
        figure = Figure(figsize=(7.2, 6), dpi=style.DPI, facecolor="white", layout="constrained")
        axes = figure.add_subplot()
        for c, name in enumerate(names or ["images"]):
            own = points[(labels == c).numpy()] if names else points
            axes.scatter(
                own[:, 0],
                own[:, 1],
                s=9 if len(codes) > 1000 else 18,
                alpha=0.75,
                lw=0,
                label=name,
                color=_colour(c, len(names)),
            )
        axes.set_title(title)
        axes.spines[["top", "right"]].set_visible(False)
        what = ("first", "second") if codes.shape[1] == 2 else ("widest", "second widest")
        axes.set_xlabel(f"{what[0]} direction of the codes")
        axes.set_ylabel(f"{what[1]} direction of the codes")
        if 0 < len(names) <= 20:
            axes.legend(frameon=False, markerscale=2.2, handletextpad=0.1, loc="center left", bbox_to_anchor=(1, 0.5))
        style.save(figure, path)


def _colour(c: int, classes: int) -> Any:
    import matplotlib

    return matplotlib.colormaps[COLOURS if classes <= 10 else "tab20"](c % (10 if classes <= 10 else 20))


def pictures(run: Any) -> list[str]:
    """Reconstructions, map of the codes, paths between images, and what new codes give. · 一次运行的全部图片。

    Raises `WriteFailed` where the disk refuses.
    """
    folder = run.folder.report
    split = run.part(None, "test" if run.read(None).test is not None else "train")
    x, y = split.batch(torch.arange(min(MAPPED, len(split))))
    z, title = run.encode(x), f"{run.model} · {run.facts.name}"
    written = ["reconstructions.png", "codes.png", "between.png"]
    few, again = x[:SHOWN], run.decode(z[:SHOWN])
    seen = run.network.seen(few, 0).clamp(0, 1) if run.network.denoises else None
    groups = [("original", few), *([("seen", seen)] if seen is not None else [])]
    if seen is not None:
        again = run.decode(run.encode(seen))
    rows([*groups, ("made again", again)], folder / written[0], title)
    several = y if len(run.classes) and not y.is_floating_point() else torch.zeros(len(y), dtype=torch.int64)
    code_map(z, several, run.classes if several is y else (), folder / written[1], f"{title} · {len(z):,} codes")
    sheet(_between(run, z, several), folder / written[2], STEPS, f"{title} · from one image to another")
    if run.variational:
        sheet(run.sample(64), folder / "samples.png", 8, f"{title} · samples")
        walk, columns = traversal(run, z)
        sheet(walk, folder / "traversal.png", columns, f"{title} · along the directions of the code")
        written += ["samples.png", "traversal.png"]
    return written


def _between(run: Any, z: Tensor, labels: Tensor) -> Tensor:
    """Rows of images whose codes lie on straight lines between two of different classes."""
    share = torch.linspace(0, 1, STEPS)[:, None]
    made, used = [], 0
    for i in range(len(z)):
        other = next((j for j in range(i + 1, len(z)) if labels[j] != labels[i]), i + 1)
        if other < len(z) and used < WAYS and i % 2 == 0:
            made.append(run.decode(z[i] + share * (z[other] - z[i])))
            used += 1
    return torch.cat(made) if made else run.decode(z[:1])


def traversal(run: Any, z: Tensor) -> tuple[Tensor, int]:
    """A grid over a code of two numbers, at even shares of N(0, 1); else a row for each that varies most. · 遍历编码。

    Source: Kingma & Welling 2014, figure 4.
    """
    if z.shape[1] == 2:
        side = 18
        at = torch.special.ndtri(torch.linspace(0.02, 0.98, side, dtype=torch.float64)).float()
        grid = torch.stack(torch.meshgrid(at.flip(0), at, indexing="ij"), -1).reshape(-1, 2).flip(1)
        return run.decode(grid), side
    widest = z.std(0).argsort(descending=True)[:8]
    steps = torch.linspace(-2.5, 2.5, STEPS)
    codes = torch.zeros(len(widest), STEPS, z.shape[1])
    for row, d in enumerate(widest.tolist()):
        codes[row, :, d] = steps
    return run.decode(codes.flatten(0, 1)), STEPS
