"""Which parameters decay, and which learn faster or stop earlier. · 哪些参数参与衰减，哪些学得更快或更早停止。"""

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from ..errors import UserError, unknown

DECAYS = ("weights", "all", "even")


def param_groups(
    model: nn.Module,
    weight_decay: float,
    decay: str = "weights",
    head_lr: float = 1.0,
    bias_lr: float = 1.0,
    shares: Mapping[Any, float] | None = None,
) -> list[dict[str, Any]]:
    """Parameter groups with the decay only where it helps: on weights, not on biases and norms. · 仅权重参与衰减。

    model   its trainable parameters, each once   weight_decay  at least 0
    decay   "weights": matrices and filters decay; vectors, biases and what is in a normalisation do not. "all": all do.
            "even": all do, by the same share of themselves a step: what learns faster has as much less weight_decay
    head_lr, bias_lr  "factor" of a group: of the last linear layer, and of what else is no matrix and no filter
    shares  parameter → its share of the rate, by which its "factor" is multiplied
    A network's `decays` names the layers whose weights decay, where the others' do not.
    A network's `learns_until` (parameter → share of the run) becomes "until" of a group: after it, its rate is 0.
    raises  `UserError` for another decay, a negative weight_decay, a model without trainable parameters, and head_lr
            where a network does not say which layer is its head.
    source  Goyal et al. 2017, section 5, arXiv:1706.02677 (no decay on the parameters of batch normalisation);
            He et al. 2019, section 3.1, arXiv:1812.01187 (nor on biases)

    >>> model = nn.Sequential(nn.Linear(2, 3), nn.LayerNorm(3))
    >>> [(len(g["params"]), g["weight_decay"]) for g in param_groups(model, 0.1)]
    [(1, 0.1), (3, 0.0)]
    >>> [(len(g["params"]), g.get("factor", 1.0)) for g in param_groups(model, 0.0, bias_lr=64.0)]
    [(1, 1.0), (3, 64.0)]
    """
    if decay not in DECAYS:
        raise unknown("decay", decay, DECAYS)
    if not weight_decay >= 0:
        raise UserError(f"weight_decay={weight_decay!r}: expected a number of at least 0")
    kinds: dict[Tensor, tuple[float, float, float]] = {}
    head, stops = _head(model, head_lr), getattr(model, "learns_until", {})
    only = getattr(model, "decays", None)
    for place, module in model.named_modules():
        norm = "norm" in type(module).__name__.lower()
        for name, θ in module.named_parameters(recurse=False):
            if θ.requires_grad and θ not in kinds:
                weight = θ.dim() >= 2 and not norm and not name.startswith("bias")
                falls = weight and (only is None or place.partition(".")[0] in only)
                factor = head_lr if module is head else 1.0 if weight else bias_lr
                factor *= (shares or {}).get(θ, 1.0)
                until = stops.get(f"{place}.{name}".lstrip("."), 1.0)
                pull = weight_decay / factor if decay == "even" else weight_decay
                kinds[θ] = (pull if decay != "weights" or falls else 0.0, factor, until)
    if not kinds:
        raise UserError(f"{type(model).__name__} has no trainable parameter: expected at least one to optimize")
    # The first group is the one whose rate is told: what decays, then what has the rate itself.
    order = sorted(set(kinds.values()), key=lambda kind: (not kind[0], kind[1] != 1, -kind[2], kind))
    return [_group([θ for θ, kind in kinds.items() if kind == of], *of) for of in order]


def _group(params: list[Tensor], weight_decay: float, factor: float, until: float) -> dict[str, Any]:
    group: dict[str, Any] = {"params": params, "weight_decay": weight_decay}
    return group | ({"factor": factor} if factor != 1 else {}) | ({"until": until} if until < 1 else {})


def _head(model: nn.Module, head_lr: float) -> nn.Module | None:
    if head_lr == 1:
        return None
    path = getattr(model, "head", None)
    if not isinstance(path, str):
        raise UserError(
            f"head_lr={head_lr:g}: {type(model).__name__} does not say which layer is its head; leave it out"
        )
    return model.get_submodule(path)
