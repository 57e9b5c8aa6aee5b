"""From what a reader found to a data set: held out, measured, with its fingerprint. · 由读取结果组成数据集。"""

import hashlib

import numpy as np
import torch

from .dataset import DataSet, Split
from .found import Found
from .split import stratified
from .store import moments, survey

# Where nobody set a test part aside, this one is fixed: no seed of a run may move it.
_TEST_SHARE, _TEST_SEED = 0.2, 0


def _rows(found: Found, val: float, seed: int) -> dict[str, tuple[str, np.ndarray]]:
    """Part → (the part it was read from, its rows there), with what is missing held out of train."""
    rows = {part: (part, np.arange(len(store))) for part, (store, _) in found.parts.items()}
    targets = strata(found.parts["train"][1])
    if set(rows) == {"train"}:
        kept, held = stratified(targets, _TEST_SHARE, _TEST_SEED)
        rows = {"train": ("train", kept), "test": ("train", held)}
    if "val" not in rows:
        kept = rows["train"][1]
        inner, held = stratified(targets[kept], val, seed)
        rows |= {"train": ("train", kept[inner]), "val": ("train", kept[held])}
    return rows


def assemble(found: Found, val: float, seed: int) -> DataSet:
    """Hold out what is missing, measure the training part, take the fingerprint."""
    rows = _rows(found, val, seed)
    surveys = {part: survey(store) for part, (store, _) in found.parts.items()}
    shape = found.parts["train"][0].shape
    mean, std = moments(surveys["train"], rows["train"][1], shape[1] * shape[2])
    splits: dict[str, Split | None] = {"val": None, "test": None}
    for part, (home, chosen) in rows.items():
        store, targets = found.parts[home]
        if len(chosen):
            rows_, targets_ = torch.from_numpy(chosen), torch.from_numpy(targets[chosen])
            splits[part] = Split(store, rows_, targets_, mean, std)
    train = splits.pop("train")
    assert train is not None  # a class keeps one row at least
    digest = hashlib.sha256(repr((found.classes, shape)).encode())
    for part, (_, targets) in found.parts.items():
        digest.update(f"{part} {surveys[part].digest}".encode() + _plain(targets).tobytes())
    return DataSet(
        found.name,
        found.task,
        found.classes,
        shape,
        train,
        **splits,
        mean=mean,
        std=std,
        fingerprint=digest.hexdigest(),
        source=found.source,
        fit=found.fit,
    )


def strata(targets: np.ndarray) -> np.ndarray:
    """What is held out in proportion: the class, or of several the rarest that a picture has, else -1. · 分层依据。"""
    if targets.ndim == 1:
        return targets
    order = np.argsort(targets.sum(0), kind="stable")
    return np.where(targets.any(1), order[targets[:, order].argmax(1)], -1)


def _plain(targets: np.ndarray) -> np.ndarray:
    """Targets in a byte order and width that are the same everywhere."""
    return targets.astype("<i8" if targets.dtype.kind in "iu" else "<f4")
