"""Every formula is proven by one function over the registry. · 一个函数证明登记表中的每个公式。

Nobody writes a gradient test by hand: a formula brings samples and a twin, and every check below reads only those.
"""

from collections.abc import Callable, Iterator
from os import environ
from shutil import which
from typing import Any

import torch
from torch import Tensor

from ..formula import Card, dispatcher
from ..gear import gear
from .differences import Function, Gap, cotangents, gaps, gradients, second_gaps
from .findings import Finding, Skip, Wrong, form, gap, judged

Values = tuple[tuple[Tensor, ...], dict[str, Tensor]]  # the outputs, the deltas by input name
LOW = {torch.float64: 1e-10, torch.float32: 1e-4, torch.float16: 2e-2, torch.bfloat16: 5e-2}  # agreement by dtype


def tensors(value: Any) -> tuple[Tensor, ...]:
    return value if isinstance(value, tuple) else (value,)


def floats(value: Any) -> tuple[Tensor, ...]:
    return tuple(o for o in tensors(value) if o.is_floating_point())


class Case:
    """One formula on one sample. · 一个公式的一个样本。"""

    def __init__(self, card: Card, args: tuple, compiler: str | None = None):
        self.card, self.args, self.compiler = card, card.bind(args, {}), compiler
        self.wanted = [i for i, a in enumerate(self.args) if isinstance(a, Tensor) and a.requires_grad]
        self.batch = [i for i in map(card.inputs.index, card.batch) if isinstance(self.args[i], Tensor)]

    def fresh(self, change: Callable[[Tensor], Tensor] = lambda t: t, only: list[int] | None = None) -> tuple:
        """The arguments as new leaves, each tensor (or only some) changed. · 作为新叶子的参数。"""

        def one(i: int, a: Any) -> Any:
            if not isinstance(a, Tensor):
                return a
            changed = change(a.detach()) if only is None or i in only else a.detach()
            return changed.detach().requires_grad_(i in self.wanted)

        return tuple(one(i, a) for i, a in enumerate(self.args))

    def run(self, call: Callable, args: tuple | None = None) -> Values:
        """Outputs and deltas of any callable that takes the formula's arguments. · 任一实现的输出与各 δ。"""
        args = self.fresh() if args is None else args
        outs = tensors(call(*args))
        kept = floats(outs)
        deltas = gradients(kept, [args[i] for i in self.wanted], cotangents(kept))
        names = [self.card.inputs[i] for i in self.wanted]
        return tuple(o.detach() for o in outs), dict(zip(names, deltas, strict=True))

    def function(self) -> tuple[Function, dict[str, Tensor]]:
        """The formula as a function of its differentiable inputs, and the point it is looked at. · 可微输入的函数。"""

        def f(*points: Tensor) -> tuple[Tensor, ...]:
            full = list(self.args)
            for i, p in zip(self.wanted, points, strict=True):
                full[i] = p
            return floats(self.card.apply(*full))

        return f, {self.card.inputs[i]: self.args[i].detach() for i in self.wanted}

    def in_gear(self, name: str) -> Callable:
        call = dispatcher(self.card)

        def geared(*args: Any) -> Any:
            with gear(name):
                return call(*args)

        return geared

    def rows(self) -> list[tuple[Tensor, ...]]:
        """The batch inputs cut into single rows; `Skip` for a sample whose first axis is no batch. · 逐行切开。"""
        if not self.batch or not self.wanted:
            raise Skip("no batch to cut")
        try:
            self.card.fn(*self.fresh(lambda t: t[:1], self.batch))
        except Exception:
            raise Skip("this sample's first axis is no batch") from None
        return list(zip(*[self.args[i].detach() for i in self.batch], strict=True))


def equal(case: Case, got: Values, expected: Values) -> list[Gap]:
    """The gaps between two results; outputs and deltas must agree in shape and dtype. · 比较两个结果。"""
    if len(got[0]) != len(expected[0]):
        raise Wrong(f"{len(got[0])} outputs, expected {len(expected[0])}")
    outs = zip(case.card.outputs, got[0], expected[0], strict=True)
    found = [gap(f"output {name}", a, b) for name, a, b in outs]
    return found + [gap(f"delta of {name}", delta, expected[1][name]) for name, delta in got[1].items()]


def of_deltas(found: list[Gap]) -> list[Gap]:
    return [Gap(f"delta of {g.name}", g.worst, g.place) for g in found]


def first_order(case: Case) -> list[Gap]:
    return of_deltas(gaps(*case.function(), CHECKS["finite differences"][0]))


def second_order(case: Case) -> list[Gap]:
    return of_deltas(second_gaps(*case.function(), CHECKS["second order"][0]))


def rule_outputs(case: Case, args: tuple) -> Iterator[tuple[tuple[str, ...], tuple]]:
    """What each rule that this sample needs returns, before autograd sums and casts it. · 规则的原始输出。"""
    outs = tensors(case.card.fn(*args))
    kept = iter(cotangents(floats(outs)))
    δ = [next(kept).requires_grad_() if o.is_floating_point() else torch.zeros_like(o) for o in outs]
    every = (*args, *(o.detach().requires_grad_(o.is_floating_point()) for o in outs))
    for (wrt, rule), (places, _, reads) in zip(case.card.rules, case.card.plans, strict=True):
        if any(i in case.wanted for i in places):
            yield wrt, tensors(rule(*[δ[i] if is_delta else every[i] for is_delta, i in reads]))


def work(delta: Tensor) -> set:
    """The operations behind a tensor. · 张量背后的全部运算。"""
    seen, todo = set(), [delta.grad_fn]
    while todo:
        node = todo.pop()
        if node is not None and node not in seen and node.name() != "torch::autograd::AccumulateGrad":
            seen.add(node)
            todo += [n for n, _ in node.next_functions]
    return seen


def rules(case: Case) -> list[Gap]:
    """A delta has shape and dtype of its input; a rule for several inputs shares work between them. · 规则的形式。"""
    for kind in (torch.float64, torch.float32):
        args = case.fresh(lambda t, kind=kind: t.to(kind) if t.is_floating_point() else t)
        for wrt, deltas in rule_outputs(case, args):
            if len(deltas) != len(wrt):
                raise Wrong(f"the rule for {', '.join(wrt)} returns {len(deltas)} deltas")
            behind = {w: work(d) for w, d in zip(wrt, deltas, strict=True) if isinstance(d, Tensor)}
            for name, delta in zip(wrt, deltas, strict=True):
                i = case.card.inputs.index(name)
                if i in case.wanted and (not isinstance(delta, Tensor) or form(delta) != form(args[i])):
                    got = form(delta) if isinstance(delta, Tensor) else delta
                    raise Wrong(f"delta of {name} is {got}, expected {form(args[i])}")
                others = [nodes for other, nodes in behind.items() if other != name and nodes]
                if others and behind.get(name) and behind[name].isdisjoint(set().union(*others)):
                    raise Wrong(f"delta of {name} shares no work with its rule's others: it is computed unneeded")
    return []


def twin(case: Case) -> list[Gap]:
    if case.card.twin is None:
        raise Skip("no twin")
    return equal(case, case.run(case.card.apply), case.run(case.in_gear("twin")))


def kernels(case: Case) -> list[Gap]:
    """Each kernel against the text, in each of its dtypes, where its device is present. · 手写核与公式比较。"""
    found: list[Gap] = []
    for kernel in case.card.kernels:
        if kernel.device != "cpu" and not getattr(torch, kernel.device).is_available():
            continue
        for kind in kernel.dtypes:
            args = case.fresh(lambda t, k=kernel, d=kind: t.to(k.device, d if t.is_floating_point() else None))
            again = case.fresh(lambda t, k=kernel, d=kind: t.to(k.device, d if t.is_floating_point() else None))
            if kernel.takes(args):
                pairs = equal(case, case.run(kernel.call, args), case.run(case.card.apply, again))
                scale = CHECKS["kernels"][0] / LOW[kind]
                place = f"(kernel on {kernel.device}, {str(kind).removeprefix('torch.')})"
                found += [Gap(g.name, g.worst * scale, f"{g.place} {place}") for g in pairs]
    if not found:
        raise Skip("no kernel for this machine" if case.card.kernels else "no kernel")
    return found


def has_compiler() -> bool:
    return which(environ.get("CXX", "")) is not None or any(which(name) for name in ("g++", "clang++", "cl"))


def compiled(case: Case) -> list[Gap]:
    """One graph forward, one backward, equal to the eager text. · 编译成整图，前后向皆同。"""
    if case.compiler is None:
        raise Skip("not asked for")
    if case.compiler == "inductor" and not has_compiler():
        raise Skip("no C++ compiler on this machine: install g++ or clang, or check with --fast")
    torch._dynamo.reset()  # all formulas run through one code object: without this its recompile limit is reached
    built: Any = torch.compile(lambda *a: case.card.apply(*a), fullgraph=True, backend=case.compiler, dynamic=False)
    return equal(case, case.run(built), case.run(case.card.apply))


def single(t: Tensor) -> Tensor:
    return t.float() if t.is_floating_point() else t


def autocast(case: Case) -> list[Gap]:
    """Under bfloat16 autocast: torch's output dtypes, float32 deltas. · 自动混合精度。"""

    def mixed(call: Callable) -> Callable:
        def under(*args: Any) -> Any:
            with torch.autocast("cpu", torch.bfloat16):
                return call(*args)

        return under

    got = case.run(mixed(case.card.apply), case.fresh(single))
    if case.card.twin is not None:
        return equal(case, got, case.run(mixed(case.card.twin), case.fresh(single)))
    expected = torch.bfloat16 if case.card.autocast == "low" else torch.float32
    for name, out in zip(case.card.outputs, got[0], strict=True):
        if out.is_floating_point() and out.dtype != expected:
            raise Wrong(f"output {name} is {form(out)}, expected {str(expected).removeprefix('torch.')}")
    return []


def vmapped(case: Case) -> list[Gap]:
    """`func.vmap(func.grad)` gives every row its own deltas, as a loop over the rows does. · 逐样本梯度。"""
    rows = case.rows()
    still = [a.detach() if isinstance(a, Tensor) else a for a in case.args]
    v = cotangents(floats(case.card.fn(*case.fresh(lambda t: t[:1], case.batch))))

    def deltas(*row: Tensor) -> tuple[Tensor, ...]:
        full = list(still)
        for i, r in zip(case.batch, row, strict=True):
            full[i] = r.unsqueeze(0)

        def loss(*points: Tensor) -> Any:
            for i, p in zip(case.wanted, points, strict=True):
                full[i] = p
            return sum((o * c).sum() for o, c in zip(floats(case.card.apply(*full)), v, strict=True))

        return torch.func.grad(loss, argnums=tuple(range(len(case.wanted))))(*[full[i] for i in case.wanted])

    at_once = torch.func.vmap(deltas)(*[case.args[i].detach() for i in case.batch])
    looped = [torch.stack(list(d)) for d in zip(*[deltas(*row) for row in rows], strict=True)]
    names = [case.card.inputs[i] for i in case.wanted]
    return [gap(f"delta of {name}", a, b) for name, a, b in zip(names, at_once, looped, strict=True)]


def empty(case: Case) -> list[Gap]:
    """A batch of no rows: what torch gives, or an error where torch has one. · 空批次与 torch 一致。"""
    case.rows()

    def tried(call: Callable) -> Values | str:
        try:
            return case.run(call, case.fresh(lambda t: t[:0], case.batch))
        except Exception as error:
            return f"{type(error).__name__}: {error}".splitlines()[0]

    got, expected = tried(case.card.apply), tried(case.card.twin or case.card.fn)
    if isinstance(got, str) and isinstance(expected, str):
        return []
    if isinstance(got, str) or isinstance(expected, str):
        told = [r if isinstance(r, str) else "a result" for r in (got, expected)]
        raise Wrong(f"empty batch: the formula gives {told[0]}, torch {told[1]}")
    return equal(case, got, expected)


def strided(case: Case) -> list[Gap]:
    """Tensors whose entries do not lie side by side. · 非连续张量。"""

    def spread(t: Tensor) -> Tensor:
        return torch.stack([t, t], -1)[..., 0] if t.dim() else t

    return equal(case, case.run(case.card.apply, case.fresh(spread)), case.run(case.card.apply))


def in_single(case: Case) -> list[Gap]:
    """float32 in, float32 out, near the float64 values. · 类型保持。"""
    outs, deltas = case.run(case.card.apply, case.fresh(single))
    exact = case.run(case.card.apply)
    return equal(case, (outs, deltas), (tuple(map(single, exact[0])), {n: single(d) for n, d in exact[1].items()}))


def on_device(case: Case) -> list[Gap]:
    """On the meta device a tensor made elsewhere inside a body is an error. · 设备保持。"""
    outs, deltas = case.run(case.card.apply, case.fresh(lambda t: t.to("meta")))
    for name, t in [*zip(case.card.outputs, outs, strict=True), *((f"delta of {n}", d) for n, d in deltas.items())]:
        if t.device.type != "meta":
            raise Wrong(f"{name} lies on {t.device}, its inputs on another device")
    return []


CHECKS: dict[str, tuple[float, Callable[[Case], list[Gap]]]] = {
    "finite differences": (1e-6, first_order),
    "second order": (1e-5, second_order),
    "rules": (0.0, rules),
    "twin": (1e-10, twin),
    "kernels": (1e-10, kernels),
    "compile": (1e-10, compiled),
    "autocast": (5e-2, autocast),
    "vmap": (1e-10, vmapped),
    "empty batch": (1e-10, empty),
    "strides": (1e-10, strided),
    "dtype": (1e-4, in_single),
    "device": (0.0, on_device),
}


def coverage(card: Card, cases: list[Case]) -> list[Gap]:
    """Every differentiable input has one delta rule, and some sample asks for it. · 每个可微输入恰有一条规则。"""
    answered = [w for wrt, _ in card.rules for w in wrt]
    asked = {card.inputs[i] for case in cases for i in case.wanted}
    complaints = [
        *(["no samples: add @NAME.samples"] if not cases else []),
        *(f"delta of {n} has more than one rule" for n in card.inputs if answered.count(n) > 1),
        *(f"delta of {n} has no rule" for n in card.inputs if n in asked and n not in answered),
        *(f"delta of {n} is asked for by no sample" for n in card.inputs if n in answered and n not in asked),
    ]
    if complaints:
        raise Wrong("; ".join(complaints))
    return []


def constants(card: Card) -> list[str]:
    """Floating-point inputs that no rule answers for: masks, class weights, running statistics. · 常量输入。

    >>> from chainrule.nn.linear import linear
    >>> constants(linear.card)
    []
    """
    answered = {w for wrt, _ in card.rules for w in wrt}
    given = [dict(zip(card.inputs, args, strict=False)) for args in (card.samples or (lambda: iter(())))()]
    return [
        n
        for n in card.inputs
        if n not in answered and any(isinstance(g.get(n), Tensor) and g[n].is_floating_point() for g in given)
    ]


def prove(card: Card, compiler: str | None = "aot_eager") -> list[Finding]:
    """Every check on every sample of one formula. · 对一个公式的全部样本做全部检查。

    compiler  "aot_eager" traces only, "inductor" is the real one, None leaves the compiler out

    >>> from chainrule.nn.linear import linear
    >>> all(finding.ok for finding in prove(linear.card, compiler=None))
    True
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        drawn = [] if card.samples is None else list(card.samples())
    cases = [Case(card, args, compiler) for args in drawn]
    found = [judged("coverage", None, None, lambda: coverage(card, cases))]
    for k, case in enumerate(cases):
        for name, (tolerance, check) in CHECKS.items():
            found.append(judged(name, k, tolerance, lambda check=check, case=case: check(case)))
    return found
