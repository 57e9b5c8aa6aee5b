"""What a setting accepts, and how text becomes its value; nothing is ever evaluated. · 设置值的类型、范围与读取。"""

import ast
import math
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from os import PathLike, fspath
from typing import Any

from .errors import UserError

BOOLS = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}


@dataclass(frozen=True)
class Spec:
    """What one setting accepts. · 一个设置接受什么。

    kind    "int", "float", "bool", "floats" (a pair), "numbers" (a row of any length),
            "integers" (a row), "size" (H,W), "layers" (their names or a number),
            "choice", "choices" (joined by "+"), "gain" (a number or a choice),
            "plan" (of augmentation), "text"
    within  an interval such as "[0, 1)", for numbers
    """

    kind: str
    en: str
    zh: str
    within: str = ""
    choices: tuple[str, ...] = ()
    unit: str = ""
    nullable: bool = False
    resumable: bool = False

    @property
    def expected(self) -> str:
        """What is accepted, in words. · 用文字说明接受的值。"""
        if self.kind == "choice":
            return f"one of {', '.join(self.choices)}" + (", or none" if self.nullable else "")
        if self.kind in ("choices", "plan"):
            return f"{', '.join(self.choices)}, or some joined by +"
        noun = {
            "int": "an integer",
            "float": "a number",
            "gain": f"one of {', '.join(self.choices)}, or a number",
            "bool": "true or false",
            "floats": "two numbers (a,b), each",
            "numbers": "numbers a,b,…, each",
            "integers": "integers a,b,…, each",
            "layers": f"{', '.join(self.choices)}, a number of stages, or names of layers joined by +",
            "size": "height,width or one side, integers",
            "text": "a word",
        }[self.kind]
        return noun + _range_words(self.within) + (", or none" if self.nullable else "")


def _range_words(within: str) -> str:
    if not within:
        return ""
    low, high = within[1:-1].split(",")
    if high.strip() == "inf":
        return f" of at least {low}" if within[0] == "[" else f" above {low}"
    return f" in {within}"


def _inside(value: float, within: str) -> bool:
    if not within:
        return True
    low, high = (float(end) for end in within[1:-1].split(","))
    above = value >= low if within[0] == "[" else value > low
    return above and (value <= high if within[-1] == "]" else value < high)


def read(key: str, given: Any, spec: Spec) -> Any:
    """The value of a setting from text or from a Python value, checked. · 由文本或 Python 值读取并检查。

    Raises `UserError` with one line: what was received, what is expected.

    >>> read("lr", "1e-3", Spec("float", "learning rate", "学习率", "(0, inf)"))
    0.001
    """
    if given is None or (isinstance(given, str) and given.lower() in ("none", "null")):
        if spec.nullable:
            return None
        if "none" not in spec.choices:
            raise UserError(f"{key}=none: expected {spec.expected}")
        given = "none"
    try:
        return READERS[spec.kind](given, spec)
    except UserError:
        raise
    except (ValueError, TypeError, OverflowError):
        near = get_close_matches(str(given).lower(), spec.choices, n=1, cutoff=0.6)
        more = f"; did you mean {near[0]}?" if near else ""
        shown = "''" if given == "" else given
        raise UserError(f"{key}={shown}: expected {spec.expected}{more}") from None


def _number(given: Any, spec: Spec) -> float:
    if isinstance(given, bool):
        raise TypeError
    if isinstance(given, str) and not re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", given.strip(), re.ASCII):
        raise ValueError  # float() would take nan, inf, 1_000 and digits of other scripts
    value = float(given)
    if not (math.isfinite(value) and _inside(value, spec.within)):
        raise ValueError
    return value


def _integer(given: Any, spec: Spec) -> int:
    exact = int(given) if isinstance(given, str) and re.fullmatch(r"[+-]?[0-9]+", given.strip()) else given
    value = _number(exact, spec)
    if value != int(value):
        raise ValueError
    whole = exact if isinstance(exact, int) else int(value)  # float(exact) rounds beyond 2**53
    if not _inside(whole, spec.within) or whole > 2**63 - 1:
        raise ValueError
    return whole


def _bool(given: Any, spec: Spec) -> bool:
    if isinstance(given, bool):
        return given
    if str(given).strip().lower() not in BOOLS:
        raise ValueError
    return BOOLS[str(given).strip().lower()]


def _numbers(given: Any, spec: Spec) -> tuple[float, ...]:
    parts = given.strip().strip("()[]").rstrip(",").split(",") if isinstance(given, str) else _as_list(given)
    if not parts:
        raise ValueError
    return tuple(_number(part.strip() if isinstance(part, str) else part, spec) for part in parts)


def _floats(given: Any, spec: Spec) -> tuple[float, ...]:
    numbers = _numbers(given, spec)
    if len(numbers) != 2:
        raise ValueError
    return numbers


def _integers(given: Any, spec: Spec) -> tuple[int, ...]:
    return tuple(_integer(number, spec) for number in _numbers(given, spec))


def _layers(given: Any, spec: Spec) -> str:
    """A number of stages, or names; what they mean only the network knows."""
    if isinstance(given, bool):
        raise TypeError
    if isinstance(given, int) or re.fullmatch(r"[+-]?[0-9.]+", str(given)):
        return str(_integer(given, Spec("int", "", "", "[1, inf)")))
    words = [word.strip() for word in _text(given, spec).split("+")]
    if not all(re.fullmatch(r"[\w.*?\[\]!-]+", word) for word in words):
        raise ValueError
    return "+".join(words)


def _size(given: Any, spec: Spec) -> tuple[int, int]:
    text = given.strip().strip("()[]").replace("x", ",").rstrip(",").split(",") if isinstance(given, str) else given
    parts = [_integer(part.strip() if isinstance(part, str) else part, spec) for part in _as_list(text)]
    if len(parts) > 2:
        raise ValueError
    return parts[0], parts[-1]


def _as_list(given: Any) -> list[Any]:
    return list(given) if isinstance(given, list | tuple) else [given]


def _one_of(given: Any, spec: Spec) -> str:
    word = str(given).lower().replace("_", "-") if not isinstance(given, bool) else ""
    found = [choice for choice in spec.choices if choice.replace("_", "-") == word]
    if not found:
        raise ValueError
    return found[0]


def _gain(given: Any, spec: Spec) -> float | str:
    try:
        return _one_of(given, spec)
    except ValueError:
        return _number(given, spec)


def _joined(given: Any, spec: Spec) -> str:
    words = [_one_of(word.strip(), spec) for word in str(given).split("+")]
    if len(set(words)) < len(words) or (len(words) > 1 and "none" in words):
        raise ValueError
    return "+".join(words)


def _text(given: Any, spec: Spec) -> str:
    given = fspath(given) if isinstance(given, PathLike) else given
    if not isinstance(given, str) or not given.strip() or re.search(r"[\x00-\x1f\ud800-\udfff]", given):
        raise ValueError
    return given.strip()


def _plan(given: Any, spec: Spec) -> str:
    """A plan of augmentation, or from Python a callable that a module holds under its name."""
    from .data.augment.plan import canonical

    if not isinstance(given, str) and callable(given):
        module, name = getattr(given, "__module__", ""), getattr(given, "__qualname__", "")
        if getattr(sys.modules.get(module), name, None) is not given or module == "__main__":
            raise UserError(
                f"augment={type(given).__name__}: expected what a module holds under a name, so that a resumed run "
                "finds it: put it into mymodule.py and give augment='mymodule:name'"
            )
        given = f"{module}:{name}"
    return canonical(str(given))


READERS: dict[str, Callable[[Any, Spec], Any]] = {
    "int": _integer,
    "float": _number,
    "bool": _bool,
    "floats": _floats,
    "numbers": _numbers,
    "integers": _integers,
    "layers": _layers,
    "size": _size,
    "choice": _one_of,
    "choices": _joined,
    "gain": _gain,
    "plan": _plan,
    "text": _text,
}


def literal(text: str) -> Any:
    """A constructor argument: a Python literal, else the word itself; never evaluated. · 构造参数：字面量或单词。

    >>> literal("(64, 32)"), literal("relu"), literal("true"), literal("None")
    ((64, 32), 'relu', True, None)
    """
    word = text.strip()
    if word.lower() in ("true", "false", "none"):
        return {"true": True, "false": False, "none": None}[word.lower()]
    try:
        return ast.literal_eval(word)
    except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
        return word
