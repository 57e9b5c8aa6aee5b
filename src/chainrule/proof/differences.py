"""A gradient measured instead of derived: central differences in float64. · 用差商量出来的梯度。

symbols  f: points → outputs   v cotangents, drawn at random (all ones would hide a dropped sum)   h step
         analytic  ⟨∂⟨v, f⟩/∂x, u⟩   against   measured  ⟨v, f(x + h·u) - f(x - h·u)⟩ / 2h   along directions u
note     every entry of a small tensor is its own direction, a large tensor gives some of its entries; one dense random
         direction sees all entries at once, so that no wrong entry hides in the rest
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

STEPS = (1e-5, 1e-6, 1e-7)  # a kink within one step disappears in a smaller one; a wrong delta stays wrong in all
DENSE = "along a random direction"
Function = Callable[..., tuple[Tensor, ...]]


@dataclass(frozen=True)
class Gap:
    """How far two values of one name lie apart, and where most. · 同名两值相差多少、何处最大。"""

    name: str
    worst: float
    place: str = ""

    def __str__(self) -> str:
        return f"{self.name}: worst error {self.worst:.1e}" + (f" {self.place}" if self.place else "")


def index_of(place: int, shape: torch.Size) -> str:
    """A flat place as the index one would type. · 把一维位置写成下标。

    >>> index_of(5, torch.Size([2, 3])), index_of(0, torch.Size([]))
    ('at [1, 2]', '')
    """
    if not shape:
        return ""
    return f"at {[int(i) for i in torch.unravel_index(torch.tensor(place), shape)]}"


def cotangents(outs: tuple[Tensor, ...]) -> list[Tensor]:
    """One random cotangent an output, always the same for the same shapes. · 每个输出一个固定的随机余切。

    >>> v = cotangents((torch.zeros(2), torch.zeros(3)))
    >>> [t.shape for t in v], torch.equal(v[0], cotangents((torch.zeros(2),))[0])
    ([torch.Size([2]), torch.Size([3])], True)
    """
    draw = torch.Generator().manual_seed(0)
    return [torch.randn(o.shape, generator=draw, dtype=torch.float64).to(o) for o in outs]


def directions(x: Tensor, limit: int, draw: torch.Generator) -> Iterator[tuple[str, Tensor]]:
    """At most `limit` entries of their own, then one dense direction. · 逐个元素，最后一个稠密方向。"""
    count = x.numel()
    chosen = torch.arange(count) if count <= limit else torch.randperm(count, generator=draw)[:limit].sort().values
    for k in chosen.tolist():
        u = torch.zeros_like(x)
        u.view(-1)[k] = 1
        yield index_of(k, x.shape), u
    yield DENSE, torch.randn(x.shape, generator=draw, dtype=x.dtype)


def gradients(outs: tuple[Tensor, ...], x: list[Tensor], v: list[Tensor], graph: bool = False) -> list[Tensor]:
    """∂⟨v, outs⟩/∂x; zeros where nothing depends. · 对各点的梯度，不相关处为零。

    >>> x = torch.tensor([2.0, 3.0], requires_grad=True)
    >>> gradients((x * x, torch.ones(1)), [x], [torch.ones(2), torch.ones(1)])
    [tensor([4., 6.])]
    """
    live = [(o, c) for o, c in zip(outs, v, strict=True) if o.requires_grad]
    if not live or not x:
        return [torch.zeros_like(t) for t in x]
    reached, seeds = zip(*live, strict=True)
    found = torch.autograd.grad(reached, x, seeds, create_graph=graph, allow_unused=True, materialize_grads=True)
    return list(found)


def slope(f: Function, x: list[Tensor], i: int, u: Tensor, v: list[Tensor], h: float) -> float:
    """The measured derivative of ⟨v, f⟩ when only x[i] moves along u. · 只移动 x[i] 时量得的导数。"""
    with torch.no_grad():
        ahead, behind = (f(*x[:i], x[i] + s * h * u, *x[i + 1 :]) for s in (1, -1))
        # differences first, inner product last: rounding of the large common part cancels
        return sum(float((c * (a - b)).sum()) for c, a, b in zip(v, ahead, behind, strict=True)) / (2 * h)


def closest(expected: float, measured: Iterator[float], tolerance: float) -> float:
    """The smallest error of several measurements, stopping at the first that fits. · 多次测量中的最小误差。

    >>> closest(1.0, iter([5.0, float("nan"), 1.0]), 1e-6)
    0.0
    """
    best = float("inf")
    for value in measured:
        best = min(best, abs(expected - value) / (1 + abs(value)))  # NaN never becomes the smaller one
        if best <= tolerance:
            break
    return best


def gaps(f: Function, points: dict[str, Tensor], tolerance: float, limit: int = 1024) -> list[Gap]:
    """The worst disagreement between derived and measured gradient, for every point by name. · 每个输入的最大误差。

    The error is absolute below one and relative above; an entry is tried with smaller steps until it fits.

    >>> square = lambda x: (x * x,)
    >>> [gap.worst < 1e-8 for gap in gaps(square, {"x": torch.randn(3, dtype=torch.float64)}, 1e-6)]
    [True]
    """
    x = [t.detach().clone().contiguous().requires_grad_() for t in points.values()]
    outs = f(*x)
    v = cotangents(outs)
    derived, still = gradients(outs, x, v), [t.detach() for t in x]
    draw, found = torch.Generator().manual_seed(1), []
    for i, name in enumerate(points):
        gap = Gap(name, 0.0)
        for place, u in directions(still[i], limit, draw):
            expected = float((derived[i] * u).sum())
            error = closest(expected, (slope(f, still, i, u, v, h) for h in STEPS), tolerance)
            if error > gap.worst and not (place == DENSE and gap.worst > tolerance):
                gap = Gap(name, error, place)
        found.append(gap)
    return found


def deltas_of(f: Function, names: list[str]) -> Function:
    """The function (x…, v…) → deltas: what a second order is measured on. · 梯度本身作为函数，用于二阶检验。

    >>> cube = lambda x: (x**3,)
    >>> deltas_of(cube, ["x"])(torch.tensor(2.0), torch.tensor(1.0))
    (tensor(12., grad_fn=...),)
    """
    count = len(names)

    def deltas(*t: Tensor) -> tuple[Tensor, ...]:
        with torch.enable_grad():
            x = [p if p.requires_grad else p.detach().requires_grad_() for p in t[:count]]
            return tuple(gradients(f(*x), x, list(t[count:]), graph=True))

    return deltas


def second_gaps(f: Function, points: dict[str, Tensor], tolerance: float, limit: int = 16) -> list[Gap]:
    """`gaps` of the gradient itself, over every point and every cotangent. · 二阶：对输入和余切的误差。

    What fails is measured again for one delta at a time, so that the answer names the wrong delta.

    >>> cube = lambda x: (x**3,)
    >>> [gap.name for gap in second_gaps(cube, {"x": torch.randn(2, dtype=torch.float64)}, 1e-5)]
    ['x', 'δ']
    """
    with torch.no_grad():
        outs = f(*points.values())
    seeds = {"δ" + (str(k) if k else ""): v for k, v in enumerate(cotangents(outs))}
    deltas, every = deltas_of(f, list(points)), points | seeds
    found = gaps(deltas, every, tolerance, limit)
    if all(gap.worst <= tolerance for gap in found):
        return found
    one = [gaps(lambda *t, i=i: (deltas(*t)[i],), every, tolerance, limit) for i in range(len(points))]
    return [Gap(name, max(gap.worst for gap in of)) for name, of in zip(points, one, strict=True)]
