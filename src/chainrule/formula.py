"""A formula is a plain function and one small function per delta. · 公式：一个函数，加上每个输入的一个 δ 函数。

    @formula(twin=F.linear, autocast="low", source="Rumelhart, Hinton & Williams 1986")
    def linear(x, weight, bias=None): ...

    @linear.backward("x")
    def _(δ, weight):                  # the parameter names say what the rule reads
        return δ @ weight

A rule may read `δ` (the delta of the first output), `δNAME` (of the output NAME), every input and every output.
Only what a rule reads is saved, and only inputs and outputs are: everything else is recomputed inside the rule, which
keeps the second order right and costs nothing once compiled.
"""

import functools
import inspect
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

from .gear import local

REGISTRY: dict[str, "Card"] = {}

Rule = tuple[tuple[str, ...], Callable]  # the inputs it answers for, the rule
Plan = tuple[tuple[int, ...], Callable, tuple[tuple[bool, int], ...]]  # …, what it reads: (a delta?, position)
MISSING = inspect.Parameter.empty


@dataclass
class Kernel:
    """A hand-written form of a formula for one kind of device and some dtypes. · 某类设备上的手写核。"""

    device: str
    dtypes: tuple[torch.dtype, ...]
    call: Callable

    def takes(self, args: Iterable[Any]) -> bool:
        tensors = [a for a in args if isinstance(a, Tensor) and a.is_floating_point()]
        return all(a.device.type == self.device and a.dtype in self.dtypes for a in tensors)


@dataclass
class Card:
    """What tests, docs, command line and benchmarks read of a formula. · 公式的登记卡。

    `fn` is the plain forward text, `rules` the deltas as (inputs it answers for, rule), `apply` the two as one
    differentiable function, `batch` the inputs whose first axis is the batch, `compiled` what a compiled step runs.
    """

    name: str
    fn: Callable
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    twin: Callable | None
    source: str
    autocast: str | None
    batch: tuple[str, ...]
    compiled: str
    rules: list[Rule] = field(default_factory=list)
    plans: list[Plan] = field(default_factory=list)  # each rule by positions
    kept: list[int] = field(default_factory=list)  # positions among inputs + outputs of what some rule reads
    kernels: list[Kernel] = field(default_factory=list)
    samples: Callable[[], Iterator[tuple]] | None = None
    opaque: Callable | None = None  # what a compiled step calls where tracing the text would unroll a loop
    apply: Callable = field(init=False)
    defaults: tuple[tuple[str, Any], ...] = field(init=False)

    def __post_init__(self) -> None:
        self.defaults = tuple((p.name, p.default) for p in inspect.signature(self.fn).parameters.values())

    @property
    def doc(self) -> str:
        return inspect.getdoc(self.fn) or ""

    @property
    def room(self) -> str:
        return self.fn.__module__

    def add_rule(self, wrt: tuple[str, ...], rule: Callable) -> Callable:
        names = self.inputs + self.outputs
        deltas = {"δ": 0} | {"δ" + o: i for i, o in enumerate(self.outputs)}
        reads = tuple(inspect.signature(rule).parameters)
        for word, allowed in [*((w, self.inputs) for w in wrt), *((r, (*deltas, *names)) for r in reads)]:
            if word not in allowed:
                raise TypeError(f"a backward rule of {self.name} names {word!r}: expected one of {', '.join(allowed)}")
        places = tuple((r in deltas, deltas[r] if r in deltas else names.index(r)) for r in reads)
        self.kept.extend(i for is_delta, i in places if not is_delta and i not in self.kept)
        self.plans.append((tuple(self.inputs.index(w) for w in wrt), rule, places))
        self.rules.append((wrt, rule))
        return rule

    def add_samples(self, draw: Callable[[], Iterator[tuple]]) -> Callable:
        self.samples = draw
        return draw

    def add_kernel(self, device: str, dtypes: tuple[torch.dtype, ...], call: Callable) -> Callable:
        self.kernels.append(Kernel(device, dtypes, call))
        return call

    def runs_twin(self) -> bool:
        """Whether a call right here would run torch's operator: a module may then leave its buffers to torch too."""
        text = local.name == "auto" and self.compiled == "formula" and torch.compiler.is_compiling()
        return self.twin is not None and local.name in ("auto", "twin") and not text

    def kernel_for(self, args: Iterable[Any]) -> Callable | None:
        return next((k.call for k in self.kernels if k.takes(args)), None)

    def gears(self) -> tuple[str, ...]:
        return ("formula", *(["kernel"] if self.kernels else []), *(["twin"] if self.twin else []))

    def bind(self, args: tuple, named: dict[str, Any]) -> tuple:
        """Every input in order, defaults filled in. Raises TypeError as a Python function does."""
        full, named = list(args), dict(named)
        if len(full) > len(self.inputs):
            raise TypeError(
                f"{self.name}() takes {len(self.inputs)} arguments ({', '.join(self.inputs)}), got {len(full)}"
            )
        for name, default in self.defaults[len(full) :]:
            value = named.pop(name, default)
            if value is MISSING:
                raise TypeError(f"{self.name}() misses its argument {name!r}")
            full.append(value)
        if named:
            raise TypeError(
                f"{self.name}() got {next(iter(named))!r} twice or does not know it: it takes {self.inputs}"
            )
        return tuple(full)


def differentiable(card: Card) -> Callable:
    """The card's text as one autograd Function. Closures, not class attributes: the compiler cannot resolve `cls.x`."""
    plans, kept = card.plans, card.kept

    def setup_context(ctx, given, produced):
        produced = produced if isinstance(produced, tuple) else (produced,)
        whole = [o for o in produced if not o.is_floating_point()]
        if whole:  # called without arguments it trips an assertion in the compiler
            ctx.mark_non_differentiable(*whole)
        every = (*given, *produced)
        values = [every[i] for i in kept]
        ctx.is_tensor = tuple(isinstance(v, Tensor) for v in values)
        ctx.save_for_backward(*[v for v in values if isinstance(v, Tensor)])
        ctx.constants = tuple(None if isinstance(v, Tensor) else v for v in values)

    def backward(ctx, *δ):
        saved = iter(ctx.saved_tensors)
        values = {i: next(saved) if t else c for i, t, c in zip(kept, ctx.is_tensor, ctx.constants, strict=True)}
        grads: list[Any] = [None] * len(card.inputs)
        for wrt, rule, reads in plans:
            if any(ctx.needs_input_grad[i] for i in wrt):
                out = rule(*[δ[i] if is_delta else values[i] for is_delta, i in reads])
                for i, g in zip(wrt, out if isinstance(out, tuple) else (out,), strict=True):
                    grads[i] = g
        return tuple(grads)

    body = {"forward": card.fn, "setup_context": setup_context, "backward": backward}
    function = type(
        card.name, (Function,), {k: staticmethod(f) for k, f in body.items()} | {"generate_vmap_rule": True}
    )
    apply: Any = function.apply  # pyright: ignore[reportAttributeAccessIssue]

    def run(*args):
        device = next((a.device.type for a in args if isinstance(a, Tensor)), "cpu")
        if card.autocast is None or device == "meta" or not torch.is_autocast_enabled(device):
            return apply(*args)
        dtype = torch.get_autocast_dtype(device) if card.autocast == "low" else torch.float32
        args = tuple(a.to(dtype) if isinstance(a, Tensor) and a.is_floating_point() else a for a in args)
        with torch.autocast(device, enabled=False):
            return apply(*args)

    return run


def dispatcher(card: Card) -> Callable:
    """The function a user calls: it binds the arguments and goes by the gear of the thread."""
    run, twin, kernels, arity = card.apply, card.twin, card.kernels, len(card.inputs)
    text_when_compiled = card.compiled == "formula"

    @functools.wraps(card.fn)
    def call(*args, **named):
        if named or len(args) != arity:
            args = card.bind(args, named)
        chosen = local.name
        if card.opaque is not None and torch.compiler.is_compiling():
            return card.opaque(*args)
        if chosen == "formula" or (chosen == "auto" and text_when_compiled and torch.compiler.is_compiling()):
            return run(*args)
        if kernels and chosen != "twin" and not torch.compiler.is_compiling():
            kernel = card.kernel_for(args)
            if kernel is not None:
                return kernel(*args)
        return run(*args) if twin is None or chosen == "kernel" else twin(*args)

    return call


def formula(
    *,
    twin: Callable | None = None,
    source: str = "",
    outputs: tuple[str, ...] = ("out",),
    autocast: str | None = None,
    batch: tuple[str, ...] | None = None,
    compiled: str = "formula",
) -> Callable[[Callable], Any]:
    """Register a plain function as a formula; its deltas follow with `.backward`. · 把函数登记为公式。

    twin      torch's operator with the same positional arguments: the proof's second opinion and the eager fast form
    source    paper, section or equation, DOI or arXiv id
    outputs   the letters of what it returns; integer outputs get no delta
    autocast  "low" (products: the autocast dtype), "fp32" (exponentials, norms, losses) or None (promotion)
    batch     inputs whose first axis is the batch; the first input unless said otherwise, () where there is none
    compiled  "twin" where the compiled text measures slower than torch's operator

    >>> @formula(source="an example")
    ... def cube(x):
    ...     return x**3
    >>> @cube.backward("x")
    ... def _(δ, x):
    ...     return 3 * δ * x**2
    >>> x = torch.tensor(2.0, requires_grad=True)
    >>> cube(x).backward(); x.grad
    tensor(12.)
    >>> _ = REGISTRY.pop("cube")
    """

    def build(fn: Callable) -> Any:
        name, inputs = fn.__name__, tuple(inspect.signature(fn).parameters)
        if name in REGISTRY and REGISTRY[name].room != fn.__module__:
            raise TypeError(f"formula {name!r} of {fn.__module__} is already registered by {REGISTRY[name].room}")
        given = inputs[:1] if batch is None else batch
        card = REGISTRY[name] = Card(name, fn, inputs, outputs, twin, source, autocast, given, compiled)
        card.apply = differentiable(card)
        call: Any = dispatcher(card)
        call.card = card
        call.backward = lambda *wrt: functools.partial(card.add_rule, wrt)
        call.samples = card.add_samples
        call.kernel = lambda device, *dtypes: functools.partial(card.add_kernel, device, dtypes)
        return call

    return build


def R(*shape: int) -> Tensor:
    """A point of ℝ^shape: standard normal, float64, asking for its delta. · 实数空间中的一个随机点。

    >>> R(2, 3).shape, R(2).dtype
    (torch.Size([2, 3]), torch.float64)
    """
    return torch.randn(*shape, dtype=torch.float64, requires_grad=True)


def rows(x: Tensor) -> Tensor:
    """Every leading axis as one axis of rows: [*, i] → [N, i]. · 把所有前导轴并成行。

    >>> rows(torch.zeros(2, 3, 4)).shape
    torch.Size([6, 4])
    """
    N = x.shape[:-1].numel()  # said, not left to reshape(-1, i), which cannot tell where i = 0
    return x.reshape(N, x.shape[-1])
