"""Whether a network is right as often as it says. · 校准：说九成把握时，是否九成正确。

symbols  confidence [N] in 0…1, the probability of the answer   right [N] yes or no   B bins of equal width
source   Guo, Pleiss, Sun & Weinberger 2017, sections 2 and 4.2, arXiv:1706.04599
"""

from dataclasses import dataclass, field

import torch
from torch import Tensor


@dataclass
class Calibration:
    """Sums in bins of equal width of confidence; batches may come in any size. · 按置信度分箱累计。

    >>> c = Calibration(bins=2)
    >>> c.add(torch.tensor([0.9, 0.7, 0.4]), torch.tensor([True, True, False]))
    >>> round(c.ece, 4), round(c.mce, 4)
    (0.2667, 0.4)
    """

    bins: int = 15
    count: Tensor = field(init=False)
    right: Tensor = field(init=False)
    confidence: Tensor = field(init=False)

    def __post_init__(self) -> None:
        self.count, self.right, self.confidence = torch.zeros(3, self.bins, dtype=torch.float64)

    def add(self, confidence: Tensor, right: Tensor) -> None:
        confidence, right = confidence.detach().double().cpu(), right.double().cpu()
        place = ((confidence * self.bins).ceil().long() - 1).clamp(0, self.bins - 1)  # a bin holds its upper end
        self.count.index_add_(0, place, torch.ones_like(confidence))
        self.right.index_add_(0, place, right)
        self.confidence.index_add_(0, place, confidence)

    @property
    def accuracy(self) -> Tensor:
        """Share of right answers in each bin, nan where it is empty, [B]. · 各箱的正确率。"""
        return self.right / self.count

    @property
    def gaps(self) -> Tensor:
        """|accuracy − mean confidence| of each bin, 0 where it is empty, [B]. · 各箱的偏差。"""
        return ((self.right - self.confidence) / self.count.clamp(min=1)).abs()

    @property
    def ece(self) -> float:
        """Expected calibration error: the gaps, weighted by how many answers lie in each bin. · 期望校准误差。"""
        return float((self.count * self.gaps).sum() / self.count.sum().clamp(min=1))

    @property
    def mce(self) -> float:
        """The largest gap. · 最大校准误差。"""
        return float(self.gaps.max())


def temperature(logits: Tensor, target: Tensor, coldest: float = 0.01) -> float:
    """The T that makes softmax(logits / T) likeliest for these targets. · 使似然最大的温度。

    logits [N, C], target [N]. At 1 the network is as sure as it should be, above 1 it is too sure. The slope of the
    loss in 1/T rises with 1/T, so the zero is found by halving, within coldest … 1/coldest. nan where there is none:
    without samples, and where every answer is right, so that T = 0 would be likeliest.

    >>> z = torch.tensor([[1.0, 0.0]]).log1p().repeat(3, 1)
    >>> round(temperature(z, torch.tensor([0, 0, 1])), 4)  # twice to one, and the logits say so
    1.0
    """
    z, y = logits.detach().double().cpu(), target.cpu()
    z = z - z.amax(-1, keepdim=True)
    truth = z.gather(1, y[:, None])[:, 0]
    if not bool((truth < 0).any()):
        return float("nan")
    low, high = coldest, 1 / coldest
    for _ in range(60):
        β = (low * high) ** 0.5
        slope = float((((β * z).softmax(-1) * z).sum(-1) - truth).mean())
        low, high = (low, β) if slope > 0 else (β, high)
    return 1 / (low * high) ** 0.5
