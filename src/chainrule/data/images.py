"""One image file to bytes [C, H, W], whatever its format and mode. · 单个图像文件解码为字节张量。"""

import logging
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from os import cpu_count
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from ..errors import UserError
from .names import show

_ENDINGS = {
    "PNG": (".png", ".apng"),
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "WEBP": (".webp",),
    "BMP": (".bmp", ".dib"),
    "GIF": (".gif",),
    "TIFF": (".tif", ".tiff"),
    "PPM": (".ppm", ".pgm", ".pbm", ".pnm"),
    "AVIF": (".avif",),
    "JPEG2000": (".jp2", ".j2k"),
    "QOI": (".qoi",),
}
SUFFIXES = {ending for endings in _ENDINGS.values() for ending in endings}
# Pillow decodes many formats more; the fewer parsers meet foreign bytes, the better. These all know their own bytes.
_FORMATS = tuple(_ENDINGS)
# Above this a small file can ask for gigabytes; cameras stay below.
MOST_PIXELS = 89_478_485
_GREY = {"1", "L", "LA", "La", "I", "I;16", "I;16B", "I;16L", "I;16N"}

# Pillow logs some faults besides raising them; without a handler they would stand beside our one line.
logging.getLogger("PIL").addHandler(logging.NullHandler())


@contextmanager
def _quiet() -> Iterator[None]:
    """Pillow warns of odd metadata, which is harmless, and of bombs, which we refuse by ourselves."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _open(path: Path) -> Image.Image:
    """An opened, not yet decoded image of a size that we dare to decode."""
    image = Image.open(path, formats=_FORMATS)
    width, height = image.size
    if width * height > MOST_PIXELS:
        image.close()
        raise UserError(f"{show(path)}: {width}×{height} pixels: expected at most {MOST_PIXELS}; make it smaller")
    return image


def _refuse(path: Path, error: Exception) -> UserError:
    """Any of the two dozen kinds of exception that image parsers raise, as one line."""
    if isinstance(error, UserError):
        return error
    if isinstance(error, Image.DecompressionBombError):
        return UserError(f"{show(path)}: too many pixels: expected at most {MOST_PIXELS}; make it smaller")
    if isinstance(error, Image.UnidentifiedImageError):
        return UserError(f"{show(path)}: not an image that can be read: expected {', '.join(_FORMATS)}")
    if isinstance(error, OSError) and error.errno:
        return UserError(f"{show(path)}: cannot be read ({error.strerror})")
    reason = str(error) or type(error).__name__
    return UserError(f"{show(path)}: damaged image ({reason}): replace or remove it")


def probe(path: Path) -> tuple[int, int, int]:
    """(channels, height, width) of an image from its header, turned upright. · 仅读文件头得到通道数与尺寸。

    Raises `UserError` as `decode` does.
    """
    try:
        with _quiet(), _open(path) as image:
            width, height = image.size
            if image.getexif().get(0x0112, 1) in {5, 6, 7, 8}:  # stored lying on its side
                width, height = height, width
            return (1 if image.mode in _GREY else 3), height, width
    except Exception as error:  # a damaged file may raise anything
        raise _refuse(path, error) from error


def decode(path: Path, shape: tuple[int, int, int], fit: str = "resize") -> np.ndarray:
    """An image file as uint8 [C, H, W]. · 将图像文件解码为 uint8 [C, H, W]。

    Turned upright by its EXIF tag, first frame of an animation, transparency laid on white, 16 bits cut to 8, then made
    grey or coloured and brought to H×W as `fit` says (see `fit_image`).
    Raises `UserError`, naming the file, for what is unreadable, truncated, no image or larger than MOST_PIXELS.
    """
    try:
        with _quiet(), _open(path) as image:
            return _to_bytes(image, shape, fit)
    except Exception as error:  # a damaged file may raise anything
        raise _refuse(path, error) from error


def _to_bytes(image: Image.Image, shape: tuple[int, int, int], fit: str) -> np.ndarray:
    channels, height, width = shape
    flat = _flatten(ImageOps.exif_transpose(image)).convert("L" if channels == 1 else "RGB")
    pixels = np.asarray(fit_image(flat, height, width, fit))
    return pixels[None] if channels == 1 else pixels.transpose(2, 0, 1)


def _flatten(image: Image.Image) -> Image.Image:
    """8 bits a channel without transparency."""
    if image.mode == "F":
        raise ValueError("floating-point pixels; save it with 8 or 16 bits")
    if image.mode.startswith("I"):
        values = np.asarray(image).astype(np.int64)
        # 16-bit formats arrive under several modes; what exceeds a byte is read as 16 bits.
        return Image.fromarray((values >> 8 if values.max() > 255 else values).clip(0, 255).astype(np.uint8))
    if image.has_transparency_data:
        page = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(page, image.convert("RGBA"))
    return image


def fit_image(image: Image.Image, height: int, width: int, fit: str) -> Image.Image:
    """Bring an 8-bit image to height × width. · 将图像调整到给定尺寸。

    fit="resize": bilinear, with averaging when it shrinks; "pad": a little smaller (up to a quarter) stands in the
    middle of a black field, as LeCun et al. 1998 §II.B put 28×28 digits into 32×32; else as "resize".

    >>> fit_image(Image.new("L", (28, 28), 255), 32, 32, "pad").getpixel((1, 1))
    0
    """
    w, h = image.size
    if (w, h) == (width, height):
        return image
    if _pads(fit, (h, w), (height, width)):
        field = Image.new(image.mode, (width, height))
        field.paste(image, ((width - w) // 2, (height - h) // 2))
        return field
    return image.resize((width, height), Image.Resampling.BILINEAR)


def _pads(fit: str, old: tuple[int, int], new: tuple[int, int]) -> bool:
    return fit == "pad" and all(a <= b <= 1.25 * a for a, b in zip(old, new, strict=True))


def fit_array(images: np.ndarray, shape: tuple[int, int, int], fit: str) -> np.ndarray:
    """Images, uint8 [N, c, h, w], brought to [N, C, H, W] as `decode` does with files. · 批量调整尺寸与通道。

    c and C: 1 (grey) or 3 (colour).

    >>> fit_array(np.ones((2, 1, 28, 28), np.uint8), (3, 32, 32), "pad").shape
    (2, 3, 32, 32)
    """
    channels, height, width = shape
    if channels == 1 and images.shape[1] == 3:
        images = _grey(images)
    c, h, w = images.shape[1:]
    if (h, w) != (height, width):
        out = np.zeros((len(images), c, height, width), np.uint8)
        if _pads(fit, (h, w), (height, width)):
            top, left = (height - h) // 2, (width - w) // 2
            out[:, :, top : top + h, left : left + w] = images
        else:
            for row, image in zip(out, images, strict=True):
                one = Image.fromarray(image[0] if c == 1 else image.transpose(1, 2, 0))
                row[:] = np.asarray(fit_image(one, height, width, fit)).reshape(height, width, c).transpose(2, 0, 1)
        images = out
    return images if channels == c else np.repeat(images, channels, axis=1)


def _grey(images: np.ndarray) -> np.ndarray:
    """Luma of ITU-R BT.601 in 16 binary places, as Pillow has it. uint8 [N, 3, h, w] → [N, 1, h, w]."""
    red, green, blue = (images[:, i : i + 1].astype(np.uint32) for i in range(3))
    return ((red * 19595 + green * 38470 + blue * 7471 + (1 << 15)) >> 16).astype(np.uint8)


def decode_all(paths: Sequence[Path], shape: tuple[int, int, int], out: np.ndarray, fit: str = "resize") -> None:
    """Decode many files into out, uint8 [N, C, H, W], on all cores, in order. · 多线程解码，次序固定。

    Raises the `UserError` of the first file that fails, in their order.
    """

    def one(row: int) -> None:
        out[row] = decode(paths[row], shape, fit)

    # Outside the threads, because the warnings filter is the whole process's.
    with _quiet(), ThreadPoolExecutor(min(8, cpu_count() or 1)) as pool:
        try:
            for _ in pool.map(one, range(len(paths))):
                pass
        except UserError:
            pool.shutdown(cancel_futures=True)
            raise
