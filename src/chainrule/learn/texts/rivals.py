"""What one has without a network: the most frequent answer, and counted words. · 不用网络的基线：多数类与词频模型。

symbols  n [C, F] how often a feature stands in texts of a class   features: tokens and the pairs of neighbours, of
         characters also triples
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import accumulate

import numpy as np
import torch
from torch import Tensor

from ..metrics import Classification, Regression, Spans
from ..metrics.spans import name_spans
from .data import Part, TextData

MOST = 200_000  # features that are counted, the frequent ones
RIDGE_FEATURES = 2_000
_SCHEME = {"characters": 3}


def grams(ids: Sequence[int], n: int) -> Iterable[tuple[int, ...]]:
    """All runs of 1…n neighbours. · 全部 n 元组。

    >>> list(grams([4, 5], 2))
    [(4,), (5,), (4, 5)]
    """
    for size in range(1, n + 1):
        yield from zip(*(ids[i:] for i in range(size)), strict=False)


class Bags:
    """How often each feature stands in each text, sparse. · 词袋特征。"""

    def __init__(self, part: Part, n: int, most: int = MOST) -> None:
        self.n = n
        counts = Counter(gram for ids in part.ids for gram in set(grams(ids, n)))
        kept = sorted(counts, key=lambda gram: (-counts[gram], gram))[:most]
        self.place = {gram: i for i, gram in enumerate(kept)}

    def of(self, part: Part) -> Tensor:
        """[N, F], a row a text; only whether a feature stands there. · 稀疏矩阵。"""
        pairs = [
            (i, self.place[gram])
            for i, ids in enumerate(part.ids)
            for gram in sorted(set(grams(ids, self.n)) & self.place.keys())
        ]
        where = torch.tensor(pairs, dtype=torch.int64).reshape(-1, 2).T
        shape = (len(part), len(self.place))
        return torch.sparse_coo_tensor(where, torch.ones(where.shape[1]), shape, check_invariants=True)


def naive_bayes(x: Tensor, y: Tensor, classes: int, smoothing: float = 1.0) -> tuple[Tensor, Tensor]:
    """log p(feature | class) [C, F] and log p(class) [C] of multinomial naive Bayes. · 多项式朴素贝叶斯。

    x [N, F] sparse, y [N]. Source: McCallum & Nigam 1998, A comparison of event models for naive Bayes text
    classification, AAAI workshop; whether and not how often a feature stands: Wang & Manning 2012,
    https://aclanthology.org/P12-2018/.

    >>> x = torch.tensor([[1.0, 0.0], [0.0, 1.0]]).to_sparse()
    >>> naive_bayes(x, torch.tensor([0, 1]), 2)[0].exp()
    tensor([[0.6667, 0.3333],
            [0.3333, 0.6667]])
    """
    hot = torch.nn.functional.one_hot(y, classes).float()
    n = torch.sparse.mm(x.t(), hot).T + smoothing
    return (n / n.sum(1, keepdim=True)).log(), hot.mean(0).log()


def _told(metrics: Classification | Regression, part: str) -> dict[str, float]:
    return {f"{part}_{k}": v for k, v in metrics.figures().items() if k not in ("loss", "count") and "top" not in k}


def _judged(answers: Tensor, part: Part, classes: int) -> Classification:
    metrics = Classification(classes)
    metrics.add(answers, part.targets, 0.0)
    return metrics


def rivals(data: TextData) -> dict[str, dict[str, float]]:
    """Name → figures of the validation and the test part. · 各基线的指标。"""
    parts = {name: part for name, part in (("val", data.val), ("test", data.test)) if part is not None}
    if data.facts.task == "tags":
        return _of_tags(data, parts)
    bags = Bags(data.train, _SCHEME.get(data.facts.tokens, 2))
    return _of_numbers(data, parts) if data.facts.task == "regression" else _of_classes(data, parts, bags)


def _of_classes(data: TextData, parts: dict[str, Part], bags: Bags) -> dict[str, dict[str, float]]:
    classes, y = len(data.facts.classes), data.train.targets
    often = y.bincount(minlength=classes).float()
    likely, prior = naive_bayes(bags.of(data.train), y, classes)
    found: dict[str, dict[str, float]] = {"majority": {}, "naive Bayes": {}}
    for name, part in parts.items():
        found["majority"] |= _told(_judged(often.expand(len(part), -1), part, classes), name)
        found["naive Bayes"] |= _told(_judged(torch.sparse.mm(bags.of(part), likely.T) + prior, part, classes), name)
    return found


def _of_numbers(data: TextData, parts: dict[str, Part]) -> dict[str, dict[str, float]]:
    """The mean, and a ridge regression on the frequent words. · 均值与岭回归。"""
    bags = Bags(data.train, 1, RIDGE_FEATURES)
    x, y = bags.of(data.train).to_dense().double(), data.train.targets.double()
    middle = x.mean(0)
    square = (x - middle).T @ (x - middle) + torch.eye(x.shape[1]).double() * max(1.0, len(x) / 100)
    slope = torch.linalg.solve(square, (x - middle).T @ y)
    mean, std = data.facts.mean, data.facts.std
    found: dict[str, dict[str, float]] = {"mean": {}, "ridge": {}}
    for name, part in parts.items():
        truth = part.targets.double() * std + mean
        guess = (bags.of(part).to_dense().double() - middle) @ slope
        for rival, said in (("mean", torch.zeros_like(truth)), ("ridge", guess)):
            metrics = Regression()
            metrics.add(said * std + mean, truth, 0.0)
            found[rival] |= _told(metrics, name)
    return found


def _of_tags(data: TextData, parts: dict[str, Part]) -> dict[str, dict[str, float]]:
    """The most frequent tag, and that of each word. · 最常见标签与逐词最常见标签。"""
    classes = len(data.facts.classes)
    counts = np.zeros((len(data.facts.vocabulary), classes))
    for ids, tags in zip(data.train.ids, data.train.targets, strict=True):
        np.add.at(counts, (ids, tags), 1)
    every = torch.from_numpy(counts.sum(0))
    known = torch.from_numpy(counts) + every / every.sum() * 1e-3  # a word never seen gets the most frequent tag
    found: dict[str, dict[str, float]] = {"majority": {}, "tag of the word": {}}
    for name, part in parts.items():
        flat = torch.tensor([i for ids in part.ids for i in ids])
        truth = torch.tensor([tag for tags in part.targets for tag in tags])
        for rival, said in (("majority", every.expand(len(flat), -1)), ("tag of the word", known[flat])):
            metrics = _of_spans(data, part, said) if name_spans(data.facts.classes) else Classification(classes)
            metrics.add(said, truth, 0.0)
            found[rival] |= _told(metrics, name)
    return found


def _of_spans(data: TextData, part: Part, said: Tensor) -> Spans:
    """The spans that the likeliest tags of all tokens, one text behind the other, come to."""
    metrics, answers = Spans(len(data.facts.classes), names=data.facts.classes), said.argmax(-1).tolist()
    ends = list(accumulate((len(tags) for tags in part.targets), initial=0))
    for tags, begin, end in zip(part.targets, ends, ends[1:], strict=False):
        metrics.text(tags, answers[begin:end])
    return metrics
