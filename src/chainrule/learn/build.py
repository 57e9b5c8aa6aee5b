"""From names and settings to data, network, task and optimizer. · 由名称与设置构造数据、网络、任务与优化器。"""

import inspect
from typing import Any

import torch

from .. import catalog
from ..data.dataset import DataSet, Split
from ..data.reading import load
from ..errors import UserError
from ..optim import by_name
from ..optim.groups import param_groups
from ..optim.schedule import Schedule
from ..settings import Settings
from .facts import Facts
from .supervised import Supervised


def dataset(model: str, source: str, settings: Settings) -> DataSet:
    """The data, brought to the size the network is made for; its own size for an own network. · 读取数据。

    With `overfit=k` the training part is k batches and nothing is held out.
    """
    entry = catalog.MODELS.get(model)
    wanted = entry.size if entry else None
    channels = settings.model.get("in_channels", wanted[0] if wanted else None)
    val = 0.0 if settings.overfit else settings.val
    return load(source, size=settings.size or (wanted and wanted[1:]), channels=channels, val=val, seed=settings.seed)


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
    """The network with its first weights, from the seed. · 由种子初始化的网络。"""
    torch.manual_seed(settings.seed)
    made = catalog.build_model(model, options(model, settings, data))
    if settings.init != "default":
        from ..nn.init import initialize

        initialize(made, settings.init, torch.Generator().manual_seed(settings.seed))
    if not any(p.requires_grad for p in made.parameters()):
        raise UserError(f"model {model} has no parameter to learn: expected at least one with requires_grad")
    return made


def training_part(data: DataSet, settings: Settings) -> Split:
    """What is learned from: the training part, or `overfit` batches of it. · 用于学习的部分。"""
    if not settings.overfit:
        return data.train
    return data.train.subset(torch.arange(min(settings.overfit * settings.batch_size, len(data.train))))


@torch.no_grad()
def fits(made: torch.nn.Module, model: str, task: Supervised, data: DataSet) -> None:
    """Refuse a network that cannot take the data or whose answers do not fit it, before a long run begins. · 预检。"""
    x, y = data.train.batch(torch.arange(min(2, len(data.train))))
    before = [b.clone() for b in made.buffers()]
    try:
        out = made.eval()(x)
    except Exception as error:
        shape = list(data.shape)
        raise UserError(
            f"model {model} does not take inputs of shape {shape}: {type(error).__name__}: {error}"
        ) from error
    finally:
        made.train()
        for now, then in zip(made.buffers(), before, strict=True):
            now.copy_(then)
    task.check(out, model)
    task.loss(out[:, : len(data.classes)] if data.classes else out, y)


def count(made: torch.nn.Module) -> int:
    """How many numbers are learned. · 可学习参数个数。

    >>> count(torch.nn.Linear(3, 2))
    8
    """
    return sum(p.numel() for p in made.parameters() if p.requires_grad)


def task(settings: Settings, data: DataSet | Facts) -> Supervised:
    """What is learned from the data. · 学习任务。"""
    return Supervised(data.task, data.classes, settings.loss, settings.label_smoothing, settings.topk)


def optimizer(model: torch.nn.Module, settings: Settings) -> Any:
    """The optimizer with its parameter groups. · 优化器及其参数组。"""
    given = settings.options()
    weight_decay = given.get("weight_decay", catalog.OPTIMIZERS[settings.optimizer].options.get("weight_decay", 0.0))
    groups = param_groups(model, weight_decay, settings.decay)
    return by_name(settings.optimizer)(groups, **given)


def schedule(made: Any, settings: Settings, updates: int) -> Schedule:
    """The learning rate over the run; `updates` is the number of updates an epoch makes. · 学习率调度。"""
    own = {"every": settings.step_epochs * updates, "gamma": settings.gamma} if settings.schedule == "step" else {}
    warmup = round(settings.warmup * updates)
    return Schedule(made, settings.schedule, settings.epochs * updates, warmup=warmup, **own)
