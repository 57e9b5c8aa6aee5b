"""What one can ask of a run that learned whole graphs. · 可以问一次整图学习运行的问题。"""

from collections.abc import Iterable
from dataclasses import replace
from os import PathLike
from pathlib import Path

import torch
from torch import Tensor

from ...data.graph_names import ALONE
from ...data.graphs.folders import of_files
from ...data.graphs.set_reading import read_set
from ...data.graphs.sets import GraphSet, sound
from ...data.names import show
from ...errors import UserError, did_you_mean
from ..batch import answer
from ..trained import Run
from .node_run import GRAPHS, NodePrediction
from .set_data import Graphs, SetData, SetFacts

AT_ONCE = 256  # graphs


class SetRun(Run):
    """A run that learned the classes of whole graphs. · 一次整图分类的运行。"""

    use_it = ("predict", "[SET|FILE] [GRAPH]…")
    instead = {"export": (GRAPHS, "predict", "[SET|FILE] [GRAPH]…")}

    @property
    def classes(self) -> tuple[str, ...]:
        return self.facts.classes

    def _load(self, source: str) -> SetData:
        if source == self.data:
            return self.kind.dataset(self.model, source, self.settings)
        return judged(source, self.facts)

    @torch.no_grad()
    def shares(self, part: Graphs) -> Tensor:
        """The share of each class for every graph of a part, [n, C]. · 各图的类别概率。"""
        starts = range(0, len(part), AT_ONCE)
        batches = (part.batch(torch.arange(i, min(i + AT_ONCE, len(part))))[0] for i in starts)
        return torch.cat([answer(self.network, x) for x in batches]).softmax(1)

    def predict(
        self, graphs: Iterable[str | int] = (), data: str | PathLike[str] | None = None, topk: int = 5
    ) -> list[NodePrediction]:
        """The likeliest classes of the graphs named, or of all. · 预测整图类别。

        data  another set, or a GraphML or GML file; else the run's own, of which all are those of the test part
        Raises `UserError` for graphs that are not there, all at once, and for nodes unlike those of the training.
        """
        named = [str(graph) for graph in graphs]
        found = self.read(None).found if data is None else opened(data)
        rows = places(found, named)
        if data is None and not named and self.read(None).test is not None:
            rows = self.read(None).test.rows
        shares, best = self.shares(Graphs(found, self.facts.features_of(found), rows)).topk(
            min(topk, len(self.classes)), dim=1
        )
        told = []
        for graph, p, c in zip(rows.tolist(), shares.tolist(), best.tolist(), strict=True):
            top = tuple((self.classes[k], float(share)) for share, k in zip(p, c, strict=True))
            told.append(NodePrediction(found.called(graph), top[0][0], top[0][1], top))
        return told


def opened(source: str | PathLike[str]) -> GraphSet:
    """A set, or a file of one graph. · 一组图或单个图文件。"""
    path = Path(source).expanduser()
    if path.suffix.lower() not in ALONE or path.is_dir():
        return read_set(str(source))
    if not path.is_file():
        raise UserError(f"{show(path)}: no such file: expected a graph, or the folder of a set")
    return sound(of_files(path.name, [path], torch.tensor([-1]), ()))


def judged(source: str, facts: SetFacts) -> SetData:
    """Another set with classes of the run, all of it to be judged. · 用于评估的另一组图。

    Raises `UserError` for a class that training never saw.
    """
    found = read_set(source)
    place = {word: i for i, word in enumerate(facts.classes)}
    if new := [word for word in found.classes if word not in place]:
        raise UserError(
            f"{found.name}: class {show(new[0])}: expected those of the run, {', '.join(map(show, facts.classes[:8]))}"
        )
    y = torch.tensor([place[word] for word in found.classes])[found.y]
    found = replace(found, y=y, classes=facts.classes)
    whole = Graphs(found, facts.features_of(found), torch.arange(len(found)))
    return SetData(source, found, facts, whole, None, whole)


def places(found: GraphSet, named: list[str]) -> Tensor:
    """The rows of the graphs named, or all rows. · 由名称得到图的序号。

    >>> pair = GraphSet("two", torch.tensor([0, 1, 2]), torch.zeros(2, 0, dtype=torch.int64), torch.zeros(2), ())
    >>> places(pair, ["2"])
    tensor([1])
    """
    if not named:
        return torch.arange(len(found))
    known = {found.called(i): i for i in range(len(found))}
    near = "" if found.names else f": expected a number in 1…{len(found)}"
    wrong = [
        f"graph {show(name)!r}: {found.name} has none of that name{near or did_you_mean(name, known)}"
        for name in named
        if name not in known
    ]
    if wrong:
        raise UserError(*wrong)
    return torch.tensor([known[name] for name in named])
