"""word2vec: words as points, learned from their neighbours · word2vec：由上下文学到的词向量

Two tables, E for a word as input and O for what it is told from: output words, or the inner nodes of Huffman's tree.
A step gathers rows, asks the formula of nn/word2vec.py for their deltas and adds these to the tables.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..data.huffman import Paths
from ..data.windows import Sampler, Windows
from ..nn.word2vec import context_mean, hierarchical_softmax, negative_sampling

ALIGNED = 16  # the kernel's rows: so many floats fill a line of the cache


@dataclass(frozen=True)
class Options:
    """What `model.KEY=` takes. · 模型选项。

    dim of the vectors; window, the widest; negative words drawn; hs: hierarchical softmax instead of them; cbow: a word
    from the mean of its neighbours, not from each alone; sample: share above which words are left out; min_count and
    max_words of the vocabulary (0: all); lower: fold capitals; encoding of the text.

    Source: Mikolov, Chen, Corrado & Dean 2013, arXiv:1301.3781; Mikolov et al. 2013, arXiv:1310.4546.

    >>> Options().dim
    100
    """

    dim: int = 100
    window: int = 5
    negative: int = 5
    hs: bool = False
    cbow: bool = False
    sample: float = 1e-4
    min_count: int = 5
    max_words: int = 0
    lower: bool = False
    encoding: str = "utf-8"


def tables(words: int, dim: int, seed: int, outputs: int | None = None) -> tuple[Tensor, Tensor]:
    """E uniform within ±1/2D, O zero: first tables as the authors' program has them. · 初始表。

    [words, S] and [outputs, S], S the next multiple of 16; columns behind dim are zero and stay so.

    >>> E, O = tables(3, 5, seed=0)
    >>> E.shape, bool(E[:, 5:].any()), bool(O.any())
    (torch.Size([3, 16]), False, False)
    """
    stride = -(-dim // ALIGNED) * ALIGNED
    E, O = torch.zeros(words, stride), torch.zeros(outputs or words, stride)
    E[:, :dim] = (torch.rand(words, dim, generator=torch.Generator().manual_seed(seed)) - 0.5) / dim
    return E, O


def step(E: Tensor, O: Tensor, windows: Windows, rates: np.ndarray, cbow: bool, tree: Any = None) -> float:
    """All these windows at once: the mean loss; E and O move along the formula's deltas, in place. · 一步更新。

    rates [N] learning rate of each window; tree [V, L] nodes and turns, for hierarchical softmax
    """
    near, words = torch.from_numpy(windows.near), torch.from_numpy(windows.neighbours)
    lr = torch.from_numpy(rates).to(E)
    if cbow:
        where, inputs = torch.arange(len(near)), words
        rows = E[inputs].requires_grad_()
    else:
        where, inputs = near.nonzero()[:, 0], words[near]
        rows = E[inputs].requires_grad_()
    h = context_mean(rows, near) if cbow else rows
    word = torch.from_numpy(windows.word)[where]
    if tree is None:
        drawn = torch.from_numpy(windows.drawn)[where]
        outputs = torch.cat([word[:, None], drawn], 1)
        out = O[outputs].requires_grad_()
        loss = negative_sampling(h, out[:, 0], out[:, 1:], drawn != word[:, None])
    else:
        outputs = tree[0][word]
        out = O[outputs].requires_grad_()
        loss = hierarchical_softmax(h, out, tree[1][word])
    δrows, δout = torch.autograd.grad((loss * lr[where]).sum(), [rows, out])
    E.index_add_(0, inputs.reshape(-1), δrows.reshape(-1, E.shape[1]), alpha=-1)
    O.index_add_(0, outputs.reshape(-1), δout.reshape(-1, O.shape[1]), alpha=-1)
    return float(loss.detach().mean())


def arrays(sampler: Sampler, tree: Paths | None) -> dict[str, np.ndarray]:
    """What the kernel reads of them. · 供手写核读取的数组。"""
    found = {"keep": sampler.keep, "threshold": sampler.threshold, "alias": sampler.alias}
    return found if tree is None else found | {"nodes": tree.nodes, "turns": tree.turns, "paths": tree.paths}
