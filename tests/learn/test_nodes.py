"""Runs that learn the nodes of a graph: to the end, resumed, judged beside baselines, asked about new nodes."""

from pathlib import Path
from typing import Any

import networkx
import numpy as np
import pytest
import torch
from killing import killed

import chainrule
from chainrule.cli.main import main
from chainrule.data.graphs import read
from chainrule.errors import UserError
from chainrule.learn.graphs import node_rivals as node_baselines
from chainrule.learn.graphs.cora import Arena, Recipe
from chainrule.learn.graphs.cora import train as by_recipe
from chainrule.learn.graphs.neighbours import chosen, rows_taken, sampled
from chainrule.learn.graphs.node_data import facts_of, prepared
from chainrule.learn.run import open_run, resume
from chainrule.nn.graph import adjacency
from chainrule.nn.sparse import Sparse
from chainrule.runs import checkpoint


def quick(net: str, graph: str, runs: Path, **given):
    options: Any = {"epochs": 30} | given
    return chainrule.train(net, graph, runs=str(runs), device="cpu", **options)


@pytest.fixture(scope="module")
def club_run(tmp_path_factory):
    return quick("gcn", "karate", tmp_path_factory.mktemp("runs"), name="club", epochs=200)


def table(folder: Path, n: int = 60, seed: int = 0, shift: int = 0, parts: bool = True) -> Path:
    """Two groups of nodes: features that tell little, edges mostly within a group; nodes are named n0, n1, …"""
    draw = np.random.default_rng(seed)
    folder.mkdir(exist_ok=True)
    y = np.arange(n) % 2
    x = draw.normal(size=(n, 3)) + 0.7 * (2 * y[:, None] - 1)
    lines = ["source,target"]
    for _ in range(4 * n):
        a = int(draw.integers(n))
        mates = [b for b in range(n) if (y[b] == y[a]) == (draw.random() < 0.9) and b != a]
        lines.append(f"n{a + shift},n{mates[int(draw.integers(len(mates)))] + shift}")
    (folder / "edges.csv").write_text("\n".join(lines) + "\n")
    rows = ["id,f0,f1,f2,class" + (",part" if parts else "")]
    for i in range(n):
        part = ("," + ("train" if i < 10 else "val" if i < 24 else "test")) if parts else ""
        rows.append(f"n{i + shift},{','.join(f'{v:.4f}' for v in x[i])},{'ab'[y[i]]}{part}")
    (folder / "nodes.csv").write_text("\n".join(rows) + "\n")
    return folder


@pytest.fixture(scope="module")
def groups(tmp_path_factory):
    return table(tmp_path_factory.mktemp("graph") / "groups")


# ---- a run ----------------------------------------------------------------------------------------------------------


def test_the_club_is_learned_from_two_members(club_run):
    assert club_run.settings.epochs == 200 and club_run.settings.lr == 0.01 and club_run.settings.weight_decay == 5e-4
    assert club_run.metrics["test_accuracy"] > 0.9
    told = club_run.finished["baselines"]
    assert told["majority"]["test_accuracy"] == 0.5 and told["label propagation"]["test_accuracy"] > 0.9


def test_its_report_shows_the_graph(club_run):
    text = (club_run.path / "report" / "report.md").read_text()
    for picture in ("graph", "weights", "stages", "curves", "confusion"):
        assert f"({picture}.png)" in text and (club_run.path / "report" / f"{picture}.png").stat().st_size > 5000
    assert "label propagation" in text and "majority" in text


def test_a_graph_without_edges_is_learned_from_its_features_and_drawn(tmp_path, groups):
    own = spoilt(groups, tmp_path / "g", "edges.csv", lambda t: t.split("\n")[0] + "\n")
    run = quick("gcn", own, tmp_path / "runs", epochs=2)
    assert (run.path / "report" / "weights.png").stat().st_size > 5000


def test_every_edge_is_drawn_once_whichever_way_it_leads():
    from matplotlib.figure import Figure

    from chainrule.look.graph import _edges

    edges, at = torch.tensor([[0, 2, 1, 3, 3], [1, 1, 0, 0, 3]]), np.arange(8.0).reshape(4, 2)
    drawn = _edges(Figure().add_subplot(), at, edges, torch.arange(5.0)).get_segments()
    assert {tuple(sorted(map(tuple, line.tolist()))) for line in drawn} == {
        ((0, 1), (2, 3)),
        ((2, 3), (4, 5)),
        ((0, 1), (6, 7)),
    }


def test_a_graph_with_nothing_set_aside_says_that_it_is_not_judged(tmp_path, groups, capsys):
    own = spoilt(groups, tmp_path / "g", "nodes.csv", lambda t: t.replace(",val", ",").replace(",test", ","))
    assert main(["train", "gcn", own, "epochs=2", f"runs={tmp_path / 'runs'}"]) == 0
    assert "not judged: nothing is set aside" in capsys.readouterr().out
    assert main(["data", "check", own]) == 0
    assert "no node set aside for testing" in capsys.readouterr().out


def test_the_loop_does_what_the_recipe_does(tmp_path):
    """The same first weights, and without dropout the same weights after each update: penalty on the first layer."""
    arena = Arena.of(read("karate"))
    run = quick("gcn", "karate", tmp_path, seed=3, epochs=5, model={"dropout": 0.0}).use("last")
    net, _ = by_recipe(arena, seed=3, recipe=Recipe(dropout=0.0, epochs=5, window=1000))
    for name, weight in run.network.state_dict().items():
        assert torch.allclose(weight, net.state_dict()[name], atol=1e-5), name


@pytest.mark.parametrize(
    ("model", "options"),
    [("gcn", {"row": "cheb2"}), ("gcn", {"row": "mlp"}), ("graphsage", {"hidden": 8}), ("gat", {"heads": 2})],
)
def test_every_network_learns_and_comes_back_from_its_folder(tmp_path, groups, model, options):
    run = quick(model, str(groups), tmp_path, model=options, weight_decay=0.0)
    again = open_run(run.path)
    assert torch.equal(again.shares(), run.shares()) and again.classes == ("a", "b")
    assert run.metrics["test_accuracy"] > (0.65 if options.get("row") == "mlp" else 0.8)
    assert again.evaluate()["accuracy"] == run.metrics["test_accuracy"]


def test_early_stopping_is_the_settings_patience(tmp_path, groups):
    run = quick("gcn", str(groups), tmp_path, epochs=300, patience=5)
    last = checkpoint.load(run.folder.checkpoints).state["position"]
    assert last["epochs"] < 300 and last["waited"] == 5


@pytest.mark.slow
def test_a_compiled_run_learns_the_same(tmp_path):
    plain, traced = (
        quick("gcn", "karate", tmp_path, epochs=3, compile=c, name=f"c{c}", gear="formula") for c in (False, True)
    )
    assert torch.allclose(plain.shares(), traced.shares(), atol=1e-4)


def test_what_a_model_is_usually_trained_with_gives_way(tmp_path):
    run = quick("gcn", "karate", tmp_path, optimizer="sgd", lr=0.5, epochs=2)
    assert run.settings.weight_decay is None and run.settings.epochs == 2


# ---- asked about nodes ----------------------------------------------------------------------------------------------


def test_nodes_are_classified_by_name_and_new_ones_too(tmp_path, groups):
    run = quick("graphsage", str(groups), tmp_path, epochs=60)
    told = run.predict(["n3", "n40"])
    assert [one.path for one in told] == ["n3", "n40"] and told[0].label == "b" and told[1].label == "a"
    assert sum(share for _, share in told[0].top) == pytest.approx(1, abs=1e-5)
    other = table(tmp_path / "other", seed=5, shift=100)
    new = run.predict(graph=other)
    right = sum(one.label == "ab"[int(one.path[1:]) % 2] for one in new)
    assert len(new) == 60 and right > 45, "nodes it has never seen"
    assert run.evaluate(other)["accuracy"] > 0.7
    with pytest.raises(UserError, match=r"classes Mr. Hi, Officer: expected those of the run, a, b"):
        run.evaluate("karate")


def test_predict_on_the_command_line(club_run, capsys, tmp_path):
    assert main(["predict", str(club_run.path), "0", "33"]) == 0
    assert [line.split()[:2] for line in capsys.readouterr().out.splitlines()[1:]] == [["0", "Mr."], ["33", "Officer"]]
    assert main(["predict", str(club_run.path), "--csv", str(tmp_path / "all.csv")]) == 0
    rows = (tmp_path / "all.csv").read_text().splitlines()
    assert rows[0] == "node,class,probability,class_2,probability_2" and len(rows) == 35
    capsys.readouterr()
    assert main(["predict", str(club_run.path), "karate", "5", "--json"]) == 0
    assert '"node": "5"' in capsys.readouterr().out


# ---- how the graph is read ------------------------------------------------------------------------------------------


def test_parts_are_drawn_where_a_graph_brings_none(tmp_path):
    folder = table(tmp_path / "bare", parts=False)
    data = prepared(str(folder), {"per_class": 5, "val_per_class": 4}, seed=1)
    assert data.val is not None and data.test is not None
    assert [len(p) for p in (data.train, data.val, data.test)] == [10, 8, 42]
    assert torch.bincount(data.train.y).tolist() == [5, 5]
    again, other = (prepared(str(folder), {"per_class": 5, "val_per_class": 4}, seed=s) for s in (1, 2))
    assert torch.equal(again.train.nodes, data.train.nodes) and not torch.equal(other.train.nodes, data.train.nodes)


def test_a_gml_without_features_is_learned_by_the_number_of_its_nodes(tmp_path):
    club = networkx.karate_club_graph()
    networkx.write_gml(club, tmp_path / "club.gml")
    run = quick("gcn", str(tmp_path / "club.gml"), tmp_path, data={"per_class": 4})
    assert run.facts.numbered and run.facts.features == 34
    with pytest.raises(UserError, match="by their number"):
        run.predict(graph=table(tmp_path / "g"))


def test_features_are_brought_to_scale_and_new_ones_by_the_same_numbers(groups):
    graph = read(groups)
    facts = facts_of(graph)
    assert facts.scale == "columns" and len(facts.widths) == 3
    x = facts.features_of(graph)
    assert isinstance(x, torch.Tensor) and torch.allclose(x.square().mean(0), torch.ones(3), atol=1e-5)
    assert facts_of(read("karate")).scale == "rows"


@pytest.mark.slow
def test_amazon_photo_is_an_npz_and_learned(shared_data, tmp_path):
    path = shared_data / "graphs" / "amazon_photo.npz"
    run = quick("gcn", str(path), tmp_path, data={"undirected": True}, epochs=400, seed=1)
    assert run.metrics["test_accuracy"] > 0.88, "Shchur et al. 2018: 91.2 ± 1.2"


def test_cora_in_the_loop_reaches_its_figure_and_its_classes_have_their_names(shared_data, monkeypatch, tmp_path):
    monkeypatch.setenv("CHAINRULE_DATA", str(shared_data))
    graph = read("cora")
    assert graph.y is not None
    sizes = dict(zip(graph.classes, torch.bincount(graph.y).tolist(), strict=True))
    assert sizes["neural networks"] == 818 and sizes["theory"] == 351 and sizes["rule learning"] == 180
    data = prepared("cora", {}, 0)
    assert data.test is not None
    told = node_baselines.baselines(data.train, data.test, 7)
    assert 0.65 < told["label propagation"]["test_accuracy"] < 0.75
    assert 0.5 < told["features alone"]["test_accuracy"] < 0.65


# ---- a sample of neighbours -----------------------------------------------------------------------------------------


def test_neighbours_are_drawn_without_doubles_and_each_as_often():
    d = torch.tensor([3, 10, 0, 5]).repeat(2000)
    row, place = chosen(d, 5, torch.Generator().manual_seed(0))
    assert (place < d[row]).all() and len((row * 100 + place).unique()) == len(row)
    counts = torch.bincount(row, minlength=len(d)).reshape(-1, 4)
    assert (counts == torch.tensor([3, 5, 0, 5])).all()
    often = torch.bincount(place[d[row] == 10], minlength=10) / 2000
    assert (often - 0.5).abs().max() < 0.05


def test_a_sample_of_all_neighbours_gives_what_the_whole_graph_gives(groups):
    part = prepared(str(groups), {}, 0).train
    seeds = torch.tensor([7, 3, 50])
    nodes, A = sampled(part.A, seeds, (1000, 1000), torch.Generator())
    assert torch.equal(nodes[:3], seeds) and len(nodes.unique()) == len(nodes)
    for name in ("GraphSAGE", "GAT"):
        made = getattr(__import__("chainrule.zoo.neighbours", fromlist=[name]), name)(3, 2).eval()
        whole, some = made(part.x, part.A)[seeds], made(rows_taken(part.x, nodes), A)[:3]
        assert torch.allclose(whole, some, atol=1e-5), name


def test_rows_are_taken_from_sparse_features():
    dense = torch.tensor([[0.0, 1.0, 0.0], [2.0, 0.0, 3.0], [0.0, 0.0, 0.0]])
    row, col = dense.nonzero().unbind(1)
    x = Sparse.of(row, col, dense[row, col], (3, 3))
    nodes = torch.tensor([2, 1, 1])
    assert torch.equal(rows_taken(x, nodes), dense[nodes]) and torch.equal(rows_taken(dense, nodes), dense[nodes])


def test_a_run_learns_from_samples_and_the_same_again(tmp_path, groups):
    given = {"data": {"neighbours": (4, 3)}, "batch_size": 4, "epochs": 6, "weight_decay": 0.0}
    one, two = (quick("graphsage", str(groups), tmp_path, name=f"s{i}", **given) for i in range(2))
    assert torch.equal(one.shares(), two.shares()) and one.metrics["test_accuracy"] > 0.8
    assert checkpoint.load(one.folder.checkpoints).step == 6 * 3


# ---- stopped and taken up -------------------------------------------------------------------------------------------


def test_a_run_is_extended_as_if_it_had_been_longer(tmp_path, groups):
    whole = quick("gcn", str(groups), tmp_path, epochs=8, name="whole").use("last")
    part = quick("gcn", str(groups), tmp_path, epochs=5, name="part")
    longer = resume(part.path, epochs=8).use("last")
    assert all(torch.equal(a, b) for a, b in zip(whole.network.parameters(), longer.network.parameters(), strict=True))


WORDS = {
    "whole": ("gcn@karate", "epochs=6", "ema=0.9"),
    "sampled": ("graphsage@karate", "epochs=5", "batch_size=1", "data.neighbours=(3,2)"),
}


def test_a_killed_run_goes_on_bit_for_bit(tmp_path):
    assert killed(tmp_path, 2, *WORDS["whole"], seconds=900)


@pytest.mark.slow
@pytest.mark.parametrize("name", WORDS)
def test_20_kills(tmp_path, name):
    assert killed(tmp_path, 20, *WORDS[name], seconds=900).startswith("2")


# ---- what cannot be -------------------------------------------------------------------------------------------------


def spoilt(groups: Path, to: Path, name: str, change) -> str:
    to.mkdir()
    for file in ("edges.csv", "nodes.csv"):
        text = (groups / file).read_text()
        (to / file).write_text(change(text) if file == name else text)
    return str(to)


WRONG = {
    "an edge to nowhere": ("edges.csv", lambda t: t + "n0,ghost\n", {}, "node 'ghost' is not in nodes.csv"),
    "a negative node": ("edges.csv", lambda t: t + "-3,n1\n", {}, "node -3: expected no negative number"),
    "a weight below zero": ("edges.csv", lambda t: t + "n0,n1,-2\n", {}, "1 edge weight negative"),
    "two parts at once": ("nodes.csv", lambda t: t.replace(",train", ",train+test", 1), {}, "in train and test"),
    "a title twice": ("nodes.csv", lambda t: t.replace("class", "part", 1), {}, "2 columns are called 'part'"),
    "no class": ("nodes.csv", lambda t: t.replace(",class", ",group"), {}, "group is 'a': expected a number"),
    "one class": ("nodes.csv", lambda t: t.replace(",b,", ",a,"), {}, "1 class of nodes: expected at least two"),
    "no teacher": ("nodes.csv", lambda t: t.replace(",train", ",test"), {}, "is in the part train"),
    "a feature that is no number": ("nodes.csv", lambda t: t.replace("n1,", "n1,,", 1), {}, "cells: expected 6"),
    "an unknown way to read": ("", str, {"data": {"per_clas": 3}}, "did you mean per_class"),
    "a share for a count": ("", str, {"data": {"per_class": 0.5}}, "data.per_class=0.5: expected an integer"),
    "an unknown scale": ("", str, {"data": {"normalise": "row"}}, "did you mean rows"),
    "no neighbour": ("", str, {"data": {"neighbours": (0,)}, "net": "gat"}, "expected how many neighbours"),
    "samples for a gcn": ("", str, {"data": {"neighbours": (5, 5)}}, "by the degrees of the whole graph"),
    "batches of a whole": ("", str, {"batch_size": 8}, "each update sees the whole graph"),
    "augmented nodes": ("", str, {"augment": "flip"}, "gcn has no use for it"),
    "an unknown row": ("", str, {"model": {"row": "gnn"}}, "did you mean gcn"),
    "a width of none": ("", str, {"model": {"hidden": 0}}, "hidden=0"),
    "a word for a width": ("", str, {"model": {"hidden": "wide"}}, "gcn cannot be made with model.hidden='wide'"),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_cannot_be_learned_is_one_line_and_leaves_no_folder(tmp_path, groups, what):
    name, change, given, says = WRONG[what]
    given = dict(given)
    with pytest.raises(UserError) as caught:
        quick(given.pop("net", "gcn"), spoilt(groups, tmp_path / "g", name, change), tmp_path / "runs", **given)
    assert says in str(caught.value) and not (tmp_path / "runs").exists()
    assert all("\n" not in line for line in caught.value.lines)


def test_too_few_nodes_of_a_class_say_what_to_do(tmp_path):
    with pytest.raises(UserError, match=r"smallest class has 30.*data.per_class="):
        prepared(str(table(tmp_path / "g", parts=False)), {"per_class": 31}, 0)


def test_a_changed_graph_is_not_taken_up(tmp_path, groups):
    own = spoilt(groups, tmp_path / "g", "", str)
    run = quick("gcn", own, tmp_path / "runs", epochs=2)
    edges = Path(own) / "edges.csv"
    edges.write_text(edges.read_text() + "n0,n5\n")
    with pytest.raises(UserError, match=r"is not what run .* was trained on"):
        resume(run.path, epochs=4)


ASKED = {
    "an unknown node": (["99"], "node '99': expected a number in 0…33"),
    "two unknown nodes": (["x", "y"], "node 'y'"),
    "another graph's features": (["GROUPS"], "3 features: expected the 34"),
    "a folder without a graph": (["EMPTY"], "no graph in it"),
    "two forms": (["--csv", "-", "--json"], "expected one of them"),
}


@pytest.mark.parametrize("what", ASKED)
def test_what_cannot_be_asked_is_one_line(club_run, groups, tmp_path, capsys, what):
    words, says = ASKED[what]
    (tmp_path / "empty").mkdir()
    places = {"GROUPS": str(groups), "EMPTY": str(tmp_path / "empty")}
    assert main(["predict", str(club_run.path), *(places.get(word, word) for word in words)]) == 2
    err = capsys.readouterr().err
    assert says in err and "Traceback" not in err


def test_a_graph_is_no_set_of_images_and_no_word(capsys, monkeypatch):
    monkeypatch.delenv("CHAINRULE_DATA", raising=False)
    assert main(["train", "gcn", "digits"]) == 2
    assert "not for nodes: expected one of cora, citeseer, pubmed, karate" in capsys.readouterr().err
    assert main(["train", "lenet5", "karate"]) == 2
    assert main(["train", "gcn", "kora"]) == 2
    assert "did you mean cora" in capsys.readouterr().err


def test_what_is_for_batches_says_so(capsys):
    assert main(["find-lr", "gcn", "karate"]) == 2
    assert "sees a whole graph" in capsys.readouterr().err
    assert main(["models", "gcn"]) == 0
    assert "hidden" in capsys.readouterr().out


def test_an_adjacency_moves_only_where_it_has_to():
    A = adjacency(torch.tensor([[0], [1]]), None, 2)
    assert A.to("cpu") is A and len(A.tensors) == 6
