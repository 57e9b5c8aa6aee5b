"""Text: read in any encoding, cut into tokens, numbered, batched by length. · 文本：读取、切词、编号、成批。

>>> from chainrule.data.text import Vocabulary, tokenizer
>>> cut = tokenizer("words")
>>> words = Vocabulary.build([cut.tokenize("A man, a dog.")])
>>> words.encode(cut.tokenize("a man")), words.token(0)
([7, 9], '<PAD>')
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .batches import Batches as Batches
    from .batches import Stream as Stream
    from .batches import Windows as Windows
    from .bpe import BPE as BPE
    from .normal import Normal as Normal
    from .padded import Padded as Padded
    from .padded import Pairs as Pairs
    from .padded import pad as pad
    from .padded import pair as pair
    from .padded import target_tokens as target_tokens
    from .reading import Text as Text
    from .reading import read as read
    from .tables import columns as columns
    from .tables import parallel as parallel
    from .tokens import tokenizer as tokenizer
    from .vocabulary import Vocabulary as Vocabulary

# Loaded on first use: the command line reads files and cuts them without torch.
_HOME = {
    "BPE": "bpe",
    "Batches": "batches",
    "Normal": "normal",
    "Padded": "padded",
    "Pairs": "padded",
    "Stream": "batches",
    "Text": "reading",
    "Vocabulary": "vocabulary",
    "Windows": "batches",
    "columns": "tables",
    "pad": "padded",
    "pair": "padded",
    "parallel": "tables",
    "read": "reading",
    "target_tokens": "padded",
    "tokenizer": "tokens",
}
__all__ = sorted(_HOME)  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str):
    if name in _HOME:
        return getattr(import_module(f".{_HOME[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
