"""Supervised learning: classes or numbers from labelled samples. · 监督学习：由有标签的样本学习类别或数值。

symbols  x [N, …] samples   y [N] classes (int64), [N, C] labels (0 or 1) or [N, D] numbers   out [N, C] or [N, D]
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from ..data import sampler
from ..errors import UserError
from ..nn.cross_entropy import cross_entropy, nll_loss
from ..nn.entropy import binary_cross_entropy_with_logits
from ..nn.loss import huber_loss, l1_loss, mse_loss, smooth_l1_loss
from .batch import answer
from .device import Device
from .metrics import Classification, Multilabel, Regression


@dataclass(frozen=True)
class Supervised:
    """What is made small, and what is reported. · 优化目标与报告指标。

    kind "classification", "multilabel" or "regression"; classes its class names; loss one of `LOSSES` or "auto"
    (cross-entropy for classes, binary where a sample can have several, mean squared error for numbers); weights: what
    each class weighs while learning, () for all the same. Raises `UserError` where loss and kind do not fit together.

    >>> Supervised("classification", ("cat", "dog")).loss(torch.zeros(1, 2), torch.tensor([1]))
    tensor(0.6931)
    """

    kind: str
    classes: tuple[str, ...] = ()
    name: str = "auto"
    label_smoothing: float = 0.0
    topk: int = 5
    weights: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if self.name not in self.losses():
            raise UserError(f"loss={self.name}: expected {' or '.join(self.losses())} for a {self.kind}")
        if self.label_smoothing and (self.kind != "classification" or self.name not in ("auto", "cross_entropy")):
            raise UserError(f"label_smoothing={self.label_smoothing}: expected loss=cross_entropy, got {self.name}")
        if self.weights and self.name not in ("auto", "cross_entropy", "bce"):
            raise UserError(f"balance=loss: loss={self.name} takes no weights; expected loss=auto or balance=sampler")

    def losses(self) -> dict[str, Callable[[Tensor, Tensor], Tensor]]:
        if self.kind == "regression":
            return REGRESSION
        if self.kind == "multilabel":
            return {"auto": self._binary, "bce": self._binary}
        crossed = self._cross_entropy
        return {"auto": crossed, "cross_entropy": crossed, "nll": nll_loss, "mse": self._one_hot_mse}

    def loss(self, out: Tensor, y: Tensor) -> Tensor:
        """The mean over the samples, in float32 or finer. · 对样本取平均的损失。"""
        out = out if out.dtype == torch.float64 else out.float()
        return self.losses()[self.name](out, y)

    def units(self, values: Tensor) -> Tensor:
        """Answers or targets in the units in which they are told. · 以报告所用的单位表示。"""
        return values

    def count(self, y: Tensor) -> int:
        """How many samples a loss is the mean of. · 样本数。"""
        return len(y)

    def _cross_entropy(self, out: Tensor, y: Tensor) -> Tensor:
        return cross_entropy(out, y, self._weight(out), label_smoothing=self.label_smoothing)

    def _binary(self, out: Tensor, y: Tensor) -> Tensor:
        return binary_cross_entropy_with_logits(out, y, pos_weight=self._weight(out))

    def _weight(self, out: Tensor) -> Tensor | None:
        return torch.tensor(self.weights, dtype=out.dtype, device=out.device) if self.weights else None

    def _one_hot_mse(self, out: Tensor, y: Tensor) -> Tensor:
        if y.is_floating_point():  # shares of the classes already
            return mse_loss(out, y)
        return mse_loss(out, (torch.arange(out.shape[-1], device=y.device) == y[:, None]).to(out.dtype))

    def metrics(self) -> Classification | Multilabel | Regression:
        if self.kind == "multilabel":
            return Multilabel(len(self.classes))
        return Regression() if self.kind == "regression" else Classification(len(self.classes), self.topk)

    def check(self, out: Tensor, model: str) -> None:
        """Refuse a network whose answers do not fit the data before a long run begins."""
        if not isinstance(out, Tensor):
            raise UserError(f"model {model} answers with a {type(out).__name__}: expected one tensor")
        if self.kind != "regression" and (out.ndim != 2 or out.shape[1] < len(self.classes)):
            raise UserError(
                f"model {model} answers with shape {list(out.shape)}: expected [batch, {len(self.classes)}] for "
                f"{len(self.classes)} classes; give it model.num_classes={len(self.classes)} or other data"
            )

    @torch.no_grad()
    def evaluate(self, model: torch.nn.Module, split: Any, device: Device, batch_size: int = 256) -> Any:
        """The metrics of a network on a part of the data; its mode stays as it is. · 在某部分数据上评估。"""
        metrics, was_training = self.metrics(), model.training
        even = replace(self, weights=())  # balance is for learning: losses of parts are comparable
        model.eval()
        try:
            for b in range(sampler.batches(len(split), batch_size)):
                x, y = split.batch(torch.arange(b * batch_size, min(len(split), (b + 1) * batch_size)))
                x, y = device.move(x), device.move(y)
                with device.autocast():
                    out = answer(model, x)
                out = out[:, : len(self.classes)] if self.classes else out
                metrics.add(self.units(out), self.units(y), float(even.loss(out, y)))
        finally:
            model.train(was_training)
        return metrics


def _of_numbers(loss: Callable[..., Tensor]) -> Callable[[Tensor, Tensor], Tensor]:
    """[N, 1] answers to [N] numbers are one column, not a table of all pairs."""
    return lambda out, y: loss(out.reshape(y.shape), y)


REGRESSION = {
    "auto": _of_numbers(mse_loss),
    "mse": _of_numbers(mse_loss),
    "l1": _of_numbers(l1_loss),
    "huber": _of_numbers(huber_loss),
    "smooth_l1": _of_numbers(smooth_l1_loss),
}
