"""The vocabulary: a number for each token, four of them fixed. · 词表：每个词一个编号，前四个固定。

No torch here. `<PAD>` 0, `<BOS>` 1, `<EOS>` 2 and `<NUL>` 3, the unknown, as the notes have them; `<UNK>` is another
name of `<NUL>` (errata E62). What looks like one of them in a text is no such mark: it is unknown.
"""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from ...errors import UserError
from ..names import show
from .reading import read

PAD, BOS, EOS, NUL = range(4)
SPECIALS = ("<PAD>", "<BOS>", "<EOS>", "<NUL>")
ALIAS = "<UNK>"
_FORMAT = "chainrule vocabulary"


class Vocabulary:
    """Tokens and their ids. · 词与编号。

    tokens: all of them in order of their ids, the four fixed ones first. Raises `UserError` where those are missing, a
    token stands twice or is no string.

    >>> words = Vocabulary.build([["a", "b", "a"]])
    >>> words.encode(["a", "z"], bos=True, eos=True), words.id("<UNK>"), len(words)
    ([1, 4, 3, 2], 3, 6)
    """

    def __init__(self, tokens: Sequence[str]) -> None:
        self.tokens = tuple(tokens)
        odd = next((t for t in self.tokens if not isinstance(t, str)), None)
        if odd is not None:
            raise UserError(f"a token of the vocabulary is {odd!r}: expected strings")
        head = tuple(SPECIALS[NUL] if i == NUL and t == ALIAS else t for i, t in enumerate(self.tokens[:4]))
        if head != SPECIALS:
            raise UserError(f"the vocabulary begins with {list(head)}: expected {', '.join(SPECIALS)}")
        self.tokens = head + self.tokens[4:]
        self._ids = {token: i for i, token in enumerate(self.tokens)}
        if len(self._ids) < len(self.tokens) or ALIAS in self._ids:
            twice = next((t for t, n in Counter(self.tokens).items() if n > 1), ALIAS)
            raise UserError(f"token {show(twice)!r} stands twice in the vocabulary: expected each once")
        self._said = {**dict(list(self._ids.items())[4:]), SPECIALS[NUL]: NUL, ALIAS: NUL}

    @classmethod
    def build(cls, sentences: Iterable[Iterable[str]], min_freq: int = 1, max_size: int | None = None) -> "Vocabulary":
        """Number the tokens of sentences, the most frequent first, ties by the alphabet. · 按词频建立词表。

        min_freq: what stands less often is unknown. max_size: entries in all, the four fixed ones among them.
        Raises `UserError` for numbers out of range and where no token is left.

        >>> Vocabulary.build([["b", "a", "b", "c"]], max_size=6).tokens[4:]
        ('b', 'a')
        """
        return cls.of_counts(Counter(token for sentence in sentences for token in sentence), min_freq, max_size)

    @classmethod
    def of_counts(cls, counts: Counter[str], min_freq: int = 1, max_size: int | None = None) -> "Vocabulary":
        """The same from tokens that are counted already. · 由词频建立词表。

        >>> Vocabulary.of_counts(Counter("abb")).tokens[4:]
        ('b', 'a')
        """
        if min_freq < 1 or (max_size is not None and max_size <= len(SPECIALS)):
            raise UserError(f"min_freq={min_freq}, max_size={max_size}: expected at least 1, and more than 4 entries")
        counts = Counter({token: n for token, n in counts.items() if token not in (*SPECIALS, ALIAS)})
        if not counts:
            raise UserError("no token to number: expected a text that is not empty")
        ranked = sorted((t for t, n in counts.items() if n >= min_freq), key=lambda t: (-counts[t], t))
        if not ranked:
            token, most = counts.most_common(1)[0]
            raise UserError(f"min_freq={min_freq}: no token stands so often; {show(token)!r} has the most, {most}")
        return cls([*SPECIALS, *(ranked if max_size is None else ranked[: max_size - len(SPECIALS)])])

    def __len__(self) -> int:
        return len(self.tokens)

    def __contains__(self, token: str) -> bool:
        return token in self._ids

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Vocabulary) and self.tokens == other.tokens

    def __hash__(self) -> int:
        return hash(self.tokens)

    def id(self, token: str) -> int:
        """The number of a token, the fixed ones by their names. · 词的编号。"""
        return NUL if token == ALIAS else self._ids.get(token, NUL)

    def token(self, id: int) -> str:
        """The token of a number. Raises `UserError` for one that has none. · 编号对应的词。"""
        if not 0 <= id < len(self.tokens):
            raise UserError(f"id {id}: expected 0…{len(self.tokens) - 1}")
        return self.tokens[id]

    def encode(self, tokens: Iterable[str], bos: bool = False, eos: bool = False) -> list[int]:
        """Tokens to ids; what is not known is `<NUL>`. · 词转编号。

        bos, eos: begin with `<BOS>`, end with `<EOS>`; a text cannot write them, or `<PAD>`, itself.
        """
        ids = [self._said.get(token, NUL) for token in tokens]
        return [BOS] * bos + ids + [EOS] * eos

    def decode(self, ids: Iterable[int]) -> list[str]:
        """Ids to tokens, up to the first `<EOS>`, without `<PAD>` and `<BOS>`. · 编号转词。

        >>> Vocabulary.build([["a"]]).decode([1, 4, 3, 2, 4])
        ['a', '<NUL>']
        """
        out = []
        for id in ids:
            if id == EOS:
                break
            if id not in (PAD, BOS):
                out.append(self.token(int(id)))
        return out

    def known(self, tokens: Sequence[str], where: str) -> list[int]:
        """As `encode`, for what a model shall read. · 编码，且至少有一个已知词。

        where: the place, for the message. Raises `UserError` for no token at all and for unknown ones only.
        """
        if not tokens:
            raise UserError(f"{where}: no token: expected words")
        ids = self.encode(tokens)
        if all(id == NUL for id in ids):
            some = " ".join(show(token) for token in tokens[:5])
            raise UserError(f"{where}: only unknown words ({some[:60]}): expected some of the {len(self):,} known ones")
        return ids

    def fits(self, rows: int, what: str) -> None:
        """Raises `UserError` unless a table of so many rows is for this vocabulary. · 检查词表与权重是否相配。

        what: the name of the table, for the message.
        """
        if rows != len(self):
            raise UserError(f"{what} has {rows:,} rows, the vocabulary {len(self):,} tokens: take the run's own")

    def write(self, path: str | Path) -> None:
        """Write the vocabulary as JSON. · 写出为 JSON。"""
        told = {"format": _FORMAT, "version": 1, "tokens": self.tokens}
        Path(path).write_text(json.dumps(told, ensure_ascii=False, indent=0), encoding="utf-8")

    @classmethod
    def read(cls, path: str | Path) -> "Vocabulary":
        """Read what `write` wrote. · 读取 JSON 词表。

        Raises `UserError` with the line where it is no JSON, or no vocabulary.
        """
        text = read(path, "utf-8")
        try:
            told: Any = json.loads("\n".join(text.lines))
        except (json.JSONDecodeError, RecursionError) as error:
            line = getattr(error, "lineno", 1)
            raise UserError(f"{text.where(line - 1)}: no JSON ({error}): expected a vocabulary") from error
        tokens = told.get("tokens") if isinstance(told, dict) else None
        if not isinstance(tokens, list) or told.get("format") != _FORMAT or told.get("version") != 1:
            raise UserError(
                f'{text.path}: no vocabulary: expected {{"format": "{_FORMAT}", "version": 1, "tokens": …}}'
            )
        try:
            return cls(tokens)
        except UserError as error:
            raise UserError(f"{text.path}: {error}") from error
