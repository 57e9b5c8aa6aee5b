"""Learning from labelled texts: classes, numbers, or a tag for each token. · 由带标签的文本学习。"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ... import catalog
from ...data.vector_files import read as read_vectors
from ...errors import UserError
from ...runfile import from_file
from ...runs.folder import RunFolder
from ...settings import Settings
from ...zoo.text import Asked, TextNetwork
from ..build import begun
from ..looped import Looped
from ..parts import Parts
from .data import Part, Reading, TextData, TextFacts, read
from .feed import TextFeed, first, tried
from .rivals import rivals
from .run import TextRun
from .task import TextTask

VECTORS = ("vectors", "tune")  # options of the table of words, not of what reads it


class Texts(Looped):
    """Networks that take tokens [N, T] and their mask. · 以文本为输入的网络。"""

    run = TextRun
    useless = ("size", "augment", "cache", "workers", "channels_last", "folds", "fold")

    def check(self, model: str, settings: Settings) -> None:
        super().check(model, settings)
        if settings.balance == "sampler":
            raise UserError("balance=sampler: batches of texts go by length; expected balance=loss or none")

    def dataset(self, model: str, source: str, settings: Settings) -> TextData:
        reading = Reading(**settings.data)
        data = read(source, reading, 0.0 if settings.overfit else settings.val, settings.seed)
        if settings.overfit:
            data = replace(data, val=None, test=None)
        named = settings.model.get("vectors")
        return data if named is None else with_vectors(data, str(named), settings.runs)

    def facts(self, data: TextData) -> TextFacts:
        return data.facts

    def remembered(self, kept: dict[str, Any]) -> TextFacts:
        return TextFacts.from_json(kept)

    def network(self, model: str, settings: Settings, data: TextData | TextFacts) -> TextNetwork:
        facts = data.facts if isinstance(data, TextData) else data
        options = {k: v for k, v in settings.model.items() if k not in VECTORS}
        if facts.width:
            if options.get("width", facts.width) != facts.width:
                raise UserError(
                    f"model.width={options['width']}: the word vectors have {facts.width} numbers each; leave it out"
                )
            options["width"] = facts.width
        asked = Asked(len(facts.vocabulary), max(1, len(facts.classes)), facts.task == "tags")
        made = begun(model, settings, {"asked": asked, **options})
        if isinstance(data, TextData) and data.vectors is not None:
            made.begin_with(*data.vectors)
        made.embedding.weight.requires_grad_(settings.model.get("tune", True) is not False)
        return made

    def task(self, settings: Settings, data: TextData | TextFacts) -> TextTask:
        facts = data.facts if isinstance(data, TextData) else data
        tags, kind = facts.task == "tags", "classification" if facts.task == "tags" else facts.task
        weights = ()
        if settings.balance == "loss" and isinstance(data, TextData):
            weights = class_weights(data)
        given = (settings.loss, settings.label_smoothing, settings.topk, weights)
        return TextTask(kind, facts.classes, *given, tags=tags, mean=facts.mean, std=facts.std)

    def feed(self, data: TextData, settings: Settings, place: str = "cpu") -> TextFeed:
        return TextFeed(first(data.train, settings), settings)

    def fits(self, network: torch.nn.Module, parts: Parts) -> None:
        (tokens, mask), y = tried(parts.data.train)
        with torch.no_grad():
            parts.task.loss(network.eval()(tokens, mask), y)

    def judged(self, parts: Parts) -> dict[str, Part | None]:
        if parts.settings.overfit:
            return {"train": first(parts.data.train, parts.settings)}
        return super().judged(parts)

    def baselines(self, parts: Parts) -> dict[str, dict[str, float]]:
        return rivals(parts.data) if parts.data.test is not None or parts.data.val is not None else {}


def class_weights(data: TextData) -> tuple[float, ...]:
    """N / (C · n_c) of texts or tokens. Raises `UserError` for numbers. · 类别权重。"""
    if data.facts.task == "regression":
        raise UserError(f"balance=loss: expected classes, and {data.facts.name} has numbers; leave balance=none")
    targets = data.train.targets
    flat = targets if isinstance(targets, Tensor) else torch.tensor([tag for tags in targets for tag in tags])
    n = flat.bincount(minlength=len(data.facts.classes)).double().clamp(min=1)
    return tuple((len(flat) / (len(n) * n)).tolist())


def with_vectors(data: TextData, named: str, runs: str) -> TextData:
    """The data with the vectors of its words from a file, or from a run of word2vec. · 附上词向量。

    A word is looked up as it stands, else in small letters. Raises `UserError` where there is no such file or run, and
    where it knows none of the words.
    """
    words, matrix = _vectors(named, runs)
    place = {word: i for i, word in enumerate(words)}
    rows = [place.get(token, place.get(token.lower(), -1)) for token in data.facts.vocabulary]
    rows[:4] = [-1] * 4  # the marks are no words
    found = np.array(rows)
    known = torch.from_numpy(found >= 0)
    if int(known.sum()) < 2:
        raise UserError(
            f"model.vectors={named}: knows none of the {len(rows):,} tokens of {data.facts.name}: expected vectors of "
            "its language, and data.tokens=words"
        )
    vectors = torch.from_numpy(np.asarray(matrix, np.float32)[np.maximum(found, 0)])
    facts = replace(data.facts, width=matrix.shape[1])
    return replace(data, facts=facts, vectors=(vectors, known))


def _vectors(named: str, runs: str) -> tuple[tuple[str, ...], np.ndarray]:
    path = Path(named).expanduser()
    if path.is_file() and path.name != "run.toml":
        return read_vectors(path)
    for place in (path, Path(runs) / named):
        if (place / "run.toml").is_file():
            folder = RunFolder.open(place)
            model = from_file(folder.run_toml)[0]
            if catalog.kind(model) != "vectors":
                raise UserError(f"model.vectors={named}: a run of {model}: expected a run of word2vec, or a file")
            from ..words.kind import VectorRun

            found = VectorRun(folder).vectors
            return found.words, found.matrix
    raise UserError(f"model.vectors={named}: no such file or run: expected word vectors, or a run of word2vec")
