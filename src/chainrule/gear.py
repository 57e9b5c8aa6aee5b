"""Gears: one meaning, several speeds. · 档位：同一含义，不同速度。

auto     the fastest proven form: a kernel where one is registered, else torch's operator, else the formula
formula  the text you read, forward and backward; compiled, the compiler fuses it
kernel   a hand-written kernel; where none is registered for the device and dtype, the formula
twin     torch's own operator; where a formula has none, the formula
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from .errors import unknown

GEARS = ("auto", "formula", "kernel", "twin")

_default = ["auto"]


class _Local(threading.local):
    """One gear a thread. It lies on the instance: the compiler's guards do not see a class attribute change."""

    def __init__(self) -> None:
        self.name = _default[0]


local = _Local()


def _known(name: str) -> str:
    if name not in GEARS:
        raise unknown("gear", name, GEARS)
    return name


def current() -> str:
    """The gear in force in this thread. · 当前线程的档位。

    >>> current()
    'auto'
    """
    return local.name


def set_gear(name: str) -> None:
    """Set the gear of this thread and of every thread started from now on. · 设定进程的默认档位。

    Raises `UserError` for a name that is no gear.

    >>> set_gear("formula"); current()
    'formula'
    >>> set_gear("auto")
    """
    _default[0] = local.name = _known(name)


@contextmanager
def gear(name: str) -> Iterator[None]:
    """Use one gear within a `with` block. · 在 with 代码块内使用某一档位。

    Raises `UserError` for a name that is no gear.

    >>> with gear("formula"):
    ...     current()
    'formula'
    """
    before, local.name = local.name, _known(name)
    try:
        yield
    finally:
        local.name = before
