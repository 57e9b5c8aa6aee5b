"""Where a run computes and how finely. · 运行所在的设备与精度。"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch

from ..errors import UserError


@dataclass(frozen=True)
class Device:
    """A device with the dtype its products run in; None means float32 throughout. · 设备与乘积的数据类型。"""

    kind: str
    low: torch.dtype | None = None

    def autocast(self) -> AbstractContextManager:
        return torch.autocast(self.kind, dtype=self.low) if self.low else nullcontext()

    def move(self, tensor: Any, channels_last: bool = False) -> Any:
        """A tensor, or all tensors of a nest, on this device. · 移到该设备。"""
        if isinstance(tensor, dict):
            return {name: self.move(part, channels_last) for name, part in tensor.items()}
        if isinstance(tensor, tuple | list):
            return type(tensor)(self.move(part, channels_last) for part in tensor)
        if tensor is None:
            return None
        if hasattr(tensor, "tensors"):  # a sparse matrix: the same one where nothing has to move
            return tensor.to(self.kind)
        if channels_last and tensor.ndim == 4:
            return tensor.to(self.kind, memory_format=torch.channels_last, non_blocking=True)
        return tensor.to(self.kind, non_blocking=True)

    @property
    def precision(self) -> str:
        """As the setting calls it. · 精度名称。"""
        return {None: "fp32", torch.bfloat16: "bf16", torch.float16: "fp16"}[self.low]

    @property
    def scaled(self) -> bool:
        """Whether the loss must be scaled up so that small deltas do not vanish: float16 alone needs it."""
        return self.low is torch.float16


PRESENT: dict[str, Callable[[], bool]] = {
    "cuda": torch.cuda.is_available,
    "mps": torch.backends.mps.is_available,
    "cpu": lambda: True,
}


def choose(device: str, precision: str) -> Device:
    """The device that was asked for, or the best there is. · 选定设备与精度。

    precision=auto takes bfloat16 on a GPU that has it and float32 elsewhere: what a processor learns shall not depend
    on its make. Raises `UserError` for a device that is not there and a precision its hardware has no instructions for.

    >>> choose("cpu", "fp32")
    Device(kind='cpu', low=None)
    """
    kind = next(k for k, there in PRESENT.items() if there()) if device == "auto" else device
    if not PRESENT[kind]():
        found = [k for k, there in PRESENT.items() if there()]
        raise UserError(
            f"device={device}: torch {torch.__version__} sees no such device; expected {' or '.join(found)}"
        )
    if precision == "auto":
        precision = "bf16" if kind == "cuda" and _has(kind, torch.bfloat16) else "fp32"
    if precision == "fp32":
        return Device(kind)
    low = {"bf16": torch.bfloat16, "fp16": torch.float16}[precision]
    if not _has(kind, low):
        raise UserError(f"precision={precision}: this {kind} has no instructions for it; use precision=fp32 or auto")
    return Device(kind, low)


def _has(kind: str, low: torch.dtype) -> bool:
    if kind == "cpu":
        bf16 = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
        return bf16 if low is torch.bfloat16 else torch.cpu._is_amx_fp16_supported()
    if kind == "cuda" and low is torch.bfloat16:
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return True
