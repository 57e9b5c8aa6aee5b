"""Graphs from files: the published sets to the last edge, and one line for whatever is wrong."""

import collections
import pickle
import sys
import types
from pathlib import Path

import numpy as np
import pytest
import torch

from chainrule.cli.main import main
from chainrule.data.graphs import Graph, read
from chainrule.data.graphs.check import faults, notes, summary
from chainrule.data.graphs.graph import Features, masked
from chainrule.data.graphs.reading import unchecked
from chainrule.errors import UserError


def scipy_like() -> type:
    """A csr_matrix that pickles under scipy's name, so that no scipy is needed."""
    module = types.ModuleType("scipy.sparse._csr")
    made = type("csr_matrix", (), {"__module__": "scipy.sparse._csr"})
    module.csr_matrix = made  # pyright: ignore[reportAttributeAccessIssue]
    return made


@pytest.fixture
def csr(monkeypatch):
    made = scipy_like()
    for name in ("scipy", "scipy.sparse", "scipy.sparse._csr"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    sys.modules["scipy.sparse._csr"].csr_matrix = made  # pyright: ignore[reportAttributeAccessIssue]

    def of(dense) -> object:
        dense = np.asarray(dense, np.float32)
        row, col = dense.nonzero()
        matrix = made()
        indptr = np.r_[0, np.bincount(row, minlength=len(dense)).cumsum()]
        vars(matrix).update(_shape=dense.shape, data=dense[row, col], indices=col, indptr=indptr)
        return matrix

    return of


TRAIN, KNOWN, TEST = 3, 504, [507, 504, 508]  # in the order of test.index, with gaps at 505 and 506


@pytest.fixture
def planetoid(tmp_path, csr) -> Path:
    """A set of 509 nodes written as Planetoid does: test nodes out of order, gaps, duplicates, loops."""
    x = np.zeros((KNOWN, 4))
    x[np.arange(KNOWN), np.arange(KNOWN) % 4] = 1
    y = np.eye(2)[np.arange(KNOWN) % 2].astype(int)
    tx, ty = np.diag([2.0, 3.0, 4.0, 0.0])[:3], np.array([[1, 0], [0, 1], [1, 0]])
    graph = collections.defaultdict(list, {0: [1, 1, 0], 1: [0], 507: [2], 2: [507, 507]})
    parts = {"x": csr(x[:TRAIN]), "y": y[:TRAIN], "allx": csr(x), "ally": y, "tx": csr(tx), "ty": ty, "graph": graph}
    for name, value in parts.items():
        (tmp_path / f"ind.toy.{name}").write_bytes(pickle.dumps(value, 2))
    (tmp_path / "ind.toy.test.index").write_text("\n".join(map(str, TEST)) + "\n")
    return tmp_path


def test_trap_12_planetoid_test_nodes_are_put_in_their_places_and_gaps_stay_empty(planetoid):
    graph = read(planetoid)
    assert graph.nodes == 509 and graph.x is not None and graph.y is not None
    dense = graph.x.dense()
    assert [dense[i].tolist() for i in TEST] == [[2, 0, 0, 0], [0, 3, 0, 0], [0, 0, 4, 0]]
    assert graph.y[TEST].tolist() == [0, 1, 0] and graph.y[[505, 506]].tolist() == [-1, -1]
    assert not dense[[505, 506]].any() and [int(m.sum()) for m in graph.masks.values()] == [3, 500, 3]
    assert not graph.masks["test"][505]


def test_trap_11_planetoid_edges_are_once_in_both_directions_without_loops(planetoid):
    assert sorted(map(tuple, read(planetoid).edges.T.tolist())) == [(0, 1), (1, 0), (2, 507), (507, 2)]


def test_cora_is_the_published_graph(shared_data, monkeypatch):
    monkeypatch.setenv("CHAINRULE_DATA", str(shared_data))
    graph = read("cora")
    assert graph.x is not None and graph.y is not None
    assert (graph.nodes, graph.edges.shape[1], graph.x.shape[1], len(graph.x.value)) == (2708, 10556, 1433, 49216)
    assert graph.edges.shape[1] + graph.nodes == 13264 and len(graph.classes) == 7
    assert {part: int(m.sum()) for part, m in graph.masks.items()} == {"train": 140, "val": 500, "test": 1000}
    assert graph.y.bincount().tolist() == [351, 217, 418, 818, 426, 298, 180]
    assert graph.y[graph.masks["train"]].bincount().tolist() == [20] * 7
    assert torch.equal(graph.symmetric().edges, graph.edges)


def test_npz_of_scipy_objects_is_read_by_the_allow_list(shared_data):
    graph = read(shared_data / "graphs" / "amazon_photo.npz")
    assert graph.x is not None and (graph.nodes, graph.x.shape[1], len(graph.classes)) == (7650, 745, 8)


def test_npz_of_plain_arrays(tmp_path):
    np.savez(
        tmp_path / "toy.npz", adj_data=np.ones(3), adj_indices=[1, 0, 1], adj_indptr=[0, 1, 3], adj_shape=[2, 2],
        labels=[0, 1], attr_matrix=np.eye(2),
    )  # fmt: skip
    graph = read(tmp_path / "toy.npz")
    assert graph.edges.tolist() == [[1, 0, 1], [0, 1, 1]] and graph.classes == ("0", "1")
    assert graph.x is not None and torch.equal(graph.x.dense(), torch.eye(2))


def test_karate_club():
    graph = read("karate")
    assert (graph.nodes, graph.edges.shape[1]) == (34, 156)
    assert graph.y is not None and graph.y[graph.masks["train"]].tolist() == [0, 1]


def test_graphml_and_gml(tmp_path):
    import networkx

    made = networkx.DiGraph()
    made.add_node("a", size=2.0, **{"class": "red"})
    made.add_node("b", size=3.0)
    made.add_edge("a", "b", weight=0.5)
    networkx.write_graphml(made, tmp_path / "g.graphml")
    networkx.write_gml(made, tmp_path / "g.gml")
    graph = read(tmp_path / "g.graphml")
    assert graph.names == ("a", "b") and graph.edges.tolist() == [[0], [1]] and graph.classes == ("red",)
    assert graph.weights is not None and graph.weights.tolist() == [0.5]
    assert graph.y is not None and graph.y.tolist() == [0, -1]
    assert read(tmp_path / "g.gml").edges.tolist() == [[0], [1]]


@pytest.mark.parametrize("form", ["graphml", "gml"])
def test_an_attribute_that_a_node_lacks_is_a_fault(tmp_path, form):
    import networkx

    made = networkx.path_graph(3)
    networkx.set_node_attributes(made, {0: 2.0, 2: 3.0}, "size")
    getattr(networkx, f"write_{form}")(made, tmp_path / f"g.{form}")
    assert any(
        "features of 1 node are no number (the first: node 1)" in line
        for line in faults(unchecked(tmp_path / f"g.{form}"))
    )


@pytest.mark.parametrize("form", ["graphml", "gml"])
def test_a_class_that_is_a_number_is_no_feature(tmp_path, form):
    import networkx

    made = networkx.path_graph(3)
    networkx.set_node_attributes(made, {0: 0, 1: 1, 2: 1}, "class")
    getattr(networkx, f"write_{form}")(made, tmp_path / f"g.{form}")
    graph = read(tmp_path / f"g.{form}")
    assert graph.x is None and graph.classes == ("0", "1") and graph.y is not None and graph.y.tolist() == [0, 1, 1]


@pytest.fixture
def tables(tmp_path):
    (tmp_path / "edges.csv").write_text("source,target,weight\nann,bob,2\nbob,cy,1\n")
    (tmp_path / "nodes.csv").write_text("id,age,size,class,part\nann,1,0,x,train\nbob,2,5,y,test\ncy,3,0,,\n")
    return tmp_path


def test_edges_and_nodes_as_tables(tables):
    graph = read(tables)
    assert graph.names == ("ann", "bob", "cy") and graph.edges.tolist() == [[0, 1], [1, 2]]
    assert graph.weights is not None and graph.weights.tolist() == [2, 1]
    assert graph.x is not None and graph.x.dense().tolist() == [[1, 0], [2, 5], [3, 0]]
    assert graph.y is not None and graph.y.tolist() == [0, 1, -1]
    assert graph.masks["test"].tolist() == [False, True, False]


def test_an_edge_list_alone_names_its_nodes(tmp_path):
    (tmp_path / "g.edges").write_text("# a comment\n10 2\n2 33\n")
    assert read(tmp_path / "g.edges").names == ("2", "10", "33")


def test_trap_12_features_by_row_sum_to_one_and_a_blank_row_stays_blank():
    x = Features.of(torch.tensor([[2.0, 0, 6], [0, 0, 0]])).row_normalised()
    assert x.dense().tolist() == [[0.25, 0, 0.75], [0, 0, 0]]


def test_a_split_is_drawn_class_by_class_and_no_node_is_in_two_parts():
    graph = Graph("g", torch.zeros(2, 0, dtype=torch.int64), 40, y=torch.arange(40) % 2, classes=("a", "b"))
    parts = graph.split(5, 10, 10, seed=1).masks
    assert [int(m.sum()) for m in parts.values()] == [10, 10, 10]
    assert not faults(graph.split(5, 10, 10, seed=1)) and graph.y is not None
    assert graph.y[parts["train"]].bincount().tolist() == [5, 5]
    assert not torch.equal(parts["train"], graph.split(5, 10, 10, seed=2).masks["train"])


def test_what_is_worth_knowing_is_no_fault():
    edges = torch.tensor([[0, 1, 2, 0, 0], [1, 0, 2, 3, 3]])
    graph = Graph(
        "g", edges, 6, y=torch.zeros(6, dtype=torch.int64), classes=("a", "b"), masks=masked(6, ([0], [1], [2]))
    )
    assert notes(graph) == [
        "directed: 2 of 5 edges have no way back", "1 edge there twice", "1 self-loop", "2 isolated nodes",
        "no training node of class b",
    ]  # fmt: skip
    assert not faults(graph) and "6 nodes, 5 edges, 2 classes" in summary(graph)


class Bomb:
    def __reduce__(self):
        return print, ("it ran",)


def damaged(folder: Path, name: str, data: bytes) -> Path:
    (folder / f"ind.toy.{name}").write_bytes(data)
    return folder


def edit(folder: Path, name: str, text: str) -> Path:
    (folder / name).write_text(text)
    return folder


BAD_PLANETOID = {
    "a call": (lambda f: damaged(f, "x", pickle.dumps(Bomb())), "names builtins.print"),
    "a call in an array": (lambda f: damaged(f, "y", pickle.dumps([np.ones((2, 2)), Bomb()])), "nothing of it was run"),
    "cut off": (lambda f: damaged(f, "allx", (f / "ind.toy.allx").read_bytes()[:300]), "damaged or cut off"),
    "empty": (lambda f: damaged(f, "tx", b""), "damaged or cut off"),
    "a list for a matrix": (lambda f: damaged(f, "x", pickle.dumps([1])), "expected a sparse matrix"),
    "an array for a graph": (lambda f: damaged(f, "graph", pickle.dumps(np.ones(3))), "expected a dictionary of lists"),
    "missing": (lambda f: [(f / "ind.toy.ty").unlink(), f][1], "cannot be read"),
    "an index of words": (lambda f: edit(f, "ind.toy.test.index", "507\nlast\n"), "a node's number on each line"),
    "an index twice": (lambda f: edit(f, "ind.toy.test.index", "507\n507\n504\n"), "each once"),
    "too short an index": (lambda f: edit(f, "ind.toy.test.index", "507\n"), "test.index names 1"),
    "an index among the known": (lambda f: edit(f, "ind.toy.test.index", "7\n8\n9\n"), "expected numbers after"),
    "classes of fewer nodes": (lambda f: damaged(f, "ty", pickle.dumps(np.ones((2, 2), int))), ".ty has 2"),
    "a node beyond": (
        lambda f: damaged(f, "graph", pickle.dumps(collections.defaultdict(list, {0: [9999]}), 2)), "does not exist"
    ),
    "a negative node": (
        lambda f: damaged(f, "graph", pickle.dumps(collections.defaultdict(list, {0: [-3]}), 2)), "a negative node"
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", BAD_PLANETOID)
def test_a_bad_planetoid_set_is_one_line_and_nothing_runs(planetoid, what, capsys):
    make, says = BAD_PLANETOID[what]
    with pytest.raises(UserError) as caught:
        read(make(planetoid))
    assert says in str(caught.value) and "\n" not in str(caught.value) and "ind.toy." in str(caught.value)
    assert "it ran" not in capsys.readouterr().out


def test_what_a_file_may_make_it_may_not_change(planetoid):
    opcodes = b"\x80\x02ccollections\ndefaultdict\n(tR}X\x03\x00\x00\x00fooK\x01sb."
    with pytest.raises(UserError, match="changes what it may only make"):
        read(damaged(planetoid, "graph", opcodes))


NODES = "id,age,class,part\nann,1,x,train\nbob,2,y,test\n"
BAD_TABLES = {
    "a dangling edge": ("ann,zoe\n", NODES, "node 'zoe' is not in nodes.csv"),
    "a negative id": ("ann,bob\n-1,bob\n", NODES, "node -1: expected no negative number"),
    "a weight of words": ("ann,bob,heavy\n", NODES, "weight 'heavy': expected a number"),
    "a negative weight": ("ann,bob,-2\n", NODES, "negative or no number (the first: -2.0)"),
    "a weight that is nan": ("ann,bob,nan\n", NODES, "negative or no number"),
    "too many cells": ("ann,bob,1,2\n", NODES, "line 1: 4 cells"),
    "features that are nan": ("ann,bob\n", "id,age\nann,nan\nbob,\n", "features of 2 nodes are no number"),
    "features of words": ("ann,bob\n", "id,age\nann,old\nbob,1\n", "age is 'old': expected a number"),
    "a node twice": ("ann,bob\n", NODES + "ann,1,x,val\n", "'ann' stands there twice"),
    "cells missing": ("ann,bob\n", NODES + "cy,1\n", "line 4: 2 cells: expected 4"),
    "parts that overlap": ("ann,bob\n", NODES + "cy,1,x,train+test\n", "1 node in train and test (the first: cy)"),
    "an unknown part": ("ann,bob\n", NODES + "cy,1,x,exam\n", "part 'exam'"),
    "a pupil without class": ("ann,bob\n", NODES + "cy,1,,train\n", "1 node of train without a class"),
    "no names above": ("ann,bob\n", "ann,1\nbob,2\n", "expected a first line id"),
    "no node": ("", "id,age\n", "no node below its first line"),
}


@pytest.mark.parametrize("what", BAD_TABLES)
def test_bad_tables_are_one_line(tmp_path, what):
    edges, nodes, says = BAD_TABLES[what]
    (tmp_path / "edges.csv").write_text(edges)
    (tmp_path / "nodes.csv").write_text(nodes)
    with pytest.raises(UserError) as caught:
        read(tmp_path)
    assert says in str(caught.value) and "\n" not in str(caught.value)


def test_every_fault_is_told_at_once_and_many_of_a_kind_are_counted(tmp_path):
    (tmp_path / "edges.csv").write_text("".join(f"ann,z{i}\n" for i in range(9)) + "-4,ann\n")
    (tmp_path / "nodes.csv").write_text("id,age,class,part\nann,nan,x,train+val\n")
    told = faults(unchecked(tmp_path))
    assert sum("is not in nodes.csv" in line for line in told) == 5 and any("4 more of this kind" in t for t in told)
    assert all(any(word in line for line in told) for word in ("node -4", "no number", "train and val"))


OTHERS = {
    "no.npz": (b"PK junk", "damaged or no .npz"),
    "g.graphml": (b"<graphml", "networkx cannot read it"),
    "g.gml": (b"graph [", "networkx cannot read it"),
    "g.xyz": (b"", "no known form of a graph"),
}


@pytest.mark.parametrize("name", OTHERS)
def test_other_bad_files_are_one_line(tmp_path, name):
    data, says = OTHERS[name]
    (tmp_path / name).write_bytes(data)
    with pytest.raises(UserError) as caught:
        read(tmp_path / name)
    assert says in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("arrays", "says"),
    [
        ({"labels": [0]}, "expected adj_data"),
        ({"adj_data": [1.0], "adj_indices": [5], "adj_indptr": [0, 1, 1], "adj_shape": [2, 2]}, "entries outside"),
        ({"adj_data": [1.0], "adj_indices": [0], "adj_indptr": [0, 1], "adj_shape": [1, 2]}, "expected a square"),
        ({"adj_matrix": np.eye(2), "labels": [0]}, "labels of 1 nodes"),
        ({"adj_matrix": np.array([Bomb(), 1], dtype=object)}, "names builtins.print"),
    ],
)
def test_bad_npz_is_one_line(tmp_path, arrays, says):
    np.savez(tmp_path / "g.npz", **arrays)
    with pytest.raises(UserError) as caught:
        read(tmp_path / "g.npz")
    assert says in str(caught.value) and "\n" not in str(caught.value)


def test_a_set_that_is_not_here_says_where_it_is_looked_for(tmp_path, monkeypatch):
    monkeypatch.setenv("CHAINRULE_DATA", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(UserError, match=r"pubmed is not on this machine: put ind\.pubmed\.x, .*/planetoid"):
        read("pubmed")


def test_nodes_of_gml_have_the_names_of_their_labels(tmp_path):
    node = 'node [ id {0} label "{1}" age {0} class "x" ]'
    text = f"graph [ directed 1 {node.format(4, 'ann')} {node.format(7, 'bob')} edge [ source 4 target 7 ] ]"
    (tmp_path / "club.gml").write_text(text)
    graph = read(tmp_path / "club.gml")
    assert graph.names == ("ann", "bob") and graph.x.shape == (2, 1) and graph.edges.tolist() == [[0], [1]]
    (tmp_path / "twins.gml").write_text(text.replace("bob", "ann"))
    assert read(tmp_path / "twins.gml").names == ("4", "7")


def test_labels_that_are_no_whole_numbers_are_refused(tmp_path):
    path, parts = tmp_path / "half.npz", {"data": [1.0], "indices": [1], "indptr": [0, 1, 1], "shape": [2, 2]}
    square = {f"adj_{name}": np.array(cells) for name, cells in parts.items()}
    for labels in ([0, 0.5], ["a", "b"], [[0, 1], [1, 0]]):
        np.savez(path, **square, labels=np.array(labels))
        with pytest.raises(UserError, match="labels are no whole numbers"):
            read(path)
    np.savez(path, **square, labels=np.array([1, -1]))
    assert read(path).y.tolist() == [1, -1]


def test_data_check_tells_a_good_graph_and_a_bad_one(tables, capsys):
    assert main(["data", "check", "karate"]) == 0
    assert "34 nodes, 156 edges" in capsys.readouterr().out
    assert main(["data", "check", str(tables)]) == 0
    (tables / "edges.csv").write_text("ann,zoe\nann,bob,-1\n")
    assert main(["data", "check", str(tables)]) == 2
    told = capsys.readouterr().err
    assert "'zoe' is not in nodes.csv" in told and "negative" in told and "Traceback" not in told
