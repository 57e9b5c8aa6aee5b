"""The signal at step 0: what every layer gives, and the delta that comes back to it. · 第 0 步的信号：前向与反向。

symbols  z what a layer gives, of one sample or all alike   δ = ∂L/∂z, as the loss of the run has it
         Var over all samples and units, as the papers of Glorot & Bengio (2010) and He et al. (2015) take it
note     Var[z_t] = ½ fan_in Var[W] Var[z_{t−1}] behind a rectifier (He eq. 8), without the ½ in the linear part of a
         tanh (Glorot eq. 5), and the deltas the same with fan_out: where the factor is not 1, depth is its exponent
"""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from ..errors import UserError
from ..learn.batch import answer, leaves
from ..learn.looped import batched
from ..learn.parts import Parts
from ..learn.session import seeded
from ..nn.cross_entropy import cross_entropy
from ..settings import Settings

NAN = float("nan")


@dataclass(frozen=True)
class Histogram:
    """How often values fall into equal intervals from low to high; those outside are left out. · 直方图。"""

    low: float
    high: float
    counts: tuple[int, ...]

    @classmethod
    def of(cls, values: Tensor, bins: int) -> "Histogram":
        """Four deviations to each side of 0, where a signal without bias has its mean. · 以 0 为中心，各取四个标准差。

        >>> Histogram.of(torch.tensor([-1.0, 1.0, 1.0]), 2).counts
        (1, 2)
        """
        exact = values.detach().double().flatten()
        reach = 4 * exact.square().mean().sqrt().item() or 1.0
        counts = torch.histc(exact.cpu(), bins, -reach, reach)
        return cls(-reach, reach, tuple(int(count) for count in counts))


@dataclass(frozen=True)
class Signal:
    """What passes one layer. · 一层的信号。

    layer     its path in the network; kind its class; gives the shape of z for one sample
    weighted  whether it has a matrix or filters of weights
    mean, var, delta_mean, delta_var   of z and of δ; nan for a δ where nothing comes back
    values, deltas   the distributions of z and δ, if they were asked for
    """

    layer: str
    kind: str
    weighted: bool
    gives: tuple[int, ...]
    mean: float
    var: float
    delta_mean: float = NAN
    delta_var: float = NAN
    values: Histogram | None = None
    deltas: Histogram | None = None


def signal(
    model: torch.nn.Module,
    x: Any,
    y: Any,
    loss: Callable[[Any, Any], Tensor] = cross_entropy,
    bins: int = 0,
) -> list[Signal]:
    """Mean and variance of what each innermost layer gives and gets back, in the order of the calls. · 逐层统计信号。

    x [N, …] or a nest of tensors, a tuple for several arguments; y what `loss` takes beside the network's answer; with
    `bins`, histograms of so many intervals too. Of several tensors that a layer gives the first counts that gets a δ.
    Meanwhile the network is in training mode; its parameters, buffers, gradients and mode stay as they are.

    Raises `UserError` where no innermost layer gives a tensor of numbers.

    >>> model = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.ReLU(), torch.nn.Linear(3, 2))
    >>> [s.layer for s in signal(model, torch.ones(4, 2), torch.zeros(4, dtype=torch.long)) if s.weighted]
    ['0', '2']
    """
    found: list[list[Signal]] = []
    # Autograd walks only as far as something asks for: the input does, so that frozen layers get their delta too.
    x = _asking(x)
    asking = [t for t in (*leaves(x), *model.parameters()) if t.requires_grad]
    with _watched(model, found, bins), _untouched(model), torch.enable_grad():
        made = loss(answer(model, x), y)
        if made.requires_grad:
            torch.autograd.grad(made, asking, allow_unused=True)
    if not found:
        raise UserError(f"{type(model).__name__} has no innermost layer that gives a tensor of numbers")
    return [next((s for s in given if not math.isnan(s.delta_var)), given[0]) for given in found]


def of_run(model: str, source: str, settings: Settings, bins: int = 0) -> list[Signal]:
    """The signal in a run's first step, on its first batch. · 一次运行第 0 步的信号。

    >>> from chainrule.settings import parse
    >>> len([s for s in of_run("mlp", "digits", parse(["init=he", "model.hidden=(9,9)"])) if s.weighted])
    3
    """
    kind = batched(model, "the signal is that of a first batch")
    kind.check(model, settings)
    parts = Parts.build(kind, model, source, settings)
    feed = kind.feed(parts.data, replace(parts.settings, workers=0))
    try:
        x, y = feed.at(0)[0]
    finally:
        feed.close()
    x, y = parts.device.move(x), parts.device.move(y)
    with seeded(settings.seed):
        return signal(parts.network, x, y, parts.task.loss, bins)


def weighted(signals: Sequence[Signal]) -> list[Signal]:
    """The layers with weights: those that the papers count. · 带权重的层。

    >>> weighted([Signal("0", "Flatten", False, (4,), 0.0, 1.0)])
    []
    """
    return [s for s in signals if s.weighted]


def activations(signals: Sequence[Signal]) -> list[Signal]:
    """What the next layer with weights takes in: the last that is given before it. · 每个带权层之前的激活。

    >>> kinds = [("Linear", True), ("Tanh", False), ("Linear", True)]
    >>> [s.kind for s in activations([Signal("", kind, heavy, (), 0.0, 1.0) for kind, heavy in kinds])]
    ['Tanh']
    """
    first = next((i for i, s in enumerate(signals) if s.weighted), 0)
    return [before for before, after in pairwise(signals[first:]) if after.weighted]


def factors(signals: Sequence[Signal]) -> tuple[float, float]:
    """By what the variance is multiplied from one layer with weights to the next: of z forward, of δ backward.

    The geometric mean over the hidden layers; the last layer has a width of its own. nan where there is no such pair, 0
    where the signal ends. · 相邻带权层之间方差的平均倍率：前向的 z 与反向的 δ。

    >>> def hidden(z, δ): return Signal("", "Linear", True, (9,), 0.0, z, 0.0, δ)
    >>> factors([hidden(1.0, 0.25), hidden(4.0, 0.5), hidden(16.0, 1.0), hidden(1.0, 1.0)])
    (4.0, 0.5)
    """
    hidden = weighted(signals)[:-1]
    forward = _rate([s.var for s in hidden])
    return forward, _rate([s.delta_var for s in reversed(hidden)])


def _rate(values: Sequence[float]) -> float:
    """The mean of the logarithms telescopes: only the ends count."""
    if len(values) < 2 or not all(map(math.isfinite, values)) or not values[0]:
        return NAN
    return (values[-1] / values[0]) ** (1 / len([*pairwise(values)]))


def _asking(nest: Any) -> Any:
    """The same batch, whose numbers ask for their delta; a sparse matrix stays as it is."""
    if isinstance(nest, Tensor):
        return nest.detach().requires_grad_(nest.is_floating_point())
    if isinstance(nest, dict):
        return {name: _asking(part) for name, part in nest.items()}
    return type(nest)(map(_asking, nest)) if isinstance(nest, list | tuple) else nest


@contextmanager
def _watched(model: torch.nn.Module, found: list[list[Signal]], bins: int) -> Iterator[None]:
    """Each call of an innermost layer is put down in `found`, and its delta as soon as it arrives.

    A layer stands for its parts where it calls none of them: a convolution on a graph takes the weight of its `lin`.
    """
    handles, begun = [], []
    for path, layer in model.named_modules():
        if path or not any(True for _ in layer.children()):
            handles.append(layer.register_forward_pre_hook(lambda *_: begun.append(len(found))))
            handles.append(layer.register_forward_hook(_note(path or "-", found, begun, bins)))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _note(
    path: str, found: list[list[Signal]], begun: list[int], bins: int
) -> Callable[[torch.nn.Module, Any, Any], None]:
    def hook(layer: torch.nn.Module, _args: Any, out: Any) -> None:
        number = begun.pop()
        given = [t for t in leaves(out) if t.is_floating_point()]  # of a packed sequence its data
        if not given or number < len(found):
            return
        heavy = any(p.ndim > 1 for p in layer.parameters())
        found.append([])
        for place, z in enumerate(given):
            made = Signal(path, type(layer).__name__, heavy, tuple(z.shape[1:]), *_moments(z))
            found[number].append(replace(made, values=Histogram.of(z, bins)) if bins else made)
            if z.requires_grad:
                z.register_hook(partial(_arrived, found[number], place, bins))

    return hook


def _arrived(given: list[Signal], place: int, bins: int, δ: Tensor) -> None:
    mean, var = _moments(δ)
    deltas = Histogram.of(δ, bins) if bins else None
    given[place] = replace(given[place], delta_mean=mean, delta_var=var, deltas=deltas)


def _moments(values: Tensor) -> tuple[float, float]:
    exact = values.detach().double()  # the square of a small float32 delta would underflow
    return exact.mean().item(), exact.var(correction=0).item()


@contextmanager
def _untouched(model: torch.nn.Module) -> Iterator[None]:
    """In training mode, with modes and buffers as before behind it."""
    modes = [(module, module.training) for module in model.modules()]
    buffers = [(buffer, buffer.clone()) for buffer in model.buffers()]
    model.train()
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode
        with torch.no_grad():
            for now, then in buffers:
                now.copy_(then)
