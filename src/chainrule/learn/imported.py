"""A run made of weights alone, so that all that works on runs works on them. · 由权重直接构成的运行。"""

from dataclasses import asdict, replace
from os import PathLike
from pathlib import Path
from typing import Any

import torch

from .. import catalog
from ..errors import UserError, unknown
from ..runfile import to_toml
from ..runs import checkpoint
from ..runs.folder import RunFolder
from ..runs.log import RunLog
from ..settings import Settings, make
from ..zoo.foreign import Foreign
from ..zoo.matching import Ends, match
from ..zoo.weights import load_weights
from . import build, start
from .facts import Facts
from .images.run import ImageRun
from .state import Position

# Mean and deviation of the images that weights were trained on, a channel each, in units of 255.
NORMALISATIONS = {
    "imagenet": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),  # torchvision's and timm's presets
    "half": ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
}
NO_DATA = "none"  # what run.toml names where weights came without data


def import_weights(
    file: str | PathLike[str],
    model: str,
    data: str | PathLike[str] | None = None,
    classes: list[str] | None = None,
    normalise: str = "auto",
    settings: Settings | None = None,
    **values: Any,
) -> ImageRun:
    """A run folder from a file of weights: evaluate, predict and export then work on it. · 由权重文件建立运行。

    data gives classes and input size, or else classes by name (in the order of the file's answers) and size=H,W
    normalise "imagenet", "half", "data" (as the data is) or "auto": imagenet's for colour, else the data's
    values settings of the run by name, on top of `settings`: name, runs, size, model={…}
    Raises `UserError` where file, model, data, classes and channels do not fit each other, before anything is written.
    """
    settings = make(values, settings)
    foreign = start.source(str(file), settings.runs)
    if data is None:
        facts = _without_data(model, settings, foreign, classes)
    else:
        facts = Facts.of(build.dataset(model, str(data), replace(settings, val=0.0)))
    facts = _normalised(facts, normalise, data is not None)
    network = build.network(model, settings, facts)
    report = load_weights(network, foreign, model, adapt=False)
    _check(network, model, facts)
    source = NO_DATA if data is None else str(data)
    folder = RunFolder.create(Path(settings.runs), settings.name, to_toml(model, source, settings), model, source)
    tensors = {f"model/{key}": value for key, value in network.state_dict().items()}
    notes = {"facts": facts.to_json(), "position": asdict(Position()), "settings": settings.defining()}
    with folder.lock(), RunLog(folder.log) as log:
        start.keep(folder, report, imported=True)
        checkpoint.save(folder.checkpoints, 0, tensors, notes)
        log.write("start", step=0, model=model, data=source, parameters=build.count(network))
        for line in report.lines:
            log.write("note", step=0, text=line)
        log.write("finish", step=0, epoch=0, metrics={}, confusion=None, weights=f"of {report.file}")
    return ImageRun(folder)


def _without_data(model: str, settings: Settings, foreign: Foreign, classes: list[str] | None) -> Facts:
    """Shape from the model or the settings, as many classes as the file's last layer answers for."""
    answers = _answers(model, settings, foreign)
    names = tuple(classes or (str(number) for number in range(answers)))
    if not names or (answers and len(names) != answers):
        raise UserError(f"classes: {len(names)} names, and the file answers for {answers}; expected as many")
    entry = catalog.MODELS.get(model)
    size = settings.size or (entry.size[1:] if entry and entry.size else None)
    if size is None:
        raise UserError(f"model {model}: its input size is not known; expected size=H,W or data")
    channels = settings.model.get("in_channels", entry.size[0] if entry and entry.size else 3)
    shape = (int(channels), int(size[0]), int(size[1]))
    zero, one = (0.0,) * shape[0], (1.0,) * shape[0]
    return Facts(NO_DATA, "classification", names, shape, zero, one, "resize", foreign.sha256)


def _answers(model: str, settings: Settings, foreign: Foreign) -> int:
    """How many classes the last layer in the file answers for."""
    shapes = {k: tuple(v.shape) for k, v in catalog.build_model(model, settings.model).state_dict().items()}
    last = match(shapes, foreign.tensors).names.get(f"{Ends.of(shapes).head}.weight", "")
    answers = len(foreign.tensors[last]) if last in foreign.tensors else 0
    return 1000 if answers == 1001 else answers


def _normalised(facts: Facts, normalise: str, known: bool) -> Facts:
    colour = facts.shape[0] == 3
    if normalise == "auto":
        normalise = "imagenet" if colour else "data"
    if normalise == "data" and (known or not colour):
        return facts
    if normalise not in NORMALISATIONS:
        if normalise == "data":
            raise UserError("normalise=data: there is no data; expected imagenet or half, or name the data")
        raise unknown("normalisation", normalise, ["auto", "data", *NORMALISATIONS])
    if not colour:
        raise UserError(f"normalise={normalise}: is for three channels, and the input has {facts.shape[0]}; use data")
    mean, std = NORMALISATIONS[normalise]
    return replace(facts, mean=mean, std=std)


def _check(network: torch.nn.Module, model: str, facts: Facts) -> None:
    """The network answers, and with a number for each class."""
    out = build.answer(network, model, torch.zeros(1, *facts.shape))
    if out.shape != (1, len(facts.classes)):
        raise UserError(
            f"model {model} answers {list(out.shape[1:])}; expected {len(facts.classes)} numbers, one a class"
        )
