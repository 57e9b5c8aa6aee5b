"""What optimizers need, counted as they step. · 优化器所需，实际计数。"""

from collections.abc import Callable, Iterable
from typing import Any

import torch

from chainrule import catalog
from chainrule.optim import SGD
from chainrule.optim.wrapping import Wrapper

from .markdown import plain, table


def optimizers(page: str, *_: str) -> str:
    """What each optimizer keeps for a weight and how often it evaluates, counted as it steps. · 状态与求值次数。"""
    rows = []
    for name, entry in (catalog.OPTIMIZERS | catalog.WRAPPERS).items():
        kept, evaluations = demands(entry)
        rate = f"{entry.options['lr']:g}" if "lr" in entry.options else "–"
        rows.append([f"[`{name}`](#{name})", plain(f"{entry.en} · {entry.zh}"), rate, f"{kept:.2g}", evaluations])
    return table(["name · 名称", "what · 说明", "rate · 学习率", "state · 状态", "evaluations · 求值"], rows)


def demands(entry: catalog.Entry, steps: int = 20) -> tuple[float, str]:
    """Numbers kept for each weight of a matrix 64×64, and evaluations of the loss a step. · 状态数与每步求值次数。"""
    draw = torch.Generator().manual_seed(0)
    target, scale = torch.randn(64, 64, generator=draw), torch.rand(64, 64, generator=draw) + 0.5
    θ, calls = torch.nn.Parameter(torch.zeros(64, 64)), []
    cls = entry.load()
    made = cls(SGD([θ], lr=1e-2)) if issubclass(cls, Wrapper) else cls([θ], **entry.options)

    def closure() -> torch.Tensor:
        calls[-1] += 1
        made.zero_grad()
        loss = (scale * (θ - target)).square().sum() + (θ - target).pow(4).sum()
        loss.backward()
        return loss.detach()

    for _ in range(steps):
        calls.append(0)
        made.step(closure)
    state = sum(t.numel() for t in tensors(made.state_dict()) if t.numel() > 1) / θ.numel()
    return state, f"{calls[0]}" if len(set(calls)) == 1 else f"1–{made.param_groups[0]['max_eval']}"


def tensors(kept: Any) -> Iterable[torch.Tensor]:
    if isinstance(kept, torch.Tensor):
        yield kept
    for one in kept.values() if isinstance(kept, dict) else kept if isinstance(kept, list | tuple) else ():
        yield from tensors(one)


PARTS: dict[str, Callable[..., str]] = {"optimizers": optimizers}
