"""Kipf & Welling's network, its rows, its recipe to the letter, on graphs small enough to know the answer."""

import copy
from dataclasses import replace
from typing import Any

import pytest
import torch

import chainrule
from chainrule import nn
from chainrule.cli import reproduce_graph
from chainrule.cli.main import main
from chainrule.data.graphs import Graph, read
from chainrule.errors import UserError
from chainrule.learn.graphs.cora import Arena, Recipe, network, step, stops, summary, train
from chainrule.learn.graphs.record import Record
from chainrule.look.graph import answers, draw_answers, draw_stages, draw_weights, flat, places, stages
from chainrule.nn.graph import adjacency
from chainrule.optim import Adam
from chainrule.zoo.gcn import GCN, ROWS, largest_eigenvalue, propagation


@pytest.fixture(scope="module")
def club() -> Arena:
    return Arena.of(read("karate"))


def dense(arena: Arena) -> torch.Tensor:
    return arena.A.to_dense()


def root(d: torch.Tensor) -> torch.Tensor:
    return torch.where(d > 0, d, torch.inf).rsqrt().diag()


def matrices(A: torch.Tensor, row: str, λ: float) -> list[torch.Tensor]:
    """What each row of table 3 multiplies with, by dense algebra from the paper's own definitions."""
    eye = torch.eye(len(A))
    plain, tilde = root(A.sum(1)) @ A @ root(A.sum(1)), A + eye
    if row == "gcn":
        return [root(tilde.sum(1)) @ tilde @ root(tilde.sum(1))]
    if row in ("single", "no_self_loops"):
        return [plain + eye if row == "single" else plain]
    L = 2 / λ * (eye - plain) - eye
    made = [eye, L]
    while len(made) < 4:
        made.append(2 * L @ made[-1] - made[-2])
    return {"mlp": made[:1], "first_order": [eye, -plain], "cheb2": made[:3], "cheb3": made}[row]


@pytest.mark.parametrize("row", ROWS)
def test_each_row_of_table_3_is_the_paper_s_algebra(club, row):
    torch.manual_seed(0)
    λ = 1.8 if row.startswith("cheb") else 2.0
    net = GCN(club.x.shape[1], 2, row=row, lambda_max=λ).eval()
    S = matrices(dense(club), row, λ)

    def layer(x, conv):
        lins = conv.lins if hasattr(conv, "lins") else [conv.lin]
        return sum(s @ x @ lin.weight.T for s, lin in zip(S, lins, strict=True))

    expected = layer(layer(club.x.to_dense(), net.conv1).relu(), net.conv2)
    assert torch.allclose(net(club.x, club.A), expected, atol=1e-5)
    assert torch.allclose(net(club.x.to_dense(), club.A), expected, atol=1e-5)


def test_E90_trap_11_the_notes_form_is_a_row_and_its_isolated_node_gives_zero():
    A = adjacency(torch.tensor([[0, 1], [1, 0]]), None, 3)
    without, within = (GCN(4, 2, row=row).eval()(torch.ones(3, 4), A) for row in ("no_self_loops", "gcn"))
    assert without[2].tolist() == [0, 0] and without.isfinite().all() and within[2].any()


def test_the_largest_eigenvalue_is_that_of_the_laplacian(club):
    A = dense(club)
    L = torch.eye(34) - root(A.sum(1)) @ A @ root(A.sum(1))
    assert largest_eigenvalue(club.A) == pytest.approx(float(torch.linalg.eigvalsh(L)[-1]), abs=1e-5)


def test_first_weights_are_glorot_s_without_bias():
    net = GCN(1433, 7)
    assert sum(p.numel() for p in net.parameters()) == 1433 * 16 + 16 * 7
    assert float(net.conv1.lin.weight.detach().abs().max()) <= (6 / (1433 + 16)) ** 0.5
    assert float(net.conv1.lin.weight.detach().std()) == pytest.approx((2 / (1433 + 16)) ** 0.5, rel=0.05)


def test_dropout_is_on_the_input_of_both_layers(club):
    net = GCN(34, 2)
    assert isinstance(net.drop1, nn.Dropout) and isinstance(net.drop2, nn.Dropout)
    net.drop1.p = 1.0
    assert not net(club.x, club.A).any(), "nothing of the features is left"
    net.drop1.p, net.drop2.p = 0.0, 1.0
    assert not net(club.x, club.A).any(), "nothing of the hidden layer is left"


def test_the_penalty_is_on_the_first_layer_only_and_half_its_square(club):
    recipe = Recipe(hidden=4, dropout=0.0, l2=0.3)
    net = network(club, "gcn", recipe, 0)
    first, second = net.conv1.lin.weight, net.conv2.lin.weight
    groups = [{"params": [first], "weight_decay": recipe.l2}, {"params": [second]}]
    other = copy.deepcopy(net)
    step(net, club, Adam(groups, lr=0.01))
    penalised = torch.optim.Adam(other.parameters(), lr=0.01)
    loss = club.loss(other(club.x, club.A), "train") + recipe.l2 / 2 * other.conv1.lin.weight.square().sum()
    loss.backward()
    penalised.step()
    assert torch.allclose(first, other.conv1.lin.weight, atol=1e-6)
    assert torch.allclose(second, other.conv2.lin.weight, atol=1e-6)


def test_only_nodes_whose_class_is_told_teach(club):
    net = network(club, "gcn", Recipe(), 0).eval()
    out = net(club.x, club.A)
    expected = -out.log_softmax(1)[[0, 33], [0, 1]].mean()
    assert torch.allclose(club.loss(out, "train"), expected)


def test_trap_13_it_stops_where_the_loss_exceeds_the_mean_of_the_ten_before():
    falling = [1 - 0.01 * i for i in range(30)]
    assert not stops(falling, 10) and stops([*falling, falling[-6]], 10)
    assert not stops([0.0] * 10 + [5.0], 10), "the paper waits for more than ten epochs"


def test_trap_13_one_seed_is_one_result_and_the_last_weights_are_judged(club):
    recipe = Recipe(hidden=8, epochs=30)
    net, told = train(club, seed=3, recipe=recipe)
    again = train(club, seed=3, recipe=recipe)[1]
    assert (told.last, told.epochs, told.best) == (again.last, again.epochs, again.best)
    assert club.accuracy(net.eval()(club.x, club.A), "test") == told.last
    assert train(club, seed=4, recipe=recipe)[0].conv1.lin.weight.ne(net.conv1.lin.weight).any()


def test_two_told_members_are_enough_for_the_club(club):
    assert summary([train(club, seed=seed, recipe=Recipe(hidden=8))[1] for seed in range(3)])["last"] > 0.9


def test_a_new_node_is_classified_by_a_trained_network(club):
    net, _ = train(club, seed=0, recipe=Recipe(hidden=8))
    edges = torch.cat([club.graph.edges, torch.tensor([[33, 32, 34, 34], [34, 34, 33, 32]])], 1)
    x = torch.zeros(35, 34)
    x[:34] = torch.eye(34)
    out = net.eval()(x, adjacency(edges, None, 35))
    assert out.shape == (35, 2) and int(out[34].argmax()) == 1, "who joins the officer's friends is taken for his"


def test_it_computes_through_an_adjacency_once(club):
    net = GCN(34, 2)
    assert net.shared(club.A) is net.shared(club.A)
    other = adjacency(club.graph.edges, None, 34)
    assert net.shared(other) is not net.shared(club.A)
    assert torch.equal(propagation(other, "mlp").value, other.value)


def test_cora_reaches_its_figure_with_one_seed(shared_data, monkeypatch):
    monkeypatch.setenv("CHAINRULE_DATA", str(shared_data))
    told = train(Arena.of(read("cora")), seed=0)[1]
    assert 0.79 < told.last < 0.84 and told.epochs <= 200


def no_number(club: Arena) -> Arena:
    return replace(club, x=club.x.valued(club.x.value * torch.nan))


BARE = Graph("bare", torch.zeros(2, 0, dtype=torch.int64), 3)
WRONG = {
    "an unknown row": (lambda club: GCN(3, 2, row="gnn"), "did you mean gcn"),
    "no hidden unit": (lambda club: GCN(3, 2, hidden=0), "hidden=0"),
    "a graph without classes": (lambda club: Arena.of(BARE), "without features or classes"),
    "no pupil": (lambda club: Arena.of(Graph(**{**vars(club.graph), "masks": {}})), "no node is for training"),
    "a dropout above one": (lambda club: Recipe(dropout=1.5), "dropout=1.5"),
    "no epoch": (lambda club: Recipe(epochs=0), "epochs=0"),
    "a loss that is no number": (lambda club: train(no_number(club)), "a smaller lr may help"),
    "a picture of several matrices": (lambda club: stages(GCN(34, 2, row="cheb2"), club), "several matrices"),
    "a picture of too many": (lambda club: places(Graph("big", BARE.edges, 501)), "at most 500"),
    "a split of nothing": (lambda club: BARE.split(1, 1, 1, 0), "no classes are known"),
    "a split of too many": (lambda club: club.graph.split(30, 1, 1, 0), "the smallest class has 17"),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_cannot_be_is_one_line(club, what):
    call, says = WRONG[what]
    with pytest.raises(UserError) as caught:
        call(club)
    assert says in str(caught.value) and "\n" not in str(caught.value)


# ---- the command ----------------------------------------------------------------------------------------------------

FAST = ("data=karate", "epochs=20", "hidden=4")


def test_reproduce_keeps_a_line_a_seed_and_goes_on_where_it_was(tmp_path, capsys):
    words = ["reproduce", "gcn-cora", f"runs={tmp_path}", "rows=gcn,mlp", *FAST]
    main([*words, "seeds=2"])
    record = tmp_path / "gcn-cora" / "outcomes.jsonl"
    two = record.read_text()
    assert two.count("\n") == 5 and "paper %" in capsys.readouterr().out
    main([*words, "seeds=3"])
    assert record.read_text().startswith(two) and record.read_text().count("\n") == 7
    assert "| gcn |" in (tmp_path / "gcn-cora" / "report.md").read_text()


def test_a_record_of_another_recipe_is_not_mixed_in(tmp_path):
    record = Record(tmp_path, Recipe(), {"name": "g"})
    record.add(train(Arena.of(read("karate")), recipe=Recipe(epochs=2))[1])
    assert len(Record(tmp_path, Recipe(), {"name": "g"}).outcomes) == 1
    with pytest.raises(UserError, match="another recipe"):
        Record(tmp_path, Recipe(hidden=3), {"name": "g"})
    (tmp_path / "outcomes.jsonl").write_text("junk")
    with pytest.raises(UserError, match="no record of a reproduction"):
        Record(tmp_path, Recipe(), {"name": "g"})


def test_a_line_cut_off_by_a_kill_is_trained_again(tmp_path):
    record = Record(tmp_path, Recipe(), {"name": "g"})
    for seed in range(2):
        record.add(train(Arena.of(read("karate")), seed=seed, recipe=Recipe(epochs=2))[1])
    path = tmp_path / "outcomes.jsonl"
    path.write_text(path.read_text()[:-20])
    again = Record(tmp_path, Recipe(), {"name": "g"})
    assert sorted(again.outcomes) == [("gcn", 0)]
    again.add(train(Arena.of(read("karate")), seed=1, recipe=Recipe(epochs=2))[1])
    assert sorted(Record(tmp_path, Recipe(), {"name": "g"}).outcomes) == [("gcn", 0), ("gcn", 1)]


@pytest.mark.parametrize(
    ("word", "says"),
    [
        ("seed=3", "did you mean seeds"),
        ("seeds=0", "at least 1"),
        ("seeds=many", "expected an integer"),
        ("lr=fast", "expected a number"),
        ("rows=gcn,gat", "unknown row 'gat'"),
        ("gcn", "expected KEY=VALUE"),
        ("data=nowhere", "no such graph"),
    ],
)
def test_wrong_words_are_one_line(word, says, tmp_path, capsys):
    assert main(["reproduce", "gcn-cora", word, f"runs={tmp_path}"]) == 2
    told = capsys.readouterr().err
    assert says in told and "Traceback" not in told


def test_all_wrong_words_are_told_at_once(capsys):
    assert main(["reproduce", "gcn-cora", "seeds=0", "lr=fast", "rows=x"]) == 2
    told = capsys.readouterr().err
    assert all(word in told for word in ("seeds=0", "lr=fast", "'x'"))


def test_the_recipe_is_the_paper_s_and_its_rows_are_those_of_the_network():
    recipe = reproduce_graph.load("gcn-cora")
    assert Recipe(**recipe.settings) == Recipe() and recipe.seeds == 100
    assert recipe.expect == {row: told.cora for row, told in ROWS.items()}


# ---- pictures -------------------------------------------------------------------------------------------------------


def test_pictures_of_the_club(club, tmp_path):
    from PIL import Image

    net, _ = train(club, seed=0, recipe=Recipe(hidden=8, epochs=30))
    draw_answers(club.graph, answers(net, club), tmp_path / "a.png", "karate · 空手道俱乐部")
    draw_weights(club.graph, net.shared(club.A), tmp_path / "b.png")
    told = stages(net, club)
    draw_stages(club.graph, told, tmp_path / "c.png")
    for name in "abc":
        picture = Image.open(tmp_path / f"{name}.png").convert("RGB")
        assert min(picture.size) > 300 and len(picture.getcolors(1 << 20)) > 50
    assert [name for name, _ in told] == ["x W₁", "S x W₁", "h W₂, h = ReLU(S x W₁)", "S h W₂"]
    assert torch.allclose(told[-1][1], net.eval()(club.x, club.A), atol=1e-6)


def test_the_two_directions_are_the_principal_ones():
    torch.manual_seed(0)
    x = torch.randn(30, 2) * torch.tensor([5.0, 1.0])
    at = flat(torch.nn.functional.pad(x, (0, 3)))
    assert at.std(0)[0] > at.std(0)[1] and abs(at.std(0)[0] - float(x.std(0, correction=0)[0])) < 0.3


GCN_LAYERS = {"bias": (16,), "lin.weight": (16, 34)}, {"bias": (2,), "lin.weight": (2, 16)}
GAT_LAYER = {"att_src": (1, 8, 8), "att_dst": (1, 8, 8), "bias": (64,), "lin.weight": (64, 34)}
GAT_LAST = {"att_src": (1, 1, 2), "att_dst": (1, 1, 2), "bias": (2,), "lin.weight": (2, 64)}
PYG = {  # networks of PyTorch Geometric's examples for 34 features and 2 classes: model, its options, layer by layer
    "its GCN": ("gcn", {"bias": True}, "conv", 1, GCN_LAYERS),
    "its BasicGNN": ("gcn", {"bias": True}, "convs.", 0, GCN_LAYERS),
    "its GAT": ("gat", {}, "conv", 1, (GAT_LAYER, GAT_LAST)),
    "its GraphSAGE": (
        "graphsage", {}, "conv", 1, (
            {"lin_l.weight": (64, 34), "lin_l.bias": (64,), "lin_r.weight": (64, 34)},
            {"lin_l.weight": (2, 64), "lin_l.bias": (2,), "lin_r.weight": (2, 64)},
        ),
    ),
}  # fmt: skip


@pytest.mark.parametrize("whose", PYG)
def test_weights_of_pytorch_geometric_s_networks_are_begun_with(tmp_path, whose):
    model, options, word, first, layers = PYG[whose]
    theirs = {
        f"{word}{first + i}.{key}": torch.randn(shape) for i, layer in enumerate(layers) for key, shape in layer.items()
    }
    torch.save(theirs, tmp_path / "theirs.pt")
    given: Any = {"weights": str(tmp_path / "theirs.pt"), "epochs": 1, "lr": 1e-12, "weight_decay": 0.0}
    run = chainrule.train(model, "karate", runs=str(tmp_path), device="cpu", model=options, **given)
    ours = run.network.state_dict()
    assert len(ours) == len(theirs)
    for i in range(2):
        for key in layers[i]:
            assert torch.allclose(theirs[f"{word}{first + i}.{key}"], ours[f"conv{1 + i}.{key}"], atol=1e-6), key
