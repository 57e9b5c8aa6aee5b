"""The known graphs and what files of graphs look like, without importing torch. · 已知的图与图文件的形式。"""

from pathlib import Path

NAMES = ("cora", "citeseer", "pubmed", "karate")
SUFFIXES = (".npz", ".graphml", ".gml")
LISTS = (".csv", ".tsv", ".txt", ".cites", ".edges", ".edgelist")


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
