"""What one can ask of a run that learned from texts. · 可以问一次文本学习运行的问题。"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from os import PathLike
from typing import Any

import torch
from torch import Tensor

from ...data.names import show
from ...data.text.padded import pad
from ...data.text.vocabulary import NUL
from ...errors import UserError
from ..device import Device
from ..metrics.spans import name_spans
from ..parcel import Exported
from ..trained import Run, tell_faults
from .data import Reader

AT_ONCE = 256


@dataclass(frozen=True)
class TextAnswer:
    """What the network says of a text. · 对一段文本的回答。

    label the likeliest class and its probability; top the likeliest with theirs; value the number where numbers were
    learned; tags (token, tag, probability) of each token where tags were. unknown how many tokens are not known.
    """

    text: str
    label: str = ""
    probability: float = 1.0
    top: tuple[tuple[str, float], ...] = ()
    value: float | None = None
    tags: tuple[tuple[str, str, float], ...] = ()
    unknown: int = 0


class TextRun(Run):
    """A run that learned classes, numbers or tags from texts. · 一次文本学习的运行。"""

    use_it = ("predict", '"TEXT"')

    @property
    def decides(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride]
        if self.facts.task == "regression":
            return "mae"
        return "span_f1" if self.facts.task == "tags" and name_spans(self.classes) else "accuracy"

    @property
    def classes(self) -> tuple[str, ...]:
        return self.facts.classes

    def evaluate(self, data: str | PathLike[str] | None = None, split: str = "test") -> dict[str, float]:
        """The figures of a part of its data, or of other texts; `seen` keeps more of them. · 评估指标。"""
        part = self.part(data, split)
        self.seen[split] = self.kind.task(self.settings, self.facts).evaluate(self.network, part, Device("cpu"))
        return self.seen[split].figures()

    def predict(self, texts: str | Iterable[str], topk: int = 5, broken: list[str] | None = None) -> list[TextAnswer]:
        """What the network says of texts. · 预测文本。

        Raises `UserError` with a line for each text that is empty or holds unknown words only; a list `broken` takes
        those lines instead.

        >>> import tempfile
        >>> from pathlib import Path
        >>> import chainrule
        >>> file = Path(tempfile.mkdtemp()) / "weather.csv"
        >>> _ = file.write_text("text,label\\n" + "sun and sand,warm\\nice and snow,cold\\n" * 30)
        >>> run = chainrule.train("text_bag", file, epochs=20, lr=0.1, runs=str(file.parent))
        >>> [one.label for one in run.predict(["much snow", "sun"])]
        ['cold', 'warm']
        """
        faults: list[str] = []
        found = list(self.stream([texts] if isinstance(texts, str) else texts, topk, faults))
        tell_faults(faults, broken)
        return found

    def export(self, to: str = "onnx", fold_bn: bool = False, out: str | PathLike[str] | None = None) -> Exported:
        """Write the network for use elsewhere; see `texts.shipping.export`. · 导出网络。"""
        from .shipping import export

        return export(self, to, fold_bn, out)

    def stream(self, texts: Iterable[str], topk: int, broken: list[str]) -> Iterator[TextAnswer]:
        """The same one by one, in little memory however many there are. · 逐个预测。"""
        reader, rest, number = self.facts.reader(), iter(texts), 0
        while chunk := list(islice(rest, AT_ONCE)):
            read = []
            for text in chunk:
                number += 1
                tokens = reader.tokens(text)
                try:
                    read.append((text, tokens, reader.vocabulary.known(tokens, f"text {number}: {_short(text)}")))
                except UserError as error:
                    broken += error.lines
            if read:
                yield from self._answers(read, reader, topk)

    @torch.no_grad()
    def _answers(
        self, read: Sequence[tuple[str, list[str], list[int]]], reader: Reader, topk: int
    ) -> Iterator[TextAnswer]:
        batch = pad([ids for _, _, ids in read])
        out = self.network(batch.tokens, batch.mask).double()
        for (text, tokens, ids), scores in zip(read, out, strict=True):
            yield TextAnswer(text, **self._said(tokens, scores, topk), unknown=ids.count(NUL))

    def _said(self, tokens: list[str], scores: Tensor, topk: int) -> dict[str, Any]:
        facts = self.facts
        if facts.task == "regression":
            return {"value": float(scores) * facts.std + facts.mean}
        likely = scores.softmax(-1)
        if facts.task == "tags":
            best = likely[: len(tokens)].max(-1)
            told = zip(tokens, best.indices.tolist(), best.values.tolist(), strict=True)
            return {"tags": tuple((token, facts.classes[c], p) for token, c, p in told)}
        best = likely.topk(min(topk, len(facts.classes)))
        top = [(facts.classes[c], p) for c, p in zip(best.indices.tolist(), best.values.tolist(), strict=True)]
        return {"label": top[0][0], "probability": top[0][1], "top": tuple(top)}


def _short(text: str) -> str:
    return repr(show(text[:40])) + ("…" if len(text) > 40 else "")
