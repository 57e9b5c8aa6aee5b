"""What the words after `chainrule train` mean: model, data, settings; no torch. · 训练命令的参数解析。"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click

from ..catalog import MODELS, check_data, check_for, check_model
from ..errors import UserError
from ..fields import DEFAULTS, RESUMABLE, SPECS
from ..runfile import from_file
from ..settings import WORD, Settings, join, parse, usual

USAGE = "chainrule {0} MODEL DATA [KEY=VALUE]… or chainrule {0} run.toml [KEY=VALUE]…"


@dataclass(frozen=True)
class Plan:
    """What is trained, on what, and how. · 训练计划。"""

    model: str
    data: str
    settings: Settings


def plan(words: list[str], command: str = "train") -> Plan:
    """Read the words of a training; raises one `UserError` with a line for each thing wrong. · 解析训练参数。

    command  what they were given to: the errors say how it is called

    `model=` and `data=` may stand in place of the first two words, and win over them.

    >>> plan(["lenet5", "digits", "epochs=3"]).settings.epochs
    3
    """
    usage, (places, keys) = USAGE.format(command), _sort(words)
    named = {k: v for k, v in (_key(word) for word in keys) if k in ("model", "data")}
    keys = [word for word in keys if _key(word)[0] not in named]
    base, model, data, rest = None, "", "", places
    if places and places[0].endswith(".toml"):
        model, data, base = from_file(Path(places[0]))
        rest = places[1:]
    elif places:
        model, data, rest = places[0], (places[1:2] or [""])[0], places[2:]
    model, data = named.get("model", model), named.get("data", data)
    errors = [f"{word!r}: expected key=value; {usage}" for word in rest]
    base = base or usual(model, [_key(word)[0] for word in keys])
    settings = _collect(errors, lambda: parse(keys, base)) or base
    _collect(errors, lambda: _check_model(model, settings, usage))
    _collect(errors, lambda: _check_data(model, data, usage))
    if errors:
        raise UserError(*errors)
    return Plan(model, data, _free_name(settings, keys))


def changes(words: list[str]) -> tuple[list[str], str | None]:
    """The words of `resume`: settings that do not change what was computed so far, and where the data lies now.

    · 续训的改动，以及数据现在的位置。

    >>> changes(["epochs", "=", "20"]), changes(["data=digits"])
    ((['epochs=20'], None), ([], 'digits'))
    """
    given = join(list(words))
    data = next((_key(word)[1] for word in given if _key(word)[0] == "data"), None)
    joined = [word for word in given if _key(word)[0] != "data"]
    errors: list[str] = []
    if data is not None:
        _collect(errors, lambda: check_data(data))
    _collect(errors, lambda: parse(joined))
    for word in joined:
        key = _key(word)[0]
        if key in SPECS and key not in RESUMABLE:
            errors.append(f"{word}: a run keeps its {key}; resume takes {', '.join(RESUMABLE)}")
    if errors:
        raise UserError(*errors)
    return joined, data


def _sort(words: list[str]) -> tuple[list[str], list[str]]:
    """Places (MODEL, DATA, …) and key=value words; what starts with a dash can only be meant as a key."""
    joined = join(list(words))
    keys = [word for word in joined if WORD.match(word) or word.startswith("-")]
    return [word for word in joined if word not in keys], keys


def _key(word: str) -> tuple[str, str]:
    match = WORD.match(word)
    return (match[1].replace("-", "_"), match[2].strip()) if match else ("", "")


def _collect(errors: list[str], look: Any) -> Any:
    try:
        return look()
    except UserError as error:
        errors += error.lines
    return None


def _check_model(model: str, settings: Settings, usage: str) -> None:
    if not model:
        raise UserError(f"no model given: expected {usage}; `chainrule models` lists them")
    near = [key for key in ("model", "data") if model == key]
    if near or (model not in MODELS and ":" not in model and Path(model).exists()):
        raise UserError(f"{model!r} stands where the model is expected: {usage}")
    check_model(model, settings.model, settings.data)


def _check_data(model: str, data: str, usage: str) -> None:
    if not data:
        raise UserError(f"no data given: expected {usage}; `chainrule data` lists the known sets")
    check_for(model, data)


def _free_name(settings: Settings, keys: list[str]) -> Settings:
    """A run that is repeated from its file gets a name of its own, unless one is given now."""
    given = any(_key(word)[0] == "name" for word in keys)
    taken = settings.name is not None and (Path(settings.runs) / settings.name).exists()
    return replace(settings, name=None) if taken and not given else settings


class WordsCommand(click.Command):
    """A command whose help ends with the table of settings. · 帮助中列出设置的命令。"""

    keys: tuple[str, ...] = tuple(SPECS)
    other: tuple[tuple[str, str], ...] = (
        ("model.KEY=VALUE", "an argument of the model's constructor · 模型构造参数"),
        ("data.KEY=VALUE", "how the data is read, where the model asks · 数据读取方式"),
    )

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Settings · 设置 (KEY=VALUE)"):
            formatter.write_dl([(f"{key}={_default(key)}", _describe(key)) for key in self.keys])
            formatter.write_dl(self.other)


class ResumeCommand(WordsCommand):
    """The same, with the settings a resumed run may change. · 续训可改的设置。"""

    keys = RESUMABLE
    other = (("data=PATH", "where the data lies now, if it was moved · 数据移动后的位置"),)


def _default(key: str) -> str:
    value = DEFAULTS[key]
    return "none" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _describe(key: str) -> str:
    spec = SPECS[key]
    unit = f" [{spec.unit}]" if spec.unit else ""
    return f"{spec.en} · {spec.zh}{unit}: {spec.expected}"
