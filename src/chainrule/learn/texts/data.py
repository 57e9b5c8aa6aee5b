"""Labelled texts as numbers: parts, vocabulary, targets. · 带标签文本的数值化：各部分、词表与目标。

symbols  tokens [N, T] ids, mask [N, T]   y [N] classes or numbers, or [N, T] tags with `IGNORED` behind a text's end
"""

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...data.names import show
from ...data.split import stratified
from ...data.text.bpe import BPE
from ...data.text.labelled import How, Labelled, Sample, labelled
from ...data.text.normal import Normal
from ...data.text.padded import pad
from ...data.text.tokens import Spaces, Tokenizer, tokenizer
from ...data.text.vocabulary import NUL, Vocabulary
from ...errors import UserError, unknown
from ..facts import Remembered

IGNORED = -100  # as cross-entropy takes it
TASKS = ("auto", "classes", "numbers", "tags")
USUAL = {"classes": "classification", "numbers": "regression", "tags": "tags"}
_SHORT = {"chars": "characters"}
_NUMBERS = {
    "min_count": (1, math.inf),
    "max_words": (0, math.inf),
    "max_length": (1, math.inf),
    "merges": (0, math.inf),
}


@dataclass(frozen=True)
class Reading:
    """How texts are read, as `data.KEY=` says. · 文本的读取方式。

    text, label: columns; task one of `TASKS`; tokens as `tokenizer` takes it, or "bpe" learned from the training part
    with so many merges; min_count, max_words of the vocabulary; max_length: later tokens are not read; test: share kept
    for testing where the source has no such part.
    """

    text: str | int = "text"
    label: str | int = "label"
    task: str = "auto"
    tokens: str = "words"
    normalise: str = "none"
    min_count: int = 1
    max_words: int = 0
    max_length: int = 512
    merges: int = 4000
    test: float = 0.1
    encoding: str = ""
    delimiter: str = ""

    def __post_init__(self) -> None:
        """Raises `UserError` with a line for each value that is none. · 检查取值。"""
        lines = []
        for key, (least, most) in _NUMBERS.items():
            value = getattr(self, key)
            if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
                lines.append(f"data.{key}={value!r}: expected an integer of at least {least}")
        if isinstance(self.test, bool) or not isinstance(self.test, int | float) or not 0 <= self.test < 1:
            lines.append(f"data.test={self.test!r}: expected a share in [0, 1)")
        for key in ("text", "label"):
            value = getattr(self, key)
            if isinstance(value, bool) or not isinstance(value, str | int):
                lines.append(f"data.{key}={value!r}: expected the name of a column, or its number from 0")
        if self.task not in TASKS:
            lines += unknown("data.task", str(self.task), TASKS).lines
        if lines:
            raise UserError(*lines)

    @property
    def how(self) -> How:
        return How(self.text, self.label, self.encoding or None, self.delimiter or None)


@dataclass(frozen=True)
class TextFacts(Remembered):
    """What a network that reads texts must remember. · 读文本的网络需要记住的信息。

    task "classification", "regression" or "tags"; tokens, normalise as they were asked for; vocabulary all tokens in
    order; merges of sub-words; mean, std of numbers; width of the word vectors it began with, 0 for none.
    """

    numbered = ("vocabulary",)

    name: str
    fingerprint: str
    task: str
    classes: tuple[str, ...]
    tokens: str
    normalise: str
    max_length: int
    vocabulary: tuple[str, ...]
    merges: tuple[tuple[str, str], ...] = ()
    mean: float = 0.0
    std: float = 1.0
    width: int = 0

    def reader(self) -> "Reader":
        """How this network reads a text. · 阅读方式。"""
        return Reader(_cut(self), Normal.parse(self.normalise), Vocabulary(self.vocabulary), self.max_length)


def _cut(facts: TextFacts) -> Tokenizer:
    if facts.merges or facts.tokens.partition(":")[0] == "bpe":
        return BPE([(a, b) for a, b in facts.merges])
    return tokenizer(facts.tokens)


@dataclass(frozen=True)
class Reader:
    """A text to ids. · 文本转编号。"""

    cut: Tokenizer
    normal: Normal
    vocabulary: Vocabulary
    max_length: int

    def tokens(self, text: str | Sequence[str]) -> list[str]:
        """The tokens that are read; those of a text that is cut already are its own. · 读到的词。"""
        found = self.cut.tokenize(self.normal(text)) if isinstance(text, str) else [self.normal(word) for word in text]
        return found[: self.max_length]

    def ids(self, text: str | Sequence[str]) -> list[int]:
        """At least one, the unknown where nothing stands. · 至少一个编号。"""
        return self.vocabulary.encode(self.tokens(text)) or [NUL]


@dataclass(frozen=True)
class Part:
    """The texts of one part. · 一个部分。

    texts as they were read; ids of each; targets: int64 [N] classes, float [N] numbers, or a list of tags a text
    """

    texts: list[Any]
    ids: list[list[int]]
    targets: Any

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def lengths(self) -> np.ndarray:
        return np.array([len(one) for one in self.ids])

    def batch(self, indices: Tensor) -> tuple[tuple[Tensor, Tensor], Tensor]:
        """((tokens, mask), y). · 一个批次。"""
        chosen = indices.tolist()
        made = pad([self.ids[i] for i in chosen], chosen)
        if isinstance(self.targets, Tensor):
            return (made.tokens, made.mask), self.targets[indices]
        y = torch.full(made.tokens.shape, IGNORED)
        for row, i in zip(y, chosen, strict=True):
            row[: len(self.targets[i])] = torch.tensor(self.targets[i])
        return (made.tokens, made.mask), y

    def subset(self, count: int) -> "Part":
        return Part(self.texts[:count], self.ids[:count], self.targets[:count])


@dataclass(frozen=True)
class TextData:
    """Texts in parts, with all that a network remembers of them. · 分好部分的文本。"""

    source: str
    facts: TextFacts
    train: Part
    val: Part | None = None
    test: Part | None = None
    vectors: tuple[Tensor, Tensor] | None = None  # [V, D] of the words, and bool [V]: which of them are known

    @property
    def fingerprint(self) -> str:
        return self.facts.fingerprint


def read(source: str, reading: Reading, val: float, seed: int) -> TextData:
    """The data as a run sees it: parts, a vocabulary of the training part alone. · 读取并划分。

    val share of the training part for validation and seed that draws it, where the source has no such part; what is
    kept for testing is the same for every seed. Raises `UserError` for whatever is wrong with the texts.
    """
    found = labelled(source, reading.how)
    task = _task(found, reading)
    sets = split(found, task, reading.test, val, seed)
    classes = _classes(found, sets, task, source)
    normal = Normal.parse(reading.normalise)
    cut, merges = _tokenizer(reading, sets["train"], normal)
    spaced = Spaces() if found.tagged else cut
    blank = Reader(spaced, normal, Vocabulary(["<PAD>", "<BOS>", "<EOS>", "<NUL>"]), reading.max_length)
    counted = (blank.tokens(text) for text, _ in sets["train"])
    most = reading.max_words + 4 if reading.max_words else None
    vocabulary = Vocabulary.build(counted, reading.min_count, most)
    name = "spaces" if found.tagged else _SHORT.get(reading.tokens, reading.tokens)
    facts = TextFacts(
        found.name,
        _fingerprint(sets),
        USUAL[task],
        classes,
        name,
        reading.normalise,
        reading.max_length,
        vocabulary.tokens,
        merges,
    )
    if task == "numbers":
        mean, std = _spread(sets["train"], source)
        facts = replace(facts, mean=mean, std=std)
    parts = {part: _numbered(samples, facts, source) for part, samples in sets.items()}
    called = found.classes if len(found.classes) == len(classes) else classes
    return TextData(source, replace(facts, classes=called), parts["train"], parts.get("val"), parts.get("test"))


def _task(found: Labelled, reading: Reading) -> str:
    task = ("tags" if found.tagged else "classes") if reading.task == "auto" else reading.task
    if (task == "tags") != found.tagged:
        has, wants = (
            ("a tag for each token", "tags") if found.tagged else ("a label for each text", "classes or numbers")
        )
        raise UserError(f"data.task={task}: {found.name} has {has}: expected {wants}")
    return task


def split(found: Labelled, task: str, test: float, val: float, seed: int) -> dict[str, list[Sample]]:
    """The parts that the source has, and those that are kept of its training part. · 划分各部分。"""
    sets = {part: list(samples) for part, samples in found.parts.items()}
    for part, share, drawn in (("test", test, 0), ("val", val, seed)):
        if part in sets or not share:
            continue
        train = sets["train"]
        labels = [label if task == "classes" else "" for _, label in train]
        _, codes = np.unique(np.array(labels, dtype=object).astype(str), return_inverse=True)
        kept, held = stratified(codes, share, drawn)
        sets["train"], sets[part] = [train[i] for i in kept], [train[i] for i in held]
    return {part: sets[part] for part in ("train", "val", "test") if sets.get(part)}


def _classes(found: Labelled, sets: dict[str, list[Sample]], task: str, source: str) -> tuple[str, ...]:
    if task == "numbers":
        return ()

    def labels(samples: list[Sample]) -> set[str]:
        return {str(tag) for _, told in samples for tag in (told if task == "tags" else (told,))}

    known = labels(sets["train"])
    for part, samples in sets.items():
        if strange := sorted(labels(samples) - known):
            raise UserError(
                f"{source}: label {show(strange[0])!r} of the {part} part is in no text of the training part: expected "
                f"one of {', '.join(map(show, sorted(known)[:8]))}"
            )
    if len(known) < 2:
        raise UserError(f"{source}: every text has the label {show(min(known))!r}: expected at least two labels")
    if task == "classes" and len(known) > max(20, len(sets["train"]) // 2):
        raise UserError(
            f"{source}: {len(known):,} different labels in {len(sets['train']):,} texts: expected classes; numbers need"
            " data.task=numbers"
        )
    numbered = all(label.isdecimal() for label in known)
    return tuple(sorted(known, key=int) if numbered else sorted(known))


def _tokenizer(reading: Reading, train: list[Sample], normal: Normal) -> tuple[Tokenizer, tuple[tuple[str, str], ...]]:
    name = str(_SHORT.get(reading.tokens, reading.tokens))
    if name == "bpe":
        made = BPE.learn([normal(text) for text, _ in train if isinstance(text, str)], reading.merges)
        return made, tuple(made.merges)
    cut = tokenizer(name)
    return cut, tuple(cut.merges) if isinstance(cut, BPE) else ()


def _number(label: Any, source: str) -> float:
    try:
        value = float(label)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise UserError(f"{source}: label {show(str(label))[:40]!r}: expected a number for data.task=numbers")
    return value


def _spread(train: list[Sample], source: str) -> tuple[float, float]:
    values = np.array([_number(label, source) for _, label in train])
    if not values.std() > 0:
        raise UserError(f"{source}: every text has the number {values[0]:g}: expected numbers that differ")
    return float(values.mean()), float(values.std())


def _numbered(samples: list[Sample], facts: TextFacts, source: str) -> Part:
    reader, place = facts.reader(), {name: i for i, name in enumerate(facts.classes)}
    texts, labels = [text for text, _ in samples], [label for _, label in samples]
    ids = [reader.ids(text) for text in texts]
    if facts.task == "tags":
        long = next((i for i, text in enumerate(texts) if len(text) > facts.max_length), None)
        if long is not None:
            raise UserError(
                f"{source}: a sentence of {len(texts[long])} tokens ({show(' '.join(texts[long][:4]))} …): expected at "
                f"most data.max_length={facts.max_length}, as each has a tag; raise it"
            )
        return Part(texts, ids, [[place[tag] for tag in tags] for tags in labels])
    if facts.task == "regression":
        numbers = [(_number(label, source) - facts.mean) / facts.std for label in labels]
        return Part(texts, ids, torch.tensor(numbers))
    return Part(texts, ids, torch.tensor([place[str(label)] for label in labels]))


def _fingerprint(sets: dict[str, list[Sample]]) -> str:
    return hashlib.sha256(json.dumps(sets, ensure_ascii=True).encode()).hexdigest()
