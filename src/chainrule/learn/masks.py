"""Random masks drawn outside the step, from (seed, step). · 在训练步之外由 (种子, 步) 抽取随机掩码。

A generator cannot enter a compiled step, so the masks of Dropout and its kin lie on the modules before the step runs:
eager and compiled, CPU and GPU see the same ones. What a network draws by itself comes from torch's global generator,
which is set from (seed, step) too.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from ..data.sampler import seed_of
from .batch import leaves, shapes


def random_modules(model: torch.nn.Module) -> list[Any]:
    """The modules that take their mask from outside. · 从外部接收掩码的模块。"""
    return [m for m in model.modules() if hasattr(m, "mask") and hasattr(m, "draw")]


class Masks:
    """Lays the masks of one step on the modules that want one. · 为各模块准备一步的掩码。

    The shapes are found by one forward without gradient for each new shape of input. A module that is called twice in
    one forward gets none and draws by itself, since one mask would tie its two calls together; so do all modules where
    the batches are ragged, no two of one shape, since each would cost a forward more.
    """

    def __init__(self, model: torch.nn.Module, seed: int, ragged: bool = False):
        self.model, self.seed, self.ragged = model, seed, ragged
        self.modules = random_modules(model)
        self.wanted: dict[tuple[Any, ...], list[tuple[Any, Tensor]]] = {}

    def lay(self, step: int, inputs: Any, forward: Callable[[Any], object], part: int = 0) -> None:
        """Draw the masks of one batch of this step. `forward` runs the network as the step will, autocast and all."""
        own = seed_of(self.seed, step, part)
        torch.default_generator.manual_seed(own)  # `torch.manual_seed` takes 0.1 ms to reach devices that are not there
        place = next(leaves(inputs)).device
        if place.type == "cuda":
            torch.cuda.manual_seed(own)
        if not self.modules or self.ragged or not self.model.training:
            return
        shape = shapes(inputs)
        if shape not in self.wanted:
            self.wanted[shape] = self._find(inputs, forward)
        generator = torch.Generator().manual_seed(own ^ 0x5DEECE66D)  # apart from what the global one gives
        for module, like in self.wanted[shape]:
            if not module.training:  # it is frozen
                continue
            cpu = torch.empty(like.shape, dtype=like.dtype)
            drawn = module.draw(cpu, generator)
            held = module.mask
            if isinstance(held, Tensor) and held.shape == drawn.shape and held.dtype == drawn.dtype:
                held.copy_(drawn)  # the same tensor each time: the compiler need not look again
            else:
                module.mask = drawn.to(place)

    def clear(self) -> None:
        """Take the masks off: outside a run the modules draw for themselves."""
        for module in self.modules:
            module.mask = None

    def _find(self, inputs: Any, forward: Callable[[Any], object]) -> list[tuple[Any, Tensor]]:
        seen: dict[Any, list[Tensor]] = {m: [] for m in self.modules}
        self.clear()
        hooks = [m.register_forward_pre_hook(lambda m, args: seen[m].append(args[0])) for m in self.modules]
        before = [b.clone() for b in self.model.buffers()]
        state = torch.get_rng_state()
        try:
            with torch.no_grad():
                forward(inputs)
        finally:
            for hook in hooks:
                hook.remove()
            torch.set_rng_state(state)
            with torch.no_grad():
                for now, then in zip(self.model.buffers(), before, strict=True):
                    now.copy_(then)
        return [(m, torch.empty_like(x[0], device="meta")) for m, x in seen.items() if len(x) == 1]
