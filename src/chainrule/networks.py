"""Networks by name, without importing torch: a part of the catalogue. · 网络的目录。

A row is one model: name, side of the image, parameters, multiply-adds of one image, what it is. The rows of a family
share a room of the zoo and their options.
"""

from collections.abc import Mapping
from typing import Any

from .entry import Entry


def family(room: str, options: Mapping[str, Any], *rows: tuple[str, int, int, int, str, str]) -> dict[str, Entry]:
    """The entries of one family, each row with the family's options. · 一族网络的条目。

    >>> family("lenet", {"in_channels": 1}, ("lenet5", 32, 61_706, 416_520, "today's", "现代形式"))["lenet5"].size
    (1, 32, 32)
    """
    return {
        name: Entry(
            f"chainrule.zoo.{room}:{name}", en, zh, options, (options.get("in_channels", 1), side, side), count, macs
        )
        for name, side, count, macs, en, zh in rows
    }


DIGITS = {"num_classes": 10, "in_channels": 1}
IMAGENET = {"num_classes": 1000, "in_channels": 3, "stem": "imagenet"}
CIFAR = {"num_classes": 10, "in_channels": 3, "stem": "cifar"}
MLP = {"num_classes": 10, "in_features": 1024, "hidden": (128,), "activation": "relu", "dropout": 0.0, "depth": 1}
DROPPING = IMAGENET | {"dropout": 0.5}
RESIDUAL = IMAGENET | {"stride_on_first": False, "zero_init_residual": False}
RESIDUAL_CIFAR = CIFAR | {"shortcut": "A", "zero_init_residual": False}

MODELS = {
    **family(
        "lenet",
        DIGITS,
        ("lenet5", 32, 61_706, 416_520, "LeNet-5 as it is built today: ReLU, max-pooling", "现代形式：ReLU 与最大池化"),
        ("lenet1998", 32, 60_000, 415_680, "LeNet-5 as published: tanh, partial C3, RBF output", "1998 年原版 LeNet-5"),
    ),
    **family(
        "mlp", MLP, ("mlp", 32, 132_490, 132_352, "fully-connected network of any widths", "全连接网络，宽度任意")
    ),
    **family(
        "resnet",
        RESIDUAL_CIFAR | {"shortcut": "B"},
        ("resnet8", 32, 78_042, 12_501_632, "the smallest: three stages of one block", "最小：三个阶段，各一个残差块"),
    ),
    **family(
        "resnet",
        RESIDUAL_CIFAR,
        ("resnet20", 32, 269_722, 40_551_040, "ResNet of 20 layers for small images", "小图像用 ResNet，20 层"),
        ("resnet32", 32, 464_154, 68_862_592, "ResNet of 32 layers for small images", "小图像用 ResNet，32 层"),
        ("resnet44", 32, 658_586, 97_174_144, "ResNet of 44 layers for small images", "小图像用 ResNet，44 层"),
        ("resnet56", 32, 853_018, 125_485_696, "ResNet of 56 layers for small images", "小图像用 ResNet，56 层"),
        ("resnet110", 32, 1_727_962, 252_887_680, "ResNet of 110 layers for small images", "小图像用 ResNet，110 层"),
    ),
    **family(
        "resnet",
        RESIDUAL,
        ("resnet18", 224, 11_689_512, 1_814_073_344, "ResNet, 18 layers: basic blocks", "18 层，基本残差块"),
        ("resnet34", 224, 21_797_672, 3_663_761_408, "ResNet, 34 layers: basic blocks", "34 层，基本残差块"),
        ("resnet50", 224, 25_557_032, 4_089_184_256, "ResNet, 50 layers: bottlenecks", "50 层，瓶颈残差块"),
        ("resnet101", 224, 44_549_160, 7_801_405_440, "ResNet, 101 layers: bottlenecks", "101 层，瓶颈残差块"),
        ("resnet152", 224, 60_192_808, 11_513_626_624, "ResNet, 152 layers: bottlenecks", "152 层，瓶颈残差块"),
        (
            "resnext50_32x4d",
            224,
            25_028_904,
            4_230_479_872,
            "ResNeXt, 32 branches of 4",
            "聚合变换：32 支，每支 4 通道",
        ),
        (
            "resnext101_32x8d",
            224,
            88_791_336,
            16_414_015_488,
            "ResNeXt, 32 branches of 8",
            "聚合变换：32 支，每支 8 通道",
        ),
        (
            "resnext101_64x4d",
            224,
            83_455_272,
            15_460_270_080,
            "ResNeXt, 64 branches of 4",
            "聚合变换：64 支，每支 4 通道",
        ),
        ("wide_resnet50_2", 224, 68_883_240, 11_398_021_120, "ResNet-50, twice as wide", "两倍宽的 ResNet-50"),
        ("wide_resnet101_2", 224, 126_886_696, 22_753_050_624, "ResNet-101, twice as wide", "两倍宽的 ResNet-101"),
    ),
    **family(
        "alexnet",
        DROPPING,
        (
            "alexnet",
            224,
            61_100_840,
            714_188_480,
            "AlexNet as torchvision has it: one tower",
            "torchvision 的单塔 AlexNet",
        ),
        (
            "alexnet_two_towers",
            227,
            60_965_224,
            724_406_816,
            "AlexNet as published: two towers, response norm",
            "2012 年原版：双塔，局部响应归一化",
        ),
        ("alexnet_half", 227, 16_630_440, 311_191_824, "one tower of AlexNet", "AlexNet 的一个塔"),
        (
            "alexnet_half_stride3",
            227,
            8_241_832,
            137_634_064,
            "one tower with the notes' pooling of stride 3",
            "笔记所写的单塔，池化步幅为 3",
        ),
    ),
    **family(
        "vgg",
        DROPPING,
        ("vgg11", 224, 132_863_336, 7_609_090_048, "VGG, 11 layers", "VGG，11 层"),
        ("vgg11_bn", 224, 132_868_840, 7_609_090_048, "VGG, 11 layers with batch norm", "VGG，11 层，带批归一化"),
        ("vgg13", 224, 133_047_848, 11_308_466_176, "VGG, 13 layers", "VGG，13 层"),
        ("vgg13_bn", 224, 133_053_736, 11_308_466_176, "VGG, 13 layers with batch norm", "VGG，13 层，带批归一化"),
        ("vgg16", 224, 138_357_544, 15_470_264_320, "VGG, 16 layers", "VGG，16 层"),
        ("vgg16_bn", 224, 138_365_992, 15_470_264_320, "VGG, 16 layers with batch norm", "VGG，16 层，带批归一化"),
        ("vgg19", 224, 143_667_240, 19_632_062_464, "VGG, 19 layers", "VGG，19 层"),
        ("vgg19_bn", 224, 143_678_248, 19_632_062_464, "VGG, 19 layers with batch norm", "VGG，19 层，带批归一化"),
    ),
}
