"""Graph layers against dense algebra, and what stands in the papers."""

import math

import pytest
import torch

from chainrule import nn
from chainrule.errors import UserError
from chainrule.gear import gear
from chainrule.nn.graph import NORMS, adjacency, edge_scores, normalised, segment_softmax, with_self_loops
from chainrule.nn.sparse import Sparse, sparse_product

N = 7
GEARS = ("auto", "formula", "kernel", "twin")


@pytest.fixture
def drawn():
    """A directed weighted graph with a self-loop and an isolated node, as edges and as a dense matrix."""
    torch.manual_seed(0)
    edges = torch.tensor([[0, 1, 2, 3, 3, 4, 5, 0, 2], [1, 0, 1, 4, 3, 0, 2, 5, 4]])
    w = torch.rand(edges.shape[1], dtype=torch.float64).add(0.2).requires_grad_()
    return edges, w, torch.randn(N, 3, dtype=torch.float64, requires_grad=True)


def dense(edges, w):
    return torch.zeros(N, N, dtype=w.dtype).index_put((edges[1], edges[0]), w)


def looped(A):
    return A + torch.diag((A.diagonal() == 0).to(A.dtype))


def inverse(d, power):
    return torch.where(d > 0, d, torch.inf) ** power


DENSE = {
    "symmetric": lambda A: inverse(A.sum(1), -0.5).diag() @ A @ inverse(A.sum(1), -0.5).diag(),
    "row": lambda A: inverse(A.sum(1), -1).diag() @ A,
    "column": lambda A: A @ inverse(A.sum(0), -1).diag(),
    "none": lambda A: A,
}


@pytest.mark.parametrize("chosen", GEARS)
@pytest.mark.parametrize("loops", [True, False])
@pytest.mark.parametrize("norm", NORMS)
def test_propagation_equals_dense_algebra_with_all_its_deltas(drawn, norm, loops, chosen):
    edges, w, x = drawn
    layer = nn.GCNConv(3, 2, norm=norm).double()
    layer.add_self_loops = loops
    cotangent = torch.randn(N, 2, dtype=torch.float64)
    A = dense(edges, w)
    expected = DENSE[norm](looped(A) if loops else A) @ (x @ layer.lin.weight.T) + layer.bias
    wanted = [w, x, *layer.parameters()]
    right = torch.autograd.grad((expected * cotangent).sum(), wanted)
    with gear(chosen):
        out = layer(x, edges, w)
    assert torch.allclose(out, expected, atol=1e-12)
    for ours, theirs in zip(torch.autograd.grad((out * cotangent).sum(), wanted), right, strict=True):
        assert torch.allclose(ours, theirs, atol=1e-12)


def test_E88_what_a_node_takes_in_is_a_sum_over_its_neighbours_not_a_cluster(drawn):
    edges, w, x = drawn
    A = adjacency(edges, w, N)
    hears = {
        int(i): [(int(a), float(v)) for a, b, v in zip(*edges, w.detach(), strict=True) if b == i] for i in range(N)
    }
    out = A @ x
    for node, heard in hears.items():
        assert torch.allclose(out[node], sum((v * x[a] for a, v in heard), torch.zeros(3, dtype=x.dtype)))


def test_E89_left_normalises_rows_and_right_normalises_columns(drawn):
    edges, w, _ = drawn
    A = with_self_loops(adjacency(edges, w, N))
    D_left, D_right = A.to_dense().sum(1).diag(), A.to_dense().sum(0).diag()
    row, column = normalised(A, "row").to_dense(), normalised(A, "column").to_dense()
    assert torch.allclose(row, D_left.inverse() @ A.to_dense()) and torch.allclose(row.sum(1), torch.ones(N).double())
    assert torch.allclose(column, A.to_dense() @ D_right.inverse())
    assert torch.allclose(column.sum(0), torch.ones(N).double())


def test_E90_trap_11_self_loops_come_before_the_degrees_and_a_node_remembers_itself():
    edges = torch.tensor([[0, 1], [1, 0]])
    A = adjacency(edges, None, 3)
    assert normalised(A).to_dense().tolist() == [[0, 1, 0], [1, 0, 0], [0, 0, 0]], "the notes' form forgets"
    half = 1 / 2
    renormalised = normalised(with_self_loops(A)).to_dense()
    assert torch.allclose(renormalised, torch.tensor([[half, half, 0], [half, half, 0], [0, 0, 1.0]]))


def test_E90_trap_11_an_isolated_node_gives_zero_and_finite_deltas():
    w = torch.tensor([1.0, 2.0], requires_grad=True)
    out = normalised(adjacency(torch.tensor([[0, 1], [1, 0]]), w, 3)) @ torch.ones(3, 2)
    out.sum().backward()
    assert out[2].tolist() == [0, 0] and w.grad is not None and w.grad.isfinite().all()


def test_an_edge_of_weight_zero_alone_at_a_node_passes_nothing():
    w = torch.zeros(1, requires_grad=True)
    out = normalised(adjacency(torch.tensor([[0], [1]]), w, 2)) @ torch.ones(2, 1)
    assert out.tolist() == [[0], [0]]


BUILDS = [
    lambda: nn.GCNConv(5, 2), lambda: nn.SAGEConv(5, 2), lambda: nn.SAGEConv(5, 2, aggr="sum"),
    lambda: nn.GATConv(5, 2, heads=3), lambda: nn.GATConv(5, 2, heads=2, concat=False), lambda: nn.ChebConv(5, 2, K=4),
    lambda: nn.GINConv(nn.Linear(5, 2)),
]  # fmt: skip


@pytest.mark.parametrize("build", BUILDS)
def test_sparse_features_equal_dense_ones_and_an_adjacency_its_edges(drawn, build):
    edges, _, _ = drawn
    x = torch.randn(N, 5).relu()
    row, col = x.nonzero().T
    layer = build()
    sparse = Sparse.of(row, col, x[row, col], (N, 5))
    out = layer(x, edges)
    assert torch.allclose(out, layer(sparse, edges), atol=1e-6)
    assert torch.equal(out, layer(x, adjacency(edges, None, N)))


@pytest.mark.parametrize("chosen", GEARS)
@pytest.mark.parametrize("build", BUILDS)
def test_autocast_computes_sparse_products_in_full_precision(drawn, build, chosen):
    """A processor with matrix units trains in bfloat16, and torch has no sparse product of it."""
    edges, _, _ = drawn
    x, layer = torch.randn(N, 5), build()
    plain = layer(x, edges)
    with gear(chosen), torch.autocast("cpu", dtype=torch.bfloat16):
        out = layer(x, edges)
    out.float().sum().backward()
    assert torch.allclose(out.float(), plain, atol=0.05, rtol=0.05)
    assert all(θ.grad is not None and θ.grad.isfinite().all() for θ in layer.parameters())


def test_mean_of_neighbours_as_in_graphsage(drawn):
    edges, w, x = drawn
    layer = nn.SAGEConv(3, 2).double()
    mean = DENSE["row"](dense(edges, torch.ones_like(w))) @ x
    expected = mean @ layer.lin_l.weight.T + layer.lin_l.bias + x @ layer.lin_r.weight.T
    assert torch.allclose(layer(x, edges), expected)


def test_attention_equals_a_softmax_over_the_dense_matrix(drawn):
    edges, w, x = drawn
    layer = nn.GATConv(3, 2, heads=2).double()
    h = (x @ layer.lin.weight.T).reshape(N, 2, 2)
    s, d = (h * layer.att_src).sum(-1), (h * layer.att_dst).sum(-1)
    z = torch.nn.functional.leaky_relu(s[None] + d[:, None], 0.2)  # [hearer, speaker, head]
    there = looped(dense(edges, torch.ones_like(w))) > 0
    shares = z.masked_fill(~there[..., None], -math.inf).softmax(1)
    expected = torch.einsum("ijk,jkc->ikc", shares, h).flatten(1) + layer.bias
    assert torch.allclose(layer(x, edges), expected)
    A, _ = layer.attention(x, edges)
    assert torch.allclose(A.to_dense(), shares)


def test_chebyshev_polynomials_by_clenshaw_are_those_of_the_recurrence(drawn):
    edges, w, x = drawn
    layer = nn.ChebConv(3, 2, K=4, lambda_max=1.7).double()
    eye = torch.eye(N, dtype=torch.float64)
    L = 2 / 1.7 * (eye - DENSE["symmetric"](dense(edges, w))) - eye
    terms = [x, L @ x]
    while len(terms) < 4:
        terms.append(2 * L @ terms[-1] - terms[-2])
    expected = sum(t @ lin.weight.T for t, lin in zip(terms, layer.lins, strict=True)) + layer.bias
    assert torch.allclose(layer(x, edges, w), expected)


def test_shares_sum_to_one_and_large_scores_do_not_overflow():
    z = torch.tensor([1e6, 1e6, -1e6], requires_grad=True)
    out = segment_softmax(z, torch.tensor([0, 0, 1]), 2)
    out.sum().backward()
    assert out.tolist() == [0.5, 0.5, 1.0] and z.grad is not None and z.grad.abs().max() == 0


def test_scores_are_the_paper_s_product_with_the_concatenation():
    h, a = torch.randn(4, 1, 3).double(), torch.randn(6).double()
    row, col = torch.tensor([0, 2, 3]), torch.tensor([1, 1, 0])
    expected = torch.stack([a @ torch.cat([h[i, 0], h[j, 0]]) for i, j in zip(row, col, strict=True)])
    assert torch.allclose(edge_scores(h, a[None, None, 3:], a[None, None, :3], row, col)[:, 0], expected)


PYG = {  # state_dicts that PyTorch Geometric 2.8.1 writes, name by name, and the layers that wrote them
    "GCNConv": (lambda: nn.GCNConv(3, 2), {"bias": (2,), "lin.weight": (2, 3)}),
    "SAGEConv": (lambda: nn.SAGEConv(3, 2), {"lin_l.weight": (2, 3), "lin_l.bias": (2,), "lin_r.weight": (2, 3)}),
    "GATConv": (
        lambda: nn.GATConv(3, 2, heads=4),
        {"att_src": (1, 4, 2), "att_dst": (1, 4, 2), "bias": (8,), "lin.weight": (8, 3)},
    ),
    "GINConv": (
        lambda: nn.GINConv(nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 2))),
        {"eps": (1,), "nn.0.weight": (5, 3), "nn.0.bias": (5,), "nn.2.weight": (2, 5), "nn.2.bias": (2,)},
    ),
    "ChebConv": (lambda: nn.ChebConv(3, 2, K=2), {"bias": (2,), "lins.0.weight": (2, 3), "lins.1.weight": (2, 3)}),
}


def by_hand(name, θ, A, x):
    """What the papers say these numbers compute; A [hearer, speaker]."""
    if name == "GCNConv":
        return DENSE["symmetric"](looped(A)) @ x @ θ["lin.weight"].T + θ["bias"]
    if name == "SAGEConv":
        return DENSE["row"](A) @ x @ θ["lin_l.weight"].T + θ["lin_l.bias"] + x @ θ["lin_r.weight"].T
    if name == "GINConv":
        h = (1 + θ["eps"]) * x + A @ x
        return (h @ θ["nn.0.weight"].T + θ["nn.0.bias"]).relu() @ θ["nn.2.weight"].T + θ["nn.2.bias"]
    if name == "ChebConv":
        return x @ θ["lins.0.weight"].T - DENSE["symmetric"](A) @ x @ θ["lins.1.weight"].T + θ["bias"]
    h = (x @ θ["lin.weight"].T).reshape(N, 4, 2)
    z = (h * θ["att_src"]).sum(-1)[None] + (h * θ["att_dst"]).sum(-1)[:, None]
    shares = torch.nn.functional.leaky_relu(z, 0.2).masked_fill((looped(A) == 0)[..., None], -math.inf).softmax(1)
    return torch.einsum("ijk,jkc->ikc", shares, h).flatten(1) + θ["bias"]


@pytest.mark.parametrize("name", PYG)
def test_a_state_dict_of_pytorch_geometric_loads_and_computes_what_it_computed_there(name, drawn):
    """Compared once with PyTorch Geometric 2.8.1 itself: 5e-7 apart at most, deltas 4e-6."""
    edges, w, x = drawn
    build, shapes = PYG[name]
    theirs = {key: torch.randn(shape, dtype=torch.float64) for key, shape in shapes.items()}
    layer = build().double()
    layer.load_state_dict(theirs)
    assert torch.allclose(layer(x, edges), by_hand(name, theirs, dense(edges, torch.ones_like(w)), x))


def test_edges_that_stand_twice_are_added_and_any_order_is_the_same():
    edges = torch.tensor([[0, 0, 2], [1, 1, 0]])
    A = adjacency(edges, torch.tensor([1.0, 2.0, 5.0]), 3)
    assert A.to_dense().tolist() == [[0, 0, 5], [3, 0, 0], [0, 0, 0]]
    turned = adjacency(edges.flip(1), torch.tensor([5.0, 2.0, 1.0]), 3)
    assert torch.equal(A.to_dense(), turned.to_dense())


def test_the_transpose_is_kept():
    A = Sparse.of(torch.tensor([0, 0, 3]), torch.tensor([1, 2, 1]), torch.tensor([1.0, 2.0, 3.0]), (4, 3))
    turned = Sparse(A.value[A.order], A.turned_ptr, A.turned_col, A.ptr, A.col, A.order.argsort(), (3, 4))
    assert torch.equal(turned.to_dense(), A.to_dense().T)


def test_self_loops_that_are_there_keep_their_weight():
    A = adjacency(torch.tensor([[0, 0], [0, 1]]), torch.tensor([3.0, 1.0]), 2)
    assert with_self_loops(A, 2.0).to_dense().tolist() == [[3, 0], [1, 2]]


def test_cached_keeps_the_first_adjacency():
    layer = nn.GCNConv(2, 2, cached=True)
    x = torch.randn(3, 2)
    first = layer(x, torch.tensor([[0], [1]]))
    assert torch.equal(layer(x, torch.tensor([[1], [2]])), first)
    layer.reset_parameters()
    assert layer.kept is None


def test_kept_values_of_the_transpose_follow_every_change():
    """They are gathered once for values that stay: not for changed ones, nor for the same ones in other places."""
    A = adjacency(torch.tensor([[0, 1, 2], [1, 2, 1]]), torch.tensor([1.0, 2.0, 3.0]), 3)
    B = adjacency(torch.tensor([[2, 0, 1], [0, 0, 1]]), None, 3).valued(A.value)

    def delta(S):
        x = torch.zeros(3, 2, requires_grad=True)
        (S @ x).backward(torch.arange(6.0).reshape(3, 2))
        assert x.grad is not None
        return torch.allclose(x.grad, S.to_dense().T @ torch.arange(6.0).reshape(3, 2))

    assert delta(A) and delta(A) and delta(B) and delta(A)
    A.value.mul_(5)
    assert delta(A) and delta(B)


def test_the_kernel_is_twice_differentiable():
    A = Sparse.of(torch.tensor([0, 1, 1]), torch.tensor([1, 0, 2]), torch.rand(3).double(), (2, 3))
    value, x = A.value.requires_grad_(), torch.randn(3, 2).double().requires_grad_()
    assert torch.autograd.gradgradcheck(lambda v, x: sparse_product(v, x, *A.structure), (value, x))


def test_the_kernel_stays_in_float32_under_autocast_backward_too():
    A = Sparse.of(torch.tensor([0, 1, 1]), torch.tensor([1, 0, 2]), torch.tensor([2.0, 3.0, 5.0]), (2, 3))
    x = torch.tensor([[1.0], [2.0], [3.0]], requires_grad=True)
    with torch.autocast("cpu", torch.bfloat16):
        out = A @ (x @ torch.eye(1))  # a product in bfloat16 goes in
        out.sum().backward()
    assert out.dtype is torch.float32 and out.tolist() == [[4.0], [18.0]]
    assert x.grad is not None and x.grad.tolist() == [[3.0], [2.0], [5.0]]


def test_a_graph_without_edges_or_without_nodes():
    none = torch.zeros(2, 0, dtype=torch.int64)
    layer = nn.GCNConv(3, 2)
    x = torch.randn(4, 3)
    assert torch.allclose(layer(x, none), x @ layer.lin.weight.T + layer.bias)
    assert layer(torch.zeros(0, 3), none).shape == (0, 2)
    assert nn.GATConv(3, 2, add_self_loops=False)(x, none).shape == (4, 2)


EDGES = torch.tensor([[0, 1], [1, 2]])
WRONG = {
    "features of another width": (lambda: nn.GCNConv(3, 2)(torch.ones(4, 5), EDGES), "expected [nodes, 3]"),
    "features of one axis": (lambda: nn.GATConv(3, 2)(torch.ones(3), EDGES), "features of shape [3]"),
    "edges in rows": (lambda: nn.GCNConv(3, 2)(torch.ones(4, 3), EDGES.T.repeat(2, 1)), "expected int64 [2, edges]"),
    "edges of floats": (lambda: nn.SAGEConv(3, 2)(torch.ones(4, 3), EDGES.float()), "float32"),
    "a node too far": (lambda: nn.GCNConv(3, 2)(torch.ones(2, 3), EDGES), "expected 0…1"),
    "a negative node": (lambda: nn.GCNConv(3, 2)(torch.ones(4, 3), EDGES - 1), "column -1…0"),
    "too few weights": (lambda: nn.GCNConv(3, 2)(torch.ones(4, 3), EDGES, torch.ones(3)), "one an edge"),
    "weights twice": (
        lambda: nn.GCNConv(3, 2)(torch.ones(4, 3), adjacency(EDGES, None, 4), torch.ones(2)), "already in the adjacency"
    ),
    "an adjacency of another size": (lambda: nn.GCNConv(3, 2)(torch.ones(4, 3), adjacency(EDGES, None, 5)), "[4, 4]"),
    "an unknown norm": (lambda: nn.GCNConv(3, 2, norm="rows"), "did you mean row"),
    "an unknown aggregation": (lambda: nn.SAGEConv(3, 2, aggr="max"), "expected one of mean, sum"),
    "no terms": (lambda: nn.ChebConv(3, 2, K=0), "at least 1"),
    "another number of rows": (lambda: adjacency(EDGES, None, 3) @ torch.ones(4, 1), "got 4 rows"),
}  # fmt: skip


@pytest.mark.parametrize("what", WRONG)
def test_what_does_not_fit_is_one_line(what):
    call, says = WRONG[what]
    with pytest.raises(UserError) as caught:
        call()
    assert says in str(caught.value) and "\n" not in str(caught.value)
