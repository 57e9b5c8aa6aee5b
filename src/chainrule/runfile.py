"""run.toml and recipes: a run as text, and back. · 运行配置的 TOML 文本与读回。

No torch here. `chainrule train run.toml` repeats the run that the file describes.
"""

import re
import tomllib
from pathlib import Path
from typing import Any

from .errors import UserError
from .fields import SPECS
from .settings import Settings, make
from .values import literal

SCHEMA = 1  # of run.toml; a newer one is refused, an older one would be converted where it is read


def to_toml(model: str, data: str, settings: Settings) -> str:
    """The text of run.toml: `chainrule train run.toml` repeats the run. · 写成 TOML 文本。

    >>> from chainrule.settings import parse
    >>> print(to_toml("mlp", "digits", parse(["model.hidden=(64,)"])).splitlines()[1])
    model = "mlp"
    """
    lines = [f"schema = {SCHEMA}", f"model = {_toml(model)}", f"data = {_toml(data)}", "", "[settings]"]
    lines += [f"{k} = {_toml(v)}" for k, v in settings.values().items() if k in SPECS and v is not None]
    for title, about, values in (
        ("options", "of the model's constructor; a text is read as a Python literal where it is one", settings.model),
        ("reading", "of the data, in the same way", settings.data),
    ):
        if values:
            lines += ["", f"[{title}]  # {about}"]
        for key, value in values.items():
            lines.append(f"{key if key.isascii() else _toml(key)} = {_toml(_option(value))}")
    return "\n".join(lines) + "\n"


def _option(value: Any) -> Any:
    """TOML has no tuple and no null: such a value is written as Python text, which `literal` reads back."""
    plain = isinstance(value, bool | int | float) or (isinstance(value, str) and literal(value) == value)
    return value if plain else repr(value)


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, tuple | list):
        return f"[{', '.join(_toml(v) for v in value)}]"
    escaped = str(value).replace("\\", "\\\\").replace('"', '\\"')
    return '"' + re.sub(r"[\x00-\x1f\x7f]", lambda m: f"\\u{ord(m[0]):04x}", escaped) + '"'


def from_file(path: Path) -> tuple[str, str, Settings]:
    """A run.toml or a recipe from disk. · 读取 TOML 文件。"""
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not UTF-8 text; expected a run.toml or a recipe") from error
    return from_toml(text, str(path))


def from_toml(text: str, where: str = "run.toml") -> tuple[str, str, Settings]:
    """Model, data and settings of a run.toml. · 读回 TOML 文本。

    Raises `UserError` for what is no TOML, a newer schema, a missing model or data, and every wrong setting.

    >>> from chainrule.settings import parse
    >>> from_toml(to_toml("mlp", "digits", parse(["epochs=2"])))[2].epochs
    2
    """
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"{where}: not TOML: {error}") from error
    schema, model, data = table.get("schema"), table.get("model"), table.get("data")
    if not isinstance(schema, int) or isinstance(schema, bool):
        raise UserError(f"{where}: expected `schema = {SCHEMA}`; is it a run.toml or a recipe?")
    if not 1 <= schema <= SCHEMA:
        raise UserError(f"{where}: schema {schema}, and this version reads up to {SCHEMA}; update chainrule")
    if not (isinstance(model, str) and isinstance(data, str)):
        raise UserError(f"{where}: expected `model` and `data` as texts")
    given, *nested = (table.get(title, {}) for title in ("settings", "options", "reading"))
    if not all(isinstance(part, dict) for part in (given, *nested)):
        raise UserError(f"{where}: expected [settings], [options] and [reading] as tables")
    if stray := [key for key in ("model", "data") if key in given]:
        where_to = {"model": "[options]", "data": "[reading]"}
        raise UserError(*[f"{where}: [settings] {key}: expected it at the top, or as {where_to[key]}" for key in stray])
    named = [{k: literal(v) if isinstance(v, str) else v for k, v in part.items()} for part in nested]
    try:
        return model, data, make({**given, "model": named[0], "data": named[1]})
    except UserError as error:
        raise UserError(*[f"{where}: {line}" for line in error.lines]) from None
