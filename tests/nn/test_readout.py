"""Readouts of whole graphs against plain loops and torch's own reduction, and the layer of Xu et al."""

import pytest
import torch

from chainrule import nn
from chainrule.errors import UserError
from chainrule.nn.graph import adjacency, itself_and_heard
from chainrule.nn.readout import READOUTS
from chainrule.nn.sparse import Sparse

INDEX = torch.tensor([2, 0, 0, 3, 2, 0, 3])
TORCH = {"sum": "sum", "mean": "mean", "max": "amax"}


@pytest.mark.parametrize("name", READOUTS)
def test_a_readout_is_the_reduction_of_each_graph_and_torch_s_delta(name):
    x = torch.randn(7, 4, dtype=torch.float64, requires_grad=True)
    out, cotangent = READOUTS[name](x, INDEX, 5), torch.randn(5, 4, dtype=torch.float64)
    for graph in range(5):
        rows = x[graph == INDEX]
        expected = {"sum": rows.sum, "mean": rows.mean, "max": rows.amax}[name](0) if len(rows) else torch.zeros(4)
        assert torch.allclose(out[graph], expected.double())
    theirs = torch.zeros(5, 4, dtype=torch.float64).scatter_reduce(
        0, INDEX[:, None].expand(7, 4), x, TORCH[name], include_self=False
    )
    ours, right = (torch.autograd.grad((y * cotangent).sum(), x)[0] for y in (out, theirs))
    assert torch.allclose(out, theirs) and torch.allclose(ours, right)


def test_nodes_that_are_all_the_largest_share_the_delta_as_torch_s_do():
    x = torch.tensor([[1.0, 0.0], [1.0, 2.0], [1.0, 2.0]], requires_grad=True)
    READOUTS["max"](x, torch.zeros(3, dtype=torch.int64), 1).backward(torch.tensor([[3.0, 4.0]]))
    ours = x.grad
    x.grad = None
    x.amax(0, keepdim=True).backward(torch.tensor([[3.0, 4.0]]))
    assert (
        ours is not None
        and x.grad is not None
        and torch.equal(ours, x.grad)
        and ours.tolist() == [[1, 0], [1, 2], [1, 2]]
    )


def test_the_sum_tells_multisets_apart_that_mean_and_maximum_take_for_one():
    """Xu et al. 2019, figure 3: three equal nodes and two; and where the mean is lost, the sum still sees."""
    two, three = torch.tensor([0, 0, 1, 1, 1]), torch.ones(5, 1)
    told = {name: read(three, two, 2)[:, 0].tolist() for name, read in READOUTS.items()}
    assert told == {"sum": [2, 3], "mean": [1, 1], "max": [1, 1]}


def test_gin_adds_itself_a_little_more_and_its_eps_is_a_buffer_unless_learned():
    edges, x = torch.tensor([[0, 1, 2], [1, 0, 1]]), torch.randn(4, 3)
    A = adjacency(edges, None, 4).to_dense()
    layer = nn.GINConv(nn.Linear(3, 2), eps=0.25)
    assert torch.allclose(layer(x, edges), layer.nn(1.25 * x + A @ x))
    assert not dict(layer.named_parameters()).get("eps") and layer.state_dict()["eps"].tolist() == [0.25]
    learned = nn.GINConv(nn.Linear(3, 2), train_eps=True)
    learned(x, edges).sum().backward()
    assert learned.eps.grad is not None and learned.eps.shape == (1,)


def test_gin_takes_sparse_features_and_an_adjacency_too():
    x = torch.randn(4, 3).relu()
    row, col = x.nonzero().T
    edges, layer = torch.tensor([[0, 1, 2], [1, 0, 1]]), nn.GINConv(nn.Linear(3, 2))
    sparse = Sparse.of(row, col, x[row, col], (4, 3))
    assert torch.equal(layer(x, edges), layer(sparse, adjacency(edges, None, 4)))
    with pytest.raises(UserError, match=r"GINConv got features of shape \[3\]"):
        layer(torch.ones(3), edges)


def test_eps_is_a_formula_of_its_own_and_keeps_its_delta():
    x, heard, eps = torch.randn(3, 2).double(), torch.randn(3, 2).double(), torch.tensor([0.5]).double()
    assert torch.allclose(itself_and_heard(x, heard, eps), 1.5 * x + heard)
