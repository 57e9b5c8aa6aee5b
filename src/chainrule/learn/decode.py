"""From log-probabilities to a sequence: greedy, by chance, or the best of a beam. · 解码：贪心、采样、束搜索。

A model is step(state, tokens [N]) → (log-probabilities [N, V], state); its state is a nest of tuples, lists and dicts
of tensors whose first axis is N, in a `Shared` one row for each sentence. Recurrent decoders and Transformers with kept
keys and values are both that. What is said for a sentence does not depend on which others are decoded beside it: what
has ended leaves the batch, and numbers that are drawn belong to (seed, sentence, step).
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..data import counter
from ..errors import UserError, unknown
from ..nn.shared import Shared

Step = Callable[[Any, Tensor], tuple[Tensor, Any]]
_SAMPLE = 21
PENALTIES = ("none", "gnmt", "power")


@dataclass(frozen=True)
class Limits:
    """What ends a sequence. · 终止条件。

    max_length: tokens at most, `<EOS>` among them. eos: what ends it. never: what is not said, as `<PAD>` and `<BOS>`.
    """

    max_length: int = 100
    eos: int = 2
    never: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if self.max_length < 1:
            raise UserError(f"max_length={self.max_length}: expected at least 1")


@dataclass(frozen=True)
class Penalty:
    """What a log-probability is divided by, so that short sequences do not win for being short. · 长度惩罚。

    kind: "none", "gnmt" ((5 + n)/6)^alpha, or "power" n^alpha; n: tokens, `<EOS>` counted once. Raises `UserError` for
    another kind and alpha < 0. Source: Wu et al. 2016, arXiv:1609.08144, section 7, eq. 14.

    >>> Penalty("gnmt", 1.0)(7), str(Penalty("power", 0.5))
    (2.0, 'power 0.5')
    """

    kind: str = "none"
    alpha: float = 0.0

    def __post_init__(self) -> None:
        if self.kind not in PENALTIES:
            raise unknown("length penalty", self.kind, PENALTIES)
        if not 0 <= self.alpha < math.inf:
            raise UserError(f"alpha={self.alpha}: expected a number of at least 0")

    def __call__(self, n: int) -> float:
        if self.kind == "none":
            return 1.0
        return ((5 + n) / 6 if self.kind == "gnmt" else n) ** self.alpha

    def __str__(self) -> str:
        return "none" if self.kind == "none" else f"{self.kind} {self.alpha:g}"


@dataclass(frozen=True)
class Hypothesis:
    """A sequence that was said. · 一个解码结果。

    tokens: without `<EOS>` (errata E74). log_prob: of all tokens, `<EOS>` among them. score: log_prob divided by the
    penalty of that name. finished: whether `<EOS>` was said; False where max_length cut it.
    """

    tokens: tuple[int, ...]
    log_prob: float
    score: float
    finished: bool
    penalty: str = "none"

    @classmethod
    def of(cls, said: Sequence[int], log_prob: float, penalty: Penalty, finished: bool) -> "Hypothesis":
        """said: with `<EOS>` where it is finished, which the penalty counts. · 由所说的词构成假设。"""
        tokens = tuple(said[:-1] if finished else said)
        return cls(tokens, log_prob, log_prob / penalty(len(said)), finished, str(penalty))


USUAL = Limits()
PLAIN = Penalty()


def reorder(state: Any, rows: Tensor, sentences: Tensor | None = None) -> Any:
    """Those rows of every tensor in a nest; of what is `Shared` those sentences, None for all. · 按行重排状态。

    A state of another kind may know by itself how to `take` rows.

    >>> reorder({"h": (torch.arange(3), None)}, torch.tensor([2, 2]))
    {'h': (tensor([2, 2]), None)}
    """
    if isinstance(state, Tensor):
        return state.index_select(0, rows)
    if isinstance(state, Shared):
        return state if sentences is None else Shared(reorder(dict(state), sentences))
    if isinstance(state, dict):
        return {name: reorder(part, rows, sentences) for name, part in state.items()}
    if isinstance(state, list | tuple):
        return type(state)(reorder(part, rows, sentences) for part in state)
    return state.take(rows) if hasattr(state, "take") else state


@torch.no_grad()
def greedy(step: Step, state: Any, first: Tensor, limits: Limits = USUAL) -> list[Hypothesis]:
    """Always the likeliest token, the first of equals. · 贪心解码。

    first [N]: the token that each sentence begins with, `<BOS>` or the last of what was read.

    >>> table = torch.tensor([[0.1, 0.2, 0.7], [0.1, 0.1, 0.8], [0.5, 0.4, 0.1]]).log()
    >>> greedy(lambda state, last: (table[last], state), None, torch.tensor([0]))[0].tokens
    ()
    """
    return _follow(step, state, first, limits, lambda log_p, rows, t: log_p.argmax(-1))


@dataclass(frozen=True)
class Chance:
    """How a token is drawn. · 采样方式。

    seed: of all that is drawn; start: the number of the first sentence, so that it does not matter how a file is cut
    into batches. temperature: below 1 surer, above 1 bolder. top_k: of the k likeliest only, 0 for all.
    top_p: of the fewest tokens that have this share together. Raises `UserError` for numbers out of range.
    Source: top-k: Fan, Lewis & Dauphin 2018, arXiv:1805.04833, section 5.4; top-p: Holtzman et al. 2020,
    arXiv:1904.09751, section 3.1.
    """

    seed: int = 0
    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    start: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.temperature < math.inf:
            raise UserError(f"temperature={self.temperature}: expected a number above 0; greedy decoding draws nothing")
        if self.top_k < 0 or not 0 < self.top_p <= 1:
            raise UserError(f"top_k={self.top_k}, top_p={self.top_p}: expected at least 0, and 0 < top_p ≤ 1")


FAIR = Chance()


@torch.no_grad()
def sample(step: Step, state: Any, first: Tensor, limits: Limits = USUAL, chance: Chance = FAIR) -> list[Hypothesis]:
    """Tokens drawn by their probabilities, with numbers that are a function of (seed, sentence, place). · 采样解码。

    first [N]: the token that each sentence begins with.

    >>> table = torch.full((5, 5), 0.2).log()
    >>> drawn = sample(lambda state, last: (table[last], state), None, torch.tensor([0, 0]), Limits(4))
    >>> drawn == sample(lambda state, last: (table[last], state), None, torch.tensor([0, 0]), Limits(4))
    True
    """

    return _follow(step, state, first, limits, drawing(chance))


def drawing(chance: Chance) -> Callable[[Tensor, Tensor, int], Tensor]:
    """(log-probabilities [N, V], sentences [N], place) → tokens [N], drawn. · 按概率抽取的规则。"""

    def draw(log_p: Tensor, rows: Tensor, t: int) -> Tensor:
        numbers = counter.uniform(counter.key(_SAMPLE, chance.seed, t), rows.cpu().numpy() + chance.start, 1)
        kept = likeliest(log_p.double() / chance.temperature, chance.top_k, chance.top_p)
        sums = kept.softmax(-1).cumsum(-1)
        aim = torch.from_numpy(numbers).to(sums.device) * sums[:, -1:]
        return (sums <= aim).sum(-1)

    return draw


def likeliest(log_p: Tensor, top_k: int = 0, top_p: float = 1.0) -> Tensor:
    """−∞ for all but the k likeliest, then for all but the fewest with the share p together. · top-k 与 top-p。

    log_p [N, V]; 0 and 1 keep all. The likeliest is always kept.

    >>> likeliest(torch.tensor([[0.5, 0.3, 0.2]]).log(), top_p=0.6).exp().round(decimals=1)
    tensor([[0.5000, 0.3000, 0.0000]])
    """
    if top_k:
        log_p = log_p.masked_fill(log_p < log_p.topk(min(top_k, log_p.shape[-1])).values[:, -1:], -math.inf)
    if top_p < 1:
        ordered, places = log_p.sort(descending=True, stable=True)
        shares = ordered.softmax(-1)
        beyond = shares.cumsum(-1) - shares >= top_p
        beyond[:, 0] = False
        log_p = log_p.masked_fill(torch.zeros_like(beyond).scatter(1, places, beyond), -math.inf)
    return log_p


def sayable(log_p: Tensor, limits: Limits) -> Tensor:
    """−∞ for what is never said. · 屏蔽不可输出的词。

    >>> sayable(torch.zeros(1, 3), Limits(never=(0,))).tolist()
    [[-inf, 0.0, 0.0]]
    """
    if not limits.never:
        return log_p
    return log_p.index_fill(-1, torch.tensor(limits.never, device=log_p.device), -math.inf)


def _follow(
    step: Step, state: Any, first: Tensor, limits: Limits, pick: Callable[[Tensor, Tensor, int], Tensor]
) -> list[Hypothesis]:
    """One token after the other for each sentence; who has ended leaves the batch."""
    rows, last = torch.arange(len(first), device=first.device), first
    said: list[list[int]] = [[] for _ in first]
    total = torch.zeros(len(first), dtype=torch.float64, device=first.device)
    ended = set()
    for t in range(limits.max_length):
        if not len(rows):
            break
        log_p, state = step(state, last)
        log_p = sayable(log_p, limits)
        last = pick(log_p, rows, t)
        total[rows] += log_p.gather(1, last[:, None])[:, 0].double()
        for row, token in zip(rows.tolist(), last.tolist(), strict=True):
            if token == limits.eos:
                ended.add(row)
            else:
                said[row].append(token)
        on = (last != limits.eos).nonzero()[:, 0]
        if len(on) < len(rows):
            rows, last, state = rows[on], last[on], reorder(state, on, on)
    sums = total.tolist()
    return [Hypothesis(tuple(s), sums[i], sums[i], i in ended) for i, s in enumerate(said)]
