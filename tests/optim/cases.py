"""What every optimizer is tried on: the grid of its documented options, and gradients that never die out."""

from itertools import product
from typing import Any

import torch

from chainrule.optim import RULES

# Every documented option with the values to be crossed; names joined by a space change together. A rule without a row
# here fails `test_every_rule_has_a_grid`.
SMOOTH = {"betas eps": [((0.9, 0.999), 1e-8), ((0.8, 0.9), 1e-3)]}
DECAY = {"weight_decay": [0, 0.1]}
SIDES = {"maximize": [False, True]}
GRID: dict[str, dict[str, list[Any]]] = {
    "SGD": {"momentum": [0, 0.9], "dampening": [0, 0.3], **DECAY, "nesterov": [False, True], **SIDES},
    "HeavyBall": {"momentum": [0.9, 0.5], **DECAY, **SIDES},
    "Momentum": {"momentum": [0.9, 0.5], **DECAY, **SIDES},
    "NAG": {"momentum": [0.9, 0.5], **DECAY, **SIDES},
    "Rprop": {"etas step_sizes": [((0.5, 1.2), (1e-6, 50)), ((0.3, 1.5), (1e-3, 0.1))], **SIDES},
    "Lion": {"betas": [(0.9, 0.99), (0.8, 0.9)], **DECAY, **SIDES},
    "ASGD": {"lambd alpha t0": [(1e-4, 0.75, 1e6), (0.1, 0.5, 20)], **DECAY, **SIDES},
    "Adafactor": {"beta2_decay eps d": [(-0.8, (None, 1e-3), 1.0), (-0.5, (1e-3, 0.1), 2.0)], **DECAY, **SIDES},
    "Muon": {
        "momentum ns_coefficients ns_steps eps adjust_lr_fn": [
            (0.95, (3.4445, -4.775, 2.0315), 5, 1e-7, None),
            (0.95, (3.4445, -4.775, 2.0315), 5, 1e-7, "match_rms_adamw"),
            (0.8, (3.0, -3.2, 1.2), 2, 1e-3, "original"),
        ],
        **DECAY,
        "nesterov": [False, True],
    },
    "MuonSGD": {"betas": [(0.6, 0.85), (0.9, 0.5)], "ns_steps": [3, 5], **DECAY},
    "Adagrad": {"lr_decay initial_accumulator_value eps": [(0, 0, 1e-10), (0.1, 0.5, 1e-3)], **DECAY, **SIDES},
    "Adadelta": {"rho eps": [(0.9, 1e-6), (0.5, 1e-3)], **DECAY, **SIDES},
    "RMSprop": {
        "alpha eps": [(0.8, 1e-8), (0.99, 1e-3)],
        **DECAY,
        "momentum": [0, 0.9],
        "centered": [False, True],
        **SIDES,
    },
    "Adam": {**SMOOTH, **DECAY, "amsgrad": [False, True], "decoupled_weight_decay": [False, True], **SIDES},
    "AdamW": {**SMOOTH, **DECAY, "amsgrad": [False, True], **SIDES},
    "Adamax": {**SMOOTH, **DECAY, **SIDES},
    "NAdam": {
        "betas eps momentum_decay": [((0.9, 0.999), 1e-8, 4e-3), ((0.8, 0.9), 1e-3, 0.1)],
        **DECAY,
        "decoupled_weight_decay": [False, True],
        **SIDES,
    },
    "RAdam": {**SMOOTH, **DECAY, "decoupled_weight_decay": [False, True], **SIDES},
}


def _valid(name: str, options: dict[str, Any]) -> bool:
    # torch refuses Nesterov's form without momentum and with dampening
    return name != "SGD" or not options["nesterov"] or (options["momentum"] > 0 and options["dampening"] == 0)


def names(name: str) -> set[str]:
    """The options that are tried."""
    return set(" ".join(GRID[name]).split())


def options(name: str) -> list[dict[str, Any]]:
    rows = []
    for values in product(*GRID[name].values()):
        row: dict[str, Any] = {}
        for joined, value in zip(GRID[name], values, strict=True):
            parts = joined.split()
            row |= dict(zip(parts, value if len(parts) > 1 else (value,), strict=True))
        rows.append(row)
    return [row for row in rows if _valid(name, row)]


def flags_of(name: str) -> list[dict[str, bool]]:
    """The switches of torch's class between its own forms of a step."""
    takes = RULES[name].defaults
    return [{flag: on} for flag in ("foreach", "fused") if flag in takes for on in (True, False)]


def some(name: str) -> list[dict[str, Any]]:
    """The plain settings and, crossed out of the grid, the fullest ones."""
    rows = options(name)
    return [rows[0], max(rows, key=lambda row: (sum(map(bool, row.values())), str(row)))]


def named(settings: dict[str, Any]) -> str:
    return " ".join(f"{k}={v}" for k, v in settings.items())


def params(name: str = "", dtype: torch.dtype = torch.float64) -> list[torch.nn.Parameter]:
    """A matrix, a vector, a scalar, and filters in channels_last; the same at every call; matrices for Muon."""
    source = torch.Generator().manual_seed(0)
    shapes = [(4, 3), (3, 5), (6, 6), (2, 7)] if name == "Muon" else [(4, 3), (3,), (), (4, 3, 2, 2)]
    made = [torch.randn(shape, generator=source, dtype=torch.float64).to(dtype) for shape in shapes]
    if made[3].dim() == 4:
        made[3] = made[3].to(memory_format=torch.channels_last)
    return [torch.nn.Parameter(x) for x in made]


def descend(optimizer: torch.optim.Optimizer, steps: int, start: int = 0) -> None:
    """Steps on noisy gradients that depend on the parameters, so that an error is not forgotten. The last parameter
    joins only at step 3: its count of updates is its own."""
    everything = [θ for group in optimizer.param_groups for θ in group["params"]]
    for t in range(start, start + steps):
        source = torch.Generator().manual_seed(t)
        for θ in everything:
            noise = torch.randn(θ.shape, generator=source, dtype=torch.float64).to(θ.dtype)
            θ.grad = θ.detach().sin() + noise
        if t < 3:
            everything[-1].grad = None
        optimizer.step()


def apart(a: torch.optim.Optimizer, b: torch.optim.Optimizer) -> float:
    """The largest relative distance of parameters and state; infinite where the state has other names."""
    worst = 0.0
    for left, right in zip(a.param_groups, b.param_groups, strict=True):
        for p, q in zip(left["params"], right["params"], strict=True):
            mine, theirs = a.state.get(p, {}), b.state.get(q, {})
            if list(mine) != list(theirs):
                return float("inf")
            for x, y in [(p, q), *((mine[key], theirs[key]) for key in mine)]:
                worst = max(worst, ((x - y).abs() / (1 + y.abs())).max().item())
    return worst
