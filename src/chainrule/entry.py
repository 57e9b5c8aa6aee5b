"""One line of the catalogue. · 目录中的一个条目。"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any


@dataclass(frozen=True)
class Entry:
    """One named thing: where it lives, what it is, what it takes. · 一个条目：位置、说明、选项。

    target   "module:attribute", imported by `load`
    options  option → default, as the target's signature has them
    size     the input a model is made for, (C, H, W)
    """

    target: str
    en: str
    zh: str
    options: Mapping[str, Any] = field(default_factory=dict)
    size: tuple[int, int, int] | None = None

    def load(self) -> Any:
        """Import the thing itself. · 导入该条目。"""
        module, _, attribute = self.target.partition(":")
        return getattr(import_module(module), attribute)
