"""Linear against torch where the registry's samples do not go: no batch, no rows, no features."""

import pytest
import torch

import chainrule.nn as nn
from chainrule.gear import gear


@pytest.mark.parametrize("chosen", ["formula", "auto"])
@pytest.mark.parametrize("shape", [(3,), (0,), (2, 3), (0, 3), (2, 0), (2, 0, 3), (2, 3, 0)], ids=str)
@pytest.mark.parametrize("features", [0, 4])
@pytest.mark.filterwarnings("ignore:Initializing zero-element tensors")
def test_linear_is_torchs_at_every_emptiness(shape, features, chosen):
    ours, theirs = nn.Linear(shape[-1], features).double(), torch.nn.Linear(shape[-1], features).double()
    ours.load_state_dict(theirs.state_dict())
    x = torch.randn(shape, dtype=torch.float64, requires_grad=True)
    with gear(chosen):
        got = ours(x)
        deltas = torch.autograd.grad(got.sin().sum(), [x, *ours.parameters()])
    expected = theirs(x)
    torch.testing.assert_close(got, expected)
    torch.testing.assert_close(deltas, torch.autograd.grad(expected.sin().sum(), [x, *theirs.parameters()]))
