"""Our weights under the names of others. · 以他人的键名写出权重。

Our own files are safetensors, which no reader can be made to run. A `.pth` is written only where the name asks for one,
by torch.save of plain tensors, for programs that read nothing else.
"""

import io
import os
from math import isqrt
from os import PathLike
from pathlib import Path

import torch
from safetensors.torch import save
from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm

from ..data.names import show
from ..errors import UserError
from ..runs.durable import replace
from .naming import NAMINGS, Shapes, names_of

TARGETS = ("torchvision", "timm", "safetensors")  # the last: our own names
SUFFIXES = (".safetensors", ".pth", ".pt", ".th")


def renamed(model: torch.nn.Module, to: str, name: str = "") -> dict[str, Tensor]:
    """Its weights with their names and shapes, in their order. · 改名后的权重。

    to "torchvision", "timm" or any other of `naming.NAMINGS`; "safetensors" keeps ours
    Raises `UserError` where that naming has no such network.

    >>> list(renamed(torch.nn.Linear(2, 1), "safetensors"))
    ['weight', 'bias']
    """
    own = model.state_dict()
    shapes = {key: tuple(value.shape) for key, value in own.items()}
    names = names_of("torchvision" if to == "safetensors" else to, shapes)
    if names is None:
        known = ", ".join(NAMINGS)
        raise UserError(f"{to} has no names for {name or type(model).__name__}: expected another of {known}")
    return {names[key]: _shaped(names[key], value, shapes) for key, value in own.items()}


def _shaped(theirs: str, value: Tensor, shapes: Shapes) -> Tensor:
    """timm has convolutions where torchvision has linear layers behind the mean or the flattening."""
    if value.ndim == 2 and theirs in ("conv_head.weight", "pre_logits.fc1.weight", "pre_logits.fc2.weight"):
        maps = [shape[0] for key, shape in shapes.items() if len(shape) == 4 and key.startswith("features.")]
        side = isqrt(value.shape[1] // maps[-1]) if theirs == "pre_logits.fc1.weight" else 1
        return value.reshape(len(value), -1, side, side)
    return value


def write_weights(
    model: torch.nn.Module, file: str | PathLike[str], to: str = "safetensors", name: str = ""
) -> list[str]:
    """Write a network's weights, whole or not at all; what to know of them, a line each. · 写出权重。

    file .safetensors, or .pth, .pt, .th for programs that read nothing else
    Raises `UserError` for another suffix, a file that is there, a folder that is not or cannot be written.

    >>> import tempfile
    >>> write_weights(torch.nn.Linear(2, 1), Path(tempfile.mkdtemp(), "a.safetensors"))
    ['wrote 2 tensors, 3 parameters, named as torchvision names them']
    """
    path = Path(file).expanduser()
    if path.suffix.lower() not in SUFFIXES:
        raise UserError(f"{show(path)}: expected a file name that ends in {', '.join(SUFFIXES)}")
    if to == "safetensors" and path.suffix.lower() != ".safetensors":
        raise UserError(
            f"{show(path)}: --to safetensors writes a .safetensors; for a {path.suffix} say --to torchvision"
        )
    if os.path.lexists(path):
        raise UserError(f"{show(path)}: is already there; expected a new name, or remove it first")
    if not path.parent.is_dir():
        raise UserError(f"{show(path.parent)}: no such folder; make it first")
    tensors = {key: value.detach().cpu().contiguous().clone() for key, value in renamed(model, to, name).items()}
    if path.suffix.lower() == ".safetensors":
        replace(path, save(tensors, {"format": "pt"}))
    else:
        buffer = io.BytesIO()
        torch.save(tensors, buffer)
        replace(path, buffer.getvalue())
    parameters = sum(value.numel() for value in model.parameters())
    whose = "torchvision" if to == "safetensors" else to
    return [f"wrote {len(tensors)} tensors, {parameters:,} parameters, named as {whose} names them", *_notes(model, to)]


def _notes(model: torch.nn.Module, to: str) -> list[str]:
    eps = {layer.eps for layer in model.modules() if isinstance(layer, _BatchNorm)} - {1e-5}
    return [f"note: they need batch norm eps {max(eps):g}, and timm's own is 1e-05"] if eps and to == "timm" else []
