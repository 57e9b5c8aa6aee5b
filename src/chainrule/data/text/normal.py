"""What two spellings of a word have in common: case, accents, forms of Unicode, white space. · 文本归一化。

No torch here.
"""

import re
import unicodedata
from dataclasses import dataclass
from typing import Literal

from ...errors import UserError, unknown

_FORMS: dict[str, Literal["NFC", "NFKC", "NFD", "NFKD"]] = {"nfc": "NFC", "nfkc": "NFKC", "nfd": "NFD", "nfkd": "NFKD"}
FORMS = tuple(_FORMS)
_SPACES = re.compile(r"\s+")


@dataclass(frozen=True)
class Normal:
    """Options of normalisation, applied in this order. · 归一化选项，依次应用。

    form: a form of Unicode, "" for none ("nfkc" makes full-width letters half-width). lower: small letters only.
    accents: False takes them off. space: True makes each stretch of white space one blank and strips the ends.

    >>> Normal(form="nfkc", lower=True, accents=False, space=True)("Ｃafé  AU lait ")
    'cafe au lait'
    """

    form: str = ""
    lower: bool = False
    accents: bool = True
    space: bool = False

    def __post_init__(self) -> None:
        if self.form and self.form not in FORMS:
            raise unknown("form of Unicode", self.form, FORMS)

    def __call__(self, text: str) -> str:
        if self.form:
            text = unicodedata.normalize(_FORMS[self.form], text)
        if self.lower:
            text = text.lower()
        if not self.accents:
            bare = "".join(c for c in unicodedata.normalize("NFD", text) if unicodedata.category(c) != "Mn")
            text = unicodedata.normalize("NFC", bare)
        return _SPACES.sub(" ", text).strip() if self.space else text

    def __str__(self) -> str:
        words = [self.form, "lower" * self.lower, "unaccented" * (not self.accents), "space" * self.space]
        return "+".join(filter(None, words)) or "none"

    @classmethod
    def parse(cls, word: str) -> "Normal":
        """Options by their names, joined by +, as `str` writes them. · 由名称解析选项。

        Raises `UserError` for an unknown one, or two forms of Unicode.

        >>> str(Normal.parse("lower+nfc"))
        'nfc+lower'
        """
        words = [part for part in word.lower().split("+") if part and part != "none"]
        for part in words:
            if part not in (*FORMS, "lower", "unaccented", "space"):
                raise unknown("normalisation", part, (*FORMS, "lower", "unaccented", "space", "none"))
        forms = [part for part in words if part in FORMS]
        if len(set(forms)) > 1:
            raise UserError(f"normalise={word}: two forms of Unicode: expected one of {', '.join(FORMS)}")
        return cls("".join(forms[:1]), "lower" in words, "unaccented" not in words, "space" in words)
