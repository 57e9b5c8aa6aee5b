"""The known graphs and what files of graphs look like, without importing torch. · 已知的图与图文件的形式。"""

import re
from dataclasses import dataclass
from pathlib import Path

from .shelf import Shelf

PLANETOID = ("x", "tx", "allx", "y", "ty", "ally", "graph", "test.index")  # the files ind.NAME.* of a set
SUFFIXES = (".npz", ".graphml", ".gml")
ALONE = (".graphml", ".gml")  # one graph a file, of which a folder may hold many
INDICATOR = "_graph_indicator.txt"  # the end of a file name that only a set of TU Dortmund has
LISTS = (".csv", ".tsv", ".txt", ".cites", ".edges", ".edgelist")
_TITLES = re.compile(r"(?:source|src|from|u)[,;\s]+(?:target|dst|to|v)\b", re.IGNORECASE)
_EDGE = re.compile(r"-?\d+(?:[ \t]+|[ \t]*,[ \t]*)-?\d+")


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


def _dortmund(name: str, title: str, en: str, zh: str, attributes: bool = False) -> dict[str, Known]:
    """
    >>> _dortmund("mutag", "MUTAG", "molecules", "分子")["mutag"].shelf.folders
    ('MUTAG', 'tudataset/MUTAG')
    """
    words = ("A", "graph_indicator", "graph_labels", "node_labels", *(("node_attributes",) if attributes else ()))
    files, home = tuple(f"{title}_{word}.txt" for word in words), "https://chrsmrrs.github.io/datasets"
    return {name: Known(en, zh, Shelf((title, f"tudataset/{title}"), files, home))}


# Sets of graphs, each graph with a class.
SETS = {
    "motifs": Known(
        "1,200 trees with one of four motifs in each, alike in size and degrees; made by the package",
        "1,200 棵树，各含四种模体之一，规模与度数分布相同，由本库生成",
    ),
    **_dortmund("mutag", "MUTAG", "188 molecules, mutagenic or not (Debnath et al. 1991)", "188 个分子，是否致突变"),
    **_dortmund(
        "proteins",
        "PROTEINS",
        "1,113 proteins, enzymes or not (Borgwardt et al. 2005)",
        "1,113 个蛋白质，是否为酶",
        attributes=True,
    ),
}


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


def lists_edges(path: Path) -> bool:
    """Whether a text begins with pairs of whole numbers, or with the titles of a list of edges. · 是否为边表。

    >>> lists_edges(Path("no-such-list.txt"))
    False
    """
    if path.suffix.lower() not in LISTS or not path.is_file():
        return False
    with path.open("rb") as file:
        text = file.read(4096).decode("utf-8-sig", "replace")
    lines = [line.strip() for line in text.split("\n")[:20] if line.strip() and line[0] not in "#%"]
    return bool(lines) and (bool(_TITLES.match(lines[0])) or all(map(_EDGE.fullmatch, lines)))


def is_graph_set(path: Path) -> bool:
    """Whether a folder holds many graphs: files of TU Dortmund, or a graph a file. · 该文件夹是否为图集合。

    >>> is_graph_set(Path("no-such-folder"))
    False
    """
    if not path.is_dir():
        return False
    if any(path.glob(f"*{INDICATOR}")):
        return True
    return any(
        file.suffix.lower() in ALONE for sub in (path, *path.iterdir()) if sub.is_dir() for file in sub.iterdir()
    )
