"""Tokenizers of Hugging Face, from their tokenizer.json. · 读取 Hugging Face 的 tokenizer.json。

No torch here.
"""

from pathlib import Path

from ...errors import UserError
from ..names import show


class HuggingFace:
    """A tokenizer.json, read by the package `tokenizers` (the extra `text`). · 由 tokenizers 包读取。

    Raises `UserError` without the package, and for a file that it cannot read.
    """

    lossless = False

    def __init__(self, path: str) -> None:
        try:
            from tokenizers import Tokenizer
        except ImportError as error:
            raise UserError('tokens=hf: needs the extra text: pip install "chainrule[text]"') from error
        if not Path(path).is_file():
            raise UserError(f"{show(path)}: no such file; expected a tokenizer.json of Hugging Face")
        try:
            self.inner = Tokenizer.from_file(path)
        except Exception as error:  # the package raises plain Exception
            raise UserError(f"{show(path)}: no tokenizer.json ({error}): expected one of Hugging Face") from error
        self.name = f"hf:{path}"

    def tokenize(self, text: str) -> list[str]:
        """The tokens, without those that the file adds at the ends. · 切词。"""
        return self.inner.encode(text, add_special_tokens=False).tokens

    def detokenize(self, tokens: list[str]) -> str:
        """The text, by the file's own decoder. · 还原。"""
        if self.inner.decoder is not None:
            return self.inner.decoder.decode(tokens)
        return " ".join(tokens)
