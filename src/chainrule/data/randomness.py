"""The random states of the process, set for a while. · 临时设定进程的随机状态。"""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

import numpy as np
import torch

_one_at_a_time = Lock()  # the states are the process's, and batches are read in threads


@contextmanager
def borrowed(seed: int) -> Iterator[None]:
    """torch, numpy and Python seeded within the block, and as before behind it. · 在代码块内设定随机种子。

    >>> state = torch.get_rng_state()
    >>> with borrowed(3):
    ...     drawn = torch.rand(2)
    >>> torch.equal(torch.get_rng_state(), state)
    True
    """
    with _one_at_a_time:
        python, numpy, ours = random.getstate(), np.random.get_state(), torch.random.get_rng_state()
        random.seed(seed)
        np.random.seed(seed % 2**32)
        torch.default_generator.manual_seed(seed)
        try:
            yield
        finally:
            torch.random.set_rng_state(ours)
            np.random.set_state(numpy)
            random.setstate(python)
