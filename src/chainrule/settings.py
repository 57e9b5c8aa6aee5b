"""The settings of a run: names, types, ranges, and how words become them. · 运行设置：名称、类型、范围与解析。

No torch here: help, completion and argument errors read this file. Words are `key=value`; nothing is ever evaluated
(only `model.KEY=` values are read as Python literals). All errors of one configuration are raised at once.
"""

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from .catalog import AUGMENTS, INITS, LOSSES, OPTIMIZERS, SCHEDULES
from .errors import UserError
from .gear import GEARS
from .runs.folder import check_name
from .values import Spec, literal, read

SCHEMA = 1  # of run.toml; a newer one is refused, an older one would be converted where it is read


def _setting(default: Any, kind: str, en: str, zh: str, within: str = "", **more: Any) -> Any:
    return field(default=default, metadata={"spec": Spec(kind, en, zh, within, nullable=default is None, **more)})


def _choice(default: str, en: str, zh: str, *choices: str, **more: Any) -> Any:
    return _setting(default, "choice", en, zh, choices=choices, **more)


@dataclass(frozen=True)
class Settings:
    """Everything about a run except which model and which data. · 除模型与数据外的全部设置。

    `None` for an optimizer's option means torch's default for that optimizer. `model` holds constructor arguments.
    Build one from words with `parse`, from Python values with `make`: both check every value.

    >>> parse(["epochs=3", "lr=1e-2"]).lr
    0.01
    """

    epochs: int = _setting(10, "int", "passes over the training part", "训练轮数", "[1, inf)", resumable=True)
    batch_size: int = _setting(64, "int", "samples of one step", "每步样本数", "[1, inf)")
    seed: int = _setting(0, "int", "of weights, order, masks and augmentation", "随机种子", "[0, 9223372036854775807]")
    optimizer: str = _choice("adam", "how parameters are updated", "优化器", *OPTIMIZERS)
    lr: float | None = _setting(None, "float", "learning rate; none: the optimizer's own", "学习率", "(0, inf)")
    momentum: float | None = _setting(None, "float", "share of the step before", "动量", "[0, 1)")
    dampening: float | None = _setting(None, "float", "sgd: damps the gradient in the momentum", "阻尼", "[0, 1]")
    nesterov: bool | None = _setting(None, "bool", "sgd: gradient at the look-ahead point", "Nesterov 动量")
    betas: tuple[float, float] | None = _setting(None, "floats", "decay of the two means", "矩估计衰减率", "[0, 1)")
    eps: float | None = _setting(None, "float", "added to the root", "分母小常数", "[0, inf)")
    weight_decay: float | None = _setting(None, "float", "pull of the weights to zero", "权重衰减", "[0, inf)")
    amsgrad: bool | None = _setting(None, "bool", "adam: the largest mean square so far", "AMSGrad 变体")
    alpha: float | None = _setting(None, "float", "rmsprop: decay of the mean; asgd: of the rate", "衰减率", "[0, 1]")
    rho: float | None = _setting(None, "float", "adadelta: decay of the mean squares", "均方衰减率", "[0, 1]")
    centered: bool | None = _setting(None, "bool", "rmsprop: deviation, not mean square", "以标准差归一")
    lr_decay: float | None = _setting(None, "float", "adagrad: fall of the rate", "学习率衰减", "[0, inf)")
    initial_accumulator_value: float | None = _setting(
        None, "float", "adagrad: where the sum begins", "累积初值", "[0, inf)"
    )
    momentum_decay: float | None = _setting(None, "float", "nadam: rise of the momentum", "动量衰减", "[0, inf)")
    decoupled_weight_decay: bool | None = _setting(None, "bool", "decay as AdamW's", "解耦权重衰减")
    etas: tuple[float, float] | None = _setting(None, "floats", "rprop: shorter, longer", "步长倍率", "(0, inf)")
    step_sizes: tuple[float, float] | None = _setting(
        None, "floats", "rprop: shortest and longest step", "步长范围", "[0, inf)"
    )
    lambd: float | None = _setting(None, "float", "asgd: decay of weights and rate", "衰减项", "[0, inf)")
    t0: float | None = _setting(None, "float", "asgd: updates before it averages", "平均起点", "[0, inf)")
    beta2_decay: float | None = _setting(None, "float", "adafactor: how the memory grows", "二阶衰减指数", "[-1, 0]")
    decay: str = _choice("weights", "what decays: not biases and norms, or all", "衰减范围", "weights", "all")
    schedule: str = _choice("constant", "learning rate over the run", "学习率调度", *SCHEDULES)
    warmup: float = _setting(0.0, "float", "linear rise of the learning rate", "线性预热", "[0, inf)", unit="epochs")
    step_epochs: int = _setting(5, "int", "schedule=step: distance of the steps", "步长", "[1, inf)", unit="epochs")
    milestones: tuple[float, ...] | None = _setting(
        None, "numbers", "schedule=multistep; none: half and three quarters", "里程碑", "(0, inf)", unit="epochs"
    )
    gamma: float | None = _setting(None, "float", "factor of a step; none: the schedule's own", "衰减倍率", "(0, 1]")
    floor: float | None = _setting(None, "float", "lowest part of the learning rate", "学习率下限比例", "[0, 1]")
    power: float | None = _setting(None, "float", "schedule=polynomial", "多项式幂次", "(0, inf)")
    restart_epochs: float | None = _setting(
        None, "float", "schedule=cosine_restarts: first cycle", "首个周期", "(0, inf)", unit="epochs"
    )
    restart_mult: int | None = _setting(None, "int", "each cycle so many times as long", "周期倍数", "[1, inf)")
    plateau_epochs: int | None = _setting(
        None, "int", "schedule=plateau: wait without gain", "平台等待", "[0, inf)", unit="epochs"
    )
    clip: float | None = _setting(None, "float", "largest norm of the gradient", "梯度范数上限", "(0, inf)")
    accumulate: int = _setting(1, "int", "batches whose gradients make one update", "梯度累积批数", "[1, inf)")
    precision: str = _choice("auto", "of the products", "计算精度", "auto", "fp32", "bf16", "fp16")
    ema: float = _setting(0.0, "float", "decay of the moving average of the weights; 0: none", "权重滑动平均", "[0, 1)")
    patience: int = _setting(
        0,
        "int",
        "stop after so many epochs without gain; 0: never",
        "早停耐心",
        "[0, inf)",
        unit="epochs",
        resumable=True,
    )
    val: float = _setting(0.1, "float", "share of the training part kept for validation", "验证集比例", "[0, 1)")
    size: tuple[int, int] | None = _setting(
        None, "size", "of the images; none: what the model is made for", "图像尺寸", "[1, 4096]", unit="pixels"
    )
    device: str = _choice("auto", "where it runs", "设备", "auto", "cpu", "cuda", "mps")
    threads: int = _setting(0, "int", "of the processor; 0: as torch finds them", "线程数", "[0, 1024]")
    compile: bool = _setting(False, "bool", "compile the training step", "编译训练步")
    tune: bool = _setting(False, "bool", "choose the fastest form by measuring a few steps", "实测择优")
    channels_last: bool | None = _setting(
        None, "bool", "memory format of images; none: where convolutions are compiled", "通道在后的内存格式"
    )
    graph: str = _choice("auto", "compiled: whole step in one graph or in two", "编译图数", "auto", "one", "two")
    gear: str = _choice("auto", "what runs of each formula", "公式档位", *GEARS)
    augment: str = _setting(
        "none", "choices", "random changes of training images", "数据增强", choices=("none", *AUGMENTS)
    )
    loss: str = _choice("auto", "what is made small", "损失函数", "auto", *LOSSES)
    label_smoothing: float = _setting(0.0, "float", "cross-entropy: share given to all classes", "标签平滑", "[0, 1)")
    init: str = _choice("default", "first weights; default: as torch", "参数初始化", "default", *INITS)
    overfit: int = _setting(
        0, "int", "learn only so many batches, to see that it can; 0: off", "过拟合批数", "[0, inf)"
    )
    seeds: int = _setting(1, "int", "runs with seeds seed, seed+1, …: mean and deviation", "重复次数", "[1, 1000]")
    save_every: float = _setting(
        60.0, "float", "between two checkpoints", "存档间隔", "[0, inf)", unit="seconds", resumable=True
    )
    keep: int = _setting(2, "int", "checkpoints kept", "保留存档数", "[2, inf)", resumable=True)
    name: str | None = _setting(None, "text", "of the run's folder", "运行名称")
    runs: str = _setting("runs", "text", "folder of all runs", "运行总目录")
    topk: int = _setting(5, "int", "also count a hit among the k likeliest classes", "前 k 命中", "[1, inf)")
    workers: int = _setting(0, "int", "threads that read images ahead", "预读图像的线程数", "[0, 256]", resumable=True)
    model: Mapping[str, Any] = field(default_factory=dict)

    def options(self) -> dict[str, Any]:
        """What the optimizer is constructed with. · 传给优化器的参数。

        >>> parse(["optimizer=sgd", "momentum=0.9"]).options()
        {'momentum': 0.9}
        """
        takes = OPTIMIZERS[self.optimizer].options
        return {key: getattr(self, key) for key in takes if getattr(self, key) is not None}

    def defining(self) -> dict[str, str]:
        """Name → text of what a run cannot change while it goes on. · 运行途中不可改变的设置。

        >>> parse(["lr=0.1", "epochs=3"]).defining()["lr"]
        '0.1'
        """
        return {k: repr(v) for k, v in self.values().items() if k not in RESUMABLE + _HOW}

    def values(self) -> dict[str, Any]:
        """Name → value, `model` too, for messages and tables. · 名称 → 值。"""
        return {f.name: getattr(self, f.name) for f in fields(self)}


SPECS: dict[str, Spec] = {f.name: f.metadata["spec"] for f in fields(Settings) if "spec" in f.metadata}
DEFAULTS: dict[str, Any] = {f.name: f.default for f in fields(Settings) if f.default is not MISSING}
RESUMABLE = tuple(name for name, spec in SPECS.items() if spec.resumable)
OPTIONS = tuple(dict.fromkeys(key for entry in OPTIMIZERS.values() for key in entry.options))
SHAPES = tuple(dict.fromkeys(key for entry in SCHEDULES.values() for key in entry.options))
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
    takes, lines = OPTIMIZERS[s.optimizer].options, []
    for key in OPTIONS:
        if key not in takes and getattr(s, key) is not None:
            who = " or ".join(name for name, entry in OPTIMIZERS.items() if key in entry.options)
            lines.append(
                f"{key}={_show(getattr(s, key))}: optimizer={s.optimizer} does not take it, it takes "
                f"{', '.join(takes)}; {key} is for {who}"
            )
    if s.optimizer == "sgd" and s.nesterov and (not s.momentum or s.dampening):
        lines.append("nesterov=true: expected momentum above 0 and no dampening; add momentum=0.9")
    if s.warmup > s.epochs:
        lines.append(
            f"warmup={_show(s.warmup)}: expected at most the {s.epochs} epochs of the run; the rate never got up"
        )
    for key in SHAPES:
        if key not in SCHEDULES[s.schedule].options and getattr(s, key) != DEFAULTS[key]:
            who = " or ".join(name for name, entry in SCHEDULES.items() if key in entry.options)
            lines.append(f"{key}={getattr(s, key)}: only schedule={who} takes it, and schedule={s.schedule}")
    if s.schedule == "noam" and not s.warmup:
        lines.append("schedule=noam: it rises during warmup, and warmup=0; add warmup=1")
    if s.schedule == "plateau" and s.gamma == 1:
        lines.append("gamma=1.0: schedule=plateau expects a number below 1")
    if s.label_smoothing and s.loss not in ("auto", "cross_entropy"):
        lines.append(f"label_smoothing={s.label_smoothing}: only loss=cross_entropy takes it, and loss={s.loss}")
    if s.name is not None:
        try:
            check_name(s.name)
        except UserError as error:
            lines += error.lines
    return lines


def _show(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def to_toml(model: str, data: str, settings: Settings) -> str:
    """The text of run.toml: `chainrule train run.toml` repeats the run. · 写成 TOML 文本。

    >>> print(to_toml("mlp", "digits", parse(["model.hidden=(64,)"])).splitlines()[1])
    model = "mlp"
    """
    lines = [f"schema = {SCHEMA}", f"model = {_toml(model)}", f"data = {_toml(data)}", "", "[settings]"]
    lines += [f"{k} = {_toml(v)}" for k, v in settings.values().items() if k in SPECS and v is not None]
    if settings.model:
        lines += ["", "[options]  # of the model's constructor; a text is read as a Python literal where it is one"]
        for key, value in settings.model.items():
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
    parts = table.get("settings", {}), table.get("options", {})
    if not all(isinstance(part, dict) for part in parts):
        raise UserError(f"{where}: expected [settings] and [options] as tables")
    named = {key: literal(value) if isinstance(value, str) else value for key, value in parts[1].items()}
    try:
        return model, data, make({**parts[0], "model": named})
    except UserError as error:
        raise UserError(*[f"{where}: {line}" for line in error.lines]) from None
