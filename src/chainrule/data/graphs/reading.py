"""One graph from wherever it lies. · 从各种来源读取一个图。"""

from pathlib import Path

from ...errors import UserError
from ..graph_names import GRAPHS, LISTS, NAMES, SUFFIXES, present
from ..names import show
from ..sources import path_of
from . import planetoid
from .check import faults
from .graph import Graph


def read(source: str | Path) -> Graph:
    """A known graph, or that of a file or folder. · 读取一个图。

    source: "karate"; "cora", "citeseer", "pubmed" from $CHAINRULE_DATA/planetoid; a folder of Planetoid files or one
    with edges.csv and nodes.csv; an .npz of a CSR adjacency, GraphML, GML, or a list of edges.

    Raises `UserError`, naming the file, for what cannot be read or is no sound graph, every fault a line.

    >>> read("karate").nodes
    34
    """
    graph = unchecked(source)
    wrong = faults(graph)
    if wrong:
        raise UserError(*wrong)
    return graph


def unchecked(source: str | Path) -> Graph:
    """The same, its faults left to whoever wants to list them. · 读取而不检查。"""
    text = str(source)
    if text == "karate":
        from .files import karate

        return karate()
    if text in NAMES:
        return planetoid.read(home(text), text)
    path = path_of(text) or Path(text).expanduser()
    if path.is_dir():
        return _folder(path)
    if not path.is_file():
        raise UserError(f"{show(path)}: no such graph: expected one of {', '.join(NAMES)} or the path of one")
    return _file(path)


def home(name: str) -> Path:
    """The folder of a Planetoid set. · Planetoid 数据所在文件夹。"""
    shelf = GRAPHS[name].shelf
    assert shelf is not None  # only the karate club has none
    return shelf.find(name)


def _folder(path: Path) -> Graph:
    sets = list(present(path))
    if (path / "edges.csv").is_file():
        from .tables import of_folder

        return of_folder(path)
    if not sets:
        raise UserError(f"{show(path)}: no graph in it: expected edges.csv with nodes.csv, or the files ind.NAME.*")
    if len(sets) > 1:
        raise UserError(f"{show(path)}: holds {', '.join(sets)}: expected one set in a folder, or its name")
    return planetoid.read(path, sets[0])


def _file(path: Path) -> Graph:
    suffix = path.suffix.lower()
    if suffix in LISTS:
        from .tables import of_edges

        return of_edges(path)
    if suffix not in SUFFIXES:
        known = ", ".join((*SUFFIXES, *LISTS))
        raise UserError(f"{show(path)}: no known form of a graph: expected one of {known}")
    from .files import of_networkx, of_npz

    return of_npz(path) if suffix == ".npz" else of_networkx(path)
