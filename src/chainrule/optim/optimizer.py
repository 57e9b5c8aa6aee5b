"""The class around an update: groups, state, gears, state_dict. · 更新外面的类：参数组、状态、档位、存取。

What runs in a step is chosen by gear: `auto` and `twin` run torch's own fused, foreach or plain form, whichever was
measured fastest for what the group holds; `formula` and `kernel` (none is registered) run the text of the update.
"""

import inspect
import sys
from collections.abc import Callable
from typing import Any, ClassVar

import torch
from torch import Tensor

from ..errors import UserError
from ..gear import current
from .card import Rule, check, evaluated, real, scalar
from .twin import SMALL, Call, lend, options_of, unwrapped


def light(name: str) -> Callable[..., Any]:
    """Torch's method without the wrapper that imports torch._dynamo (1 to 2 s) before there is anything to compile.

    · 去掉会导入 torch._dynamo 的外壳的 torch 方法。
    """
    plain = inspect.unwrap(getattr(torch.optim.Optimizer, name))

    def method(self: torch.optim.Optimizer, *args: Any, **kwargs: Any) -> Any:
        run = getattr(torch.optim.Optimizer, name) if "torch._dynamo" in sys.modules else plain
        return run(self, *args, **kwargs)

    method.__name__ = name
    method.__doc__ = (plain.__doc__ or "").split("\n")[0]  # the rest has examples that are not for doctest
    return method


class Ruled(torch.optim.Optimizer):
    """An optimizer whose step is its rule's update. · 以规则的更新为一步的优化器。"""

    rule: ClassVar[Rule]
    update: ClassVar[Callable[..., Any]]
    _calls: list[Call] | None = None  # torch's short way, as long as nothing but gradients and rates changes
    _layout: list[bool] | None = None  # of the parameters when the state was last laid out like them

    zero_grad = light("zero_grad")
    state_dict = light("state_dict")

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Torch's, and every option of the group is checked as the constructor's are."""
        if isinstance(param_group, dict):
            check({**self.defaults, **param_group}, type(self).__name__)
        _add_param_group(self, param_group)
        wrong = [self.rule.takes(θ) for θ in self.param_groups[-1]["params"]] if self.rule.takes else []
        if any(wrong):
            self.param_groups.pop()
            raise UserError(f"{type(self).__name__}: {next(filter(None, wrong))}")

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Torch's, but the tensors are copied, where torch shares them with the optimizer they came from, and what is
        counted apart from θ keeps its own precision, where torch gives it that of θ."""
        _load_state_dict(self, state_dict)
        for group in self.param_groups:
            for θ in group["params"]:
                state = self.state.get(θ, {})
                for name, value in state.items():
                    if isinstance(value, Tensor):
                        state[name] = _like(θ, value)
                for name in self.rule.init.keys() & state.keys():
                    state[name] = state[name].to(self.rule.init[name](θ, group))
        self._layout = None

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One update of every parameter that has a gradient; returns the closure's loss. · 更新一步。"""
        evaluate = evaluated(closure, type(self).__name__)
        loss = evaluate() if evaluate is not None else None
        with torch.set_grad_enabled(bool(self.defaults.get("differentiable"))):
            if isinstance(self, self.rule.parent or ()) and current() in ("auto", "twin"):
                self._twin_step()
            else:
                self._formula_step()
        return loss

    def _formula_step(self) -> None:
        # GradScaler leaves these two on an optimizer that was built with fused=True, and unscales nothing itself.
        scale, found_inf = getattr(self, "grad_scale", None), getattr(self, "found_inf", None)
        if found_inf is not None and bool(found_inf):
            return
        self._refuse_sparse()
        for group in self.param_groups:
            options = {name: scalar(value) for name, value in group.items() if name != "params"}
            grads = {θ: θ.grad if scale is None else θ.grad / scale for θ in group["params"] if θ.grad is not None}
            done: set[Tensor] = set()
            if current() in ("auto", "twin") and self.rule.lends and scale is None:
                done = lend(self.rule, group, options, grads, self.state)
            elif current() == "auto" and self.rule.elementwise:
                done = self._side_by_side(grads, options)
            for θ, g in grads.items():
                if θ not in done:
                    self._formula_one(θ, g, options)

    def _side_by_side(self, grads: dict[Tensor, Tensor], options: dict[str, Any]) -> set[Tensor]:
        """One update of all small tensors of a kind as one vector: what is done then, the calls cost more than it."""
        kinds: dict[Any, list[Tensor]] = {}
        length = 0
        for θ, g in grads.items():
            if θ.numel() <= SMALL and not θ.is_complex():
                length += θ.numel()
                kinds.setdefault((θ.dtype, g.dtype, θ.device, length // (4 * SMALL)), []).append(
                    θ
                )  # stays in the cache
        for kind in kinds.values():
            for θ in kind:
                self.rule.prepare(θ, self.state[θ], options)
            lists = {name: [self.state[θ][name] for θ in kind] for name in self.rule.state}
            long = {name: torch.cat([x.reshape(-1) for x in values]) for name, values in lists.items()}
            θs, gs = (torch.cat([x.reshape(-1) for x in xs]) for xs in (kind, [grads[θ] for θ in kind]))
            sizes = [θ.numel() for θ in kind]
            for name, value in self.rule.new(θs, gs, long, options).items():
                old = kind if name == "θ" else lists[name]
                parts = [part.view(x.shape) for part, x in zip(value.split(sizes), old, strict=True)]
                torch._foreach_copy_(old, parts)  # pyright: ignore[reportPrivateImportUsage]
        return {θ for kind in kinds.values() for θ in kind}

    def _without_sparse(self) -> bool:
        """Whether torch's step of these groups refuses sparse gradients: two take them, and without a decay."""
        known = self.rule.name in ("SGD", "Adagrad")
        return not known or any(group["weight_decay"] for group in self.param_groups)

    def _refuse_sparse(self) -> None:
        everything = (θ for group in self.param_groups for θ in group["params"])
        for index, θ in enumerate(everything):
            if θ.grad is not None and θ.grad.layout is not torch.strided:
                raise UserError(
                    f"{type(self).__name__}: the gradient of parameter {index} {tuple(θ.shape)} is sparse: "
                    "expected a dense one; build its Embedding with sparse=False"
                )

    def _formula_one(self, θ: Tensor, g: Tensor, options: dict[str, Any]) -> None:
        state = self.state[θ] if self.rule.keeps(options) else {}
        clock = {"first": torch.full((), self.rule.prepare(θ, state, options), device=θ.device)}
        if "step" in state:
            state["step"] += 1
            clock["t"] = state["step"].double()
        new = self.rule.new(θ, g, {name: state[name] for name in self.rule.state if name in state}, options, **clock)
        for name, value in new.items():
            real(θ if name == "θ" else state[name]).copy_(value)

    def _twin_step(self) -> None:
        calls = [(kept, kept.gradients(self.state)) for kept in self._calls or ()]
        if calls and len(calls) == len(self.param_groups) and all(grads is not None for _, grads in calls):
            for kept, grads in calls:
                kept.run(grads or [])
            return
        self._calls = None
        if self._without_sparse():
            self._refuse_sparse()
        layout = [θ.is_contiguous() for group in self.param_groups for θ in group["params"]]
        if layout != self._layout:
            self._lay_out(layout)
        forced = []
        for group in self.param_groups:
            params = [θ for θ in group["params"] if θ.grad is not None]
            states = [self.state.get(θ) for θ in params] if self.rule.keeps(group) else []
            options = options_of(self.rule, group, params, [θ.grad for θ in params])
            if "first" in self.rule.reads and any(states) and not all(states):
                options.pop("fused", None)  # torch's fused SGD fails on a mixture of first and later updates
            forced.append(options)
        self._torchs_step(forced)
        self._keep(forced)

    def _keep(self, forced: list[dict[str, Any]]) -> None:
        """The lists of the next steps, where torch's short way is open to all groups; a choice of the caller's own, and
        what the GPU does best, is left to torch's class."""
        chosen = any(group.get(name) is not None for group in self.param_groups for name in ("fused", "foreach"))
        special = any(group.get(name) for group in self.param_groups for name in ("differentiable", "capturable"))
        here = all(θ.device.type == "cpu" for group in self.param_groups for θ in group["params"][:1])
        if chosen or special or not here or isinstance(self.defaults.get("lr"), Tensor):
            return
        try:
            self._calls = [
                Call(self.rule, g, options, self.state) for g, options in zip(self.param_groups, forced, strict=True)
            ]
        except ValueError:
            self._calls = None

    def _torchs_step(self, forced: list[dict[str, Any]]) -> None:
        """Torch's whole step, which creates state, with the options of each group replaced for its time."""
        before = [{name: g[name] for name in options} for g, options in zip(self.param_groups, forced, strict=True)]
        try:
            for group, options in zip(self.param_groups, forced, strict=True):
                group.update(options)
            unwrapped(self.rule.parent)(self)  # type: ignore[arg-type]
        finally:
            for group, options in zip(self.param_groups, before, strict=True):
                group.update(options)

    def _lay_out(self, layout: list[bool]) -> None:
        """State in the memory order of its parameter, which may have changed: fused kernels walk both together."""
        for θ, state in self.state.items():
            for name, value in state.items():
                if isinstance(value, Tensor) and value.shape == θ.shape and value.stride() != θ.stride():
                    state[name] = _like(θ, value)
        self._layout = layout


_add_param_group = light("add_param_group")
_load_state_dict = light("load_state_dict")


def _like(θ: Tensor, value: Tensor) -> Tensor:
    same = value.shape == θ.shape and value.dim() > 0
    return torch.empty_like(θ, dtype=value.dtype).copy_(value) if same else value.clone()


class _Parentless(Ruled):
    """The constructor of an optimizer that torch has not: the rule's defaults, in their order. · 无 torch 父类。"""

    def __init__(self, params: Any, *args: Any, **kwargs: Any):
        bound = inspect.signature(type(self)).bind(params, *args, **kwargs)
        bound.apply_defaults()
        super().__init__(params, {name: value for name, value in bound.arguments.items() if name != "params"})


def make(card: Rule) -> type[Ruled]:
    """The optimizer class of a rule. · 由规则生成优化器类。"""
    body: dict[str, Any] = {
        "rule": card,
        "update": staticmethod(card.fn),
        "__doc__": card.doc,
        "__module__": card.fn.__module__,
    }
    first = (card.mixin,) if card.mixin else ()
    if card.parent is not None and card.inherits:
        return type(card.name, (*first, Ruled, card.parent), body)
    kind = inspect.Parameter
    parameters = [kind("params", kind.POSITIONAL_OR_KEYWORD)]
    parameters += [kind(name, kind.POSITIONAL_OR_KEYWORD, default=value) for name, value in card.defaults.items()]
    if card.parent is None:
        parameters += [kind("maximize", kind.KEYWORD_ONLY, default=False)]
    return type(card.name, (*first, _Parentless), {**body, "__signature__": inspect.Signature(parameters)})
