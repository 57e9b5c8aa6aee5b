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
    reading  option → default of how its data is read, `data.KEY=` on the command line
    size     the input a model is made for, (C, H, W)
    kind     of a model: the name of its kind of learning, one of `catalog.KINDS`
    usual    of a model: settings that its runs begin from where nothing else is asked for
    parameters, macs   of a model with these options at this size: numbers learned, multiplications with addition
    """

    target: str
    en: str
    zh: str
    options: Mapping[str, Any] = field(default_factory=dict)
    size: tuple[int, int, int] | None = None
    parameters: int = 0
    macs: int = 0
    kind: str = "images"
    reading: Mapping[str, Any] = field(default_factory=dict)
    usual: Mapping[str, Any] = field(default_factory=dict)

    def input(self, options: Mapping[str, Any]) -> tuple[int, int, int] | None:
        """The input of a model made with these options: `stem="cifar"` is for images of 32 pixels. · 所需输入。

        >>> Entry("room:net", "a net", "网络", {"stem": "imagenet"}, (3, 224, 224)).input({"stem": "cifar"})
        (3, 32, 32)
        """
        given = dict(self.options) | dict(options)
        if self.size is None:
            return None
        small = given.get("stem") == "cifar" and self.options.get("stem") != "cifar"
        return given.get("in_channels", self.size[0]), *((32, 32) if small else self.size[1:])

    def load(self) -> Any:
        """Import the thing itself. · 导入该条目。"""
        return named(self.target)


def named(target: str) -> Any:
    """What stands at "module:attribute", imported. · 按名称导入。

    >>> named("math:inf")
    inf
    """
    module, _, attribute = target.partition(":")
    return getattr(import_module(module), attribute)
