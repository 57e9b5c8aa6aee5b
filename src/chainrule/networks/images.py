"""Networks for images by name, without importing torch: a part of the catalogue. · 图像网络的目录。

A row is one model: name, side of the image, parameters, multiply-adds of one image, what it is. The rows of a family
share a room of the zoo and their options.
"""

from collections.abc import Mapping
from typing import Any

from ..entry import Entry


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
MOBILE = IMAGENET | {"width_mult": 1.0, "dropout": 0.2}


def deep(dropout: float) -> dict[str, Any]:
    """The options of an EfficientNet; its dropout is its own. · EfficientNet 的选项。

    >>> deep(0.3)["stochastic_depth_prob"]
    0.2
    """
    return IMAGENET | {"dropout": dropout, "stochastic_depth_prob": 0.2}


IMAGES = {
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
        "airbench",
        DIGITS | {"in_channels": 3},
        ("airbench94", 32, 1_972_792, 118_147_360, "the network of the 94 % speed record", "94 % 速度纪录所用网络"),
        ("airbench93", 32, 569_656, 54_223_904, "the same, narrower: the 93 % record", "同上，较窄：93 % 纪录"),
        (
            "airbench_narrow",
            32,
            201_304,
            14_798_688,
            "the same, an eighth of the work: for a processor",
            "同上，计算量八分之一",
        ),
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
    **family(
        "mobilenet_v1",
        MOBILE | {"dropout": 0.0},
        ("mobilenet_v1", 224, 4_231_976, 568_740_352, "MobileNet V1: separable convolutions", "深度可分离卷积"),
    ),
    **family(
        "mobilenet_v2",
        MOBILE,
        ("mobilenet_v2", 224, 3_504_872, 300_774_272, "MobileNet V2: inverted residuals", "倒残差块"),
    ),
    **family(
        "mobilenet_v3",
        MOBILE,
        ("mobilenet_v3_large", 224, 5_483_032, 216_589_760, "MobileNet V3, large", "大型，通道加权"),
        ("mobilenet_v3_small", 224, 2_542_856, 56_510_400, "MobileNet V3, small", "小型，通道加权"),
    ),
    **family(
        "efficientnet",
        deep(0.2),
        ("efficientnet_b0", 224, 5_288_548, 385_814_752, "EfficientNet B0: what the others scale", "基准网络"),
        ("efficientnet_b1", 240, 7_794_184, 686_802_832, "EfficientNet B1: depth 1.1", "深度 1.1 倍"),
    ),
    **family(
        "efficientnet",
        deep(0.3),
        ("efficientnet_b2", 288, 9_109_994, 1_087_529_456, "EfficientNet B2: width 1.1, depth 1.2", "宽 1.1、深 1.2"),
        ("efficientnet_b3", 300, 12_233_232, 1_827_141_392, "EfficientNet B3: width 1.2, depth 1.4", "宽 1.2、深 1.4"),
    ),
    **family(
        "efficientnet",
        deep(0.4),
        ("efficientnet_b4", 380, 19_341_616, 4_393_771_024, "EfficientNet B4: width 1.4, depth 1.8", "宽 1.4、深 1.8"),
        ("efficientnet_b5", 456, 30_389_784, 10_266_384_752, "EfficientNet B5: width 1.6, depth 2.2", "宽 1.6、深 2.2"),
    ),
    **family(
        "efficientnet",
        deep(0.5),
        ("efficientnet_b6", 528, 43_040_704, 19_067_593_536, "EfficientNet B6: width 1.8, depth 2.6", "宽 1.8、深 2.6"),
        ("efficientnet_b7", 600, 66_347_960, 37_745_884_192, "EfficientNet B7: width 2.0, depth 3.1", "宽 2.0、深 3.1"),
    ),
    **family(
        "efficientnet",
        deep(0.2),
        ("efficientnet_v2_s", 384, 21_458_488, 8_365_617_152, "EfficientNet V2, small: fused blocks", "小型，含融合块"),
    ),
    **family(
        "efficientnet",
        deep(0.3),
        ("efficientnet_v2_m", 480, 54_139_356, 24_582_460_384, "EfficientNet V2, medium", "中型，含融合块"),
    ),
    **family(
        "efficientnet",
        deep(0.4),
        ("efficientnet_v2_l", 480, 118_515_272, 56_079_699_008, "EfficientNet V2, large", "大型，含融合块"),
    ),
}
