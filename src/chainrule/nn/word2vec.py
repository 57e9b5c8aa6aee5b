r"""The losses of word2vec, over rows gathered from its tables · word2vec 的损失

symbols  h [N, D] input rows: a word (skip-gram) or the mean of its neighbours (CBOW)   out [N] a loss for each row
         u [N, D] output rows of the words that came (hierarchical softmax: [N, L, D], the inner nodes of the path)
         v [N, K, D] output rows of K words drawn at random, or [N, S, D] the neighbours that context_mean joins
         keep [N, K] false where a drawn word is the word that came, or where there is no neighbour
         turn [N, L] integers: 1 left, −1 right, 0 behind the leaf
note     unrelated words have a dot product near 0, opposite ones share their contexts and lie close together (E65)
"""

import torch
import torch.nn.functional as F

from ..formula import R, formula
from .activation import log1pexp


def sampled_whole(h, u, v, keep):
    z = torch.cat([(u * h).sum(-1, keepdim=True), (v @ h[..., None])[..., 0]], 1)
    y, among = torch.zeros_like(z), torch.ones_like(z)
    y[:, 0], among[:, 1:] = 1, keep
    return F.binary_cross_entropy_with_logits(z, y, among, reduction="none").sum(1)


@formula(
    twin=sampled_whole,
    autocast="fp32",
    batch=("h", "u", "v", "keep"),
    source="Mikolov, Sutskever, Chen, Corrado & Dean 2013, arXiv:1310.4546, eq. 4",
)
def negative_sampling(h, u, v, keep):
    """Tell the word that came from K words drawn at random: −log σ(u·h) − Σ log σ(−v·h). · 负采样损失。

    >>> h, u, v = torch.zeros(1, 2), torch.zeros(1, 2), torch.zeros(1, 3, 2)
    >>> negative_sampling(h, u, v, torch.tensor([[True, True, False]]))  # three coins: 3 log 2
    tensor([2.0794])
    """
    z = (u * h).sum(1)
    z_k = (v * h[:, None]).sum(-1)
    return log1pexp(-z) + (keep * log1pexp(z_k)).sum(1)


@negative_sampling.backward("h")
def _(δ, h, u, v, keep):
    """The word that came pulls by what it lacks of certainty, each drawn one pushes. · 目标词拉近，负样本推远。"""
    δz = -(-(u * h).sum(1)).sigmoid()
    δz_k = keep * (v * h[:, None]).sum(-1).sigmoid()
    return δ[:, None] * (δz[:, None] * u + (δz_k[..., None] * v).sum(1))


@negative_sampling.backward("u")
def _(δ, h, u):
    return (-δ * (-(u * h).sum(1)).sigmoid())[:, None] * h


@negative_sampling.backward("v")
def _(δ, h, v, keep):
    δz_k = δ[:, None] * keep * (v * h[:, None]).sum(-1).sigmoid()
    return δz_k[..., None] * h[:, None]


@negative_sampling.samples
def _():
    yield R(3, 4), R(3, 4), R(3, 2, 4), torch.tensor([[True, True], [True, False], [False, True]])
    yield R(2, 3), R(2, 3), R(2, 5, 3), torch.ones(2, 5, dtype=torch.bool)


def path_whole(h, u, turn):
    z = (u @ h[..., None])[..., 0]
    return F.binary_cross_entropy_with_logits(z, (turn > 0).to(z), (turn != 0).to(z), reduction="none").sum(1)


@formula(
    twin=path_whole,
    autocast="fp32",
    batch=("h", "u", "turn"),
    source="Morin & Bengio 2005; Mikolov, Sutskever, Chen, Corrado & Dean 2013, arXiv:1310.4546, eq. 3",
)
def hierarchical_softmax(h, u, turn):
    """−log of the probability of turning right at every node on the way to a leaf. · 层次 softmax 损失。

    >>> hierarchical_softmax(torch.zeros(1, 2), torch.zeros(1, 3, 2), torch.tensor([[1, -1, 0]]))
    tensor([1.3863])
    """
    z = (u * h[:, None]).sum(-1)
    return (turn**2 * log1pexp(-turn * z)).sum(1)


@hierarchical_softmax.backward("h")
def _(δ, h, u, turn):
    δz = -turn * (-turn * (u * h[:, None]).sum(-1)).sigmoid()
    return δ[:, None] * (δz[..., None] * u).sum(1)


@hierarchical_softmax.backward("u")
def _(δ, h, u, turn):
    δz = -turn * (-turn * (u * h[:, None]).sum(-1)).sigmoid()
    return (δ[:, None] * δz)[..., None] * h[:, None]


@hierarchical_softmax.samples
def _():
    yield R(3, 4), R(3, 2, 4), torch.tensor([[1, -1], [-1, 0], [1, 0]])
    yield R(2, 3), R(2, 4, 3), torch.tensor([[1, 1, -1, 0], [-1, 1, 1, -1]])


def mean_whole(v, keep):
    return torch.where(keep[..., None], v, torch.nan).nanmean(1)


@formula(
    twin=mean_whole,
    autocast="fp32",
    batch=("v", "keep"),
    source="Mikolov, Chen, Corrado & Dean 2013, arXiv:1301.3781, section 3.1",
)
def context_mean(v, keep):
    """The mean of the neighbours' rows: the input of CBOW. · 上下文词向量的平均。

    >>> context_mean(torch.tensor([[[1.0], [3.0], [9.0]]]), torch.tensor([[True, True, False]]))
    tensor([[2.]])
    """
    n = keep.sum(1, keepdim=True)
    return (keep[..., None] * v).sum(1) / n


@context_mean.backward("v")
def _(δ, keep):
    """Each neighbour gets its share: the authors' program leaves out the 1/n (arXiv:2012.15332). · 各得 1/n。"""
    n = keep.sum(1, keepdim=True)
    return keep[..., None] * (δ / n)[:, None]


@context_mean.samples
def _():
    yield R(3, 2, 4), torch.tensor([[True, True], [True, False], [False, True]])
    yield R(2, 4, 3), torch.ones(2, 4, dtype=torch.bool)
