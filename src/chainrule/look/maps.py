"""The maps inside a network, and their gradients. · 网络内部的特征图及其梯度。"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from ..errors import UserError, did_you_mean
from ..nn.historic import Subsample2d

_POOLS = (
    torch.nn.modules.pooling._MaxPoolNd,
    torch.nn.modules.pooling._AvgPoolNd,
    torch.nn.modules.pooling._AdaptiveAvgPoolNd,
    torch.nn.modules.pooling._AdaptiveMaxPoolNd,
    Subsample2d,
)
Hook = Callable[[str, torch.nn.Module, Any], Any]


@contextmanager
def watching(network: torch.nn.Module, see: Hook) -> Iterator[None]:
    """Calls `see(name, module, output)` after every module; what it returns other than None replaces the output.

    · 在每个模块之后调用 see。
    """

    def hook(name: str) -> Callable:
        return lambda module, inputs, output: see(name, module, output)

    handles = [module.register_forward_hook(hook(name)) for name, module in network.named_modules() if name]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def last_maps(network: torch.nn.Module, x: Tensor) -> str:
    """The name of the layer whose maps [N, K, u, v] are the last that still show places. · 最后一层特征图的名称。

    Pooling behind it is passed over, for it only makes the maps coarser; of a block and its last layer, which give the
    same maps, the block is named. Raises `UserError` for a network without maps.

    >>> last_maps(torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.MaxPool2d(2)), torch.zeros(1, 1, 8, 8))
    '0'
    """
    pooled: list[Tensor] = []
    found: list[str] = []

    def see(name: str, module: torch.nn.Module, out: Any) -> None:
        if not (isinstance(out, Tensor) and out.ndim == 4 and out.shape[-2] * out.shape[-1] > 1):
            return
        if isinstance(module, _POOLS):
            pooled.append(out)
        if not any(out is one for one in pooled):  # nor is it a block that ends in one
            found.append(name)

    with torch.no_grad(), watching(network, see):
        network(x)
    if not found:
        raise UserError(
            f"{type(network).__name__} has no maps of the image, only rows of numbers: gradcam expects a network with "
            "convolutions; use --method saliency or occlusion"
        )
    return found[-1]


def maps_and_deltas(
    network: torch.nn.Module, layer: str, x: Tensor, score: Callable[[Tensor], Tensor]
) -> tuple[Tensor, Tensor]:
    """The maps of a layer and the gradient of a score, A and δ [N, K, u, v]. · 某层的特征图及得分对它的梯度。

    score  the network's answer → [N], each from its own sample; of a layer that is used several times the last use
    Raises `UserError` for a layer that is not there, gives no maps, or on which the score does not depend.
    """
    names = [name for name, _ in network.named_modules() if name]
    if layer not in names:
        shown = ", ".join(names[:6]) + (", …" if len(names) > 6 else "")
        raise UserError(f"layer {layer!r}: expected one of {shown}{did_you_mean(layer, names)}")
    kept: list[Any] = []

    def see(name: str, module: torch.nn.Module, out: Any) -> Any:
        if name != layer:
            return None
        kept[:] = [out]
        return out.clone() if isinstance(out, Tensor) else None  # what follows may change its input in place

    with torch.enable_grad(), watching(network, see):
        total = score(network(x.detach().requires_grad_())).sum()
        maps = kept[0] if kept else None
        if not (isinstance(maps, Tensor) and maps.ndim == 4):
            told = f"gives {list(maps.shape)}" if isinstance(maps, Tensor) else "gives no single tensor"
            raise UserError(f"layer {layer!r} {told if kept else 'was not used'}: expected maps [N, K, u, v]")
        (δ,) = torch.autograd.grad(total, maps, allow_unused=True) if maps.requires_grad else (None,)
    if δ is None:
        raise UserError(f"layer {layer!r}: the answer does not depend on it; expected a layer on the way to the answer")
    return maps.detach(), δ


def input_deltas(
    network: torch.nn.Module, x: Tensor, score: Callable[[Tensor], Tensor], guided: bool = False
) -> Tensor:
    """The gradient of a score in the image, ∂y/∂x. · 得分对输入图像的梯度。

    guided  each ReLU also stops what speaks against the class (Springenberg et al. 2015, section 3.4, arXiv:1412.6806)
    """
    passed = 0

    def see(name: str, module: torch.nn.Module, out: Any) -> None:
        nonlocal passed
        if guided and isinstance(module, torch.nn.ReLU) and out.requires_grad:
            out.register_hook(lambda δ: δ.clamp(min=0))
            passed += 1

    with torch.enable_grad(), watching(network, see):
        image = x.detach().requires_grad_()
        (δ,) = torch.autograd.grad(score(network(image)).sum(), image)
    if guided and not passed:
        raise UserError(f"{type(network).__name__} has no ReLU layer: guided expects some; use --method saliency")
    return δ
