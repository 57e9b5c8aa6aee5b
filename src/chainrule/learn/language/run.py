"""What one can ask of a run that continues a text. · 可以问一次语言模型运行的问题。"""

from collections.abc import Iterator
from dataclasses import replace
from os import PathLike
from typing import Any

import torch

from ...data.language import Language, Part, Reader, Ways, cut, text_of
from ...data.names import show
from ...data.text.normal import Normal
from ...data.text.vocabulary import BOS, EOS, NUL, PAD
from ...errors import UserError
from ..decode import FAIR, Chance, Limits, drawing, sayable
from ..parcel import Exported
from ..trained import Run


class LanguageRun(Run):
    """A run that learned to continue a text. · 一次语言模型的运行。"""

    use_it = ("generate", "TEXT")
    decides = "loss"

    def generate(
        self, text: str = "", tokens: int = 200, chance: Chance = FAIR, greedy: bool = False, **drawn: Any
    ) -> str:
        """What comes behind a text: so many tokens. · 续写一段文本。

        chance, or its fields by name: seed, temperature, top_k, top_p; greedy: always the likeliest. Raises `UserError`
        for a text that the run cannot read, and numbers out of range.
        """
        return "".join(self.stream(text, tokens, replace(chance, **drawn), greedy))

    def stream(self, text: str = "", tokens: int = 200, chance: Chance = FAIR, greedy: bool = False) -> Iterator[str]:
        """The same piece by piece, as it is said; raises before the first piece. · 逐段生成。

        A Transformer sees at most data.steps tokens: of a longer text it reads the last ones, and where its place is
        used up it forgets the older half.
        """
        reader: Reader = self.facts.reader
        limits = Limits(tokens, never=(PAD, BOS, NUL, EOS) if reader.whole else (PAD, BOS, NUL))
        read = self._prompt(reader, text)
        pick = (lambda log_p, rows, t: log_p.argmax(-1)) if greedy else drawing(chance)
        return _pieces(reader, read, _said(self.network, read, limits, pick), text.endswith(" "))

    def export(self, to: str = "onnx", fold_bn: bool = False, out: str | PathLike[str] | None = None) -> Exported:
        """Write the model for use elsewhere; see `language.shipping.export`. · 导出。"""
        from .shipping import export

        return export(self, to, fold_bn, out)

    def _prompt(self, reader: Reader, text: str) -> list[int]:
        """The ids of a text to go on from; a line's beginning where there is none."""
        normal = Normal.parse(self.facts.normalise)
        text = "\n".join(map(normal, text.replace("\r\n", "\n").split("\n")))
        words, run = reader.vocabulary, f"run {self.folder.name!r}"
        if not reader.whole:
            ids = reader.ids(text).tolist()
            if any(i != EOS for i in ids):
                words.known([words.token(i) if i != NUL else " " for i in ids if i != EOS], f"the text, for {run}")
            return ids or [EOS]
        if odd := [c for c in dict.fromkeys(text) if c not in words]:
            some = " ".join(show(repr(c)) for c in odd[:8])
            raise UserError(f"the text has characters that {run} never saw: {some}; it knows {len(words) - 4} others")
        if not text and "\n" not in words:
            raise UserError(f"no text given, and {run} knows no beginning of a line; expected a text to go on from")
        return reader.ids(text or "\n").tolist()

    def _load(self, source: str) -> Language:
        """A text as this run reads it: its own in parts, any other one whole."""
        ways = Ways.of(self.settings.data)
        reader, text = self.facts.reader, text_of(source, ways)
        parts = cut(text, ways, self.settings.val) if source == self.data else (text,) * 3
        made = [None if part is None else Part(reader.ids(part), len(part)) for part in parts]
        lonely = next((part for part in made if part is not None and len(part) < 2), None)
        if lonely is not None or made[0] is None:
            raise UserError(
                f"data {source}: a text of one token: expected at least 2, what is read and what comes next"
            )
        return Language(source, "", ways, reader.vocabulary, self.facts.merges, made[0], made[1], made[2])


@torch.no_grad()
def _said(network: Any, read: list[int], limits: Limits, pick: Any) -> Iterator[int]:
    """The tokens behind those that were read, one by one."""
    most, tokens = getattr(network, "max_length", 0), list(read)
    kept = tokens[-most:]
    for t in range(limits.max_length):
        if kept:
            state = network.start(torch.tensor([kept[:-1]], dtype=torch.int64))
            length, kept = len(kept) - 1, []
        log_p, state = network.step(state, torch.tensor(tokens[-1:]))
        tokens.append(int(pick(sayable(log_p, limits), torch.tensor([0]), t)))
        yield tokens[-1]
        length += 1
        if length == most:
            kept = tokens[-max(1, most // 2) :]


def _pieces(reader: Reader, read: list[int], said: Iterator[int], spaced: bool) -> Iterator[str]:
    """Tokens as text: those of a line lean on each other, characters on none."""
    if reader.whole:
        yield from map(reader.vocabulary.token, said)
        return
    ends = [i for i, token in enumerate(read) if token == EOS]
    line = read[ends[-1] + 1 if ends else 0 :]
    before = reader.text(line)
    for token in said:
        if token == EOS:
            line, before = [], ""
            yield "\n"
            continue
        line.append(token)
        now = reader.text(line)
        piece, before = now[len(before) :], now
        yield piece.removeprefix(" ") if spaced else piece
        spaced = False
