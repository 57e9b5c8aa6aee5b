"""Beam search: the best of several sequences that grow side by side. · 束搜索：并行扩展若干序列，取最优。

A hypothesis that says `<EOS>` leaves the beam, which is narrower by one from then on: a beam of 1 is greedy decoding.
A sentence is done when no live hypothesis can win any more: log-probabilities only fall, so its score stays below what
it has now divided by the largest penalty. Stopping when the best one ends would be wrong under a penalty.
"""

import math
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from ..errors import UserError
from .decode import PLAIN, USUAL, Hypothesis, Limits, Penalty, Step, reorder


class Ahead(Protocol):
    """A step that tells the likeliest words only, not what all of them have. · 只给出最可能的词的一步。"""

    def best(self, state: Any, token: Tensor, many: int) -> tuple[Tensor, Tensor, Any]:
        """Log-probabilities and tokens [N, many] behind token [N], the first of equals first; and the state."""
        ...


@torch.no_grad()
def beam_search(
    step: Step | Ahead,
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
    done, rows = _Done(n, nbest, penalty), np.arange(n)  # the sentences that go on
    state = _taken(state, np.repeat(rows, beam), n, device)
    total = np.full((n, beam), -math.inf)
    total[:, 0] = 0  # one hypothesis to begin with; an empty place has −∞
    said = np.zeros((n, beam, 0), np.int64)
    room = np.full((n, 1), beam)
    last = first.repeat_interleave(beam)
    for length in range(1, limits.max_length + 1):
        if not len(rows):
            break
        values, tokens, state = _ahead(step, state, last, beam + len(limits.never))
        total, origin, token = _grown(total, values, tokens, limits.never)
        said = np.concatenate([said[np.arange(len(rows))[:, None], origin], token[..., None]], 2)
        live = (np.arange(beam) < room) & (total > -math.inf)
        ended = live & (token == limits.eos)
        for b, k in np.argwhere(ended).tolist():
            done.add(rows[b], said[b, k], float(total[b, k]), True)
        room = room - ended.sum(1, keepdims=True)
        total[~live | ended] = -math.inf
        # a live one's score stays below what it has now, divided by the largest penalty
        on = np.flatnonzero(total.max(1) / penalty(limits.max_length) > done.bar[rows])
        origin = (on[:, None] * beam + origin[on]).ravel()
        if length < limits.max_length:
            state = _taken(state, origin, len(rows) * beam, device, on)
        rows, total, said, room = rows[on], total[on], said[on], room[on]
        last = torch.from_numpy(token[on].ravel()).to(device)
    for b, k in np.argwhere(total > -math.inf).tolist():  # what max_length cut
        done.add(rows[b], said[b, k], float(total[b, k]), False)
    return done.best()


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


def _ahead(step: Step | Ahead, state: Any, last: Tensor, many: int) -> tuple[np.ndarray, np.ndarray, Any]:
    """The likeliest tokens of each row with their log-probabilities, and the state behind `last`."""
    if callable(step):
        log_p, state = step(state, last)
        values, tokens = best_of(log_p, min(many, log_p.shape[1]))
    else:
        values, tokens, state = step.best(state, last, many)
    return values.double().cpu().numpy(), tokens.cpu().numpy(), state


def _grown(
    total: np.ndarray, values: np.ndarray, tokens: np.ndarray, never: tuple[int, ...]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The best of all hypotheses with one token more: their log-probabilities, what they grew from, the token.

    The best of all are among the best of each, so only those are added up; of equals the first.
    """
    n, beam = total.shape
    for word in never:
        values = np.where(tokens == word, -math.inf, values)
    ahead = (total.reshape(-1, 1) + values).reshape(n, -1)
    place = np.argsort(-ahead, axis=1, kind="stable")[:, :beam] if beam > 1 else ahead.argmax(1)[:, None]
    each = np.arange(n)[:, None]
    return ahead[each, place], place // values.shape[1], tokens.reshape(n, -1)[each, place]


def _taken(state: Any, rows: np.ndarray, of: int, device: torch.device, sentences: np.ndarray | None = None) -> Any:
    """Those rows of a state that has `of` rows, and their sentences; itself where these are all, in their order."""
    if len(rows) == of and (rows == np.arange(of)).all():
        return state
    kept = None if sentences is None or len(rows) == of else torch.from_numpy(sentences).to(device)
    return reorder(state, torch.from_numpy(rows).to(device), kept)


class _Done:
    """What is done of each sentence, and the bar that a score has to pass to come among its nbest."""

    def __init__(self, sentences: int, nbest: int, penalty: Penalty):
        self.found: list[list[Hypothesis]] = [[] for _ in range(sentences)]
        self.bar = np.full(sentences, -math.inf)
        self.nbest, self.penalty = nbest, penalty

    def add(self, row: int, said: np.ndarray, log_prob: float, finished: bool) -> None:
        """said: with `<EOS>` where it is finished."""
        found = self.found[row]
        found.append(Hypothesis.of(said.tolist(), log_prob, self.penalty, finished))
        if len(found) >= self.nbest:
            self.bar[row] = sorted((h.score for h in found), reverse=True)[self.nbest - 1]

    def best(self) -> list[list[Hypothesis]]:
        return [sorted(found, key=lambda h: (not h.finished, -h.score))[: self.nbest] for found in self.found]
