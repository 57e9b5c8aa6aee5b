"""Updates that see a weight as a matrix: rows and columns, singular values. · 把权重看作矩阵的更新：行列与奇异值。"""

from math import sqrt
from typing import Any

import torch
from torch import Tensor

from .rule import rule


def _is_matrix(θ: Tensor) -> bool:
    return θ.dim() > 1


def _is_vector(θ: Tensor) -> bool:
    return θ.dim() <= 1


def _is_real(θ: Tensor) -> str:
    return "" if not θ.is_complex() else f"a parameter is {θ.dtype}: expected real numbers"


def _rows(θ: Tensor, group: dict[str, Any]) -> Tensor:
    return θ.new_zeros((*θ.shape[:-1], 1))


def _columns(θ: Tensor, group: dict[str, Any]) -> Tensor:
    return θ.new_zeros((*θ.shape[:-2], 1, θ.shape[-1]))


def rms(x: Tensor) -> Tensor:
    """Root of the mean square. · 均方根。

    >>> rms(torch.tensor([1.0, 7.0])).item()
    5.0
    """
    return (x**2).mean().sqrt()


def precision(x: Tensor) -> float:
    """The distance from 1 to the next number of that type. · 机器精度。

    >>> precision(torch.zeros(1, dtype=torch.float64)) == 2.0**-52
    True
    """
    return torch.finfo(x.dtype).eps


@rule(
    torch.optim.Adafactor,
    when={"row_var": _is_matrix, "col_var": _is_matrix, "variance": _is_vector},
    init={"row_var": _rows, "col_var": _columns},
    takes=_is_real,
    source="Shazeer & Stern 2018, Algorithms 4-5, arXiv:1804.04235; decay: Loshchilov & Hutter 2019, arXiv:1711.05101",
)
def Adafactor(θ, g, t, row_var, col_var, variance, lr, beta2_decay, eps, d, weight_decay):
    """Adaptive rates whose mean squares are kept by row and column: a + b numbers, not a·b. · 按行列分解二阶矩。

    symbols  θ parameter   g gradient   t count of updates
             R = row_var [*, a, 1], C = col_var [*, 1, b] of θ [*, a, b]
             V = variance, for vectors   η = lr, the longest relative step   c = beta2_decay   ε1, ε2 = eps
             d: largest RMS of a step before scaling   λ = weight_decay (decoupled)
    note     as torch: ε1 (none: the precision of θ) bounds the divisions, where the paper adds it to g²; the mean is
             taken, where the paper sums; η stands for the paper's 10⁻².
    raises   ValueError for a negative rate, ε or decay, for c above 0 and d below 1; UserError for complex numbers.

    >>> from chainrule.optim import Adafactor
    >>> w = torch.nn.Parameter(torch.ones(2, 2))
    >>> w.grad = torch.full((2, 2), 3.0)
    >>> Adafactor([w], lr=0.25).step(); w.tolist()
    [[0.75, 0.75], [0.75, 0.75]]
    """
    ε1, ε2 = precision(θ) if eps[0] is None else eps[0], eps[1]
    β = 1 - t**beta2_decay
    α = rms(θ).clamp(min=ε2) * (1 / torch.sqrt(t)).clamp(max=lr)
    θ = θ - lr * weight_decay * θ
    if g.dim() > 1:
        row_var = β * row_var + (1 - β) * (g**2).mean(-1, keepdim=True)
        col_var = β * col_var + (1 - β) * (g**2).mean(-2, keepdim=True)
        v = row_var @ col_var / row_var.mean(-2, keepdim=True).clamp(min=ε1)
    else:
        variance = β * variance + (1 - β) * g**2
        v = variance
    u = g / torch.sqrt(v.clamp(min=ε1**2))
    θ = θ - α / (rms(u) / d).clamp(min=1) * u
    return θ, row_var, col_var, variance


def _flat(θ: Tensor) -> Tensor | None:
    """Filters as a matrix that shares their memory; none for vectors, another order of memory, and bfloat16, whose
    momentum torch's function overwrites."""
    fits = θ.dim() > 1 and θ.is_contiguous() and θ.dtype != torch.bfloat16
    return θ.detach().view(len(θ), -1) if fits else None


def orthogonal(
    G: Tensor, coefficients: tuple[float, float, float], eps: float, steps: int, dtype: torch.dtype = torch.bfloat16
) -> Tensor:
    """Nearly U Vᵀ of G = U S Vᵀ: a polynomial that drives every singular value to about 1. · 牛顿–舒尔茨正交化。

    G [a, b]   returns [a, b] in dtype: its singular values lie between about 0.7 and 1.2
    source  Jordan et al. 2024, https://kellerjordan.github.io/posts/muon/

    >>> orthogonal(torch.tensor([[0.0, 9.0], [4.0, 0.0]]), (3.4445, -4.775, 2.0315), 1e-7, 5).abs().round().tolist()
    [[0.0, 1.0], [1.0, 0.0]]
    """
    a, b, c = coefficients
    X = G.to(dtype)
    X = X.mT if G.shape[0] > G.shape[1] else X
    X = X / X.norm().clamp(min=eps)
    for _ in range(steps):
        A = X @ X.mT
        B = torch.addmm(A, A, A, beta=b, alpha=c)
        X = torch.addmm(X, B, X, beta=a)
    return X.mT if G.shape[0] > G.shape[1] else X


def stretch(a: int, b: int, rule: str | None) -> float:
    """The factor of the rate for a matrix [a, b]. · 矩阵形状对应的学习率倍数。

    >>> stretch(64, 16, None), stretch(4, 25, "match_rms_adamw")
    (2.0, 1.0)
    """
    return 0.2 * sqrt(max(a, b)) if rule == "match_rms_adamw" else sqrt(max(1, a / b))


@rule(
    torch.optim.Muon,
    inherits=False,  # torch's refuses what is no matrix
    lends=_flat,
    takes=_is_real,
    source="Jordan et al. 2024, https://kellerjordan.github.io/posts/muon/; Liu et al. 2025, arXiv:2502.16982; "
    "vectors: Bernstein & Newhouse 2024, arXiv:2409.20325",
)
def Muon(θ, g, momentum_buffer, lr, weight_decay, momentum, nesterov, ns_coefficients, eps, ns_steps, adjust_lr_fn):
    """Momentum, made orthogonal: a step in which all directions count alike. · 动量正交化：各方向同等步长。

    symbols  θ parameter [a, b], or filters [a, …] as a matrix [a, b]   g gradient   M = momentum_buffer, like θ
             η = lr   μ = momentum   λ = weight_decay (decoupled)   ε = eps
    note     in bfloat16, as torch: they agree because every product and every rounding is the same one.
             Vectors, which torch's refuses, move by the sign: what U is to the spectral norm the sign is to the largest
             element. Many give biases, norms and embeddings to AdamW instead.
    raises   ValueError for a negative rate, momentum or decay and another adjust_lr_fn; UserError for complex numbers.

    >>> from chainrule.optim import Muon
    >>> w = torch.nn.Parameter(torch.zeros(2, 2))
    >>> w.grad = torch.tensor([[0.0, 100.0], [-1e-3, 0.0]])
    >>> Muon([w], lr=1.0).step(); w.shape
    torch.Size([2, 2])
    """
    momentum_buffer = torch.lerp(momentum_buffer, g, 1 - momentum)
    M = torch.lerp(g, momentum_buffer, momentum) if nesterov else momentum_buffer
    θ = θ - lr * weight_decay * θ
    if M.dim() < 2:
        θ = θ - lr * M.sign()
    else:
        M = M.flatten(1)
        U = orthogonal(M, ns_coefficients, eps, ns_steps).to(θ.dtype).reshape(θ.shape)
        θ = θ - lr * stretch(M.shape[0], M.shape[1], adjust_lr_fn) * U
    return θ, momentum_buffer
