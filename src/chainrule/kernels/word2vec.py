"""The word2vec kernel seen from Python. · word2vec 核的 Python 一侧。"""

import ctypes
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor

from . import native

_TEXT = {"ids": np.int32, "keep": np.float64, "threshold": np.float64, "alias": np.int32}
_TREE = {"nodes": np.int32, "turns": np.int8, "paths": np.int64}
_BLOCK = 2_000  # positions a thread takes at once


class Job(ctypes.Structure):
    """The mirror of struct Job in word2vec.cpp. · 与 C++ 结构对应。"""

    _fields_ = [
        ("ids", ctypes.c_void_p),
        *((name, ctypes.c_int64) for name in ("length", "begin", "end")),
        *((name, ctypes.c_void_p) for name in ("keep", "threshold", "alias", *_TREE, "input", "output")),
        *((name, ctypes.c_int64) for name in ("words", "stride", "window", "negative", "cbow", "threads", "block")),
        ("key", ctypes.c_uint64),
        *((name, ctypes.c_double) for name in ("lr", "least", "done", "total", "loss")),
        *((name, ctypes.c_int64) for name in ("pairs", "trained")),
    ]


@dataclass(frozen=True)
class Done:
    """What a stretch of text came to: the loss of the pairs that were looked at, how many, words trained. · 结果。"""

    loss: float
    pairs: int
    trained: int


def train(input: Tensor, output: Tensor, arrays: dict[str, np.ndarray], threads: int, **numbers: Any) -> Done:
    """One stretch of text, in place. · 原地训练一段文本。

    input, output  [V, S] float32 on the CPU, contiguous, S a multiple of 16: columns behind the dimension are zero
    arrays         ids, keep, threshold, alias; for hierarchical softmax nodes, turns, paths too
    numbers        begin, end, window, negative, cbow, key, lr, least, done, total

    Raises `native.Unavailable` where there is no compiler.
    """
    library = native.load("word2vec")
    words, stride = input.shape
    if stride % 16 or not (input.is_contiguous() and output.is_contiguous()):
        raise ValueError(f"tables of shape {tuple(input.shape)}: expected contiguous rows of a multiple of 16")
    kinds = _TEXT | (_TREE if "paths" in arrays else {})
    kept = {name: np.ascontiguousarray(arrays[name], dtype) for name, dtype in kinds.items()}
    places = {name: array.ctypes.data for name, array in kept.items()}
    job = Job(
        **places,
        **numbers,
        length=len(kept["ids"]),
        input=input.data_ptr(),
        output=output.data_ptr(),
        words=words,
        stride=stride,
        threads=threads,
        block=_BLOCK,
    )
    library.train(ctypes.byref(job))
    return Done(job.loss, job.pairs, job.trained)
