"""Parameters in two bytes, larger than a vector register: torch's fused SGD leaves them as they are (issue 191763)."""

import pytest
import torch

import chainrule
from chainrule.optim import OPTIMIZERS


def after(name, dtype, gear):
    """Where six steps lead whose gradients are the same in every precision."""
    θ = torch.nn.Parameter(torch.ones(100, dtype=dtype))
    extra = {"momentum": 0.9} if name == "sgd" else {"eps": 1e-3}  # 1e-8 would be 0 in float16
    made = OPTIMIZERS[name]([θ], lr=0.1, weight_decay=0.1, **extra)
    for seed in range(6):
        g = 1 + torch.rand(100, generator=torch.Generator().manual_seed(seed))  # squares that float16 can hold
        θ.grad = g.bfloat16().to(dtype)
        with chainrule.gear(gear):
            made.step()
    return θ.detach().double()


@pytest.mark.parametrize("gear", ["auto", "formula"])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("name", ["sgd", "adam", "adamw"])
def test_low_precision_moves_as_float64_does(name, dtype, gear):
    torch.testing.assert_close(after(name, dtype, gear), after(name, torch.float64, "formula"), rtol=0, atol=0.05)
