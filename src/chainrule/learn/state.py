"""Everything that changes while a run goes on, as tensors and JSON. · 运行中变化的一切：张量与 JSON。

A resumed run has the very same bits: parameters, buffers, optimizer state, moving average, position, sums so far, and
the random state of whatever draws by itself.
"""

import functools
import platform
import random
import subprocess
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .. import __version__
from ..errors import UserError
from .ema import Average
from .step import Form, Step
from .trees import put_together, take_apart


@dataclass
class Position:
    """How far a run got. · 运行进度。

    step  updates made; epochs  epochs judged (an epoch is judged after its last update)
    loss_sum, samples  of the epoch that is under way
    best  score and minus loss of the best epoch, best_epoch; waited  epochs since
    skipped  updates left out since their loss or gradient was not finite; in_a_row  the last of them without a break
    """

    step: int = 0
    epochs: int = 0
    loss_sum: float = 0.0
    samples: int = 0
    best: list[float] = field(default_factory=list)
    best_epoch: int = 0
    waited: int = 0
    skipped: int = 0
    in_a_row: int = 0
    seconds: float = 0.0
    form: dict[str, Any] = field(default_factory=dict)


def tensors(step: Step, average: Average | None) -> dict[str, Tensor]:
    """Name → tensor of all that learns. · 全部可学习状态。"""
    out = {f"model/{k}": v for k, v in step.model.state_dict().items()}
    out |= {f"carried/{k}": v for k, v in carried(step.model).items()}
    out |= {f"optimizer/{k}": v for k, v in _optimizer(step)[1].items()}
    if average is not None:
        out |= {f"average/{k}": v for k, v in average.weights.items()}
    _, words, *_ = np.random.get_state()
    out["random/numpy"] = torch.from_numpy(np.asarray(words).astype(np.int64))
    out["random/torch"] = torch.get_rng_state()
    return out


def carried(model: torch.nn.Module) -> dict[str, Tensor]:
    """What goes on from step to step and is no weight: the buffers that a module names in `carries`. · 逐步携带的状态。

    They are not persistent, so that weights hold none of it.
    """
    rooms = ((f"{room}." if room else "", m) for room, m in model.named_modules())
    return {f"{room}{name}": getattr(m, name) for room, m in rooms for name in getattr(m, "carries", ())}


def notes(step: Step, position: Position) -> dict[str, Any]:
    """What is no tensor. · 非张量部分。"""
    _, _, place, has_gauss, gauss = np.random.get_state()
    version, words, spare = random.getstate()
    return {
        "position": asdict(position),
        "optimizer": _optimizer(step)[0],
        "scaler": step.scaler.state_dict() if step.scaler else {},
        "random": {"python": [version, list(words), spare], "numpy": [int(place), int(has_gauss), float(gauss)]},
        "machine": machine(step),
    }


def _optimizer(step: Step) -> tuple[Any, dict[str, Tensor]]:
    """All that an optimizer remembers, as JSON and tensors; its groups are made from the settings."""
    tensors: dict[str, Tensor] = {}
    entries = {name: value for name, value in step.optimizer.state_dict().items() if name != "param_groups"}
    return take_apart(entries, tensors), tensors


def machine(step: Step) -> dict[str, str]:
    """What the bits of a step depend on besides the state: the same here means the same bits. · 影响逐位结果的环境。"""
    return {
        "torch": torch.__version__,
        "device": step.device.kind,
        "threads": str(torch.get_num_threads()),
        "processor": f"{platform.machine()} {torch.backends.cpu.get_cpu_capability()}",
        "revision": revision(),
    }


@functools.cache
def revision() -> str:
    """The version of chainrule, and the git revision where it runs from a checkout. · 版本与 git 修订。"""
    here = Path(__file__).parent
    try:
        words = ["git", "-C", str(here), "rev-parse", "--short", "HEAD"]
        out = subprocess.run(words, capture_output=True, text=True, timeout=2, check=True).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return __version__
    return f"{__version__}+{out}"


def differences(step: Step, state: dict[str, Any]) -> list[str]:
    """What is not as it was when the checkpoint was made, in one line. · 与存档时不同之处。"""
    now, then = machine(step), state["machine"]
    changed = [f"{k} {then.get(k)} → {now[k]}" for k in now if now[k] != then.get(k)]
    return (
        [f"the same bits as in one run are promised only where nothing differs: {', '.join(changed)}"]
        if changed
        else []
    )


def restore(step: Step, average: Average | None, kept: dict[str, Tensor], state: dict[str, Any]) -> Position:
    """Put a checkpoint back. Raises `UserError` where it is of another model. · 恢复存档。"""
    put_back(step, average, kept, state)
    return Position(**state["position"])


def put_back(step: Step, average: Average | None, kept: dict[str, Tensor], state: dict[str, Any]) -> None:
    """All of it but the position, which may be one of another kind. · 恢复除位置外的一切。"""
    load_weights(step.model, under(kept, "model"))
    with torch.no_grad():
        for name, held in carried(step.model).items():
            held.copy_(under(kept, "carried")[name])
    load_optimizer(step.optimizer, kept, state)
    if average is not None:
        average.load(under(kept, "average"))
    if step.scaler and state["scaler"]:
        step.scaler.load_state_dict(state["scaler"])
    version, words, spare = state["random"]["python"]
    random.setstate((version, tuple(words), spare))
    place, has_gauss, gauss = state["random"]["numpy"]
    np.random.set_state(("MT19937", kept["random/numpy"].numpy().astype(np.uint32), place, has_gauss, gauss))
    torch.set_rng_state(kept["random/torch"])
    step.use(Form(**state["position"]["form"]))  # a compiled step must see the loaded state


def load_optimizer(optimizer: Any, kept: dict[str, Tensor], state: dict[str, Any]) -> None:
    """What an optimizer remembered, into one with the same groups. · 恢复优化器状态。"""
    entries = put_together(state["optimizer"], under(kept, "optimizer"))
    optimizer.load_state_dict({**entries, "param_groups": optimizer.state_dict()["param_groups"]})


def under(kept: dict[str, Tensor], room: str) -> dict[str, Tensor]:
    """The tensors below one name. · 取某前缀下的张量。

    >>> under({"model/w": torch.zeros(1), "average/w": torch.ones(1)}, "average")
    {'w': tensor([1.])}
    """
    return {k.removeprefix(room + "/"): v for k, v in kept.items() if k.startswith(room + "/")}


def load_weights(model: torch.nn.Module, weights: dict[str, Tensor]) -> None:
    """Weights into a network, or one line that says how the two differ. · 载入权重，不符时用一行说明。"""
    own = model.state_dict()
    missing, extra = own.keys() - weights.keys(), weights.keys() - own.keys()
    shapes = [k for k in own.keys() & weights.keys() if own[k].shape != weights[k].shape]
    if missing or extra or shapes:
        sample = [
            *(f"{k} {list(weights[k].shape)} instead of {list(own[k].shape)}" for k in sorted(shapes)[:1]),
            *(f"no {k}" for k in sorted(missing)[:1]),
            *(f"unknown {k}" for k in sorted(extra)[:1]),
        ]
        raise UserError(
            f"this checkpoint is of another model ({', '.join(sample)}; {len(shapes) + len(missing) + len(extra)} keys "
            f"differ in all): expected the keys and shapes of {type(model).__name__}; resume with the model of the run"
        )
    model.load_state_dict(weights)
