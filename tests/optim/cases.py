"""What every optimizer is tried on: the grid of its documented options, and gradients that never die out."""

from itertools import product
from typing import Any

import torch

# Every documented option with the values to be crossed; a rule without a row here fails `test_every_rule_has_a_grid`.
BETAS = [(0.9, 0.999), (0.8, 0.9)]
GRID: dict[str, dict[str, list[Any]]] = {
    "SGD": {
        "momentum": [0, 0.9],
        "dampening": [0, 0.3],
        "weight_decay": [0, 0.1],
        "nesterov": [False, True],
        "maximize": [False, True],
    },
    "Adam": {
        "betas": BETAS,
        "eps": [1e-8, 1e-3],
        "weight_decay": [0, 0.1],
        "amsgrad": [False, True],
        "decoupled_weight_decay": [False, True],
        "maximize": [False, True],
    },
    "AdamW": {
        "betas": BETAS,
        "eps": [1e-8, 1e-3],
        "weight_decay": [0, 0.1],
        "amsgrad": [False, True],
        "maximize": [False, True],
    },
}


def _valid(name: str, options: dict[str, Any]) -> bool:
    # torch refuses Nesterov's form without momentum and with dampening
    return not options.get("nesterov") or (options["momentum"] > 0 and options["dampening"] == 0)


def options(name: str) -> list[dict[str, Any]]:
    names, values = GRID[name].keys(), GRID[name].values()
    crossed = [dict(zip(names, row, strict=True)) for row in product(*values)]
    return [row for row in crossed if _valid(name, row)]


def some(name: str) -> list[dict[str, Any]]:
    """The plain settings and, crossed out of the grid, the fullest ones."""
    rows = options(name)
    return [rows[0], max(rows, key=lambda row: (sum(map(bool, row.values())), str(row)))]


def named(settings: dict[str, Any]) -> str:
    return " ".join(f"{k}={v}" for k, v in settings.items())


def params(dtype: torch.dtype = torch.float64) -> list[torch.nn.Parameter]:
    """A matrix, a vector, a scalar, and filters in channels_last; the same at every call."""
    source = torch.Generator().manual_seed(0)
    shapes = [(4, 3), (3,), (), (4, 3, 2, 2)]
    made = [torch.randn(shape, generator=source, dtype=torch.float64).to(dtype) for shape in shapes]
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
