"""What a run borrows from the process it runs in: random states and threads. · 运行期间借用的全局状态。"""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

import numpy as np
import torch

_making = Lock()


@contextmanager
def session(seed: int, threads: int = 0) -> Iterator[None]:
    """All random states set from the seed and so many threads (0: as they are) within the block; as before behind it.

    · 在代码块内由种子设定随机状态与线程数，结束后复原。

    >>> state = torch.get_rng_state()
    >>> with session(seed=0):
    ...     drawn = torch.rand(5)
    >>> torch.equal(torch.get_rng_state(), state)
    True
    """
    python, numpy, count = random.getstate(), np.random.get_state(), torch.get_num_threads()
    with torch.random.fork_rng(devices=_gpus()):
        random.seed(seed)
        np.random.seed(seed % 2**32)
        torch.manual_seed(seed)
        if threads:
            torch.set_num_threads(threads)
        try:
            yield
        finally:
            torch.set_num_threads(count)
            np.random.set_state(numpy)
            random.setstate(python)


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """torch's random state set from the seed within the block; one thread at a time, for it is the process's.

    · 在代码块内由种子设定 torch 随机状态；同一时刻仅一个线程。
    """
    with _making, torch.random.fork_rng(devices=_gpus()):
        torch.manual_seed(seed)
        yield


def _gpus() -> list[int]:
    return [torch.cuda.current_device()] if torch.cuda.is_initialized() else []
