"""Moving pictures: GIF and APNG, whole or not there. · 动图：GIF 与 APNG。"""

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from ..errors import UserError
from ..runs.durable import replace

ENDINGS = (".gif", ".png", ".apng")
COLOURS = 64  # of a GIF's palette, which all its pictures share


def check_ending(path: Path) -> None:
    """Raises `UserError` for an ending that is none of a moving picture, and where there is no such folder. · 检查。

    >>> check_ending(Path("episode.gif"))
    """
    if path.suffix.lower() not in ENDINGS:
        raise UserError(f"--out {path}: expected a file name that ends in {', '.join(ENDINGS)}")
    if not path.parent.is_dir():
        raise UserError(f"--out {path}: there is no folder {path.parent}; make it first")


def write(frames: Sequence[np.ndarray], path: Path, milliseconds: int = 40) -> None:
    """Pictures [H, W, 3] one after the other, for ever; the last one stays a second. · 写出动图。

    Raises `UserError` for no pictures, `WriteFailed` where the disk refuses.
    """
    if not frames:
        raise UserError("a moving picture of nothing: expected at least one frame")
    images = [Image.fromarray(frame) for frame in frames]
    gif = path.suffix.lower() == ".gif"
    if gif:  # one palette, made from pictures of the whole episode: no flicker, and small differences
        strip = np.concatenate(frames[:: max(1, len(frames) // 8)])
        palette = Image.fromarray(strip).quantize(COLOURS, method=Image.Quantize.MEDIANCUT)
        images = [image.quantize(palette=palette, dither=Image.Dither.NONE) for image in images]
    buffer, times = io.BytesIO(), [milliseconds] * (len(images) - 1) + [1000]
    options = {"optimize": True, "disposal": 1} if gif else {}
    images[0].save(
        buffer, "GIF" if gif else "PNG", save_all=True, append_images=images[1:], duration=times, loop=0, **options
    )
    replace(path, buffer.getvalue())
