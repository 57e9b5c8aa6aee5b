"""One of our modules beside torch's of the same name: same weights, outputs, gradients, buffers, picture and copies."""

import copy
import pickle

import torch
from torch import Tensor

import chainrule.nn
from chainrule.gear import gear

EXACT = {"rtol": 1e-10, "atol": 1e-12}


def pair(name: str, *args, seed: int = 0, dtype=torch.float64, **options):
    """Ours and torch's from one seed, in float64."""
    made = []
    for home in (chainrule.nn, torch.nn):
        torch.manual_seed(seed)
        made.append(getattr(home, name)(*args, **options).to(dtype))
    ours, theirs = made
    assert isinstance(ours, type(theirs)) and repr(ours) == repr(theirs)
    same_state(ours, theirs)
    return ours, theirs


def same_state(ours, theirs):
    mine, yours = ours.state_dict(), theirs.state_dict()
    assert list(mine) == list(yours)
    for key in mine:
        torch.testing.assert_close(mine[key], yours[key], **EXACT)


def outcome(module, inputs, seed: int):
    """Output and the deltas of inputs and parameters, for a random cotangent."""
    points = [i.detach().clone().requires_grad_(i.requires_grad) if isinstance(i, Tensor) else i for i in inputs]
    module.zero_grad()
    torch.manual_seed(seed)
    out = module(*points)
    torch.manual_seed(1)
    out.backward(torch.randn_like(out))
    deltas = [p.grad for p in (*points, *module.parameters()) if isinstance(p, Tensor) and p.requires_grad]
    return out.detach(), deltas


def agree(ours, theirs, *inputs, seed: int = 0):
    """In the gears formula and auto, and as a deep and a pickled copy."""
    start = copy.deepcopy(theirs)
    for name in ("formula", "auto"):
        for module in (copy.deepcopy(ours), pickle.loads(pickle.dumps(ours))):
            other = copy.deepcopy(start)
            with gear(name):
                mine = outcome(module, inputs, seed)
            yours = outcome(other, inputs, seed)
            torch.testing.assert_close(mine, yours, **EXACT)
            same_state(module, other)
