"""How well a score puts the right samples before the others. · 得分排序的好坏：ROC 与精确率–召回率曲线。

symbols  score [N] any numbers, higher is surer   truth [N] yes or no   P, F  how many are true, false
         tp, fp [M]  how many true and false samples score at least as high as each of the M different scores
note     equal scores make one point of a curve: no order among them is invented
"""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Ranking:
    """One class against the rest, as a threshold falls from above every score. · 一类对其余，阈值由高到低。

    tp, fp float64 [M], rising; threshold float64 [M], falling.

    >>> r = ranking(torch.tensor([0.9, 0.8, 0.3]), torch.tensor([True, False, True]))
    >>> r.auc, round(r.average_precision, 4)
    (0.5, 0.8333)
    """

    tp: Tensor
    fp: Tensor
    threshold: Tensor

    @property
    def roc(self) -> tuple[Tensor, Tensor]:
        """False and true positive rate, from (0, 0) to (1, 1), [M+1] each. · ROC 曲线。"""
        start = torch.zeros(1, dtype=torch.float64)
        return torch.cat((start, self.fp)) / self.fp[-1], torch.cat((start, self.tp)) / self.tp[-1]

    @property
    def precision_recall(self) -> tuple[Tensor, Tensor]:
        """Recall, rising, and the precision there, [M+1] each, from (0, 1) on. · 精确率–召回率曲线。"""
        start = torch.zeros(1, dtype=torch.float64)
        precision = torch.cat((start + 1, self.tp / (self.tp + self.fp)))
        return torch.cat((start, self.tp)) / self.tp[-1], precision

    @property
    def auc(self) -> float:
        """Area under the ROC curve: how often a true sample scores above a false one, a tie counts half. · ROC 面积。

        nan where all samples are true or none is.
        """
        if not (self._some(self.tp) and self._some(self.fp)):
            return float("nan")
        x, y = self.roc
        return float(torch.trapezoid(y, x))

    @property
    def average_precision(self) -> float:
        """Σ (Rᵢ − Rᵢ₋₁) Pᵢ: the mean precision over the true samples; nan where there is none. · 平均精确率。"""
        if not self._some(self.tp):
            return float("nan")
        found = torch.cat((self.tp[:1], self.tp.diff()))  # at each step; counts are exact, so a perfect order gives 1
        return float((found * self.tp / (self.tp + self.fp)).sum() / self.tp[-1])

    @staticmethod
    def _some(counts: Tensor) -> bool:
        return len(counts) > 0 and float(counts[-1]) > 0


def ranking(score: Tensor, truth: Tensor) -> Ranking:
    """The samples in the order of their scores, counted. · 按得分排序并计数。

    score [N], truth [N] bool. Raises `ValueError` for a score that is nan: it has no place in an order.
    """
    if bool(score.isnan().any()):
        raise ValueError("score: expected numbers that can be ordered, got nan")
    score, order = score.detach().double().cpu().sort(descending=True, stable=True)
    right = truth.cpu()[order].double()
    last = torch.ones(len(score), dtype=torch.bool)  # of each run of equal scores
    last[:-1] = score[1:] != score[:-1]
    return Ranking(right.cumsum(0)[last], (1 - right).cumsum(0)[last], score[last])
