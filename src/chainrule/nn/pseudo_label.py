r"""What a network is taught by its own sure answers · 伪标签：以网络自己有把握的回答为目标

symbols  z [*, C] scores that learn   u [*, C] scores that teach, of the same image or a weakly changed one
         threshold the probability from which on an answer counts, 0 for all   out [*]
note     u takes no delta: the label is a choice, and what chose it is held fixed
"""

import torch
import torch.nn.functional as F

from ..errors import UserError
from ..formula import R, formula
from .reduction import reducible


def chosen(u, z):
    """1 at the likeliest class, the first of equals, else 0. · 最可能类别的独热向量。

    >>> chosen(torch.tensor([[0.0, 2.0]]), torch.zeros(1, 2))
    tensor([[0., 1.]])
    """
    return (torch.arange(u.shape[-1], device=u.device) == u.argmax(-1, keepdim=True)).to(z.dtype)


def sure(u, threshold):
    """1 where the likeliest class has so much of the probability, else 0. · 是否有把握。

    >>> sure(torch.tensor([[0.0, 9.0], [0.0, 0.1]]), 0.9)
    tensor([1., 0.])
    """
    return (u.softmax(-1).amax(-1) >= threshold).to(u.dtype)


def pseudo_label_whole(z, u, threshold, reduction="none"):
    losses = F.cross_entropy(z.flatten(0, -2), u.argmax(-1).flatten(), reduction="none").view(z.shape[:-1])
    losses = losses * (u.softmax(-1).amax(-1) >= threshold)
    return losses if reduction == "none" else getattr(losses, reduction)()


def alike(z, u, threshold):
    """Raises `UserError` for scores of two shapes and a threshold that is no probability. · 检查形状与阈值。"""
    if z.shape != u.shape:
        raise UserError(f"scores that teach of shape {tuple(u.shape)} for {tuple(z.shape)}: expected one shape")
    if not 0 <= threshold <= 1:
        raise UserError(f"threshold={threshold}: expected a probability from 0 to 1")
    return z, u, threshold


@reducible(pseudo_label_whole, alike)
@formula(
    twin=pseudo_label_whole,
    autocast="fp32",
    batch=("z", "u"),
    source="Lee 2013, Pseudo-Label (ICML workshop), eq. 15; threshold: Sohn et al. 2020, arXiv:2001.07685, eq. 4",
)
def pseudo_label(z, u, threshold=0.95):
    """Cross-entropy to the class that u holds for likeliest, where u is sure. · 以有把握的伪标签为目标的交叉熵。

    >>> pseudo_label(torch.zeros(2, 2), torch.tensor([[0.0, 9.0], [0.0, 0.1]]))
    tensor(0.3466)
    """
    return sure(u, threshold) * (z.logsumexp(-1) - (chosen(u, z) * z).sum(-1))


@pseudo_label.backward("z")
def _(δ, z, u, threshold):
    """p − ŷ for sure answers, nothing for others. · 有把握时为 p − ŷ，否则为零。"""
    return (δ * sure(u, threshold)).unsqueeze(-1) * (z.softmax(-1) - chosen(u, z))


@pseudo_label.samples
def _():
    u = torch.tensor([[4.0, 0.0, 1.0, -2.0], [0.1, 0.3, 0.2, 0.0], [0.0, 0.0, -1.0, 5.0]], dtype=torch.float64)
    yield R(3, 4), u, 0.9
    yield R(3, 4), u, 0.0
    yield R(2, 3, 4), torch.stack([u, -u]), 0.5
    level = torch.tensor([[5.0, 5.0, 5.0, 5.0], [0.0, 1.0, 2.0, 3.0], [0.0, 0.0, 0.0, 9.0]], dtype=torch.float64)
    yield R(2, 3, 4), torch.stack([level, u]), 0.5
    yield R(2, 4), torch.zeros(2, 4, dtype=torch.float64), 0.25  # as sure as it must be
