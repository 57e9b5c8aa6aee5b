"""Runs that learn whole graphs: sets, batches, loss, baselines, use; files of TU Dortmund and folders of GraphML."""

import json
from pathlib import Path
from typing import Any

import networkx
import pytest
import torch
from killing import killed

import chainrule
from chainrule.cli.main import main
from chainrule.data.graphs.motifs import MOTIFS, motifs
from chainrule.data.graphs.set_reading import read_set
from chainrule.data.graphs.sets import faults, once
from chainrule.learn.graphs.set_data import Graphs, SetFacts, facts_of, prepared
from chainrule.learn.graphs.set_rivals import baselines, counts
from chainrule.learn.held import held
from chainrule.learn.run import open_run, resume
from chainrule.look.set_report import shown
from chainrule.runs import checkpoint
from chainrule.settings import parse
from chainrule.zoo.graph_level import GIN, GraphGCN


def quick(folder: Path, data: str = "motifs", **given):
    options: Any = {"epochs": 1, "batch_size": 240, "device": "cpu", "model": {"hidden": 8, "num_layers": 2}} | given
    return chainrule.train("gin", data, runs=str(folder), **options)


def of_rings(folder: Path, graphs: int = 40, sizes=(5, 6)) -> Path:
    """A set in the files of TU Dortmund: rings and paths, each node of kind 3 or 8 with two numbers."""
    folder.mkdir()
    edges, owner, labels, kinds, numbers, first = [], [], [], [], [], 1
    for g in range(graphs):
        n, ring = sizes[g % len(sizes)], g // 2 % 2
        pairs = [(first + i, first + (i + 1) % n) for i in range(n - 1 + ring)]
        edges += [f"{a}, {b}" for pair in pairs for a, b in (pair, pair[::-1])]
        owner += [str(g + 1)] * n
        labels.append("1" if ring else "-1")
        kinds += [("3", "8")[i % 2] for i in range(n)]
        numbers += [f"{g + i}.5, {i}" for i in range(n)]
        first += n
    words = {"A": edges, "graph_indicator": owner, "graph_labels": labels, "node_labels": kinds}
    for word, lines in (words | {"node_attributes": numbers, "edge_labels": ["0"] * len(edges)}).items():
        (folder / f"RINGS_{word}.txt").write_text("\n".join(lines) + "\n")
    return folder


@pytest.fixture(scope="module")
def rings(tmp_path_factory):
    return of_rings(tmp_path_factory.mktemp("data") / "rings")


@pytest.fixture(scope="module")
def run(tmp_path_factory, rings):
    return quick(tmp_path_factory.mktemp("runs"), str(rings), name="rings", epochs=30, batch_size=8, lr=0.02)


# ---- the data -------------------------------------------------------------------------------------------------------


def test_the_motifs_are_all_the_graphs_of_their_degrees_and_no_two_are_one():
    """Two nodes of degree 3 and four of degree 2, in one piece: there are four, by trying all of six nodes."""
    made = [networkx.Graph(edges) for edges in MOTIFS.values()]
    wanted = [2, 2, 2, 2, 3, 3]
    assert all(sorted(d for _, d in graph.degree()) == wanted for graph in made)
    every = [g for g in networkx.graph_atlas_g() if sorted(d for _, d in g.degree()) == wanted]
    whole = [g for g in every if networkx.is_connected(g)]
    assert len(whole) == 4
    assert all(sum(networkx.is_isomorphic(g, ours) for ours in made) == 1 for g in whole)


def test_each_tree_holds_its_motif_and_counting_tells_nothing():
    found = motifs(each=10, seed=3)
    assert not faults(found) and torch.equal(torch.bincount(found.y), torch.full((4,), 10))
    for g in range(len(found)):
        graph = networkx.Graph(found.one(g).edges.T.tolist())
        assert networkx.is_connected(graph) and graph.number_of_edges() == graph.number_of_nodes() + 1
        core = networkx.Graph(graph.subgraph(networkx.k_core(graph, 2)))
        motif = networkx.Graph(list(MOTIFS.values())[int(found.y[g])])
        assert networkx.is_isomorphic(core, motif)
    many = once(motifs(each=400, seed=1))
    x, order = torch.ones(many.nodes, 1), torch.arange(len(many))
    parts = {"train": Graphs(many, x, order[:1200]), "test": Graphs(many, x, order[1200:])}
    told = baselines(parts["train"], parts, 4)
    assert told["counts"]["test_accuracy"] < 0.31  # chance is 0.25 ± 0.022


def test_a_batch_is_the_graphs_one_after_the_other():
    found = once(motifs(each=5))
    x = torch.randn(found.nodes, 3)
    part = Graphs(found, x, torch.tensor([4, 9, 0, 17]))
    (some, A, ptr), y = part.batch(torch.tensor([3, 1]))
    assert y.tolist() == found.y[[17, 9]].tolist() and len(ptr) == 3
    dense = A.to_dense()
    for k, g in enumerate((17, 9)):
        one, (a, b) = found.one(g), (int(ptr[k]), int(ptr[k + 1]))
        expected = torch.zeros(one.nodes, one.nodes).index_put((one.edges[1], one.edges[0]), torch.ones(()))
        assert torch.equal(dense[a:b, a:b], expected)
        assert torch.equal(some[a:b], x[found.ptr[g] : found.ptr[g + 1]])
        dense[a:b, a:b] = 0
    assert not dense.any()


@pytest.mark.parametrize("make", [GIN, GraphGCN])
@pytest.mark.parametrize("readout", ["sum", "mean", "max"])
def test_an_answer_depends_neither_on_the_batch_nor_on_the_order_of_nodes(make, readout):
    found = once(motifs(each=3))
    x, net = torch.ones(found.nodes, 1), make(1, 4, 8, 3, readout=readout).eval()
    whole = Graphs(found, x, torch.arange(len(found)))
    together = net(*whole.batch(torch.arange(len(found)))[0])
    alone = torch.cat([net(*whole.batch(torch.tensor([g]))[0]) for g in range(len(found))])
    assert torch.allclose(together, alone, atol=1e-5)
    (some, A, ptr), _ = whole.batch(torch.tensor([2]))
    order = torch.randperm(len(some))
    turned = A.of(order[A.row], order[A.col], A.value, A.shape)
    assert torch.allclose(net(some, turned, ptr), together[2:3], atol=1e-5)


def test_files_of_tu_dortmund(rings):
    found = read_set(rings)
    assert (len(found), found.classes, found.kinds) == (40, ("-1", "1"), ("3", "8"))
    assert found.columns == ("attribute 1", "attribute 2") and found.lines == ("not looked at: edge labels",)
    assert found.ptr.diff()[:4].tolist() == [5, 6, 5, 6] and found.y[:4].tolist() == [0, 0, 1, 1]
    assert found.x is not None and found.x[6].tolist() == [2.5, 1.0]
    assert networkx.is_isomorphic(networkx.Graph(found.one(2).edges.T.tolist()), networkx.cycle_graph(5))


@pytest.mark.parametrize("form", ["table", "folders"])
def test_a_folder_of_graphml_files(tmp_path, form):
    rows = ["file,class"]
    for g in range(12):
        graph, word = (networkx.cycle_graph(4), "ring") if g % 2 else (networkx.star_graph(3), "star")
        for node in graph:
            graph.nodes[node].update(mass=float(g), atom="CN"[node % 2], **({"odd": 1} if node else {}))
        folder = tmp_path / ("" if form == "table" else word)
        folder.mkdir(exist_ok=True)
        networkx.write_graphml(graph, folder / f"g{g}.graphml")
        rows.append(f"g{g}.graphml,{word}")
    if form == "table":
        (tmp_path / "labels.csv").write_text("\n".join(rows))
    found = read_set(tmp_path)
    assert (found.classes, found.kinds, found.columns) == (("ring", "star"), ("C", "N"), ("mass",))
    assert found.lines == ("not looked at: odd",) and found.edges.shape[1] == 6 * 8 + 6 * 6
    graph = found.names.index("g3")
    assert found.classes[int(found.y[graph])] == "ring" and found.x is not None
    assert found.x[int(found.ptr[graph])].tolist() == [3.0]


def test_what_was_measured_is_of_the_training_part_alone_and_comes_back():
    found = read_set("motifs")
    assert SetFacts.from_json(json.loads(json.dumps((f := facts_of(found, torch.arange(3))).to_json()))) == f
    data = prepared("motifs", held(parse(["val=0.1", "seed=3"]), "graphs"))
    rows = [set(part.rows.tolist()) for part in (data.train, data.val, data.test) if part is not None]
    assert [len(part) for part in rows] == [864, 96, 240] and not rows[0] & rows[1] and not rows[0] & rows[2]
    other = prepared("motifs", held(parse(["val=0.1", "seed=4"]), "graphs"))
    assert data.test is not None and other.test is not None and torch.equal(data.test.rows, other.test.rows)
    assert data.val is not None and other.val is not None and not torch.equal(data.val.rows, other.val.rows)


def test_counts_are_nodes_edges_degrees_and_sums_of_features():
    found = once(motifs(each=2))
    row = counts(Graphs(found, torch.full((found.nodes, 1), 2.0), torch.tensor([3])))[0]
    graph = networkx.Graph(found.one(3).edges.T.tolist())
    histogram = networkx.degree_histogram(graph)
    assert row[:2].tolist() == [len(graph), 2 * graph.number_of_edges()] and row[-1] == 2 * len(graph)
    assert row[2 : 2 + len(histogram)].tolist() == histogram


# ---- learning -------------------------------------------------------------------------------------------------------


def test_a_run_learns_and_says_what_counting_gives(run):
    figures, beside = run.metrics, run.finished["baselines"]
    assert figures["test_accuracy"] >= 0.8 and set(beside) == {"majority", "counts"}
    assert beside["majority"]["test_accuracy"] == 0.5
    report = (run.path / "report" / "report.md").read_text()
    assert "graphs.png" in report and "majority" in report and "not looked at" in (run.path / "log.jsonl").read_text()
    assert run.evaluate()["accuracy"] == figures["test_accuracy"]


@pytest.mark.slow  # half a minute
@pytest.mark.parametrize("model", ["gin", "graph_gcn"])
def test_both_networks_tell_the_motifs(tmp_path, model):
    figures = chainrule.train(model, "motifs", runs=str(tmp_path), device="cpu").metrics
    assert figures["test_accuracy"] >= 0.95


def test_predict_names_classes_of_its_own_test_part_of_others_and_of_a_file(run, rings, tmp_path, capsys):
    own = run.predict()
    assert {one.path for one in own} == {str(int(g) + 1) for g in run.read(None).test.rows}
    again = run.predict(["2", "3"], rings)
    assert [one.path for one in again] == ["2", "3"] and all(one.label in ("-1", "1") for one in again)
    assert main(["predict", str(run.path), str(rings), "3", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["graph"] == "3"
    assert main(["predict", str(run.path), "--csv", str(tmp_path / "out.csv")]) == 0
    assert (tmp_path / "out.csv").read_text().startswith("graph,class,probability")
    assert main(["evaluate", str(run.path), str(rings)]) == 0 and "accuracy" in capsys.readouterr().out


def test_a_file_of_one_graph_is_answered(tmp_path):
    for g in range(16):
        graph, word = (networkx.cycle_graph(4), "ring") if g % 2 else (networkx.star_graph(3), "star")
        (tmp_path / word).mkdir(exist_ok=True)
        networkx.write_graphml(graph, tmp_path / word / f"g{g}.graphml")
    run = quick(tmp_path / "runs", str(tmp_path), epochs=40, batch_size=4)
    networkx.write_graphml(networkx.cycle_graph(4), tmp_path / "new.graphml")
    (one,) = run.predict(data=tmp_path / "new.graphml")
    assert (one.path, one.label) == ("new", "ring")


def test_the_sheet_shows_the_surest_mistakes_then_all_classes():
    shares = torch.tensor([[0.9, 0.1], [0.4, 0.6], [0.8, 0.2], [0.3, 0.7], [0.6, 0.4]])
    assert shown(shares, torch.tensor([1, 0, 0, 1, 0]), torch.ones(5) > 0) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    "values",
    [
        {"model": {"hidden": 4, "num_layers": 1, "train_eps": True, "readout": "max"}},
        {"balance": "loss", "label_smoothing": 0.1},
        {"balance": "sampler", "accumulate": 2},
        {"overfit": 1, "batch_size": 8, "epochs": 60, "lr": 0.02, "model": {"hidden": 16, "dropout": 0.0}},
        {"ema": 0.9, "val": 0.0, "workers": 2},
    ],
)
def test_settings_of_a_run_work_for_sets(tmp_path, rings, values):
    run = quick(tmp_path, str(rings), **values)
    assert all(value == value for value in run.metrics.values())
    if "overfit" in values:
        assert run.metrics["train_accuracy"] == 1.0


def test_folds_hold_every_graph_out_once(tmp_path, rings):
    from chainrule.learn.folds import pooled, train_folds

    runs = train_folds("graph_gcn", str(rings), folds=2, epochs=1, runs=str(tmp_path), device="cpu", name="f")
    assert sum(map(sum, pooled(runs))) == 40


def test_a_batch_of_one_node_is_refused_before_it_stops_a_run(tmp_path):
    folder = of_rings(tmp_path / "ones", sizes=(1, 6))
    with pytest.raises(chainrule.errors.UserError, match=r"batch_size=1: a batch may be one graph of one node"):
        quick(tmp_path, str(folder), batch_size=1)
    assert quick(tmp_path, str(folder), batch_size=5).metrics


# ---- stopped and taken up -------------------------------------------------------------------------------------------


def test_a_run_goes_on_to_the_same_bits(tmp_path, rings):
    whole = quick(tmp_path, str(rings), name="whole", epochs=3, batch_size=8)
    part = quick(tmp_path, str(rings), name="part", epochs=1, batch_size=8)
    resume(part.path, epochs=3)
    one, other = (checkpoint.load(Path(r.path) / "checkpoints").tensors for r in (whole, part))
    assert not [k for k in one if not torch.equal(one[k], other[k]) and not k.startswith("random/")]
    assert open_run(part.path).metrics["test_accuracy"] == whole.metrics["test_accuracy"]


WORDS = {
    "gin": ("gin@motifs", "epochs=2", "batch_size=120", "model.hidden=8", "ema=0.9"),
    "graph_gcn": ("graph_gcn@motifs", "epochs=2", "batch_size=120", "model.hidden=8", "model.dropout=0.3"),
}


def test_final_weights_are_the_same_bits_after_kills(tmp_path):
    assert killed(tmp_path, 3, *WORDS["gin"])


@pytest.mark.slow
@pytest.mark.parametrize("name", WORDS)
def test_20_kills(tmp_path, name):
    assert killed(tmp_path, 20, *WORDS[name]).startswith("2")
