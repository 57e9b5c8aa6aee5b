"""What a trained network must remember of its data. · 训练好的网络需要记住的数据信息。"""

from dataclasses import dataclass
from typing import Any, ClassVar, Self


class Remembered:
    """A frozen dataclass that a checkpoint holds as JSON; its lists are tuples. · 以 JSON 存于存档的数据要点。

    Every kind of learning has its own; `name` and `fingerprint` of the data are in all. numbered: which fields say what
    the rows of a table in the network stand for.
    """

    numbered: ClassVar[tuple[str, ...]] = ()

    __dataclass_fields__: ClassVar[dict[str, Any]]
    name: str
    fingerprint: str

    @classmethod
    def from_json(cls, kept: dict[str, Any]) -> Self:
        """Back from a checkpoint. · 由存档恢复。"""
        return cls(**{k: _tuples(v) for k, v in kept.items()})

    def to_json(self) -> dict[str, Any]:
        """As JSON holds it. · 转为 JSON。"""
        return {k: _lists(getattr(self, k)) for k in self.__dataclass_fields__}


def _tuples(value: Any) -> Any:
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


def _lists(value: Any) -> Any:
    return list(map(_lists, value)) if isinstance(value, tuple) else value


@dataclass(frozen=True)
class Facts(Remembered):
    """Of images: a run predicts without the data it was trained on. · 图像数据的要点。

    shape (C, H, W); mean, std of each channel in units of 255; fit how images are brought to H×W; fingerprint sha256.

    >>> facts = Facts("x", "classification", ("a", "b"), (1, 2, 2), (0.0,), (1.0,), "resize", "00")
    >>> Facts.from_json(facts.to_json()) == facts
    True
    """

    name: str
    task: str
    classes: tuple[str, ...]
    shape: tuple[int, int, int]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    fit: str
    fingerprint: str

    @classmethod
    def of(cls, data: Any) -> Self:
        """The facts of a `DataSet`. · 取自数据集。"""
        return cls(**{name: getattr(data, name) for name in cls.__dataclass_fields__})
