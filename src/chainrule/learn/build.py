"""From names and settings to data, network, task and optimizer. · 由名称与设置构造数据、网络、任务与优化器。"""

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import torch
from torch.nn.parameter import is_lazy

from .. import catalog
from ..data.balance import class_weights
from ..data.dataset import DataSet, Split
from ..data.folds import folded
from ..data.reading import load
from ..errors import UserError
from ..optim import SAM, Lookahead, by_name
from ..optim.groups import param_groups
from ..optim.schedule import Schedule
from ..rates import of_run
from ..settings import Settings
from ..zoo.stages import depths
from .facts import Facts
from .mode import to_training
from .semi_supervised import SemiSupervised, labelled
from .session import seeded
from .supervised import Supervised

LOOKED_AT = 5000  # samples of the training part that a network sees before its first step, if it wants to


def dataset(model: str, source: str, settings: Settings) -> DataSet:
    """The data, brought to the size the network is made for; its own size for an own network. · 读取数据。

    With `overfit=k` the training part is k batches and nothing is held out.
    """
    entry = catalog.MODELS.get(model)
    wanted = entry.input(settings.model) if entry else None
    channels = wanted[0] if wanted else settings.model.get("in_channels")
    size, val = settings.size or (wanted and wanted[1:]), 0.0 if settings.overfit else settings.val
    most = int(settings.cache * 2**30)
    found = load(source, size=size, channels=channels, val=val, seed=settings.seed, most_bytes=most)
    found = one_fold(found, settings)
    return replace(found, val=None, test=None) if settings.overfit else found  # a folder may have brought its own


def one_fold(data: DataSet, settings: Settings) -> DataSet:
    """The data as one run of a cross-validation sees it; as it is where there are no folds. · 交叉验证中的一折。"""
    if not settings.fold:
        return data
    return folded(data, settings.folds, settings.fold, settings.val, settings.seed)


def options(model: str, settings: Settings, data: DataSet | Facts) -> dict[str, Any]:
    """Constructor arguments: the user's, and what the data says where the network takes it. · 构造参数。"""
    if model in catalog.MODELS:
        takes = set(catalog.MODELS[model].options)
    else:
        parameters = inspect.signature(catalog.own_class(model)).parameters.values()
        takes = {p.name for p in parameters if p.kind is not p.VAR_KEYWORD}
    channels, height, width = data.shape
    known = {"num_classes": len(data.classes), "in_channels": channels, "in_features": channels * height * width}
    return {k: v for k, v in known.items() if k in takes} | dict(settings.model)


def network(model: str, settings: Settings, data: DataSet | Facts) -> torch.nn.Module:
    """The network with its first weights, from the seed. · 由种子初始化的网络。

    One that has a method `prepare` looks at the first images of the training part before it learns: whitening.
    """
    with seeded(settings.seed):
        made = catalog.build_model(model, options(model, settings, data))
        if any(map(is_lazy, made.parameters())):  # takes its sizes from what it sees first
            answer(made, model, torch.zeros(2, *data.shape))
    _initial(made, settings)
    if hasattr(made, "prepare") and isinstance(data, DataSet):
        made.prepare(data.train.batch(torch.arange(min(LOOKED_AT, len(data.train))))[0])
    if not any(p.requires_grad for p in made.parameters()):
        raise UserError(f"model {model} has no parameter to learn: expected at least one with requires_grad")
    return made


def _initial(made: torch.nn.Module, settings: Settings) -> None:
    if settings.init != "default":
        from ..nn.init import initialize

        initialize(made, settings.init, torch.Generator().manual_seed(settings.seed), **settings.initial())


def begun(model: str, settings: Settings, arguments: dict[str, Any]) -> Any:
    """A network of the catalogue with its first weights from the seed, made of what the data asks for too. · 构造网络。

    Raises `UserError` for a size that the constructor refuses.
    """
    with seeded(settings.seed):
        try:
            made = catalog.MODELS[model].load()(**arguments)
        except UserError:
            raise
        except Exception as error:
            given = ", ".join(f"model.{key}={value!r}" for key, value in settings.model.items())
            raise UserError(f"model {model} could not be made with {given}: {type(error).__name__}: {error}") from error
    _initial(made, settings)
    return made


def training_part(data: DataSet, settings: Settings) -> Split:
    """What is learned from: the training part, `labels` a class of it, or `overfit` batches. · 用于学习的部分。"""
    if settings.labels:
        data = replace(data, train=data.train.subset(labelled(data.train.targets, settings.labels, settings.seed)))
    if not settings.overfit:
        return data.train
    return data.train.subset(torch.arange(min(settings.overfit * settings.batch_size, len(data.train))))


def fits(made: torch.nn.Module, model: str, task: Supervised, data: DataSet, settings: Settings) -> None:
    """Refuse a network that cannot take the data or whose answers do not fit it, before a long run begins. · 预检。"""
    part = training_part(data, settings)
    x, y = part.batch(torch.arange(min(2, len(part))))
    out = answer(made, model, x)
    task.check(out, model)
    task.loss(out[:, : len(data.classes)] if data.classes else out, y)
    if len(part) % settings.batch_size == 1 or settings.batch_size == 1:
        _alone(made, model, x[:1], settings.batch_size, len(part))


@contextmanager
def looking(made: torch.nn.Module) -> Iterator[None]:
    """Without gradients, and with the buffers of a network in training as they were before. · 试看而不改变。"""
    before = [(b, b.clone()) for b in made.buffers() if not is_lazy(b)]
    try:
        with torch.no_grad():
            yield
    finally:
        to_training(made)
        for now, then in before:
            now.data.copy_(then)


def answer(made: torch.nn.Module, model: str, x: torch.Tensor) -> torch.Tensor:
    """What a network says to x in evaluation mode, or one line why it cannot; it is afterwards as before. · 试算。"""
    try:
        with looking(made):
            return made.eval()(x)
    except Exception as error:
        raise UserError(
            f"model {model} does not take inputs of shape {list(x.shape[1:])}: {type(error).__name__}: {error}"
        ) from error


def _alone(made: torch.nn.Module, model: str, x: torch.Tensor, batch_size: int, samples: int) -> None:
    """Of one sample, the last of an epoch, a batch norm may have no variance."""
    try:
        with looking(made):
            to_training(made)(x)
    except ValueError as error:
        larger = next((size for size in range(batch_size + 1, samples) if samples % size != 1), samples)
        raise UserError(
            f"batch_size={batch_size}: leaves one of {samples} samples alone in a batch, and model {model} cannot "
            f"learn from one ({error}); expected a size that leaves more, such as {larger}"
        ) from error


def count(made: torch.nn.Module) -> int:
    """How many numbers are learned. · 可学习参数个数。

    >>> count(torch.nn.Linear(3, 2))
    8
    """
    return sum(p.numel() for p in made.parameters() if p.requires_grad)


def task(settings: Settings, data: DataSet | Facts) -> Supervised:
    """What is learned from the data. · 学习任务。"""
    weights = class_weights(data, data.task) if settings.balance == "loss" and isinstance(data, DataSet) else ()
    given = data.task, data.classes, settings.loss, settings.label_smoothing, settings.topk, weights
    if settings.unlabelled == "none":
        return Supervised(*given)
    fixmatch = settings.unlabelled == "fixmatch"
    return SemiSupervised(*given, views=1 + fixmatch, confidence=settings.confidence)


def optimizer(model: torch.nn.Module, settings: Settings) -> Any:
    """The optimizer with its parameter groups, and what is to be around it. · 优化器、参数组与包裹。"""
    given = _given(settings)
    try:
        made = by_name(settings.optimizer)(_groups(model, settings, given), **given)
    except ValueError as error:
        raise UserError(f"optimizer={settings.optimizer}: {error}") from error
    made = SAM(made, settings.sam, settings.sam_adaptive) if settings.sam else made
    return Lookahead(made, settings.lookahead, settings.lookahead_alpha) if settings.lookahead else made


def _given(settings: Settings) -> dict[str, Any]:
    return {**catalog.OPTIMIZERS[settings.optimizer].options, **settings.options()}


def rate(settings: Settings) -> float:
    """The learning rate of the head, before any schedule. · 头部的基础学习率。

    >>> rate(Settings())
    0.001
    """
    return float(_given(settings)["lr"])


def _groups(model: torch.nn.Module, settings: Settings, given: dict[str, Any]) -> list[dict[str, Any]]:
    decay = given.get("weight_decay", 0.0), settings.decay
    factors = {"head_lr": settings.head_lr, "bias_lr": settings.bias_lr, "shares": shares(model, settings)}
    groups = param_groups(model, *decay, **factors)
    for group in groups:
        if "factor" in group:
            group["lr"] = given["lr"] * group.pop("factor")
    return groups


def shares(model: torch.nn.Module, settings: Settings) -> dict[torch.nn.Parameter, float]:
    """Parameter → its part of the learning rate; empty where all have the whole. · 各参数的学习率比例。

    >>> from chainrule.settings import parse
    >>> model = catalog.build_model("mlp", {"hidden": (4, 4)})
    >>> sorted(set(shares(model, parse(["layer_decay=0.5", "backbone_lr=0.1"])).values()))
    [0.025, 0.05, 1.0]
    """
    below, decay = settings.backbone_lr, settings.layer_decay
    if below == decay == 1:
        return {}
    return {θ: below * decay**depth if depth else 1.0 for θ, depth in depths(model).items()}


def widen(made: Any, model: torch.nn.Module, settings: Settings) -> None:
    """Take in what learns since the optimizer was made; what it remembers of the others stays. · 纳入新解冻的参数。"""
    known = {θ for group in made.param_groups for θ in group["params"]}
    for group in _groups(model, settings, _given(settings)):
        fresh = [θ for θ in group["params"] if θ not in known]
        if fresh:
            made.add_param_group({**group, "params": fresh})


def schedule(made: Any, settings: Settings, updates: int) -> Schedule:
    """The learning rate over the run; `updates` is the number of updates an epoch makes. · 学习率调度。"""
    curve = of_run(settings, updates)
    rise = {"warmup": curve.warmup, "warmup_start": curve.warmup_start, "warmup_shape": curve.warmup_shape}
    return Schedule(made, curve.name, curve.total, **rise, **curve.options)
