"""Real data as tensors: read, checked, split, shuffled, augmented. · 真实数据化为张量：读取、检查、划分、打乱、增强。

The names below are loaded on first use, because the command line reads `sources` without torch.

>>> import chainrule.data
>>> sorted(chainrule.data.__all__)[:3]
['DataSet', 'Report', 'Split']
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .check import Report as Report
    from .dataset import DataSet as DataSet
    from .dataset import Split as Split
    from .dataset import read_image as read_image
    from .reading import load as load

_HOME = {"DataSet": "dataset", "Split": "dataset", "load": "reading", "read_image": "dataset", "Report": "check"}
__all__ = ["DataSet", "Report", "Split", "load", "read_image"]


def __getattr__(name: str):
    if name in _HOME:
        return getattr(import_module(f".{_HOME[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
