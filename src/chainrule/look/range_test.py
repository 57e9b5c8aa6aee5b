"""Learning-rate range test: raise the rate step by step and watch the loss. · 学习率范围测试：逐步升高并观察损失。

    rate   low · (high/low)^(i/(steps − 1)) in step i: every power of ten gets the same number of steps
    loss   of the batch, before the update that is made at this rate
    smooth a mean over the neighbours on both sides, so that it lags behind neither way

source  Smith 2017, section 3.3, arXiv:1506.01186 (there the rate rises along a line)
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import exp, isfinite, log10
from os import PathLike, fspath
from typing import Any

import torch
from torch import Tensor

from ..errors import UserError
from ..learn import build
from ..learn.batch import answer
from ..learn.device import choose
from ..learn.images.kind import Images
from ..learn.looped import batched
from ..learn.masks import Masks
from ..learn.mode import to_training
from ..learn.parts import Parts
from ..learn.session import session
from ..learn.step import Batches, Form, Step, blame
from ..settings import Settings, make
from .unchanged import unchanged

LOW, HIGH, STEPS = 1e-7, 10.0, 100
STOP = 4.0  # times the lowest: what has risen so far has diverged
LEAST = 0.05  # of the first loss: a fall of less than that is none
OnRate = Callable[[int, float, float], None]


@dataclass(frozen=True)
class RangeTest:
    """What a range test saw. · 范围测试的结果。

    rates, losses [n] as tried and measured   end  why it stopped   deviation  of the smoothing, in steps
    """

    rates: tuple[float, ...]
    losses: tuple[float, ...]
    end: str
    deviation: float = 2.0

    @property
    def smooth(self) -> list[float]:
        """The losses, each the mean of its neighbours by a Gaussian. · 平滑后的损失。

        >>> RangeTest((0.1, 1.0), (2.0, 2.0), "").smooth
        [2.0, 2.0]
        """
        reach = range(-round(3 * self.deviation), round(3 * self.deviation) + 1)
        weights = {k: exp(-((k / self.deviation) ** 2) / 2) for k in reach}
        inside = [{k: w for k, w in weights.items() if 0 <= i + k < len(self.losses)} for i in range(len(self.losses))]
        return [
            sum(w * self.losses[i + k] for k, w in near.items()) / sum(near.values()) for i, near in enumerate(inside)
        ]

    @property
    def lowest(self) -> int:
        """Where the smooth loss is least. · 最小损失的位置。"""
        smooth = self.smooth
        return min(range(len(smooth)), key=smooth.__getitem__)

    @property
    def ceiling(self) -> float:
        """Up to where a picture need show: what diverges would press all else flat. · 作图的上限。"""
        before = self.smooth[: self.lowest + 1]
        return max(before) + 0.35 * ((max(before) - before[-1]) or 1.0)

    @property
    def falls(self) -> bool:
        """Whether the loss fell at all, by a twentieth of where it began. · 损失是否下降。"""
        enough = len(self.losses) > 2
        return enough and self.smooth[0] - self.smooth[self.lowest] > LEAST * abs(self.smooth[0])

    @property
    def steepest(self) -> float | None:
        """The rate at which the smooth loss falls fastest, over the logarithm of the rate. · 下降最快处的学习率。"""
        if not self.falls:
            return None
        smooth, places = self.smooth, [log10(rate) for rate in self.rates]
        inner = range(1, max(self.lowest, 2))
        slope = {i: (smooth[i + 1] - smooth[i - 1]) / (places[i + 1] - places[i - 1]) for i in inner}
        return self.rates[min(slope, key=slope.__getitem__)]

    @property
    def tenth(self) -> float | None:
        """A tenth of the rate at which the smooth loss is least. · 最小损失处学习率的十分之一。"""
        return self.rates[self.lowest] / 10 if self.falls else None

    @property
    def suggestion(self) -> float | None:
        """The rate to train with: that of the steepest descent, in two digits; None where there is none. · 建议值。"""
        return None if self.steepest is None else float(f"{self.steepest:.1e}")


def find_lr(
    model: str | torch.nn.Module,
    data: str | PathLike[str],
    /,
    settings: Settings | None = None,
    *,
    low: float = LOW,
    high: float = HIGH,
    steps: int = STEPS,
    on_rate: OnRate | None = None,
    **values: Any,
) -> RangeTest:
    """Range test of a network on its data, with any settings of a run. · 对网络与数据做学习率范围测试。

    model   a name of `chainrule models`, "package.module:Class", or a network, which is afterwards as it was before
    values  settings by name, on top of `settings`; what they say about the learning rate and its schedule is not heeded
    Raises `UserError` for whatever is wrong with the arguments, and where the first loss is no number.

    >>> found = find_lr("mlp", "digits", steps=40, low=1e-5, high=10.0)
    >>> 1e-4 < found.suggestion < 1e-1
    True
    """
    settings = replace(make(values, settings), lr=None, schedule="constant", warmup=0.0)
    with session(settings.seed, settings.threads):
        parts = _parts(model, str(fspath(data)), settings)
        feed, masks = parts.kind.feed(parts.data, parts.settings), Masks(parts.network, settings.seed)
        optimizer = parts.kind.optimizer(parts.network, parts.settings)
        step = Step(parts.network, parts.task, optimizer, parts.device, settings.clip)
        form = parts.asked(optimizer)
        now = [0]

        def at(i: int) -> Batches:
            now[0] = i
            return [(parts.device.move(x, form.channels_last), parts.device.move(y)) for x, y in feed.at(i)]

        def forward(x: Tensor) -> object:
            with parts.device.autocast():
                return answer(parts.network, x)

        step.before = lambda part, x: masks.lay(now[0], x, forward, part)
        try:
            return range_test(step, at, low=low, high=high, steps=steps, form=form, on_rate=on_rate)
        finally:
            feed.close()
            masks.clear()


def _parts(model: str | torch.nn.Module, source: str, settings: Settings) -> Parts:
    if isinstance(model, str):
        return Parts.build(batched(model, "a rate is tried on a batch"), model, source, settings)
    if not isinstance(model, torch.nn.Module):
        raise UserError(f"model: expected its name or a torch.nn.Module, got {type(model).__name__}")
    here = next((p.device.type for p in model.parameters()), "cpu")
    settings = replace(settings, device=here)
    data = build.dataset("", source, settings)
    task = build.task(settings, data)
    training = {m: m.training for m in model.modules()}
    build.fits(model, type(model).__name__, task, data, settings)
    for m, was in training.items():
        m.training = was
    return Parts(Images(), type(model).__name__, source, settings, choose(here, settings.precision), data, task, model)


def range_test(
    step: Step,
    at: Callable[[int], Batches],
    *,
    low: float = LOW,
    high: float = HIGH,
    steps: int = STEPS,
    form: Form | None = None,
    on_rate: OnRate | None = None,
) -> RangeTest:
    """The test itself, on a training step: afterwards network, optimizer and random states have their bits of before.

    · 对一个训练步做测试；之后网络、优化器与随机状态逐位复原。

    at  batches of step i   on_rate  is told (i, rate, loss) after each step
    """
    if not 0 < low < high:
        raise UserError(f"low={low:g}, high={high:g}: expected two rates above 0, the lower first")
    if steps < 10:
        raise UserError(f"steps={steps}: expected at least 10")
    rates, losses, running, lowest = [], [], 0.0, float("inf")
    end = f"the last of {steps} rates"
    with unchanged(step):
        step.use(form or step.form)
        to_training(step.model)
        shares = [float(group["lr"]) for group in step.optimizer.param_groups]
        for i in range(steps):
            rate = low * (high / low) ** (i / (steps - 1))
            _set(step.optimizer, [rate * share / max(shares) for share in shares])
            batches = at(i)
            outcome = step.first(batches)[0] if i == 0 else step(batches)
            if not outcome.finite:
                if not losses:
                    raise UserError(_unfit(step, batches, outcome.loss, rate))
                end = f"the loss was no number at {rate:.2g}"
                break
            rates.append(rate)
            losses.append(outcome.loss)
            if on_rate is not None:
                on_rate(i, rate, outcome.loss)
            running = 0.7 * running + 0.3 * outcome.loss if i else outcome.loss
            lowest = min(lowest, running)
            if i >= 10 and running > STOP * lowest and running > losses[0]:
                end = f"the loss diverged at {rate:.2g}"
                break
    return RangeTest(tuple(rates), tuple(losses), end)


def _set(optimizer: Any, rates: Sequence[float]) -> None:
    for group, rate in zip(optimizer.param_groups, rates, strict=True):
        if isinstance(group["lr"], Tensor):
            group["lr"].fill_(rate)  # a compiled step may hold this tensor
        else:
            group["lr"] = rate


def _unfit(step: Step, batches: Batches, loss: float, rate: float) -> str:
    what = f"the loss is {loss}" if not isfinite(loss) else "the gradient is not finite"
    where = blame(step, batches)
    return f"{what} at the lowest rate {rate:g} already, first in {where}: look at the data and the first weights"
