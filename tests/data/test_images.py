"""Image files of every kind: used rightly, or refused in one line."""

import struct
import subprocess
import sys
import warnings
import zlib

import numpy as np
import pytest
from PIL import Image

from chainrule.data import images, read_image
from chainrule.data.check import check
from chainrule.data.images import decode, fit_array, fit_image, probe
from chainrule.errors import UserError

GOOD = {
    "png": ("RGB", {}),
    "jpg": ("RGB", {"quality": 95}),
    "webp": ("RGB", {"lossless": True}),
    "bmp": ("RGB", {}),
    "gif": ("P", {}),
    "tif": ("RGB", {}),
    "ppm": ("RGB", {}),
    "pgm": ("L", {}),
    "PNG": ("LA", {}),
}


@pytest.mark.parametrize("suffix", GOOD)
@pytest.mark.parametrize("channels", [1, 3])
def test_every_format_is_read(tmp_path, paint, suffix, channels):
    mode, options = GOOD[suffix]
    path = paint(tmp_path / f"x.{suffix}", mode=mode, **options)
    assert decode(path, (channels, 6, 8)).shape == (channels, 6, 8)
    assert decode(path, (channels, 3, 5)).shape == (channels, 3, 5)
    assert probe(path)[1:] == (6, 8)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_every_mode_of_png_is_read(tmp_path, mode):
    field = Image.new("L", (4, 4), 255).convert(mode) if mode != "I;16" else Image.new(mode, (4, 4), 65535)
    field.save(tmp_path / "x.png")
    assert (decode(tmp_path / "x.png", (3, 4, 4)) == 255).all()
    assert (decode(tmp_path / "x.png", (1, 4, 4)) == 255).all()


@pytest.mark.parametrize("mode", ["CMYK", "YCbCr", "L"])
def test_every_mode_of_jpeg_is_read(tmp_path, mode):
    Image.new("RGB", (8, 8), (200, 30, 90)).convert(mode).save(tmp_path / "x.jpg", quality=95)
    grey = decode(tmp_path / "x.jpg", (1, 8, 8))
    assert abs(int(grey.mean()) - 88) < 12


def test_sixteen_bits_are_cut_to_eight(tmp_path):
    Image.fromarray(np.array([[0, 256, 65535]], np.uint16)).save(tmp_path / "x.png")
    assert decode(tmp_path / "x.png", (1, 1, 3))[0, 0].tolist() == [0, 1, 255]


def test_what_is_transparent_is_white(tmp_path):
    image = Image.new("RGBA", (2, 1), (0, 0, 0, 0))
    image.putpixel((1, 0), (10, 20, 30, 255))
    image.save(tmp_path / "x.png")
    assert decode(tmp_path / "x.png", (3, 1, 2))[:, 0].T.tolist() == [[255, 255, 255], [10, 20, 30]]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_turns_the_image_upright(tmp_path, orientation):
    upright = np.zeros((4, 6, 3), np.uint8)
    upright[:2, :3] = 255  # the upper left quarter
    undo = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}
    image = Image.fromarray(upright)
    if orientation > 1:
        image = image.transpose(Image.Transpose(undo[orientation]))
    exif = Image.Exif()
    exif[0x0112] = orientation
    image.save(tmp_path / "x.png", exif=exif)
    assert probe(tmp_path / "x.png") == (3, 4, 6)
    assert np.array_equal(decode(tmp_path / "x.png", (3, 4, 6)), upright.transpose(2, 0, 1))


def test_an_animation_gives_its_first_frame(tmp_path):
    frames = [Image.new("L", (4, 4), v) for v in (10, 200)]
    for suffix in ("gif", "webp", "png"):
        options = {"lossless": True} if suffix == "webp" else {}
        frames[0].save(tmp_path / f"x.{suffix}", save_all=True, append_images=frames[1:], **options)
        assert decode(tmp_path / f"x.{suffix}", (1, 4, 4)).max() == 10


def test_odd_metadata_is_no_reason_to_warn(tmp_path):
    image = Image.new("RGB", (4, 4))
    image.save(tmp_path / "x.jpg", exif=b"Exif\0\0II*\0\x08\0\0\0\xff\xff")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert decode(tmp_path / "x.jpg", (3, 4, 4)).shape == (3, 4, 4)


def bomb(width, height):
    """A PNG of a few bytes that says it is enormous."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 99)) + chunk(b"IEND", b"")


BAD = {
    "empty.png": (lambda good: b"", "not an image"),
    "text.png": (lambda good: b"hello world", "not an image"),
    "page.jpg": (lambda good: b"<!DOCTYPE html><html>", "not an image"),
    "pointer.png": (lambda good: b"version https://git-lfs.github.com/spec/v1\n", "not an image"),
    "head.png": (lambda good: good[:8], "not an image"),
    "cut.png": (lambda good: good[: len(good) // 2], "damaged image"),
    "cut-late.png": (lambda good: good[:-60], "damaged image"),
    "flipped.png": (lambda good: good[:50] + bytes([good[50] ^ 255]) + good[51:], "damaged image"),
    "bomb.png": (lambda good: bomb(30000, 30000), "expected at most 89478485"),
    "bomb-wide.png": (lambda good: bomb(100_000_000, 1), "expected at most 89478485"),
    "bomb-small.png": (lambda good: bomb(10000, 9000), "expected at most 89478485"),
    "pdf.png": (lambda good: b"%PDF-1.4", "not an image"),
    "svg.png": (lambda good: b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not an image"),
    "eps.png": (lambda good: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not an image"),
    "size.png": (lambda good: bomb(0, 0), "not an image"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_image_is_one_line_with_its_path(tmp_path, paint, name):
    make, words = BAD[name]
    path = tmp_path / name
    path.write_bytes(make(paint(tmp_path / "good.png", (40, 40)).read_bytes()))
    with pytest.raises(UserError) as caught:
        decode(path, (3, 8, 8))
    (line,) = caught.value.lines
    assert line.startswith(str(path))
    assert words in line
    assert check(path).problems == [line]


def test_a_bad_tiff_says_nothing_besides(tmp_path):
    """Pillow logs this fault as well as raising it."""
    Image.new("RGB", (4, 4)).save(tmp_path / "x.tif")
    data = (tmp_path / "x.tif").read_bytes()
    at = data.index(struct.pack("<HHI", 277, 3, 1))  # samples per pixel
    (tmp_path / "x.tif").write_bytes(data[: at + 8] + struct.pack("<H", 2048) + data[at + 10 :])
    code = "import sys; from chainrule.data.check import check; print(len(check(sys.argv[1]).problems))"
    run = subprocess.run([sys.executable, "-c", code, tmp_path / "x.tif"], capture_output=True, text=True, check=False)
    assert (run.stdout, run.stderr) == ("1\n", "")


def test_a_float_image_is_one_line(tmp_path):
    Image.fromarray(np.zeros((4, 4), np.float32)).save(tmp_path / "x.tif")
    with pytest.raises(UserError, match="floating-point"):
        decode(tmp_path / "x.tif", (1, 4, 4))


def test_a_bomb_is_refused_before_it_takes_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    path = tmp_path / "bomb.png"
    path.write_bytes(bomb(60000, 60000))
    with pytest.raises(UserError, match="60000×60000 pixels"):
        decode(path, (3, 8, 8))


@pytest.mark.parametrize("suffix", ["png", "jpg", "gif", "webp", "bmp", "tif"])
def test_no_mutant_gets_past_with_a_traceback(tmp_path, paint, suffix):
    """60 damaged files a format: an image of the wanted shape or one line."""
    rng = np.random.default_rng(1)
    good = paint(tmp_path / f"good.{suffix}", (24, 20)).read_bytes()
    path = tmp_path / f"mutant.{suffix}"
    for i in range(60):
        data = bytearray(good)
        for _ in range(rng.integers(1, 6)):
            data[rng.integers(min(len(data), 400))] = rng.integers(256)
        path.write_bytes(data[: rng.integers(1, len(data))] if i % 4 == 0 else data)
        try:
            assert decode(path, (3, 5, 5)).shape == (3, 5, 5)
        except UserError as error:
            assert len(error.lines) == 1


def test_padding_puts_a_digit_into_the_middle():
    digit = np.full((2, 1, 28, 28), 9, np.uint8)
    padded = fit_array(digit, (1, 32, 32), "pad")
    assert (padded[:, :, 2:30, 2:30] == 9).all()
    assert padded.sum(dtype=np.int64) == digit.sum(dtype=np.int64)
    one = np.asarray(fit_image(Image.fromarray(digit[0, 0]), 32, 32, "pad"))
    assert np.array_equal(one, padded[0, 0])


@pytest.mark.parametrize(("side", "fit"), [(36, "pad"), (32, "resize"), (14, "pad")])
def test_anything_else_is_resized(side, fit):
    field = np.full((1, 1, 28, 28), 9, np.uint8)
    assert (fit_array(field, (1, side, side), fit) == 9).all()


def test_read_image_gives_what_the_network_was_trained_on(tmp_path, paint):
    path = paint(tmp_path / "x.png", (8, 6))
    mean, std = (0.1, 0.2, 0.3), (0.5, 0.6, 0.7)
    x = read_image(path, (3, 6, 8), 3, mean, std)
    want = (decode(path, (3, 6, 8)) / 255 - np.array(mean)[:, None, None]) / np.array(std)[:, None, None]
    assert np.allclose(x[0].numpy(), want, atol=1e-6)
    assert x.shape == (1, 3, 6, 8)
    assert read_image(path, (4, 4), 1, (0.0,), (1.0,)).shape == (1, 1, 4, 4)


@pytest.mark.parametrize(("name", "words"), [("none.png", "no such file"), (".", "a folder")])
def test_read_image_of_nothing_is_one_line(tmp_path, name, words):
    with pytest.raises(UserError, match=words):
        read_image(tmp_path / name, (4, 4), 1, (0.0,), (1.0,))


def test_decode_all_names_the_first_bad_file(tmp_path, paint):
    paths = [paint(tmp_path / f"{i}.png", seed=i) for i in range(12)]
    for i in (5, 9):
        paths[i].write_bytes(b"")
    with pytest.raises(UserError, match=r"5\.png"):
        images.decode_all(paths, (1, 6, 8), np.empty((12, 1, 6, 8), np.uint8))
