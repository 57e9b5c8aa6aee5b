"""What one can ask of a run that learned to translate. · 可以问一次翻译运行的问题。"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from itertools import count, islice
from os import PathLike
from pathlib import Path
from typing import Any

from ...errors import UserError
from ...runs.durable import replace as rewrite
from ..device import Device
from ..parcel import Exported
from ..trained import Run
from .bleu import MISSING
from .swift import swift
from .task import Said
from .translator import USUAL, Search, alignment, translate

CHUNK = 64  # sentences read ahead while a file streams


@dataclass(frozen=True)
class Translated:
    """A sentence and what was said for it, the best first. · 一句的译文。

    text: the source; tokens: its tokens; said: of each what `Saying` holds; trouble: why there is no translation.
    """

    text: str
    tokens: list[str]
    said: list["Saying"]
    trouble: str | None = None

    @property
    def best(self) -> str:
        """The best translation; "" where there is none. · 最佳译文。"""
        return self.said[0].text if self.said else ""


@dataclass(frozen=True)
class Saying:
    """One translation. · 一个译文。

    tokens: as said, `<EOS>` last where it was said; ids: without it; score: log_prob divided by the length penalty;
    alignment: shares [tokens, source tokens], or None.
    """

    text: str
    tokens: list[str]
    ids: list[int]
    score: float
    log_prob: float
    alignment: list[list[float]] | None = None


class TranslationRun(Run):
    """A run that learned to translate. · 一次翻译学习的运行。"""

    use_it = ("translate", "TEXT")

    def translate(self, texts: str | Iterable[str], search: Search = USUAL, align: bool = False) -> list[Translated]:
        """The translations of sentences; `align` adds where each word looked. · 翻译若干句子。

        Raises `UserError` for a sentence of unknown words only, one that is too long, and, with `align`, a network
        without attention.
        """
        found = list(self.stream([texts] if isinstance(texts, str) else texts, search, align))
        if lines := [one.trouble for one in found if one.trouble]:
            raise UserError(*lines)
        return found

    def stream(
        self,
        texts: Iterable[str],
        search: Search = USUAL,
        align: bool = False,
        numbers: Iterable[int] | None = None,
    ) -> Iterator[Translated]:
        """The same one by one, in little memory however many there are; trouble is told, not raised. · 流式翻译。

        numbers: of the sentences, for what is told of them; 1, 2, … if None.
        """
        if align and not hasattr(self.network, "align"):
            alignment(self.network, [], [])
        rest = zip(texts, count(1) if numbers is None else numbers, strict=False)
        network = swift(self.network) or self.network
        while chunk := list(islice(rest, CHUNK)):
            yield from self._chunk(network, [text for text, _ in chunk], [i for _, i in chunk], search, align)

    def _chunk(
        self, network: Any, texts: list[str], numbers: list[int], search: Search, align: bool
    ) -> Iterator[Translated]:
        source, target = self._sides
        cut = [source.cut(text) for text in texts]
        trouble: dict[int, str] = {}
        ids: dict[int, list[int]] = {}
        for i, tokens in enumerate(cut):
            try:
                ids[i] = source.words.known(tokens, f"sentence {numbers[i]}")
                self._positions(ids[i], numbers[i])
            except UserError as error:
                trouble[i] = error.lines[0]
                ids.pop(i, None)
        told = dict(zip(ids, translate(network, list(ids.values()), self.facts.longest, _CPU, search), strict=True))
        broken = "the network's scores are no numbers (NaN): expected weights that are"
        trouble |= {i: f"sentence {numbers[i]}: {broken}" for i, found in told.items() if not found}
        for i, text in enumerate(texts):
            said = [self._saying(h, target, ids[i], align) for h in told.get(i, [])]
            yield Translated(text, cut[i], said, trouble.get(i))

    def export(self, to: str = "onnx", fold_bn: bool = False, out: str | PathLike[str] | None = None) -> Exported:
        """Write encoder and decoder for use elsewhere, checked; see `shipping.export`. · 导出网络。"""
        from .shipping import export

        return export(self, to, fold_bn, out)

    @property
    def _sides(self) -> tuple[Any, Any]:
        task = self.kind.task(self.settings, self.facts)
        return task.source, task.target

    def _positions(self, ids: list[int], number: int) -> None:
        most = getattr(self.network, "max_length", None)
        if most is not None and len(ids) > most:
            raise UserError(f"sentence {number}: {len(ids):,} tokens: expected at most the {most:,} positions; cut it")

    def _saying(self, h: Any, target: Any, source: list[int], align: bool) -> Saying:
        tokens = [*map(target.words.token, h.tokens), *(["<EOS>"] if h.finished else [])]
        shares = alignment(self.network, source, list(h.tokens))[: len(tokens)] if align else None
        return Saying(target.text(h.tokens), tokens, list(h.tokens), h.score, h.log_prob, shares)

    def judge(self, data: str | PathLike[str] | None = None, split: str = "test", search: Search = USUAL) -> Said:
        """Loss, accuracy and BLEU of a part of its data, or of other pairs, with the run's vocabularies. · 评估。

        Raises `UserError` where there is no such part.
        """
        part = self.part(data, split)
        task = replace(self.kind.task(self.settings, self.facts), search=search)
        return task.evaluate(self.network, replace(part, scored=True), _CPU)

    def evaluate(self, data: str | PathLike[str] | None = None, split: str = "test") -> dict[str, float]:
        """The figures alone. · 评估指标。"""
        self.seen[split] = self.judge(data, split)
        return self.seen[split].figures()

    def _load(self, source: str) -> Any:
        return self.kind.dataset(self.model, source, self.settings, self.facts)

    def write_report(self) -> list[Path]:
        """The report, with the translations of the test part and BLEU by length. · 报告，含译文与按句长的 BLEU。"""
        files = super().write_report()
        said: Said | None = self.seen.get("test") or self.seen.get("val")
        if said is None or not said.texts:
            return files
        part = "test" if "test" in self.seen else "val"
        pairs = self.part(None, part).texts
        rows = [
            json.dumps({"source": s, "reference": t, "translation": x}, ensure_ascii=False)
            for (s, t), x in zip(pairs, said.texts, strict=True)
        ]
        kept = self.folder.report / f"{part}.translations.jsonl"
        rewrite(kept, ("\n".join(rows) + "\n").encode("utf-8", "replace"))
        files.append(kept)
        if said.buckets:
            from ...look.lengths import draw

            picture = self.folder.report / "lengths.png"
            draw({self.name: said.buckets}, picture, f"{self.model} · {self.facts.name} · {part}")
            files.append(picture)
            told = json.dumps([asdict(bucket) for bucket in said.buckets], indent=1)
            rewrite(self.folder.report / "lengths.json", told.encode())
        self._tell(said, pairs, [f.name for f in files if f.name in ("lengths.png",)])
        return files

    @property
    def name(self) -> str:
        return self.folder.name

    def _tell(self, said: Said, pairs: list[tuple[str, str]], pictures: list[str]) -> None:
        """What the figures of BLEU are, and some sentences, behind the rest of report.md."""
        from ...runs.report import escape, rows

        page = self.folder.report / "report.md"
        lines = ["## Translations · 译文", *(f"- {escape(line)}" for line in said.remarks or [MISSING])]
        every = max(1, len(pairs) // 8)
        shown = [(s, t, x) for (s, t), x in zip(pairs, said.texts, strict=True)][::every][:8]
        text = "\n".join([lines[0], "", *lines[1:], ""])
        head = "source · 原文", "reference · 参考译文", "translation · 译文"
        text += "\n" + rows(head, shown, others="---") + "\n"
        text += "".join(f"\n![{name}]({name})\n" for name in pictures)
        rewrite(page, page.read_bytes() + b"\n" + text.encode("utf-8", "replace"))


_CPU = Device("cpu")
