"""What a run is made of, put together before its folder exists. · 运行的组成部分。"""

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from ..catalog import check_pair
from ..runs.folder import RunFolder
from ..runs.log import RunLog
from ..settings import Settings
from ..zoo.weights import Report
from . import build, start
from .device import Device, choose
from .freezing import Freezing
from .kind import OnEvent
from .loop import Loop
from .step import Form, Step, whole
from .tune import measure

if TYPE_CHECKING:
    from .looped import Looped


@dataclass
class Parts:
    """What a run is made of, before its folder exists: a mistake leaves no folder behind. · 运行的组成部分。"""

    kind: "Looped"
    model: str
    source: str
    settings: Settings
    device: Device
    data: Any
    task: Any
    network: torch.nn.Module
    started: Report | None = None
    freezing: Freezing | None = None

    @classmethod
    def build(cls, kind: "Looped", model: str, source: str, settings: Settings, begins: bool = True) -> "Parts":
        """All parts; a run that goes on, and does not begin, has its weights from its checkpoint. · 组装各部分。"""
        check_pair(model, settings.model, source, settings.data)
        device = choose(settings.device, settings.precision)
        data = kind.dataset(model, source, settings)
        task = kind.task(settings, data)
        network = kind.network(model, settings, data)
        if begins:
            start.same_tokens(kind.facts(data), settings)
        started = start.begin(network, model, settings) if begins else None
        kind.optimizer(network, settings)  # what it refuses is said now
        freezing = Freezing(network, settings, model)
        parts = cls(kind, model, source, settings, device, data, task, network, started, freezing)
        kind.fits(network, parts)
        network.to(device.kind)
        return parts

    def loop(self, folder: RunFolder, on_event: OnEvent | None) -> Loop:
        settings, optimizer = self.settings, self.kind.optimizer(self.network, self.settings)
        feed = self.kind.feed(self.data, settings, self.device.kind)
        schedule = build.schedule(optimizer, settings, feed.updates)
        plain = Form("no", bool(settings.channels_last))
        step = Step(self.network, self.task, optimizer, self.device, settings.clip, plain)
        loop = Loop(folder, self, step, schedule, feed, on_event)
        if self.freezing is not None:
            loop.opening = functools.partial(self.freezing.open, step)
        return loop

    def asked(self, optimizer: Any) -> Form:
        """The form that the settings ask for. · 设置所求的形式。"""
        settings = self.settings
        apart = settings.graph == "two" or settings.accumulate > 1 or self.device.scaled
        how = ("two" if apart or not whole(optimizer) else "one") if settings.compile else "no"
        # Compiled, a network of convolutions gains from it wherever it was measured (benchmarks/README.md).
        images = how != "no" and any(isinstance(m, torch.nn.Conv2d) for m in self.network.modules())
        last = images if settings.channels_last is None else settings.channels_last
        return Form(how, last)

    def form(self, loop: Loop, log: RunLog) -> Form:
        """The form that was asked for, or the fastest of those measured. · 所求或实测最快的形式。"""
        settings = self.settings
        if settings.optimizer == "lbfgs" and loop.feed.updates > 1:
            text = f"each step of lbfgs sees one of {loop.feed.updates} parts of the data, whose differences blur its "
            all_of_it = f"accumulate={settings.accumulate * loop.feed.updates}"
            loop.tell(log, "note", text=f"{text}curvature: {all_of_it} takes the whole each time")
        if not settings.tune:
            if settings.compile and not whole(loop.step.optimizer):
                text = f"{type(loop.step.optimizer).__name__} steps by itself: forward and backward are compiled"
                loop.tell(log, "note", text=text)
            return self.asked(loop.step.optimizer)
        optimizer = functools.partial(self.kind.optimizer, settings=settings)
        times = measure(self.network, self.task, self.device, loop.feed.at(0), optimizer, settings.compile)
        table = "; ".join(f"{form} {seconds * 1e3:.2f} ms" for form, seconds in times.items())
        loop.tell(log, "note", text=f"measured a step: {table}")
        return min(times, key=lambda form: times[form])
