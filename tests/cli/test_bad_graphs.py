"""Bad input of sets of graphs: through the command line, one clear line each, exit code 2, not one file more.

Single graphs have theirs in tests/learn/test_nodes.py and test_links.py, in tests/data/test_graphs.py and in
tests/nn/test_graph.py.
"""

from pathlib import Path

import pytest

from chainrule.cli.main import main

# Two classes, 12 graphs: paths and triangles of three nodes, with kinds and two numbers a node.
SIZE, GRAPHS = 3, 12
FILES = {
    "A": [
        f"{SIZE * g + a}, {SIZE * g + b}"
        for g in range(GRAPHS)
        for a, b in [(1, 2), (2, 1), (2, 3), (3, 2), *([(1, 3), (3, 1)] if g % 2 else [])]
    ],
    "graph_indicator": [str(g + 1) for g in range(GRAPHS) for _ in range(SIZE)],
    "graph_labels": [str(-1 + 2 * (g % 2)) for g in range(GRAPHS)],
    "node_labels": [str(i % 2) for i in range(SIZE * GRAPHS)],
    "node_attributes": [f"{i}, {i % 5}.5" for i in range(SIZE * GRAPHS)],
}


def spoilt(folder: Path, name: str = "", change=None) -> Path:
    """The set in a folder, the lines of one file changed; None takes the file away."""
    folder.mkdir()
    for word, lines in FILES.items():
        lines = change(list(lines)) if word == name and change else lines
        if lines is not None:
            (folder / f"DS_{word}.txt").write_text("".join(f"{line}\n" for line in lines))
    return folder


def put(n: int, text: str):
    return lambda lines: [*lines[: n - 1], text, *lines[n:]]


FIVE = 5 * SIZE  # lines of five graphs
SETS = {  # what → file, its lines changed, what is said
    "no edges file": ("A", lambda lines: None, "DS_A.txt: no such file"),
    "an edge between two graphs": ("A", lambda lines: [*lines, "1, 4"], "1 edge between two graphs (the first: from"),
    "an edge to node zero": ("A", put(3, "0, 1"), "DS_A.txt, line 3: edge 0, 1: expected nodes in 1…36"),
    "an edge to nowhere": ("A", put(3, "1, 37"), "line 3: edge 1, 37: expected nodes in 1…36"),
    "an edge of three": ("A", put(2, "1, 2, 3"), "line 2: '1, 2, 3': expected 2 whole numbers"),
    "an edge of words": ("A", put(2, "a, b"), "line 2: 'a, b': expected 2 whole numbers"),
    "a node of no graph": ("graph_indicator", put(1, "0"), "line 1: graph 0: expected numbers from 1"),
    "graphs out of order": ("graph_indicator", put(8, "1"), "line 8: graph 1 after graph 3"),
    "a graph without nodes": ("graph_indicator", lambda n: [*n[:-SIZE], *["13"] * SIZE], "12 lines: expected 13"),
    "a graph number that is none": ("graph_indicator", put(4, "two"), "line 4: 'two': expected a whole number"),
    "an indicator cut short": ("graph_indicator", lambda n: n[:-1], "DS_node_labels.txt: 36 lines: expected 35"),
    "no indicator": ("graph_indicator", lambda n: None, "no such set"),
    "an empty indicator": ("graph_indicator", lambda n: [], "empty: expected a whole number a line"),
    "too few classes told": ("graph_labels", lambda n: n[:-1], "11 lines: expected 12, one a graph"),
    "a class that is no number": ("graph_labels", put(2, "yes"), "line 2: 'yes': expected a whole number"),
    "one class": ("graph_labels", lambda n: ["7"] * len(n), "1 class of graphs (7): expected at least two"),
    "too many kinds told": ("node_labels", lambda n: [*n, "0"], "37 lines: expected 36, one a node"),
    "a kind with a point": ("node_labels", put(5, "0.5"), "line 5: '0.5': expected a whole number"),
    "a number that is nan": ("node_attributes", put(5, "nan, 1"), "1 node whose numbers are not finite (the first in"),
    "a number that is a word": ("node_attributes", put(5, "x, 1"), "line 5: 'x, 1': expected numbers"),
    "ragged numbers": ("node_attributes", put(5, "1, 2, 3"), "line 5: 3 numbers: expected 2, as above"),
    "too few numbers": ("node_attributes", lambda n: n[:-2], "34 lines: expected 36, one a node"),
    "few graphs": ("few", None, "8 graphs: expected at least 10 to learn from"),
}
SMALL = ["epochs=1", "threads=1", "batch_size=4", "model.hidden=4"]
WORDS = {  # what → words behind `train`, what is said
    "a set for nodes": (["gin", "karate"], "data 'karate' is for nodes and links"),
    "a set of graphs for nodes": (["gcn", "motifs"], "data 'motifs' is for graphs (classes of whole graphs)"),
    "a typo": (["gin", "motives"], "did you mean motifs?"),
    "an unknown readout": (["gin", "DS", "model.readout=median"], "unknown readout 'median'"),
    "no hidden unit": (["gin", "DS", "model.hidden=0"], "hidden=0: expected at least 1"),
    "no layer": (["graph_gcn", "DS", "model.num_layers=0"], "num_layers=0: expected at least 1"),
    "another's option": (["graph_gcn", "DS", "model.train_eps=true"], "model.train_eps: graph_gcn does not take it"),
    "an unknown way to read": (["gin", "DS", "data.tests=0.1"], "did you mean test?"),
    "all held out": (["gin", "DS", "data.test=1"], "data.test=1: expected the share"),
    "no seed": (["gin", "DS", "data.split=-1"], "data.split=-1: expected an integer"),
    "compiled": (["gin", "DS", "compile=true"], "compile=true: no two batches of graphs have one shape"),
    "augmented": (["gin", "DS", "augment=flip"], "augment=flip: gin has no use for it"),
    "too many folds": (["gin", "DS", "folds=7"], "folds=7: class -1 has 6 graphs"),
    "a file": (["gin", "DS/DS_A.txt"], "a file: expected the folder of a set"),
}
GRAPHML = """<?xml version="1.0"?><graphml xmlns="http://graphml.graphdrawing.org/xmlns">
<key id="k" for="node" attr.name="mass" attr.type="double"/><graph edgedefault="undirected">
<node id="a"><data key="k">1.5</data></node><node id="b"><data key="k">2.5</data></node><edge source="a" target="b"/>
</graph></graphml>"""
FOLDERS = {  # what → name of a file → its text, what is said
    "no graphs": ({"readme.md": "x"}, "no such set"),
    "no classes": ({"a.graphml": GRAPHML}, "1 graphs and no labels.csv: expected it with file,class"),
    "a graph without a class": (
        {"a.graphml": GRAPHML, "b.graphml": GRAPHML, "labels.csv": "file,class\na.graphml,x\n"},
        "1 graphs have no class in labels.csv (the first: b.graphml)",
    ),
    "a class without a graph": (
        {"a.graphml": GRAPHML, "labels.csv": "file,class\na.graphml,x\nc.graphml,y\n"},
        "labels.csv, line 3: c.graphml: expected a .graphml or .gml file that lies here",
    ),
    "a graph twice": (
        {"a.graphml": GRAPHML, "labels.csv": "file,class\na.graphml,x\na.graphml,y\n"},
        "labels.csv, line 3: a.graphml stands there twice",
    ),
    "three cells": ({"a.graphml": GRAPHML, "labels.csv": "a.graphml,x,y\n"}, "line 1: 3 cells: expected file,class"),
    "no xml": ({"x/a.graphml": "no", "y/b.graphml": GRAPHML}, "a.graphml: networkx cannot read it"),
    "a weight of words": (
        {"x/a.gml": 'graph [ node [ id 0 ] node [ id 1 ] edge [ source 0 target 1 weight "much" ] ]'},
        "a weight of an edge is no number",
    ),
    "a number that is nan": ({"x/a.graphml": GRAPHML.replace("2.5", "NaN"), "y/b.graphml": GRAPHML}, "not finite"),
}
ASKED = {  # what → words behind `predict RUN`, what is said
    "a graph that is not there": (["13"], "graph '13': DS has none of that name: expected a number in 1…12"),
    "another set's kinds": (["OTHER"], "nodes of kind 2: expected 0, 1, as in training"),
    "numbers missing": (["BARE"], "no number attribute 1 of the nodes"),
    "kinds missing": (["KINDLESS"], "no kinds of nodes: expected 0, 1, as in training"),
    "no such file": (["gone.graphml"], "gone.graphml: no such file"),
    "no set": (["gone/"], "no such set of graphs"),
    "a picture": (["--sheet", "x.png"], "--tta, --sheet and --file"),
}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    root = tmp_path_factory.mktemp("sets")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        spoilt(root / "DS")
        spoilt(root / "OTHER", "node_labels", put(1, "2"))
        spoilt(root / "BARE", "node_attributes", lambda lines: None)
        spoilt(root / "KINDLESS", "node_labels", lambda lines: None)
        assert main(["train", "gin", "DS", *SMALL, "name=run"]) == 0
        yield root


def refused(place: Path, capsys, argv: list[str], expected: str) -> None:
    before = sorted(place.rglob("*"))
    capsys.readouterr()
    assert main(argv) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ") and expected in line and "internal" not in line
    assert sorted(place.rglob("*")) == before


@pytest.mark.parametrize("what", SETS)
def test_a_wrong_set_is_one_line(place, tmp_path, capsys, what):
    name, change, says = SETS[what]
    if name == "few":
        folder = tmp_path / "DS"
        folder.mkdir()
        parts = {"A": 40, "graph_indicator": 8 * SIZE, "graph_labels": 8}
        for word, count in parts.items():
            (folder / f"DS_{word}.txt").write_text("\n".join(FILES[word][:count]) + "\n")
    else:
        folder = spoilt(tmp_path / "DS", name, change)
    refused(place, capsys, ["train", "gin", str(folder)], says.replace("no such set", "no graphs in it"))


@pytest.mark.parametrize("what", WORDS)
def test_wrong_words_are_one_line(place, capsys, what):
    words, says = WORDS[what]
    refused(place, capsys, ["train", *words], says)


@pytest.mark.parametrize("what", FOLDERS)
def test_a_wrong_folder_of_graphs_is_one_line(place, tmp_path, capsys, what):
    files, says = FOLDERS[what]
    for name, text in files.items():
        path = tmp_path / "graphs" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    refused(place, capsys, ["train", "gin", str(tmp_path / "graphs")], says.replace("no such set", "no graphs in it"))


@pytest.mark.parametrize("what", ASKED)
def test_a_wrong_question_is_one_line(place, capsys, what):
    words, says = ASKED[what]
    refused(place, capsys, ["predict", "run", *words], says)


def test_another_set_with_a_new_class_is_not_judged(place, tmp_path, capsys):
    other = spoilt(tmp_path / "DS", "graph_labels", put(1, "5"))
    refused(place, capsys, ["evaluate", "run", str(other)], "class 5: expected those of the run, -1, 1")
