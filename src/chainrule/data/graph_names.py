"""The known graphs and what files of graphs look like, without importing torch. · 已知的图与图文件的形式。"""

from dataclasses import dataclass
from pathlib import Path

from .shelf import Shelf

PLANETOID = ("x", "tx", "allx", "y", "ty", "ally", "graph", "test.index")  # the files ind.NAME.* of a set
SUFFIXES = (".npz", ".graphml", ".gml")
LISTS = (".csv", ".tsv", ".txt", ".cites", ".edges", ".edgelist")


@dataclass(frozen=True)
class Known:
    """A known graph; shelf is None where it needs no files. · 一个已知的图。"""

    en: str
    zh: str
    shelf: Shelf | None = None


def _planetoid(name: str, en: str, zh: str) -> dict[str, Known]:
    """
    >>> _planetoid("cora", "papers", "论文")["cora"].shelf.files[0]
    'ind.cora.x'
    """
    files = tuple(f"ind.{name}.{end}" for end in PLANETOID)
    return {name: Known(en, zh, Shelf(("planetoid",), files, "https://github.com/kimiyoung/planetoid"))}


GRAPHS = {
    **_planetoid(
        "cora", "2,708 papers in 7 fields and who cites whom (Sen et al. 2008)", "2,708 篇论文及其引用，7 个领域"
    ),
    **_planetoid("citeseer", "3,327 papers in 6 fields and who cites whom", "3,327 篇论文及其引用，6 个领域"),
    **_planetoid(
        "pubmed", "19,717 papers on diabetes of 3 kinds and who cites whom", "19,717 篇糖尿病论文及其引用，3 类"
    ),
    "karate": Known("34 members of a club and who met whom (Zachary 1977)", "空手道俱乐部 34 名成员的往来"),
}
NAMES = tuple(GRAPHS)


def present(folder: Path) -> tuple[str, ...]:
    """The Planetoid sets of which a folder holds files. · 文件夹中已有的数据集。"""
    return tuple(sorted({p.name.split(".")[1] for p in folder.glob("ind.*.*") if p.name.count(".") >= 2}))


def is_graph(path: Path) -> bool:
    """Whether a path is a graph rather than images. · 该路径是否为图数据。

    >>> is_graph(Path("club.gml")), is_graph(Path("cat.png"))
    (True, False)
    """
    if path.is_dir():
        return (path / "edges.csv").is_file() or bool(present(path))
    return path.suffix.lower() in (*SUFFIXES, ".cites", ".edges", ".edgelist")
