"""What a set without parts of its own sets aside: a test part, a validation part, or one fold. · 留出的部分。"""

from dataclasses import dataclass

import numpy as np

from .folds import fold_of
from .split import stratified


@dataclass(frozen=True)
class Held:
    """What is set aside: shares of test and validation part, seed of the latter, folds. · 留出方式。

    The test part is a matter of `split` alone: no seed of a run may move it.
    """

    test: float = 0.2
    val: float = 0.1
    seed: int = 0
    split: int = 0
    folds: int = 0
    fold: int = 0

    def parts(self, strata: np.ndarray) -> dict[str, np.ndarray]:
        """Part → its rows. · 各部分的行号。"""
        if self.fold:
            held = fold_of(strata, self.folds, self.seed) == self.fold
            kept, test = np.flatnonzero(~held), np.flatnonzero(held)
        else:
            kept, test = stratified(strata, self.test, self.split)
        inner, chosen = stratified(strata[kept], self.val, self.seed)
        return {"train": kept[inner], "val": kept[chosen], "test": test}
