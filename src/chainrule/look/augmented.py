"""Pictures of a data set as they are, and as augmentation changes them. · 原图与增强后的图像对照。"""

from pathlib import Path

import torch
from torch import Tensor

from ..data import augment as room
from ..data.augment.plan import Step
from ..data.describe import Description
from ..runs.contact import Tile, sheet

COLUMNS, DRAWS = 8, 4


def draw(told: Description, plan: tuple[Step, ...], text: str, path: Path, seed: int = 0) -> None:
    """A sheet: the originals in the first row, below them what so many steps of training would see. · 画出对照表。

    plan: parsed from text. Raises `WriteFailed` where the disk refuses, `UserError` where a callable fails.
    """
    pictures = told.pictures(COLUMNS)
    x, rows = torch.stack([p.image for p in pictures]), torch.tensor([p.row for p in pictures])
    y = torch.stack([p.target for p in pictures])
    fill = x.float().mean((0, 2, 3))[:, None, None] / 255
    sections = [("", [_tile(image, _named(told, p.target)) for image, p in zip(x, pictures, strict=True)])]
    for step in range(DRAWS if plan else 0):
        drawn = room.draw(plan, seed, step, rows, (x.shape[2], x.shape[3]), epoch=step)
        changed, shares = room.mix(plan, room.augment(plan, x, drawn, fill), y, drawn, len(told.found.classes))
        mixed = shares.is_floating_point() and not y.is_floating_point()
        notes = [_named(told, share) if mixed else "" for share in shares]
        sections.append(("", [_tile(image, note) for image, note in zip(changed, notes, strict=True)]))
    title = f"{told.found.name}  ·  augment={text}" if plan else told.found.name
    sheet(sections, path, title, COLUMNS)


def _tile(image: Tensor, text: str) -> Tile:
    shown = (image * 255).round().clamp(0, 255).to(torch.uint8) if image.is_floating_point() else image
    pixels = shown[0] if len(shown) == 1 else shown.permute(1, 2, 0)
    return Tile(pixels.contiguous().numpy(), text)


def _named(told: Description, target: Tensor) -> str:
    """The class, the classes, or the shares of classes."""
    classes = told.found.classes
    if not target.is_floating_point():
        return classes[int(target)]
    parts = [(float(share), classes[c]) for c, share in enumerate(target) if share > 0.005]
    whole = all(share > 0.995 for share, _ in parts)
    parts.sort(reverse=True)
    return " + ".join(name if whole else f"{share:.0%} {name}" for share, name in parts) or "no class"
