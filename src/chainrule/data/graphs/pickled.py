"""Published graphs that lie in pickles, read by an allow-list. · 按白名单读取以 pickle 发布的图数据。

A pickle names what it wants to call. Here a name is looked up in a table of seven, and each stands for a description
of ours: an array, its type, a sparse matrix, a dictionary of lists. Nothing of numpy or scipy is called by the file,
and any other name ends the reading, before anything of it ran.
"""

import io
import pickle
import re
from typing import Any

import numpy as np

from ...errors import UserError

LARGEST = 1 << 30  # bytes: the largest of the published files has 60 million
_TYPE = re.compile(r"[biuf][1248]|[SU]\d{1,4}")


class Kind:
    """The type of an array's numbers, as the file tells it. · 数组元素类型。"""

    def __init__(self, code: Any = "", *_: Any):
        self.code, self.order = str(code), "<"

    def __setstate__(self, state: Any) -> None:
        self.order = ">" if state[1] == ">" else "<"

    def numpy(self) -> np.dtype:
        if not _TYPE.fullmatch(self.code):
            raise UserError(f"it holds an array of {self.code[:20]!r}: expected numbers or text")
        return np.dtype(self.order + self.code)


class Array:
    """An array, as the file tells it: shape, type, bytes. · 数组。"""

    def __init__(self, *_: Any):
        self.value: Any = None

    def __setstate__(self, state: Any) -> None:
        _, shape, kind, fortran, raw = state
        if isinstance(raw, list):  # objects: each is a thing of its own
            self.value = [plain(item) for item in raw]
            return
        data = raw.encode("latin1") if isinstance(raw, str) else raw
        order = "F" if fortran else "C"
        self.value = np.frombuffer(data, kind.numpy()).reshape(shape, order=order).copy()


class Matrix:
    """A sparse matrix by rows: data, indices, indptr, shape. · 按行稀疏矩阵。"""

    def __setstate__(self, state: dict[str, Any]) -> None:
        parts = {str(key).lstrip("_"): plain(value) for key, value in state.items()}
        missing = [name for name in ("data", "indices", "indptr", "shape") if name not in parts]
        if missing:
            raise UserError(f"it holds a sparse matrix without {', '.join(missing)}")
        self.fill(*(parts[name] for name in ("data", "indices", "indptr", "shape")))

    def fill(self, data: Any, indices: Any, indptr: Any, shape: Any) -> "Matrix":
        """Take the parts, if they belong together. · 检查并存入各部分。"""
        self.data, self.indices, self.indptr = data, np.asarray(indices, np.int64), np.asarray(indptr, np.int64)
        rows, columns = (int(n) for n in shape)
        self.shape = (rows, columns)
        ends = self.indptr[[0, -1]].tolist() if len(self.indptr) == rows + 1 else []
        inside = not len(self.indices) or (self.indices.min() >= 0 and self.indices.max() < columns)
        if ends != [0, len(data)] or len(data) != len(self.indices) or (np.diff(self.indptr) < 0).any() or not inside:
            raise UserError(f"its sparse matrix of {rows} × {columns} has entries outside: damaged, get the file anew")
        return self

    def dense(self) -> np.ndarray:
        """All of it, float32. · 稠密形式。"""
        if self.shape[0] * self.shape[1] > LARGEST:
            raise UserError(f"it holds a matrix of {self.shape[0]} × {self.shape[1]}: too large to be written out")
        out = np.zeros(self.shape, np.float32)
        np.add.at(out, (np.repeat(np.arange(self.shape[0]), np.diff(self.indptr)), self.indices), self.data)
        return out


class Sealed:
    """What a file may make, and may not change. · 文件可构造、不可更改之物。"""

    def __setstate__(self, state: Any) -> None:
        raise UserError("it changes what it may only make: nothing of it was run")


class Lists(Sealed, dict):
    """A dictionary whose default is a list, as a dictionary. · 值为列表的字典。"""

    def __init__(self, *_: Any):
        super().__init__()


class Empty(Sealed):
    """The name of a list, called: an empty one. · 空列表。"""

    def __new__(cls, *_: Any) -> Any:
        return []


class Scalar(Sealed):
    """One number. · 单个数。"""

    def __new__(cls, kind: Any, raw: Any = b"") -> Any:
        return np.frombuffer(raw.encode("latin1") if isinstance(raw, str) else raw, kind.numpy())[0]


class Encoded(Sealed):
    """Text that stands for bytes. · 以文本表示的字节。"""

    def __new__(cls, text: str, *_: Any) -> Any:
        return text.encode("latin1")


ALLOWED: dict[str, Any] = {
    "numpy.ndarray": Array,
    "numpy.dtype": Kind,
    "collections.defaultdict": Lists,
    "_codecs.encode": Encoded,
    **{f"{home}.list": Empty for home in ("builtins", "__builtin__")},
    **{f"numpy.{core}.multiarray._reconstruct": Array for core in ("core", "_core")},
    **{f"numpy.{core}.multiarray.scalar": Scalar for core in ("core", "_core")},
    **{f"scipy.sparse.{room}.csr_matrix": Matrix for room in ("csr", "_csr")},
}


def plain(value: Any) -> Any:
    """The value of a description, what is none of ours as it is. · 描述所指的值。"""
    return value.value if isinstance(value, Array) else value


class _Reader(pickle.Unpickler):
    def find_class(self, module_name: str, global_name: str, /) -> Any:
        name = f"{module_name}.{global_name}"
        if name not in ALLOWED:
            raise UserError(f"it names {name[:80]}, which no graph needs: nothing of it was run; get the file anew")
        return ALLOWED[name]


def unpickle(data: bytes, name: str) -> Any:
    """What a published pickle holds: arrays, `Matrix`, `Lists`. · 读取已发布的 pickle。

    name: what a message calls the file. Raises `UserError` for any other object, and for what is damaged.

    >>> unpickle(pickle.dumps([1, 2]), "x")
    [1, 2]
    >>> unpickle(pickle.dumps(pickle.loads), "ind.cora.x")
    Traceback (most recent call last):
    ...
    chainrule.errors.UserError: ind.cora.x: it names _pickle.loads, which no graph needs: nothing of it was run; get \
the file anew
    """
    if len(data) > LARGEST:
        raise UserError(f"{name}: {len(data)} bytes, expected at most {LARGEST}")
    try:
        return plain(_Reader(io.BytesIO(data), encoding="latin1").load())
    except UserError as error:
        raise UserError(f"{name}: {error}") from None
    except Exception as error:  # whatever a damaged file makes of the reader: nothing but descriptions was made
        raise UserError(f"{name}: damaged or cut off ({type(error).__name__}); get the file anew") from None
