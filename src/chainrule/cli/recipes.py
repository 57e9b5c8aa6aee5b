"""Recipes: one TOML a published result, in a checkout and in an installed package alike; no torch. · 配方。"""

import tomllib
from dataclasses import dataclass, replace
from math import ceil
from pathlib import Path
from typing import Any

from ..errors import UserError, unknown
from ..runfile import from_toml
from ..settings import Settings

PACKAGE = Path(__file__).parents[1]
PLACES = (PACKAGE / "recipes", PACKAGE.parents[1] / "recipes")  # installed, checkout


@dataclass(frozen=True)
class Published:
    """What somebody reported. · 已发表的一个结果。"""

    figure: str
    value: float
    source: str


@dataclass(frozen=True)
class Recipe:
    """A training and the figures it is expected to reach. · 配方：训练设置与应达到的结果。

    expect     figure → the value that must be reached: at least, or at most for losses and errors; "test_accuracy_six"
               is the accuracy of several views (`chainrule evaluate --tta six`)
    published  the same figures as others reported them, with their sources
    enough     of how many of its seeds must reach them; all, unless [about] says so
    """

    name: str
    path: Path
    model: str
    data: str
    settings: Settings
    title: str
    source: str
    expect: dict[str, float]
    published: tuple[Published, ...] = ()
    enough: int | None = None

    def needed(self, runs: int) -> int:
        """How many of so many runs must reach what is expected: the same share of them. · 须达到的运行数。

        >>> load("cartpole-dqn").needed(5), load("cartpole-dqn").needed(10), load("demo").needed(1)
        (4, 8, 1)
        """
        return runs if self.enough is None else ceil(runs * self.enough / self.settings.seeds)


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
        tables = (p.stem for place in PLACES for p in (place / "graphs").glob("*.toml"))
        raise unknown("recipe", name, sorted({*found, *tables}))
    path = found[name]
    text = path.read_text(encoding="utf-8")
    model, data, settings = from_toml(text, str(path))
    table: dict[str, Any] = tomllib.loads(text)
    about = table.get("about", {})
    expect = {key: float(value) for key, value in table.get("expect", {}).items()}
    if not about.get("title"):
        raise UserError(f"{path}: expected [about] with a title and a source")
    try:
        published = tuple(Published(**row) for row in table.get("published", []))
    except TypeError as error:
        raise UserError(f"{path}: [[published]]: expected figure, value and source in each") from error
    told = about["title"], about.get("source", ""), expect, published, about.get("enough")
    return Recipe(name, path, model, data, settings, *told)


def shortened(settings: Settings, part: float) -> Settings:
    """The same training in a part of its epochs, at least one: what is counted in epochs shrinks too. · 缩短。

    Raises `UserError` for a part that is not above 0 and at most 1.

    >>> from ..settings import parse
    >>> short = shortened(parse(["epochs=200", "schedule=multistep", "milestones=100,150", "warmup=4"]), 0.1)
    >>> short.epochs, short.milestones, short.warmup
    (20, (10.0, 15.0), 0.4)
    """
    if not 0 < part <= 1:
        raise UserError(f"--short {part:g}: expected a part of the training above 0 and at most 1, like 0.05")
    epochs = max(1, round(settings.epochs * part))
    ratio = epochs / settings.epochs
    shrunk: dict[str, Any] = {"epochs": epochs, "warmup": settings.warmup * ratio}
    if settings.milestones:
        shrunk["milestones"] = tuple(at * ratio for at in settings.milestones)
    if settings.restart_epochs:
        shrunk["restart_epochs"] = settings.restart_epochs * ratio
    return replace(settings, **shrunk)
