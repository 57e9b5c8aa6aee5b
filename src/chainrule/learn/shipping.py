"""A network of images as a file that others run: ONNX, a torch.export program, or weights. · 把图像网络交付出去。

What leaves is pixels in, answers out: the normalisation is the first node of the graph, and class names, size and how
images come to it are in the file. A script beside it uses it without chainrule.
"""

from collections.abc import Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm

from .. import __version__
from ..errors import UserError
from ..nn.folding import fold_batch_norm
from ..zoo.published import TORCHVISION, WEIGHTS
from .facts import Facts
from .parcel import TARGETS, Exported, Parcel, check, deliver
from .scripts import script

if TYPE_CHECKING:
    from .images.run import ImageRun


class Scaled(torch.nn.Module):
    """A network behind the normalisation it was trained with. · 网络及其归一化。"""

    scale: Tensor
    shift: Tensor

    def __init__(self, network: torch.nn.Module, facts: Facts):
        super().__init__()
        mean, std = (torch.tensor(v, dtype=torch.float64)[:, None, None] for v in (facts.mean, facts.std))
        self.register_buffer("scale", (1 / (255 * std)).float())
        self.register_buffer("shift", (-mean / std).float())
        self.network, self.classes = network, len(facts.classes)

    def scaled(self, pixels: Tensor) -> Tensor:
        """uint8 [N, C, H, W] as the network takes them. · 归一化后的像素。"""
        return pixels.float() * self.scale + self.shift


class Shipped(Scaled):
    """Pixels in, answers out. · 像素进、得分出。

    pixels uint8 [N, C, H, W]   out [N, O], a number for each class
    """

    def forward(self, pixels: Tensor) -> Tensor:
        out = self.network(self.scaled(pixels))
        return out[:, : self.classes] if self.classes else out


def export(
    run: "ImageRun", to: str = "onnx", fold_bn: bool = False, out: str | PathLike[str] | None = None
) -> Exported:
    """Write a run's network for use elsewhere, tried against what it answers here. · 导出运行中的网络。

    to "onnx" (checked with onnxruntime), "torch" (a torch.export program) or "safetensors" with its facts as JSON
    fold_bn each batch norm folded into the layer before it; out the folder (default: `export` in the run)
    Raises `UserError` for an unknown form, a missing package, a network that cannot be exported, answers that differ by
    more than 1e-5, and a folder that cannot be written; nothing is left then.
    """
    check(to)
    if to == "safetensors" and fold_bn:
        raise UserError("fold_bn: the names of a safetensors file leave no place for folded norms; use onnx or torch")
    facts, network, lines = run.facts, run.network, []
    if fold_bn:
        before = _norms(network)
        network = fold_batch_norm(network, torch.zeros(2, *facts.shape))
        lines.append(f"folded  {before - _norms(network)} of {before} batch norms into the layers before them")
    builds = to != "safetensors" or _of_torchvision(run)
    beside = {to: script(to, f"model{TARGETS[to]}", f"use_{to}.py", facts.fit)} if builds else {}
    shipped, known = Shipped(network, facts).eval(), facts_of(run)
    parcel = Parcel(shipped, ("pixels",), ("logits",), lambda size: (pixels(facts.shape, size),), known, beside)
    made = deliver(run, [parcel], network, to, out)
    return Exported(made.files, lines + made.lines)


def pixels(shape: Sequence[int], size: int) -> Tensor:
    """Drawn images, uint8 [size, C, H, W]. · 随机图像。"""
    return torch.randint(0, 256, (size, *shape), dtype=torch.uint8, generator=torch.Generator().manual_seed(size))


def facts_of(run: "ImageRun") -> dict[str, Any]:
    """What a user of the file has to know. · 使用者需要知道的信息。"""
    f = run.facts
    eps = sorted({layer.eps for layer in run.network.modules() if isinstance(layer, _BatchNorm)})
    return {
        "model": run.model,
        "classes": list(f.classes),
        "shape": list(f.shape),
        "input": "pixels: uint8 [N, C, H, W], 0 to 255; the normalisation is inside, except in safetensors",
        "fit": f.fit,
        "mean": list(f.mean),
        "std": list(f.std),
        "norm_eps": eps,
        "made_by": f"chainrule {__version__}",
    }


def _norms(network: torch.nn.Module) -> int:
    return sum(isinstance(layer, _BatchNorm) for layer in network.modules())


def _of_torchvision(run: "ImageRun") -> bool:
    """Whether torchvision builds the very same network from name and number of classes."""
    here = run.model in WEIGHTS and WEIGHTS[run.model].url.startswith(TORCHVISION)
    return (
        here and not set(run.settings.model) - {"num_classes"} and run.facts.shape[0] == 3 and not run.begun.get("norm")
    )
