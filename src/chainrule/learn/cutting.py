"""How a text becomes tokens, in what a file holds and a script without chainrule does. · 供导出脚本使用的切词方式。"""

from typing import Any

from ..data.text.bpe import BPE
from ..data.text.normal import Normal
from ..data.text.side import Pieces
from ..data.text.tokens import Tokenizer, Words

PATTERNS = {"characters": "(?s).", "spaces": r"\S+"}
BARE = """    bare = "".join(c for c in unicodedata.normalize("NFD", {0}) if unicodedata.category(c) != "Mn")
    text = unicodedata.normalize("NFC", bare)
"""
WHOLE = """    return re.findall(facts["pattern"], text)
"""
MERGED = """    rank = {tuple(pair): i for i, pair in enumerate(facts["merges"])}
    for word in re.findall(facts["pattern"], text):
        parts = [*word[:-1], word[-1] + "</w>"]
        while fit := [(rank[pair], i) for i, pair in enumerate(zip(parts, parts[1:])) if pair in rank]:
            i = min(fit)[1]
            parts[i : i + 2] = [parts[i] + parts[i + 1]]
        yield from parts
"""


def cutting(cut: Tokenizer) -> dict[str, Any]:
    """What a file says of a scheme: a pattern of tokens, or of words that merges then cut. · 文件中的切词方式。

    The pattern is None where none says it: of a function of one's own, or of another library.

    >>> from chainrule.data.text.tokens import tokenizer
    >>> cutting(tokenizer("characters"))
    {'pattern': '(?s).', 'merges': None}
    """
    if isinstance(cut, Pieces | BPE):
        return {"pattern": PATTERNS["spaces"], "merges": (cut.bpe if isinstance(cut, Pieces) else cut).merges}
    return {"pattern": cut.pattern.pattern if isinstance(cut, Words) else PATTERNS.get(cut.name), "merges": None}


def cuts(cut: Tokenizer, normal: Normal, more: str = "") -> str:
    """The function `cut(text, facts)` of a script, which needs re and unicodedata. · 脚本中的切词函数。

    more: lines of its own between normalisation and cutting

    >>> from chainrule.data.text.tokens import tokenizer
    >>> print(cuts(tokenizer("words"), Normal(lower=True)).splitlines()[1])
        text = text.lower()
    """
    text = f'unicodedata.normalize("{normal.form.upper()}", text)' if normal.form else "text"
    text += ".lower()" * normal.lower
    bare = "" if normal.accents else BARE.format(text)
    text = "text" if bare else text
    text = f'" ".join({text}.split())' if normal.space else text
    lines = bare + f"    text = {text}\n" * (text != "text")
    return f"def cut(text, facts):\n{lines}{more}{WHOLE if cutting(cut)['merges'] is None else MERGED}"
