"""Learning to translate: from pairs of sentences, by any of the translators. · 学习翻译。"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from ... import catalog
from ...data.bitext import Bitext, read
from ...data.text.part import PairsFeed, Part, Sampling
from ...data.text.side import Side, learn
from ...data.text.vocabulary import SPECIALS, Vocabulary
from ...errors import UserError
from ...settings import Settings
from ..facts import Remembered
from ..looped import Looped
from ..parts import Parts
from ..session import seeded
from .bleu import Scale
from .run import TranslationRun
from .task import Translating
from .translator import fits

MARGIN = 10  # tokens that a translation may be longer than any it learned from


@dataclass(frozen=True)
class Reading:
    """How pairs are read, `data.KEY=` on the command line. · 句对的读取方式。

    source, target: language, column or file; test: which of several test parts. tokens: of both sides, or of each by
    its own key: words, spaces, chars, chinese, bpe (learned, `merges` of them; joint: on both sides together),
    bpe:FILE, hf:FILE, module:function. lower: small letters only. min_freq, source_size, target_size: of the
    vocabularies.
    max_length: longer training pairs are left out; max_pairs: learn from the first ones only. max_tokens: of a batch
    with its padding, on either side. sampling, sampling_epochs: scheduled sampling. bleu: sacrebleu's tokenisation.
    """

    source: Any = None
    target: Any = None
    test: str | None = None
    tokens: str = "words"
    source_tokens: str | None = None
    target_tokens: str | None = None
    merges: int = 8000
    joint: bool = False
    lower: bool = False
    min_freq: int = 1
    source_size: int = 0
    target_size: int = 0
    max_length: int = 100
    max_pairs: int = 0
    max_tokens: int = 4096
    sampling: float = 0.0
    sampling_epochs: float = 10.0
    bleu: str = "auto"

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> "Reading":
        """Checked, every mistake a line of one `UserError`. · 检查后的读取方式。

        >>> Reading.of({"lower": "true", "min_freq": 2}).lower
        True
        """
        given = {key: _truth(value) if key in ("lower", "joint") else value for key, value in given.items()}
        given |= {"bleu": "none"} if given.get("bleu", "") is None else {}  # that is how a literal is read
        lines = [line for key, value in given.items() if (line := _wrong(key, value))]
        if lines:
            raise UserError(*lines)
        return cls(**given)

    def scheme(self, side: int) -> str:
        """How a side is cut. · 该侧的切词方案。"""
        return (self.source_tokens, self.target_tokens)[side] or self.tokens


_LEAST = {
    "merges": 0,
    "min_freq": 1,
    "source_size": 0,
    "target_size": 0,
    "max_length": 1,
    "max_pairs": 0,
    "max_tokens": 1,
}
_PARTS = ("train", "val", "test")
_TEXTS = ("tokens", "bleu", "test", "source_tokens", "target_tokens")


def _truth(value: Any) -> Any:
    return {"true": True, "false": False, "yes": True, "no": False}.get(str(value).lower(), value)


def _wrong(key: str, value: Any) -> str | None:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if key in _LEAST and not (number and isinstance(value, int) and value >= _LEAST[key]):
        return f"data.{key}={value!r}: expected an integer of at least {_LEAST[key]}"
    if key in ("lower", "joint") and not isinstance(value, bool):
        return f"data.{key}={value!r}: expected true or false"
    if key == "sampling" and not (number and 0 <= value <= 1):
        return f"data.sampling={value!r}: expected a share from 0 to 1"
    if key == "sampling_epochs" and not (number and value > 0):
        return f"data.sampling_epochs={value!r}: expected a number above 0"
    if key in _TEXTS and value is not None and not isinstance(value, str):
        return f"data.{key}={value!r}: expected a word"
    if key in ("source", "target") and not isinstance(value, str | int | None):
        return f"data.{key}={value!r}: expected a language, a column or a file"
    return None


@dataclass(frozen=True)
class Bilingual(Remembered):
    """What a translator remembers: both vocabularies, and how text is cut. · 双语要点。

    sides, tokens, merges, words: a pair each, of source and target; longest: tokens of a target it learned from.
    """

    numbered = ("words",)

    name: str
    fingerprint: str
    sides: tuple[str, str]
    tokens: tuple[str, str]
    merges: tuple[tuple[tuple[str, str], ...], ...]
    words: tuple[tuple[str, ...], tuple[str, ...]]
    lower: bool
    longest: int

    def side(self, which: int) -> Side:
        """The source (0) or the target (1). · 某一侧。"""
        words = Vocabulary(self.words[which])
        return Side(self.sides[which], self.tokens[which], words, self.merges[which], self.lower)


@dataclass(frozen=True)
class Translations:
    """Pairs of sentences, numbered. · 编号后的句对数据。

    left_out: training pairs that were too long; held: parts that were held out of the training part.
    """

    name: str
    source: str
    fingerprint: str
    sides: tuple[Side, Side]
    train: Part
    val: Part | None
    test: Part | None
    left_out: int = 0
    held: tuple[str, ...] = ()

    @property
    def longest(self) -> int:
        return int(self.train.lengths[:, 1].max(initial=1)) + MARGIN


class Translation(Looped):
    """Translators: seq2seq, with attention, Transformer. · 翻译模型的学习。"""

    run = TranslationRun
    useless = (
        *("loss", "topk", "folds", "fold", "size", "augment", "balance", "cache", "workers", "channels_last"),
        *("freeze", "unfreeze", "backbone_lr", "layer_decay", "compile", "tune", "graph"),
    )

    def check(self, model: str, settings: Settings) -> None:
        super().check(model, settings)
        asked = Reading.of(settings.data)
        if asked.sampling and model == "transformer_seq2seq":
            raise UserError(
                f"data.sampling={asked.sampling:g}: transformer_seq2seq reads all words of the teacher at once; "
                "scheduled sampling is for seq2seq and seq2seq_attention"
            )

    def dataset(self, model: str, source: str, settings: Settings, known: Bilingual | None = None) -> Translations:
        """The pairs, numbered by the vocabularies that are known already or by new ones. · 读取句对。"""
        asked = Reading.of(settings.data)
        found = read(source, (asked.source, asked.target), asked.test, settings.val, settings.seed)
        train = found.parts["train"]
        train = train[: asked.max_pairs] if asked.max_pairs else train
        if settings.overfit:
            train = train[: settings.overfit * settings.batch_size]
        sides = (known.side(0), known.side(1)) if known else _sides(found, train, asked)
        whole = Part.of(train, *sides)
        part = whole.within(min(asked.max_length, asked.max_tokens - 1))
        if not len(part):
            raise UserError(
                f"data.max_length={asked.max_length}: all {len(whole):,} training pairs are longer: "
                "expected a larger one"
            )
        held = {name: Part.of(found.parts[name], *sides) for name in ("val", "test") if found.parts.get(name)}
        held = {} if settings.overfit else held
        return Translations(
            name=found.name,
            source=source,
            fingerprint=found.fingerprint,
            sides=sides,
            train=part,
            val=held.get("val"),
            test=held.get("test"),
            left_out=len(whole) - len(part),
            held=found.held,
        )

    def facts(self, data: Translations) -> Bilingual:
        """What a run remembers of its data. · 需要记住的要点。"""
        a, b = data.sides
        return Bilingual(
            name=data.name,
            fingerprint=data.fingerprint,
            sides=(a.name, b.name),
            tokens=(a.tokens, b.tokens),
            merges=(a.merges, b.merges),
            words=(a.words.tokens, b.words.tokens),
            lower=a.lower,
            longest=data.longest,
        )

    def remembered(self, kept: dict[str, Any]) -> Bilingual:
        return Bilingual.from_json(kept)

    def network(self, model: str, settings: Settings, data: Translations | Bilingual) -> torch.nn.Module:
        sizes = [len(side.words) for side in _both(data)]
        given = ", ".join(f"{key}={value!r}" for key, value in settings.model.items())
        try:
            with seeded(settings.seed):
                made = catalog.MODELS[model].load()(*sizes, **settings.model)
        except UserError:
            raise
        except Exception as error:  # of torch's constructors
            raise UserError(f"model {model}({given}) could not be made: {type(error).__name__}: {error}") from error
        if settings.init != "default":
            from ...nn.init import initialize

            initialize(made, settings.init, torch.Generator().manual_seed(settings.seed), **settings.initial())
        return made

    def task(self, settings: Settings, data: Translations | Bilingual) -> Translating:
        a, b = _both(data)
        scale = Scale.of(b, Reading.of(settings.data).bleu)
        return Translating(a, b, scale, data.longest, settings.label_smoothing)

    def feed(self, data: Translations, settings: Settings, place: str = "cpu") -> PairsFeed:
        asked = Reading.of(settings.data)
        sampling = Sampling(asked.sampling, asked.sampling_epochs)
        return PairsFeed(
            data.train, settings.seed, asked.max_tokens, settings.batch_size, settings.accumulate, sampling
        )

    def fits(self, network: torch.nn.Module, parts: Parts) -> None:
        """Sentences within the positions, and sides whose words are known. · 预检。"""
        data: Translations = parts.data
        for name in _PARTS:
            part = getattr(data, name)
            for side, sentences in (("source", part.sources), ("target", part.targets)) if part else ():
                try:
                    fits(network, sentences)
                except UserError as error:
                    raise UserError(*[f"{name}, {side}: {line}" for line in error.lines]) from None

    def notes(self, parts: Parts) -> list[str]:
        """What became of the pairs. · 句对的去向。"""
        data: Translations = parts.data
        sizes = ", ".join(f"{name} {len(part):,}" for name in _PARTS if (part := getattr(data, name)) is not None)
        left = f", {data.left_out:,} longer ones left out" if data.left_out else ""
        held = f"; {' and '.join(data.held)} held out by seed={parts.settings.seed}" if data.held else ""
        words = " and ".join(f"{len(side.words):,} {side.tokens} of {side.name}" for side in data.sides)
        return [f"pairs: {sizes}{left}{held}; vocabularies: {words}"]

    def judged(self, parts: Parts) -> dict[str, Any]:
        """Both held-out parts, with BLEU. · 末尾评估的部分。"""
        data: Translations = parts.data
        if parts.settings.overfit:
            return {"train": data.train}
        return {name: part and replace(part, scored=True) for name, part in (("val", data.val), ("test", data.test))}

    def baselines(self, parts: Parts) -> dict[str, dict[str, float]]:
        """Saying the source again, the most frequent target sentence, and words by their frequency. · 基线。"""
        data: Translations = parts.data
        if data.test is None:
            return {}
        scale, (sources, references) = parts.task.scale, zip(*data.test.texts, strict=True)
        common = Counter(target for _, target in data.train.texts).most_common(1)[0][0]
        told = {"copied source": scale.figures(sources, references)[0]}
        told["one sentence"] = scale.figures([common] * len(references), references)[0]
        told["frequencies"] = by_frequency(data.train.targets, data.test.targets, len(data.sides[1].words))
        return {name: {f"test_{k}": v for k, v in figures.items()} for name, figures in told.items() if figures}


def by_frequency(train: Sequence[Sequence[int]], test: Sequence[Sequence[int]], size: int) -> dict[str, float]:
    """Loss of a model that knows how often words occur and nothing else. · 仅按词频的损失。

    >>> by_frequency([[4, 4]], [[4]], 5)["accuracy"]
    0.5
    """
    counts = torch.ones(size, dtype=torch.float64)  # one more of each, so that none is impossible
    counts += torch.bincount(torch.tensor([2] * len(train) + [w for s in train for w in s]), minlength=size)
    said = torch.tensor([2] * len(test) + [w for s in test for w in s])
    loss = -float((counts / counts.sum()).log()[said].mean())
    right = float((said == counts.argmax()).double().mean())
    return {"loss": loss, "perplexity": float(torch.tensor(loss).exp()), "accuracy": right}


def _both(data: Translations | Bilingual) -> tuple[Side, Side]:
    return data.sides if isinstance(data, Translations) else (data.side(0), data.side(1))


def _sides(found: Bitext, train: list[tuple[str, str]], asked: Reading) -> tuple[Side, Side]:
    """Vocabularies and sub-words of the training part. · 由训练部分建立两侧。"""
    texts = [[pair[i] for pair in train] for i in (0, 1)]
    if not train:
        raise UserError(f"data {found.source}: no training pair: expected some")
    merges: list[Any] = [(), ()]
    for i in (0, 1):
        if asked.scheme(i) == "bpe":
            both = asked.joint and asked.scheme(1 - i) == "bpe"
            merges[i] = (
                merges[0]
                if both and i
                else learn([*texts[0], *texts[1]] if both else texts[i], asked.merges, asked.lower)
            )
    made = [
        Side.of(name, asked.scheme(i), texts[i], asked.lower, asked.min_freq, size, merges[i])
        for i, (name, size) in enumerate(zip(found.sides, (asked.source_size, asked.target_size), strict=True))
    ]
    for i, side in enumerate(made):
        if len(side.words) <= len(SPECIALS):
            raise UserError(f"data {found.source}: the {('source', 'target')[i]} has no words: expected some")
    return made[0], made[1]
