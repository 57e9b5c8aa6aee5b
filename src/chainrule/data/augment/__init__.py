"""Augmentation: parameters drawn outside, images changed by pure functions of them. · 增强：参数外抽，变换为纯函数。

The parameters are a function of (seed, step, sample), so eager and compiled runs, CPU and GPU, and a resumed run see
the same ones, and a compiled step takes them as plain tensors. Images are bytes (uint8) or floats in 0…1.

>>> import torch
>>> from chainrule.data.augment import augment, draw
>>> x = torch.zeros(2, 3, 8, 8, dtype=torch.uint8)
>>> changed = augment("crop+flip", x, draw("crop+flip", seed=0, step=0, samples=torch.arange(2), size=(8, 8)))
>>> changed.shape, changed.dtype
(torch.Size([2, 3, 8, 8]), torch.uint8)
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .apply import augment as augment
    from .apply import draw as draw
    from .apply import mix as mix
    from .plan import KINDS as KINDS
    from .plan import parse as parse

# Loaded on first use: the settings read `plan` without torch.
_HOME = {"augment": "apply", "draw": "apply", "mix": "apply", "parse": "plan", "KINDS": "plan"}
__all__ = ["KINDS", "augment", "draw", "mix", "parse"]


def __getattr__(name: str):
    if name in _HOME:
        return getattr(import_module(f".{_HOME[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
