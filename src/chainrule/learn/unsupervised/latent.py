"""What codes are worth, and what one has without a network: PCA and k-means, by scikit-learn. · 编码的评价与基线。

cluster_accuracy  of the best assignment of clusters to classes (Kuhn 1955, doi:10.1002/nav.3800020109)
nmi, ari  normalised mutual information, adjusted Rand index: 1 where clusters are the classes, about 0 by chance
"""

import warnings
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...data.dataset import Split
from ...data.sampler import seed_of

BATCH = 256  # that is judged at once
MOST = 20_000  # images that PCA is fitted on
CLUSTERED = 10_000  # codes that are clustered


def clustered(codes: Tensor, labels: Tensor, classes: int) -> dict[str, float]:
    """k-means with as many clusters as classes, held against them; nothing without scikit-learn. · 聚类并与类别对照。

    codes [N, D], labels [N] of which the clustering knows nothing.

    >>> codes = torch.tensor([[0.0], [0.1], [5.0], [5.1]])
    >>> clustered(codes, torch.tensor([1, 1, 0, 0]), 2)
    {'cluster_accuracy': 1.0, 'nmi': 1.0, 'ari': 1.0}
    """
    try:
        from scipy.optimize import linear_sum_assignment
        from sklearn.cluster import KMeans
        from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score
    except ImportError:
        return {}
    if classes < 2 or len(codes) < classes or not bool(codes.isfinite().all()):
        return {}
    points, truth = codes[:CLUSTERED].numpy(), labels[:CLUSTERED].numpy()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # fewer different points than clusters, where a network tells nothing apart
        means: Any = KMeans
        found = means(classes, n_init=10, random_state=0).fit_predict(points)
    table = np.zeros((classes, classes), dtype=np.int64)
    np.add.at(table, (found, truth), 1)
    rows, columns = linear_sum_assignment(-table)
    return {
        "cluster_accuracy": float(table[rows, columns].sum() / len(truth)),
        "nmi": float(normalized_mutual_info_score(truth, found)),
        "ari": float(adjusted_rand_score(truth, found)),
    }


def pixels(part: Split, most: int) -> tuple[Tensor, Tensor]:
    """The first images as rows [N, C·H·W] in 0…1, and their targets. · 前若干图像的像素与目标。"""
    rows = torch.arange(min(most, len(part)))
    x, y = zip(*(part.batch(chunk) for chunk in rows.split(512)), strict=True)
    return torch.cat(x).flatten(1), torch.cat(y)


def noisy(network: Any, x: Tensor, size: int = BATCH) -> Tensor:
    """Rows of pixels as a denoising network is judged on them, batch by batch. · 评估去噪网络时所见的图像。"""
    parts = [network.seen(part, seed_of(0, b)) for b, part in enumerate(x.split(size))]
    return torch.cat(parts)


def baselines(
    train: Split, parts: dict[str, Split], dim: int, classes: int, network: Any
) -> dict[str, dict[str, float]]:
    """PCA with as many numbers as the codes have, and k-means on its codes and on the pixels. · PCA 与 k 均值基线。

    Where the network has to see through noise, PCA sees the same images, and what was seen stands beside it.
    """
    try:
        from sklearn.decomposition import PCA
    except ImportError:
        return {}
    x, _ = pixels(train, MOST)
    pca = PCA(min(dim, *x.shape), svd_solver="full" if x.shape[1] <= 1024 else "randomized", random_state=0)
    pca.fit(x.numpy())
    told: dict[str, dict[str, float]] = {"PCA": {}, "pixels": {}}
    for name, part in parts.items():
        x, y = pixels(part, len(part))
        codes = given = pca.transform(x.numpy())
        if network.denoises:
            seen = noisy(network, x.unflatten(1, train.batch(torch.arange(1))[0].shape[1:])).flatten(1).numpy()
            told.setdefault("untouched", {}).update(_error(seen, x.numpy(), name))
            given = pca.transform(seen)
        told["PCA"] |= _error(pca.inverse_transform(given), x.numpy(), name)
        for who, points in (("PCA", torch.from_numpy(codes)), ("pixels", x)):
            told[who] |= {f"{name}_{k}": v for k, v in clustered(points, y, classes).items()}
    return {name: figures for name, figures in told.items() if figures}


def _error(made: Any, x: Any, name: str) -> dict[str, float]:
    """Of pixels made [N, P] beside the true ones: mean square, and share of the variance that is explained."""
    squared = np.square(made.clip(0, 1) - x).sum(dtype=np.float64)
    spread = np.square(x - x.mean(0)).sum(dtype=np.float64)
    return {f"{name}_mse": float(squared / x.size)} | (
        {f"{name}_explained": float(1 - squared / spread)} if spread else {}
    )
