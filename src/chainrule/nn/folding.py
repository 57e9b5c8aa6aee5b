r"""Batch norm folded into the layer before it · 把批归一化并入其前一层

symbols  y = W x + b of a linear layer or a convolution, W [O, …], b [O]   γ, β, μ, σ² [O] of the norm behind it
note     in evaluation the norm is affine, γ (y − μ) / √(σ² + ε) + β, and an affine map of an affine map is one:
         W' = W γ / √(σ² + ε)   b' = β + (b − μ) γ / √(σ² + ε)
note     in training the norm depends on the batch, so nothing can be folded there (Ioffe & Szegedy 2015, §3.1)
"""

import copy
from typing import Any

import torch
from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd

from ..errors import UserError


def folded(weight: Tensor, bias: Tensor | None, norm: _BatchNorm) -> tuple[Tensor, Tensor]:
    """W' and b' of a layer and the norm behind it. · 合并后的权重与偏置。

    weight [O, …], bias [O] or None, norm with running statistics of O channels. Source: Jacob et al. 2018,
    arXiv:1712.05877, section 3.2, equation 14.

    >>> norm = torch.nn.BatchNorm1d(1, eps=0.0)
    >>> norm.running_mean.fill_(1.0), norm.running_var.fill_(4.0)
    (tensor([1.]), tensor([4.]))
    >>> [t.tolist() for t in folded(torch.tensor([[6.0]]), None, norm)]
    [[[3.0]], [-0.5]]
    """
    mean, var = norm.running_mean, norm.running_var
    assert mean is not None and var is not None
    γ = torch.ones_like(var) if norm.weight is None else norm.weight
    β = torch.zeros_like(var) if norm.bias is None else norm.bias
    b = torch.zeros_like(var) if bias is None else bias
    scale = γ.double() / (var.double() + norm.eps).sqrt()
    new = (
        weight.double() * scale.reshape(-1, *[1] * (weight.ndim - 1)),
        β.double() + (b.double() - mean.double()) * scale,
    )
    return new[0].to(weight.dtype), new[1].to(weight.dtype)


@torch.no_grad()
def fold_batch_norm(model: torch.nn.Module, x: Tensor) -> torch.nn.Module:
    """A copy for inference, each norm folded into the layer that feeds it; the model stays as it is. · 推理用副本。

    x an input of the model; by it is seen which layer's output a norm takes. A norm behind anything else stays.
    Raises `UserError` where the copy does not answer as the model, because another layer reads what was folded.

    >>> net = torch.nn.Sequential(torch.nn.Linear(3, 4, bias=False), torch.nn.BatchNorm1d(4)).eval()
    >>> fold_batch_norm(net, torch.ones(2, 3))
    Sequential(
      (0): Linear(in_features=3, out_features=4, bias=True)
      (1): Identity()
    )
    """
    made = copy.deepcopy(model).eval()
    before = made(x)
    for layer, norm in _pairs(made, x):
        weight, bias = folded(layer.weight, layer.bias, norm)
        layer.weight.copy_(weight)
        layer.bias = torch.nn.Parameter(bias, layer.weight.requires_grad)
        _replace(made, norm)
    if not torch.allclose(made(x), before, rtol=1e-3, atol=1e-3 * float(before.abs().amax())):
        raise UserError(
            f"the norms of {type(model).__name__} cannot be folded: something besides a norm reads the output "
            "of a layer before one; leave fold_bn out"
        )
    return made


Affine = torch.nn.Linear | _ConvNd


def _pairs(model: torch.nn.Module, x: Tensor) -> list[tuple[Affine, _BatchNorm]]:
    """Layers and the norms that take their very output; each of the two used once."""
    came: dict[int, Affine] = {}
    kept: list[Tensor] = []  # alive, so that no other tensor gets the same id
    pairs: list[tuple[Affine, _BatchNorm]] = []
    used: list[torch.nn.Module] = []

    def given(layer: Any, _args: tuple, out: Tensor) -> None:
        came[id(out)] = layer
        kept.append(out)
        used.append(layer)

    def taken(norm: torch.nn.Module, args: tuple) -> None:
        used.append(norm)
        if id(args[0]) in came and isinstance(norm, _BatchNorm):
            pairs.append((came[id(args[0])], norm))

    handles = []
    for layer in model.modules():
        if isinstance(layer, torch.nn.Linear) or (
            isinstance(layer, _ConvNd) and not isinstance(layer, _ConvTransposeNd)
        ):
            handles.append(layer.register_forward_hook(given))
        elif isinstance(layer, _BatchNorm) and layer.running_var is not None:
            handles.append(layer.register_forward_pre_hook(taken))
    model(x)
    for handle in handles:
        handle.remove()
    return [(a, b) for a, b in pairs if used.count(a) == used.count(b) == 1 and len(a.weight) == b.num_features]


def _replace(model: torch.nn.Module, old: torch.nn.Module) -> None:
    for parent in model.modules():
        for name, child in parent.named_children():
            if child is old:
                setattr(parent, name, torch.nn.Identity())
