"""What the compiler is told about a whole step changes no number."""

import torch
from torch.fx.experimental.proxy_tensor import make_fx

from chainrule.learn.inductor import options, settle


def correction(θ, t):
    return θ / (1 - 0.9**t) + 0.5**t


def test_a_power_of_the_step_count_is_a_buffer_of_its_own():
    θ, t = torch.randn(5), torch.tensor(3.0, dtype=torch.float64)
    traced = make_fx(correction, tracing_mode="fake")(θ, t)
    settle(traced.graph)
    traced.graph.lint()
    traced.recompile()
    names = [str(node.target) for node in traced.graph.nodes]
    assert names.count("aten.pow.Scalar") == names.count("aten.amax.default") == 2
    torch.testing.assert_close(traced(θ, t), correction(θ, t), rtol=0, atol=0)


def test_a_power_of_many_numbers_is_left_alone():
    traced = make_fx(lambda x: 2.0**x, tracing_mode="fake")(torch.randn(4))
    before = len(traced.graph.nodes)
    settle(traced.graph)
    assert len(traced.graph.nodes) == before


def test_the_memory_format_is_ours_on_a_processor_and_the_compilers_elsewhere():
    assert options("cpu")["layout_optimization"] is False
    assert "layout_optimization" not in options("cuda")
