"""What the compiler is told about a whole step. · 整步编译时对编译器的说明。"""

from typing import Any

import torch


def settle(graph: torch.fx.Graph) -> None:
    """Let powers of the step count be computed once a parameter, not once a vector of its elements. · 标量幂只算一次。

    Inductor writes what is computed of single numbers into the loops that read it: βᵗ of Adam's bias correction took
    a fifth of an MLP's step on one core. The largest of sixteen equal numbers is a reduction, and those are kept.
    """
    aten = torch.ops.aten
    for node in graph.find_nodes(op="call_function", target=aten.pow.Scalar):
        if node.meta["val"].ndim == 0:
            with graph.inserting_after(node):
                many = graph.call_function(aten.expand.default, (node, [16]))
            with graph.inserting_after(many):
                kept = graph.call_function(aten.amax.default, (many, [0]))
            many.meta["val"], kept.meta["val"] = node.meta["val"].expand(16), node.meta["val"]
            node.replace_all_uses_with(kept, delete_user_cb=lambda user, many=many: user is not many)


def options(device: str) -> dict[str, Any]:
    """For `torch.compile`. A whole step keeps the memory format it was given: where inductor turns convolutions to
    channels_last by itself, their backward, which it calls as it is, turns every tensor back (ResNet-8 on one core:
    67.7 ms against 64.2, LeNet 8.8 against 7.2). · 编译选项。
    """
    from torch._inductor.custom_graph_pass import CustomGraphPass  # seconds: only where something is compiled

    class Settle(CustomGraphPass):
        def __call__(self, graph: torch.fx.Graph) -> None:
            settle(graph)

        def uuid(self) -> str:
            return "chainrule.settle 1"

    own = {"layout_optimization": False} if device == "cpu" else {}
    return {"post_grad_custom_pre_pass": Settle(), **own}
