"""One language of a translation: how its text is cut, and its vocabulary. · 翻译的一侧：切词与词表。

No torch here. Sub-words learned here are those of `joined` text: a mark that leans on its neighbour carries a joint, so
that the text comes back as it was.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from ...errors import UserError
from .bpe import BPE, Pair
from .normal import Normal
from .tokens import Tokenizer, tokenizer
from .vocabulary import Vocabulary

JOINT = "￭"
SHORT = {"chars": "characters"}
_MARKS = re.compile(r"([^\w\s]|_)")
_LEFT, _RIGHT = re.compile(rf"\s*{JOINT}([^\w\s{JOINT}]|_)"), re.compile(rf"{JOINT}\s*")


def joined(text: str) -> str:
    """Marks stand alone, with a joint where there was no blank. · 标点独立成词，无空格处加连接符。

    >>> joined("A t-shirt, blue."), parted(joined("A t-shirt, blue."))
    ('A t ￭-￭ shirt ￭, blue ￭.', 'A t-shirt, blue.')
    """
    text = f" {' '.join(text.replace(JOINT, ' ').split())} "

    def alone(m: re.Match[str]) -> str:
        before, behind = text[m.start() - 1] == " ", text[m.end()] == " "
        return f" {'' if before else JOINT}{m[1]}{'' if behind else JOINT} "

    return " ".join(_MARKS.sub(alone, text).split())


def parted(text: str) -> str:
    """The text that `joined` was made of. · 还原。"""
    return _RIGHT.sub("", _LEFT.sub(r"\1", text)).strip()


class Pieces:
    """Sub-words of joined text. · 带连接符的子词。

    >>> Pieces([]).detokenize(Pieces([]).tokenize("a, b"))
    'a, b'
    """

    name, lossless = "bpe", False

    def __init__(self, merges: Sequence[Pair]) -> None:
        self.bpe = BPE(merges)

    def tokenize(self, text: str) -> list[str]:
        return self.bpe.tokenize(joined(text))

    def detokenize(self, tokens: list[str]) -> str:
        return parted(self.bpe.detokenize(tokens))


@dataclass(frozen=True)
class Side:
    """One language: text to ids and back. · 一种语言：文本与编号互转。

    name: of the language. tokens: the scheme, as `tokenizer` takes it, or "bpe" for merges that were learned. lower:
    small letters only. Raises `UserError` for an unknown scheme.

    >>> side = Side.of("en", "words", ["A man.", "a dog."], lower=True)
    >>> side.text(side.ids("a man."))
    'a man.'
    """

    name: str
    tokens: str
    words: Vocabulary
    merges: tuple[Pair, ...] = ()
    lower: bool = False
    cutter: Tokenizer = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "cutter", _cutter(self.tokens, self.merges))

    @classmethod
    def of(
        cls,
        name: str,
        tokens: str,
        texts: Sequence[str],
        lower: bool = False,
        min_freq: int = 1,
        size: int = 0,
        merges: Sequence[Pair] = (),
    ) -> "Side":
        """Number the tokens of the training texts. · 由训练文本建立词表。

        size: entries at most, 0 for all. merges: of "bpe"; those of "bpe:FILE" are read.
        """
        tokens = SHORT.get(tokens, tokens)
        if tokens.startswith("bpe:"):
            merges = BPE.read(tokens.removeprefix("bpe:")).merges
        cutter, normal = _cutter(tokens, tuple(merges)), _normal(lower)
        cut = (cutter.tokenize(normal(text)) for text in texts)
        return cls(name, tokens, Vocabulary.build(cut, min_freq, size or None), tuple(merges), lower)

    def cut(self, text: str) -> list[str]:
        """The tokens of a text. · 切词。"""
        return self.cutter.tokenize(_normal(self.lower)(text))

    def ids(self, text: str) -> list[int]:
        """Their numbers. · 编号。"""
        return self.words.encode(self.cut(text))

    def text(self, ids: Sequence[int]) -> str:
        """The text that numbers say. · 还原为文本。"""
        return self.cutter.detokenize(self.words.decode(ids))

    @property
    def spaced(self) -> bool:
        """Whether its tokens are what stands between white space: the text came cut. · 是否已按空格切好。"""
        return self.tokens == "spaces" or self.tokens.startswith("bpe:")


def _normal(lower: bool) -> Normal:
    return Normal(form="nfc", lower=lower, space=True)


def _cutter(tokens: str, merges: tuple[Pair, ...]) -> Tokenizer:
    tokens = SHORT.get(tokens, tokens)
    if tokens == "bpe":
        return Pieces(merges)
    if tokens.startswith("bpe:"):
        return BPE(merges, tokens)  # the run keeps them: the file may be gone
    return tokenizer(tokens)


def learn(texts: Sequence[str], merges: int, lower: bool) -> tuple[Pair, ...]:
    """Merges of joined text. · 学习子词合并。

    >>> learn(["low low lower."], 2, False)
    (('l', 'o'), ('lo', 'w</w>'))
    """
    if not texts:
        raise UserError("no text to learn sub-words from: expected at least one sentence")
    normal = _normal(lower)
    return tuple(BPE.learn((joined(normal(text)) for text in texts), merges).merges)
