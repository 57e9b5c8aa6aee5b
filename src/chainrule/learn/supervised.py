"""Supervised learning: classes or numbers from labelled samples. · 监督学习：由有标签的样本学习类别或数值。

symbols  x [N, …] samples   y [N] classes (int64) or [N, D] numbers   out = network(x) [N, C] or [N, D]
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..data import sampler
from ..errors import UserError
import torch.nn.functional as F  # TEMPORARY
from .device import Device
from .metrics import Classification, Regression


@dataclass(frozen=True)
class Supervised:
    """What is made small, and what is reported. · 优化目标与报告指标。

    kind "classification" or "regression"; classes its class names; loss one of `LOSSES` or "auto" (cross-entropy for
    classes, mean squared error for numbers). Raises `UserError` where loss and kind do not fit together.

    >>> Supervised("classification", ("cat", "dog")).loss(torch.zeros(1, 2), torch.tensor([1]))
    tensor(0.6931)
    """

    kind: str
    classes: tuple[str, ...] = ()
    name: str = "auto"
    label_smoothing: float = 0.0
    topk: int = 5

    def __post_init__(self) -> None:
        if self.name not in self.losses():
            raise UserError(f"loss={self.name}: expected {' or '.join(self.losses())} for a {self.kind}")
        if self.label_smoothing and self.losses()[self.name] is not self.losses()["auto"]:
            raise UserError(f"label_smoothing={self.label_smoothing}: expected loss=cross_entropy, got {self.name}")

    def losses(self) -> dict[str, Callable[[Tensor, Tensor], Tensor]]:
        if self.kind == "regression":
            return dict.fromkeys(("auto", "mse"), _mse) | {"l1": _l1, "huber": _huber, "smooth_l1": _smooth_l1}
        return dict.fromkeys(("auto", "cross_entropy"), self._cross_entropy) | {"nll": _nll, "mse": self._one_hot_mse}

    def loss(self, out: Tensor, y: Tensor) -> Tensor:
        """The mean over the samples, in float32 or finer. · 对样本取平均的损失。"""
        out = out if out.dtype == torch.float64 else out.float()
        return self.losses()[self.name](out, y)

    def _cross_entropy(self, out: Tensor, y: Tensor) -> Tensor:
        return F.cross_entropy(out, y, label_smoothing=self.label_smoothing)

    def _one_hot_mse(self, out: Tensor, y: Tensor) -> Tensor:
        return F.mse_loss(out, (torch.arange(out.shape[-1], device=y.device) == y[:, None]).to(out.dtype))

    def metrics(self) -> Classification | Regression:
        return Regression() if self.kind == "regression" else Classification(len(self.classes), self.topk)

    def check(self, out: Tensor, model: str) -> None:
        """Refuse a network whose answers do not fit the data before a long run begins."""
        if self.kind == "classification" and (out.ndim != 2 or out.shape[1] < len(self.classes)):
            raise UserError(
                f"model {model} answers with shape {list(out.shape)}: expected [batch, {len(self.classes)}] for "
                f"{len(self.classes)} classes; give it model.num_classes={len(self.classes)} or other data"
            )

    @torch.no_grad()
    def evaluate(self, model: torch.nn.Module, split: Any, device: Device, batch_size: int = 256) -> Any:
        """The metrics of a network on a part of the data; its mode stays as it is. · 在某部分数据上评估。"""
        metrics, was_training = self.metrics(), model.training
        model.eval()
        try:
            for b in range(sampler.batches(len(split), batch_size)):
                x, y = split.batch(torch.arange(b * batch_size, min(len(split), (b + 1) * batch_size)))
                x, y = device.move(x), device.move(y)
                with device.autocast():
                    out = model(x)
                out = out[:, : len(self.classes)] if self.classes else out
                metrics.add(out, y, float(self.loss(out, y)))
        finally:
            model.train(was_training)
        return metrics


def _mse(out: Tensor, y: Tensor) -> Tensor:
    return F.mse_loss(out.reshape(y.shape), y)


def _l1(out: Tensor, y: Tensor) -> Tensor:
    return F.l1_loss(out.reshape(y.shape), y)


def _huber(out: Tensor, y: Tensor) -> Tensor:
    return F.huber_loss(out.reshape(y.shape), y)


def _smooth_l1(out: Tensor, y: Tensor) -> Tensor:
    return F.smooth_l1_loss(out.reshape(y.shape), y)


def _nll(out: Tensor, y: Tensor) -> Tensor:
    return F.nll_loss(out, y)
