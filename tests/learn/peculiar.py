"""Networks of one's own with a peculiarity each, for test_demands.py."""

import torch
from torch import nn


class Pair(nn.Linear):
    def __init__(self):
        super().__init__(1024, 10)

    def forward(self, x):
        return super().forward(x.flatten(1)), 1


class Lazy(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Flatten(), nn.LazyLinear(16), nn.LazyBatchNorm1d(), nn.ReLU(), nn.LazyLinear(10))


class Normed(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Flatten(), nn.Linear(1024, 16), nn.BatchNorm1d(16), nn.Linear(16, 10))


class Counting(nn.Linear):
    """Refuses to be compiled for a batch of another size than its first."""

    def __init__(self):
        super().__init__(1024, 10)

    def forward(self, x):
        if torch.compiler.is_compiling() and len(x) != 256:
            torch._dynamo.graph_break()
        return super().forward(x.flatten(1))
