"""What there is, by name, without importing torch. · 目录：按名称列出一切，不导入 torch。

The command line, completion and the settings read names, options and sizes here; the code itself is imported only when
an entry is loaded. A model of one's own is named `package.module:Class` wherever a model is expected.
"""

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from .data.augment.plan import KINDS as CHANGES
from .datasets import DATASETS
from .datasets import check as check_data
from .entry import Entry
from .errors import UserError, did_you_mean, unknown
from .first_weights import INITS
from .kinds import KINDS
from .methods import OPTIMIZERS, SCHEDULES, WRAPPERS
from .networks import MODELS

__all__ = [
    "AUGMENTS",
    "DATASETS",
    "Entry",
    "INITS",
    "KINDS",
    "LOSSES",
    "MODELS",
    "OPTIMIZERS",
    "SCHEDULES",
    "VIEWS",
    "WRAPPERS",
    "build_model",
    "check_data",
    "check_for",
    "check_model",
    "check_pair",
    "entry",
    "kind",
    "own_class",
]

LOSSES = {
    "cross_entropy": Entry(
        "chainrule.nn.cross_entropy:cross_entropy",
        "cross-entropy of logits, the default",
        "交叉熵（输入为 logits），默认",
    ),
    "nll": Entry(
        "chainrule.nn.cross_entropy:nll_loss",
        "negative log-likelihood, for outputs that are log-probabilities",
        "负对数似然",
    ),
    "mse": Entry("chainrule.nn.loss:mse_loss", "squared error; against one-hot targets for classes", "均方误差"),
    "bce": Entry(
        "chainrule.nn.entropy:binary_cross_entropy_with_logits",
        "binary cross-entropy of logits, for several classes a sample",
        "二元交叉熵（输入为 logits），用于多标签",
    ),
    "l1": Entry("chainrule.nn.loss:l1_loss", "absolute error, for numbers", "绝对误差，用于数值"),
    "huber": Entry("chainrule.nn.loss:huber_loss", "squared near zero, absolute beyond, for numbers", "Huber 损失"),
    "smooth_l1": Entry("chainrule.nn.loss:smooth_l1_loss", "Huber's over its width, for numbers", "平滑 L1 损失"),
}

AUGMENTS = {
    name: Entry(
        f"chainrule.data.augment.{kind.home}", kind.en, kind.zh, {k: o.default for k, o in kind.options.items()}
    )
    for name, kind in CHANGES.items()
}

VIEWS = {
    "none": Entry("chainrule.learn.views:none", "the image as it is", "原图"),
    "flip": Entry("chainrule.learn.views:flip", "the image and its mirror image", "原图与镜像"),
    "crop": Entry("chainrule.learn.views:crop", "the image, and moved to its four corners", "原图与向四角平移"),
    "six": Entry(
        "chainrule.learn.views:six", "mirrored and moved by a pixel: six views", "镜像与平移一个像素，共六个视图"
    ),
}


def check_model(name: str, options: Mapping[str, Any] | None = None, reading: Mapping[str, Any] | None = None) -> None:
    """Refuse an unknown model or an option that it or its data does not take, without torch. · 检查模型名与选项。

    >>> check_model("lenet5", {"num_classes": 3})
    >>> check_model("lenet")
    Traceback (most recent call last):
    ...
    chainrule.errors.UserError: unknown model 'lenet': expected a name that `chainrule models` lists or \
package.module:Class; did you mean lenet5?
    """
    if ":" in name:
        _own_name(name)
        _refuse("data", name, reading, {})
        return
    if name not in MODELS:
        hint = did_you_mean(name, MODELS)
        raise UserError(
            f"unknown model {name!r}: expected a name that `chainrule models` lists or package.module:Class{hint}",
        )
    _refuse("model", name, options, MODELS[name].options)
    _refuse("data", name, reading, MODELS[name].reading)


def _refuse(what: str, name: str, given: Mapping[str, Any] | None, takes: Mapping[str, Any]) -> None:
    known = f"it takes {', '.join(takes)}" if takes else f"it takes no {what}.KEY"
    lines = [
        f"{what}.{key}: {name} does not take it; {known}{did_you_mean(key, takes)}"
        for key in given or {}
        if key not in takes
    ]
    if lines:
        raise UserError(*lines)


def check_for(model: str, data: str) -> None:
    """Refuse a data source, also one for another kind of learning where the model is known. · 检查模型所用的数据。

    >>> check_for("lenet5", "digits")
    """
    check_data(data, kind(model) if model in MODELS or ":" in model else "")


def kind(model: str) -> str:
    """The name of a model's kind of learning; a network of one's own is for images. · 模型的学习种类。

    >>> kind("word2vec"), kind("lenet5"), kind("mynet:Net")
    ('vectors', 'images', 'images')
    """
    return MODELS[model].kind if model in MODELS else "images"


def check_pair(model: str, options: Mapping[str, Any], data: str, reading: Mapping[str, Any] | None = None) -> None:
    """Refuse a wrong model, a wrong data source, and data for another kind of learning. · 同时检查模型与数据。

    >>> check_pair("lenet5", {}, "digits")
    """
    lines: list[str] = []
    for look in (lambda: check_model(model, options, reading), lambda: check_for(model, data)):
        try:
            look()
        except UserError as error:
            lines += error.lines
    if lines:
        raise UserError(*lines)


def build_model(name: str, options: Mapping[str, Any] | None = None) -> Any:
    """The network of that name, or of one's own `package.module:Class`. · 按名称构造网络。

    Raises `UserError` for an unknown name, an option that is not taken, and an own class that cannot be imported,
    is no `torch.nn.Module`, or whose constructor fails.
    """
    options = dict(options or {})
    check_model(name, options)
    KINDS[kind(name)].check_alone(name)
    return construct(name, own_class(name) if ":" in name else MODELS[name].load(), options)


def construct(name: str, make: Callable[..., Any], options: Mapping[str, Any]) -> Any:
    """make(**options), its failure as one line about the model. · 构造网络，失败时给出一行说明。"""
    given = ", ".join(f"{key}={value!r}" for key, value in options.items())
    try:
        return make(**options)
    except UserError:
        raise
    except Exception as error:
        raise UserError(f"model {name}({given}) could not be made: {type(error).__name__}: {error}") from error


def own_class(name: str) -> type:
    """Import `package.module:Class`, from the working folder too. · 导入用户自己的模块类。

    Only a class of networks is returned, so that a name in a file can never make this call anything else.
    """
    import torch

    module_name, class_name = _own_name(name)
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        module = import_module(module_name)
    except (Exception, SystemExit) as error:  # a script without a main guard may exit while it is imported
        if isinstance(error, ModuleNotFoundError) and module_name.startswith(str(error.name)):
            raise UserError(f"model {name!r}: there is no module {error.name!r} here or on the Python path") from error
        raise UserError(
            f"model {name!r}: importing {module_name} failed: {type(error).__name__}: {error}",
        ) from error
    found = getattr(module, class_name, None)
    if found is None:
        classes = [k for k, v in vars(module).items() if isinstance(v, type) and issubclass(v, torch.nn.Module)]
        raise UserError(f"model {name!r}: {module_name} has no class {class_name!r}{did_you_mean(class_name, classes)}")
    if not (isinstance(found, type) and issubclass(found, torch.nn.Module)):
        kind = f"class {found.__name__}" if isinstance(found, type) else type(found).__name__
        raise UserError(f"model {name!r}: expected a class made from torch.nn.Module, got a {kind}")
    return found


def _own_name(name: str) -> tuple[str, str]:
    module, _, attribute = name.partition(":")
    if not (attribute.isidentifier() and all(part.isidentifier() for part in module.split("."))):
        raise UserError(f"model {name!r}: expected package.module:Class, like mynet:Net for class Net in mynet.py")
    return module, attribute


def entry(what: str, table: Mapping[str, Entry], name: str) -> Entry:
    """The entry of that name, or the error that names its neighbours. · 按名称取条目。

    >>> entry("optimizer", OPTIMIZERS, "sgd").options["momentum"]
    0.0
    """
    if name not in table:
        raise unknown(what, name, list(table))
    return table[name]
