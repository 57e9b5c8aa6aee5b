"""The registry as the tests walk it, and what the proof is not asked to measure, with the reason."""

import pkgutil
from importlib import import_module

import torch
from torch import Tensor

import chainrule.nn
from chainrule.formula import REGISTRY

for _room in pkgutil.walk_packages(chainrule.nn.__path__, "chainrule.nn."):
    import_module(_room.name)
import_module("chainrule.look.surfaces")

FORMULAS = sorted(name for name, card in REGISTRY.items() if card.room.startswith("chainrule."))

TWINLESS = {  # formulas without an operator of torch's, and why
    "swish": "torch has only its case β = 1, which is silu",
    "lstm_peephole": "torch has no LSTM with peepholes",
    "generalized_advantage": "of agents: the plain sum of its definition in its tests",
    **dict.fromkeys(
        ("symmetric", "share", "segment_softmax", "edge_scores", "pair_products", "itself_and_heard"),
        "of graphs: dense algebra in its tests",
    ),
    **dict.fromkeys(("segment_sum", "segment_mean"), "of graphs: plain loops in their tests"),
    **dict.fromkeys(("rosenbrock", "beale", "saddle", "ravine", "noisy_quadratic"), "a surface, no operator"),
}
GRAPHS = (
    *("sparse_product", "symmetric", "share", "segment_softmax", "edge_scores", "pair_products"),
    *("segment_sum", "segment_mean", "segment_max"),
)
UNMEASURED: dict[str, set[str]] = {  # checks that apply to none of its samples
    **{name: {"twin"} for name in TWINLESS},
    **{
        name: {"vmap", "empty batch"} | ({"twin"} if name in TWINLESS else set()) for name in GRAPHS
    },  # nodes are no batch
    "lstm_peephole": {"twin", "vmap", "empty batch"},
    "connect": {"vmap", "empty batch"},  # it works on a weight: there is no batch
    **{
        name: {"vmap", "empty batch"} for name in ("rnn", "lstm", "gru", "attention_gru")
    },  # time is the first axis, not the batch
    "generalized_advantage": {"twin", "vmap", "empty batch"},  # the same
}

STATISTICS: dict[str, str] = dict.fromkeys(
    ("running_mean", "running_var"), "a running statistic: torch refuses its delta too"
)
WEIGHT = {"weight": "given by the user, one a class or entry: torch refuses its delta too"}
CONSTANTS: dict[str, dict[str, str]] = {  # formula -> floating-point input without a delta: why
    "batch_norm": STATISTICS,
    "instance_norm": STATISTICS,
    "binary_cross_entropy": WEIGHT,
    "binary_cross_entropy_with_logits": WEIGHT | {"pos_weight": "given by the user, one a class"},
    "cross_entropy": WEIGHT,
    "nll_loss": WEIGHT,
    "dropout": {"mask": "drawn, never learned"},
    "scaled_dot_product_attention": {"drop": "drawn, never learned"},
    "policy_gradient": {"A": "measured before the step: what the gradient is weighed by"},
    "clipped_surrogate": {"A": "measured before the step", "log_p_old": "of the policy that acted, held fixed"},
    "gaussian_log_prob": {"a": "the action that was taken"},
    "td_loss": {"y": "the target of a network that is held fixed"},
    "generalized_advantage": {"alive": "1 or 0, as the world says", "same": "1 or 0, as the world says"},
    "pseudo_label": {"u": "the scores that teach: their choice is held fixed"},
    "reduce": {"total": "counts or sums of constant weights: nothing that is learned"},
}


def at(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64, requires_grad=True)


def plane(*rows: tuple[float, ...]) -> Tensor:
    return torch.tensor([[rows]], dtype=torch.float64, requires_grad=True)


TIES = plane((1, 1, 0), (0, 1, 1), (1, 0, 0))
EDGES: dict[
    str, list[tuple]
] = {  # points on kinks and limits, where no slope can be measured but torch has a convention
    "relu": [(at(0),)],
    "relu6": [(at(0, 6),)],
    "hardtanh": [(at(-1, 1), -1.0, 1.0), (at(-2, 3), -2.0, 3.0)],
    "leaky_relu": [(at(0), 0.01)],
    "prelu": [(at(0), at(0.3))],
    "hardsigmoid": [(at(-3, 3),)],
    "hardswish": [(at(-3, 3),)],
    "elu": [(at(0, 800), 1.0), (at(0, 800), 1.7)],
    "l1_loss": [(at(1, 2), at(1, 2))],
    "huber_loss": [(at(0.5, -0.5, 0, 1), at(0, 0, 0, 0), 0.5)],
    "smooth_l1_loss": [(at(0.5, -0.5, 0, 1), at(0, 0, 0, 0), 0.5), (at(0, 1), at(0, 0), 0.0)],
    "binary_cross_entropy": [(at(0, 1, 0, 1, 0.3), at(0, 1, 1, 0, 0.5), None)],
    "conv1d": [
        (*(torch.ones(n, 2, k).double().requires_grad_() for n, k in ((0, 5), (3, 2))), None, (1,), (0,), (1,), 1)
    ],
    "softplus": [(at(20, 800), 1.0, 20.0), (at(1, 2, 3, 400), 2.0, 4.0)],
    "max_pool1d_with_indices": [(at(1, 1, 0, 1).detach().reshape(1, 1, 4).requires_grad_(), 2)],
    "segment_max": [(at(1, 1, 0, 1).reshape(2, 2).detach().requires_grad_(), torch.tensor([0, 0]), 1)],
    "max_pool2d_with_indices": [(TIES, 2, 1), (TIES[0].detach().requires_grad_(), 2, 1)],
    "adaptive_max_pool2d_with_indices": [(TIES, 2)],
}
BEYOND_TORCH = {  # deltas at an edge where ours differs from torch's, and why
    ("binary_cross_entropy", "y"): "the value ends at 100 there and so does ours; torch's delta of y is infinite",
}
