"""Who may race and on what, by name; no torch. · 可参赛的优化器与赛道，按名称；不导入 torch。"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ..entry import Entry
from ..errors import UserError, did_you_mean, unknown
from ..methods import OPTIMIZERS, WRAPPERS

TRACKS = {
    "rosenbrock": Entry(
        "chainrule.look.surfaces:rosenbrock", "a curved valley whose floor hardly falls", "弯曲的山谷，谷底几乎不降"
    ),
    "beale": Entry("chainrule.look.surfaces:beale", "flat in the middle, steep in the corners", "中间平坦，四角陡峭"),
    "saddle": Entry(
        "chainrule.look.surfaces:saddle", "a saddle between two minima, begun almost on its ridge", "两个极小点间的鞍点"
    ),
    "ravine": Entry(
        "chainrule.look.surfaces:ravine",
        "a quadratic a hundred times steeper across than along, turned by 45°",
        "横向陡一百倍、旋转 45° 的二次函数",
    ),
    "noisy": Entry(
        "chainrule.look.surfaces:noisy_quadratic", "a quadratic whose slope carries noise", "带噪声梯度的二次函数"
    ),
    "digits": Entry("chainrule.look.field:on_network", "a small network on the bundled digits", "手写数字上的小网络"),
}
DEFAULT = ("sgd", "momentum", "nag", "rmsprop", "adam", "rprop", "lbfgs")
NETWORKS = ("mlp", "lenet5")  # that may run on the digits
GRID = (3e-2, 1e-2, 0.1, 3e-3, 0.3, 1e-3, 1.0, 3e-4)  # from the middle outward: what is beaten early stops early


@dataclass(frozen=True)
class Racer:
    """An optimizer by its name, with what is around it. · 一个参赛者：优化器名与外层包裹。

    >>> Racer.named("sam+adam"), str(Racer.named("lookahead"))
    (Racer(base='adam', around='sam'), 'lookahead+sgd')
    """

    base: str
    around: str | None = None

    @classmethod
    def named(cls, name: str) -> "Racer":
        """`adam`, `sam+adam`, or `sam` for `sam+sgd`; raises `UserError` for an unknown name. · 按名称。"""
        around, plus, base = name.lower().partition("+")
        if not plus and around not in WRAPPERS:
            around, base = "", name.lower()
        base = base or "sgd"
        if around and around not in WRAPPERS:
            near = did_you_mean(around, WRAPPERS)
            raise UserError(f"optimizer {name!r}: expected {' or '.join(WRAPPERS)} before the +{near}")
        if base not in OPTIMIZERS:
            raise unknown("optimizer", base, [*OPTIMIZERS, *WRAPPERS])
        if around == "sam" and base == "lbfgs":
            raise UserError(f"optimizer {name!r}: lbfgs searches a line and cannot step by a gradient of elsewhere")
        return cls(base, around or None)

    def __str__(self) -> str:
        return f"{self.around}+{self.base}" if self.around else self.base

    @property
    def rates(self) -> tuple[float, ...]:
        """The rates that are tried for it: a line search needs none. · 供尝试的学习率。"""
        return (1.0,) if self.base == "lbfgs" else GRID

    def make(self, params: Iterable[Any], lr: float) -> Any:
        """The optimizer: all options as usual but for the weight decay, which would move the minima. · 构造优化器。"""
        entry = OPTIMIZERS[self.base]
        options: dict[str, Any] = {"weight_decay": 0.0} if "weight_decay" in entry.options else {}
        if self.base == "lbfgs":  # one iteration a step, so that each step is a point of its path
            options = {"line_search_fn": "strong_wolfe", "max_iter": 1, "max_eval": 25}
        made = entry.load()(list(params), lr=lr, **options)
        return WRAPPERS[self.around].load()(made) if self.around else made
