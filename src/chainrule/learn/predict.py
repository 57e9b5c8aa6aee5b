"""Using a trained network on images of one's own. · 用训练好的网络识别自己的图像。"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import torch

from ..data.dataset import read_image
from ..data.images import SUFFIXES
from ..errors import UserError
from .facts import Facts


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
def predict(model: torch.nn.Module, facts: Facts, paths: Iterable[str | Path], topk: int = 5) -> list[Prediction]:
    """One prediction a file. Raises `UserError` with a line for each file that is no image. · 每个文件一个预测。"""
    if topk < 1:
        raise UserError(f"topk={topk}: expected an integer of at least 1")
    inputs, files, lines = [], files_of(paths), []
    for file in files:
        try:
            inputs.append(read_image(file, facts.shape[1:], facts.shape[0], facts.mean, facts.std, facts.fit))
        except UserError as error:
            lines += error.lines
    if lines:
        raise UserError(*lines)
    model.eval()
    out: list[Prediction] = []
    for file, x in zip(files, inputs, strict=True):
        likely = model(x)[0, : len(facts.classes)].float().softmax(-1).topk(min(topk, len(facts.classes)))
        top = tuple((facts.classes[i], p) for p, i in zip(likely.values.tolist(), likely.indices.tolist(), strict=True))
        out.append(Prediction(file, *top[0], top))
    return out
