"""A plan at work: its parameters, and the images and labels changed by them. · 执行增强计划。"""

from collections.abc import Callable

import torch
from torch import Tensor

from .. import sampler
from .colour import JITTER
from .erasing import CUTOUT, ERASE
from .mixing import CUTMIX, MIXUP
from .moving import ALTERNATE, FLIP, VFLIP, moved
from .operation import Frame, Operation
from .own import apply_own
from .plan import Step, parse
from .warping import AFFINE, RESIZED_CROP, ROTATE

Plan = str | tuple[Step, ...]
OPERATIONS: dict[str, Operation | Callable[..., Operation]] = {
    "shift": lambda pixels: moved(pixels),
    "flip": FLIP,
    "vflip": VFLIP,
    "alternate": ALTERNATE,
    "crop": lambda padding, mode: moved(padding, mode),
    "resized_crop": RESIZED_CROP,
    "rotate": ROTATE,
    "affine": AFFINE,
    "jitter": JITTER,
    "erase": ERASE,
    "cutout": CUTOUT,
    "mixup": MIXUP,
    "cutmix": CUTMIX,
}
_SEEDS = Operation(1, lambda u, frame: (u[:, 0] * 2**53).long(), lambda x, parameters, fill: x)


def _operation(step: Step) -> Operation:
    if step.kind == "own":
        return _SEEDS
    found = OPERATIONS[step.kind]
    return found if isinstance(found, Operation) else found(**step.values)


def _steps(plan: Plan) -> tuple[Step, ...]:
    return parse(plan) if isinstance(plan, str) else plan


def draw(
    plan: Plan, seed: int, step: int, samples: Tensor, size: tuple[int, int] = (32, 32), epoch: int = 0
) -> tuple[Tensor, ...]:
    """The parameters of each step of a plan, for each sample at a step of learning. · 抽取各增强的参数。

    samples: int64 [N], the samples' indices → one tensor [N, …] a step. size: (H, W) of the images. A sample has the
    same ones in whatever batch it stands (only who is mixed with whom depends on the batch).

    >>> draw("shift", seed=0, step=0, samples=torch.arange(3))[0].shape
    torch.Size([3, 2])
    """
    steps = _steps(plan)
    operations = [_operation(each) for each in steps]
    columns = [operation.columns for operation in operations]
    numbers = sampler.uniform(seed, step, samples, sum(columns))
    frame = Frame(*size, epoch, sampler.constant(seed, samples))
    return tuple(
        operation.draw(u, frame, **each.values)
        for each, operation, u in zip(steps, operations, numbers.split(columns, 1), strict=True)
    )


def augment(plan: Plan, x: Tensor, parameters: tuple[Tensor, ...], fill: Tensor | float = 0.0) -> Tensor:
    """The images changed as a plan says, by parameters from `draw`. · 按参数变换图像。

    x [N, C, H, W], bytes or floats in 0…1; bytes stay bytes where every step only moves them. fill: what is painted
    over a part taken away, in 0…1, [C, 1, 1] or one number. What mixes labels too is left to `mix`.

    >>> augment("none", torch.ones(1, 1, 2, 2), ()).sum()
    tensor(4.)
    """
    for step, values in zip(_steps(plan), parameters, strict=True):
        if step.kind == "own":
            x = apply_own(step.name, x, values)
            continue
        operation = _operation(step)
        if operation in (MIXUP, CUTMIX):
            continue
        x = x if operation.exact or x.is_floating_point() else x.float() / 255
        x = operation.apply(x, values, _paint(fill, x))
    return x


def mix(plan: Plan, x: Tensor, y: Tensor, parameters: tuple[Tensor, ...], classes: int) -> tuple[Tensor, Tensor]:
    """Images and labels mixed as a plan says; y becomes shares of the classes, float32 [N, classes]. · 混合图像与标签。

    y: int64 [N], or floats [N, classes] already. Without mixing both are what they were.

    >>> x, y = torch.zeros(2, 1, 2, 2), torch.tensor([0, 1])
    >>> mix("cutmix", x, y, draw("cutmix", 0, 0, torch.arange(2), size=(2, 2)), classes=2)[1].sum(1)
    tensor([1., 1.])
    """
    for step, values in zip(_steps(plan), parameters, strict=True):
        if (operation := _operation(step)) in (MIXUP, CUTMIX):
            if not y.is_floating_point():
                y = (torch.arange(classes, device=y.device) == y[:, None]).float()
            x = x if operation.exact or x.is_floating_point() else x.float() / 255
            x, y = operation.apply(x, values, y)
    return x, y


def _paint(fill: Tensor | float, x: Tensor) -> Tensor:
    paint = torch.as_tensor(fill, device=x.device)
    return paint if x.is_floating_point() else (paint * 255).round()
