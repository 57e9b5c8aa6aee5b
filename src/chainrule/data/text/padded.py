"""Sentences of several lengths in one tensor, with their mask and where they came from. · 填充后的批次及其掩码。"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence

from ...errors import UserError
from .vocabulary import BOS, EOS, PAD


@dataclass(frozen=True)
class Padded:
    """A batch of sentences. · 一批句子。

    tokens [N, T] ids, `<PAD>` behind each end; lengths [N]; mask [N, T]: true where a token stands; index [N]: which
    sentences they are.
    """

    tokens: Tensor
    lengths: Tensor
    mask: Tensor
    index: Tensor

    def packed(self, x: Tensor) -> PackedSequence:
        """x [N, T, I] without its padding, in the order of the batch. · 打包为变长序列，顺序不变。"""
        return pack_padded_sequence(x, self.lengths.cpu(), batch_first=True, enforce_sorted=False)


@dataclass(frozen=True)
class Pairs:
    """A batch for translation. · 翻译批次。

    source: the sentences read. input [N, T]: `<BOS>` y₁…yₙ. target [N, T]: y₁…yₙ `<EOS>` (errata E77).
    """

    source: Padded
    input: Tensor
    target: Tensor

    @property
    def index(self) -> Tensor:
        """Which pairs they are. · 原始下标。"""
        return self.source.index

    @property
    def tokens(self) -> int:
        """How many targets count in the loss. · 计入损失的目标数。"""
        return target_tokens([self.target])


def pad(sentences: Sequence[Sequence[int]], index: Iterable[int] | None = None) -> Padded:
    """Sentences of ids to a batch. · 将编号序列填充成批。

    index: which ones they are, 0…N−1 if None. Raises `UserError` for none, an empty one, or a `<PAD>` inside of one.

    >>> batch = pad([[5, 6], [7]])
    >>> batch.tokens.tolist(), batch.mask.tolist()
    ([[5, 6], [7, 0]], [[True, True], [True, False]])
    """
    tokens, lengths = _filled(sentences)
    which = torch.arange(len(sentences)) if index is None else torch.as_tensor(list(index))
    return Padded(tokens, lengths, tokens != PAD, which)


def _filled(sentences: Sequence[Sequence[int]], behind: int = 0) -> tuple[Tensor, Tensor]:
    """Ids [N, T] with so many places more behind the longest, lengths [N]."""
    if not sentences:
        raise UserError("no sentence to batch: expected at least one")
    lengths = np.fromiter(map(len, sentences), np.int64, len(sentences))
    ids = np.fromiter(chain.from_iterable(sentences), np.int64, int(lengths.sum()))
    stands = np.arange(lengths.max() + behind) < lengths[:, None]
    tokens = np.full(stands.shape, PAD)
    tokens[stands] = ids
    wrong = [*np.repeat(np.arange(len(lengths)), lengths)[ids == PAD][:1]]
    wrong += [] if behind else [*np.flatnonzero(lengths == 0)[:1]]
    if wrong:
        what = "holds <PAD>" if lengths[min(wrong)] else "is empty"
        raise UserError(f"sentence {min(wrong) + 1} of the batch {what}: expected ids of tokens")
    return torch.from_numpy(tokens), torch.from_numpy(lengths)


def pair(
    sources: Sequence[Sequence[int]], targets: Sequence[Sequence[int]], index: Iterable[int] | None = None
) -> Pairs:
    """Pairs of sentences to a batch, the target shifted by one. · 句对成批，目标右移一位。

    sources, targets: ids without `<BOS>` and `<EOS>`. Raises `UserError` as `pad`, and for unequal numbers.

    >>> batch = pair([[5]], [[6, 7]])
    >>> batch.input.tolist(), batch.target.tolist(), batch.tokens
    ([[1, 6, 7]], [[6, 7, 2]], 3)
    """
    if len(sources) != len(targets):
        raise UserError(f"{len(sources)} sources and {len(targets)} targets: expected as many")
    source = pad(sources, index)
    said, ends = _filled(targets, behind=1)
    read = torch.cat([torch.full((len(targets), 1), BOS), said[:, :-1]], 1)
    said[torch.arange(len(targets)), ends] = EOS
    return Pairs(source, read, said)


def target_tokens(targets: Iterable[Tensor]) -> int:
    """The tokens of several parts that are no padding: what the sum of their losses is divided by. · 非填充目标总数。

    With accumulated gradients the mean is over all tokens: a mean of the parts' means weighs short parts too much.

    >>> target_tokens([torch.tensor([[5, 2], [2, 0]]), torch.tensor([[2, 0]])])
    4
    """
    return sum(int((target != PAD).sum()) for target in targets)
