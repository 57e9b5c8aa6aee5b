"""A cart with its pole as a picture, drawn by ourselves. · 自绘的小车与摆杆。"""

import math

import numpy as np
from PIL import Image, ImageDraw, ImageFont

WIDTH, HEIGHT, FINE = 600, 300, 3  # drawn so many times larger, then brought down: smooth edges
REACH, GROUND = 2.9, 0.76  # metres from the middle to the edge; where the track lies, of the height
SKY, EARTH, TRACK, CART, WHEEL, POLE, HUB, INK = (
    *("#FBFAF7", "#EFEAE0", "#8C8577", "#0072B2", "#33414D", "#D55E00", "#F7C9A0", "#5B564C"),
)
LONG = 1.0  # metres of the pole
ENDS = 2.4  # beyond, the cart is off the track


def cart(x: float, θ: float, step: int) -> np.ndarray:
    """The cart at x metres, its pole θ radians from upright, after so many steps; bytes [H, W, 3]. · 一帧画面。

    >>> cart(0.0, 0.1, 7).shape
    (300, 600, 3)
    """
    size = (WIDTH * FINE, HEIGHT * FINE)
    image = Image.new("RGB", size, SKY)
    pen, scale, level = ImageDraw.Draw(image), size[0] / (2 * REACH), size[1] * GROUND
    _track(pen, size, scale, level)
    middle = size[0] / 2 + x * scale
    _cart(pen, middle, level, scale)
    _pole(pen, (middle, level - 0.36 * scale), θ, scale)
    small = image.reduce(FINE)
    pen = ImageDraw.Draw(small)
    pen.text((16, 12), f"step {step}", INK, ImageFont.load_default(15))
    pen.text((WIDTH - 16, 12), f"{math.degrees(θ):+.1f}°   {x:+.2f} m", INK, ImageFont.load_default(15), anchor="ra")
    return np.asarray(small)


def _track(pen: ImageDraw.ImageDraw, size: tuple[int, int], scale: float, level: float) -> None:
    """The ground, the track, and the two ends that the cart must not pass."""
    pen.rectangle((0, level, *size), EARTH)
    pen.line((0, level, size[0], level), TRACK, 2 * FINE)
    for metre in range(-2, 3):
        place = size[0] / 2 + metre * scale
        pen.line((place, level, place, level + 5 * FINE), TRACK, FINE)
    for end in (-ENDS, ENDS):
        place = size[0] / 2 + end * scale
        pen.line((place, level - 0.3 * scale, place, level + 0.15 * scale), POLE, 2 * FINE)


def _cart(pen: ImageDraw.ImageDraw, middle: float, level: float, scale: float) -> None:
    wide, high, wheel = 0.3 * scale, 0.2 * scale, 0.08 * scale
    bottom = level - 1.3 * wheel
    pen.rounded_rectangle((middle - wide, bottom - high, middle + wide, bottom), 0.05 * scale, CART)
    for side in (-0.6, 0.6):
        place = middle + side * wide
        pen.ellipse((place - wheel, level - 2 * wheel, place + wheel, level), WHEEL)
        pen.ellipse((place - 0.35 * wheel, level - 1.35 * wheel, place + 0.35 * wheel, level - 0.65 * wheel), SKY)


def _pole(pen: ImageDraw.ImageDraw, foot: tuple[float, float], θ: float, scale: float) -> None:
    """A rod with round ends, upright at θ = 0 and to the right as θ grows."""
    thick, long = 0.045 * scale, LONG * scale
    tip = (foot[0] + long * math.sin(θ), foot[1] - long * math.cos(θ))
    across = (thick * math.cos(θ), thick * math.sin(θ))
    corners = [(foot[0] - across[0], foot[1] - across[1]), (tip[0] - across[0], tip[1] - across[1])]
    corners += [(tip[0] + across[0], tip[1] + across[1]), (foot[0] + across[0], foot[1] + across[1])]
    pen.polygon(corners, POLE)
    for at in (tip, foot):
        pen.ellipse((at[0] - thick, at[1] - thick, at[0] + thick, at[1] + thick), POLE)
    hub = 0.55 * thick
    pen.ellipse((foot[0] - hub, foot[1] - hub, foot[0] + hub, foot[1] + hub), HUB)
