"""The moving average of the weights. · 权重的指数滑动平均。"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor


class Average:
    """θ̄ ← decay·θ̄ + (1 − decay)·θ after every step; buffers are taken as they are. · 每步更新的权重平均。

    The decay rises with the steps, min(decay, (1 + t)/(10 + t)), so that the first weights are soon forgotten.
    Source: Polyak & Juditsky 1992, doi:10.1137/0330046; the rise as in TensorFlow's ExponentialMovingAverage.

    >>> model = torch.nn.Linear(1, 1)
    >>> average = Average(model, decay=0.9)
    >>> average.update(step=1)
    >>> all(torch.equal(a, p) for a, p in zip(average.weights.values(), model.state_dict().values()))
    True
    """

    def __init__(self, model: torch.nn.Module, decay: float):
        self.model, self.decay = model, decay
        self.weights = {k: v.detach().clone() for k, v in model.state_dict().items()}

    @torch.no_grad()
    def update(self, step: int) -> None:
        keep = min(self.decay, (1 + step) / (10 + step))
        parameters = dict(self.model.named_parameters())
        now = self.model.state_dict()
        moving = [k for k in self.weights if k in parameters]
        torch._foreach_lerp_([self.weights[k] for k in moving], [now[k] for k in moving], 1 - keep)  # pyright: ignore[reportPrivateImportUsage]
        for key in self.weights.keys() - moving:
            self.weights[key].copy_(now[key])

    def load(self, weights: dict[str, Tensor]) -> None:
        for key, value in weights.items():
            self.weights[key].copy_(value)

    @contextmanager
    def swapped(self) -> Iterator[None]:
        """The network with the averaged weights, for as long as the block lasts. · 在代码块内使用平均后的权重。"""
        own = {k: v.detach().clone() for k, v in self.model.state_dict().items()}
        self.model.load_state_dict(self.weights)
        try:
            yield
        finally:
            self.model.load_state_dict(own)
