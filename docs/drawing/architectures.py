"""The pictures of the page of the architectures, each computed by what it shows. · 网络结构页的图片。

Labels are numbers and names that stand in both languages' text.
"""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.patches import Rectangle
from matplotlib.ticker import NullLocator
from matplotlib.transforms import Bbox

from chainrule import nn
from chainrule.catalog import MODELS
from chainrule.data import load
from chainrule.look.diagram import diagram
from chainrule.runs.style import INK, ORANGE, PALETTE, of, save
from chainrule.zoo import mobilenet_v2
from chainrule.zoo.blocks import FusedInvertedResidual, InvertedResidual, Shape, SqueezeExcitation, Style
from chainrule.zoo.mobilenet_v1 import SeparableConv2d
from chainrule.zoo.resnet import BasicBlock, Bottleneck
from chainrule.zoo.vision import Vision

FONTS = ["DejaVu Sans"]


def bare(axes: Any) -> None:
    axes.set_xticks([])
    axes.set_yticks([])


def numbers(axes: Any, values: np.ndarray, form: str, colours: str, limits: tuple[float, float]) -> None:
    """A matrix as shades with its numbers, cells of one size in all axes of 8 rows. · 带数字的矩阵。"""
    image = axes.imshow(values, cmap=colours, vmin=limits[0], vmax=limits[1])
    for (row, column), value in np.ndenumerate(values):
        red, green, blue, _ = image.cmap(image.norm(value))
        ink = "white" if 0.3 * red + 0.6 * green + 0.1 * blue < 0.5 else INK
        axes.text(column, row, format(value, form), ha="center", va="center", fontsize=8, color=ink)
    bare(axes)
    axes.spines[:].set_visible(False)
    spare = (8 - len(values)) / 2
    axes.set_ylim(len(values) - 0.5 + spare, -0.5 - spare)


def convolution(path: Path) -> None:
    """A real digit, one kernel, the map it gives: one place of the map is the sum of nine products. · 卷积示意。"""
    digit = torch.as_tensor(np.asarray(load("digits", size=(8, 8)).test.raw(3), dtype=np.float64)).reshape(1, 1, 8, 8)
    digit = digit / digit.max()
    kernel = torch.tensor([[1.0, 0.0, -1.0], [2.0, 0.0, -2.0], [1.0, 0.0, -1.0]], dtype=torch.float64)
    answer = nn.functional.conv2d(digit, kernel.reshape(1, 1, 3, 3))[0, 0].numpy()
    row, column = np.unravel_index(answer[:, :5].argmax(), (6, 5))
    figure = Figure(figsize=(9, 4.2), layout=ConstrainedLayoutEngine(h_pad=0.12))
    left, star, middle, equal, right = figure.subplots(1, 5, width_ratios=[8, 0.7, 3, 0.7, 6])
    numbers(left, digit[0, 0].numpy(), ".1f", "gray_r", (0, 1))
    numbers(middle, kernel.numpy(), ".0f", "RdBu_r", (-4, 4))
    numbers(right, answer, ".1f", "RdBu_r", (-4, 4))
    for axes, name in ((left, "x [8, 8]"), (middle, "weight [3, 3]"), (right, "out [6, 6]")):
        axes.set_title(name)
    for axes, sign in ((star, "⋆"), (equal, "=")):
        axes.text(0.5, 0.5, sign, ha="center", va="center", fontsize=20, transform=axes.transAxes)
        axes.set_axis_off()
    left.add_patch(Rectangle((column - 0.5, row - 0.5), 3, 3, fill=False, edgecolor=ORANGE, linewidth=3, zorder=3))
    right.add_patch(Rectangle((column - 0.5, row - 0.5), 1, 1, fill=False, edgecolor=ORANGE, linewidth=3, zorder=3))
    save(figure, path)


def influence(layers: list[tuple[int, int]], side: int = 25) -> np.ndarray:
    """How much each pixel moves the middle of the last map; layers are (kernel, stride). · 各像素的影响。"""
    parts = [nn.Conv2d(1, 1, k, s, padding=k // 2, bias=False).double() for k, s in layers]
    for part in parts:
        torch.nn.init.constant_(part.weight, 1 / part.weight.numel())
    x = torch.zeros(1, 1, side, side, dtype=torch.float64, requires_grad=True)
    out = torch.nn.Sequential(*parts)(x)
    out[0, 0, out.shape[2] // 2, out.shape[3] // 2].backward()
    assert x.grad is not None
    return x.grad[0, 0].numpy()


def receptive_field(path: Path) -> None:
    """Which pixels the middle of a map hears of, and how loudly: the delta of the image. · 感受野。"""
    stacks = {
        "3×3": [(3, 1)],
        "2 × 3×3": [(3, 1)] * 2,
        "3 × 3×3": [(3, 1)] * 3,
        "7×7": [(7, 1)],
        "3×3 /2, 3×3 /2, 3×3": [(3, 2), (3, 2), (3, 1)],
    }
    figure = Figure(figsize=(11, 2.7), layout="constrained")
    for axes, (name, layers) in zip(figure.subplots(1, len(stacks)), stacks.items(), strict=True):
        heard = influence(layers)
        wide = int((heard.max(0) > 0).sum())
        axes.imshow(heard / heard.max(), cmap="Blues", vmin=0, vmax=1)
        first = int(np.argmax(heard.max(0) > 0)) - 0.5
        axes.add_patch(Rectangle((first, first), wide, wide, fill=False, edgecolor=ORANGE, linewidth=2))
        axes.set_title(name)
        axes.set_xlabel(f"{wide} × {wide}")
        bare(axes)
    save(figure, path)


def pyramid(path: Path) -> None:
    """The last map of each resolution: as high as its side, as wide as its channels. · 特征金字塔。"""
    chosen = ("resnet50", "mobilenet_v2", "efficientnet_b0")
    figure = Figure(figsize=(10, 3.6), layout="constrained")
    for axes, name in zip(figure.subplots(1, len(chosen), sharey=True), chosen, strict=True):
        with torch.device("meta"), torch.no_grad():
            network: Vision = MODELS[name].load()()
            maps = network.feature_maps(torch.empty(1, 3, 224, 224))
        left = 0.0
        for m, colour in zip(maps, PALETTE, strict=False):
            channels, side = m.shape[1], m.shape[2]
            width = channels**0.5
            axes.add_patch(Rectangle((left, -side / 2), width, side, facecolor=colour, alpha=0.75, edgecolor="white"))
            axes.text(left + width / 2, side / 2 + 3, f"{channels}", ha="center", fontsize=8, color=INK)
            axes.text(left + width / 2, -side / 2 - 3, f"{side}", ha="center", va="top", fontsize=8, color=INK)
            left += width + 3
        axes.set_xlim(-2, left)
        axes.set_ylim(-70, 70)
        axes.set_title(name)
        axes.set_axis_off()
    save(figure, path)


PLACES = (
    ((6, 0), "left", "center"),
    ((-6, 0), "right", "center"),
    ((0, 6), "center", "bottom"),
    ((0, -6), "center", "top"),
)
FAMILIES = {"alexnet": "AlexNet", "vgg": "VGG", "resnet": "ResNet", "efficientnet": "EfficientNet"}


def label(axes: Any, text: str, at: tuple[float, float], taken: list[Any]) -> None:
    """A name beside its point, at the first side where nothing is written yet. · 标注，避免重叠。"""
    renderer = FigureCanvasAgg(axes.figure).get_renderer()
    for offset, ha, va in PLACES:
        note = axes.annotate(text, at, offset, textcoords="offset points", ha=ha, va=va, fontsize=7.5, color=INK)
        box = note.get_window_extent(renderer)
        if not any(box.overlaps(other) for other in taken):
            break
        note.remove()
    else:
        raise ValueError(f"there is no room for {text}")
    taken.append(box)


def costs(path: Path) -> None:
    """Every network for large images by its parameters and multiply-adds. · 各网络的参数与乘加次数。"""
    chosen = [(n, e) for n, e in MODELS.items() if e.size and e.size[1] > 64 and not n.endswith("_bn")]
    rooms = {
        n: "MobileNet" if "mobile" in n else FAMILIES[e.target.split(":")[0].rpartition(".")[2]] for n, e in chosen
    }
    colours = dict(zip(dict.fromkeys(rooms.values()), PALETTE, strict=False))
    figure = Figure(figsize=(10, 6.4))
    figure.subplots_adjust(0.08, 0.09, 0.98, 0.98)
    axes = figure.subplots()
    for family, colour in colours.items():
        points = [(e.parameters / 1e6, e.macs / 1e9) for n, e in chosen if rooms[n] == family]
        axes.scatter(*zip(*points, strict=True), s=40, color=colour, label=family, zorder=3)
    axes.set_xscale("log")
    axes.set_yscale("log")
    for axis, ticks in (
        (axes.xaxis, (2, 5, 10, 20, 50, 100)),
        (axes.yaxis, (0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50)),
    ):
        axis.set_ticks(ticks, [f"{tick:g}" for tick in ticks])
        axis.set_minor_locator(NullLocator())
    axes.set_xlim(1.8, 260)
    axes.set_ylim(0.04, 90)
    taken = [
        Bbox.from_bounds(*(axes.transData.transform((e.parameters / 1e6, e.macs / 1e9)) - 4), 8, 8) for _, e in chosen
    ]
    for name, e in chosen:
        short = name.removeprefix("efficientnet_").removeprefix("mobilenet_")
        label(axes, short, (e.parameters / 1e6, e.macs / 1e9), taken)
    axes.set_xlabel("parameters / 10⁶")
    axes.set_ylabel("MACs / 10⁹")
    axes.grid(True, color="#EEEEEE", zorder=0)
    axes.legend(frameon=False, loc="upper left")
    axes.spines[["top", "right"]].set_visible(False)
    save(figure, path)


PICTURES = {"convolution": convolution, "receptive_field": receptive_field, "pyramid": pyramid, "costs": costs}


WHOLE = ("lenet5", "alexnet_two_towers", "vgg11", "mobilenet_v1")  # small enough to be read from end to end


def networks() -> dict[str, tuple[torch.nn.Module, tuple[int, ...]]]:
    """The networks that are drawn whole, with the input of each. · 整体绘出的网络。"""
    with torch.device("meta"):
        return {name: (MODELS[name].load()(), MODELS[name].size or ()) for name in WHOLE}


def blocks() -> dict[str, tuple[torch.nn.Module, tuple[int, ...]]]:
    """The blocks as the notes drew them, with the input of each. · 笔记所画的各类块。"""
    wide = Style(activation_layer=nn.Hardswish, excite=partial(SqueezeExcitation, scale_activation=nn.Hardsigmoid))
    return {
        "BasicBlock": (BasicBlock(64, 64), (64, 56, 56)),
        "Bottleneck": (Bottleneck(256, 128, stride=2), (256, 56, 56)),
        "ResNeXt": (Bottleneck(256, 128, groups=32, width_per_group=4), (256, 56, 56)),
        "SeparableConv2d": (SeparableConv2d(64, 128, stride=2), (64, 112, 112)),
        "InvertedResidual": (mobilenet_v2.InvertedResidual(24, 24, 1, 6), (24, 56, 56)),
        "SqueezeExcitation": (InvertedResidual(Shape(40, 240, 40, 5, 1, 64), wide), (40, 14, 14)),
        "FusedInvertedResidual": (
            FusedInvertedResidual(Shape(48, 192, 48, 3, 1), Style(activation_layer=nn.SiLU)),
            (48, 96, 96),
        ),
    }


def diagrams() -> dict[str, str]:
    """Every diagram of the page by its file. · 本页的全部结构图。"""
    drawn = {
        f"block-{name.lower()}.svg": (nn.Sequential(block), size, name) for name, (block, size) in blocks().items()
    }
    drawn |= {f"network-{name}.svg": (network, size, name) for name, (network, size) in networks().items()}
    return {file: diagram(network.eval(), size, name)[0] for file, (network, size, name) in drawn.items()}


def draw(folder: Path) -> None:
    """All of them. · 全部图片。"""
    for file, drawing in diagrams().items():
        (folder / file).write_text(drawing, encoding="utf-8")
    with of(FONTS):
        for name, picture in PICTURES.items():
            picture(folder / f"{name}.png")
