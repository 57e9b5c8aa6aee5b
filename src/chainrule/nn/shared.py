"""What the hypotheses of one sentence have in common. · 同一句的各假设共有的部分。

A decoder's state has a row for each hypothesis, those of a sentence beside each other; what the encoder said of the
source is the same for all of them, so it has a row for each sentence, and is neither repeated nor reordered.
"""

from typing import Any

from torch import Tensor


class Shared(dict[str, Any]):
    """Parts of a state whose rows are sentences. · 状态中每句一行的部分。

    >>> Shared(mask=None)["mask"] is None
    True
    """


def beside(x: Tensor, sentences: int, axis: int) -> Tensor:
    """Rows of hypotheses as rows of sentences: what several say at a place stands one after the other along an axis.

    x [N·B, …, T, …] → [N, …, B·T, …]; itself where B is 1. · 将各假设并列到同一句的行中。

    >>> import torch
    >>> beside(torch.arange(4)[:, None], 2, 1).tolist()
    [[0, 1], [2, 3]]
    """
    if x.shape[0] == sentences:
        return x
    return x.unflatten(0, (sentences, -1)).movedim(1, axis).flatten(axis, axis + 1)


def apart(x: Tensor, hypotheses: int, axis: int) -> Tensor:
    """What `beside` put together. · `beside` 的逆。

    >>> import torch
    >>> apart(torch.tensor([[0, 1], [2, 3]]), 4, 1).tolist()
    [[0], [1], [2], [3]]
    """
    if x.shape[0] == hypotheses:
        return x
    return x.unflatten(axis, (hypotheses // x.shape[0], -1)).movedim(axis, 1).flatten(0, 1)
