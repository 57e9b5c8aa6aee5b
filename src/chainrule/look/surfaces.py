"""Surfaces on which optimizers race: functions of two numbers, with their minima. · 竞赛曲面：二元函数及其极小点。

symbols  x, y [N] a place on the surface   u, v [N] the noise of a batch   out [N] the height there
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from ..formula import R, formula
from ..latex import equations


@formula(batch=("x", "y"), source="Rosenbrock 1960, section 2, doi:10.1093/comjnl/3.3.175")
def rosenbrock(x, y):
    """A curved valley whose floor hardly falls. · 弯曲的山谷，谷底几乎不降。

    >>> import torch
    >>> rosenbrock(torch.tensor([1.0, -1.2]), torch.tensor([1.0, 1.0]))
    tensor([ 0.0000, 24.2000])
    """
    return (1 - x) ** 2 + 100 * (y - x**2) ** 2


@rosenbrock.backward("x")
def _(δ, x, y):
    return δ * (-2 * (1 - x) - 400 * x * (y - x**2))


@rosenbrock.backward("y")
def _(δ, x, y):
    return δ * 200 * (y - x**2)


@rosenbrock.samples
def _():
    yield R(5), R(5)


@formula(
    batch=("x", "y"),
    source="Beale 1958, test function; Moré, Garbow & Hillstrom 1981, problem 5, doi:10.1145/355934.355936",
)
def beale(x, y):
    """Flat in the middle, steep in the corners. · 中间平坦，四角陡峭。

    >>> import torch
    >>> beale(torch.tensor([3.0]), torch.tensor([0.5]))
    tensor([0.])
    """
    return (1.5 - x + x * y) ** 2 + (2.25 - x + x * y**2) ** 2 + (2.625 - x + x * y**3) ** 2


@beale.backward("x")
def _(δ, x, y):
    a, b, c = 1.5 - x + x * y, 2.25 - x + x * y**2, 2.625 - x + x * y**3
    return δ * 2 * (a * (y - 1) + b * (y**2 - 1) + c * (y**3 - 1))


@beale.backward("y")
def _(δ, x, y):
    a, b, c = 1.5 - x + x * y, 2.25 - x + x * y**2, 2.625 - x + x * y**3
    return δ * 2 * x * (a + 2 * b * y + 3 * c * y**2)


@beale.samples
def _():
    yield R(5), R(5)


@formula(batch=("x", "y"), source="Nesterov 2004, example 1.2.2, doi:10.1007/978-1-4419-8853-9")
def saddle(x, y):
    """A saddle at zero between two minima: the slope vanishes where one must not stay. · 两个极小点之间的鞍点。

    >>> import torch
    >>> saddle(torch.zeros(2), torch.tensor([0.0, 1.0]))
    tensor([ 0.0000, -0.2500])
    """
    return x**2 / 2 + y**4 / 4 - y**2 / 2


@saddle.backward("x")
def _(δ, x):
    return δ * x


@saddle.backward("y")
def _(δ, y):
    return δ * (y**3 - y)


@saddle.samples
def _():
    yield R(5), R(5)


@formula(batch=("x", "y"), source="Polyak 1964, doi:10.1016/0041-5553(64)90137-5; Goh 2017, doi:10.23915/distill.00006")
def ravine(x, y):
    """A quadratic a hundred times steeper across than along, turned by 45°. · 横向陡一百倍、旋转 45° 的二次函数。

    >>> import torch
    >>> ravine(torch.ones(2), torch.tensor([1.0, -1.0]))
    tensor([  1., 100.])
    """
    return (x + y) ** 2 / 4 + 100 * (x - y) ** 2 / 4


@ravine.backward("x")
def _(δ, x, y):
    return δ * ((x + y) / 2 + 50 * (x - y))


@ravine.backward("y")
def _(δ, x, y):
    return δ * ((x + y) / 2 - 50 * (x - y))


@ravine.samples
def _():
    yield R(5), R(5)


@formula(
    batch=("x", "y", "u", "v"),
    source="Schaul, Zhang & LeCun 2013, section 3, arXiv:1206.1106; Zhang et al. 2019, arXiv:1907.04164",
)
def noisy_quadratic(x, y, u, v):
    """A quadratic whose slope carries the noise u, v of a batch, the more the steeper. · 梯度带噪声的二次函数。

    >>> import torch
    >>> noisy_quadratic(*[torch.ones(1)] * 2, *[torch.zeros(1)] * 2)
    tensor([5.5000])
    """
    return x**2 / 2 + 10 * y**2 / 2 + u * x + 10**0.5 * v * y


@noisy_quadratic.backward("x")
def _(δ, x, u):
    return δ * (x + u)


@noisy_quadratic.backward("y")
def _(δ, y, v):
    return δ * (10 * y + 10**0.5 * v)


@noisy_quadratic.backward("u")
def _(δ, x):
    return δ * x


@noisy_quadratic.backward("v")
def _(δ, y):
    return δ * 10**0.5 * y


@noisy_quadratic.samples
def _():
    yield R(5), R(5), R(5), R(5)


@dataclass(frozen=True)
class Surface:
    """A surface with what a race needs to know of it. · 曲面及竞赛所需的信息。

    minima  where it is least, and `least` the value there   start  where every optimizer begins
    view    what a picture shows: (left, right, bottom, top)   target  the value above `least` that must be reached
    noise   deviation of the noise in each step, in units of the formula's
    """

    of: Callable[..., Tensor]
    minima: tuple[tuple[float, float], ...]
    least: float
    start: tuple[float, float]
    view: tuple[float, float, float, float]
    target: float = 1e-3
    noise: float = 0.0

    @property
    def text(self) -> str:
        """The formula in one line, made from its code. · 由代码生成的一行公式。

        >>> SURFACES["saddle"].text
        'saddle(x, y) = x²/2 + y⁴/4 − y²/2'
        """
        card = self.of.card  # pyright: ignore[reportFunctionMemberAccess]
        return equations(card.fn, scalars=card.inputs)[-1].text

    def slope(self, x: float, y: float, *noise: float) -> tuple[float, float, float]:
        """Value and both deltas at a point, by the formula's own text: plain numbers do. · 一点的值与两个 δ。

        >>> SURFACES["saddle"].slope(2.0, 0.0)
        (2.0, 2.0, 0.0)
        """
        card = self.of.card  # pyright: ignore[reportFunctionMemberAccess]
        known = {"δ": 1.0, **dict(zip(card.inputs, (x, y, *noise), strict=True))}
        rules = {wrt[0]: rule for wrt, rule in card.rules}
        read = {name: inspect.signature(rules[name]).parameters for name in ("x", "y")}
        δx, δy = (rules[name](**{key: known[key] for key in read[name]}) for name in ("x", "y"))
        return card.fn(x, y, *noise), δx, δy

    def mean(self, x: Tensor, y: Tensor) -> Tensor:
        """The value above the least one, without noise. · 高出最小值的部分（无噪声）。

        >>> import torch
        >>> SURFACES["saddle"].mean(torch.zeros(1), torch.ones(1))
        tensor([0.])
        """
        quiet = (x * 0, y * 0) if self.noise else ()
        return self.of(x, y, *quiet) - self.least


SURFACES = {
    "rosenbrock": Surface(rosenbrock, ((1.0, 1.0),), 0.0, (-1.2, 1.0), (-1.8, 1.8, -0.8, 2.2)),
    "beale": Surface(beale, ((3.0, 0.5),), 0.0, (1.0, 1.0), (-0.5, 4.2, -1.2, 1.9)),
    "saddle": Surface(saddle, ((0.0, 1.0), (0.0, -1.0)), -0.25, (-1.6, 0.01), (-2.0, 1.6, -1.6, 1.6)),
    "ravine": Surface(ravine, ((0.0, 0.0),), 0.0, (-1.6, -1.0), (-2.0, 1.2, -1.8, 1.2)),
    "noisy": Surface(noisy_quadratic, ((0.0, 0.0),), 0.0, (-2.0, 1.4), (-2.5, 1.2, -1.6, 1.8), 0.02, 0.5),
}
