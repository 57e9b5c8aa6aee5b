"""A callable of one's own as an augmentation: a function, or an object of torchvision, kornia or albumentations.

· 用户自己的增强：函数，或 torchvision、kornia、albumentations 的对象。

Contract: it is called with one image, uint8 [C, H, W], and gives one of the same shape, uint8 or floats in 0…1. With an
attribute `batched = True` (a module of kornia, or that holds one, counts as such) it gets floats in 0…1, [N, C, H, W],
and gives the same. An albumentations object gets and gives image=uint8 [H, W, C]. Before each call the random states of
torch, numpy and Python are set from (seed, step, sample), and are as before afterwards; so is the one that an
albumentations object has to itself.
"""

import sys
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ...errors import UserError, did_you_mean
from ..randomness import borrowed


@lru_cache(maxsize=16)
def load_own(name: str) -> Any:
    """The callable that "package.module:name" names, from the working folder too. · 按名称导入。

    Raises `UserError` where it cannot be imported or called.
    """
    module_name, _, attribute = name.partition(":")
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        module = import_module(module_name)
    except (Exception, SystemExit) as error:
        raise UserError(f"augment={name}: importing {module_name} failed: {type(error).__name__}: {error}") from error
    found = getattr(module, attribute, None)
    if found is None:
        hint = did_you_mean(attribute, vars(module))
        raise UserError(f"augment={name}: {module_name} has no {attribute!r}{hint}")
    if isinstance(found, type) or not callable(found):
        raise UserError(f"augment={name}: a {type(found).__name__}: expected a function or an object to call")
    return found


def apply_own(name: str, x: Tensor, seeds: Tensor) -> Tensor:
    """x [N, C, H, W] through the callable; seeds int64 [N]. · 用自定义增强处理一批图像。

    Raises `UserError` where it fails or gives something else than an image of the same shape.
    """
    call = load_own(name)
    try:
        if getattr(call, "batched", False) or _kornia(call):
            with borrowed(int(seeds[0]) if len(seeds) else 0):
                return _checked(name, call(_floats(x)), x)
        rows = []
        for image, seed in zip(x, seeds.tolist(), strict=True):
            with borrowed(seed):
                rows.append(_floats(_checked(name, _one(call, image, seed), image)))
        return torch.stack(rows) if rows else _floats(x)
    except UserError:
        raise
    except Exception as error:  # a stranger's code may raise anything
        raise UserError(f"augment={name}: failed with {type(error).__name__}: {error}") from error


def _kornia(call: Any) -> bool:
    parts = call.modules() if isinstance(call, torch.nn.Module) else [call]
    return any(type(part).__module__.startswith("kornia") for part in parts)


def _one(call: Any, image: Tensor, seed: int) -> Any:
    if any(cls.__module__.startswith("albumentations") for cls in type(call).__mro__):
        if hasattr(call, "set_random_seed"):  # it draws from states of its own, not from numpy's and Python's
            call.set_random_seed(seed % 2**32)
        changed = call(image=_bytes(image).permute(1, 2, 0).numpy())["image"]
        return torch.from_numpy(changed.copy()).reshape(image.shape[1], image.shape[2], -1).permute(2, 0, 1)
    return call(_bytes(image))


def _checked(name: str, out: Any, x: Tensor) -> Tensor:
    if not isinstance(out, Tensor) or out.shape != x.shape:
        got = f"shape {list(out.shape)}" if isinstance(out, Tensor) else type(out).__name__
        raise UserError(f"augment={name}: gave {got}: expected a tensor of shape {list(x.shape)}")
    return out.as_subclass(Tensor)


def _floats(x: Tensor) -> Tensor:
    return x if x.is_floating_point() else x.float() / 255


def _bytes(x: Tensor) -> Tensor:
    return (x * 255).round().clamp(0, 255).to(torch.uint8) if x.is_floating_point() else x
