"""How words and Python values become the settings of a run. · 运行设置的解析与检查。

No torch here: help, completion and argument errors read this file. Words are `key=value`; nothing is ever evaluated
(only the values of `model.KEY=` and `data.KEY=` are read as Python literals). All errors of one configuration are
raised at once.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from difflib import get_close_matches
from typing import Any

from .catalog import MODELS, OPTIMIZERS
from .conflicts import conflicts
from .errors import UserError
from .fields import (
    DEFAULTS,
    OPTIONS,
    RESUMABLE,
    SPECS,
    Computing,
    Keeping,
    Labelling,
    Learning,
    Reading,
    Scheduling,
    Transferring,
    Updating,
)
from .values import literal, read


@dataclass(frozen=True)
class Settings(Keeping, Computing, Reading, Scheduling, Updating, Labelling, Transferring, Learning):
    """Everything about a run except which model and which data. · 除模型与数据外的全部设置。

    `None` for an optimizer's option means torch's default for that optimizer. `model` holds constructor arguments.
    `data` says how the data is read, where the kind of learning asks.
    Build one from words with `parse`, from Python values with `make`: both check every value.

    >>> parse(["epochs=3", "lr=1e-2"]).lr
    0.01
    """

    model: Mapping[str, Any] = field(default_factory=dict)
    data: Mapping[str, Any] = field(default_factory=dict)

    def options(self) -> dict[str, Any]:
        """What the optimizer is constructed with. · 传给优化器的参数。

        >>> parse(["optimizer=sgd", "momentum=0.9"]).options()
        {'momentum': 0.9}
        """
        given = {key: getattr(self, key) for key in OPTIMIZERS[self.optimizer].options}
        return {key: None if value == "none" else value for key, value in given.items() if value is not None}

    def initial(self) -> dict[str, Any]:
        """The options of the first weights that were given. · 给出的初始化参数。

        >>> parse(["init=kaiming", "init_gain=tanh"]).initial()
        {'gain': 'tanh'}
        """
        given = {"gain": self.init_gain, "mode": self.init_mode, "std": self.init_std}
        return {key: value for key, value in given.items() if value is not None}

    def defining(self) -> dict[str, str]:
        """Name → text of what a run cannot change while it goes on. · 运行途中不可改变的设置。

        >>> parse(["lr=0.1", "epochs=3"]).defining()["lr"]
        '0.1'
        """
        return {k: repr(v) for k, v in self.values().items() if k not in RESUMABLE + _HOW}

    def seeded(self) -> list["Settings"]:
        """Settings of one run for each of the seeds seed, seed+1, …; a name says which. · 每个种子一份设置。

        >>> [(one.seed, one.name) for one in parse(["seeds=2", "seed=3", "name=try"]).seeded()]
        [(3, 'try-seed3'), (4, 'try-seed4')]
        """
        if self.seeds == 1:
            return [self]
        seeds = range(self.seed, self.seed + self.seeds)
        return [replace(self, seeds=1, seed=n, name=self.name and f"{self.name}-seed{n}") for n in seeds]

    def values(self) -> dict[str, Any]:
        """Name → value, `model` and `data` too, for messages and tables. · 名称 → 值。"""
        return {f.name: getattr(self, f.name) for f in fields(self)}


# What may differ between a checkpoint and its run.toml: how a run is computed, kept and shown, not what it learns.
_HOW = (
    *("name", "runs", "seeds", "topk", "device", "threads", "precision"),
    *("compile", "graph", "tune", "channels_last", "gear"),
)
ALIASES = {
    "learning_rate": "lr",
    "batch": "batch_size",
    "bs": "batch_size",
    "wd": "weight_decay",
    "opt": "optimizer",
    "amp": "precision",
    "dtype": "precision",
    "beta": "betas",
    "random_state": "seed",
    "scheduler": "schedule",
    "line_search": "line_search_fn",
}
# Settings with names of their own inside: `model.hidden=(64,)`.
NESTED = {
    "model": ("the constructor's arguments", "{'hidden': (64,)}"),
    "data": ("the ways to read the data", "{'tokens': 'words'}"),
}
WORD = re.compile(r"^-{0,2}([A-Za-z_][\w.-]*)\s*=(.*)$", re.DOTALL)


def parse(words: Iterable[str], base: Settings | None = None) -> Settings:
    """Words `key=value` on top of `base` (the defaults). · 解析 key=value。

    Leading dashes, trailing commas and spaces around "=" are forgiven. Raises one `UserError` with a line for each
    thing wrong: not key=value, unknown key, given twice, no value, wrong type, out of range, not taken.

    >>> parse(["--epochs=1e3", "nesterov = yes", "momentum=.9,", "optimizer=sgd"]).epochs
    1000
    >>> parse(["epoch=3", "lr=nan"])
    Traceback (most recent call last):
    ...
    chainrule.errors.UserError: epoch=3: unknown setting; did you mean epochs?
    lr=nan: expected a number above 0, or none
    """
    pairs, errors = split(words)
    return _assemble(pairs, errors, base or Settings())


def make(values: Mapping[str, Any], base: Settings | None = None) -> Settings:
    """The same from Python values: `make({"epochs": 3})`. · 由 Python 值构造并检查。

    >>> make({"betas": [0.9, 0.99]}).betas
    (0.9, 0.99)
    """
    if not isinstance(base, Settings | None):
        raise UserError(f"settings={base!r}: expected chainrule.Settings, or the settings by name")
    built = (base or Settings()).values()  # `Settings(…)` itself checks nothing
    values = {**{k: v for k, v in built.items() if k in SPECS and v != DEFAULTS[k]}, **values}
    for room, (what, example) in NESTED.items():
        nested = values.pop(room, {})
        if not isinstance(nested, Mapping):
            raise UserError(f"{room}={nested!r}: expected {what} by name, like {example}")
        values |= {f"{room}.{k}": v for k, v in nested.items()}
    return _assemble(values, [], base or Settings())


def usual(model: Any, given: Iterable[str] = ()) -> Settings:
    """What a run of this model begins from; those of an optimizer only where no other is given. · 模型惯用的设置。

    >>> usual("gcn").epochs, usual("gcn", ["optimizer"]).lr, usual("lenet5").epochs
    (200, None, 10)
    """
    found = MODELS[model].usual if isinstance(model, str) and model in MODELS else {}
    own = "optimizer" not in given
    return make({key: value for key, value in found.items() if own or key not in OPTIONS})


def split(words: Iterable[str]) -> tuple[dict[str, Any], list[str]]:
    """Words to key → text, and what is wrong with their form. · 拆成键与文本。

    >>> split(["lr", "=", "0.1", "--epochs", "3", "seed="])
    ({'lr': '0.1', 'epochs': '3'}, ['seed=: no value; write seed=VALUE'])
    """
    pairs: dict[str, Any] = {}
    errors: list[str] = []
    for word in join(list(words)):
        match = WORD.match(word)
        if not match:
            errors.append(f"{word!r}: expected key=value")
            continue
        key, text = match[1].replace("-", "_"), match[2].strip()
        text = text[:-1].rstrip() if text.endswith(",") and not _inner(key) else text
        if key in pairs:
            errors.append(f"{key}={text}: given twice, before as {key}={pairs[key]}")
        elif not text:
            errors.append(f"{key}=: no value; write {key}=VALUE")
        else:
            pairs[key] = literal(text) if _inner(key) else text
    return pairs, errors


def join(words: list[str]) -> list[str]:
    """Put together what a space tore apart: `lr = 0.1`, `lr= 0.1`, `--lr 0.1`."""
    out: list[str] = []
    for word in words:
        last = out[-1] if out else ""
        torn = last.endswith("=") and "=" not in word and last.count("=") == 1
        dashed = last.startswith("--") and "=" not in last and "=" not in word
        if torn or (word.startswith("=") and last and "=" not in last):
            out[-1] = last + word
        elif dashed:
            out[-1] = f"{last}={word}"
        elif word.strip(","):
            out.append(word)
    return out


def _assemble(pairs: Mapping[str, Any], errors: list[str], base: Settings) -> Settings:
    values = base.values()
    nested = {room: dict(values[room]) for room in NESTED}
    for key, given in pairs.items():
        try:
            if _inner(key):
                nested[key.partition(".")[0]][_option_name(key)] = given
            elif key in SPECS:
                values[key] = accept(key, given)
            else:
                errors.append(f"{key}={given}: unknown setting{hint(key)}")
        except UserError as error:
            errors += error.lines
    made = Settings(**{**values, **nested})
    errors += [line for line in conflicts(made) if line.partition("=")[0] not in {e.partition("=")[0] for e in errors}]
    if errors:
        raise UserError(*errors)
    return made


def _option_name(key: str) -> str:
    room, _, name = key.partition(".")
    if not name.isidentifier():
        raise UserError(f"{key}=: expected {room}.NAME=VALUE, where NAME is one of {NESTED[room][0]}")
    return name


def _inner(key: str) -> bool:
    return key.partition(".")[0] in NESTED and "." in key


def hint(key: str) -> str:
    """The nearest setting, in words. · 最接近的设置名。

    >>> hint("learning_rate"), hint("pochs"), hint("encoding")
    ('; did you mean lr?', '; did you mean epochs?', '; did you mean data.encoding?')
    """
    word = key.lower().replace("-", "_")
    rooms = {"data": (m.reading for m in MODELS.values()), "model": (m.options for m in MODELS.values())}
    near = [f"{room}.{word}" for room, taken in rooms.items() if any(word in one for one in taken)]
    near = [ALIASES[word]] if word in ALIASES else near or get_close_matches(word, SPECS, n=1, cutoff=0.5)
    return f"; did you mean {near[0]}?" if near else "; `chainrule train --help` lists the settings"


def accept(key: str, given: Any) -> Any:
    """One setting's value from text or from a Python value, checked. · 检查并转换一个值。

    >>> accept("epochs", "1e2"), accept("nesterov", "off"), accept("betas", "(0.9, 0.99)"), accept("clip", "none")
    (100, False, (0.9, 0.99), None)
    """
    return read(key, given, SPECS[key])
