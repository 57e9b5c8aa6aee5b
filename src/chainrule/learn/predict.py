"""Using a trained network on images of one's own. · 用训练好的网络识别自己的图像。"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from ..data.dataset import read_image
from ..data.images import SUFFIXES
from ..errors import UserError
from .facts import Facts

BATCH = 64  # images at a time: a folder of any size is read in little memory


@dataclass(frozen=True)
class Prediction:
    """What the network says of one image: the likeliest class and the runners-up. · 对一张图像的预测。"""

    path: Path
    label: str
    probability: float
    top: tuple[tuple[str, float], ...]


def files_of(paths: Iterable[str | Path]) -> list[Path]:
    """The files as given, and every image below a folder; all that is missing is said at once. · 展开文件与文件夹。"""
    out: list[Path] = []
    lines: list[str] = []
    for path in map(Path, paths):
        if path.is_dir():
            found = sorted(f for f in path.rglob("*") if f.suffix.lower() in SUFFIXES and f.is_file())
            out += found
            lines += [] if found else [f"{path}: no image in this folder; expected .png, .jpg, .bmp, .webp, …"]
        elif path.exists():
            out.append(path)
        else:
            lines.append(f"{path}: no such file or folder; expected an image")
    if lines:
        raise UserError(*lines)
    return out


@torch.no_grad()
def predict(
    model: torch.nn.Module,
    facts: Facts,
    paths: Iterable[str | Path],
    topk: int = 5,
    broken: list[str] | None = None,
) -> list[Prediction]:
    """One prediction a file, read and answered in batches. · 分批预测，每个文件一个结果。

    Raises `UserError` with a line for each file that is no image; with a list `broken` the lines go there instead and
    the other files are answered.
    """
    if topk < 1:
        raise UserError(f"topk={topk}: expected an integer of at least 1")
    lines: list[str] = []
    out: list[Prediction] = []
    model.eval()
    for chunk in batched(files_of(paths), BATCH):
        inputs: list[tuple[Path, Tensor]] = []
        for file in chunk:
            try:
                image = read_image(file, facts.shape[1:], facts.shape[0], facts.mean, facts.std, facts.fit)
            except UserError as error:
                lines += error.lines
            else:
                inputs.append((file, image))
        if inputs:
            out += _answers(model, facts, inputs, topk)
    if lines and broken is None:
        raise UserError(*lines)
    if broken is not None:
        broken += lines
    return out


def _answers(model: torch.nn.Module, facts: Facts, inputs: list[tuple[Path, Tensor]], topk: int) -> list[Prediction]:
    files, images = zip(*inputs, strict=True)
    likely = model(torch.cat(images))[:, : len(facts.classes)].float().softmax(-1)
    best = likely.topk(min(topk, len(facts.classes)))
    out = []
    for file, shares, places in zip(files, best.values.tolist(), best.indices.tolist(), strict=True):
        top = tuple((facts.classes[place], share) for place, share in zip(places, shares, strict=True))
        out.append(Prediction(file, *top[0], top))
    return out


def batched(items: list[Path], size: int) -> Iterator[list[Path]]:
    """Consecutive lists of at most `size`. · 依次分批。

    >>> [len(b) for b in batched([Path("a")] * 5, 2)]
    [2, 2, 1]
    """
    return (items[i : i + size] for i in range(0, len(items), size))
