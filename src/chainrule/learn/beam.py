"""Beam search: the best of several sequences that grow side by side. · 束搜索：并行扩展若干序列，取最优。

A hypothesis that says `<EOS>` leaves the beam, which is narrower by one from then on: a beam of 1 is greedy decoding.
A sentence is done when no live hypothesis can win any more: log-probabilities only fall, so its score stays below what
it has now divided by the largest penalty. Stopping when the best one ends would be wrong under a penalty.
"""

import math
from typing import Any

import torch
from torch import Tensor

from ..errors import UserError
from .decode import PLAIN, USUAL, Hypothesis, Limits, Penalty, Step, reorder


@torch.no_grad()
def beam_search(
    step: Step,
    state: Any,
    first: Tensor,
    limits: Limits = USUAL,
    beam: int = 5,
    penalty: Penalty = PLAIN,
    nbest: int = 1,
) -> list[list[Hypothesis]]:
    """The nbest best sequences of each sentence, the best first; finished ones stand before others. · 束搜索。

    first [N]: the token that each sentence begins with. Raises `UserError` unless 1 ≤ nbest ≤ beam.
    Source: Sutskever, Vinyals & Le 2014, arXiv:1409.3215, section 3.2.

    >>> table = torch.tensor([[0.1, 0.5, 0.4], [0.5, 0.3, 0.2], [0.4, 0.4, 0.2]]).log()
    >>> beam_search(lambda state, last: (table[last], state), None, torch.tensor([0]), Limits(5), beam=2)[0][0].tokens
    ()
    """
    if not 1 <= nbest <= beam:
        raise UserError(f"beam={beam}, nbest={nbest}: expected 1 ≤ nbest ≤ beam")
    n, device = len(first), first.device
    done: list[list[Hypothesis]] = [[] for _ in range(n)]
    rows = list(range(n))  # the sentences that go on
    state = reorder(state, torch.arange(n, device=device).repeat_interleave(beam))
    total = torch.full((n, beam), -math.inf, dtype=torch.float64, device=device)
    total[:, 0] = 0  # one hypothesis to begin with; an empty place has −∞
    said = torch.zeros(n, beam, 0, dtype=torch.int64, device=device)
    room = torch.full((n, 1), beam, device=device)
    last = first.repeat_interleave(beam)
    for length in range(1, limits.max_length + 1):
        if not rows:
            break
        log_p, state = step(state, last)
        total, origin, token = _grown(total, log_p, torch.tensor(limits.never, device=device, dtype=torch.int64))
        said = torch.cat([said.gather(1, origin[..., None].expand(-1, -1, length - 1)), token[..., None]], 2)
        live = (torch.arange(beam, device=device) < room) & (total > -math.inf)
        ended = live & (token == limits.eos)
        for b, k in ended.nonzero().tolist():
            done[rows[b]].append(_told(said[b, k, :-1], float(total[b, k]), length, penalty, True))
        room = room - ended.sum(1, keepdim=True)
        total = total.masked_fill(~live | ended, -math.inf)
        on = _can_win(total, [done[row] for row in rows], nbest, penalty(limits.max_length)).to(device)
        if length < limits.max_length:
            state = reorder(state, (on[:, None] * beam + origin[on]).flatten(), None if len(on) == len(rows) else on)
        rows = [rows[b] for b in on.tolist()]
        total, said, room, last = total[on], said[on], room[on], token[on].flatten()
    for b, k in (total > -math.inf).nonzero().tolist():  # what max_length cut
        done[rows[b]].append(_told(said[b, k], float(total[b, k]), said.shape[2], penalty, False))
    return [sorted(found, key=lambda h: (not h.finished, -h.score))[:nbest] for found in done]


def best_of(x: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """The k largest of each row and their places, the first of equals first; −∞ where there are fewer. · 每行前 k 大。

    >>> best_of(torch.tensor([[1.0, 3.0, 3.0]]), 2)[1]
    tensor([[1, 2]])
    """
    if x.shape[1] < k:
        x = torch.nn.functional.pad(x, (0, k - x.shape[1]), value=-math.inf)
    values, places = x.topk(min(k + 1, x.shape[1]))
    if (values[:, 1:] == values[:, :-1]).any():  # topk takes any of equals
        values, places = x.sort(descending=True, stable=True)
    return values[:, :k], places[:, :k]


def _grown(total: Tensor, log_p: Tensor, never: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The best of all hypotheses with one token more: their log-probabilities, what they grew from, the token.

    The best of all are among the best of each, so only those are added up.
    """
    n, beam = total.shape
    values, tokens = best_of(log_p, min(beam + len(never), log_p.shape[1]))
    values = values.double().masked_fill(torch.isin(tokens, never), -math.inf)
    ahead, width = (total.flatten()[:, None] + values).reshape(n, -1), values.shape[1]
    total, place = best_of(ahead, beam)
    return total, place // width, tokens.reshape(n, -1).gather(1, place)


def _told(tokens: Tensor, log_prob: float, length: int, penalty: Penalty, finished: bool) -> Hypothesis:
    return Hypothesis(tuple(tokens.tolist()), log_prob, log_prob / penalty(length), finished, str(penalty))


def _can_win(total: Tensor, done: list[list[Hypothesis]], nbest: int, largest: float) -> Tensor:
    """The sentences in which a live hypothesis may still come among the nbest. · 仍有可能胜出的句子。"""
    best = (total.amax(1) / largest).tolist()
    on = []
    for b, found in enumerate(done):
        scores = sorted((h.score for h in found), reverse=True)
        bar = scores[nbest - 1] if len(scores) >= nbest else -math.inf
        if best[b] > bar:
            on.append(b)
    return torch.tensor(on, dtype=torch.int64)
