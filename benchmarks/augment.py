"""CIFAR's pad-crop and flip: a batch of ours against torchvision's loop over images and its transforms on a batch.

From the bytes of 512 images to the normalised batch; parameters are drawn anew each time. torchvision's published form
is PIL image → RandomCrop(32, 4) → RandomHorizontalFlip → ToTensor → Normalize, one image after the other.
"""

from collections.abc import Iterable

import harness
import numpy as np
import torch
from harness import Table
from PIL import Image

from chainrule.data.augment import augment, draw, parse
from chainrule.data.augment.colour import normalise
from chainrule.errors import UserError

BATCH, MEAN, STD = 512, (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)
DECLARED = torch.library.Library("torchvision", "FRAGMENT")  # operators that torchvision misses beside a CPU torch


def vision():
    """torchvision's two generations of transforms."""
    for name in ("nms", "qnms"):
        if not hasattr(torch.ops.torchvision, name):
            DECLARED.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    try:
        from torchvision import transforms
    except ImportError as error:
        raise UserError("augment: torchvision is not here: pip install --no-deps torchvision==0.28.0") from error
    from torchvision.transforms import v2

    return transforms, v2


def run(seconds: float, only: Iterable[str] = ()) -> Table:
    """The table; `only` is there for the runner: there is one row."""
    first, second = vision()
    images = np.random.default_rng(0).integers(0, 256, (BATCH, 32, 32, 3), dtype=np.uint8)
    pictures = [Image.fromarray(image) for image in images]
    x = torch.from_numpy(images).permute(0, 3, 1, 2).contiguous()
    one = first.Compose(
        [
            first.RandomCrop(32, padding=4),
            first.RandomHorizontalFlip(),
            first.ToTensor(),
            first.Normalize(MEAN, STD),
        ]
    )
    whole = second.Compose(
        [
            second.RandomCrop(32, padding=4),
            second.RandomHorizontalFlip(),
            second.ToDtype(torch.float32, scale=True),
            second.Normalize(MEAN, STD),
        ]
    )
    plan, samples, step = parse("crop+flip"), torch.arange(BATCH), iter(range(1 << 60))
    calls = {
        "loop over images": lambda: torch.stack([one(picture) for picture in pictures]),
        "ours": lambda: normalise(augment(plan, x, draw(plan, 0, next(step), samples)), MEAN, STD),
        "one draw for all": lambda: whole(x),
    }
    row = harness.measure("crop+flip", f"{BATCH}×3×32×32", calls, ("loop over images",), seconds)
    note = "`one draw for all` is torchvision's v2 on the batch: every image moves alike, which is not what is wanted."
    return Table(
        "augment", "Augmentation of CIFAR images on the processor", {"ours": 10.0}, times=True, rows=[row], notes=[note]
    )
