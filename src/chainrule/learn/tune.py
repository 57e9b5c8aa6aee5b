"""The fastest form of a step, by measuring a few steps on this machine. · 实测几步，选最快的运行形式。

Memory format, compiler and network interact, so nothing is guessed. The measuring runs on copies: the network, the
optimizer and the random state are afterwards as they were before.
"""

import copy
import statistics
import time
from collections.abc import Callable
from typing import Any

import torch

from .device import Device
from .mode import to_training
from .step import Batches, Form, Step, whole

ROUNDS, STEPS = 5, 3


def forms(batches: Batches, device: Device, compile: bool, one: bool = True) -> list[Form]:
    """What is worth a try for such a batch; `one`: whether the update can be a part of one graph. · 值得尝试的形式。

    >>> forms([(torch.zeros(2, 3), torch.zeros(2))], Device("cpu"), compile=False)
    [Form(compiled='no', channels_last=False)]
    """
    x = batches[0][0]
    layouts = [False, True] if isinstance(x, torch.Tensor) and x.ndim == 4 else [False]
    compiled = (
        ["no"]
        if not compile
        else ["no", "two"]
        if len(batches) > 1 or device.scaled or not one
        else ["no", "one", "two"]
    )
    return [Form(c, layout) for c in compiled for layout in layouts]


def measure(
    model: torch.nn.Module,
    task: Any,
    device: Device,
    batches: Batches,
    make: Callable[[Any], Any],
    compile: bool,
) -> dict[Form, float]:
    """Form → median seconds of a step, measured in turns so that a busy machine is unfair to none.

    `make` builds an optimizer for a network. · 轮流测量各形式，返回每步秒数中位数。
    """
    state = torch.get_rng_state()
    steps: dict[Form, tuple[Step, Batches]] = {}
    for form in forms(batches, device, compile, whole(make(model))):
        own = to_training(copy.deepcopy(model))
        moved = [(device.move(x, form.channels_last), device.move(y)) for x, y in batches]
        step = Step(own, task, make(own), device, None, form)
        if not step.first(moved)[1]:
            steps[form] = (step, moved)
    times: dict[Form, list[float]] = {form: [] for form in steps}
    for _ in range(ROUNDS):
        for form, (step, moved) in steps.items():
            began = time.perf_counter()
            for _ in range(STEPS):
                step(moved)
            times[form].append((time.perf_counter() - began) / STEPS)
    torch.set_rng_state(state)
    return {form: statistics.median(seconds) for form, seconds in times.items()}
