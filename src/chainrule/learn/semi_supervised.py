"""Semi-supervised learning: a few labels, and images without one. · 半监督学习：少量标签与无标签图像。

pseudo    the network's own answer to an image is its label (Lee 2013)
fixmatch  its answer to a weakly changed image, where it is sure, is the label of a strongly changed one
          (Sohn et al. 2020, arXiv:2001.07685); judged with the moving average of the weights, as there, by ema=

A batch is one tensor: images with labels, then those without; y is (labels, weight of the second loss at this step).
symbols  B labelled images a step   μB unlabelled ones, each once (pseudo) or in two views (fixmatch)
"""

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from ..data import sampler
from ..data.augment.plan import Step, parse
from ..data.dataset import DataSet, Split
from ..errors import UserError
from ..nn.pseudo_label import pseudo_label
from ..settings import Settings
from .feed import Feed
from .supervised import Supervised

_ORDER, _STRONG = 1, 2  # draws of their own: which unlabelled images, and how they are changed strongly


def labelled(targets: Tensor, count: int, seed: int) -> Tensor:
    """Rows of `count` samples of each class, drawn by seed, ascending. · 每类随机抽取若干有标签样本。

    targets int64 [N]. Raises `UserError` for a class that has fewer.

    >>> labelled(torch.tensor([0, 0, 1, 1, 1]), 1, seed=0).tolist()
    [1, 3]
    """
    if targets.ndim != 1 or targets.is_floating_point():
        raise UserError(f"labels={count}: expected one class a sample; leave labels=0")
    chosen = []
    for c in targets.unique():
        rows = (targets == c).nonzero()[:, 0]
        if len(rows) < count:
            raise UserError(f"labels={count}: class {int(c)} has {len(rows)} training samples; expected at most that")
        order = sampler.indices(seed, int(c), 0, len(rows), len(rows))
        chosen.append(rows[order[:count]])
    return torch.cat(chosen).sort().values


@dataclass(frozen=True)
class SemiSupervised(Supervised):
    """Cross-entropy of the labelled, and λ times that of the unlabelled to their pseudo-labels. · 半监督损失。

    views  of each unlabelled image: 1 teaches itself, of 2 the first teaches the second
    confidence  the probability from which on an answer teaches

    >>> task = SemiSupervised("classification", ("cat", "dog"))
    >>> task.loss(torch.zeros(5, 2), (torch.tensor([1]), torch.tensor(1.0)))
    tensor(0.6931)
    """

    views: int = 2
    confidence: float = 0.95

    def loss(self, out: Tensor, y: Any) -> Tensor:
        if isinstance(y, Tensor):
            return super().loss(out, y)
        labels, weight = y
        out = out if out.dtype == torch.float64 else out.float()
        few, rest = super().loss(out[: len(labels)], labels), out[len(labels) :]
        teachers, learners = rest.chunk(2) if self.views == 2 else (rest, rest)
        return few + weight * pseudo_label(learners, teachers.detach(), self.confidence)

    def count(self, y: Any) -> int:
        return len(y) if isinstance(y, Tensor) else len(y[0])


class SemiFeed(Feed):
    """An epoch sees each unlabelled image once, beside labelled ones drawn again and again. · 半监督批次。

    The images that are left over when the unlabelled ones are dealt into batches of one size come in other epochs.
    """

    def __init__(self, data: DataSet, split: Split, settings: Settings, place: str = "cpu"):
        size = min(settings.batch_size, len(split))
        super().__init__(data, split, replace(settings, batch_size=size), place)
        self.passes = self.batches  # batches of one pass over the labelled images
        unlabelled = torch.ones(len(data.train), dtype=torch.bool)
        unlabelled[labelled(data.train.targets, settings.labels, settings.seed)] = False
        self.others = unlabelled.nonzero()[:, 0]
        if not len(self.others):
            raise UserError(f"labels={settings.labels}: every image has its label then; expected fewer")
        self.many = min(settings.unlabelled_ratio * size, len(self.others))
        self.batches = len(self.others) // self.many
        self.updates = -(-self.batches // settings.accumulate)
        self.strong = parse(settings.strong) if settings.unlabelled == "fixmatch" else None

    def _read(self, step: int) -> list[Any]:
        epoch, update = divmod(step, self.updates)
        first = update * self.settings.accumulate
        last = min(first + self.settings.accumulate, self.batches)
        return [self._both(step, epoch, batch) for batch in range(first, last)]

    def _both(self, step: int, epoch: int, batch: int) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        turn, place = divmod(epoch * self.batches + batch, self.passes)
        few, labels = self._batch(step, turn, self._indices(turn, place))
        order = sampler.seed_of(self.settings.seed, _ORDER)
        rows = self.others.index_select(0, sampler.indices(order, epoch, batch, len(self.others), self.many))
        images = self.data.train.images(rows).to(self.place)
        views = [self._view(self.plan, self.settings.seed, images, rows, step, epoch)]
        if self.strong is not None:
            strong = sampler.seed_of(self.settings.seed, _STRONG)
            views.append(self._view(self.strong, strong, images, rows, step, epoch))
        return torch.cat([few, *views]), (labels, torch.tensor(self.weight(step)))

    def _view(self, plan: tuple[Step, ...], seed: int, images: Tensor, rows: Tensor, step: int, epoch: int) -> Tensor:
        return self.split.normalise(self._changed(plan, seed, images, rows, step, epoch)[0] if plan else images)

    def weight(self, step: int) -> float:
        """λ of a step: it rises from 0 in a line over the first epochs, if it is to (Lee 2013, eq. 16). · 权重。"""
        rise = self.settings.unlabelled_rise * self.updates
        return self.settings.unlabelled_weight * (min(1.0, step / rise) if rise else 1.0)
