"""Text to tokens and back: words, characters, Chinese, sub-words, or a function of one's own. · 切词与还原。

No torch here. A space between words says nothing in Chinese (errata E61): there characters or sub-words are the tokens.
"""

import re
from collections.abc import Callable
from importlib import import_module
from typing import Protocol

from ...errors import UserError, did_you_mean
from ..names import show

_HAN = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_WORD = r"[^\W_]+(?:['’][^\W_]+)*"
_WORDS = re.compile(rf"{_WORD}|[^\w\s]|_")
_CHINESE = re.compile(rf"[{_HAN}]|(?:(?![{_HAN}])[^\W_])+(?:['’](?:(?![{_HAN}])[^\W_])+)*|[^\w\s]|_")
CLOSE, OPEN = set(".,;:!?%)]}…”’»"), set("([{“‘«¿¡")  # marks that lean on the word before, and on the word behind
CJK = re.compile(rf"[{_HAN}\u3000-\u303f\uff00-\uffef]")
SCHEMES = ("words", "spaces", "characters", "chinese")


class Tokenizer(Protocol):
    """What every scheme can do. · 切词方案的接口。

    name: as `tokenizer` takes it. lossless: whether detokenize gives back the very text.
    """

    name: str
    lossless: bool

    def tokenize(self, text: str) -> list[str]: ...
    def detokenize(self, tokens: list[str]) -> str: ...


class Words:
    """Words by white space and punctuation, as the notes have it; each mark is a token. · 按空格与标点切词。

    >>> Words().tokenize("It's a man, isn't it?")
    ["It's", 'a', 'man', ',', "isn't", 'it', '?']
    >>> Words().detokenize(["a", "man", ",", "a", "dog", "."])
    'a man, a dog.'
    """

    name, lossless = "words", False
    pattern = _WORDS

    def tokenize(self, text: str) -> list[str]:
        return self.pattern.findall(text)

    def detokenize(self, tokens: list[str]) -> str:
        out = ""
        for token in tokens:
            leans = not out or token in CLOSE or out[-1] in OPEN or (CJK.match(token) and CJK.match(out[-1]))
            out += token if leans else f" {token}"
        return out


class Chinese(Words):
    """Each Chinese character by itself, all else by words. · 汉字逐字，其余按词。

    >>> Chinese().tokenize("我有3台iPhone。"), Chinese().detokenize(["我", "有", "。"])
    (['我', '有', '3', '台', 'iPhone', '。'], '我有。')
    """

    name = "chinese"
    pattern = _CHINESE


class Spaces:
    """What stands between white space, for text that is cut already. · 仅按空白切分。

    >>> Spaces().tokenize("ein mann ."), Spaces().detokenize(["ein", "mann", "."])
    (['ein', 'mann', '.'], 'ein mann .')
    """

    name, lossless = "spaces", False

    def tokenize(self, text: str) -> list[str]:
        return text.split()

    def detokenize(self, tokens: list[str]) -> str:
        return " ".join(tokens)


class Characters:
    """Every character, the spaces too: nothing is lost. · 逐字符，无损。

    >>> Characters().tokenize("a 字"), Characters().detokenize(["a", " ", "字"])
    (['a', ' ', '字'], 'a 字')
    """

    name, lossless = "characters", True

    def tokenize(self, text: str) -> list[str]:
        return list(text)

    def detokenize(self, tokens: list[str]) -> str:
        return "".join(tokens)


class Plugin:
    """A function text → tokens from anywhere. · 外部切词函数。

    name: "package.module:function", as "jieba:lcut". joint: what stands between tokens when they are put together.
    Raises `UserError` where there is no such function, or where it gives anything but strings.

    >>> Plugin("textwrap:wrap", joint=" ").tokenize("a b")
    ['a b']
    """

    lossless = False

    def __init__(self, name: str, joint: str = "") -> None:
        module, _, attribute = name.partition(":")
        try:
            self.function: Callable[[str], list[str]] = getattr(import_module(module), attribute)
        except (ImportError, AttributeError, ValueError) as error:
            raise UserError(f"tokens={name}: {error}: expected module:function of a package that is here") from error
        self.name, self.joint = name, joint

    def tokenize(self, text: str) -> list[str]:
        tokens = list(self.function(text))
        odd = next((token for token in tokens if not isinstance(token, str)), None)
        if odd is not None:
            raise UserError(f"tokens={self.name}: gave {type(odd).__name__}: expected strings")
        return tokens

    def detokenize(self, tokens: list[str]) -> str:
        return self.joint.join(tokens)


_OWN = {kind.name: kind for kind in (Words, Spaces, Characters, Chinese)}


def tokenizer(word: str) -> Tokenizer:
    """A scheme by name: words, spaces, characters, chinese, bpe:CODES, hf:FILE, module:function. · 按名称取切词方案。

    bpe: a file of merges (`BPE`); hf: a tokenizer.json of Hugging Face, with the extra `text`.
    Raises `UserError` for what is none of these, and for a file that is wrong.

    >>> tokenizer("characters").tokenize("ab")
    ['a', 'b']
    """
    if word in _OWN:
        return _OWN[word]()
    kind, colon, rest = word.partition(":")
    if kind == "bpe" and rest:
        from .bpe import BPE

        return BPE.read(rest)
    if kind == "hf" and rest:
        from .foreign import HuggingFace

        return HuggingFace(rest)
    if colon and rest:
        return Plugin(word)
    known = ", ".join(SCHEMES)
    raise UserError(
        f"tokens={show(word)}: unknown: expected {known}, bpe:CODES, hf:tokenizer.json or module:function"
        f"{did_you_mean(word, SCHEMES)}"
    )
