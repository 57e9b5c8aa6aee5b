r"""The back-propagation of the notes, four ways that agree · 笔记中的反向传播：四种写法，结果一致

symbols  rows are samples: X_0 = x [N, I]; layer t = 1…n: Z_t = X_{t−1} W_t + b_t, A_t = σ(Z_t), X_t = A_t
         W_t [I_t, O_t] as in the notes (torch keeps the transpose)   b_t [O_t]   y [N, O] the truth
         L = mean of (A_n − y)² over all N·O numbers   δ_t = ∂L/∂Z_t [N, O_t]
note     the corrections E03–E13 of the errata: the Jacobian of σ is a diagonal, the product with W comes before the
         Hadamard with σ′, a weight's gradient is X_{t−1}ᵀ δ_t, a bias's the sum of δ_t over the samples, and the one
         long product holds a sample at a time
source   Rumelhart, Hinton & Williams 1986, doi:10.1038/323533a0; Goodfellow et al. 2016, Deep Learning, section 6.5
"""

from dataclasses import dataclass

import torch
from torch import Tensor

Gradients = list[tuple[Tensor, Tensor]]  # (∂L/∂W_t, ∂L/∂b_t) for t = 1…n


@dataclass
class Network:
    """A perceptron with tanh after every layer, and what one forward leaves. · 多层感知机及其前向结果。

    >>> net = Network([torch.ones(2, 1)], [torch.zeros(1)])
    >>> net.forward(torch.tensor([[0.5, 0.5]])).A[-1].round(decimals=4)
    tensor([[0.7616]])
    """

    W: list[Tensor]
    b: list[Tensor]

    def forward(self, x: Tensor) -> "Network":
        """Z_t = X_{t−1} W_t + b_t, A_t = tanh(Z_t). · 前向传播。"""
        self.X, self.Z, self.A = [x], [], []
        for W, b in zip(self.W, self.b, strict=True):
            self.Z.append(self.X[-1] @ W + b)
            self.A.append(torch.tanh(self.Z[-1]))
            self.X.append(self.A[-1])
        return self

    # The base partials, from which everything else is composed. · 基础的部分梯度。

    def dA_dZ(self, t: int) -> Tensor:
        """σ′(Z_t) = 1 − A_t²: the diagonal of the Jacobian, a row a sample [N, O_t] (E03)."""
        return 1 - self.A[t] ** 2

    def dZ_dX(self, t: int) -> Tensor:
        """W_tᵀ: what a row of deltas is multiplied by from the right (E04)."""
        return self.W[t].mT

    def dL_dA(self, y: Tensor) -> Tensor:
        """Loss′(A_n) = 2 (A_n − y)/(N·O): the mean's factor belongs to it (E13)."""
        return 2 * (self.A[-1] - y) / y.numel()

    def dZ_dW(self, t: int) -> Tensor:
        """X_{t−1}ᵀ: acts on the delta from the left, and is of Z_t, not of X_t (E05)."""
        return self.X[t].mT

    def dZ_db(self, t: int) -> Tensor:
        """1 for every sample: their deltas add up [1, N] (E06)."""
        return torch.ones(1, len(self.X[0]), dtype=self.X[0].dtype)


def gradients(net: Network, deltas: list[Tensor]) -> Gradients:
    """∂L/∂W_t = X_{t−1}ᵀ δ_t and ∂L/∂b_t = 1ᵀ δ_t (E06, E11). · 由 δ 得到权重与偏置的梯度。"""
    return [(net.dZ_dW(t) @ δ, (net.dZ_db(t) @ δ)[0]) for t, δ in enumerate(deltas)]


def by_chain(net: Network, y: Tensor) -> Gradients:
    """Each δ_t by itself, the whole chain from the loss inwards: product, Hadamard, … (E08). · 链式求导形式。"""
    deltas = []
    for t in range(len(net.W)):
        δ = net.dL_dA(y) * net.dA_dZ(len(net.W) - 1)
        for k in range(len(net.W) - 1, t, -1):
            δ = (δ @ net.dZ_dX(k)) * net.dA_dZ(k - 1)
        deltas.append(δ)
    return gradients(net, deltas)


def by_recursion(net: Network, y: Tensor) -> Gradients:
    """δ_t from δ_{t+1}: every factor is used once, which is what makes it an algorithm (E09, E10). · 递推公式形式。"""
    δ = net.dL_dA(y) * net.dA_dZ(len(net.W) - 1)
    deltas = [δ]
    for t in range(len(net.W) - 2, -1, -1):
        δ = (δ @ net.dZ_dX(t + 1)) * net.dA_dZ(t)
        deltas.insert(0, δ)
    return gradients(net, deltas)


def by_product(net: Network, y: Tensor) -> Gradients:
    """X_{t−1}ᵀ · δ_n · Π_{k=n…t+1} W_kᵀ diag(σ′(z_{k−1})), a sample at a time, then summed (E07, E12). · 累乘形式。"""
    last = net.dL_dA(y) * net.dA_dZ(len(net.W) - 1)
    out = []
    for t in range(len(net.W)):
        dW, db = torch.zeros_like(net.W[t]), torch.zeros_like(net.b[t])
        for s in range(len(y)):
            chain = torch.eye(last.shape[1], dtype=last.dtype)
            for k in range(len(net.W) - 1, t, -1):
                chain = chain @ net.dZ_dX(k) @ torch.diag(net.dA_dZ(k - 1)[s])
            δ = last[s : s + 1] @ chain
            dW, db = dW + net.X[t][s : s + 1].mT @ δ, db + δ[0]
        out.append((dW, db))
    return out


def by_library(net: Network, x: Tensor, y: Tensor) -> Gradients:
    """The same network in chainrule's layers, in the formula gear: the deltas one can read. · 本库公式给出的梯度。"""
    from .. import nn
    from ..gear import gear
    from ..nn.loss import mse_loss

    layers = []
    for W, b in zip(net.W, net.b, strict=True):
        layer = nn.Linear(W.shape[0], W.shape[1], dtype=W.dtype)
        with torch.no_grad():
            layer.weight.copy_(W.mT)
            layer.bias.copy_(b)
        layers += [layer, nn.Tanh()]
    with gear("formula"):
        mse_loss(nn.Sequential(*layers)(x), y).backward()
    return [(layer.weight.grad.mT, layer.bias.grad) for layer in layers[::2]]


def by_autograd(net: Network, x: Tensor, y: Tensor) -> Gradients:
    """What torch's own differentiation gives. · torch 自动微分给出的梯度。"""
    W, b = ([p.clone().requires_grad_() for p in group] for group in (net.W, net.b))
    loss = ((Network(W, b).forward(x).A[-1] - y) ** 2).mean()
    flat = torch.autograd.grad(loss, [*W, *b])
    return list(zip(flat[: len(W)], flat[len(W) :], strict=True))
