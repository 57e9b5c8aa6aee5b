"""Why a network answers as it does: heat over the image. · 网络为何如此作答：图像上的热力图。"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..data.dataset import read_image
from ..data.images import decode
from ..errors import UserError, did_you_mean
from ..learn.facts import Facts
from ..learn.supervised import Supervised
from .attribution import grad_cam, occlusion, saliency
from .maps import input_deltas, last_maps, maps_and_deltas

METHODS = ("gradcam", "saliency", "guided", "occlusion")
MOST = 40  # images of one picture


@dataclass(frozen=True)
class Explanation:
    """One image, what the network says of it, and which part of it speaks for a class. · 一张图像的解释。

    image uint8 [H, W, 3] as the network sees it; heat float32 [H, W] in 0…1; label the class that is explained, with
    its probability; top the likeliest classes; layer whose maps were used, empty where none were
    """

    path: Path
    image: np.ndarray
    heat: np.ndarray
    label: str
    probability: float
    top: tuple[tuple[str, float], ...]
    method: str
    layer: str


@dataclass(frozen=True)
class Wish:
    """What is to be explained, and how. · 解释什么、如何解释。

    label of the class, None for the likeliest of each image; layer, None for the last with maps; method of `METHODS`

    >>> Wish(method="lime")
    Traceback (most recent call last):
    ...
    chainrule.errors.UserError: method='lime': expected one of gradcam, saliency, guided, occlusion
    """

    label: str | None = None
    layer: str | None = None
    method: str = "gradcam"
    topk: int = 3

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise UserError(f"method={self.method!r}: expected one of {', '.join(METHODS)}")
        if self.layer is not None and self.method != "gradcam":
            raise UserError(f"layer={self.layer!r}: only method=gradcam looks at a layer, and method={self.method}")


def explain(
    network: torch.nn.Module, task: Supervised, facts: Facts, files: Iterable[Path], wish: Wish, broken: list[str]
) -> list[Explanation]:
    """One explanation a file; lines for files that are no images go to `broken`. · 逐个文件给出解释。

    Raises `UserError` for an unknown class or layer, for more than `MOST` files, and for a network that has no maps.
    """
    chosen = None if wish.label is None else _place(wish.label, task)
    files = list(islice(files, MOST + 1))
    if len(files) > MOST:
        raise UserError(f"more than {MOST} images: expected at most {MOST} for one picture; name fewer")
    channels, size = facts.shape[0], facts.shape[1:]
    out, layer = [], wish.layer
    network.eval()
    for file in files:
        try:
            x = read_image(file, size, channels, facts.mean, facts.std, facts.fit)
            raw = decode(Path(file), (channels, *size), facts.fit)
        except UserError as error:
            broken += error.lines
            continue
        if wish.method == "gradcam":
            layer = layer or last_maps(network, x)
        out.append(_explained(network, task, wish, (file, x, raw), chosen, layer))
    return out


def _place(label: str, task: Supervised) -> int:
    if task.kind == "regression":
        raise UserError("this run learned numbers: expected one that learned classes")
    if label not in task.classes:
        shown = ", ".join(task.classes[:8]) + (", …" if len(task.classes) > 8 else "")
        raise UserError(f"class {label!r}: expected one of {shown}{did_you_mean(label, task.classes)}")
    return task.classes.index(label)


def _explained(
    network: torch.nn.Module,
    task: Supervised,
    wish: Wish,
    seen: tuple[Path, Tensor, np.ndarray],
    chosen: int | None,
    layer: str | None,
) -> Explanation:
    file, x, raw = seen
    with torch.no_grad():
        out = network(x)[:, : len(task.classes)].double()
    p = (out.sigmoid() if task.kind == "multilabel" else out.softmax(-1))[0]
    place = int(p.argmax()) if chosen is None else chosen
    best = p.topk(min(wish.topk, len(p)))
    top = tuple((task.classes[i], float(share)) for share, i in zip(best.values, best.indices.tolist(), strict=True))
    heat = spread(heat_of(network, task, wish.method, x, place, layer), x.shape[-2:])
    grey = np.repeat(raw, 3, axis=0) if len(raw) == 1 else raw
    image = np.ascontiguousarray(grey.transpose(1, 2, 0))
    layer_ = layer or ""
    return Explanation(file, image, heat, task.classes[place], float(p[place]), top, wish.method, layer_)


def heat_of(
    network: torch.nn.Module, task: Supervised, method: str, x: Tensor, place: int, layer: str | None
) -> Tensor:
    """What speaks for class `place` in one image x [1, C, H, W], [1, u, v] as large as it comes. · 未缩放的热力图。"""

    def score(out: Tensor) -> Tensor:
        return out[:, place]

    if method == "gradcam":
        return grad_cam(*maps_and_deltas(network, layer or last_maps(network, x), x, score))
    if method in ("saliency", "guided"):
        return saliency(input_deltas(network, x, score, guided=method == "guided"))

    def likely(images: Tensor) -> Tensor:
        out = network(images)[:, : len(task.classes)]
        return (out.sigmoid() if task.kind == "multilabel" else out.softmax(-1))[:, place]

    side = max(1, min(x.shape[-2:]) // 8)
    with torch.no_grad():
        return occlusion(likely, x, side, max(1, side // 2)).clamp(min=0)


def spread(heat: Tensor, size: tuple[int, ...]) -> np.ndarray:
    """Heat [1, u, v] over the whole image, 1 at its hottest, float32 [H, W]. · 缩放到整幅图像并归一。

    >>> spread(torch.tensor([[[0.0, 2.0]]]), (1, 2)).tolist()
    [[0.0, 1.0]]
    """
    wide = F.interpolate(heat.detach().float()[None], size=list(size), mode="bilinear", align_corners=False)[0, 0]
    return (wide / wide.max().clamp(min=torch.finfo(torch.float32).tiny)).numpy()
