"""A network that translates sentences of ids: batched, and what is said does not depend on the batch. · 翻译器。"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from ...data.text.padded import pad
from ...data.text.vocabulary import BOS, NUL, PAD
from ...errors import UserError
from ..beam import beam_search
from ..decode import Hypothesis, Limits, Penalty
from ..device import Device
from .swift import Steps, swift

BATCH = 64
NEVER = (PAD, BOS, NUL)  # an unknown word is read, never said


@dataclass(frozen=True)
class Search:
    """How the best translation is looked for. · 搜索方式。

    beam: hypotheses side by side, 1 is greedy; nbest of them are told. alpha: of the penalty n^alpha.
    """

    beam: int = 5
    alpha: float = 1.0
    nbest: int = 1

    @property
    def penalty(self) -> Penalty:
        """What log-probabilities are divided by. · 长度惩罚。"""
        return Penalty("power", self.alpha) if self.alpha else Penalty()

    def __str__(self) -> str:
        return f"beam {self.beam}, length penalty {self.penalty}"


USUAL = Search()


@torch.no_grad()
def translate(
    network: Any, sources: Sequence[Sequence[int]], longest: int, device: Device, search: Search = USUAL
) -> list[list[Hypothesis]]:
    """The nbest translations of each sentence of ids, in its place. · 翻译若干句子。

    network: also as `swift` gives it, laid out once for several calls. longest: tokens of a translation at most.
    Raises `UserError` for an empty sentence, one longer than the network's positions, and numbers out of range.
    """
    if not 1 <= search.nbest <= search.beam:
        raise UserError(f"beam={search.beam}, n-best={search.nbest}: expected 1 ≤ n-best ≤ beam")
    with device.autocast():
        quick = network if isinstance(network, Steps) else swift(network)
    network = quick.network if quick else network
    fits(network, sources)
    order = sorted(range(len(sources)), key=lambda i: -len(sources[i]))
    found: list[list[Hypothesis]] = [[] for _ in sources]
    limits = Limits(min(longest, getattr(network, "max_length", longest)), never=NEVER)
    place = next(network.parameters()).device
    for start in range(0, len(order), BATCH):
        rows = order[start : start + BATCH]
        batch = pad([sources[i] for i in rows])
        with device.autocast():
            state = (quick or network).start(batch.tokens.to(place), batch.mask.to(place))
            first = torch.full((len(rows),), BOS, device=place)
            if quick and search.beam == 1:
                told = quick.greedy(state, first, limits, search.penalty)
            else:
                step = quick or network.step
                told = beam_search(step, state, first, limits, search.beam, search.penalty, search.nbest)
        for row, one in zip(rows, told, strict=True):
            found[row] = one
    return found


def fits(network: Any, sources: Sequence[Sequence[int]]) -> None:
    """Raises `UserError` for a sentence without a token, and for one longer than a network's positions. · 检查长度。"""
    most = getattr(network, "max_length", None)
    for i, source in enumerate(sources, 1):
        if not source:
            raise UserError(f"sentence {i}: no token: expected words")
        if most is not None and len(source) > most:
            raise UserError(
                f"sentence {i} has {len(source):,} tokens: expected at most the {most:,} positions of the network: "
                "cut it"
            )


@torch.no_grad()
def alignment(network: Any, source: Sequence[int], target: Sequence[int]) -> list[list[float]]:
    """Where each word said, and the end, looks: shares [T + 1, S]. · 对齐矩阵。

    Raises `UserError` for a network without attention.
    """
    if not hasattr(network, "align"):
        raise UserError("this network has no attention: expected a run of seq2seq_attention or transformer_seq2seq")
    batch = pad([source])
    input = torch.tensor([[BOS, *target]])
    return network.align(batch.tokens, batch.mask, input)[0].tolist()
