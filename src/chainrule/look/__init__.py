"""See how networks learn, and inside them. · 观察网络如何学习，以及其内部。"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .range_test import RangeTest as RangeTest
    from .range_test import find_lr as find_lr
    from .range_test import range_test as test_rates

_LAZY = {
    "RangeTest": "range_test:RangeTest",
    "find_lr": "range_test:find_lr",
    "test_rates": "range_test:range_test",
}

__all__ = ["RangeTest", "find_lr", "test_rates"]


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'chainrule.look' has no attribute {name!r}")
    module, _, attribute = _LAZY[name].partition(":")
    return getattr(import_module(f"chainrule.look.{module}"), attribute)
