"""Networks by name, without importing torch: a part of the catalogue. · 网络的目录。"""

from .entry import Entry

MODELS = {
    "lenet5": Entry(
        "chainrule.zoo.lenet:lenet5",
        "LeNet-5 as it is built today: ReLU and max-pooling, 61,706 parameters",
        "现代形式的 LeNet-5：ReLU 与最大池化",
        {"num_classes": 10, "in_channels": 1},
        (1, 32, 32),
    ),
    "lenet1998": Entry(
        "chainrule.zoo.lenet:lenet1998",
        "LeNet-5 as published: scaled tanh, trainable sub-sampling, partial C3, RBF output",
        "1998 年原版 LeNet-5：缩放 tanh、可训练下采样、C3 部分连接、RBF 输出",
        {"num_classes": 10, "in_channels": 1},
        (1, 32, 32),
    ),
    "mlp": Entry(
        "chainrule.zoo.mlp:mlp",
        "fully-connected network of any widths",
        "全连接网络，宽度任意",
        {"num_classes": 10, "in_features": 1024, "hidden": (128,), "activation": "relu", "dropout": 0.0},
        (1, 32, 32),
    ),
    "resnet8": Entry(
        "chainrule.zoo.resnet:resnet8",
        "small residual network: three stages of one block",
        "小型残差网络：三个阶段，各一个残差块",
        {"num_classes": 10, "in_channels": 3},
        (3, 32, 32),
    ),
}
