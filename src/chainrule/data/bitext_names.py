"""The known parallel texts and where they lie; no torch and no numpy here. · 已知的平行语料及其位置。"""

from dataclasses import dataclass
from pathlib import Path

from ..errors import UserError
from .shelf import Shelf
from .sources import path_of


@dataclass(frozen=True)
class Known:
    """A set that has a name. · 有名称的语料。

    folders: where it may lie below $CHAINRULE_DATA; sides: source and target if none are asked for; columns: language →
    column, where it is a table.
    """

    folders: tuple[str, ...]
    sides: tuple[str, str]
    en: str
    zh: str
    homepage: str
    columns: dict[str, int]

    @property
    def shelf(self) -> Shelf:
        """Where it lies. · 存放位置。"""
        return Shelf(self.folders, (), self.homepage)


KNOWN = {
    "multi30k": Known(
        ("multi30k",),
        ("de", "en"),
        "31,014 captions of photographs in German, English and French (Elliott et al. 2016)",
        "31,014 句图片说明，德、英、法三语",
        "https://github.com/multi30k/dataset",
        {},
    ),
    "tatoeba": Known(
        ("tatoeba-eng-cmn", "tatoeba"),
        ("eng", "cmn"),
        "29,155 sentences in English and Chinese, from Tatoeba (CC BY 2.0 FR)",
        "Tatoeba 英汉句对 29,155 个",
        "https://www.manythings.org/anki/",
        {"eng": 0, "cmn": 1},
    ),
}


def locate(source: str) -> Path:
    """The folder or file of a name or a path. · 语料所在。

    Raises `UserError` that says where a known set would have to lie.
    """
    path = path_of(source)
    if path is None and source in KNOWN:
        return KNOWN[source].shelf.find(source)
    if path is None:
        raise UserError(f"data {source!r}: expected {', '.join(KNOWN)}, or the path of a folder or a table of pairs")
    return path
