"""One step of learning: forward, loss, backward, clip, update. · 训练的一步：前向、损失、反向、裁剪、更新。

eager  plain calls, gear by gear
one    the whole step compiled into one graph, which keeps the old values where the loss is not finite
two    forward, loss and backward compiled, the update apart: several batches an update, float16, or a model that breaks

An optimizer that evaluates the loss itself (L-BFGS, SAM) does so over the same batches with the same masks. The running
statistics of the norms are those of its first evaluation, where the parameters are: what it tries on its way does not
count. The gradient is clipped at each evaluation.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from ..errors import UserError
from ..optim.card import numbers
from .batch import answer, finite
from .device import Device
from .whole import WholeStep, allowing_recurrence, own_code

Batches = Sequence[tuple[Any, Any]]  # inputs and targets, each a tensor or a nest of them


@dataclass(frozen=True)
class Form:
    """How a step runs; `tune` chooses one by measuring, the run keeps it. · 训练步的运行形式。

    >>> str(Form(compiled="one", channels_last=True))
    'compiled as one graph, channels_last'
    """

    compiled: str = "no"
    channels_last: bool = False

    def __str__(self) -> str:
        how = {"no": "eager", "one": "compiled as one graph", "two": "compiled as two graphs"}[self.compiled]
        return how + (", channels_last" if self.channels_last else "")


@dataclass(frozen=True)
class Outcome:
    """Mean loss over the samples of a step, norm of its gradient, whether the update was made. · 一步的结果。"""

    loss: float
    norm: float
    updated: bool = True

    @property
    def finite(self) -> bool:
        return math.isfinite(self.loss) and math.isfinite(self.norm)


class NotFinite(Exception):
    """Ends the step of an optimizer that evaluates the loss itself: what it was given is no number. · 非有限值。"""


def whole(optimizer: Any) -> bool:
    """Whether the update of an optimizer can be a part of one compiled graph. · 更新能否编入整张图。

    >>> from chainrule.optim import SAM, SGD
    >>> made = SGD([torch.nn.Parameter(torch.zeros(1))])
    >>> whole(made), whole(SAM(made))
    (True, False)
    """
    return hasattr(optimizer, "rule")


class Step:
    """The step of one network, in one form. Calling it makes one update unless the loss or the gradient is not finite:
    then parameters, optimizer state and buffers are as they were. · 执行一步；若损失非有限则一切保持原样。
    """

    def __init__(
        self,
        model: torch.nn.Module,
        task: Any,
        optimizer: Any,
        device: Device,
        clip: float | None = None,
        form: Form = Form(),
    ):
        self.model, self.task, self.optimizer, self.device, self.clip = model, task, optimizer, device, clip
        self.scaler = torch.amp.GradScaler(device.kind) if device.scaled else None
        self.searches = getattr(optimizer, "needs_closure", False)
        if self.searches and self.scaler is not None:
            raise UserError(
                "precision=fp16: an optimizer that evaluates the loss several times a step (lbfgs, sam) cannot run "
                "under a loss scale; expected bf16 or fp32"
            )
        self.parameters = [p for p in model.parameters() if p.requires_grad]
        self.buffers = list(model.buffers())
        # Called with a batch's number within its step and its inputs before each forward: the place for its masks.
        self.before: Callable[[int, Any], None] = lambda part, x: None
        self.use(form)

    def renew(self) -> None:
        """Other parameters learn now. · 可学习的参数变了。"""
        self.parameters = [p for p in self.model.parameters() if p.requires_grad]
        self.use(self.form)

    def use(self, form: Form) -> None:
        """Run in this form from the next call on."""
        self.form = form
        layout: Any = torch.channels_last if form.channels_last else torch.contiguous_format
        self.model.to(memory_format=layout)  # pyright: ignore[reportCallIssue]
        self._loss: Any = self._forward
        if form.compiled == "two":
            self._loss = allowing_recurrence(torch.compile(own_code(self._forward), dynamic=False))
        if form.compiled == "one":
            self._whole = WholeStep(self.model, self._forward, self.optimizer, self.clip)

    def first(self, batches: Batches) -> tuple[Outcome, list[str]]:
        """The first step of a process, with a note for each form that the compiler cannot do: a plainer one runs."""
        notes: list[str] = []
        before = [b.clone() for b in self.buffers]
        while True:
            try:
                return self(batches), notes
            except Exception as error:  # each stage has errors of its own, down to the C++ compiler's
                if self.form.compiled == "no":
                    raise
                self._put_back(before)
                self._drop_gradients()
                tried, why = self.form, " ".join(str(error).split())[:160]
                self.use(replace(self.form, compiled="two" if tried.compiled == "one" else "no"))
                notes.append(f"{tried} does not work here ({type(error).__name__}: {why}): going on {self.form}")

    def _put_back(self, buffers: list[Tensor]) -> None:
        with torch.no_grad():
            for now, then in zip(self.buffers, buffers, strict=True):
                now.copy_(then)

    def _drop_gradients(self) -> None:
        for p in self.parameters:
            p.grad = None

    def _forward(self, x: Any, y: Any) -> Tensor:
        with self.device.autocast():
            out = answer(self.model, x)
        return self.task.loss(out, y)

    def __call__(self, batches: Batches) -> Outcome:
        if self.form.compiled == "one":
            self.before(0, batches[0][0])
            return Outcome(*self._whole(*batches[0]))
        before = [b.clone() for b in self.buffers]
        outcome = self._search(batches, before) if self.searches else self._update(self._backward(batches))
        if not (outcome.updated and outcome.finite):
            self._put_back(before)
            self._drop_gradients()
        return outcome

    def _backward(self, batches: Batches) -> float:
        """The gradient of the mean loss over the samples of all batches, and that loss."""
        # Not after the update: without the gradients the heap ends in free pages, given back and faulted in each step.
        self._drop_gradients()
        counts, loss = [self.task.count(y) for _, y in batches], 0.0
        samples = sum(counts)
        for number, (x, y) in enumerate(batches):
            self.before(number, x)
            part = self._loss(x, y)
            part = part if counts[number] == samples else part * (counts[number] / samples)
            (part if self.scaler is None else self.scaler.scale(part)).backward()
            loss += float(part.detach())
        return loss

    def _clipped(self, loss: float) -> Outcome:
        """The gradient brought to the norm that is allowed, if it is finite."""
        grads = [numbers(p.grad) for p in self.parameters if p.grad is not None]
        norm = _norm(grads) if grads else torch.zeros(())
        outcome = Outcome(loss, float(norm))
        if outcome.finite and self.clip is not None:
            torch.nn.utils.clip_grads_with_norm_(self.parameters, self.clip, norm)
        return outcome

    def _search(self, batches: Batches, before: list[Tensor]) -> Outcome:
        """A step of an optimizer that evaluates the loss itself; it puts back what it moved where that fails."""
        seen: list[Outcome] = []
        after: list[Tensor] = []

        def evaluate() -> float:
            if seen:
                self._put_back(before)
            seen.append(self._clipped(self._backward(batches)))
            if len(seen) == 1:
                after.extend(b.clone() for b in self.buffers)
            if not seen[-1].finite and (len(seen) == 1 or not self.optimizer.searches):
                raise NotFinite
            return seen[-1].loss

        try:
            self.optimizer.step(evaluate)
        except NotFinite:
            return seen[-1]
        self._put_back(after)
        return seen[0]

    def _update(self, loss: float) -> Outcome:
        if self.scaler is not None:
            self.scaler.unscale_(self.optimizer)
        outcome = self._clipped(loss)
        if outcome.finite:
            self._apply()
        elif self.scaler is not None and math.isfinite(loss):
            self.scaler.step(self.optimizer)  # the scale was too high: it skips the update and lowers the scale
            self.scaler.update()
            outcome = Outcome(loss, 0.0, updated=False)
        return outcome

    def _apply(self) -> None:
        if self.scaler is None:
            self.optimizer.step()
        else:
            self.scaler.step(self.optimizer)
            self.scaler.update()


def _norm(grads: list[Tensor]) -> Tensor:
    """As torch's `get_total_norm`, without grouping by device: that costs as much as a small network's norms."""
    return torch.linalg.vector_norm(torch.stack(torch._foreach_norm(grads)))  # pyright: ignore[reportPrivateImportUsage]


def blame(step: Step, batches: Batches) -> str:
    """The first module whose answer is not finite, found by running the step again. · 找出首个非有限的模块。"""
    model = step.model
    names = {module: name or type(module).__name__ for name, module in model.named_modules()}
    found: list[str] = []

    def look(module: torch.nn.Module, _args: Any, out: Any) -> None:
        if not found and isinstance(out, Tensor) and out.is_floating_point() and not bool(out.isfinite().all()):
            found.append(f"{names[module]} ({type(module).__name__})")

    hooks = [m.register_forward_hook(look) for m in model.modules() if not any(True for _ in m.children())]
    before = [b.clone() for b in step.buffers]
    try:
        for number, (x, y) in enumerate(batches):
            if not finite(x):
                return "the input"
            step.before(number, x)
            loss = step._forward(x, y)
            if found:
                return found[0]
            if not bool(loss.detach().isfinite()):
                return "the loss"
            loss.backward()
            for name, p in model.named_parameters():
                if p.grad is not None and not bool(numbers(p.grad).isfinite().all()):
                    return f"the gradient of {name}"
    finally:
        for hook in hooks:
            hook.remove()
        step._put_back(before)
        step._drop_gradients()
    return "a point that the optimizer tried" if step.searches else "the sum over the batches"
