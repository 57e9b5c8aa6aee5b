"""Folds: every sample of training and validation part is held out once. · 交叉验证的各折。"""

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from ..errors import UserError
from . import counter
from .assemble import strata
from .dataset import DataSet, Split
from .split import stratified
from .store import moments, survey

_FOLD = 7  # of the numbers drawn here, beside those of other holdings-out


def fold_of(targets: np.ndarray, folds: int, seed: int) -> np.ndarray:
    """Which fold holds each sample out, int64 [N] in 1…folds; every class is spread evenly. · 分层分折。

    targets [N] integers. The members of a class are shuffled by seed and dealt out one by one, each class going on
    where the one before it stopped, so the folds differ by one sample at most, and so does each class in them.

    >>> fold_of(np.array([0, 0, 0, 0, 1, 1]), 2, seed=0).tolist().count(1)
    3
    """
    out = np.empty(len(targets), dtype=np.int64)
    dealt = 0
    for c in np.unique(targets):
        members = np.flatnonzero(targets == c)
        order = counter.permute(counter.key(_FOLD, seed, int(c)), np.arange(len(members)), len(members))
        out[members] = (dealt + order) % folds + 1
        dealt += len(members)
    return out


class Joined:
    """The samples of several parts as one store. · 合并若干部分的存储。"""

    def __init__(self, parts: list[Split], shape: tuple[int, int, int]):
        self.parts, self.shape = parts, shape
        self.ends = np.cumsum([len(part) for part in parts])

    def __len__(self) -> int:
        return int(self.ends[-1])

    def take(self, rows: Tensor) -> Tensor:
        out = torch.empty(len(rows), *self.shape, dtype=torch.uint8)
        for part, end in zip(self.parts, self.ends.tolist(), strict=True):
            inside = (rows < end) & (rows >= end - len(part))
            if bool(inside.any()):
                out[inside] = part.raws(rows[inside] - (end - len(part)))
        return out

    def name(self, row: int) -> str:
        place = int(np.searchsorted(self.ends, row, side="right"))
        return self.parts[place].names(row - (int(self.ends[place]) - len(self.parts[place])))


def folded(data: DataSet, folds: int, fold: int, val: float, seed: int) -> DataSet:
    """A data set whose test part is one fold of what it may learn from; its own test part stays aside. · 取一折。

    The other folds are training part, less the share `val` by which the best epoch is chosen: what is held out chooses
    nothing. Mean and deviation are those of the training part. Raises `UserError` where a class has fewer samples than
    there are folds, and for targets that are no classes.
    """
    parts = [part for part in (data.train, data.val) if part is not None]
    targets = torch.cat([part.targets for part in parts])
    keys = _keys(targets, data, folds)
    store = Joined(parts, data.shape)
    held = np.flatnonzero(fold_of(keys, folds, seed) == fold)
    rest = np.setdiff1d(np.arange(len(store)), held)
    kept, chosen = stratified(keys[rest], val, seed)
    rows = {"train": rest[kept], "val": rest[chosen], "test": held}
    mean, std = moments(survey(store), rows["train"], data.shape[1] * data.shape[2])
    at = {part: torch.from_numpy(places) for part, places in rows.items()}
    made = {
        part: Split(store, places, targets[places], mean, std) if len(places) else None for part, places in at.items()
    }
    return replace(data, **made, mean=mean, std=std)


def _keys(targets: Tensor, data: DataSet, folds: int) -> np.ndarray:
    """The class of each sample; of several labels the rarest, -1 where there is none."""
    if data.task == "regression":
        raise UserError(f"folds={folds}: expected data with classes, and {data.name} has numbers")
    if data.task == "multilabel":
        return strata(targets.numpy())
    keys = targets.numpy()
    classes, sizes = np.unique(keys, return_counts=True)
    smallest = int(sizes.argmin())
    if sizes[smallest] < folds:
        name = data.classes[int(classes[smallest])]
        raise UserError(
            f"folds={folds}: class {name} has {sizes[smallest]} samples to learn from: expected at least one a fold; "
            f"use folds={sizes[smallest]} or fewer"
            if sizes[smallest] > 1
            else f"folds={folds}: class {name} has one sample to learn from: expected at least one a fold; add some"
        )
    return keys
