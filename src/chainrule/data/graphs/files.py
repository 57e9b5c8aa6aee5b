"""Graphs in files of others: .npz of a CSR adjacency, GraphML, GML; the karate club. · 其他格式的图文件。"""

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ...errors import UserError
from ..names import show
from .graph import Features, Graph, masked, sound_edges
from .pickled import Matrix, unpickle

CLASS = ("class", "club")  # attributes that say a node's class, never one of its features
KARATE_TAUGHT = (0, 33)  # Mr Hi and the officer: the two whose side needs no guess


def karate() -> Graph:
    """Zachary's karate club: who met whom outside, and whom each followed when it fell apart. · 空手道俱乐部。

    34 members, 78 ties weighted by how many ways they met; taught are only the two leaders. Zachary 1977,
    doi:10.1086/jar.33.4.3629752.

    >>> karate().edges.shape[1]
    156
    """
    import networkx

    club = networkx.karate_club_graph()
    ties = list(club.edges(data="weight", default=1))
    edges = torch.tensor([(a, b) for a, b, _ in ties]).T
    weights = torch.tensor([float(w) for *_, w in ties])
    classes = ("Mr. Hi", "Officer")
    y = torch.tensor([classes.index(club.nodes[i]["club"]) for i in range(len(club))])
    rest = [i for i in range(len(club)) if i not in KARATE_TAUGHT]
    masks = masked(len(club), (KARATE_TAUGHT, [], rest))
    del masks["val"]
    x = Features.of(torch.eye(len(club)))
    return Graph("karate", edges, len(club), weights, x, y, classes, masks).symmetric()


def of_npz(path: Path) -> Graph:
    """An .npz with adj_data, adj_indices, adj_indptr, adj_shape, attr_… and labels. · 读取 .npz 中的 CSR 邻接矩阵。

    scipy's matrices may lie in it as objects: they are read by the allow-list.
    Raises `UserError`, naming the file, for what is missing or damaged.
    """
    held = members(path)
    adjacency, x = _matrix(held, "adj", path), _matrix(held, "attr", path)
    if adjacency is None:
        raise UserError(
            f"{show(path)}: holds {', '.join(sorted(held)) or 'nothing'}: expected adj_data, adj_indices, adj_indptr, "
            "adj_shape"
        )
    if adjacency.shape[0] != adjacency.shape[1]:
        raise UserError(f"{show(path)}: an adjacency of {adjacency.shape[0]} × {adjacency.shape[1]}: expected a square")
    nodes = adjacency.shape[0]
    hearer = np.repeat(np.arange(nodes), np.diff(adjacency.indptr))
    edges, faults = sound_edges(np.stack([adjacency.indices, hearer]), nodes, show(path))
    y = held.get("labels", held.get("node_label"))
    for what, length in (("features", x and x.shape[0]), ("labels", y is not None and len(y))):
        if length not in (None, False, nodes):
            raise UserError(f"{show(path)}: {what} of {length} nodes: expected {nodes}, one a node")
    features = None
    if x is not None:
        values = torch.as_tensor(np.asarray(x.data, np.float32))
        features = Features(values, torch.as_tensor(x.indptr), torch.as_tensor(x.indices), x.shape)
    if y is not None and not _whole(np.asarray(y)):
        raise UserError(f"{show(path)}: labels are no whole numbers, one a node: expected 0, 1, …, below 0 for none")
    known = None if y is None else torch.as_tensor(np.asarray(y, np.int64))
    classes = () if known is None else tuple(map(str, range(int(known.max()) + 1)))
    weights = torch.as_tensor(np.asarray(adjacency.data, np.float32))
    uniform = bool((weights == 1).all())
    return Graph(path.stem, edges, nodes, None if uniform else weights, features, known, classes, faults=faults)


def _whole(y: np.ndarray) -> bool:
    """Whether labels are whole numbers, one a node."""
    return y.ndim == 1 and y.dtype.kind in "biuf" and bool((y == np.floor(y)).all())


def members(path: Path) -> dict[str, Any]:
    """The arrays of an .npz by name; what is an object is read by the allow-list. · 读取 .npz 的各成员。"""
    try:
        with zipfile.ZipFile(path) as packed:
            return {
                info.filename.removesuffix(".npy"): _member(packed.read(info), f"{show(path)}/{info.filename}")
                for info in packed.infolist()
                if info.filename.endswith(".npy") and "metadata" not in info.filename
            }
    except (zipfile.BadZipFile, OSError, RuntimeError) as error:
        raise UserError(f"{show(path)}: damaged or no .npz ({error}); get the file anew") from None


def _member(data: bytes, name: str) -> Any:
    import io

    file = io.BytesIO(data)
    try:
        major, _ = np.lib.format.read_magic(file)
        read = np.lib.format.read_array_header_1_0 if major == 1 else np.lib.format.read_array_header_2_0
        _, _, kind = read(file)
        if not kind.hasobject:
            return np.lib.format.read_array(io.BytesIO(data), allow_pickle=False)
    except (ValueError, EOFError, SyntaxError) as error:
        raise UserError(f"{name}: damaged ({error}); get the file anew") from None
    value = unpickle(data[file.tell() :], name)
    return value[0] if isinstance(value, list) and len(value) == 1 else value


def _matrix(held: dict[str, Any], word: str, path: Path) -> Matrix | None:
    """A matrix of its four parts, or the object itself."""
    for name in (f"{word}_matrix", f"node_{word}"):
        if isinstance(held.get(name), Matrix):
            return held[name]
    dense = held.get(f"{word}_matrix", held.get(f"node_{word}"))
    if isinstance(dense, np.ndarray) and dense.ndim == 2:
        at = dense.nonzero()
        indptr = np.concatenate([[0], np.bincount(at[0], minlength=len(dense)).cumsum()])
        return Matrix().fill(dense[at], at[1], indptr, dense.shape)
    parts = [held.get(f"{word}_{part}") for part in ("data", "indices", "indptr", "shape")]
    if any(part is None for part in parts):
        return None
    try:
        return Matrix().fill(*parts)
    except (UserError, TypeError, ValueError) as error:
        raise UserError(f"{show(path)}: {word}_*: {error}") from None


def parsed(path: Path) -> Any:
    """What networkx makes of a GraphML or GML file. · 经 networkx 解析。

    Raises `UserError`, naming the file, for what it cannot read.
    """
    import networkx

    try:
        if path.suffix.lower() == ".graphml":
            return networkx.read_graphml(path)
        return networkx.read_gml(path, label="id")
    except Exception as error:  # the parsers below raise whatever XML and text do
        raise UserError(f"{show(path)}: networkx cannot read it ({type(error).__name__}: {error})") from None


def of_networkx(path: Path) -> Graph:
    """A GraphML or GML file by networkx: weight of the edges, numeric attributes as features, `class` or `club`.

    · 经 networkx 读取 GraphML 或 GML。

    Raises `UserError`, naming the file, for what networkx cannot read.
    """
    found = parsed(path)
    place = {node: i for i, node in enumerate(found.nodes)}
    titles = [d.pop("label", None) for _, d in found.nodes(data=True)] if path.suffix.lower() == ".gml" else []
    names = titles if None not in titles and len(set(titles)) == len(place) else list(place)
    ties = [(place[a], place[b], w) for a, b, w in found.edges(data="weight", default=1)]
    edges = torch.tensor([(a, b) for a, b, _ in ties], dtype=torch.int64).reshape(-1, 2).T
    try:
        weights = torch.tensor([float(w) for *_, w in ties])
    except (TypeError, ValueError):
        raise UserError(f"{show(path)}: a weight of an edge is no number: expected numbers") from None
    held = [{k: v for k, v in d.items() if k not in CLASS} for _, d in found.nodes(data=True)]
    columns = sorted({k for d in held for k, v in d.items() if isinstance(v, int | float)})
    table = [[_number(d.get(k)) for k in columns] for d in held]
    x = Features.of(torch.tensor(table).reshape(len(names), -1)) if columns else None
    told = [next((d[k] for k in CLASS if k in d), None) for _, d in found.nodes(data=True)]
    classes = tuple(sorted({str(c) for c in told if c is not None}))
    y = torch.tensor([classes.index(str(c)) if c is not None else -1 for c in told]) if classes else None
    graph = Graph(path.stem, edges, len(names), weights, x, y, classes, names=tuple(map(str, names)))
    return graph if found.is_directed() else graph.symmetric()


def _number(value: Any) -> float:
    """NaN for what is lacking or a word: a fault of the graph, which is told with all others."""
    return float(value) if isinstance(value, int | float) else float("nan")
