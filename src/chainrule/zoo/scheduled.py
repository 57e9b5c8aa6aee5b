"""Scheduled sampling: a decoder that learns to go on from its own words. · 计划采样：由自己的输出继续解码。

Under teacher forcing a decoder never sees a mistake of its own, and when it translates it sees nothing else.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor


def by_turns(go_on: Callable[[Any, Tensor], tuple[Any, ...]], state: Any, input: Tensor, own: Tensor) -> Tensor:
    """Scores [N, T, V] where each step reads the teacher's word, or the likeliest of its own. · 逐步选择输入。

    go_on(state, tokens [N, 1]) → (scores [N, 1, V], …, state); input [N, T]: the teacher's words; own [N, T]: true
    where the network's own is read instead, at the first step never. The choice passes no gradient.
    Source: Bengio et al. 2015, arXiv:1506.03099, section 2.4.

    >>> table, own = torch.eye(3), torch.tensor([[False, True]])
    >>> told = by_turns(lambda s, x: (table[(x + 1) % 3], s), None, torch.tensor([[0, 0]]), own)
    >>> told.argmax(-1).tolist()
    [[1, 2]]
    """
    token, told = input[:, 0], []
    for t in range(input.shape[1]):
        if t:
            token = torch.where(own[:, t], told[-1][:, 0].argmax(-1), input[:, t])
        scores, *_, state = go_on(state, token[:, None])
        told.append(scores)
    return torch.cat(told, 1)
