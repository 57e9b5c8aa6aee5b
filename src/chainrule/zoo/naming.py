"""What others call the layers of the same network. · 同一网络在各家代码中的键名。

A naming is a function: our keys with their shapes → their key for each. Ours are torchvision's. The names of the
inverted residual families follow from what a block consists of, so there is no list of names a model.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

Shapes = Mapping[str, Sequence[int]]
Names = dict[str, str]  # our key → theirs
COUNTER = "num_batches_tracked"


@dataclass(frozen=True)
class Layer:
    """A convolution with the norm behind it, or a squeeze-and-excitation. · 一个卷积（及其归一化）或一个 SE。"""

    conv: str
    norm: str = ""
    squeeze: bool = False
    depthwise: bool = False
    width: int = 0


def _modules(shapes: Shapes) -> dict[str, dict[str, Sequence[int]]]:
    """Path of each module that holds something → its entries by their last name."""
    out: dict[str, dict[str, Sequence[int]]] = {}
    for key, shape in shapes.items():
        path, _, last = key.rpartition(".")
        out.setdefault(path, {})[last] = shape
    return out


def _layers(modules: Mapping[str, dict[str, Sequence[int]]]) -> list[Layer]:
    """The convolutions of a block in their order, each with its norm."""
    out: list[Layer] = []
    for path, entries in modules.items():
        shape = entries.get("weight", ())
        if len(shape) == 4:
            squeeze = path.rpartition(".")[2] in ("fc1", "fc2")
            out.append(Layer(path, squeeze=squeeze, depthwise=shape[1] == 1 and not squeeze, width=shape[0]))
        elif out and "running_mean" in entries:
            last = out[-1]
            out[-1] = Layer(last.conv, path, last.squeeze, last.depthwise, last.width)
    return out


def _stages(shapes: Shapes) -> tuple[list[Layer], list[list[list[Layer]]], list[Layer], list[str]]:
    """Stem, blocks by stage, last convolution, linear layers of a network that is `features` and `classifier`.

    Where the names do not tell the stages, blocks of one width are a stage, as in the papers' tables.
    """
    parts: dict[str, dict[str, dict[str, Sequence[int]]]] = {}
    linear: list[str] = []
    for path, entries in _modules(shapes).items():
        match = re.match(r"features\.(\d+)(\.\d+(?=\.(?:block|conv)\.))?", path)
        if match:
            parts.setdefault(match[0], {})[path] = entries
        else:
            linear.append(path)
    if not any(key.endswith("running_mean") for key in shapes):
        raise KeyError("running_mean")  # the families that are named by their blocks all have norms
    blocks = [(name, _layers(modules)) for name, modules in parts.items()]
    stem, inner, last = blocks[:1], blocks[1:], []
    if inner and len(inner[-1][1]) == 1 and re.fullmatch(r"features\.\d+", inner[-1][0]):
        last = inner.pop()[1]
    stages: list[list[list[Layer]]] = []
    before = None
    for name, layers in inner:
        plain = [layer for layer in layers if not layer.squeeze]
        if not plain:
            raise KeyError(name)
        mark = name.split(".")[1] if name.count(".") == 2 else plain[-1].width
        if mark != before:
            stages.append([])
        stages[-1].append(layers)
        before = mark
    return stem[0][1], stages, last, linear


# Which convolutions a block has → timm's names of them; True is a depthwise one.
TIMM = {
    (False, True, False): ("conv_pw", "conv_dw", "conv_pwl"),
    (True, False): ("conv_dw", "conv_pw"),
    (False, False): ("conv_exp", "conv_pwl"),
    (False,): ("conv",),
}
# The course repository's, likewise.
COURSE = {
    (False, True, False): ("expand_conv", "dwconv", "project_conv"),
    (True, False): ("dwconv", "project_conv"),
    (False, False): ("expand_conv", "project_conv"),
    (False,): ("project_conv",),
}


class _Pairs:
    """Module by module, which of ours is which of theirs."""

    def __init__(self, shapes: Shapes):
        self.shapes, self.names = shapes, {}

    def add(self, ours: str, theirs: str) -> None:
        for key in self.shapes:
            if key.rpartition(".")[0] == ours:
                self.names[key] = f"{theirs}.{key.rpartition('.')[2]}" if theirs else key

    def layer(self, layer: Layer, conv: str, norm: str) -> None:
        self.add(layer.conv, conv)
        if layer.norm:
            self.add(layer.norm, norm)


def _kinds(block: list[Layer]) -> tuple[bool, ...]:
    return tuple(layer.depthwise for layer in block if not layer.squeeze)


def timm(shapes: Shapes) -> Names:
    """timm's names. · timm 的键名。

    Source: timm 1.0.31, models/_efficientnet_blocks.py and vgg.py (its ResNets are named as torchvision's).

    >>> timm({"features.0.weight": [64, 3, 3, 3], "classifier.0.bias": [9], "classifier.6.bias": [10]})
    {'features.0.weight': 'features.0.weight', 'classifier.0.bias': 'pre_logits.fc1.bias', \
'classifier.6.bias': 'head.fc.bias'}
    """
    if "layer1.0.conv1.weight" in shapes:
        return {key: key for key in shapes}
    if {"classifier.0.bias", "classifier.6.bias"} <= shapes.keys():
        heads = {"classifier.0.": "pre_logits.fc1.", "classifier.3.": "pre_logits.fc2.", "classifier.6.": "head.fc."}
        return {key: _begin(key, heads) for key in shapes}
    stem, stages, last, linear = _stages(shapes)
    pairs = _Pairs(shapes)
    pairs.layer(stem[0], "conv_stem", "bn1")
    for s, blocks in enumerate(stages):
        for b, block in enumerate(blocks):
            _block(pairs, block, f"blocks.{s}.{b}.")
    if last and len(linear) == 2:  # MobileNetV3: the mean stands between the last convolution and the first linear
        pairs.layer(last[0], f"blocks.{len(stages)}.0.conv", f"blocks.{len(stages)}.0.bn1")
        pairs.add(linear[0], "conv_head")
    elif last:
        pairs.layer(last[0], "conv_head", "bn2")
    pairs.add(linear[-1], "classifier")
    return pairs.names


def _block(pairs: _Pairs, block: list[Layer], under: str) -> None:
    names = iter(TIMM[_kinds(block)])
    squeeze = iter(("se.conv_reduce", "se.conv_expand"))
    number = 0
    for layer in block:
        if layer.squeeze:
            pairs.add(layer.conv, under + next(squeeze))
        else:
            number += 1
            pairs.layer(layer, under + next(names), f"{under}bn{number}")


def _begin(key: str, heads: Mapping[str, str]) -> str:
    return next((theirs + key.removeprefix(ours) for ours, theirs in heads.items() if key.startswith(ours)), key)


def course(shapes: Shapes) -> Names:
    """EfficientNet in the course repository that the notes follow. · 课程代码中 EfficientNet 的键名。

    Source: WZMIAOMIAO/deep-learning-for-image-processing, Test9_efficientNet/model.py; its other networks are named
    as torchvision's.
    """
    stem, stages, last, linear = _stages(shapes)
    pairs = _Pairs(shapes)
    pairs.layer(stem[0], "features.stem_conv.0", "features.stem_conv.1")
    for s, blocks in enumerate(stages):
        for b, block in enumerate(blocks):
            under, names = f"features.{s + 1}{chr(ord('a') + b)}.block.", iter(COURSE[_kinds(block)])
            for layer in block:
                if layer.squeeze:
                    pairs.add(layer.conv, f"{under}se.{layer.conv.rpartition('.')[2]}")
                else:
                    name = under + next(names)
                    pairs.layer(layer, f"{name}.0", f"{name}.1")
    pairs.layer(last[0], "features.top.0", "features.top.1")
    pairs.add(linear[-1], linear[-1])
    return pairs.names


def course_v2(shapes: Shapes) -> Names:
    """EfficientNetV2 in the course repository. · 课程代码中 EfficientNetV2 的键名。

    Source: WZMIAOMIAO/deep-learning-for-image-processing, Test11_efficientnetV2/model.py.
    """
    stem, stages, last, linear = _stages(shapes)
    pairs = _Pairs(shapes)
    pairs.layer(stem[0], "stem.conv", "stem.bn")
    for number, block in enumerate(block for blocks in stages for block in blocks):
        under, names = f"blocks.{number}.", iter(COURSE[_kinds(block)])
        squeeze = iter(("se.conv_reduce", "se.conv_expand"))
        for layer in block:
            if layer.squeeze:
                pairs.add(layer.conv, under + next(squeeze))
            else:
                name = under + next(names)
                pairs.layer(layer, f"{name}.conv", f"{name}.bn")
    pairs.layer(last[0], "head.project_conv.conv", "head.project_conv.bn")
    pairs.add(linear[-1], "head.classifier")
    return pairs.names


def akamaster(shapes: Shapes) -> Names:
    """The CIFAR ResNets of pytorch_resnet_cifar10: the last layer is `linear`. · akamaster 的 CIFAR ResNet 键名。

    >>> akamaster({"conv1.weight": [16, 3, 3, 3], "fc.bias": [10]})
    {'conv1.weight': 'conv1.weight', 'fc.bias': 'linear.bias'}
    """
    shapes["fc.bias"]
    return {key: _begin(key, {"fc.": "linear."}) for key in shapes}


def torchvision(shapes: Shapes) -> Names:
    """torchvision's names, which are ours. · torchvision 的键名，即本库的键名。"""
    return {key: key for key in shapes}


NAMINGS: dict[str, Callable[[Shapes], Names]] = {
    "torchvision": torchvision,
    "timm": timm,
    "akamaster": akamaster,
    "course": course,
    "course_v2": course_v2,
}


def names_of(naming: str, shapes: Shapes) -> Names | None:
    """Our key → theirs, or None where this network has no names there. · 键名映射，没有则为空。

    >>> names_of("course", {"fc.weight": [10, 64]}) is None
    True
    """
    try:
        found = NAMINGS[naming](shapes)
    except (KeyError, IndexError, StopIteration):
        return None
    return found if found.keys() == shapes.keys() else None
