"""Networks by name, without importing torch: a part of the catalogue. · 网络的目录。

A row is one model: name, side of the image, parameters, multiply-adds of one image, what it is. The rows of a family
share a room of the zoo and their options.
"""

from collections.abc import Mapping
from typing import Any

from .agent_names import AGENTS
from .entry import Entry
from .translators import TRANSLATORS


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

TABULAR = {
    "num_outputs": 2,
    "numbers": 8,
    "categories": (),
    "hidden": (128, 64),
    "activation": "relu",
    "dropout": 0.1,
    "embedding_dim": 0,
}
DENSE_CODER = {
    "shape": (1, 32, 32),
    "latent": 16,
    "hidden": (512, 256),
    "activation": "relu",
    "likelihood": "bernoulli",
}
CONV_CODER = {"shape": (1, 32, 32), "latent": 16, "channels": (32, 64), "activation": "relu", "likelihood": "bernoulli"}
CORRUPTED = {"noise": 0.0, "corruption": "mask"}
DRAWN = {"beta": 1.0, "std": 0.1}
COLUMNS = {
    "target": None,
    "task": "auto",
    "skip": (),
    "categories": (),
    "test": 0.2,
    "split": 0,
    "header": "auto",
    "delimiter": "auto",
    "encoding": None,
}

WORD2VEC = {
    "dim": 100,
    "window": 5,
    "negative": 5,
    "hs": False,
    "cbow": False,
    "sample": 1e-4,
    "min_count": 5,
    "max_words": 0,
    "lower": False,
    "encoding": "utf-8",
}

# How a text to be continued is read; see data/language.py.
TEXT = {
    "tokens": "characters",
    "steps": 128,
    "normalise": "none",
    "min_count": 1,
    "max_words": 0,
    "merges": 4000,
    "encoding": "",
    "test": 0.1,
}
RECURRENT_LM = {"width": 128, "num_layers": 1, "kind": "lstm", "dropout": 0.0, "tied": True}
TRANSFORMER_LM = {"width": 128, "num_layers": 4, "heads": 4, "dropout": 0.1, "norm_first": True}

# How labelled texts are read, `data.KEY=`; see learn/text_data.py.
LABELLED = {
    "text": "text",
    "label": "label",
    "task": "auto",
    "tokens": "words",
    "normalise": "none",
    "min_count": 1,
    "max_words": 0,
    "max_length": 512,
    "merges": 4000,
    "test": 0.1,
    "encoding": "",
    "delimiter": "",
}
TABLE = {"vectors": None, "tune": True}
RECURRENT = {"width": 128, "hidden": 128, "num_layers": 1, "dropout": 0.5, "bidirectional": True, "pool": "last"}

# How a series is read, `data.KEY=`; see learn/series_data.py.
SERIES = {
    "column": "",
    "beside": (),
    "window": 24,
    "horizon": 1,
    "period": 0,
    "log": False,
    "test": 0.33,
    "encoding": "",
    "delimiter": "",
}
FORECAST = {"hidden": 32, "num_layers": 1, "dropout": 0.0, "residual": True}


def series(name: str, options: Mapping[str, Any], en: str, zh: str) -> dict[str, Entry]:
    """The entry of a network that forecasts. · 预测网络的条目。

    >>> series("series_mlp", {"hidden": 8}, "forecasts", "预测")["series_mlp"].kind
    'series'
    """
    return {name: Entry(f"chainrule.zoo.series:{name}", en, zh, options, kind="series", reading=SERIES)}


def texts(name: str, options: Mapping[str, Any], en: str, zh: str) -> dict[str, Entry]:
    """The entry of a network that reads texts. · 读文本的网络的条目。

    >>> texts("text_bag", {"width": 8}, "a bag", "词袋")["text_bag"].kind
    'texts'
    """
    made = Entry(f"chainrule.zoo.text:{name}", en, zh, {**options, **TABLE}, kind="texts", reading=LABELLED)
    return {name: made}


# How a graph is read: nodes a class to learn and to validate from where it brings no parts, and see learn/nodes.py.
NODES = {"per_class": 20, "val_per_class": 30, "normalise": "auto", "undirected": False, "neighbours": ()}
# How the edges of a graph are hidden, and what each update looks at; see learn/link_data.py.
LINKS = {"val_edges": 0.05, "test_edges": 0.1, "normalise": "auto", "negatives": "auto"}
KIPF = {"epochs": 200, "lr": 0.01, "weight_decay": 5e-4}  # Kipf & Welling 2017, section 5.2


def coder(name: str, options: Mapping[str, Any], counted: tuple[int, int], en: str, zh: str) -> dict[str, Entry]:
    """An autoencoder; counted for images of 1×32×32. · 自编码器的条目。

    >>> coder("vae", DENSE_CODER, (0, 0), "drawn codes", "随机编码")["vae"].kind
    'unsupervised'
    """
    room = f"chainrule.zoo.autoencoder:{name}"
    return {name: Entry(room, en, zh, options, None, *counted, kind="unsupervised")}


def deep(dropout: float) -> dict[str, Any]:
    """The options of an EfficientNet; its dropout is its own. · EfficientNet 的选项。

    >>> deep(0.3)["stochastic_depth_prob"]
    0.2
    """
    return IMAGENET | {"dropout": dropout, "stochastic_depth_prob": 0.2}


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
    "gcn": Entry(
        "chainrule.zoo.gcn:GCN",
        "graph convolutional network of two layers, and with model.row= the rows of its table 3",
        "两层图卷积网络，model.row= 可选论文表 3 各行",
        {"hidden": 16, "dropout": 0.5, "row": "gcn"},
        kind="nodes",
        reading=NODES,
        usual=KIPF,
    ),
    "gae": Entry(
        "chainrule.zoo.gae:GAE",
        "graph auto-encoder: which nodes of a graph are joined",
        "图自编码器：预测哪些节点相连",
        {"hidden": 32, "dim": 16, "dropout": 0.0},
        kind="links",
        reading=LINKS,
        usual={"epochs": 200, "lr": 0.01},
    ),
    "graphsage": Entry(
        "chainrule.zoo.neighbours:GraphSAGE",
        "each node from itself and the mean of its neighbours; with data.neighbours= of a sample of them",
        "节点自身加邻居均值，data.neighbours= 可采样邻居",
        {"hidden": 64, "dropout": 0.5},
        kind="nodes",
        reading=NODES,
        usual=KIPF,
    ),
    "gat": Entry(
        "chainrule.zoo.neighbours:GAT",
        "graph attention: each node weighs its neighbours",
        "图注意力网络：节点为邻居加权",
        {"hidden": 8, "heads": 8, "dropout": 0.6},
        kind="nodes",
        reading=NODES,
        usual=KIPF | {"lr": 5e-3},
    ),
    "tabular": Entry(
        "chainrule.zoo.tabular:tabular",
        "fully-connected network for tables, with embeddings of categories",
        "表格用全连接网络，类别以嵌入表示",
        TABULAR,
        parameters=9_538,
        macs=9_344,
        kind="tables",
        reading=COLUMNS,
    ),
    **coder(
        "autoencoder",
        DENSE_CODER | CORRUPTED,
        (1_321_488, 1_318_912),
        "images to a code and back",
        "自编码器：图像到编码再还原",
    ),
    **coder(
        "denoising_autoencoder",
        DENSE_CODER | CORRUPTED | {"noise": 0.3},
        (1_321_488, 1_318_912),
        "the same, which has to see through noise",
        "去噪自编码器",
    ),
    **coder(
        "conv_autoencoder", CONV_CODER | CORRUPTED, (201_873, 4_587_520), "the same of convolutions", "卷积自编码器"
    ),
    **coder(
        "vae",
        DENSE_CODER | DRAWN,
        (1_325_600, 1_323_008),
        "variational autoencoder: codes are drawn",
        "变分自编码器：随机编码",
    ),
    **coder(
        "conv_vae",
        CONV_CODER | DRAWN,
        (267_425, 4_653_056),
        "variational autoencoder of convolutions",
        "卷积变分自编码器",
    ),
    "word2vec": Entry(
        "chainrule.zoo.word2vec:Options",
        "word vectors from plain text: skip-gram or CBOW, negative sampling or hierarchical softmax",
        "由纯文本学习词向量：skip-gram 或 CBOW，负采样或层次 softmax",
        WORD2VEC,
        kind="vectors",
    ),
    **series("series_lstm", FORECAST, "forecasts a time series by LSTM", "LSTM 预测时间序列"),
    **series("series_gru", FORECAST, "forecasts a time series by GRU", "GRU 预测时间序列"),
    **series("series_rnn", FORECAST, "forecasts a time series by a plain RNN", "RNN 预测时间序列"),
    **series(
        "series_transformer",
        {"width": 32, "heads": 4, "num_layers": 2, "dropout": 0.0, "residual": True},
        "forecasts a time series by Transformer encoder layers",
        "Transformer 预测时间序列",
    ),
    **series(
        "series_mlp",
        {"hidden": 64, "dropout": 0.0, "residual": True},
        "forecasts a time series by one hidden layer",
        "单隐层网络预测时间序列",
    ),
    **texts("text_lstm", RECURRENT, "texts by LSTM in both directions", "双向 LSTM 读文本"),
    **texts("text_gru", RECURRENT, "texts by GRU in both directions", "双向 GRU 读文本"),
    **texts("text_rnn", RECURRENT, "texts by a plain RNN in both directions", "双向 RNN 读文本"),
    **texts(
        "text_transformer",
        {"width": 128, "heads": 4, "num_layers": 2, "dropout": 0.2, "norm_first": True, "pool": "mean"},
        "texts by Transformer encoder layers",
        "Transformer 编码器读文本",
    ),
    **texts(
        "text_bag", {"width": 128, "dropout": 0.5, "pool": "mean"}, "texts by the mean of their words", "词向量平均"
    ),
    **AGENTS,
    **TRANSLATORS,
    "recurrent_lm": Entry(
        "chainrule.zoo.language_model:RecurrentLanguageModel",
        "continues a text: RNN, LSTM or GRU whose state is carried on",
        "续写文本：RNN、LSTM 或 GRU，状态持续传递",
        RECURRENT_LM,
        kind="language",
        reading=TEXT,
    ),
    "transformer_lm": Entry(
        "chainrule.zoo.language_model:TransformerLanguageModel",
        "continues a text: causal Transformer layers over the last data.steps tokens",
        "续写文本：因果 Transformer 层，看最近 data.steps 个词",
        TRANSFORMER_LM,
        kind="language",
        reading=TEXT,
    ),
}
