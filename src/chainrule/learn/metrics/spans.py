"""Tags that name spans: an entity is right only as a whole. · 以标签标出的实体片段：整段正确才算对。

symbols  tags of the tokens of one text: O outside; B-, I- (and E-, S-, or L-, U-) and the kind of the span
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from .classification import Classification

_SPAN = re.compile(r"[BIESLUM]-.+")
Span = tuple[str, int, int]


def name_spans(tags: Iterable[str]) -> bool:
    """Whether tags mark spans and not single tokens. · 标签是否标出片段。

    >>> name_spans(["O", "B-PER", "I-PER"]), name_spans(["NOUN", "VERB"]), name_spans(["O"])
    (True, False, False)
    """
    marked = [tag for tag in tags if tag != "O"]
    return bool(marked) and all(map(_SPAN.fullmatch, marked))


def spans(tags: Sequence[str]) -> list[Span]:
    """(kind, first token, last token) of every span, as seqeval reads them. · 读出全部片段。

    Lenient as conlleval: an I- behind O, or behind another kind, begins a span too.
    Source: Nakayama 2018, https://github.com/chakki-works/seqeval, `get_entities`; after Tjong Kim Sang & De Meulder
    2003, https://aclanthology.org/W03-0419/.

    >>> spans(["B-PER", "I-PER", "O", "I-LOC", "B-LOC"])
    [('PER', 0, 1), ('LOC', 3, 3), ('LOC', 4, 4)]
    """
    found: list[Span] = []
    before, kind, first = "O", "", 0
    for i, tag in enumerate([*tags, "O"]):
        mark, _, what = tag.partition("-")
        begins = mark != "O" and (mark in "BSU" or before in "OESLU" or what != kind)
        if before != "O" and (begins or mark == "O"):
            found.append((kind, first, i - 1))
        before, kind, first = mark, what, i if begins else first
    return found


@dataclass
class Spans(Classification):
    """Figures of the tokens, and precision, recall and F1 of whole spans over all kinds. · 逐词指标与片段指标。

    names: the tags in order of the classes. A span is right if kind, first and last token are. Where nothing was said,
    or nothing was there, the figure is 0.

    >>> m = Spans(classes=3, names=("B-X", "I-X", "O"))
    >>> m.text([0, 1, 2, 0], [0, 1, 2, 2])
    >>> [round(m.figures()[f"span_{k}"], 3) for k in ("precision", "recall", "f1")]
    [1.0, 0.5, 0.667]
    """

    names: tuple[str, ...] = ()
    right: Counter[str] = field(default_factory=Counter)
    said: Counter[str] = field(default_factory=Counter)
    there: Counter[str] = field(default_factory=Counter)

    better = "span_f1"

    def text(self, target: Sequence[int], answer: Sequence[int]) -> None:
        """Take in the tags of one text: those that are right, and those that were answered. · 计入一段文本。"""
        true, told = (set(spans([self.names[tag] for tag in tags])) for tags in (target, answer))
        for counts, some in ((self.right, true & told), (self.said, told), (self.there, true)):
            counts.update(kind for kind, *_ in some)

    def figures(self) -> dict[str, float]:
        whole = shares(self.right.total(), self.said.total(), self.there.total())
        own = super().figures()
        count = own.pop("count")
        return own | {f"span_{key}": value for key, value in whole.items()} | {"count": count}

    def by_kind(self) -> dict[str, dict[str, float]]:
        """Kind → how many there are, and its precision, recall and F1. · 各类片段的指标。"""
        kinds = sorted(self.said.keys() | self.there.keys())
        return {
            kind: {"spans": self.there[kind], **shares(self.right[kind], self.said[kind], self.there[kind])}
            for kind in kinds
        }


def shares(right: int, said: int, there: int) -> dict[str, float]:
    """Precision, recall and F1 of counts. · 精确率、召回率与 F1。

    >>> shares(1, 2, 2)
    {'precision': 0.5, 'recall': 0.5, 'f1': 0.5}
    """
    return {
        "precision": right / max(said, 1),
        "recall": right / max(there, 1),
        "f1": 2 * right / max(said + there, 1),
    }
