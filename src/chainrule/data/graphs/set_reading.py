"""A set of graphs from wherever it lies. · 从各种来源读取一组图。"""

from pathlib import Path

from ...errors import UserError
from ..graph_names import ALONE, INDICATOR, SETS
from ..names import show
from ..sources import path_of
from . import folders, tu
from .motifs import motifs
from .sets import GraphSet, sound


def read_set(source: str | Path) -> GraphSet:
    """A known set, or that of a folder; no edge twice, no self-loops. · 读取一组图。

    source: "motifs"; "mutag", "proteins" from $CHAINRULE_DATA; a folder of TU Dortmund's files, or one of GraphML or
    GML files with labels.csv, or with a folder a class.

    Raises `UserError`, naming the file, for what cannot be read or is no sound set, every fault a line.

    >>> len(read_set("motifs"))
    1200
    """
    return sound(unchecked(source))


def unchecked(source: str | Path) -> GraphSet:
    """The same, its faults left to whoever wants to list them. · 读取而不检查。"""
    text = str(source)
    path = path_of(text) or Path(text).expanduser()
    if text == "motifs" and not path.exists():
        return motifs()
    if text in SETS and not path.exists():
        shelf = SETS[text].shelf
        assert shelf is not None  # only the set that is made here has none
        path = shelf.find(text)
    if not path.is_dir():
        what = "a file: expected the folder of a set" if path.exists() else "no such set of graphs: expected one of "
        listed = "" if path.exists() else f"{', '.join(SETS)} or a folder"
        raise UserError(f"{show(path)}: {what}{listed}")
    if any(path.glob(f"*{INDICATOR}")):
        return tu.of_folder(path)
    found = folders.of_folder(path)
    if not len(found):
        raise UserError(
            f"{show(path)}: no graphs in it: expected DS{INDICATOR} with its neighbours, or {' and '.join(ALONE)} files"
        )
    return found
