"""What `augment=` says: kinds joined by +, each with options in parentheses. · 解析增强设置。

No torch here: help, completion and argument errors read this file.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ...errors import UserError, did_you_mean

Value = float | tuple[float, float] | str


@dataclass(frozen=True)
class Option:
    """A number, a range low..high, or a word. · 选项：数、范围或单词。

    within: the least and greatest number. whole: only integers. words: what a word may be.
    """

    default: Value
    within: tuple[float, float] = (0, 1)
    whole: bool = False
    words: tuple[str, ...] = ()

    def expected(self) -> str:
        """What is accepted, in words. · 文字说明。"""
        if self.words:
            return " or ".join(self.words)
        low, high = (f"{end:g}" for end in self.within)
        noun = "a range low..high" if isinstance(self.default, tuple) else "an integer" if self.whole else "a number"
        return f"{noun} in {low}…{high}"

    def read(self, text: str) -> Value:
        """The value in a text; ValueError where it is none. · 由文本读取。"""
        if self.words:
            if text not in self.words:
                raise ValueError(text)
            return text
        numbers = [_number(part) for part in text.split("..")]
        if any(not self.within[0] <= n <= self.within[1] for n in numbers) or (self.whole and numbers[0] % 1):
            raise ValueError(text)
        if not isinstance(self.default, tuple):
            (number,) = numbers
            return number
        if len(numbers) > 2 or numbers[0] > numbers[-1]:
            raise ValueError(text)
        return numbers[0], numbers[-1]


def _number(text: str) -> float:
    if not re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", text.strip(), re.ASCII):
        raise ValueError(text)
    return float(text)


@dataclass(frozen=True)
class Kind:
    """One kind of augmentation. · 一种数据增强。

    home: "room:function" below `chainrule.data.augment`. options: the first may stand without its name.
    """

    home: str
    en: str
    zh: str
    options: Mapping[str, Option] = field(default_factory=dict)
    mixes: bool = False


_WIDE = (0, 4096)
_P = Option(0.5)
KINDS = {
    "shift": Kind(
        "moving:translate", "moved by up to 2 pixels", "平移至多 2 个像素", {"pixels": Option(2, _WIDE, True)}
    ),
    "flip": Kind("moving:flip", "mirrored left to right half of the time", "随机左右翻转", {"p": _P}),
    "vflip": Kind("moving:flip", "mirrored top to bottom half of the time", "随机上下翻转", {"p": _P}),
    "alternate": Kind(
        "moving:flip", "mirrored every second epoch, half of the pictures first", "逐轮交替左右翻转（Jordan 2024）"
    ),
    "crop": Kind(
        "moving:translate",
        "padded by 4 and cut back to size at random",
        "填充 4 像素后随机裁剪",
        {"padding": Option(4, _WIDE, True), "mode": Option("zeros", words=("zeros", "reflect"))},
    ),
    "resized_crop": Kind(
        "warping:resized_crop",
        "a part of random size and shape, enlarged to the whole",
        "随机面积与长宽比的裁剪并放大",
        {"scale": Option((0.08, 1.0), (0.01, 1)), "ratio": Option((0.75, 4 / 3), (0.1, 10))},
    ),
    "rotate": Kind("warping:affine", "turned by up to 15 degrees", "随机旋转", {"degrees": Option(15, (0, 180))}),
    "affine": Kind(
        "warping:affine",
        "small rotation, scale and shift",
        "小幅旋转、缩放与平移",
        {
            "degrees": Option(10, (0, 180)),
            "zoom": Option(0.1, (0, 0.9)),
            "pixels": Option(2, _WIDE),
            "shear": Option(0, (0, 60)),
        },
    ),
    "jitter": Kind(
        "colour:jitter",
        "brightness, contrast, saturation by up to 40 %, hue by choice",
        "随机亮度、对比度、饱和度与色相",
        {
            "strength": Option(0.4),
            "brightness": Option(-1),
            "contrast": Option(-1),
            "saturation": Option(-1),
            "hue": Option(0, (0, 0.5)),
        },
    ),
    "erase": Kind(
        "erasing:erase",
        "a rectangle in the mean colour, half of the time",
        "随机擦除矩形（Zhong 2017）",
        {"p": _P, "area": Option((0.02, 0.33)), "ratio": Option((0.3, 3.3), (0.1, 10))},
    ),
    "cutout": Kind(
        "erasing:erase", "a square in the mean colour", "遮挡方块（DeVries 2017）", {"side": Option(8, _WIDE, True)}
    ),
    "mixup": Kind(
        "mixing:mixup",
        "two pictures and their labels averaged",
        "图像与标签按比例混合（Zhang 2018）",
        {"alpha": Option(0.2, (0.01, 100))},
        True,
    ),
    "cutmix": Kind(
        "mixing:cutmix",
        "a rectangle of another picture, labels by area",
        "矩形替换并按面积混合标签（Yun 2019）",
        {"alpha": Option(1.0, (0.01, 100))},
        True,
    ),
}


@dataclass(frozen=True)
class Step:
    """One kind with the values of all its options; kind "own": a callable of the user's, by name. · 计划中的一步。"""

    kind: str
    options: tuple[tuple[str, Value], ...] = ()
    name: str = ""

    @property
    def values(self) -> dict[str, Any]:
        return dict(self.options)


def parse(text: str) -> tuple[Step, ...]:
    """The steps in "none", "crop(2, mode=reflect)+flip" or "my.module:function", in that order. · 解析增强计划。

    Raises `UserError`, on one line, for a kind or an option that is not there and a value that is not accepted.

    >>> [step.kind for step in parse("crop+flip")], parse("none")
    (['crop', 'flip'], ())
    >>> parse("resized_crop(scale=0.35..1)")[0].values["scale"]
    (0.35, 1.0)
    """
    if text.strip() == "none":
        return ()
    steps = tuple(_step(part.strip(), text) for part in _cut(text, "+"))
    kinds = [step.name or step.kind for step in steps]
    for kind in kinds:
        if kinds.count(kind) > 1:
            raise UserError(f"augment={text}: {kind} stands twice: expected each kind once")
    mixing = [step.kind for step in steps if step.kind in KINDS and KINDS[step.kind].mixes]
    if len(mixing) > 1:
        raise UserError(f"augment={text}: {' and '.join(mixing)}: expected one of them, it mixes the labels")
    return steps


def canonical(text: str) -> str:
    """The same plan as it is written down. · 规范写法。

    >>> canonical("Crop( 2 ) + flip"), canonical("my.Module:Fn")
    ('crop(2)+flip', 'my.Module:Fn')
    """
    if not parse(text):
        return "none"
    parts = ["".join(part.split()) for part in _cut(text, "+")]
    return "+".join(part if ":" in part.partition("(")[0] else part.lower() for part in parts)


def _cut(text: str, at: str) -> Iterator[str]:
    """Parts between separators that stand outside parentheses."""
    depth, start = 0, 0
    for place, letter in enumerate(text):
        depth += (letter == "(") - (letter == ")")
        if letter == at and depth == 0:
            yield text[start:place]
            start = place + 1
    yield text[start:]


def _step(word: str, text: str) -> Step:
    match = re.fullmatch(r"(\w+)\s*(?:\((.*)\))?", word)
    if ":" in word and match is None:
        if not re.fullmatch(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*", word):
            raise UserError(f"augment={text}: {word!r}: expected package.module:function")
        return Step("own", name=word)
    name = match[1].lower() if match else word
    if match is None or name not in KINDS:
        known = ", ".join(["none", *KINDS])
        hint = did_you_mean(name, ["none", *KINDS])
        raise UserError(
            f"augment={text}: {word!r} is unknown: expected {known}, some joined by +, or package.module:function{hint}"
        )
    return Step(name, tuple(_options(name, match[2] or "", text).items()))


def _options(kind: str, inside: str, text: str) -> dict[str, Value]:
    options = KINDS[kind].options
    values: dict[str, Value] = {key: option.default for key, option in options.items()}
    given: set[str] = set()
    for number, part in enumerate(filter(str.strip, inside.split(","))):
        key, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals:
            key, value = (next(iter(options), "") if number == 0 else ""), key
        if key not in options:
            takes = ", ".join(options) or "no option"
            raise UserError(
                f"augment={text}: {kind} does not take {part.strip()!r}; it takes {takes}{did_you_mean(key, options)}"
            )
        if key in given:
            raise UserError(f"augment={text}: {kind} has {key} twice")
        given.add(key)
        try:
            values[key] = options[key].read(value)
        except ValueError:
            raise UserError(f"augment={text}: {kind} {key}={value}: expected {options[key].expected()}") from None
    return values
