"""Text that the installed fonts can draw. · 已装字体能画出的文字。

matplotlib draws a box and warns for a glyph that its font lacks. So look for an installed font that has it (Chinese
class names), and where there is none write the number of the class instead.
"""

from collections.abc import Sequence
from functools import lru_cache

from matplotlib import font_manager

BASE = "DejaVu Sans"  # comes with matplotlib
_CJK = (
    "noto sans cjk",
    "source han sans",
    "wenquanyi",
    "pingfang",
    "heiti",
    "microsoft yahei",
    "simhei",
    "arial unicode",
)


def families(texts: Sequence[str]) -> list[str]:
    """Font families that together draw these texts as far as any installed font can. · 选择字体。

    >>> families(["plain"])
    ['DejaVu Sans']
    """
    missing = {ord(letter) for text in texts for letter in clean(text)} - _glyphs(_path(BASE))
    if not missing:
        return [BASE]
    best, most = None, 0
    for family, path in _candidates():
        covered = len(missing & _glyphs(path))
        if covered > most:
            best, most = family, covered
        if covered == len(missing):
            break
    return [BASE] if best is None else [BASE, best]


def labels(names: Sequence[str], fonts: Sequence[str], longest: int = 16) -> list[str]:
    """Names as labels of an axis; one that cannot be drawn becomes its number. · 坐标轴标签。

    >>> labels(["cat", "a very long name indeed"], [BASE], longest=10)
    ['cat', 'a ver…deed']
    """
    shown = []
    for number, name in enumerate(names):
        name = clean(name)
        drawable = name and {ord(letter) for letter in name} <= _covered(tuple(fonts))
        shown.append(shorten(name, longest) if drawable else f"#{number}")
    return shown


def shorten(text: str, longest: int) -> str:
    """Cut the middle of what is too long: names of runs differ at their ends. · 截短中间。

    >>> shorten("lenet5-digits-20251123-2", 11)
    'lenet…123-2'
    """
    half = (longest - 1) // 2
    return text if len(text) <= longest else f"{text[: longest - 1 - half]}…{text[-half:]}"


def drawable(text: str, fonts: Sequence[str]) -> str:
    """A text with `?` for each letter that cannot be drawn. · 画不出的字用问号代替。"""
    covered = _covered(tuple(fonts))
    return "".join(letter if ord(letter) in covered else "?" for letter in clean(text))


def clean(text: str) -> str:
    """Control characters and line breaks as blanks. · 去除控制字符。

    >>> clean("a\\nb")
    'a b'
    """
    return "".join(letter if letter.isprintable() else " " for letter in str(text)).strip()


def _path(family: str) -> str:
    return font_manager.findfont(font_manager.FontProperties(family=[family]))


def _candidates() -> list[tuple[str, str]]:
    """Installed fonts, those that hold Chinese first; matplotlib's "Last Resort" has only boxes."""
    upright = [font for font in font_manager.fontManager.ttflist if font.style == "normal"]
    plain = [font for font in upright if font.weight in (400, "normal", "regular", "book")]
    fonts = {font.name: font.fname for font in plain if not font.name.startswith("Last Resort")}
    return sorted(fonts.items(), key=lambda font: (not font[0].lower().startswith(_CJK), font[0]))


@lru_cache(maxsize=512)
def _glyphs(path: str) -> frozenset[int]:
    try:
        return frozenset(font_manager.get_font(path).get_charmap())
    except (OSError, RuntimeError):  # a broken font file is no reason to have no report
        return frozenset()


@lru_cache(maxsize=8)
def _covered(fonts: tuple[str, ...]) -> frozenset[int]:
    return frozenset().union(*(_glyphs(_path(family)) for family in fonts))
