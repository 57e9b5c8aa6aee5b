"""Nested state as tensors and JSON, and back: what a checkpoint holds. · 嵌套状态与张量、JSON 的互相转换。

A tensor stands in the JSON as the name under which it is kept, `{"tensor": "0/old_dirs/3"}`; keys that are whole
numbers come back as such.
"""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

MARK = "tensor"


def take_apart(tree: Any, tensors: dict[str, Tensor], name: str = "") -> Any:
    """The tree with a name in place of each tensor, which goes into `tensors`. · 把张量换成名字。

    >>> import torch
    >>> kept = {}
    >>> take_apart({0: {"step": 3, "pairs": [torch.ones(2)]}}, kept), list(kept)
    ({'0': {'step': 3, 'pairs': [{'tensor': '0/pairs/0'}]}}, ['0/pairs/0'])
    """
    if isinstance(tree, Tensor):
        tensors[name] = tree
        return {MARK: name}
    below = f"{name}/" if name else ""
    if isinstance(tree, Mapping):
        return {str(key): take_apart(value, tensors, f"{below}{key}") for key, value in tree.items()}
    if isinstance(tree, list | tuple):
        return [take_apart(value, tensors, f"{below}{index}") for index, value in enumerate(tree)]
    return tree


def put_together(tree: Any, tensors: Mapping[str, Tensor]) -> Any:
    """What `take_apart` took apart. · 还原。

    >>> import torch
    >>> put_together({"0": [{"tensor": "w"}]}, {"w": torch.ones(1)})
    {0: [tensor([1.])]}
    """
    if isinstance(tree, Mapping):
        if set(tree) == {MARK}:
            return tensors[tree[MARK]]
        return {int(key) if key.isdecimal() else key: put_together(value, tensors) for key, value in tree.items()}
    return [put_together(value, tensors) for value in tree] if isinstance(tree, list) else tree
