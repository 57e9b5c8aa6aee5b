"""Several classes a sample: each is a question of its own. · 多标签分类：每一类各自判断。

symbols  logits [N, C]   target [N, C], 1 where the sample is of the class
note     a class is named where sigmoid(logit) is at least the threshold
"""

import math
from dataclasses import dataclass, field

import torch
from torch import Tensor

from .ranking import Ranking, ranking


@dataclass
class Multilabel:
    """Average precision, F1 by label and by class, share of samples without any error. · 多标签指标。

    The order of the probabilities decides average precision, so they are kept; all else is read from counts. A class
    that never occurs has no average precision and is left out of its mean.

    >>> m = Multilabel(classes=2)
    >>> m.add(torch.tensor([[2.0, -1.0], [-1.0, 1.0]]), torch.tensor([[1.0, 0.0], [0.0, 0.0]]), loss=0.5)
    >>> m.figures()["exact"], m.figures()["map"], round(m.figures()["micro_f1"], 4)
    (0.5, 1.0, 0.6667)
    """

    classes: int
    threshold: float = 0.5
    scores: list[Tensor] = field(default_factory=list)
    truths: list[Tensor] = field(default_factory=list)
    counts: Tensor = field(init=False)
    exact: int = 0
    count: int = 0
    loss: float = 0.0

    better = "map"

    def __post_init__(self) -> None:
        self.counts = torch.zeros(3, self.classes, dtype=torch.int64)  # named rightly, named, there

    def add(self, logits: Tensor, target: Tensor, loss: float) -> None:
        logits, truth = logits.detach().float().cpu(), target.cpu() > 0.5
        named = logits >= math.log(self.threshold / (1 - self.threshold))
        self.counts += torch.stack([(named & truth).sum(0), named.sum(0), truth.sum(0)])
        self.exact += int((named == truth).all(-1).sum())
        self.scores.append(logits)
        self.truths.append(truth)
        self.loss += loss * len(truth)
        self.count += len(truth)

    def rankings(self) -> list[Ranking]:
        """Each class against the rest. · 各类的排序。"""
        if not self.scores:
            return [ranking(torch.zeros(0), torch.zeros(0, dtype=torch.bool))] * self.classes
        score, truth = torch.cat(self.scores), torch.cat(self.truths)
        return [ranking(score[:, c], truth[:, c]) for c in range(self.classes)]

    def per_class(self) -> tuple[Tensor, Tensor, Tensor]:
        """Precision, recall and F1, float64 [C] each; 0 where there is nothing to divide by. · 各类指标。"""
        right, named, there = self.counts.double()
        return right / named.clamp(min=1), right / there.clamp(min=1), 2 * right / (named + there).clamp(min=1)

    def figures(self) -> dict[str, float]:
        right, named, there = self.counts.sum(1).tolist()
        precisions = [r.average_precision for r in self.rankings()]
        known = [p for p in precisions if not math.isnan(p)]
        n = max(self.count, 1)
        return {
            "loss": self.loss / n,
            "map": sum(known) / len(known) if known else float("nan"),
            "micro_f1": 2 * right / max(named + there, 1),
            "macro_f1": float(self.per_class()[2].mean()),
            "exact": self.exact / n,
            "count": float(self.count),
        }
