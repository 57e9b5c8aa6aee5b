"""What a trained network must remember of its data. · 训练好的网络需要记住的数据信息。"""

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Facts:
    """Kept in every checkpoint, so that a run predicts without the data it was trained on. · 数据的要点。

    shape (C, H, W); mean, std of each channel in units of 255; fit how images are brought to H×W; fingerprint sha256.
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
    def of(cls, data: Any) -> "Facts":
        """The facts of a `DataSet`. · 取自数据集。"""
        return cls(**{name: getattr(data, name) for name in cls.__dataclass_fields__})

    @classmethod
    def from_json(cls, kept: dict[str, Any]) -> "Facts":
        """Back from a checkpoint. · 由存档恢复。

        >>> facts = Facts("x", "classification", ("a", "b"), (1, 2, 2), (0.0,), (1.0,), "resize", "00")
        >>> Facts.from_json(facts.to_json()) == facts
        True
        """
        fields: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in kept.items()}
        return cls(**fields)

    def to_json(self) -> dict[str, Any]:
        """As JSON holds it. · 转为 JSON。"""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()}
