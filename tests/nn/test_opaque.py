"""Max-pooling stays one operator in a compiled graph, and computes what torch computes."""

import pytest
import torch

from chainrule import nn


def graph_of(module, x):
    """What the compiler is given for a module: the names of the operators."""
    found = []

    def backend(graph, inputs):
        found.extend(str(node.target) for node in graph.graph.nodes)
        return graph

    torch._dynamo.reset()
    torch.compile(module, backend=backend, fullgraph=True)(x)
    return " ".join(found)


@pytest.mark.parametrize(
    ("args", "shape"),
    [((2,), (2, 3, 8, 6)), ((3, 2, 1), (2, 3, 9, 7)), (((2, 3), (1, 2), (1, 0), (2, 1), False, True), (3, 9, 8))],
)
def test_compiled_pooling_is_torchs(args, shape):
    torch._dynamo.reset()
    x = torch.randn(shape, dtype=torch.float64, requires_grad=True)
    own, torchs = torch.compile(nn.MaxPool2d(*args), backend="aot_eager", fullgraph=True), torch.nn.MaxPool2d(*args)
    out, expected = own(x), torchs(x)
    torch.testing.assert_close(out, expected, rtol=0, atol=0)
    δ = torch.randn_like(out)
    torch.testing.assert_close(*[torch.autograd.grad(o, x, δ) for o in (out, expected)], rtol=0, atol=0)


def test_it_is_whole_where_that_is_faster():
    x = torch.randn(2, 3, 8, 8)
    assert "chainrule" in graph_of(nn.MaxPool2d(2), x)
    assert "chainrule" not in graph_of(nn.MaxPool2d(2), x.to(memory_format=torch.channels_last))


def test_an_exported_network_holds_torchs_own_operators():
    exported = torch.export.export(nn.MaxPool2d(2), (torch.randn(2, 3, 8, 8),))
    assert "chainrule" not in str(exported.graph)
