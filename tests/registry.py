"""The registry as the tests walk it, and what the proof is not asked to measure, with the reason."""

import pkgutil
from importlib import import_module

import chainrule.nn
from chainrule.formula import REGISTRY

for _room in pkgutil.walk_packages(chainrule.nn.__path__, "chainrule.nn."):
    import_module(_room.name)

FORMULAS = sorted(name for name, card in REGISTRY.items() if card.room.startswith("chainrule."))

TWINLESS = {  # formulas without an operator of torch's, and why
    "swish": "torch has only its case β = 1, which is silu",
}
UNMEASURED: dict[str, set[str]] = {name: {"twin"} for name in TWINLESS}  # checks that apply to none of its samples

STATISTICS = {n: "a running statistic: torch refuses its delta too" for n in ("running_mean", "running_var")}
WEIGHT = {"weight": "given by the user, one a class or entry: torch refuses its delta too"}
CONSTANTS: dict[str, dict[str, str]] = {  # formula -> floating-point input without a delta: why
    "batch_norm": STATISTICS,
    "instance_norm": STATISTICS,
    "binary_cross_entropy": WEIGHT,
    "binary_cross_entropy_with_logits": WEIGHT | {"pos_weight": "given by the user, one a class"},
    "cross_entropy": WEIGHT,
    "nll_loss": WEIGHT,
    "reduce": {"total": "counts or sums of constant weights: nothing that is learned"},
}
