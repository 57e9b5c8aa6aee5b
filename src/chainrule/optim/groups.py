"""Which parameters decay. · 哪些参数参与权重衰减。"""

from typing import Any

from torch import Tensor, nn

from ..errors import UserError, unknown

DECAYS = ("weights", "all")


def param_groups(model: nn.Module, weight_decay: float, decay: str = "weights") -> list[dict[str, Any]]:
    """Parameter groups with the decay only where it helps: on weights, not on biases and norms. · 仅权重参与衰减。

    model  its trainable parameters, each once   weight_decay  at least 0
    decay  "weights": matrices and filters decay; vectors, biases and what is in a normalisation do not. "all": all do
    raises `UserError` for another decay, a negative weight_decay, or a model without trainable parameters.
    source Goyal et al. 2017, section 5, arXiv:1706.02677 (no decay on the parameters of batch normalisation);
           He et al. 2019, section 3.1, arXiv:1812.01187 (nor on biases)

    >>> model = nn.Sequential(nn.Linear(2, 3), nn.LayerNorm(3))
    >>> [(len(g["params"]), g["weight_decay"]) for g in param_groups(model, 0.1)]
    [(1, 0.1), (3, 0.0)]
    """
    if decay not in DECAYS:
        raise unknown("decay", decay, DECAYS)
    if not weight_decay >= 0:
        raise UserError(f"weight_decay={weight_decay!r}: expected a number of at least 0")
    decaying: dict[Tensor, bool] = {}
    for module in model.modules():
        norm = "norm" in type(module).__name__.lower()
        for name, θ in module.named_parameters(recurse=False):
            if θ.requires_grad and θ not in decaying:
                decaying[θ] = decay == "all" or (θ.dim() >= 2 and not norm and not name.startswith("bias"))
    if not decaying:
        raise UserError(f"{type(model).__name__} has no trainable parameter: expected at least one to optimize")
    if weight_decay == 0:  # one group: nothing tells them apart
        decaying = dict.fromkeys(decaying, True)
    split = [([θ for θ, yes in decaying.items() if yes is on], weight_decay if on else 0.0) for on in (True, False)]
    return [{"params": params, "weight_decay": value} for params, value in split if params]
