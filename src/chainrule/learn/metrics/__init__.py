"""What a network's answers are worth. · 衡量网络答案的指标。

Counts are summed over batches and every figure is read from the sums, so the size of the evaluation batch changes none.
"""

from .classification import Classification
from .multilabel import Multilabel
from .regression import Regression
from .spans import Spans

__all__ = ["Classification", "Multilabel", "Regression", "Spans"]
