"""What the page of the architectures takes from the code: tables of networks and of rows. · 网络结构页的表格。"""

from collections.abc import Callable, Iterable
from dataclasses import asdict
from importlib import import_module
from typing import Any

from chainrule.catalog import MODELS

from .markdown import table

COLUMNS = {  # of the papers' tables, by the names that the rows have in the code
    "c": "c · 通道数",
    "dropout": "dropout · 失活",
    "depth": "depth · 深度倍数",
    "e": "e · 升维倍数",
    "eps": "eps · BN 的 ε",
    "exp": "exp · 升维后通道数",
    "fused": "fused · 融合",
    "k": "k · 卷积核",
    "momentum": "momentum · BN 动量",
    "n": "n · 块数",
    "nl": "nl · 激活",
    "out": "out · 输出通道数",
    "s": "s · 步幅",
    "se": "se · 通道加权",
    "t": "t · 升维倍数",
    "width": "width · 宽度倍数",
}


def networks(page: str, *rooms: str) -> str:
    """The networks of some rooms of the zoo: parameters, multiply-adds, input. · 若干族网络的规模。"""
    chosen = {name: e for name, e in MODELS.items() if e.target.split(":")[0].rpartition(".")[2] in rooms}
    rows = [
        [f"`{name}`", f"{e.en} · {e.zh}", f"{e.parameters:,}", f"{e.macs:,}", "×".join(map(str, e.size or ()))]
        for name, e in chosen.items()
    ]
    return table(["name · 名称", "what · 说明", "parameters · 参数", "MACs · 乘加次数", "input · 输入"], rows)


def rows(page: str, target: str, *columns: str) -> str:
    """A paper's table as the code has it, `room:TABLE` or `room:TABLE.key`, all its columns or some. · 论文表格。"""
    room, _, name = target.partition(":")
    name, _, key = name.partition(".")
    found = getattr(import_module(f"chainrule.zoo.{room}"), name)
    found = found[key] if key else found
    named = isinstance(found, dict)
    lines = [([f"`{label}`"] if named else [], asdict(row)) for label, row in _items(found)]
    shown = columns or tuple(lines[0][1])
    head = [*(["name · 名称"] if named else []), *(COLUMNS[column] for column in shown)]
    return table(head, [[*label, *(_cell(row[column]) for column in shown)] for label, row in lines])


def _items(found: Any) -> Iterable[tuple[str, Any]]:
    return found.items() if isinstance(found, dict) else (("", row) for row in found)


def _cell(value: Any) -> str:
    return {True: "✓", False: ""}[value] if isinstance(value, bool) else str(value)


PARTS: dict[str, Callable[..., str]] = {"networks": networks, "rows": rows}
