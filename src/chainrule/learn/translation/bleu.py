"""BLEU by sacrebleu, never without its signature. · 由 sacrebleu 计算 BLEU，并附签名。

Figures of BLEU compare only where tokenisation and case are the same, so two are told: of the plain text, as sacrebleu
cuts it, and of words cut by chainrule and counted as they stand, which is what many papers on small sets print.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ...data.text.side import Side
from ...data.text.tokens import Chinese, Words
from ...errors import UserError

AUTO = "auto"
TOKENIZERS = ("13a", "intl", "zh", "char", "none")
MISSING = "no BLEU: it needs sacrebleu; pip install 'chainrule[text]'"
_HAN = re.compile("[\u3400-\u9fff]")


def scorer(tokenize: str, lower: bool) -> Any | None:
    """sacrebleu's corpus BLEU; None where it is not installed. · sacrebleu 评分器。"""
    try:
        from sacrebleu.metrics.bleu import BLEU  # pyright: ignore[reportMissingImports]
    except ImportError:
        return None
    return BLEU(lowercase=lower, tokenize=tokenize, force=True, effective_order=False)


@dataclass(frozen=True)
class Scale:
    """How translations into a language are judged. · 评分方式。

    tokenize: sacrebleu's; lower: without regard to case; words: cuts for the second figure, None where the text came
    cut and there is but one.
    """

    tokenize: str
    lower: bool
    words: Words | None

    @classmethod
    def of(cls, side: Side, asked: str = AUTO) -> "Scale":
        """What fits a language: zh for Chinese, none for text that came cut, else 13a. · 按语言选择。

        Raises `UserError` for a tokenisation that sacrebleu has not.
        """
        if asked not in (AUTO, *TOKENIZERS):
            raise UserError(f"data.bleu={asked}: expected {', '.join((AUTO, *TOKENIZERS))}")
        chinese = sum(bool(_HAN.search(token)) for token in side.words.tokens) > len(side.words) / 4
        if asked == AUTO:
            asked = "none" if side.spaced else "zh" if chinese else "13a"
        return cls(asked, side.lower, None if asked == "none" else Chinese() if chinese else Words())

    def figures(self, said: Sequence[str], references: Sequence[str]) -> tuple[dict[str, float], list[str]]:
        """Name → figure, and a line with the signature of each; one line where sacrebleu is absent. · 得分与签名。

        >>> scale = Scale.of(Side.of("en", "words", ["a man walks a dog"]))
        >>> scale.figures(["a man walks a dog"], ["a man walks a dog"])[0]["bleu"].__round__()
        100
        """
        figures: dict[str, float] = {}
        lines: list[str] = []
        for name, tokenize, texts, about in self._forms(said, references):
            score = scorer(tokenize, self.lower)
            if score is None:
                return {}, [MISSING]
            figures[name] = score.corpus_score(texts[0], [texts[1]]).score
            lines.append(f"{name}: {about}; sacrebleu {score.get_signature()}")
        return figures, lines

    def _forms(self, said: Sequence[str], references: Sequence[str]) -> list[tuple[str, str, tuple[Any, Any], str]]:
        case = "without regard to case" if self.lower else "case as it is"
        forms = [
            ("bleu", self.tokenize, (list(said), list(references)), f"of the text, cut by {self.tokenize}, {case}")
        ]
        if self.words is not None:
            texts = (self._cut(said), self._cut(references))
            forms.append(("bleu_words", "none", texts, f"of words cut by chainrule's {self.words.name}, {case}"))
        return forms

    def _cut(self, texts: Sequence[str]) -> list[str]:
        assert self.words is not None
        return [" ".join(self.words.tokenize(text)) for text in texts]

    def score(self, said: Sequence[str], references: Sequence[str]) -> float | None:
        """The first of the figures alone. · 仅主要得分。"""
        found = scorer(self.tokenize, self.lower)
        return None if found is None else found.corpus_score(list(said), [list(references)]).score


@dataclass(frozen=True)
class Bucket:
    """Sentences of like length, and what their translations are worth. · 一段长度区间。"""

    shortest: int
    longest: int
    count: int
    bleu: float


def by_length(
    scale: Scale, lengths: Sequence[int], said: Sequence[str], references: Sequence[str], parts: int = 6
) -> list[Bucket]:
    """BLEU of sentences in as many parts of like size, by the length of the source. · 按源句长度分段的 BLEU。

    lengths: words of each source sentence. Nothing where sacrebleu is absent.
    """
    order = sorted(range(len(lengths)), key=lambda i: lengths[i])
    buckets: list[Bucket] = []
    start = 0
    while start < len(order):
        end = min(len(order), start + max(1, -(-len(order) // parts)))
        while end < len(order) and lengths[order[end]] == lengths[order[end - 1]]:
            end += 1  # a length stands in one part only
        rows = order[start:end]
        bleu = scale.score([said[i] for i in rows], [references[i] for i in rows])
        if bleu is None:
            return []
        buckets.append(Bucket(lengths[rows[0]], lengths[rows[-1]], len(rows), bleu))
        start = end
    return buckets
