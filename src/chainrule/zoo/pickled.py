"""Pickles of tensors, read as data: nothing of the file is ever run. · 只当作数据读取的 pickle，从不执行其内容。

A pickle is a program for a small stack machine; Python's own reader imports the names in it and calls them. Here the
instructions are walked through one by one, only those that put data together are followed, a name must stand in `CALLS`
or `STORAGES`, and what a call makes is a description of ours. So there is nothing a file could name that would run, and
every refusal can say why.
"""

import pickletools
from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import IO, Any

import torch

STORAGES = {
    "torch.FloatStorage": torch.float32,
    "torch.DoubleStorage": torch.float64,
    "torch.HalfStorage": torch.float16,
    "torch.BFloat16Storage": torch.bfloat16,
    "torch.LongStorage": torch.int64,
    "torch.IntStorage": torch.int32,
    "torch.ShortStorage": torch.int16,
    "torch.CharStorage": torch.int8,
    "torch.ByteStorage": torch.uint8,
    "torch.BoolStorage": torch.bool,
    "torch.ComplexFloatStorage": torch.complex64,
    "torch.ComplexDoubleStorage": torch.complex128,
}
PLAIN = str | int | float | bool | None


class Refused(Exception):
    """What is wrong with the file, in words that follow its name. · 拒绝读取的原因。"""


@dataclass(frozen=True)
class Storage:
    """A row of numbers in the file. · 文件中的一段数。"""

    key: str
    dtype: torch.dtype
    count: int


@dataclass(frozen=True)
class Stored:
    """A tensor that lies in the file: which numbers of which storage. · 存放于文件中的张量。"""

    storage: Storage
    offset: int
    size: tuple[int, ...]
    stride: tuple[int, ...]

    def __post_init__(self) -> None:
        whole = all(isinstance(n, int) and n >= 0 for n in (self.offset, *self.size, *self.stride))
        if not whole or len(self.size) != len(self.stride) or not isinstance(self.storage, Storage):
            raise Refused("a tensor in it has no sensible shape; the file is damaged")
        count = prod(self.size)
        last = self.offset + sum((n - 1) * step for n, step in zip(self.size, self.stride, strict=True))
        if count > self.storage.count or (count and last >= self.storage.count):
            raise Refused(
                f"a tensor of shape {list(self.size)} has more numbers than the {self.storage.count} that are stored "
                "for it; the file is damaged"
            )


@dataclass(frozen=True)
class Name:
    """A name in the file, never imported. · 文件中的名称，从不导入。"""

    text: str


def _tensor(storage: Any, offset: Any, size: Any, stride: Any, *_: Any) -> Stored:
    return Stored(storage, offset, tuple(size), tuple(stride))


def _first(value: Any, *_: Any) -> Any:
    return value


def _dictionary(pairs: Any = (), *_: Any) -> dict:
    return {} if isinstance(pairs, Name) else dict(pairs)


def _nothing(*_: Any) -> None:
    """Settings and scores beside the weights: not needed, and not made."""


def _of_type(function: Any, kind: Any, arguments: Any, *_: Any) -> Any:
    return call(function, arguments)


CALLS: dict[str, Callable[..., Any]] = {
    "torch._utils._rebuild_tensor": _tensor,
    "torch._utils._rebuild_tensor_v2": _tensor,
    "torch._utils._rebuild_parameter": _first,
    "torch._utils._rebuild_parameter_with_state": _first,
    "torch._tensor._rebuild_from_type_v2": _of_type,
    "collections.OrderedDict": _dictionary,
    "collections.defaultdict": _dictionary,
    "torch.Size": _first,
    "torch.device": _nothing,
    "argparse.Namespace": _nothing,
    "numpy.core.multiarray.scalar": _nothing,
    "numpy._core.multiarray.scalar": _nothing,
    "numpy.dtype": _nothing,
    "_codecs.encode": _nothing,
}
NAMES = {*CALLS, *STORAGES, "torch.nn.parameter.Parameter", "torch.Tensor", "builtins.dict", "__builtin__.dict"}
LARGEST = 1 << 26  # bytes of a pickle: names and shapes, never the numbers themselves


def call(function: Any, arguments: Any) -> Any:
    """What an allowed name makes of its arguments. · 允许的名称所得的值。"""
    if not isinstance(function, Name) or function.text not in CALLS:
        raise Refused(f"it calls {getattr(function, 'text', 'a value')}, which makes no tensor; nothing of it was run")
    return CALLS[function.text](*arguments)


def _name(text: str) -> Name:
    if "QInt" in text or "_rebuild_qtensor" in text:
        raise Refused("its weights are quantised integers; expected floating-point weights")
    if "sparse" in text:
        raise Refused("it holds sparse tensors; expected dense weights")
    if text not in NAMES:
        raise Refused(
            f"it names {text[:80]}, and a file of weights needs no such thing (nothing of it was run); expected what "
            "torch.save(model.state_dict(), FILE) writes"
        )
    return Name(text)


def persistent(identity: Any) -> Storage:
    """The storage that a persistent id names. · 持久标识所指的存储。"""
    tag, kind, key, _, count, *view = identity
    if tag != "storage" or kind.text not in STORAGES or not isinstance(count, int) or any(view):
        raise Refused("it keeps its numbers in a way of an old torch; save it anew with a newer torch")
    return Storage(str(key), STORAGES[kind.text], count)


class _Machine:
    """The stack and the memo, and one method for each kind of instruction. · 栈机。"""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}

    def since_mark(self) -> list[Any]:
        start = self.marks.pop()
        items = self.stack[start:]
        del self.stack[start:]
        return items

    def set_items(self, items: list[Any]) -> None:
        target = self.stack[-1]
        for key, value in zip(items[::2], items[1::2], strict=True):
            if not isinstance(key, PLAIN):  # to compare or hash nested tuples can take for ever
                raise Refused("a dictionary in it has keys that are no text; expected a state_dict")
            if isinstance(target, dict):
                target[key] = value

    def extend(self, items: list[Any]) -> None:
        if isinstance(self.stack[-1], list):
            self.stack[-1].extend(items)

    def reduce(self) -> None:
        arguments, function = self.stack.pop(), self.stack.pop()
        self.stack.append(call(function, arguments))

    def take(self, count: int) -> list[Any]:
        items = self.stack[-count:]
        if len(items) < count:
            raise IndexError
        del self.stack[-count:]
        return items


PUSH = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
EMPTY: dict[str, Callable[[], Any]] = {"EMPTY_DICT": dict, "EMPTY_LIST": list, "EMPTY_TUPLE": tuple}
ARGUMENT = {
    *("BININT", "BININT1", "BININT2", "LONG1", "LONG4", "BINFLOAT", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"),
    *("BINSTRING", "SHORT_BINSTRING", "BINBYTES", "SHORT_BINBYTES"),
}
TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
STEPS: dict[str, Callable[[_Machine, Any], Any]] = {
    "PROTO": lambda m, a: None,
    "FRAME": lambda m, a: None,
    "MARK": lambda m, a: m.marks.append(len(m.stack)),
    "TUPLE": lambda m, a: m.stack.append(tuple(m.since_mark())),
    "SETITEM": lambda m, a: m.set_items(m.take(2)),
    "SETITEMS": lambda m, a: m.set_items(m.since_mark()),
    "APPEND": lambda m, a: m.extend(m.take(1)),
    "APPENDS": lambda m, a: m.extend(m.since_mark()),
    "BINPUT": lambda m, a: m.memo.__setitem__(a, m.stack[-1]),
    "LONG_BINPUT": lambda m, a: m.memo.__setitem__(a, m.stack[-1]),
    "MEMOIZE": lambda m, a: m.memo.__setitem__(len(m.memo), m.stack[-1]),
    "BINGET": lambda m, a: m.stack.append(m.memo[a]),
    "LONG_BINGET": lambda m, a: m.stack.append(m.memo[a]),
    "GLOBAL": lambda m, a: m.stack.append(_name(a.replace(" ", ".", 1))),
    "STACK_GLOBAL": lambda m, a: m.stack.append(_name(".".join(m.take(2)))),
    "REDUCE": lambda m, a: m.reduce(),
    "NEWOBJ": lambda m, a: m.reduce(),
    "BUILD": lambda m, a: m.take(1),  # attributes of the object below: its weights are not among them
    "BINPERSID": lambda m, a: m.stack.append(persistent(m.stack.pop())),
}


def read(file: IO[bytes]) -> Any:
    """One pickle from where the file stands: dictionaries, lists, numbers, texts and `Stored`. · 读取一个 pickle。

    Raises `Refused` for any other instruction or name, and for what ends too early.

    >>> import io, pickle
    >>> read(io.BytesIO(pickle.dumps({"epoch": 3}, 2)))
    {'epoch': 3}
    """
    machine = _Machine()
    try:
        for instruction, argument, _ in pickletools.genops(file):
            name = instruction.name
            if name == "STOP":
                return machine.stack.pop()
            if name in ARGUMENT:
                machine.stack.append(argument)
            elif name in PUSH:
                machine.stack.append(PUSH[name])
            elif name in EMPTY:
                machine.stack.append(EMPTY[name]())
            elif name in TUPLES:
                machine.stack.append(tuple(machine.take(TUPLES[name])))
            elif name in STEPS:
                STEPS[name](machine, argument)
            else:
                raise Refused(
                    f"its pickle has the instruction {name}, which no state_dict needs; nothing of it was run"
                )
    except Refused:
        raise
    except Exception as error:  # whatever a hostile file makes of the stack: it is damaged, and nothing was run
        raise Refused("its pickle is damaged or ends too early; fetch or save the file anew") from error
    raise Refused("its pickle ends too early; fetch or save the file anew")
