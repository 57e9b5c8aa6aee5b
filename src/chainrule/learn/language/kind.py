"""Learning to continue a text: characters, words or sub-words. · 学习续写文本：字符、词或子词。"""

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from ... import catalog
from ...data.language import Language, Part, Reader, Ways, load
from ...data.ngrams import NGrams
from ...data.text.batches import Stream, Windows
from ...data.text.vocabulary import Vocabulary
from ...settings import Settings
from ...zoo.language_model import RecurrentLanguageModel
from .. import build
from ..batch import answer
from ..facts import Remembered
from ..looped import Looped
from ..parts import Parts
from ..session import seeded
from .carrying import Carrying
from .run import LanguageRun
from .task import NextToken, told

ORDERS = {"characters": (1, 6)}  # of the counted models beside the network; 1 and 3 for words and sub-words


@dataclass(frozen=True)
class TextFacts(Remembered):
    """What a run continues a text with. · 续写所需的信息。

    tokens, merges, vocabulary: how a text becomes ids; steps, normalise: as it was read.
    """

    numbered = ("vocabulary",)

    name: str
    fingerprint: str
    tokens: str
    vocabulary: tuple[str, ...]
    merges: tuple[tuple[str, str], ...]
    steps: int
    normalise: str

    @property
    def reader(self) -> Reader:
        return Reader(self.tokens, Vocabulary(self.vocabulary), self.merges)


class TextFeed:
    """The training part, update by update. · 训练部分的批次。

    A recurrent model reads its rows on and on and is told where an epoch begins; a Transformer gets windows.
    """

    def __init__(self, text: Stream | Windows, accumulate: int) -> None:
        self.text, self.accumulate = text, accumulate
        self.updates = -(-text.count() // accumulate)

    def at(self, step: int) -> list[tuple[Any, Any]]:
        epoch, update = divmod(step, self.updates)
        numbers = range(update * self.accumulate, min((update + 1) * self.accumulate, self.text.count()))
        return [self._batch(epoch, number) for number in numbers]

    def _batch(self, epoch: int, number: int) -> tuple[Any, Tensor]:
        x, y = self.text.batch(epoch, number)
        return (x, torch.tensor(number == 0)) if isinstance(self.text, Stream) else x, y

    def close(self) -> None:
        pass


class LanguageModels(Looped):
    """Networks that continue a text. · 语言模型。"""

    run = LanguageRun
    useless = (
        *("augment", "size", "balance", "cache", "workers", "channels_last", "topk", "overfit", "folds", "fold"),
        *("loss", "init", "init_gain", "init_mode", "init_std", "freeze", "unfreeze", "backbone_lr", "layer_decay"),
    )

    def dataset(self, model: str, source: str, settings: Settings) -> Language:
        text = load(source, Ways.of(settings.data), settings.val)
        return replace(text, shuffled=catalog.MODELS[model].load() is not RecurrentLanguageModel)

    def facts(self, data: Language) -> TextFacts:
        ways = data.ways
        return TextFacts(
            data.name, data.fingerprint, ways.tokens, data.vocabulary.tokens, data.merges, ways.steps, ways.normalise
        )

    def remembered(self, kept: dict[str, Any]) -> TextFacts:
        return TextFacts.from_json(kept)

    def network(self, model: str, settings: Settings, data: Language | TextFacts) -> torch.nn.Module:
        make = catalog.MODELS[model].load()
        known: dict[str, Any] = {"vocabulary": len(data.vocabulary)}
        if make is not RecurrentLanguageModel:
            known["max_length"] = _steps(data)  # it knows how to see as far as it was trained to, and no further
        elif isinstance(data, Language):
            make, known["rows"] = Carrying, settings.batch_size
        with seeded(settings.seed):
            return catalog.construct(model, make, {**settings.model, **known})

    def task(self, settings: Settings, data: Language | TextFacts) -> NextToken:
        return NextToken(_steps(data), settings.label_smoothing)

    def feed(self, data: Language, settings: Settings, place: str = "cpu") -> TextFeed:
        cut = Windows if data.shuffled else Stream
        text = cut(torch.from_numpy(data.train.ids), settings.batch_size, data.ways.steps, settings.seed)
        return TextFeed(text, settings.accumulate)

    def fits(self, network: torch.nn.Module, parts: Parts) -> None:
        """A text too short for its batches is refused, and positions grow to what is read."""
        x, y = self.feed(parts.data, parts.settings).at(0)[0]
        with build.looking(network):
            parts.task.loss(answer(network, x), y)

    def baselines(self, parts: Parts) -> dict[str, dict[str, float]]:
        """Models that only count, judged on the same parts. · 计数模型。"""
        data: Language = parts.data
        found = {}
        for order in ORDERS.get(data.ways.tokens, (1, 3)):
            counted = NGrams(data.train.ids, len(data.vocabulary), order)
            judged = {name: part for name, part in self.judged(parts).items() if part is not None}
            figures = {f"{name}_{k}": v for name, part in judged.items() for k, v in _counted(counted, part).items()}
            found["unigram" if counted.order == 1 else f"{counted.order}-gram"] = figures
        return found


def _steps(data: Language | TextFacts) -> int:
    return data.ways.steps if isinstance(data, Language) else data.steps


def _counted(model: NGrams, part: Part) -> dict[str, float]:
    """The figures of a counted model: of every token but the first, as the network's are."""
    log_p = model.log_p(part.ids)[1:]
    return told(-float(log_p.sum()), len(log_p), part.characters)
