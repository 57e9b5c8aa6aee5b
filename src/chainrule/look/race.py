"""Optimizers race: the same start, the same noise, the same batches for all. · 优化器竞赛：起点、噪声、批次皆相同。

A lap is one optimizer at one rate on one track. A rate that is not given is the best of a small grid: the one that
needs the fewest evaluations to the target, or that ends lowest where none gets there.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import inf, pi
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..data import counter
from .racers import Racer
from .surfaces import SURFACES, Surface

_NOISE = 6  # keeps this noise apart from what else is drawn from the same seed
FAR = 1e6  # who is so far away, or so high, does not come back


@dataclass(frozen=True)
class Lap:
    """One optimizer on one track. · 一名参赛者在一条赛道上的一圈。

    path     [steps + 1] points (x, y), the start first; empty for a network
    values   [steps + 1] what is to be made small   evaluations  [steps + 1] how many there were until then
    reached  the first step with a value at or below the target, or None   lost  whether it went to infinity
    """

    racer: Racer
    lr: float
    values: tuple[float, ...]
    evaluations: tuple[int, ...]
    reached: int | None
    lost: bool = False
    path: tuple[tuple[float, float], ...] = ()
    tried: Mapping[float, "Lap"] = field(default_factory=dict, compare=False)
    extra: Mapping[str, float] = field(default_factory=dict)

    @property
    def final(self) -> float:
        """Where it ended; infinite where it was lost. · 终值。"""
        return inf if self.lost else self.values[-1]

    @property
    def order(self) -> tuple[float, float]:
        """To compare two laps: evaluations to the target, then where they ended. · 排序依据。"""
        return (inf if self.reached is None else self.evaluations[self.reached]), self.final


Run = Callable[[Racer, float, int], Lap]  # racer, rate, steps at most → lap


class Evaluated:
    """A closure that counts how often it is evaluated. · 统计求值次数的闭包。

    >>> loss = Evaluated(lambda: torch.ones(()))
    >>> loss(), loss.count
    (tensor(1.), 1)
    """

    def __init__(self, evaluate: Callable[[], Tensor]):
        self.evaluate, self.count = evaluate, 0

    def __call__(self) -> Tensor:
        self.count += 1
        return self.evaluate()


def running(values: Sequence[float], kept: float = 0.9) -> list[float]:
    """The running mean of values that noise moves. · 滑动平均。

    >>> running([1.0, 1.0])
    [1.0, 1.0]
    """
    out, mean = [], 0.0
    for t, value in enumerate(values, 1):
        mean = kept * mean + (1 - kept) * value
        out.append(mean / (1 - kept**t))
    return out


def _into(θ: Tensor, slope: tuple[float, float, float]) -> Tensor:
    value, *deltas = slope
    θ.grad = torch.tensor(deltas, dtype=θ.dtype)
    return torch.tensor(value, dtype=θ.dtype)


def noise(seed: int, steps: int) -> Tensor:
    """Normal numbers of each step, float64 [steps, 2]: a function of (seed, step), so that all see the same. · 噪声。

    >>> torch.equal(noise(0, 3), noise(0, 5)[:3])
    True
    """
    u1, u2 = torch.from_numpy(counter.uniform(counter.key(_NOISE, seed), np.arange(steps), 2)).unbind(1)
    radius, angle = (-2 * (1 - u1).log()).sqrt(), 2 * pi * u2  # Box & Muller 1958, doi:10.1214/aoms/1177706645
    return torch.stack([radius * angle.cos(), radius * angle.sin()], 1)


def on_surface(surface: Surface, seed: int) -> Run:
    """Laps on a surface. · 在曲面上跑。"""

    def run(racer: Racer, lr: float, steps: int) -> Lap:
        θ = torch.nn.Parameter(torch.tensor(surface.start, dtype=torch.float64))
        drawn = (surface.noise * noise(seed, steps)).tolist() if surface.noise else [()] * steps
        now: list[float] = []
        loss = Evaluated(lambda: _into(θ, surface.slope(*θ.tolist(), *now)))
        optimizer = racer.make([θ], lr)
        points, evaluations, lost = [θ.tolist()], [0], False
        for t in range(steps):
            now[:] = drawn[t]
            optimizer.step(loss)
            points.append(θ.tolist())
            evaluations.append(loss.count)
            lost = not max(map(abs, points[-1])) < FAR
            if lost:
                break
        path = torch.tensor(points, dtype=torch.float64)
        values = surface.mean(path[:, 0], path[:, 1]).tolist()
        values = running(values) if surface.noise else values
        reached = next((t for t, value in enumerate(values) if value <= surface.target), None)
        way = tuple((x, y) for x, y in points)
        return Lap(racer, lr, tuple(values), tuple(evaluations), reached, lost, way)

    return run


def target_of(track: str) -> float:
    """What must be reached on a track. · 赛道的目标值。

    >>> target_of("beale")
    0.001
    """
    from .field import TARGET

    return SURFACES[track].target if track in SURFACES else TARGET


def tuned(run: Run, racer: Racer, rates: Sequence[float], steps: int) -> Lap:
    """The lap at the best of some rates; the others run until they are beaten. · 在若干学习率中取最好的一圈。"""
    laps: dict[float, Lap] = {}
    best, most = None, steps
    for lr in rates:
        laps[lr] = lap = run(racer, lr, most)
        if best is None or lap.order < best.order:
            best = lap
        most = best.reached or steps
    assert best is not None
    whole = best if len(best.values) > steps or best.lost else run(racer, best.lr, steps)
    return replace(whole, tried=laps)


def race(
    track: str,
    racers: Sequence[Racer],
    rates: Mapping[Racer, float] | None = None,
    *,
    steps: int = 400,
    seed: int = 0,
    network: str = "mlp",
    on_lap: Callable[[Racer], Any] | None = None,
) -> list[Lap]:
    """Each optimizer on one track, at its own rate or the best of the grid. · 在一条赛道上竞赛。

    track  a name of `racers.TRACKS`   rates  of those whose rate is given   network  for the digits

    >>> adam, plain = race("ravine", [Racer.named("lbfgs"), Racer.named("sgd")], {Racer.named("sgd"): 0.01}, steps=30)
    >>> adam.reached is not None, plain.reached
    (True, None)
    """
    if track in SURFACES:
        run = on_surface(SURFACES[track], seed)
    else:
        from .field import on_network

        run = on_network(seed, network)
    laps = []
    for racer in racers:
        if on_lap is not None:
            on_lap(racer)
        given = (rates or {}).get(racer)
        laps.append(tuned(run, racer, racer.rates, steps) if given is None else run(racer, given, steps))
    return laps
