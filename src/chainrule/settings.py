"""How words and Python values become the settings of a run, and which do not go together. · 运行设置的解析与检查。

No torch here: help, completion and argument errors read this file. Words are `key=value`; nothing is ever evaluated
(only `model.KEY=` values are read as Python literals). All errors of one configuration are raised at once.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from typing import Any

from .catalog import INITS, OPTIMIZERS, SCHEDULES
from .data.augment.plan import KINDS
from .data.augment.plan import parse as plan
from .errors import UserError
from .fields import (
    DEFAULTS,
    OPTIONS,
    RESUMABLE,
    SHAPES,
    SPECS,
    Computing,
    Keeping,
    Learning,
    Reading,
    Scheduling,
    Updating,
)
from .runs.folder import check_name
from .values import literal, read


@dataclass(frozen=True)
class Settings(Keeping, Computing, Reading, Scheduling, Updating, Learning):
    """Everything about a run except which model and which data. · 除模型与数据外的全部设置。

    `None` for an optimizer's option means torch's default for that optimizer. `model` holds constructor arguments.
    Build one from words with `parse`, from Python values with `make`: both check every value.

    >>> parse(["epochs=3", "lr=1e-2"]).lr
    0.01
    """

    model: Mapping[str, Any] = field(default_factory=dict)

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

    def values(self) -> dict[str, Any]:
        """Name → value, `model` too, for messages and tables. · 名称 → 值。"""
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
_ON = {"sam": "sam=0.05", "lookahead": "lookahead=5"}
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
    nested = values.pop("model", {})
    if not isinstance(nested, Mapping):
        raise UserError(f"model={nested!r}: expected constructor arguments by name, like {{'hidden': (64,)}}")
    return _assemble({**values, **{f"model.{k}": v for k, v in nested.items()}}, [], base or Settings())


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
        text = text[:-1].rstrip() if text.endswith(",") and not key.startswith("model.") else text
        if key in pairs:
            errors.append(f"{key}={text}: given twice, before as {key}={pairs[key]}")
        elif not text:
            errors.append(f"{key}=: no value; write {key}=VALUE")
        else:
            pairs[key] = literal(text) if key.startswith("model.") else text
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
    values, model = base.values(), dict(base.model)
    for key, given in pairs.items():
        try:
            if key.startswith("model."):
                model[_option_name(key)] = given
            elif key in SPECS:
                values[key] = accept(key, given)
            else:
                errors.append(f"{key}={given}: unknown setting{hint(key)}")
        except UserError as error:
            errors += error.lines
    made = Settings(**{**values, "model": model})
    errors += [line for line in _conflicts(made) if line.partition("=")[0] not in {e.partition("=")[0] for e in errors}]
    if errors:
        raise UserError(*errors)
    return made


def _option_name(key: str) -> str:
    name = key.removeprefix("model.")
    if not name.isidentifier():
        raise UserError(f"{key}=: expected model.NAME=VALUE, where NAME is an argument of the model's constructor")
    return name


def hint(key: str) -> str:
    """The nearest setting, in words. · 最接近的设置名。

    >>> hint("learning_rate"), hint("pochs")
    ('; did you mean lr?', '; did you mean epochs?')
    """
    word = key.lower().replace("-", "_")
    near = [ALIASES[word]] if word in ALIASES else get_close_matches(word, SPECS, n=1, cutoff=0.5)
    return f"; did you mean {near[0]}?" if near else "; `chainrule train --help` lists the settings"


def accept(key: str, given: Any) -> Any:
    """One setting's value from text or from a Python value, checked. · 检查并转换一个值。

    >>> accept("epochs", "1e2"), accept("nesterov", "off"), accept("betas", "(0.9, 0.99)"), accept("clip", "none")
    (100, False, (0.9, 0.99), None)
    """
    return read(key, given, SPECS[key])


def _conflicts(s: Settings) -> list[str]:
    """What no single value can tell."""
    lines = [*_updates(s), *_around(s), *_of_folds(s)]
    if s.warmup > s.epochs:
        lines.append(
            f"warmup={_show(s.warmup)}: expected at most the {s.epochs} epochs of the run; the rate never got up"
        )
    for key in SHAPES:
        if key not in SCHEDULES[s.schedule].options and getattr(s, key) != DEFAULTS[key]:
            who = " or ".join(name for name, entry in SCHEDULES.items() if key in entry.options)
            lines.append(f"{key}={getattr(s, key)}: only schedule={who} takes it, and schedule={s.schedule}")
    lines += _first_weights(s)
    if s.schedule == "noam" and not s.warmup:
        lines.append("schedule=noam: it rises during warmup, and warmup=0; add warmup=1")
    if s.schedule == "plateau" and s.gamma == 1:
        lines.append("gamma=1.0: schedule=plateau expects a number below 1")
    if s.weights is not None and s.init != "default":
        lines.append(f"init={s.init}: the first weights come from weights={s.weights}; leave one of the two out")
    if s.label_smoothing and s.loss not in ("auto", "cross_entropy"):
        lines.append(f"label_smoothing={s.label_smoothing}: only loss=cross_entropy takes it, and loss={s.loss}")
    lines += _mixing(s)
    if s.name is not None:
        try:
            check_name(s.name)
        except UserError as error:
            lines += error.lines
    return lines


def _updates(s: Settings) -> list[str]:
    takes, lines = OPTIMIZERS[s.optimizer].options, []
    for key in OPTIONS:
        if key not in takes and getattr(s, key) != DEFAULTS[key]:
            who = " or ".join(name for name, entry in OPTIMIZERS.items() if key in entry.options)
            lines.append(
                f"{key}={_show(getattr(s, key))}: optimizer={s.optimizer} does not take it, it takes "
                f"{', '.join(takes)}; {key} is for {who}"
            )
    if s.optimizer == "sgd" and s.nesterov and (not s.momentum or s.dampening):
        lines.append("nesterov=true: expected momentum above 0 and no dampening; add momentum=0.9")
    if s.etas is not None and not s.etas[0] < 1 < s.etas[1]:
        lines.append(f"etas={s.etas[0]:g},{s.etas[1]:g}: expected one number below 1 and one above it, like 0.5,1.2")
    if s.step_sizes is not None and s.step_sizes[0] > s.step_sizes[1]:
        lines.append(f"step_sizes={s.step_sizes[0]:g},{s.step_sizes[1]:g}: expected the shorter step first")
    return lines


def _around(s: Settings) -> list[str]:
    lines = []
    for key, around in (("sam_adaptive", "sam"), ("lookahead_alpha", "lookahead")):
        if getattr(s, key) != DEFAULTS[key] and not getattr(s, around):
            lines.append(
                f"{key}={_show(getattr(s, key))}: only {around} takes it, and {around} is off; add {_ON[around]}"
            )
    if s.precision == "fp16" and (s.optimizer == "lbfgs" or s.sam):
        who = "optimizer=lbfgs" if s.optimizer == "lbfgs" else f"sam={s.sam}"
        lines.append(
            f"precision=fp16: {who} evaluates the loss several times a step, which a loss scale forbids; take bf16"
        )
    if s.skips != DEFAULTS["skips"] and s.nonfinite == "stop":
        lines.append(f"skips={s.skips}: only nonfinite=skip takes it, and nonfinite=stop")
    return lines


def _first_weights(s: Settings) -> list[str]:
    takes = INITS[s.init].options if s.init in INITS else {}
    lines = []
    for key, value in s.initial().items():
        if f"init_{key}" not in takes:
            who = ", ".join(name for name, entry in INITS.items() if f"init_{key}" in entry.options)
            lines.append(f"init_{key}={value}: init={s.init} does not take it; it is for {who}")
    return lines


def _mixing(s: Settings) -> list[str]:
    """Mixed pictures have shares of classes for labels, which not every loss takes."""
    try:
        mixing = [step.kind for step in plan(s.augment) if step.kind in KINDS and KINDS[step.kind].mixes]
    except UserError:  # it is told where it is read
        return []
    if mixing and s.loss not in ("auto", "cross_entropy", "mse", "bce"):
        return [f"augment={s.augment}: {mixing[0]} mixes labels, which loss={s.loss} cannot take; leave loss=auto"]
    return []


def _of_folds(s: Settings) -> list[str]:
    lines = []
    if s.folds == 1:
        lines.append("folds=1: expected at least 2, or 0 for none")
    if s.fold and not s.folds:
        lines.append(f"fold={s.fold}: expected folds=K beside it, of which it is one")
    elif s.fold > s.folds:
        lines.append(f"fold={s.fold}: expected one of the {s.folds} folds, 1…{s.folds}, or 0 for all")
    for key, off in (("seeds", 1), ("overfit", 0)):
        if s.folds and getattr(s, key) != off:
            lines.append(f"folds={s.folds} and {key}={getattr(s, key)}: expected one of them")
    return lines


def _show(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
