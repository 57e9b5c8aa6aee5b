"""The proof of any `torch.nn.Module`, input by input and parameter by parameter. · 任意模块的证明。

Nothing is asked of the module but that it runs: what its backward gives, by autograd, by formulas or by hand-written
Functions, is held against finite differences in float64. It is judged as a copy in training mode, from the same random
state and the same buffers every time; chainrule's own parts run as their formulas, not as torch's operators.
"""

import copy
import inspect
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves

from ..errors import UserError
from ..gear import gear
from .differences import Gap, cotangents, gaps, gradients, second_gaps
from .findings import Finding, Skip, Wrong, first_line, form, gap, judged
from .formulas import has_compiler, work

ENTRIES, SECOND_ENTRIES = 24, 4  # entries tried one by one; one dense direction always covers the rest
ONCE = ("not implemented", "double backward", "twice")


def drawn(shape: Sequence[int], kind: str = "float64", seed: int = 0) -> Tensor:
    """A random input: normal numbers, or whole ones below the bound of `int64<BOUND` (2 unless said). · 随机输入。

    Raises `UserError` for a dtype that is neither.

    >>> drawn((2, 3)).shape, drawn((4,), "int64<10").max() < 10, drawn((2,), "bool").dtype
    (torch.Size([2, 3]), tensor(True), torch.bool)
    """
    name, _, bound = kind.partition("<")
    dtype = getattr(torch, name, None)
    if not isinstance(dtype, torch.dtype) or dtype.is_complex or (bound and not (bound.isdigit() and int(bound))):
        raise UserError(f"input {kind!r}: expected a dtype like float32, int64 or int64<10")
    draw = torch.Generator().manual_seed(seed)
    if dtype.is_floating_point:
        return torch.randn(*shape, generator=draw, dtype=torch.float64).to(dtype)
    return torch.randint(0, int(bound or 2), tuple(shape), generator=draw).to(dtype)


def build(make: Callable[..., Any], args: Sequence[Any] = (), named: dict[str, Any] | None = None) -> torch.nn.Module:
    """A module from its class and constructor arguments. · 由类与构造参数得到模块。

    Raises `UserError` with one line when the class cannot be made from them or is no module.

    >>> build(torch.nn.Linear, (3, 4), {"bias": False})
    Linear(in_features=3, out_features=4, bias=False)
    """
    named = named or {}
    given = ", ".join([*map(repr, args), *(f"{k}={v!r}" for k, v in named.items())])
    title = getattr(make, "__name__", str(make))
    try:
        module = make(*args, **named)
    except UserError:
        raise
    except Exception as error:
        raise UserError(f"{title}({given}) failed: {first_line(error)}; expected {title}{takes(make)}") from error
    if not isinstance(module, torch.nn.Module):
        raise UserError(f"{title}({given}) is a {type(module).__name__}: expected a torch.nn.Module")
    return module


def takes(call: Callable) -> str:
    """The arguments of a callable without their types. · 可调用对象的参数表。

    >>> takes(build)
    '(make, args=(), named=None)'
    """
    plain = [p.replace(annotation=p.empty) for p in inspect.signature(call).parameters.values()]
    return f"({', '.join(map(str, plain))})"


class Subject:
    """A module at one point: a copy that gives the same answer every time. · 固定随机性与缓冲区的模块。"""

    def __init__(
        self,
        module: torch.nn.Module,
        inputs: Sequence[Any],
        dtype: torch.dtype = torch.float64,
        compiler: str | None = None,
    ):
        self.compiler, self.module = compiler, copy.deepcopy(module).to(dtype).train()
        self.inputs = [x.detach().to(dtype) if isinstance(x, Tensor) and x.is_floating_point() else x for x in inputs]
        known = [n for n, p in inspect.signature(module.forward).parameters.items() if p.kind < p.VAR_POSITIONAL]
        self.names = [*known, *(f"input {k}" for k in range(len(known), len(inputs)))][: len(inputs)]
        self.moving = [k for k, x in enumerate(self.inputs) if isinstance(x, Tensor) and x.is_floating_point()]
        self.parameters = {n: p.detach() for n, p in self.module.named_parameters() if p.requires_grad}

    @property
    def low(self) -> "Subject":
        """The same in float32. · 单精度。"""
        return Subject(self.module, self.inputs, torch.float32)

    @property
    def points(self) -> dict[str, Tensor]:
        """Everything that gets a delta, by name: inputs, then parameters. · 有 δ 的一切。"""
        taken = {self.names[k]: self.inputs[k] for k in self.moving}
        return {(f"input {n}" if n in self.parameters else n): x for n, x in taken.items()} | self.parameters

    def __call__(self, *points: Tensor) -> tuple[Tensor, ...]:
        """The floating-point outputs at a point. · 浮点输出。"""
        return self.through(self.plain, *points)

    def plain(self, state: dict[str, Tensor], inputs: tuple) -> Any:
        return torch.func.functional_call(self.module, state, inputs)

    def through(self, forward: Callable, *points: Tensor) -> tuple[Tensor, ...]:
        """What a forward gives from this point, these buffers and this random state. · 在固定状态下前向。"""
        inputs, count = list(self.inputs), len(self.moving)
        for k, x in zip(self.moving, points, strict=False):
            inputs[k] = x
        state = {n: b.detach().clone() for n, b in self.module.named_buffers()}
        state |= dict(zip(self.parameters, points[count:], strict=True))
        with torch.random.fork_rng(devices=[]), gear("formula"):
            torch.manual_seed(0)
            out = forward(state, tuple(inputs))
        return tuple(o for o in tree_leaves(out) if isinstance(o, Tensor) and o.is_floating_point())

    def values(self, call: Callable | None = None) -> dict[str, Tensor]:
        """Outputs and deltas by name. · 输出与各 δ。"""
        x = [t.clone().requires_grad_() for t in self.points.values()]
        outs = (call or self)(*x)
        deltas = zip(self.points, gradients(outs, x, cotangents(outs)), strict=True)
        return {f"output {k}": o.detach() for k, o in enumerate(outs)} | {f"delta of {n}": d for n, d in deltas}

    def errors(self) -> list[Gap]:
        found = gaps(self, self.points, CHECKS["finite differences"][0], ENTRIES)
        return [Gap(f"delta of {g.name}", g.worst, g.place) for g in found]

    def wrong(self) -> list[Gap]:
        """The deltas that disagree; none where the module cannot run by itself. · 不一致的 δ。"""
        try:
            return [g for g in self.errors() if not g.worst <= CHECKS["finite differences"][0]]
        except Exception:
            return []


def compare(got: dict[str, Tensor], expected: dict[str, Tensor]) -> list[Gap]:
    if set(got) != set(expected):
        raise Wrong(f"{len(got)} outputs and deltas, expected {len(expected)}")
    return [gap(name, value, expected[name]) for name, value in got.items()]


def repeatable(subject: Subject) -> list[Gap]:
    """The same seed, the same answer: without it nothing can be measured. · 相同种子得相同结果。"""
    return compare(subject.values(), subject.values())


def parts(subject: Subject) -> Iterator[tuple[str, list[Subject]]]:
    """Each leaf of a composite by itself: at the inputs it gets inside, and a little beside them. · 逐个叶子模块。

    Beside them, since a ReLU after a dropout stands on its kink at 0, where no slope can be measured.
    """
    met: dict[str, tuple] = {}

    def keep(path: str) -> Callable:
        def hook(leaf: torch.nn.Module, args: tuple) -> None:
            met.setdefault(path, args)

        return hook

    leaves = {path: m for path, m in subject.module.named_modules() if path and not list(m.children())}
    hooks = [m.register_forward_pre_hook(keep(path)) for path, m in leaves.items()]
    try:
        subject(*subject.points.values())
    finally:
        for h in hooks:
            h.remove()
    for path, args in met.items():
        beside = [a + 0.1 * drawn(a.shape) if isinstance(a, Tensor) and a.is_floating_point() else a for a in args]
        yield path, [Subject(leaves[path], inputs) for inputs in (args, beside)]


def first_order(subject: Subject) -> list[Gap]:
    """Finite differences; where a composite is wrong, the part that is. · 差商；组合模块指出出错的部分。"""
    found = subject.errors()
    if all(g.worst <= CHECKS["finite differences"][0] for g in found):
        return found
    guilty: list[Gap] = []
    for path, (inside, beside) in parts(subject):
        bad = [g for g in inside.wrong() if g.name in {other.name for other in beside.wrong()}]
        guilty += [Gap(f"{path} ({type(inside.module).__name__}): {g.name}", g.worst, g.place) for g in bad]
    return guilty or found


def second_order(subject: Subject) -> list[Gap]:
    """Finite differences of the deltas, unless the module refuses to be differentiated twice. · 二阶。"""
    points = subject.points
    x = [t.clone().requires_grad_() for t in points.values()]
    outs = subject(*x)
    try:
        deltas = gradients(outs, x, [v.requires_grad_() for v in cotangents(outs)], graph=True)
        # torch hangs this node behind a once_differentiable backward: it raises only when one walks through it
        if any("Error" in node.name() for delta in deltas for node in work(delta)):
            raise Skip("differentiable once only, and torch says so to whoever asks for more")
        found = second_gaps(subject, points, CHECKS["second order"][0], SECOND_ENTRIES)
    except RuntimeError as error:
        if any(word in str(error) for word in ONCE):
            raise Skip(f"differentiable once only, and it says so: {first_line(error)}") from None
        raise
    return [Gap(f"delta of {g.name}", g.worst, g.place) for g in found]


def compiled(subject: Subject) -> list[Gap]:
    """Compiled forward and backward, as the eager ones. · 编译与逐步执行一致。"""
    if subject.compiler is None:
        raise Skip("not asked for")
    if subject.compiler == "inductor" and not has_compiler():
        raise Skip("no C++ compiler on this machine: install g++ or clang, or check with --fast")
    torch._dynamo.reset()
    options: Any = {"fallback_random": True} if subject.compiler == "inductor" else None  # eager's random numbers
    built = torch.compile(subject.plain, backend=subject.compiler, dynamic=False, options=options)
    return compare(subject.values(lambda *points: subject.through(built, *points)), subject.values())


def in_single(subject: Subject) -> list[Gap]:
    """float32 in, float32 out, near the float64 values. · 类型保持。"""
    exact = {name: value.float() for name, value in subject.values().items()}
    return compare(subject.low.values(), exact)


def autocast(subject: Subject) -> list[Gap]:
    """Under bfloat16 autocast it runs, and deltas stay float32 and finite. · 自动混合精度。"""

    def mixed(state: dict[str, Tensor], inputs: tuple) -> Any:
        with torch.autocast("cpu", torch.bfloat16):
            return subject.low.plain(state, inputs)

    for name, value in subject.low.values(lambda *points: subject.low.through(mixed, *points)).items():
        if name.startswith("delta") and not (value.dtype == torch.float32 and value.isfinite().all()):
            raise Wrong(f"{name} is {form(value)}{'' if value.isfinite().all() else ' and not finite'}")
    return []


def empty(subject: Subject) -> list[Gap]:
    """A batch of no rows gives no rows and no NaN, or is refused. · 空批次。"""
    inputs = [x[:0] if isinstance(x, Tensor) and x.dim() else x for x in subject.inputs]
    none = Subject(subject.module, inputs)
    try:
        values = none.values()
    except Exception as error:
        raise Skip(f"refused: {first_line(error)}") from None
    for name, value in values.items():
        if name.removeprefix("delta of ") in none.parameters and not value.isfinite().all():
            raise Wrong(f"{name} is not finite for an empty batch")
    return []


CHECKS: dict[str, tuple[float, Callable[[Subject], list[Gap]]]] = {
    "repeatable": (0.0, repeatable),
    "finite differences": (1e-6, first_order),
    "second order": (1e-5, second_order),
    "compile": (1e-8, compiled),
    "dtype": (1e-3, in_single),
    "autocast": (0.0, autocast),
    "empty batch": (0.0, empty),
}


def check_module(module: torch.nn.Module, inputs: Sequence[Any], compiler: str | None = "inductor") -> list[Finding]:
    """Every check on one module at the given inputs. · 在给定输入上检查一个模块。

    compiler  "inductor" is the real one, "aot_eager" traces only, None leaves the compiler out

    Raises `UserError` with one line when the module cannot be run on these inputs, in float64, at all.

    >>> all(finding.ok for finding in check_module(torch.nn.Linear(3, 4), [drawn((2, 3))], compiler=None))
    True
    """
    title, given = type(module).__name__, ", ".join(form(x) if isinstance(x, Tensor) else repr(x) for x in inputs)
    try:
        subject = Subject(module, inputs, compiler=compiler)
        outs = subject(*subject.points.values())
    except UserError:
        raise
    except Exception as error:
        advice = f"expected one fitting input for each of {takes(module.forward)}"
        raise UserError(f"{title} failed in forward on {given}: {first_line(error)}; {advice}") from error
    if not outs:
        raise UserError(f"{title}({given}) gives no floating-point output: there is nothing to differentiate")
    return [judged(name, None, tolerance, lambda c=check: c(subject)) for name, (tolerance, check) in CHECKS.items()]
