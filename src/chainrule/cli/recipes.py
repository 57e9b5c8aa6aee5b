"""Recipes: one TOML a published result, in a checkout and in an installed package alike; no torch. · 配方。"""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import UserError, unknown
from ..runfile import from_toml
from ..settings import Settings

PACKAGE = Path(__file__).parents[1]
PLACES = (PACKAGE / "recipes", PACKAGE.parents[1] / "recipes")  # installed, checkout


@dataclass(frozen=True)
class Recipe:
    """A training and the figures it is expected to reach. · 配方：训练设置与应达到的结果。

    expect  figure → the value that must be reached: at least, or at most for losses and errors
    """

    name: str
    path: Path
    model: str
    data: str
    settings: Settings
    title: str
    source: str
    expect: dict[str, float]


def _found() -> dict[str, Path]:
    return {p.stem: p for place in reversed(PLACES) if place.is_dir() for p in sorted(place.glob("*.toml"))}


def names() -> list[str]:
    """All recipes by name. · 配方名称。

    >>> "demo" in names()
    True
    """
    return sorted(_found())


def load(name: str) -> Recipe:
    """The recipe of that name. · 读取配方。

    >>> load("demo").settings.gear
    'formula'
    """
    found = _found()
    if name not in found:
        raise unknown("recipe", name, sorted(found))
    path = found[name]
    text = path.read_text(encoding="utf-8")
    model, data, settings = from_toml(text, str(path))
    table: dict[str, Any] = tomllib.loads(text)
    about = table.get("about", {})
    expect = {key: float(value) for key, value in table.get("expect", {}).items()}
    if not about.get("title"):
        raise UserError(f"{path}: expected [about] with a title and a source")
    return Recipe(name, path, model, data, settings, about["title"], about.get("source", ""), expect)
