"""A part set aside by seed, every class in its proportion. · 按种子分层留出一部分样本。"""

from fractions import Fraction

import numpy as np

from . import counter

_HOLD_OUT = 3


def stratified(targets: np.ndarray, fraction: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Row numbers (kept, held out), both ascending; the same for ever. · 分层划分，返回（保留，留出）下标，永远不变。

    targets [N] integers. Of N rows ⌈fraction·N⌉ are held out, each class by its share (largest remainders first), and a
    class always keeps one row at least.

    >>> import numpy as np
    >>> kept, held = stratified(np.array([0, 0, 0, 0, 1, 1, 1, 1]), 0.25, seed=0)
    >>> len(kept), len(held)
    (6, 2)
    """
    # The decimal that was written, not its binary neighbour: ⌈0.1·30⌉ is 3.
    share = Fraction(str(fraction))
    classes, sizes = np.unique(targets, return_counts=True)
    quotas = [share * int(size) for size in sizes]
    taken = [min(int(quota), int(size) - 1) for quota, size in zip(quotas, sizes, strict=True)]
    missing = -(-share * len(targets) // 1) - sum(taken)
    for c in sorted(range(len(classes)), key=lambda c: (int(quotas[c]) - quotas[c], c)):
        if missing > 0 and share > 0 and taken[c] < sizes[c] - 1:
            taken[c] += 1
            missing -= 1
    held = np.zeros(len(targets), dtype=bool)
    for c, count in zip(classes, taken, strict=True):
        members = np.flatnonzero(targets == c)
        shuffle = counter.permute(counter.key(_HOLD_OUT, seed, int(c)), np.arange(count), len(members))
        held[members[shuffle]] = True
    return np.flatnonzero(~held), np.flatnonzero(held)
